//! What the loom models share.

#![expect(unsafe_code, reason = "loom's cells, which report every race")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::cell::UnsafeCell;
use loom::thread::{self, Thread};

/// A message whose reading loom reports unless it happens after its making.
pub(crate) struct Tracked(UnsafeCell<u64>);

impl Tracked {
    pub(crate) fn new(value: u64) -> Tracked {
        Tracked(UnsafeCell::new(value))
    }

    pub(crate) fn get(&self) -> u64 {
        // SAFETY: loom checks that nobody writes meanwhile.
        self.0.with(|value| unsafe { *value })
    }

    /// Changes the value; loom reports it unless nobody else looks.
    pub(crate) fn add(&self, n: u64) {
        // SAFETY: loom checks that nobody accesses it meanwhile.
        self.0.with_mut(|value| unsafe { *value += n });
    }
}

// SAFETY: what loom checks is that no two threads do so at the same time.
unsafe impl Sync for Tracked {}

/// Unparks a thread. A wake that does not happen after the waker was made is reported.
struct Unpark(Thread, Tracked);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.1.get();
        self.0.unpark();
    }
}

/// Wakes the thread that made it.
pub(crate) fn waker() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current(), Tracked::new(0))))
}

/// Runs a future. Ends if its wake-up comes; loom reports a deadlock if it does not.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = waker();
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Polls a future once and gives it up, whatever it says.
pub(crate) fn cancel<F: Future>(future: F) {
    let _ = poll_once(future);
}

/// Polls a future once, then drops it.
pub(crate) fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    let waker = waker();
    pin!(future).poll(&mut Context::from_waker(&waker))
}

/// Polls a future once with one waker, then runs it with another.
pub(crate) fn block_on_after_a_move<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => block_on(future),
    }
}

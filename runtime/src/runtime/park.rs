//! Blocking a thread on a future, with nothing driven meanwhile.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::task::coop::{self, Budget};
use crate::telemetry::{BlockOnRecord, Counter};

struct ThreadWaker {
    /// The thread's own token is not enough: the future may use it up, by a channel of the
    /// standard library for one.
    woken: AtomicBool,
    thread: Thread,
    wakes: Counter,
}

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.add_shared(1);
        // Ordering: Release pairs with the Acquire in `drive`.
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Polls `future` on this thread until it is ready.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    drive(future, |future, cx, _wakes| {
        let _budget = coop::enter(Budget::initial());
        future.poll(cx)
    })
}

/// As [`block_on`], with a record.
pub(crate) fn block_on_recorded<F: Future>(record: &BlockOnRecord<'_>, future: F) -> F::Output {
    drive(future, |future, cx, wakes| record.poll(future, cx, wakes))
}

fn drive<F: Future>(
    future: F,
    mut poll: impl FnMut(Pin<&mut F>, &mut Context<'_>, u64) -> Poll<F::Output>,
) -> F::Output {
    let root = Arc::new(ThreadWaker {
        woken: AtomicBool::new(false),
        thread: thread::current(),
        wakes: Counter::new(0),
    });
    let waker = Waker::from(root.clone());
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        let wakes = root.wakes.get();
        match poll(future.as_mut(), &mut cx, wakes) {
            Poll::Ready(output) => return output,
            Poll::Pending => {
                // Ordering: Acquire pairs with the Release of the wake.
                while !root.woken.swap(false, Ordering::Acquire) {
                    thread::park();
                }
            }
        }
    }
}

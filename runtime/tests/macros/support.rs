//! A `block_on` for one thread, and futures that do what they are told.

use std::cell::RefCell;
use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls `future` to its end on this thread; parks while nobody has woken it.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        thread::park();
    }
}

/// Polls once with a waker that does nothing.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Pending for `polls` polls, each of which wakes the task, then ready with `value`.
pub(crate) struct After<T> {
    polls: u32,
    value: Option<T>,
}

pub(crate) fn after<T: Unpin>(polls: u32, value: T) -> After<T> {
    After {
        polls,
        value: Some(value),
    }
}

impl<T: Unpin> Future for After<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if self.polls == 0 {
            return Poll::Ready(self.value.take().expect("not polled after completion"));
        }
        self.polls -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What happened, in order.
#[derive(Default)]
pub(crate) struct Log(RefCell<Vec<&'static str>>);

impl Log {
    pub(crate) fn note(&self, what: &'static str) {
        self.0.borrow_mut().push(what);
    }

    pub(crate) fn take(&self) -> Vec<&'static str> {
        self.0.take()
    }

    /// A future that notes when it is polled and stays pending.
    pub(crate) fn polled(&self, name: &'static str) -> impl Future<Output = ()> {
        std::future::poll_fn(move |_| {
            self.note(name);
            Poll::Pending
        })
    }

    /// A future that is ready with `value`, or never for `None`, and notes when it is dropped.
    pub(crate) fn dropped<T>(
        &self,
        name: &'static str,
        value: Option<T>,
    ) -> impl Future<Output = T> {
        let note = DropNote(self, name);
        async move {
            let _note = note;
            match value {
                Some(value) => value,
                None => std::future::pending().await,
            }
        }
    }
}

/// Notes its own end.
pub(crate) struct DropNote<'a>(pub(crate) &'a Log, pub(crate) &'static str);

impl Drop for DropNote<'_> {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}

/// A leaf as zokio's own are: its `poll` knows where it was awaited.
#[derive(Default)]
pub(crate) struct Leaf;

impl Future for Leaf {
    type Output = &'static Location<'static>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Location::caller())
    }
}

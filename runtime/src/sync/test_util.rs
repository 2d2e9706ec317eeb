//! What the unit tests poll futures with.

use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::telemetry::current::{Current, Restore};
use crate::telemetry::waits::{self, NoteView};

/// Counts the wakes of one waker.
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) fn counting_waker() -> (Waker, Arc<Count>) {
    let count = Arc::new(Count(AtomicUsize::new(0)));
    (count.clone().into(), count)
}

/// A future that is polled by hand, and how often it was woken.
pub(crate) struct Spawned<F> {
    future: Pin<Box<F>>,
    waker: Waker,
    count: Arc<Count>,
}

pub(crate) fn spawned<F: Future>(future: F) -> Spawned<F> {
    let (waker, count) = counting_waker();
    Spawned {
        future: Box::pin(future),
        waker,
        count,
    }
}

impl<F: Future> Spawned<F> {
    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        self.future
            .as_mut()
            .poll(&mut Context::from_waker(&self.waker))
    }

    pub(crate) fn wakes(&self) -> usize {
        self.count.get()
    }

    #[track_caller]
    pub(crate) fn assert_pending(&mut self) {
        assert!(self.poll().is_pending(), "ready too early");
    }

    #[track_caller]
    pub(crate) fn assert_ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("still pending"),
        }
    }
}

/// The output of a future that is ready at its first poll.
#[track_caller]
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("pending"),
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// A task id that no other test uses.
pub(crate) fn fresh_task() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 62);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Makes this thread poll the task `task` until the guard is dropped.
pub(crate) fn polling(task: u64) -> Restore {
    Restore::enter(Current {
        task,
        poll: 1,
        began: 7,
        spawned: true,
    })
}

/// The notes of the task `task`.
pub(crate) fn notes_of(task: u64) -> Vec<NoteView> {
    let mut found = Vec::new();
    waits::for_each(|note| {
        if note.task == task {
            found.push(note);
        }
    });
    found
}

/// Asserts that a future notes `kind` and `operation` with the line of its `.await` while it is
/// pending, and nothing after it was dropped.
#[track_caller]
pub(crate) fn assert_notes<F: Future>(
    future: F,
    await_line: &'static Location<'static>,
    kind: &str,
    operation: &str,
) {
    let task = fresh_task();
    let _polling = polling(task);
    let mut future = spawned(future);
    future.assert_pending();
    let notes = notes_of(task);
    assert_eq!(notes.len(), 1, "one note while pending");
    assert_eq!(
        (notes[0].point.kind(), notes[0].point.operation()),
        (kind, operation)
    );
    assert_ne!(notes[0].resource, 0, "the resource is named");
    let location = notes[0].location.expect("the place of the await");
    assert_eq!(
        (location.file(), location.line()),
        (await_line.file(), await_line.line())
    );
    drop(future);
    assert!(notes_of(task).is_empty(), "no note after the wait");
}

/// An `.await` and the line it stands on.
macro_rules! awaiting {
    ($future:expr) => {
        (async { $future.await }, ::std::panic::Location::caller())
    };
}
pub(crate) use awaiting;

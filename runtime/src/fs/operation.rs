//! One operation as a named future: on this thread if it needs no waiting, else on the pool of
//! blocking threads.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::cached;
use crate::task::{JoinHandle, coop, spawn_blocking};
use crate::telemetry::waits::{WaitNote, WaitPoint};

/// What an operation does. Closures run on the pool.
pub trait Work<T>: Send + 'static {
    /// Whether [`attempt`](Work::attempt) is worth calling.
    #[doc(hidden)]
    const INLINE: bool = false;

    /// Does what needs no waiting.
    #[doc(hidden)]
    fn attempt(&mut self) -> Attempt<T> {
        Attempt::Blocks
    }

    /// Does the rest; may block.
    #[doc(hidden)]
    fn run(self) -> io::Result<T>;
}

impl<T, F: FnOnce() -> io::Result<T> + Send + 'static> Work<T> for F {
    fn run(self) -> io::Result<T> {
        self()
    }
}

/// What an attempt came to.
#[derive(Debug)]
pub enum Attempt<T> {
    /// The result, and units of budget for it besides the one that each operation takes.
    Done(io::Result<T>, u8),
    /// There is more to do, in another poll: others get their turn first.
    Again,
    /// The rest is for the pool.
    Blocks,
}

/// Future of a function of [`fs`](crate::fs).
///
/// The operation starts at the first poll. What the system has in memory is answered then; all
/// else runs on the pool of blocking threads, from then on to its end, also if this is dropped.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Operation<F, T, P = ()> {
    stage: Stage<F, T>,
    /// What the caller gave for a path: it may be a guard that removes the file when it is dropped.
    kept: Option<P>,
    point: &'static WaitPoint,
    note: WaitNote,
}

enum Stage<F, T> {
    New(F),
    Running(JoinHandle<io::Result<T>>),
    Done,
}

/// An operation that waits at `point`.
pub(super) fn blocking<F: Work<T>, T>(point: &'static WaitPoint, work: F) -> Operation<F, T> {
    Operation {
        stage: Stage::New(work),
        point,
        note: WaitNote::new(),
        kept: None,
    }
}

impl<F, T> Operation<F, T> {
    /// Keeps `path` until the operation is complete.
    pub(super) fn keeping<P>(self, path: P) -> Operation<F, T, P> {
        Operation {
            stage: self.stage,
            kept: Some(path),
            point: self.point,
            note: self.note,
        }
    }
}

// Closure and path are moved, never pinned.
impl<F, T, P> Unpin for Operation<F, T, P> {}

impl<F: Work<T>, T: Send + 'static, P> Future for Operation<F, T, P> {
    type Output = io::Result<T>;

    /// # Panics
    ///
    /// Outside of a runtime, or if it was ready before.
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let location = Location::caller();
        let Operation {
            stage,
            kept,
            point,
            note,
        } = &mut *self;
        if F::INLINE
            && let Stage::New(work) = stage
            && cached::allowed()
        {
            let coop = ready!(coop::poll_proceed(cx));
            match work.attempt() {
                Attempt::Done(result, units) => {
                    coop.made_progress();
                    coop::spend(units);
                    *stage = Stage::Done;
                    *kept = None;
                    return Poll::Ready(result);
                }
                Attempt::Again => {
                    coop.made_progress();
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Attempt::Blocks => {}
            }
        }
        *stage = match std::mem::replace(stage, Stage::Done) {
            Stage::New(work) => Stage::Running(spawn_blocking(move || work.run())),
            running => running,
        };
        let Stage::Running(handle) = stage else {
            panic!("`async fn` resumed after completion");
        };
        // The pool's handle takes the unit of budget.
        let result = match Pin::new(handle).poll(cx) {
            Poll::Ready(joined) => Poll::Ready(joined),
            Poll::Pending => {
                note.set(point, std::ptr::from_ref(*point).cast(), Some(location));
                Poll::Pending
            }
        };
        let joined = ready!(result);
        note.clear();
        *stage = Stage::Done;
        *kept = None;
        Poll::Ready(joined.unwrap_or_else(|_| Err(super::background_task_failed())))
    }
}

impl<F, T, P> fmt::Debug for Operation<F, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::New(_) => "new",
            Stage::Running(_) => "running",
            Stage::Done => "done",
        };
        f.debug_struct("Operation")
            .field("operation", &self.point.operation())
            .field("stage", &stage)
            .finish()
    }
}

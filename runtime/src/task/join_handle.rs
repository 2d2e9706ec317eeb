//! The handles of a spawned task: to await it, and to abort it.

#![expect(
    unsafe_code,
    reason = "the join handle's part of the protocol in `raw`"
)]

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, Waker, ready};

use super::raw::TaskRef;
use super::{Id, JoinError, coop};
use crate::telemetry::waits::{WaitNote, WaitPoint};

/// Its resource is the joined task's id.
static JOIN: WaitPoint = WaitPoint::new("join", "join");

/// Owned permission to await a task. Dropping it detaches the task, which then runs on with
/// nobody to take its output.
///
/// Awaiting is cancel safe: the output stays until it is taken.
pub struct JoinHandle<T> {
    task: TaskRef,
    note: WaitNote,
    output_taken: bool,
    _output: PhantomData<T>,
}

// SAFETY: the handle gives access to the task's output, a `T`, by value only.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: `&JoinHandle` gives no access to the output.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// `task` is the join handle's reference of a new task whose output type is `T`.
    pub(crate) unsafe fn new(task: TaskRef) -> JoinHandle<T> {
        JoinHandle {
            task,
            note: WaitNote::new(),
            output_taken: false,
            _output: PhantomData,
        }
    }

    /// Asks the task to stop: its future is dropped at its next `.await` point, at once if it is
    /// not running, and awaiting the handle gives [`JoinError::is_cancelled`]. A task that
    /// completes first stays completed. Blocking tasks that have begun cannot be aborted.
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Whether the task has completed, be it by cancellation or panic. After `abort` it may take
    /// a moment.
    pub fn is_finished(&self) -> bool {
        self.task.header().state.view_acquire().is_complete()
    }

    /// A handle that can abort the task and not await it.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(&self.task)
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.task.header().task_id()
    }

    /// Has `waker` woken when the task completes, now if it has.
    pub(super) fn wake_on_completion(&self, waker: &Waker) {
        // SAFETY: this is the join handle.
        unsafe { self.task.wake_on_completion(waker) };
    }

    /// As `poll`, without budget and note.
    fn poll_output(&mut self, waker: &Waker) -> Poll<Result<T, JoinError>> {
        // SAFETY: this is the join handle, the output is not taken, and `T` is its type.
        let output = unsafe { self.task.try_take_output(waker) };
        self.output_taken = output.is_ready();
        output
    }

    /// The output of a task that has completed.
    pub(super) fn take_output(mut self) -> Result<T, JoinError> {
        match self.poll_output(Waker::noop()) {
            Poll::Ready(output) => output,
            Poll::Pending => unreachable!("the caller has looked"),
        }
    }
}

/// What a spawn gives back on its way to the caller: the join handle while it is still one word. A
/// join handle is three, and each function that hands it on copies it.
#[must_use]
pub(crate) struct Spawned<T> {
    task: ManuallyDrop<TaskRef>,
    _output: PhantomData<T>,
}

impl<T> Spawned<T> {
    /// # Safety
    ///
    /// As [`JoinHandle::new`].
    pub(crate) unsafe fn new(task: TaskRef) -> Spawned<T> {
        Spawned {
            task: ManuallyDrop::new(task),
            _output: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn handle(self) -> JoinHandle<T> {
        let mut spawned = ManuallyDrop::new(self);
        // SAFETY: taken once: `spawned` is not dropped.
        let task = unsafe { ManuallyDrop::take(&mut spawned.task) };
        // SAFETY: by the contract of `new`.
        unsafe { JoinHandle::new(task) }
    }
}

impl<T> Drop for Spawned<T> {
    /// A hook has panicked: nobody gets the handle.
    fn drop(&mut self) {
        // SAFETY: taken once: `handle` has not been called.
        let task = unsafe { ManuallyDrop::take(&mut self.task) };
        // SAFETY: by the contract of `new`.
        drop(unsafe { JoinHandle::<T>::new(task) });
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.output_taken, "JoinHandle polled after completion");
        let coop = ready!(coop::poll_proceed(cx));
        match self.poll_output(cx.waker()) {
            Poll::Ready(output) => {
                self.note.clear();
                coop.made_progress();
                Poll::Ready(output)
            }
            Poll::Pending => {
                let task = ptr::without_provenance(self.id().as_u64() as usize);
                self.note
                    .set_by(cx.waker(), &JOIN, task, Location::caller());
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // SAFETY: this is the join handle, being dropped.
        unsafe { self.task.drop_join_handle(self.output_taken) };
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .finish()
    }
}

/// Permission to abort a task, without that to await it. Dropping it does nothing.
pub struct AbortHandle {
    task: TaskRef,
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    fn new(task: &TaskRef) -> AbortHandle {
        AbortHandle {
            task: task.abort_handle(),
        }
    }

    /// As [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.task.abort();
    }

    /// As [`JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.task.header().state.view_acquire().is_complete()
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.task.header().task_id()
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> AbortHandle {
        AbortHandle::new(&self.task)
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &self.id())
            .finish()
    }
}

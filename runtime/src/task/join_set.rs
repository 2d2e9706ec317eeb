//! Sets of tasks that are awaited in the order of their completion.

use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::slab::Slab;
use super::{AbortHandle, Id, JoinError, JoinHandle, LocalSet, coop, local};
use crate::runtime::Handle;
use crate::telemetry::waits::{WaitNote, WaitPoint};

mod builder;
mod completed;
mod futures;

pub use builder::Builder;
use completed::Completed;
pub use futures::{JoinAll, JoinNext, JoinNextWithId, Shutdown};

static JOIN_NEXT: WaitPoint = WaitPoint::new("join_set", "join_next");

/// What a task came to, and its id.
type Joined<T> = (Id, Result<T, JoinError>);

/// A set of tasks with outputs of one type, which are awaited in the order of their completion.
///
/// Dropping it aborts all of its tasks.
///
/// ```
/// # let runtime = zokio::runtime::Runtime::new()?;
/// # runtime.block_on(async {
/// let mut set = zokio::task::JoinSet::new();
/// for number in 1..=10 {
///     set.spawn(async move { number });
/// }
/// let mut sum = 0;
/// while let Some(number) = set.join_next().await {
///     sum += number.unwrap();
/// }
/// assert_eq!(sum, 55);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct JoinSet<T> {
    entries: Slab<JoinHandle<T>>,
    /// Keys of entries whose tasks have completed, each once.
    completed: Arc<Completed>,
    /// Of a wait by `poll_join_next`; futures have their own.
    note: WaitNote,
}

impl<T> UnwindSafe for JoinSet<T> {}
impl<T> RefUnwindSafe for JoinSet<T> {}

impl<T> JoinSet<T> {
    /// A set without tasks.
    pub fn new() -> JoinSet<T> {
        JoinSet {
            entries: Slab::new(),
            completed: Completed::new(),
            note: WaitNote::new(),
        }
    }

    /// How many tasks are in the set: spawned, and not yet joined.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no task is in the set.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<T: 'static> JoinSet<T> {
    /// Settings of a task that is about to be spawned on the set.
    ///
    /// ```
    /// # let runtime = zokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// let mut set = zokio::task::JoinSet::new();
    /// set.build_task().name("greeter").spawn(async { "hello" })?;
    /// assert_eq!(set.join_next().await.unwrap().unwrap(), "hello");
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder::new(self)
    }

    /// Spawns a future on the current runtime. It begins at once, whether or not the set is awaited.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(super::spawn(task))
    }

    /// Spawns a future on the given runtime.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn(task))
    }

    /// Spawns a future on the current [`LocalSet`] or
    /// [`LocalRuntime`](crate::runtime::LocalRuntime).
    ///
    /// # Panics
    ///
    /// As [`spawn_local`](super::spawn_local).
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(local::spawn_local(task))
    }

    /// Spawns a future on the given [`LocalSet`], which need not be the current one. It begins when
    /// that is next polled.
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, task: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(local_set.spawn_local(task))
    }

    /// Runs a function that may block on the current runtime's pool of blocking threads.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, and if the pool has no thread and the system refuses one.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(super::spawn_blocking(f))
    }

    /// Runs a function that may block on the given runtime's pool of blocking threads.
    ///
    /// # Panics
    ///
    /// If the pool has no thread and the system refuses one.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking(f))
    }

    fn insert(&mut self, handle: JoinHandle<T>) -> AbortHandle {
        let abort = handle.abort_handle();
        // In the set before its key can be noted: wakers may panic.
        let (key, handle) = self.entries.insert(handle);
        handle.wake_on_completion(&self.completed.waker(key));
        abort
    }

    /// Waits until a task completes, takes it out of the set and returns what it came to. `None`: the
    /// set is empty.
    ///
    /// Cancel safe: if it is dropped, no task has been taken out.
    pub fn join_next(&mut self) -> JoinNext<'_, T> {
        JoinNext::new(self)
    }

    /// As [`join_next`](JoinSet::join_next), with the id of the task (which a [`JoinError`] knows
    /// itself).
    ///
    /// Cancel safe: if it is dropped, no task has been taken out.
    pub fn join_next_with_id(&mut self) -> JoinNextWithId<'_, T> {
        JoinNextWithId::new(self)
    }

    /// Takes out a task that has completed. `None`: there is none, or the set is empty.
    ///
    /// It takes nothing from the budget of the task that calls it.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        let key = self.completed.pop()?;
        Some(take(&mut self.entries, key).1)
    }

    /// As [`try_join_next`](JoinSet::try_join_next), with the id of the task.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        let key = self.completed.pop()?;
        Some(with_id(take(&mut self.entries, key)))
    }

    /// Aborts all tasks and waits for their end, whatever they come to: [`abort_all`] and then
    /// [`join_next`] until the set is empty.
    ///
    /// Nothing happens before it is polled.
    ///
    /// [`abort_all`]: JoinSet::abort_all
    /// [`join_next`]: JoinSet::join_next
    pub fn shutdown(&mut self) -> Shutdown<'_, T> {
        Shutdown::new(self)
    }

    /// Waits for all tasks and returns their outputs in the order of completion.
    ///
    /// # Panics
    ///
    /// The future panics if a task panics, with the same payload, or is cancelled. The tasks that
    /// are left are aborted then.
    ///
    /// ```
    /// # let runtime = zokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// let set: zokio::task::JoinSet<_> = (0..3).map(|n| async move { n }).collect();
    /// let mut outputs = set.join_all().await;
    /// outputs.sort();
    /// assert_eq!(outputs, [0, 1, 2]);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn join_all(self) -> JoinAll<T> {
        JoinAll::new(self)
    }

    /// Aborts all tasks. They stay in the set until they are joined.
    pub fn abort_all(&mut self) {
        self.entries.iter().for_each(JoinHandle::abort);
    }

    /// Takes all tasks out of the set. They run on with nobody to take their outputs.
    pub fn detach_all(&mut self) {
        // A task that is completing at this moment may note its key late: in the list that it knows,
        // which is not the set's any more.
        let before = std::mem::replace(&mut self.completed, Completed::new());
        self.note.clear();
        drop(self.entries.take());
        before.clear();
    }

    /// Polls for a task that has completed, and takes it out of the set. `Ready(None)`: the set is
    /// empty.
    ///
    /// `Pending`: the waker of the latest call is woken when there is one; also if the calling task
    /// has spent its [budget](coop), though there may be one.
    #[track_caller]
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        let joined = ready!(self.poll_own(cx, Location::caller()));
        Poll::Ready(joined.map(|(_, result)| result))
    }

    /// As [`poll_join_next`](JoinSet::poll_join_next), with the id of the task.
    #[track_caller]
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        let joined = ready!(self.poll_own(cx, Location::caller()));
        Poll::Ready(joined.map(with_id))
    }

    fn poll_own(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<Option<Joined<T>>> {
        let mut note = std::mem::replace(&mut self.note, WaitNote::new());
        let polled = self.poll_next(cx, &mut note, location);
        self.note = note;
        polled
    }

    /// Polls for a task that has completed; `note` says what is waited for.
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        note: &mut WaitNote,
        location: &'static Location<'static>,
    ) -> Poll<Option<Joined<T>>> {
        if self.is_empty() {
            note.clear();
            return Poll::Ready(None);
        }
        let coop = ready!(coop::poll_proceed(cx));
        let Poll::Ready(key) = self.completed.poll_pop(cx.waker()) else {
            let set = Arc::as_ptr(&self.completed).cast();
            note.set(&JOIN_NEXT, set, Some(location));
            note.set_count(self.len());
            return Poll::Pending;
        };
        coop.made_progress();
        note.clear();
        Poll::Ready(Some(take(&mut self.entries, key)))
    }
}

/// Takes the entry of a task that has completed.
fn take<T>(entries: &mut Slab<JoinHandle<T>>, key: usize) -> Joined<T> {
    let handle = entries
        .remove(key)
        .expect("a key is noted once, and its entry stays until it is taken from the list");
    (handle.id(), handle.take_output())
}

fn with_id<T>((id, result): Joined<T>) -> Result<(Id, T), JoinError> {
    result.map(|output| (id, output))
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        for handle in self.entries.take() {
            handle.abort();
        }
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> JoinSet<T> {
        JoinSet::new()
    }
}

/// Spawns each future of an iterator, as [`JoinSet::spawn`] does.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(tasks: I) -> JoinSet<T> {
        let mut set = JoinSet::new();
        set.extend(tasks);
        set
    }
}

/// Spawns each future of an iterator, as [`JoinSet::spawn`] does.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, tasks: I) {
        for task in tasks {
            self.spawn(task);
        }
    }
}

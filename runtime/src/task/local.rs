//! Local sets: tasks that need not be `Send`, all run on the thread that made them.
//!
//! Purpose: [`LocalSet`], and the part of [`LocalRuntime`](crate::runtime::LocalRuntime) that runs
//! its local tasks. Non-goals: threads and drivers of its own; a set runs while something polls it.
//!
//! # Protocol
//!
//! A local task is a cell like any other ([`raw`](super::raw)); what is different is where the right
//! to run it travels. Each set has a queue that only its thread has, and one under a lock that
//! other threads push to ([`LocalQueue`]). What must hold, and why it does:
//!
//! - **A future is polled and dropped by the thread that made it.** A future is touched only by the
//!   holder of the right to run its task. A wake, and an abort, from anywhere may get that right,
//!   and does one thing with it: to push it to the set's queue. Queues are emptied by [`Context`]
//!   alone, which is reached through an `Rc`, and so by one thread. The same holds for an output that
//!   nobody awaits: the completer drops it; and a join handle is `Send` only if the output is.
//! - **Wakers may be used for ever.** They hold a reference to the cell; the set's queue is held by
//!   the future beside it, and is read only by a holder of the right to run, so while the future is
//!   there. Once the task is complete no wake gets that right.
//! - **A dropped set leaves no task behind.** [`Context::close`] asks for the cancellation of all,
//!   which makes the idle ones runnable, and drops what comes out of the queues until all have
//!   completed. A task that it does not find there has been woken by a thread that will push it
//!   without doing anything else first: it is waited for.
//! - **No wake is lost.** The set's waker and the pushed tasks are under one lock, and a turn sets the
//!   one and takes the others at once: a later push finds the waker. Where a task of the set polls the
//!   set itself, the outer poll puts its own waker back at its end. (Of several that poll a set side
//!   by side the last has its waker there, so that they are to go on being polled together.)
//!
//! A runtime that ends cancels its own tasks and leaves local ones to their sets, as they may be
//! dropped on one thread only.

use std::cell::OnceCell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};

use super::{JoinHandle, coop};
use crate::runtime::{self, Runtime, UnhandledPanic, context as runtime_context, local_runtime};
use crate::telemetry::waits::{WaitNote, WaitPoint};

mod context;
mod queue;

pub(crate) use context::{Context, schedule};
pub(crate) use queue::LocalQueue;

static AWAIT: WaitPoint = WaitPoint::new("local_set", "await");

const PANICKED: &str =
    "a spawned task panicked and the LocalSet is configured to shutdown on unhandled panic";

const OUTSIDE: &str =
    "`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`";

/// Spawns a future that need not be `Send` on the current [`LocalSet`] or
/// [`LocalRuntime`](crate::runtime::LocalRuntime). It begins at once, whether or not the handle is
/// awaited, and runs on this thread only.
///
/// # Panics
///
/// Outside of both, and in a `LocalRuntime` on a thread that is not its own.
///
/// ```
/// use std::rc::Rc;
///
/// # let runtime = zokio::runtime::Builder::new_current_thread().build()?;
/// let set = zokio::task::LocalSet::new();
/// let greeting = set.block_on(&runtime, async {
///     let shared = Rc::new("hello");
///     zokio::task::spawn_local(async move { *shared }).await.unwrap()
/// });
/// assert_eq!(greeting, "hello");
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_local_named(future, None, Location::caller())
}

#[track_caller]
pub(super) fn spawn_local_named<F>(
    future: F,
    name: Option<Arc<str>>,
    location: &'static Location<'static>,
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    if let Some(local) = local_runtime::current() {
        return local
            .context
            .spawn_and_wake(&local.shared, future, name, location);
    }
    let Some(context) = context::current() else {
        panic!("{OUTSIDE}");
    };
    context.spawn_and_wake(&context::spawning_runtime(), future, name, location)
}

/// A set of tasks that need not be `Send`. They run on the thread of the set, while it is polled:
/// by [`run_until`](LocalSet::run_until), by [`block_on`](LocalSet::block_on), or as a future, which
/// is ready when all tasks have completed.
///
/// It may be made, and spawned on, outside of a runtime. Dropping it cancels and drops its tasks on
/// this thread. A task that panics ends with a [`JoinError`](super::JoinError), as others do.
///
/// In its tasks [`block_in_place`](super::block_in_place) is refused, since the others of the set
/// cannot go on elsewhere. A `LocalSet` cannot be polled in a task spawned by
/// [`spawn`](super::spawn), which has to be `Send`; [`spawn_local`] works in its own tasks only.
///
/// ```
/// use std::rc::Rc;
/// use zokio::task::{self, LocalSet};
///
/// # let runtime = zokio::runtime::Runtime::new()?;
/// # runtime.block_on(async {
/// let number = Rc::new(42);
/// let set = LocalSet::new();
/// let answer = set
///     .run_until(async move { task::spawn_local(async move { *number }).await.unwrap() })
///     .await;
/// assert_eq!(answer, 42);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LocalSet {
    context: Rc<Context>,
    id: OnceCell<runtime::Id>,
    note: WaitNote,
    _not_send: PhantomData<*const ()>,
}

impl LocalSet {
    /// A set without tasks.
    pub fn new() -> LocalSet {
        LocalSet::with_context(Context::new(false))
    }

    /// The set of a local runtime.
    pub(crate) fn of_runtime() -> LocalSet {
        LocalSet::with_context(Context::new(true))
    }

    fn with_context(context: Rc<Context>) -> LocalSet {
        LocalSet {
            context,
            id: OnceCell::new(),
            note: WaitNote::new(),
            _not_send: PhantomData,
        }
    }

    /// The set's id, which no other set and no runtime of the process has.
    pub fn id(&self) -> runtime::Id {
        *self.id.get_or_init(runtime::Id::next)
    }

    /// What happens when one of the set's tasks panics. Default: [`UnhandledPanic::Ignore`].
    ///
    /// With [`UnhandledPanic::ShutdownRuntime`] it is the end of the set: its other tasks are
    /// cancelled, what is spawned later is too, and whatever polls the set panics.
    ///
    /// # Panics
    ///
    /// If the set is current, or has tasks.
    ///
    /// ```
    /// use zokio::runtime::UnhandledPanic;
    ///
    /// let mut set = zokio::task::LocalSet::new();
    /// set.unhandled_panic(UnhandledPanic::ShutdownRuntime);
    /// ```
    #[track_caller]
    pub fn unhandled_panic(&mut self, behavior: UnhandledPanic) -> &mut LocalSet {
        assert!(
            Rc::strong_count(&self.context) == 1 && self.context.is_empty(),
            "Unhandled Panic behavior modified after starting LocalSet"
        );
        let ends = matches!(behavior, UnhandledPanic::ShutdownRuntime);
        self.context.end_on_panic(ends);
        self
    }

    pub(crate) fn context(&self) -> &Rc<Context> {
        &self.context
    }

    /// Makes this the set that [`spawn_local`] spawns on until the guard is dropped. Nothing runs by
    /// that.
    pub fn enter(&self) -> LocalEnterGuard {
        LocalEnterGuard {
            _restore: context::enter(self.context.clone()),
            _not_send: PhantomData,
        }
    }

    /// Spawns a future on the set. It begins when the set is next polled, whether or not the handle
    /// is awaited.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_named(future, None, Location::caller())
    }

    pub(super) fn spawn_named<F>(
        &self,
        future: F,
        name: Option<Arc<str>>,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let shared = context::spawning_runtime();
        self.context.spawn_and_wake(&shared, future, name, location)
    }

    /// Runs a future on this thread until it is ready, in the context of the runtime, and the set's
    /// tasks meanwhile. Tasks that have not completed by then stay in the set, and go on when it is
    /// polled again.
    ///
    /// # Panics
    ///
    /// As [`Runtime::block_on`].
    #[track_caller]
    pub fn block_on<F>(&self, runtime: &Runtime, future: F) -> F::Output
    where
        F: Future,
    {
        runtime.block_on(self.run_until(future))
    }

    /// Runs a future until it is ready, and the set's tasks meanwhile. In it [`spawn_local`] spawns
    /// on this set. Tasks that have not completed by then stay in the set.
    ///
    /// Cancel safe if the future is: the tasks stay in the set.
    pub async fn run_until<F>(&self, future: F) -> F::Output
    where
        F: Future,
    {
        let future = pin!(future);
        RunUntil { set: self, future }.await
    }

    /// Runs tasks, in the context of the set. True: there may be more.
    ///
    /// # Panics
    ///
    /// If a task's panic was the end of the set.
    #[track_caller]
    fn run_turn(&self) -> bool {
        let more = !self.context.has_panicked() && self.context.run_turn();
        assert!(
            !self.context.has_panicked() || self.context.is_of_runtime(),
            "{PANICKED}"
        );
        more
    }
}

impl Future for LocalSet {
    type Output = ();

    /// Ready when no task is left.
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<()> {
        // Its tasks are traced for themselves.
        ready!(coop::poll_traced(cx));
        let _no_blocking = runtime_context::refuse_block_in_place();
        let driving = self.context.drive();
        driving.begin_turn(cx.waker());
        if self.run_turn() {
            cx.waker().wake_by_ref();
        } else if self.context.is_empty() {
            drop(driving);
            self.note.clear();
            return Poll::Ready(());
        }
        driving.end_turn(cx.waker());
        drop(driving);
        let queue = Arc::as_ptr(&self.context.queue).cast();
        self.note.set(&AWAIT, queue, Some(Location::caller()));
        Poll::Pending
    }
}

impl Drop for LocalSet {
    fn drop(&mut self) {
        let _no_blocking = runtime_context::refuse_block_in_place();
        let _driving = self.context.drive();
        self.context.close();
    }
}

impl Default for LocalSet {
    fn default() -> LocalSet {
        LocalSet::new()
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet").finish()
    }
}

/// Future of [`LocalSet::run_until`].
struct RunUntil<'a, F> {
    set: &'a LocalSet,
    future: Pin<&'a mut F>,
}

impl<F: Future> Future for RunUntil<'_, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<F::Output> {
        let set = self.set;
        let driving = set.context.drive();
        let _no_blocking = runtime_context::refuse_block_in_place();
        driving.begin_turn(cx.waker());
        if let Poll::Ready(output) = self.future.as_mut().poll(cx) {
            return Poll::Ready(output);
        }
        if set.run_turn() {
            cx.waker().wake_by_ref();
        }
        driving.end_turn(cx.waker());
        Poll::Pending
    }
}

/// Keeps a [`LocalSet`] current on this thread; see [`LocalSet::enter`].
pub struct LocalEnterGuard {
    _restore: context::Restore,
    _not_send: PhantomData<*const ()>,
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").finish()
    }
}

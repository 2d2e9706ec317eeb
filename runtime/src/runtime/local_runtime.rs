//! A current-thread runtime whose tasks need not be `Send`: a runtime, and a local set that its
//! `block_on` polls along with the future given to it.
//!
//! `spawn_local` finds the set by the current runtime: each thread keeps a list of the local runtimes
//! that were built on it.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{Builder, EnterGuard, Handle, Runtime, RuntimeMetrics, context};
use crate::scheduler::Shared;
use crate::task::local::Context;
use crate::task::{JoinHandle, LocalSet};

/// Settings of a [`LocalRuntime`] beyond those of the builder. There are none yet.
#[derive(Default, Debug)]
#[non_exhaustive]
pub struct LocalOptions {
    _not_send: PhantomData<*mut u8>,
}

/// A runtime that stays on its thread, so that [`spawn_local`](crate::task::spawn_local) works
/// anywhere in it, without a [`LocalSet`].
///
/// All runs on the thread that built it, while that is in [`block_on`](LocalRuntime::block_on);
/// blocking work has the pool. Dropping it cancels and drops all tasks on this thread, and waits for
/// blocking work that has begun.
///
/// ```
/// use std::rc::Rc;
/// use zokio::runtime::LocalRuntime;
///
/// let runtime = LocalRuntime::new()?;
/// let length = runtime.block_on(async {
///     let words = Rc::new(vec!["not", "send"]);
///     zokio::task::spawn_local(async move { words.len() }).await.unwrap()
/// });
/// assert_eq!(length, 2);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LocalRuntime {
    // Dropped before the runtime that its tasks are in.
    set: Option<LocalSet>,
    runtime: Option<Runtime>,
    handle: Handle,
}

impl UnwindSafe for LocalRuntime {}
impl RefUnwindSafe for LocalRuntime {}

impl LocalRuntime {
    /// A runtime with I/O and timers.
    ///
    /// # Errors
    ///
    /// When the operating system refuses the event queue.
    pub fn new() -> std::io::Result<LocalRuntime> {
        Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
    }

    pub(super) fn from_runtime(runtime: Runtime) -> LocalRuntime {
        let set = LocalSet::of_runtime();
        let handle = runtime.handle().clone();
        handle.shared().mark_local();
        register(Local {
            shared: handle.shared().clone(),
            context: set.context().clone(),
        });
        LocalRuntime {
            set: Some(set),
            runtime: Some(runtime),
            handle,
        }
    }

    fn set(&self) -> &LocalSet {
        self.set
            .as_ref()
            .expect("there until the runtime is dropped")
    }

    fn runtime(&self) -> &Runtime {
        self.runtime
            .as_ref()
            .expect("there until the runtime is dropped")
    }

    /// A handle to the runtime. What is spawned through it has to be `Send`, as it may come from
    /// another thread.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Spawns a future. It begins at the next [`block_on`](LocalRuntime::block_on), whether or not
    /// the handle is awaited.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let context = self.set().context();
        context.spawn_and_wake(self.handle.shared(), future, None, Location::caller())
    }

    /// Runs a function that may block on the pool of blocking threads.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle.spawn_blocking(f)
    }

    /// Runs a future on this thread until it is ready, and the runtime's tasks, I/O and timers
    /// meanwhile.
    ///
    /// # Panics
    ///
    /// If this thread drives futures already, if the future panics, and if the runtime has been shut
    /// down by [an unhandled panic](Builder::unhandled_panic).
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _if_it_ends = EndOfTasks(self);
        self.set().block_on(self.runtime(), future)
    }

    /// Makes the runtime current on this thread until the guard is dropped.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// The runtime's counters.
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Shuts the runtime down and waits at most `timeout` for blocking work that has begun. What
    /// has not ended then is left to itself.
    pub fn shutdown_timeout(mut self, timeout: Duration) {
        self.drop_local_tasks();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(timeout);
        }
    }

    /// Shuts the runtime down and waits for nothing; so it may be called from within a runtime.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    fn drop_local_tasks(&mut self) {
        let _entered = context::set_handle(&self.handle);
        drop(self.set.take());
        unregister(self.handle.shared());
    }
}

/// Cancels the local tasks when `block_on` ends with the end of the runtime, which it does for a
/// task's panic.
struct EndOfTasks<'a>(&'a LocalRuntime);

impl Drop for EndOfTasks<'_> {
    fn drop(&mut self) {
        if self.0.handle.shared().is_shutdown() {
            let _entered = context::set_handle(&self.0.handle);
            self.0.set().context().shut_down();
        }
    }
}

impl Drop for LocalRuntime {
    fn drop(&mut self) {
        self.drop_local_tasks();
    }
}

impl fmt::Debug for LocalRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRuntime")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

/// A local runtime of this thread.
#[derive(Clone)]
pub(crate) struct Local {
    pub(crate) shared: Arc<Shared>,
    pub(crate) context: Rc<Context>,
}

thread_local! {
    static LOCALS: RefCell<Vec<Local>> = const { RefCell::new(Vec::new()) };
}

fn register(local: Local) {
    LOCALS.with(|locals| locals.borrow_mut().push(local));
}

fn unregister(shared: &Arc<Shared>) {
    let taken = LOCALS.try_with(|locals| {
        let mut locals = locals.borrow_mut();
        let place = locals.iter().position(|l| Arc::ptr_eq(&l.shared, shared));
        place.map(|place| locals.swap_remove(place))
    });
    // Dropped outside of the borrow.
    drop(taken);
}

const ELSEWHERE: &str = "Local tasks can only be spawned on a LocalRuntime from the thread the \
    runtime was created on";

/// The current runtime, if it is a local one.
///
/// # Panics
///
/// If it is one of another thread.
#[track_caller]
pub(crate) fn current() -> Option<Local> {
    let handle = context::try_handle().ok()?;
    if !handle.shared().is_local() {
        return None;
    }
    let find = |locals: &RefCell<Vec<Local>>| {
        let locals = locals.borrow();
        let is_current = |local: &&Local| Arc::ptr_eq(&local.shared, handle.shared());
        locals.iter().find(is_current).cloned()
    };
    match LOCALS.try_with(find).ok().flatten() {
        Some(local) => Some(local),
        None => panic!("{ELSEWHERE}"),
    }
}

//! Runtimes: building, entering, blocking on and shutting them down.

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use crate::scheduler::current_thread;
use crate::task::JoinHandle;
use crate::telemetry::BlockOnRecord;

pub(crate) mod blocking;
mod builder;
mod config;
pub(crate) mod context;
mod handle;
pub(crate) mod heat;
mod id;
pub(crate) mod local_runtime;
pub(crate) mod metrics;
mod park;
mod rng;
mod task_hooks;

pub use builder::Builder;
pub(crate) use config::{Config, Hooks};
pub use config::{FileIo, UnhandledPanic};
pub use handle::{EnterGuard, Handle, TryCurrentError, WeakHandle};
pub use id::Id;
pub use local_runtime::{LocalOptions, LocalRuntime};
pub use metrics::{
    HistogramConfiguration, HistogramScale, InvalidHistogramConfiguration, LogHistogram,
    LogHistogramBuilder, RuntimeMetrics,
};
pub use rng::RngSeed;
pub(crate) use rng::Seeds;
pub use task_hooks::TaskMeta;

/// The flavour of a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// All tasks run on the thread that calls `block_on`.
    CurrentThread,
    /// Tasks run on several workers, which take work from one another.
    MultiThread,
}

impl RuntimeFlavor {
    /// The flavour in lower case: `current_thread`, `multi_thread`.
    pub fn as_str(self) -> &'static str {
        match self {
            RuntimeFlavor::CurrentThread => "current_thread",
            RuntimeFlavor::MultiThread => "multi_thread",
        }
    }
}

/// A runtime: workers, drivers, timers and a pool of blocking threads.
///
/// Dropping it shuts it down: every task is cancelled and dropped, and blocking work that has
/// begun is waited for. See also [`shutdown_timeout`](Runtime::shutdown_timeout).
///
/// ```
/// let runtime = zokio::runtime::Runtime::new()?;
/// let answer = runtime.block_on(async { zokio::spawn(async { 6 * 7 }).await.unwrap() });
/// assert_eq!(answer, 42);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Runtime {
    handle: Handle,
    shut_down: bool,
}

impl Runtime {
    /// A multi-thread runtime with I/O and timers, and a worker for each core.
    ///
    /// # Errors
    ///
    /// When the operating system refuses threads or the event queue.
    #[cfg(feature = "rt-multi-thread")]
    pub fn new() -> std::io::Result<Runtime> {
        Builder::new_multi_thread().enable_all().build()
    }

    fn from_handle(handle: Handle) -> Runtime {
        Runtime {
            handle,
            shut_down: false,
        }
    }

    /// A handle to the runtime.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Spawns a future. It begins at once (with a current-thread runtime, at the next
    /// `block_on`), whether or not the handle is awaited.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
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

    /// Runs a future on this thread until it is ready. A current-thread runtime drives its tasks,
    /// I/O and timers meanwhile.
    ///
    /// # Panics
    ///
    /// If this thread drives futures already, if the future panics, and if the runtime has been shut
    /// down by [an unhandled panic](Builder::unhandled_panic).
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        if self.handle.runtime_flavor() == RuntimeFlavor::MultiThread {
            return self.handle.block_on(future);
        }
        let location = Location::caller();
        let _entered = context::enter_runtime(&self.handle, false);
        let shared = self.handle.shared();
        let record = BlockOnRecord::new(shared, location);
        current_thread::block_on(shared, &record, future)
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
        self.shut_down(Some(timeout));
    }

    /// Shuts the runtime down and waits for nothing; so it may be called from within a runtime.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    fn shut_down(&mut self, timeout: Option<Duration>) {
        if std::mem::replace(&mut self.shut_down, true) {
            return;
        }
        let shared = self.handle.shared();
        // A deadline beyond all time is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        shared.blocking.keep_begun_jobs();
        shared.begin_shutdown();
        if self.handle.runtime_flavor() == RuntimeFlavor::CurrentThread {
            current_thread::shutdown(shared);
        }
        shared.blocking.begin_shutdown(shared);
        if timeout == Some(Duration::ZERO) {
            return;
        }
        if context::is_entered() && std::thread::panicking() {
            // To wait here could be to wait for this very thread.
            return;
        }
        assert!(
            !context::is_entered(),
            "Cannot drop a runtime in a context where blocking is not allowed. This happens when \
             a runtime is dropped from within an asynchronous context."
        );
        shared.wait_for_threads(deadline);
        shared.blocking.wait_for_threads(deadline);
    }
}

impl UnwindSafe for Runtime {}

impl RefUnwindSafe for Runtime {}

/// The index of the worker that this thread is, as
/// [`RuntimeMetrics`] numbers them; `None` where it is none: outside of a runtime, on the pool of
/// blocking threads, in the future given to `block_on` of a multi-thread runtime. With a
/// current-thread runtime it is 0 on the thread that drives it, in `block_on`; when several threads
/// call that at once, the others have none.
///
/// After an `.await` a task may be on another worker.
///
/// ```
/// let runtime = zokio::runtime::Builder::new_current_thread().build()?;
/// assert_eq!(runtime.block_on(async { zokio::runtime::worker_index() }), Some(0));
/// assert_eq!(zokio::runtime::worker_index(), None);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn worker_index() -> Option<usize> {
    context::worker_index().map(usize::from)
}

/// Whether an operation failed because the runtime that its socket or file belongs to has been shut
/// down.
///
/// ```
/// use zokio::net::TcpListener;
/// use zokio::runtime::{Runtime, is_rt_shutdown_err};
///
/// let (first, second) = (Runtime::new()?, Runtime::new()?);
/// let listener = first.block_on(TcpListener::bind("127.0.0.1:0"))?;
/// drop(first);
/// let error = second.block_on(listener.accept()).unwrap_err();
/// assert!(is_rt_shutdown_err(&error));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn is_rt_shutdown_err(error: &std::io::Error) -> bool {
    crate::driver::is_gone(error)
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shut_down(None);
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

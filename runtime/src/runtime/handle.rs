//! Handles: access to a runtime from anywhere, without keeping it running.

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, MutexGuard, Weak};

use super::{Id, RuntimeFlavor, RuntimeMetrics, context, park};
use crate::driver::DriverHandle;
use crate::scheduler::Shared;
use crate::task::JoinHandle;
use crate::telemetry::BlockOnRecord;

/// A reference to a runtime, cheap to clone. It does not keep the runtime running: after the
/// [`Runtime`](super::Runtime) is dropped, what is spawned is cancelled.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// A reference to a runtime that does not keep its memory either, once it has ended.
#[derive(Clone)]
pub struct WeakHandle {
    shared: Weak<Shared>,
}

impl WeakHandle {
    /// The runtime. `None`: it has ended, and nobody refers to it any more.
    pub fn upgrade(&self) -> Option<Handle> {
        self.shared.upgrade().map(Handle::from_shared)
    }
}

impl fmt::Debug for WeakHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WeakHandle").field(&self.upgrade()).finish()
    }
}

impl Handle {
    pub(crate) fn from_shared(shared: Arc<Shared>) -> Handle {
        Handle { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// I/O and time drivers of this runtime.
    pub(crate) fn driver(&self) -> &DriverHandle {
        self.shared.driver_handle()
    }

    /// The runtime that this thread is in.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn current() -> Handle {
        match context::try_handle() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// The runtime that this thread is in.
    ///
    /// # Errors
    ///
    /// Outside of a runtime, and while the thread's locals are being destroyed.
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        context::try_handle()
    }

    /// Makes the runtime current on this thread until the guard is dropped, so that sockets,
    /// timers and `spawn` find it. Nothing is driven by that. Several guards on one thread have to be
    /// dropped in the reverse order of their making.
    ///
    /// # Panics
    ///
    /// While the thread's locals are being destroyed. Dropping guards in another order panics too.
    #[track_caller]
    pub fn enter(&self) -> EnterGuard<'_> {
        let guard = context::set_handle(self);
        assert!(
            guard.is_set(),
            "{}",
            TryCurrentError::thread_local_destroyed()
        );
        EnterGuard {
            _guard: guard,
            _handle: std::marker::PhantomData,
        }
    }

    /// Spawns a future on the runtime. It begins at once, whether or not the handle is awaited.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared.spawn(future, None, Location::caller()).handle()
    }

    /// Runs a function that may block on the runtime's pool of blocking threads.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.shared
            .blocking
            .spawn(&self.shared, f, None, Location::caller())
    }

    /// Runs a future on this thread until it is ready, in the context of the runtime. With a
    /// current-thread runtime this does not drive the runtime:
    /// [`Runtime::block_on`](super::Runtime::block_on) does.
    ///
    /// # Panics
    ///
    /// If this thread drives futures already, and if the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let location = Location::caller();
        let _entered = context::enter_runtime(self, true);
        let record = BlockOnRecord::new(&self.shared, location);
        park::block_on_recorded(&record, future)
    }

    /// The flavour of the runtime.
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        self.shared.flavor
    }

    /// The runtime's id, unique in the process.
    pub fn id(&self) -> Id {
        self.shared.id
    }

    /// The runtime's name, if it was given one with [`Builder::name`](super::Builder::name).
    pub fn name(&self) -> Option<&str> {
        self.shared.is_named.then_some(&self.shared.name)
    }

    /// What telemetry calls the runtime: its name or, without one, `runtime-N`.
    pub fn label(&self) -> &str {
        &self.shared.name
    }

    /// A reference for those who remember a runtime without having a use for it once it has ended. tokio
    /// has none.
    ///
    /// ```
    /// let runtime = zokio::runtime::Runtime::new()?;
    /// let remembered = runtime.handle().downgrade();
    /// assert_eq!(remembered.upgrade().map(|handle| handle.id()), Some(runtime.handle().id()));
    /// drop(runtime);
    /// assert!(remembered.upgrade().is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn downgrade(&self) -> WeakHandle {
        WeakHandle {
            shared: Arc::downgrade(&self.shared),
        }
    }

    /// The runtime's counters, one by one. For all at once see
    /// [`telemetry::Snapshot`](crate::telemetry::Snapshot).
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::new(self.clone())
    }
}

impl UnwindSafe for Handle {}

impl RefUnwindSafe for Handle {}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("name", &self.label())
            .field("flavor", &self.runtime_flavor())
            .finish_non_exhaustive()
    }
}

/// Keeps a runtime current on this thread; see [`Handle::enter`].
#[must_use = "the runtime is current only until this is dropped"]
pub struct EnterGuard<'a> {
    _guard: context::SetHandle,
    /// As a guard of the standard library's it stays on its thread, but may be shared.
    _handle: std::marker::PhantomData<(&'a Handle, MutexGuard<'static, ()>)>,
}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}

/// There is no current runtime.
pub struct TryCurrentError {
    destroyed: bool,
}

impl TryCurrentError {
    pub(crate) fn no_context() -> TryCurrentError {
        TryCurrentError { destroyed: false }
    }

    pub(crate) fn thread_local_destroyed() -> TryCurrentError {
        TryCurrentError { destroyed: true }
    }

    /// Whether the thread is in no runtime.
    pub fn is_missing_context(&self) -> bool {
        !self.destroyed
    }

    /// Whether the thread is ending and its locals are gone.
    pub fn is_thread_local_destroyed(&self) -> bool {
        self.destroyed
    }
}

impl fmt::Debug for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.destroyed {
            "ThreadLocalDestroyed"
        } else {
            "NoContext"
        };
        f.debug_struct("TryCurrentError")
            .field("kind", &format_args!("{kind}"))
            .finish()
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.destroyed {
            "The zokio context thread-local variable has been destroyed."
        } else {
            "there is no reactor running, must be called from the context of a zokio runtime"
        })
    }
}

impl std::error::Error for TryCurrentError {}

//! Spawning with a name.

use std::io;
use std::panic::Location;
use std::sync::Arc;

use super::{JoinHandle, LocalSet, local};
use crate::runtime::{Handle, context};

/// Spawns a task with a name, which telemetry shows.
///
/// ```
/// # let runtime = zokio::runtime::Runtime::new()?;
/// # runtime.block_on(async {
/// let task = zokio::task::Builder::new().name("greeter").spawn(async { "hello" })?;
/// assert_eq!(task.await.unwrap(), "hello");
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default, Clone, Copy)]
#[must_use = "nothing is spawned yet"]
pub struct Builder<'a> {
    name: Option<&'a str>,
}

impl<'a> Builder<'a> {
    /// A task without a name.
    pub fn new() -> Builder<'a> {
        Builder::default()
    }

    /// Names the task.
    pub fn name(&self, name: &'a str) -> Builder<'a> {
        Builder { name: Some(name) }
    }

    fn owned_name(self) -> Option<Arc<str>> {
        self.name.map(Arc::from)
    }

    /// Spawns a future on the current runtime.
    ///
    /// # Errors
    ///
    /// None today; the result is there for compatibility.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let location = Location::caller();
        let spawned = context::with_handle_to_spawn(|handle| {
            handle.shared().spawn(future, self.owned_name(), location)
        });
        Ok(spawned.handle())
    }

    /// Spawns a future on the given runtime.
    ///
    /// # Errors
    ///
    /// None today; the result is there for compatibility.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(handle
            .shared()
            .spawn(future, self.owned_name(), Location::caller())
            .handle())
    }

    /// Spawns a future on the current [`LocalSet`] or [`LocalRuntime`](crate::runtime::LocalRuntime).
    ///
    /// # Errors
    ///
    /// None today; the result is there for compatibility.
    ///
    /// # Panics
    ///
    /// As [`spawn_local`](super::spawn_local).
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let location = Location::caller();
        Ok(local::spawn_local_named(
            future,
            self.owned_name(),
            location,
        ))
    }

    /// Spawns a future on the given [`LocalSet`].
    ///
    /// # Errors
    ///
    /// None today; the result is there for compatibility.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, set: &LocalSet) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(set.spawn_named(future, self.owned_name(), Location::caller()))
    }

    /// Runs a function that may block on the current runtime's pool of blocking threads.
    ///
    /// # Errors
    ///
    /// None today; the result is there for compatibility.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, and if the pool has no thread and the system refuses one.
    #[track_caller]
    pub fn spawn_blocking<F, R>(self, f: F) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let location = Location::caller();
        // As in `task::spawn_blocking`.
        let handle = Handle::current();
        let shared = handle.shared();
        Ok(shared
            .blocking
            .spawn(shared, f, self.owned_name(), location))
    }

    /// Runs a function that may block on the given runtime's pool of blocking threads.
    ///
    /// # Errors
    ///
    /// None today; the result is there for compatibility.
    ///
    /// # Panics
    ///
    /// If the pool has no thread and the system refuses one.
    #[track_caller]
    pub fn spawn_blocking_on<F, R>(self, f: F, handle: &Handle) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let shared = handle.shared();
        let location = Location::caller();
        Ok(shared
            .blocking
            .spawn(shared, f, self.owned_name(), location))
    }
}

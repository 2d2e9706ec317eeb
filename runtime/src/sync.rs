//! Synchronisation between tasks.
//!
//! - [`Mutex`], [`RwLock`], [`Semaphore`], [`Notify`], [`Barrier`]: shared state and turns.
//! - [`OnceCell`], [`SetOnce`]: a value that comes once.
//! - [`oneshot`], [`mpsc`]: messages, one or many.
//! - [`watch`], [`broadcast`]: the latest value, or every message, to many receivers.
//!
//! All of them work in any runtime, and between tasks and plain threads. Waiting tasks are served
//! in the order in which they came. Every pending operation is noted with the resource and the
//! line of its `.await`, which is how the console tells what a task waits for; that is why the
//! asynchronous methods return named types (see [`futures`]) rather than being `async fn`s.
//!
//! Tasks park in one place, the module `wait_list`; permits are counted in `batch`, which
//! semaphore, locks and bounded channels share, events in `event_count`, which the channels of
//! many receivers share.

mod batch;
mod event_count;
mod guard_fmt;
mod receivers;
mod wait_list;
mod write_once;

mod barrier;
pub use barrier::{Barrier, BarrierWaitResult};

mod mutex;
pub use mutex::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};

mod rwlock;
pub use rwlock::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};

mod semaphore;
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};

pub(crate) mod notify;
pub use notify::Notify;

mod once_cell;
pub use once_cell::{OnceCell, SetError};

mod set_once;
pub use set_once::{SetOnce, SetOnceError};

pub mod broadcast;
pub mod mpsc;
pub mod oneshot;
pub mod watch;

/// The futures that methods of this module return. Those of channels are in
/// [`mpsc::futures`], [`watch::futures`], [`broadcast::futures`] and [`oneshot`].
pub mod futures {
    pub use super::barrier::BarrierWait;
    pub use super::mutex::{Lock, LockOwned};
    pub use super::notify::{Notified, OwnedNotified};
    pub use super::once_cell::{GetOrInit, GetOrTryInit};
    pub use super::rwlock::{Read, ReadOwned, Write, WriteOwned};
    pub use super::semaphore::{Acquire, AcquireOwned};
    pub use super::set_once::SetOnceWait;
}

#[cfg(test)]
pub(crate) mod test_util;

//! Asynchronous mutual exclusion: a guard may be held across `.await`.
//!
//! The lock is a [`BatchSemaphore`] of one permit: uncontended, locking and unlocking are one CAS
//! each; contended, the lock is handed over in the order of the requests. There is no poisoning.

#![expect(
    unsafe_code,
    reason = "the data is in an UnsafeCell, guarded by the semaphore"
)]

use std::cell::UnsafeCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::batch::{Acquiring, BatchSemaphore, Source};
use crate::loom::const_unless_loom;
use crate::runtime::context::block_on_outside;
use crate::telemetry::holders::Holder;
use crate::telemetry::waits::{Identity, Origin, WaitPoint};

mod guards;

pub use guards::{MappedMutexGuard, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};

static LOCK: WaitPoint = WaitPoint::new("mutex", "lock");

/// An asynchronous mutex.
///
/// To be used where a guard has to live across an `.await`; elsewhere the standard library's is
/// faster. The lock is fair: tasks get it in the order in which they asked.
///
/// ```
/// # async fn example() {
/// use zokio::sync::Mutex;
///
/// let count = Mutex::new(1);
/// *count.lock().await += 1;
/// assert_eq!(count.into_inner(), 2);
/// # }
/// ```
pub struct Mutex<T: ?Sized> {
    batch: BatchSemaphore,
    holder: Holder,
    origin: Origin,
    data: UnsafeCell<T>,
}

// SAFETY: sending the mutex sends the data, and sharing it lets other threads have `&mut T` one
// at a time, hence `T: Send` for both.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// [`Mutex::try_lock`], or a `try_` method of [`RwLock`](super::RwLock), found the lock taken.
#[derive(Debug)]
pub struct TryLockError(pub(super) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation would block")
    }
}

impl Error for TryLockError {}

impl<T: ?Sized> Source for &Mutex<T> {
    fn semaphore(&self) -> &BatchSemaphore {
        &self.batch
    }
    fn identity(&self) -> Identity {
        Identity::new(self.address(), self.origin)
    }
    fn waited_for(&self, _: usize) {
        self.holder.waited_for(self.address());
    }
}

impl<T: ?Sized> Source for Arc<Mutex<T>> {
    fn semaphore(&self) -> &BatchSemaphore {
        &self.batch
    }
    fn identity(&self) -> Identity {
        Identity::new(self.address(), self.origin)
    }
    fn waited_for(&self, _: usize) {
        self.holder.waited_for(self.address());
    }
}

impl<T: ?Sized> Mutex<T> {
    /// An unlocked mutex.
    #[track_caller]
    pub fn new(t: T) -> Mutex<T>
    where
        T: Sized,
    {
        Mutex::const_new(t)
    }

    const_unless_loom! {
        /// As [`new`](Mutex::new), for constants and statics.
        #[track_caller]
        pub const fn const_new(t: T) -> Mutex<T>
        where
            T: Sized,
        {
            Mutex {
                batch: BatchSemaphore::new(1),
                holder: Holder::new(),
                origin: Origin::here(),
                data: UnsafeCell::new(t),
            }
        }
    }

    /// Locks the mutex, waiting for its turn.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; a cancelled call loses its place in the queue.
    pub fn lock(&self) -> Lock<'_, T> {
        Lock {
            acquiring: Acquiring::new(self, 1),
        }
    }

    /// Locks the mutex from a thread that runs no asynchronous code.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        block_on_outside(self.lock())
    }

    /// As [`blocking_lock`](Mutex::blocking_lock), with a guard that keeps the mutex alive.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        block_on_outside(self.lock_owned())
    }

    /// As [`lock`](Mutex::lock), with a guard that keeps the mutex alive.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; a cancelled call loses its place in the queue.
    pub fn lock_owned(self: Arc<Self>) -> LockOwned<T> {
        LockOwned {
            acquiring: Acquiring::new(self, 1),
        }
    }

    /// Locks the mutex if it is free.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if it is locked, or promised to a task that waits.
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        match self.batch.try_acquire(1) {
            Ok(()) => Ok(MutexGuard::locked(self, Location::caller())),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// As [`try_lock`](Mutex::try_lock), with a guard that keeps the mutex alive.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if it is locked, or promised to a task that waits.
    #[track_caller]
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        match self.batch.try_acquire(1) {
            Ok(()) => Ok(OwnedMutexGuard::locked(self, Location::caller())),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// What wait notes name the mutex by.
    fn address(&self) -> *const () {
        ptr::from_ref(self).cast()
    }

    /// The data, without locking: `&mut self` proves that nobody holds the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    /// The data, without the mutex.
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.data.into_inner()
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(t: T) -> Mutex<T> {
        Mutex::new(t)
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut d = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => d.field("data", &&*guard),
            Err(_) => d.field("data", &format_args!("<locked>")),
        };
        d.finish()
    }
}

/// Future of [`Mutex::lock`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Lock<'a, T: ?Sized> {
    acquiring: Acquiring<&'a Mutex<T>>,
}

impl<T: ?Sized> fmt::Debug for Lock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

impl<'a, T: ?Sized> Future for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MutexGuard<'a, T>> {
        // SAFETY: `acquiring` is pinned with the future and not moved out of it.
        let acquiring = unsafe { self.map_unchecked_mut(|this| &mut this.acquiring) };
        let place = Location::caller();
        match ready!(acquiring.poll(cx, &LOCK, place)) {
            Ok(mutex) => Poll::Ready(MutexGuard::locked(mutex, place)),
            Err(_) => unreachable!("a mutex's semaphore is never closed"),
        }
    }
}

/// Future of [`Mutex::lock_owned`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct LockOwned<T: ?Sized> {
    acquiring: Acquiring<Arc<Mutex<T>>>,
}

impl<T: ?Sized> fmt::Debug for LockOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockOwned").finish_non_exhaustive()
    }
}

impl<T: ?Sized> Future for LockOwned<T> {
    type Output = OwnedMutexGuard<T>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedMutexGuard<T>> {
        // SAFETY: `acquiring` is pinned with the future and not moved out of it.
        let acquiring = unsafe { self.map_unchecked_mut(|this| &mut this.acquiring) };
        let place = Location::caller();
        match ready!(acquiring.poll(cx, &LOCK, place)) {
            Ok(mutex) => Poll::Ready(OwnedMutexGuard::locked(mutex, place)),
            Err(_) => unreachable!("a mutex's semaphore is never closed"),
        }
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests;

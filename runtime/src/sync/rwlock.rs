//! Asynchronous lock for many readers or one writer: guards may be held across `.await`.
//!
//! The lock is a [`BatchSemaphore`] with one permit for each reader that may be there at a time.
//! Reading takes one permit, writing all of them. What follows from the semaphore:
//!
//! - Uncontended, locking and unlocking are one CAS each, for readers and for writers.
//! - Requests are served in their order. A writer that waits holds back the readers that come
//!   after it, and gathers permits as the readers before it leave: neither side starves.
//! - A cancelled request gives what it had gathered to those behind it.
//!
//! Downgrading gives all permits back but one, so that no other writer comes between.
//!
//! There is no poisoning.

#![expect(
    unsafe_code,
    reason = "the data is in an UnsafeCell, guarded by the semaphore"
)]

use std::cell::UnsafeCell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::TryLockError;
use super::batch::{Acquiring, BatchSemaphore, Source};
use crate::loom::const_unless_loom;
use crate::runtime::context::block_on_outside;
use crate::telemetry::holders::Holder;
use crate::telemetry::waits::{Identity, Origin, WaitPoint};

mod read;
mod write;

pub use read::{OwnedRwLockReadGuard, RwLockReadGuard};
pub use write::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockWriteGuard, RwLockMappedWriteGuard, RwLockWriteGuard,
};

static READ: WaitPoint = WaitPoint::new("rwlock", "read");
static WRITE: WaitPoint = WaitPoint::new("rwlock", "write");

const MAX_READERS: u32 = u32::MAX >> 3;

/// An asynchronous reader-writer lock.
///
/// Any number of readers, or one writer, have the data at a time. The lock is fair: requests are
/// served in the order in which they were made, and a writer that waits holds back later readers.
/// Hence a task that holds a read guard and asks for a second one deadlocks if a writer has asked
/// in between.
///
/// ```
/// # async fn example() {
/// use zokio::sync::RwLock;
///
/// let lock = RwLock::new(5);
/// {
///     let (one, two) = (lock.read().await, lock.read().await);
///     assert_eq!(*one + *two, 10);
/// }
/// *lock.write().await += 1;
/// assert_eq!(lock.into_inner(), 6);
/// # }
/// ```
pub struct RwLock<T: ?Sized> {
    batch: BatchSemaphore,
    max_readers: u32,
    /// The writer that has the lock.
    holder: Holder,
    origin: Origin,
    data: UnsafeCell<T>,
}

// SAFETY: sending the lock sends the data.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: sharing it lets other threads have `&mut T` one at a time, hence `T: Send`, and `&T`
// several at a time, hence `T: Sync`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> Source for &RwLock<T> {
    fn semaphore(&self) -> &BatchSemaphore {
        &self.batch
    }
    fn identity(&self) -> Identity {
        self.wait_identity()
    }
    fn waited_for(&self, _: usize) {
        self.holder.waited_for(self.address());
    }
}

impl<T: ?Sized> Source for Arc<RwLock<T>> {
    fn semaphore(&self) -> &BatchSemaphore {
        &self.batch
    }
    fn identity(&self) -> Identity {
        self.wait_identity()
    }
    fn waited_for(&self, _: usize) {
        self.holder.waited_for(self.address());
    }
}

impl<T: ?Sized> RwLock<T> {
    /// An unlocked lock.
    #[track_caller]
    pub fn new(value: T) -> RwLock<T>
    where
        T: Sized,
    {
        RwLock::const_new(value)
    }

    /// An unlocked lock for at most `max_reads` readers at a time.
    ///
    /// # Panics
    ///
    /// If `max_reads` is 0 or above `u32::MAX >> 3`.
    #[track_caller]
    pub fn with_max_readers(value: T, max_reads: u32) -> RwLock<T>
    where
        T: Sized,
    {
        assert_ne!(max_reads, 0, "a RwLock may not be created with 0 readers");
        assert!(
            max_reads <= MAX_READERS,
            "a RwLock may not be created with more than {MAX_READERS} readers"
        );
        RwLock::const_with_max_readers(value, max_reads)
    }

    const_unless_loom! {
        /// As [`new`](RwLock::new), for constants and statics.
        #[track_caller]
        pub const fn const_new(value: T) -> RwLock<T>
        where
            T: Sized,
        {
            RwLock::const_with_max_readers(value, MAX_READERS)
        }
    }

    const_unless_loom! {
        /// As [`with_max_readers`](RwLock::with_max_readers), for constants and statics.
        ///
        /// # Panics
        ///
        /// If `max_reads` is 0 or above `u32::MAX >> 3`.
        #[track_caller]
        pub const fn const_with_max_readers(value: T, max_reads: u32) -> RwLock<T>
        where
            T: Sized,
        {
            assert!(max_reads != 0, "a RwLock may not be created with 0 readers");
            assert!(
                max_reads <= MAX_READERS,
                "a RwLock may not be created with more than u32::MAX >> 3 readers"
            );
            RwLock {
                batch: BatchSemaphore::new(max_reads as usize),
                max_readers: max_reads,
                holder: Holder::new(),
                origin: Origin::here(),
                data: UnsafeCell::new(value),
            }
        }
    }

    /// Locks for reading, waiting for its turn.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; a cancelled call loses its place in the queue.
    pub fn read(&self) -> Read<'_, T> {
        Read {
            acquiring: Acquiring::new(self, 1),
        }
    }

    /// Locks for reading from a thread that runs no asynchronous code.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        block_on_outside(self.read())
    }

    /// As [`read`](RwLock::read), with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; a cancelled call loses its place in the queue.
    pub fn read_owned(self: Arc<Self>) -> ReadOwned<T> {
        ReadOwned {
            acquiring: Acquiring::new(self, 1),
        }
    }

    /// Locks for reading if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if a writer holds the lock or waits for it, or if there are as many readers
    /// as there may be.
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        match self.batch.try_acquire(1) {
            Ok(()) => Ok(RwLockReadGuard::locked(self, Location::caller())),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// As [`try_read`](RwLock::try_read), with a guard that keeps the lock alive.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] as for `try_read`.
    #[track_caller]
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        match self.batch.try_acquire(1) {
            Ok(()) => Ok(OwnedRwLockReadGuard::locked(self, Location::caller())),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Locks for writing, waiting for its turn.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; a cancelled call loses its place in the queue.
    pub fn write(&self) -> Write<'_, T> {
        Write {
            acquiring: Acquiring::new(self, self.max_readers as usize),
        }
    }

    /// Locks for writing from a thread that runs no asynchronous code.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        block_on_outside(self.write())
    }

    /// As [`write`](RwLock::write), with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; a cancelled call loses its place in the queue.
    pub fn write_owned(self: Arc<Self>) -> WriteOwned<T> {
        let permits = self.max_readers as usize;
        WriteOwned {
            acquiring: Acquiring::new(self, permits),
        }
    }

    /// Locks for writing if nobody holds the lock.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if it is locked, or promised to a task that waits.
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        match self.batch.try_acquire(self.max_readers as usize) {
            Ok(()) => Ok(RwLockWriteGuard::locked(self, Location::caller())),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// As [`try_write`](RwLock::try_write), with a guard that keeps the lock alive.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if it is locked, or promised to a task that waits.
    #[track_caller]
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        match self.batch.try_acquire(self.max_readers as usize) {
            Ok(()) => Ok(OwnedRwLockWriteGuard::locked(self, Location::caller())),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// The data, without locking: `&mut self` proves that nobody holds the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    /// The data, without the lock.
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.data.into_inner()
    }

    /// What wait notes name the lock by.
    fn address(&self) -> *const () {
        ptr::from_ref(self).cast()
    }

    /// What wait notes say of the lock: also how many may read, if few may.
    fn wait_identity(&self) -> Identity {
        let identity = Identity::new(self.address(), self.origin);
        match self.max_readers {
            MAX_READERS => identity,
            few => identity.with_capacity(few as usize),
        }
    }

    /// A reader gives its permit back.
    fn unlock_read(&self) {
        self.batch.release(1);
    }

    /// A writer gives its permits back.
    fn unlock_write(&self) {
        release_write(&self.batch, &self.holder, self.max_readers as usize);
    }

    /// A writer keeps one permit, as a reader.
    fn downgrade(&self) {
        release_write(&self.batch, &self.holder, self.max_readers as usize - 1);
    }
}

/// The writer gives `permits` back and is the holder no more. The lock outlives the guard.
fn release_write(batch: &BatchSemaphore, holder: &Holder, permits: usize) {
    let former = holder.release();
    batch.release(permits);
    holder.released(former);
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut d = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => d.field("data", &&*guard),
            Err(_) => d.field("data", &format_args!("<locked>")),
        };
        d.finish()
    }
}

macro_rules! locking {
    ($($(#[$doc:meta])* $future:ident<$($lifetime:lifetime)?> of $source:ty, $point:ident => $guard:ident;)*) => {$(
        $(#[$doc])*
        #[must_use = "futures do nothing unless you `.await` or poll them"]
        pub struct $future<$($lifetime,)? T: ?Sized> {
            acquiring: Acquiring<$source>,
        }

        impl<$($lifetime,)? T: ?Sized> fmt::Debug for $future<$($lifetime,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($future)).finish_non_exhaustive()
            }
        }

        impl<$($lifetime,)? T: ?Sized> Future for $future<$($lifetime,)? T> {
            type Output = $guard<$($lifetime,)? T>;

            #[track_caller]
            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                // SAFETY: `acquiring` is pinned with the future and not moved out of it.
                let acquiring = unsafe { self.map_unchecked_mut(|this| &mut this.acquiring) };
                let place = Location::caller();
                match ready!(acquiring.poll(cx, &$point, place)) {
                    Ok(lock) => Poll::Ready($guard::locked(lock, place)),
                    Err(_) => unreachable!("a lock's semaphore is never closed"),
                }
            }
        }
    )*};
}

locking! {
    /// Future of [`RwLock::read`].
    Read<'a> of &'a RwLock<T>, READ => RwLockReadGuard;
    /// Future of [`RwLock::read_owned`].
    ReadOwned<> of Arc<RwLock<T>>, READ => OwnedRwLockReadGuard;
    /// Future of [`RwLock::write`].
    Write<'a> of &'a RwLock<T>, WRITE => RwLockWriteGuard;
    /// Future of [`RwLock::write_owned`].
    WriteOwned<> of Arc<RwLock<T>>, WRITE => OwnedRwLockWriteGuard;
}

#[cfg(all(test, not(zokio_loom)))]
mod tests;

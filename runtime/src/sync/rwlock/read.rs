//! The guards of readers: whoever has one holds one permit of the lock's semaphore.

#![expect(unsafe_code, reason = "access to the data that the permit stands for")]

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;

use super::RwLock;
use crate::sync::batch::BatchSemaphore;
use crate::sync::guard_fmt::transparent_fmt;
use crate::telemetry::holders::Reading;

/// Shared access to the data of a [`RwLock`], or to a part of it; dropping it unlocks.
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    batch: &'a BatchSemaphore,
    data: *const T,
    reading: Reading,
    _shared: PhantomData<&'a T>,
}

/// Shared access to the data of a [`RwLock`] in an [`Arc`], or to a part of it; dropping it
/// unlocks.
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    data: *const U,
    lock: Arc<RwLock<T>>,
    reading: Reading,
}

// SAFETY: the guard is a shared reference to the data.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: as above; `T: Send` as for the lock.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: the guard is a shared reference to the part, and may drop the whole.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Send for OwnedRwLockReadGuard<T, U> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedRwLockReadGuard<T, U> {}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// The caller holds one permit, and gives it to the guard.
    pub(super) fn locked(
        lock: &'a RwLock<T>,
        place: &'static Location<'static>,
    ) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard::of_part(lock, lock.data.get(), place)
    }

    /// A guard of a part of `lock`'s data. The caller holds one permit, and gives it to the
    /// guard; `data` is valid while no writer has the lock.
    pub(super) fn of_part<U: ?Sized>(
        lock: &'a RwLock<U>,
        data: *const T,
        place: &'static Location<'static>,
    ) -> Self {
        RwLockReadGuard {
            batch: &lock.batch,
            data,
            reading: Reading::taken(lock.address(), place),
            _shared: PhantomData,
        }
    }

    fn with_data<U: ?Sized>(self, data: *const U) -> RwLockReadGuard<'a, U> {
        let this = ManuallyDrop::new(self);
        RwLockReadGuard {
            batch: this.batch,
            data,
            reading: this.reading,
            _shared: PhantomData,
        }
    }

    /// A guard of a part of the data.
    ///
    /// An associated function: `RwLockReadGuard::map(guard, |data| &data.part)`.
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data = ptr::from_ref(f(&this));
        this.with_data(data)
    }

    /// A guard of a part of the data, if `f` finds it.
    ///
    /// # Errors
    ///
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        match f(&this).map(ptr::from_ref) {
            Some(data) => Ok(this.with_data(data)),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.reading.end();
        self.batch.release(1);
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard holds a permit, so that nobody has all of them, which `&mut T` takes.
        unsafe { &*self.data }
    }
}

impl<T: ?Sized> OwnedRwLockReadGuard<T> {
    /// The caller holds one permit, and gives it to the guard.
    pub(super) fn locked(
        lock: Arc<RwLock<T>>,
        place: &'static Location<'static>,
    ) -> OwnedRwLockReadGuard<T> {
        let data = lock.data.get();
        OwnedRwLockReadGuard::of_part(lock, data, place)
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// A guard of a part of `lock`'s data. The caller holds one permit, and gives it to the
    /// guard; `data` is valid while no writer has the lock.
    pub(super) fn of_part(
        lock: Arc<RwLock<T>>,
        data: *const U,
        place: &'static Location<'static>,
    ) -> OwnedRwLockReadGuard<T, U> {
        OwnedRwLockReadGuard {
            data,
            reading: Reading::taken_to_move(lock.address(), place),
            lock,
        }
    }

    fn with_data<V: ?Sized>(self, data: *const V) -> OwnedRwLockReadGuard<T, V> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again nor dropped, so the `Arc` is moved out once.
        let lock = unsafe { ptr::read(&this.lock) };
        OwnedRwLockReadGuard {
            data,
            lock,
            reading: this.reading,
        }
    }

    /// A guard of a part of the data.
    ///
    /// An associated function: `OwnedRwLockReadGuard::map(guard, |data| &data.part)`.
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, V>
    where
        F: FnOnce(&U) -> &V,
    {
        let data = ptr::from_ref(f(&this));
        this.with_data(data)
    }

    /// A guard of a part of the data, if `f` finds it.
    ///
    /// # Errors
    ///
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        F: FnOnce(&U) -> Option<&V>,
    {
        match f(&this).map(ptr::from_ref) {
            Some(data) => Ok(this.with_data(data)),
            None => Err(this),
        }
    }

    /// The lock that this guard holds.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized, U: ?Sized> Drop for OwnedRwLockReadGuard<T, U> {
    fn drop(&mut self) {
        self.reading.end();
        self.lock.unlock_read();
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedRwLockReadGuard<T, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: the guard holds a permit, so that nobody has all of them, which `&mut T` takes;
        // its `Arc` keeps the data alive.
        unsafe { &*self.data }
    }
}

transparent_fmt! {
    (T: ?Sized) RwLockReadGuard<'_, T>, T;
    (T: ?Sized, U: ?Sized) OwnedRwLockReadGuard<T, U>, U;
}

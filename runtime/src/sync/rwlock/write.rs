//! The guards of writers: whoever has one holds all permits of the lock's semaphore.

#![expect(unsafe_code, reason = "access to the data that the permits stand for")]

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::ptr;
use std::sync::Arc;

use super::{OwnedRwLockReadGuard, RwLock, RwLockReadGuard, release_write};
use crate::sync::batch::BatchSemaphore;
use crate::sync::guard_fmt::transparent_fmt;
use crate::telemetry::holders::Holder;

/// Exclusive access to the data of a [`RwLock`]; dropping it unlocks.
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    _exclusive: PhantomData<&'a mut T>,
}

/// Exclusive access to the data of a [`RwLock`] in an [`Arc`]; dropping it unlocks.
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    lock: Arc<RwLock<T>>,
}

/// Exclusive access to a part of the data of a [`RwLock`], made by [`RwLockWriteGuard::map`].
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    batch: &'a BatchSemaphore,
    holder: &'a Holder,
    permits: u32,
    data: *mut T,
    _exclusive: PhantomData<&'a mut T>,
}

/// Exclusive access to a part of the data of a [`RwLock`] in an [`Arc`], made by
/// [`OwnedRwLockWriteGuard::map`].
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T> {
    data: *mut U,
    lock: Arc<RwLock<T>>,
}

// SAFETY: the guard is an exclusive reference to the data; `Sync` as it may be downgraded.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockMappedWriteGuard<'_, T> {}
// SAFETY: a shared guard gives `&T` to other threads, hence `T: Sync`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockMappedWriteGuard<'_, T> {}
// SAFETY: the guard is an exclusive reference to the part, and may drop the whole.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Send
    for OwnedRwLockMappedWriteGuard<T, U>
{
}
// SAFETY: a shared guard gives `&U` to other threads, hence `U: Sync`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync
    for OwnedRwLockMappedWriteGuard<T, U>
{
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// The caller holds all permits, and gives them to the guard. They were taken at `place`.
    pub(super) fn locked(
        lock: &'a RwLock<T>,
        place: &'static Location<'static>,
    ) -> RwLockWriteGuard<'a, T> {
        lock.holder.taken(place);
        RwLockWriteGuard {
            lock,
            _exclusive: PhantomData,
        }
    }

    fn into_lock(self) -> &'a RwLock<T> {
        ManuallyDrop::new(self).lock
    }

    fn with_data<U: ?Sized>(self, data: *mut U) -> RwLockMappedWriteGuard<'a, U> {
        let lock = self.into_lock();
        RwLockMappedWriteGuard {
            batch: &lock.batch,
            holder: &lock.holder,
            permits: lock.max_readers,
            data,
            _exclusive: PhantomData,
        }
    }

    #[track_caller]
    fn downgrade_with<U: ?Sized>(self, data: *const U) -> RwLockReadGuard<'a, U> {
        let lock = self.into_lock();
        let guard = RwLockReadGuard::of_part(lock, data, Location::caller());
        // After the guard was made: it unlocks if a waker panics.
        lock.downgrade();
        guard
    }

    /// A guard of a part of the data.
    ///
    /// An associated function: `RwLockWriteGuard::map(guard, |data| &mut data.part)`.
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = ptr::from_mut(f(&mut this));
        this.with_data(data)
    }

    /// A guard of a part of the data, if `f` finds it.
    ///
    /// # Errors
    ///
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<F, U: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut this).map(ptr::from_mut) {
            Some(data) => Ok(this.with_data(data)),
            None => Err(this),
        }
    }

    /// A read guard of a part of the data: as [`downgrade`](RwLockWriteGuard::downgrade) and
    /// [`RwLockReadGuard::map`] in one. Only `&T` is given to `f`, since others may read the rest
    /// afterwards.
    #[track_caller]
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data = ptr::from_ref(f(&this));
        this.downgrade_with(data)
    }

    /// As [`downgrade_map`](RwLockWriteGuard::downgrade_map), if `f` finds the part.
    ///
    /// # Errors
    ///
    /// The guard itself, still for writing, if `f` returns `None`.
    #[track_caller]
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        match f(&this).map(ptr::from_ref) {
            Some(data) => Ok(this.downgrade_with(data)),
            None => Err(this),
        }
    }

    /// The same access as a mapped guard, for code that takes only those.
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        let data = this.lock.data.get();
        this.with_data(data)
    }

    /// Turns the guard into one for reading. No other writer gets the lock in between; readers
    /// that wait get it, up to the next writer in the queue.
    #[track_caller]
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        let data = self.lock.data.get();
        self.downgrade_with(data.cast_const())
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.unlock_write();
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard holds all permits; `&self` lets nobody have `&mut T`.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds all permits, and `&mut self` is the only way to the data.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    /// The caller holds all permits, and gives them to the guard. They were taken at `place`.
    pub(super) fn locked(
        lock: Arc<RwLock<T>>,
        place: &'static Location<'static>,
    ) -> OwnedRwLockWriteGuard<T> {
        lock.holder.taken_to_move(place);
        OwnedRwLockWriteGuard { lock }
    }

    fn into_lock(self) -> Arc<RwLock<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again nor dropped, so the `Arc` is moved out once.
        unsafe { ptr::read(&this.lock) }
    }

    fn with_data<U: ?Sized>(self, data: *mut U) -> OwnedRwLockMappedWriteGuard<T, U> {
        OwnedRwLockMappedWriteGuard {
            data,
            lock: self.into_lock(),
        }
    }

    #[track_caller]
    fn downgrade_with<U: ?Sized>(self, data: *const U) -> OwnedRwLockReadGuard<T, U> {
        let guard = OwnedRwLockReadGuard::of_part(self.into_lock(), data, Location::caller());
        // After the guard was made: it unlocks if a waker panics.
        OwnedRwLockReadGuard::rwlock(&guard).downgrade();
        guard
    }

    /// A guard of a part of the data.
    ///
    /// An associated function: `OwnedRwLockWriteGuard::map(guard, |data| &mut data.part)`.
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = ptr::from_mut(f(&mut this));
        this.with_data(data)
    }

    /// A guard of a part of the data, if `f` finds it.
    ///
    /// # Errors
    ///
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<F, U: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut this).map(ptr::from_mut) {
            Some(data) => Ok(this.with_data(data)),
            None => Err(this),
        }
    }

    /// A read guard of a part of the data: as [`downgrade`](OwnedRwLockWriteGuard::downgrade) and
    /// [`OwnedRwLockReadGuard::map`] in one.
    #[track_caller]
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let data = ptr::from_ref(f(&this));
        this.downgrade_with(data)
    }

    /// As [`downgrade_map`](OwnedRwLockWriteGuard::downgrade_map), if `f` finds the part.
    ///
    /// # Errors
    ///
    /// The guard itself, still for writing, if `f` returns `None`.
    #[track_caller]
    pub fn try_downgrade_map<F, U: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        match f(&this).map(ptr::from_ref) {
            Some(data) => Ok(this.downgrade_with(data)),
            None => Err(this),
        }
    }

    /// The same access as a mapped guard, for code that takes only those.
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        let data = this.lock.data.get();
        this.with_data(data)
    }

    /// Turns the guard into one for reading. No other writer gets the lock in between; readers
    /// that wait get it, up to the next writer in the queue.
    #[track_caller]
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        let data = self.lock.data.get();
        self.downgrade_with(data.cast_const())
    }

    /// The lock that this guard holds.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized> Drop for OwnedRwLockWriteGuard<T> {
    fn drop(&mut self) {
        self.lock.unlock_write();
    }
}

impl<T: ?Sized> Deref for OwnedRwLockWriteGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard holds all permits; `&self` lets nobody have `&mut T`.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for OwnedRwLockWriteGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds all permits, and `&mut self` is the only way to the data.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    fn with_data<U: ?Sized>(self, data: *mut U) -> RwLockMappedWriteGuard<'a, U> {
        let this = ManuallyDrop::new(self);
        RwLockMappedWriteGuard {
            batch: this.batch,
            holder: this.holder,
            permits: this.permits,
            data,
            _exclusive: PhantomData,
        }
    }

    /// A guard of a part of the part.
    pub fn map<F, U: ?Sized>(mut this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = ptr::from_mut(f(&mut this));
        this.with_data(data)
    }

    /// A guard of a part of the part, if `f` finds it.
    ///
    /// # Errors
    ///
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<F, U: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        match f(&mut this).map(ptr::from_mut) {
            Some(data) => Ok(this.with_data(data)),
            None => Err(this),
        }
    }
}

impl<T: ?Sized> Drop for RwLockMappedWriteGuard<'_, T> {
    fn drop(&mut self) {
        release_write(self.batch, self.holder, self.permits as usize);
    }
}

impl<T: ?Sized> Deref for RwLockMappedWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `data` came from the data's exclusive reference, and the guard holds the permits
        // that it was exclusive by.
        unsafe { &*self.data }
    }
}

impl<T: ?Sized> DerefMut for RwLockMappedWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`; `&mut self` is the only way to the part.
        unsafe { &mut *self.data }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    fn with_data<V: ?Sized>(self, data: *mut V) -> OwnedRwLockMappedWriteGuard<T, V> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again nor dropped, so the `Arc` is moved out once.
        let lock = unsafe { ptr::read(&this.lock) };
        OwnedRwLockMappedWriteGuard { data, lock }
    }

    /// A guard of a part of the part.
    pub fn map<F, V: ?Sized>(mut this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        let data = ptr::from_mut(f(&mut this));
        this.with_data(data)
    }

    /// A guard of a part of the part, if `f` finds it.
    ///
    /// # Errors
    ///
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<F, V: ?Sized>(
        mut this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        match f(&mut this).map(ptr::from_mut) {
            Some(data) => Ok(this.with_data(data)),
            None => Err(this),
        }
    }

    /// The lock that this guard holds.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized, U: ?Sized> Drop for OwnedRwLockMappedWriteGuard<T, U> {
    fn drop(&mut self) {
        self.lock.unlock_write();
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedRwLockMappedWriteGuard<T, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: `data` came from the data's exclusive reference, the guard holds the permits
        // that it was exclusive by, and its `Arc` keeps the data alive.
        unsafe { &*self.data }
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedRwLockMappedWriteGuard<T, U> {
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as for `deref`; `&mut self` is the only way to the part.
        unsafe { &mut *self.data }
    }
}

transparent_fmt! {
    (T: ?Sized) RwLockWriteGuard<'_, T>, T;
    (T: ?Sized) OwnedRwLockWriteGuard<T>, T;
    (T: ?Sized) RwLockMappedWriteGuard<'_, T>, T;
    (T: ?Sized, U: ?Sized) OwnedRwLockMappedWriteGuard<T, U>, U;
}

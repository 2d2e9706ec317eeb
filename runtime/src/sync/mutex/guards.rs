//! The guards of [`Mutex`]: whoever has one holds the semaphore's only permit.

#![expect(unsafe_code, reason = "access to the data that the permit stands for")]

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::ptr;
use std::sync::Arc;

use super::Mutex;
use crate::sync::batch::BatchSemaphore;
use crate::sync::guard_fmt::transparent_fmt;
use crate::telemetry::holders::Holder;

/// A locked [`Mutex`]; dropping it unlocks.
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
}

/// A locked [`Mutex`] in an [`Arc`]; dropping it unlocks.
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct OwnedMutexGuard<T: ?Sized> {
    mutex: Arc<Mutex<T>>,
}

/// A part of the data of a locked [`Mutex`], made by [`MutexGuard::map`].
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    batch: &'a BatchSemaphore,
    holder: &'a Holder,
    data: *mut T,
    _exclusive: PhantomData<&'a mut T>,
}

/// A part of the data of a locked [`Mutex`] in an [`Arc`], made by [`OwnedMutexGuard::map`].
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T> {
    data: *mut U,
    mutex: Arc<Mutex<T>>,
}

// SAFETY: a shared guard gives `&T` to other threads, hence `T: Sync`.
unsafe impl<T: ?Sized + Send + Sync> Sync for MutexGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedMutexGuard<T> {}
// SAFETY: the guard is an exclusive reference to the data.
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}
// SAFETY: the guard is an exclusive reference to the part, and may drop the whole.
unsafe impl<T: ?Sized + Send, U: ?Sized + Send> Send for OwnedMappedMutexGuard<T, U> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedMappedMutexGuard<T, U> {}

/// Gives back the permit that a guard stands for. The mutex outlives the guard.
fn unlock(batch: &BatchSemaphore, holder: &Holder) {
    let former = holder.release();
    batch.release(1);
    holder.released(former);
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The caller holds the permit, and gives it to the guard. It was taken at `place`.
    pub(super) fn locked(
        mutex: &'a Mutex<T>,
        place: &'static Location<'static>,
    ) -> MutexGuard<'a, T> {
        mutex.holder.taken(place);
        MutexGuard { mutex }
    }

    /// A guard of a part of the data.
    ///
    /// An associated function: `MutexGuard::map(guard, |data| &mut data.part)`.
    pub fn map<U: ?Sized, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = ptr::from_mut(f(&mut this));
        let this = ManuallyDrop::new(this);
        MappedMutexGuard {
            batch: &this.mutex.batch,
            holder: &this.mutex.holder,
            data,
            _exclusive: PhantomData,
        }
    }

    /// A guard of a part of the data, if `f` finds it.
    ///
    /// # Errors
    ///
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<U: ?Sized, F>(mut this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut this).map(ptr::from_mut) else {
            return Err(this);
        };
        let this = ManuallyDrop::new(this);
        Ok(MappedMutexGuard {
            batch: &this.mutex.batch,
            holder: &this.mutex.holder,
            data,
            _exclusive: PhantomData,
        })
    }

    /// The mutex that this guard locks.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        unlock(&self.mutex.batch, &self.mutex.holder);
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard holds the only permit; `&self` lets nobody have `&mut T`.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the only permit, and `&mut self` is the only way to the data.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// The caller holds the permit, and gives it to the guard. It was taken at `place`.
    pub(super) fn locked(
        mutex: Arc<Mutex<T>>,
        place: &'static Location<'static>,
    ) -> OwnedMutexGuard<T> {
        mutex.holder.taken_to_move(place);
        OwnedMutexGuard { mutex }
    }

    fn into_mutex(self) -> Arc<Mutex<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again nor dropped, so the `Arc` is moved out once.
        unsafe { ptr::read(&this.mutex) }
    }

    /// A guard of a part of the data.
    ///
    /// An associated function: `OwnedMutexGuard::map(guard, |data| &mut data.part)`.
    pub fn map<U: ?Sized, F>(mut this: Self, f: F) -> OwnedMappedMutexGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = ptr::from_mut(f(&mut this));
        OwnedMappedMutexGuard {
            data,
            mutex: this.into_mutex(),
        }
    }

    /// A guard of a part of the data, if `f` finds it.
    ///
    /// # Errors
    ///
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<U: ?Sized, F>(mut this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut this).map(ptr::from_mut) else {
            return Err(this);
        };
        Ok(OwnedMappedMutexGuard {
            data,
            mutex: this.into_mutex(),
        })
    }

    /// The mutex that this guard locks.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.mutex
    }
}

impl<T: ?Sized> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        unlock(&self.mutex.batch, &self.mutex.holder);
    }
}

impl<T: ?Sized> Deref for OwnedMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard holds the only permit; `&self` lets nobody have `&mut T`.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the only permit, and `&mut self` is the only way to the data.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// A guard of a part of the part.
    pub fn map<U: ?Sized, F>(mut this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let data = ptr::from_mut(f(&mut this));
        let this = ManuallyDrop::new(this);
        MappedMutexGuard {
            batch: this.batch,
            holder: this.holder,
            data,
            _exclusive: PhantomData,
        }
    }

    /// A guard of a part of the part, if `f` finds it.
    ///
    /// # Errors
    ///
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<U: ?Sized, F>(mut this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let Some(data) = f(&mut this).map(ptr::from_mut) else {
            return Err(this);
        };
        let this = ManuallyDrop::new(this);
        Ok(MappedMutexGuard {
            batch: this.batch,
            holder: this.holder,
            data,
            _exclusive: PhantomData,
        })
    }
}

impl<T: ?Sized> Drop for MappedMutexGuard<'_, T> {
    fn drop(&mut self) {
        unlock(self.batch, self.holder);
    }
}

impl<T: ?Sized> Deref for MappedMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `data` came from the data's exclusive reference, and the guard holds the permit
        // that it was exclusive by.
        unsafe { &*self.data }
    }
}

impl<T: ?Sized> DerefMut for MappedMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`; `&mut self` is the only way to the part.
        unsafe { &mut *self.data }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    fn into_mutex(self) -> Arc<Mutex<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again nor dropped, so the `Arc` is moved out once.
        unsafe { ptr::read(&this.mutex) }
    }

    /// A guard of a part of the part.
    pub fn map<S: ?Sized, F>(mut this: Self, f: F) -> OwnedMappedMutexGuard<T, S>
    where
        F: FnOnce(&mut U) -> &mut S,
    {
        let data = ptr::from_mut(f(&mut this));
        OwnedMappedMutexGuard {
            data,
            mutex: this.into_mutex(),
        }
    }

    /// A guard of a part of the part, if `f` finds it.
    ///
    /// # Errors
    ///
    /// The guard itself, if `f` returns `None`.
    pub fn try_map<S: ?Sized, F>(mut this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, S>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut S>,
    {
        let Some(data) = f(&mut this).map(ptr::from_mut) else {
            return Err(this);
        };
        Ok(OwnedMappedMutexGuard {
            data,
            mutex: this.into_mutex(),
        })
    }
}

impl<T: ?Sized, U: ?Sized> Drop for OwnedMappedMutexGuard<T, U> {
    fn drop(&mut self) {
        unlock(&self.mutex.batch, &self.mutex.holder);
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedMappedMutexGuard<T, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: `data` came from the data's exclusive reference, the guard holds the permit
        // that it was exclusive by, and its `Arc` keeps the data alive.
        unsafe { &*self.data }
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedMappedMutexGuard<T, U> {
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as for `deref`; `&mut self` is the only way to the part.
        unsafe { &mut *self.data }
    }
}

transparent_fmt! {
    (T: ?Sized) MutexGuard<'_, T>, T;
    (T: ?Sized) OwnedMutexGuard<T>, T;
    (T: ?Sized) MappedMutexGuard<'_, T>, T;
    (T: ?Sized, U: ?Sized) OwnedMappedMutexGuard<T, U>, U;
}

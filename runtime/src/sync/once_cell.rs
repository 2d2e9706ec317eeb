//! A value that is made on first use, by an asynchronous initialisation.
//!
//! The value is in a [`WriteOnce`]. Who wants to write it takes the only permit of a semaphore;
//! others wait for the permit. Once the value is there the semaphore is closed, the permit never
//! comes back, and all that wait find the value. If the initialisation fails, panics or is dropped,
//! the permit comes back and the next one tries.

#![expect(
    unsafe_code,
    reason = "the one write of the value by the holder of the permit"
)]

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;

use super::TryAcquireError;
use super::batch::{BatchSemaphore, Source};
use super::write_once::WriteOnce;
use crate::loom::const_unless_loom;
use crate::telemetry::waits::{Identity, Origin};

mod futures;

pub use futures::{GetOrInit, GetOrTryInit};

/// A cell whose value is made on first use.
///
/// Typically a static. Those that ask while the value is being made wait for it.
///
/// ```
/// # async fn example() {
/// use zokio::sync::OnceCell;
///
/// static CONFIG: OnceCell<String> = OnceCell::const_new();
///
/// async fn config() -> &'static String {
///     CONFIG.get_or_init(|| async { "read from somewhere".to_owned() }).await
/// }
///
/// assert_eq!(config().await, "read from somewhere");
/// # }
/// ```
pub struct OnceCell<T> {
    place: WriteOnce<T>,
    semaphore: BatchSemaphore,
    origin: Origin,
}

impl<T: UnwindSafe + RefUnwindSafe> RefUnwindSafe for OnceCell<T> {}

impl<T> Source for &OnceCell<T> {
    fn semaphore(&self) -> &BatchSemaphore {
        &self.semaphore
    }
    fn identity(&self) -> Identity {
        Identity::new(ptr::from_ref(*self).cast(), self.origin)
    }
}

impl<T> OnceCell<T> {
    /// An empty cell.
    #[track_caller]
    pub fn new() -> OnceCell<T> {
        OnceCell::const_new()
    }

    const_unless_loom! {
        /// As [`new`](OnceCell::new), for constants and statics.
        #[track_caller]
        pub const fn const_new() -> OnceCell<T> {
            OnceCell {
                place: WriteOnce::new(),
                semaphore: BatchSemaphore::new(1),
                origin: Origin::here(),
            }
        }
    }

    /// A cell with that value, or an empty one for `None`.
    #[track_caller]
    pub fn new_with(value: Option<T>) -> OnceCell<T> {
        match value {
            Some(value) => OnceCell::from(value),
            None => OnceCell::new(),
        }
    }

    const_unless_loom! {
        /// A cell with that value, for constants and statics.
        #[track_caller]
        pub const fn const_new_with(value: T) -> OnceCell<T> {
            OnceCell {
                place: WriteOnce::written(value),
                semaphore: BatchSemaphore::new(0),
                origin: Origin::here(),
            }
        }
    }

    /// Whether the value is there.
    pub fn initialized(&self) -> bool {
        self.place.is_written()
    }

    /// The value, if it is there.
    pub fn get(&self) -> Option<&T> {
        self.place.get()
    }

    /// The value, if it is there, to be changed: `&mut self` proves that nobody looks at it.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.place.get_mut()
    }

    /// Sets the value.
    ///
    /// # Errors
    ///
    /// [`SetError`] with the value, if there is one already or one is just being made.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.initialized() {
            return Err(SetError::AlreadyInitializedError(value));
        }
        match self.semaphore.try_acquire(1) {
            Ok(()) => {
                Permit(self).write(value);
                Ok(())
            }
            Err(TryAcquireError::NoPermits) => Err(SetError::InitializingError(value)),
            Err(TryAcquireError::Closed) => Err(SetError::AlreadyInitializedError(value)),
        }
    }

    /// The value; if it is not there, it is made by the future that `f` returns. If another task is
    /// making it, waits for that.
    ///
    /// A future that panics or is dropped has made nothing, and the next task that waits makes its
    /// own attempt. An `f` that asks for the value of the same cell waits for itself.
    ///
    /// # Cancel safety
    ///
    /// A cancelled call drops the future that it was making the value with.
    pub fn get_or_init<F, Fut>(&self, f: F) -> GetOrInit<'_, T, F, Fut>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        GetOrInit::new(self, f)
    }

    /// As [`get_or_init`](OnceCell::get_or_init), with a future that may fail.
    ///
    /// # Errors
    ///
    /// What the future that `f` returned has failed with: the cell stays empty, and the next task
    /// that waits makes its own attempt.
    ///
    /// # Cancel safety
    ///
    /// A cancelled call drops the future that it was making the value with.
    pub fn get_or_try_init<E, F, Fut>(&self, f: F) -> GetOrTryInit<'_, T, F, Fut>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        GetOrTryInit::new(self, f)
    }

    /// The value, without the cell; `None` if it was not there.
    pub fn into_inner(self) -> Option<T> {
        self.place.into_inner()
    }

    /// Takes the value out and leaves the cell empty.
    pub fn take(&mut self) -> Option<T> {
        mem::take(self).into_inner()
    }
}

/// The right to write the value: the permit of the cell's semaphore. Dropping it lets another try.
struct Permit<'a, T>(&'a OnceCell<T>);

impl<'a, T> Permit<'a, T> {
    fn write(self, value: T) -> &'a T {
        let cell = self.0;
        // The permit stays with the value.
        mem::forget(self);
        // SAFETY: this held the only permit, which does not come back after a write: the place was
        // empty, and nobody else writes. The semaphore orders holders.
        let value = unsafe { cell.place.write(value) };
        cell.semaphore.close();
        value
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.0.semaphore.release(1);
    }
}

impl<T> Default for OnceCell<T> {
    #[track_caller]
    fn default() -> OnceCell<T> {
        OnceCell::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    #[track_caller]
    fn from(value: T) -> OnceCell<T> {
        OnceCell::const_new_with(value)
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    /// A cell of its own, with a clone of the value if there is one.
    fn clone(&self) -> OnceCell<T> {
        OnceCell::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &OnceCell<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell")
            .field("value", &self.get())
            .finish()
    }
}

/// Why [`OnceCell::set`] has not set the value, which it holds.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// The cell has a value.
    AlreadyInitializedError(T),
    /// The cell's value is just being made.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether the cell had a value.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Whether the cell's value was just being made.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, SetError::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadyInitializedError(_) => "AlreadyInitializedError",
            SetError::InitializingError(_) => "InitializingError",
        })
    }
}

impl<T: fmt::Debug> Error for SetError<T> {}

#[cfg(all(test, feature = "telemetry", not(zokio_loom)))]
mod tests;

#[cfg(all(test, zokio_loom))]
mod loom_tests;

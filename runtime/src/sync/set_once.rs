//! A value that is set once, and that tasks can wait for.
//!
//! The value is in a [`WriteOnce`]; a lock keeps setters apart, and a [`Notify`] tells those that
//! wait. A wait makes its place at the `Notify` before it looks at the value, and the setter
//! notifies after it has stored it: the wait sees one or the other.

#![expect(
    unsafe_code,
    reason = "the one write of the value; pin projection inside the named future"
)]

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, ready};

use super::notify::{Notified, Notify};
use super::write_once::WriteOnce;
use crate::loom::{Mutex, const_unless_loom};
use crate::telemetry::waits::WaitPoint;

static WAIT: WaitPoint = WaitPoint::new("set_once", "wait");

/// A cell that is set once; tasks can wait for its value.
///
/// [`OnceCell`](super::OnceCell) makes its value by itself on first use; here somebody else sets
/// it, and [`wait`](SetOnce::wait) returns when that has happened.
///
/// ```
/// # async fn example() {
/// use zokio::sync::SetOnce;
///
/// static ADDRESS: SetOnce<String> = SetOnce::const_new();
///
/// zokio::spawn(async { ADDRESS.set("[::1]:80".to_owned()).unwrap() });
/// assert_eq!(ADDRESS.wait().await, "[::1]:80");
/// # }
/// ```
pub struct SetOnce<T> {
    place: WriteOnce<T>,
    /// Held by the one that sets.
    setting: Mutex<()>,
    notify: Notify,
}

// The lock of setters guards nothing but their order.
impl<T: UnwindSafe + RefUnwindSafe> RefUnwindSafe for SetOnce<T> {}

impl<T> SetOnce<T> {
    /// An empty cell.
    #[track_caller]
    pub fn new() -> SetOnce<T> {
        SetOnce::const_new()
    }

    const_unless_loom! {
        /// As [`new`](SetOnce::new), for constants and statics.
        #[track_caller]
        pub const fn const_new() -> SetOnce<T> {
            SetOnce {
                place: WriteOnce::new(),
                setting: Mutex::new(()),
                notify: Notify::const_new(),
            }
        }
    }

    /// A cell with that value, or an empty one for `None`.
    #[track_caller]
    pub fn new_with(value: Option<T>) -> SetOnce<T> {
        match value {
            Some(value) => SetOnce::from(value),
            None => SetOnce::new(),
        }
    }

    const_unless_loom! {
        /// A cell with that value, for constants and statics.
        #[track_caller]
        pub const fn const_new_with(value: T) -> SetOnce<T> {
            SetOnce {
                place: WriteOnce::written(value),
                setting: Mutex::new(()),
                notify: Notify::const_new(),
            }
        }
    }

    /// Whether the value is set.
    pub fn initialized(&self) -> bool {
        self.place.is_written()
    }

    /// The value, if it is set.
    pub fn get(&self) -> Option<&T> {
        self.place.get()
    }

    /// Sets the value, and wakes all that wait for it.
    ///
    /// # Errors
    ///
    /// [`SetOnceError`] with the value, if there was one already: [`get`](SetOnce::get) finds it.
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        if self.initialized() {
            return Err(SetOnceError(value));
        }
        let setting = self.setting.lock();
        if self.initialized() {
            return Err(SetOnceError(value));
        }
        // SAFETY: the place was seen empty with the lock held, which keeps others from writing.
        unsafe { self.place.write(value) };
        drop(setting);
        self.notify.notify_waiters();
        Ok(())
    }

    /// The value, without the cell; `None` if it was not set.
    pub fn into_inner(self) -> Option<T> {
        self.place.into_inner()
    }

    /// Waits until the value is set; returns at once if it is.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub fn wait(&self) -> SetOnceWait<'_, T> {
        SetOnceWait {
            cell: self,
            notified: self.notify.notified(),
        }
    }
}

impl<T> Default for SetOnce<T> {
    #[track_caller]
    fn default() -> SetOnce<T> {
        SetOnce::new()
    }
}

impl<T> From<T> for SetOnce<T> {
    #[track_caller]
    fn from(value: T) -> SetOnce<T> {
        SetOnce::const_new_with(value)
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    /// A cell of its own, with a clone of the value if there is one.
    fn clone(&self) -> SetOnce<T> {
        SetOnce::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &SetOnce<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce")
            .field("value", &self.get())
            .finish()
    }
}

/// The cell was set before; holds the value that was refused.
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetOnceError")
    }
}

impl<T: fmt::Debug> Error for SetOnceError<T> {}

/// Future of [`SetOnce::wait`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct SetOnceWait<'a, T> {
    cell: &'a SetOnce<T>,
    /// Made before the first look at the value.
    notified: Notified<'a>,
}

impl<'a, T> Future for SetOnceWait<'a, T> {
    type Output = &'a T;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'a T> {
        let location = Location::caller();
        // SAFETY: `notified`, the only field that is pinned, is not moved out of.
        let this = unsafe { self.get_unchecked_mut() };
        let cell = this.cell;
        // SAFETY: as above.
        let mut notified = unsafe { Pin::new_unchecked(&mut this.notified) };
        if let Some(value) = cell.get() {
            // Forgets the wait, if there was one.
            notified.set(cell.notify.notified());
            return Poll::Ready(value);
        }
        let resource = cell.notify.identity_of(ptr::from_ref(cell).cast());
        ready!(notified.poll_as(cx, &WAIT, resource, location));
        Poll::Ready(cell.get().expect("notified after it was set"))
    }
}

impl<T> fmt::Debug for SetOnceWait<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnceWait").finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "telemetry", not(zokio_loom)))]
mod tests;

#[cfg(all(test, zokio_loom))]
mod loom_tests;

//! A place for a value that is written once and read without a lock from then on: the storage of
//! [`OnceCell`](super::OnceCell) and [`SetOnce`](super::SetOnce).
//!
//! Non-goals: who may write, and waiting for it. The owner keeps writers apart.
//!
//! The writer stores the value first and the flag after; who sees the flag sees the value, which
//! does not change while the place is shared.

#![expect(
    unsafe_code,
    reason = "the value is in an UnsafeCell, guarded by the flag"
)]

use std::cell::UnsafeCell;
use std::panic::{RefUnwindSafe, UnwindSafe};

use crate::loom::atomic::{AtomicBool, Ordering};
use crate::loom::const_unless_loom;

pub(super) struct WriteOnce<T> {
    /// Set after `value` was written.
    written: AtomicBool,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value is reached through `&self` by the one writer and, after that, by readers.
unsafe impl<T: Send> Send for WriteOnce<T> {}
// SAFETY: readers on several threads get `&T`, hence `T: Sync`; a value may be written on one
// thread and taken on another, hence `T: Send`.
unsafe impl<T: Send + Sync> Sync for WriteOnce<T> {}

impl<T: UnwindSafe> UnwindSafe for WriteOnce<T> {}
// A panic cannot leave the place half written: the flag is set after the value.
impl<T: UnwindSafe + RefUnwindSafe> RefUnwindSafe for WriteOnce<T> {}

impl<T> WriteOnce<T> {
    const_unless_loom! {
        /// An empty place.
        pub(super) const fn new() -> WriteOnce<T> {
            WriteOnce {
                written: AtomicBool::new(false),
                value: UnsafeCell::new(None),
            }
        }
    }

    const_unless_loom! {
        /// A place with its value.
        pub(super) const fn written(value: T) -> WriteOnce<T> {
            WriteOnce {
                written: AtomicBool::new(true),
                value: UnsafeCell::new(Some(value)),
            }
        }
    }

    #[inline]
    pub(super) fn is_written(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `write`: who sees the flag sees the value.
        self.written.load(Ordering::Acquire)
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&T> {
        if !self.is_written() {
            return None;
        }
        // SAFETY: the flag was seen: the value is not written again while the place is shared.
        unsafe { (*self.value.get()).as_ref() }
    }

    pub(super) fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    pub(super) fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Writes the value.
    ///
    /// # Safety
    ///
    /// The place is empty, and nobody else writes at the same time: the caller excludes other
    /// writers, and the end of one such exclusion happens before the beginning of the next.
    pub(super) unsafe fn write(&self, value: T) -> &T {
        // SAFETY: promised by the caller; readers do not look before they see the flag.
        let value = unsafe { (*self.value.get()).insert(value) };
        // Ordering: Release pairs with the Acquire in `is_written`.
        self.written.store(true, Ordering::Release);
        value
    }
}

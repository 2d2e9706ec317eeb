//! A channel that keeps only the last value: every receiver sees the latest, none sees them all.
//!
//! A [`Sender`] replaces or changes the value in place. A [`Receiver`] remembers which value it
//! has seen, looks at the current one ([`borrow`](Receiver::borrow)) and waits for another
//! ([`changed`](Receiver::changed)). A value that was there when the receiver was made counts as
//! seen. After the last sender has gone, `changed` returns the last value if it was not seen, and
//! an error from then on. After the last receiver has gone a sender may
//! [`subscribe`](Sender::subscribe) and go on.
//!
//! ```
//! # async fn example() {
//! use zokio::sync::watch;
//!
//! let (tx, mut rx) = watch::channel("hello");
//! tx.send("world").unwrap();
//! rx.changed().await.unwrap();
//! assert_eq!(*rx.borrow_and_update(), "world");
//! # }
//! ```
//!
//! # How it works
//!
//! The value is behind a reader-writer lock of threads, held for as long as a [`Ref`] lives: keep
//! it short, and never across an `.await`. The values are numbered by an event count (module
//! `event_count`): its number is advanced under the write lock, so that whoever has the read lock
//! sees a value and its number together; waking is done after the lock was released. Sending with
//! nobody waiting takes the write lock and adds to the number, looking at `changed` is one load.

#![expect(unsafe_code, reason = "a shared reference to a borrowed value")]

use std::fmt;
use std::mem;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::Arc;

use self::error::{RecvError, SendError};
use self::futures::{Changed, Closed, WaitFor};
use super::event_count::{EventCount, before};
use super::receivers::Receivers;
use crate::loom::atomic::{AtomicUsize, Ordering};
use crate::loom::{RwLock, RwLockReadGuard};
use crate::telemetry::waits::{Identity, Origin, WaitPoint};

pub mod error;
pub mod futures;

static CLOSED: WaitPoint = WaitPoint::new("watch", "closed");

struct Shared<T> {
    value: RwLock<T>,
    /// Values sent so far; closed when all senders are gone.
    events: EventCount,
    receivers: Receivers,
    senders: AtomicUsize,
    origin: Origin,
}

impl<T> Shared<T> {
    /// What wait notes say of the channel.
    fn identity(&self) -> Identity {
        Identity::new(ptr::from_ref(self).cast(), self.origin)
    }
}

// The lock is not poisoned by a panic: what a closure has left of the value is there.
impl<T> UnwindSafe for Shared<T> {}
impl<T> RefUnwindSafe for Shared<T> {}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.events.load();
        f.debug_struct("Shared")
            .field("value", &self.value)
            .field("version", &now.count())
            .field("is_closed", &now.is_closed())
            .field("receivers", &self.receivers.count())
            .finish_non_exhaustive()
    }
}

/// Creates a channel with a first value, which the receiver counts as seen.
#[track_caller]
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        value: RwLock::new(init),
        events: EventCount::new(),
        receivers: Receivers::new(1),
        senders: AtomicUsize::new(1),
        origin: Origin::here(),
    });
    let sender = Sender {
        shared: shared.clone(),
    };
    (sender, Receiver { shared, seen: 0 })
}

/// A look at the value: while it lives nobody can send.
#[derive(Debug)]
pub struct Ref<'a, T> {
    value: RwLockReadGuard<'a, T>,
    has_changed: bool,
}

// SAFETY: a shared `Ref` gives `&T` to other threads, hence `T: Sync`, and nothing else: the lock
// is released by its owner, which does not leave its thread.
unsafe impl<T: Sync> Sync for Ref<'_, T> {}

impl<T> Ref<'_, T> {
    /// Whether the receiver had not seen the value when it was borrowed. False for a sender's.
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Sends values; clone it for more senders.
#[derive(Debug)]
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// A sender without receivers.
    #[track_caller]
    pub fn new(init: T) -> Sender<T> {
        channel(init).0
    }

    /// Sends a value.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value if there is no receiver; the channel's value stays what it
    /// was. [`send_replace`](Sender::send_replace) sends it all the same, for receivers to come.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.receiver_count() == 0 {
            return Err(SendError(value));
        }
        self.send_replace(value);
        Ok(())
    }

    /// Changes the value in place and notifies the receivers, also if there are none.
    ///
    /// # Panics
    ///
    /// If `modify` does: nobody is notified, and the value is as `modify` left it. A `modify` that
    /// uses the channel, other than through its argument, deadlocks.
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in place, and notifies the receivers if `modify` returns true; what it
    /// returned.
    ///
    /// # Panics
    ///
    /// If `modify` does: nobody is notified, and the value is as `modify` left it. A `modify` that
    /// uses the channel, other than through its argument, deadlocks.
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        let mut value = self.shared.value.write();
        if !modify(&mut value) {
            return false;
        }
        let somebody_waits = self.shared.events.advance();
        drop(value);
        if somebody_waits {
            self.shared.events.wake();
        }
        true
    }

    /// Sends a value, also if there is no receiver; the value before.
    pub fn send_replace(&self, mut value: T) -> T {
        // The old value is dropped by the caller, after the lock.
        self.send_modify(|old| mem::swap(old, &mut value));
        value
    }

    /// The current value. Nobody can send while it is borrowed.
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref {
            value: self.shared.value.read(),
            has_changed: false,
        }
    }

    /// Whether there is no receiver.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub fn closed(&self) -> Closed<'_> {
        self.shared
            .receivers
            .closed(&CLOSED, self.shared.identity())
    }

    /// A new receiver, which counts the current value as seen.
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.receivers.add();
        Receiver {
            seen: self.shared.events.load().count(),
            shared: self.shared.clone(),
        }
    }

    /// Number of receivers.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.count()
    }

    /// Number of senders.
    pub fn sender_count(&self) -> usize {
        self.shared.senders.load(Ordering::Relaxed)
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Sender {
            shared: self.shared.clone(),
        }
    }
}

impl<T: Default> Default for Sender<T> {
    #[track_caller]
    fn default() -> Sender<T> {
        Sender::new(T::default())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Ordering: Release and Acquire pair with each other: the last sender closes after what
        // the others have sent.
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.events.close();
        }
    }
}

/// Sees the latest value; clone it, or [`subscribe`](Sender::subscribe), for more receivers.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The number of the last value seen.
    seen: u64,
}

impl<T> Receiver<T> {
    /// The current value, without marking it as seen. Nobody can send while it is borrowed, and
    /// borrowing once more may deadlock with a sender that waits.
    pub fn borrow(&self) -> Ref<'_, T> {
        let value = self.shared.value.read();
        let has_changed = self.shared.events.load().count() != self.seen;
        Ref { value, has_changed }
    }

    /// The current value, marked as seen. Nobody can send while it is borrowed, and borrowing once
    /// more may deadlock with a sender that waits.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.shared.value.read();
        // The number belongs to the value: it changes under the write lock only.
        let now = self.shared.events.load().count();
        let has_changed = mem::replace(&mut self.seen, now) != now;
        Ref { value, has_changed }
    }

    /// Whether there is a value that was not seen.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if all senders are gone, even if the last value was not seen.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        let now = self.shared.events.load();
        if now.is_closed() {
            return Err(RecvError(()));
        }
        Ok(now.count() != self.seen)
    }

    /// Whether all senders are gone.
    pub fn is_closed(&self) -> bool {
        self.shared.events.load().is_closed()
    }

    /// Marks the current value as not seen.
    pub fn mark_changed(&mut self) {
        self.seen = before(self.seen);
    }

    /// Marks the current value as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.events.load().count();
    }

    /// Waits for a value that was not seen, and marks it as seen.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if all senders are gone and the last value was seen.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a cancelled call has marked nothing as seen.
    pub fn changed(&mut self) -> Changed<'_, T> {
        Changed::new(&self.shared, &mut self.seen)
    }

    /// Waits for a value that `f` returns true for, beginning with the current one, seen or not.
    /// All values that `f` was called with are marked as seen.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if all senders are gone and `f` returned false for the last value.
    ///
    /// # Panics
    ///
    /// If `f` does.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a cancelled call has marked as seen only values that `f` returned false for.
    pub fn wait_for<F>(&mut self, f: F) -> WaitFor<'_, T, F>
    where
        F: FnMut(&T) -> bool,
    {
        WaitFor::new(&self.shared, &mut self.seen, f)
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        self.shared.receivers.add();
        Receiver {
            shared: self.shared.clone(),
            seen: self.seen,
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.shared.receivers.remove() {
            self.shared.receivers.last_is_gone();
        }
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests;

#[cfg(all(test, zokio_loom))]
mod loom_tests;

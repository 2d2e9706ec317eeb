//! A channel that gives every message to every receiver.
//!
//! Messages are kept in a ring of fixed capacity. A sender never waits: when the ring is full it
//! overwrites the oldest message. A receiver that had not got it yet *lags*: its next receive tells
//! how many messages it has missed ([`RecvError::Lagged`](error::RecvError::Lagged)), and the one
//! after returns the oldest that is there. The capacity is rounded up to a power of two.
//!
//! A receiver gets what is sent after it was made. Each receiver gets a clone of a message; the
//! last to receive it gets the message itself, and with it the channel lets it go. Messages are
//! cloned one at a time, so that their type has to be [`Send`] only.
//!
//! ```
//! # async fn example() {
//! use zokio::sync::broadcast;
//!
//! let (tx, mut one) = broadcast::channel(16);
//! let mut two = tx.subscribe();
//! tx.send("hello").unwrap();
//! assert_eq!(one.recv().await.unwrap(), "hello");
//! assert_eq!(two.recv().await.unwrap(), "hello");
//! # }
//! ```
//!
//! # How it works
//!
//! Positions are numbered by an event count (module `event_count`), whose lock senders take: it
//! gives them an order, and the number of receivers holds still. A message goes into its slot
//! (module `slot`) and is published by advancing the number; those that wait are woken after the
//! lock was released. A receiver compares the number with its own position, without a lock: that
//! tells what is there, what was missed, and whether to wait.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;
use std::sync::Arc;

use self::error::TryRecvError;
use self::slot::{MAX_RECEIVERS, Parking, Slot};
use super::event_count::EventCount;
use super::receivers::Receivers;
use crate::loom::atomic::{AtomicUsize, Ordering};
use crate::telemetry::waits::{Identity, Origin};

pub mod error;
pub mod futures;

mod receiver;
mod sender;
mod slot;

pub use receiver::Receiver;
pub use sender::{Sender, WeakSender};

/// A ring of slots. Every position below `events`' number is published; each belongs to the slot
/// of its remainder by the capacity.
struct Shared<T> {
    slots: Box<[Slot<T>]>,
    /// Messages sent so far; closed when all senders are gone.
    events: EventCount,
    /// Changed only under the lock of `events`.
    receivers: Receivers,
    parking: Parking,
    senders: AtomicUsize,
    weak_senders: AtomicUsize,
    origin: Origin,
}

// A clone that panics leaves the channel as if it had succeeded.
impl<T> UnwindSafe for Shared<T> {}
impl<T> RefUnwindSafe for Shared<T> {}

impl<T> Shared<T> {
    #[track_caller]
    fn new(capacity: usize) -> Arc<Shared<T>> {
        assert!(capacity > 0, "broadcast channel capacity cannot be zero");
        assert!(
            capacity <= usize::MAX >> 1,
            "broadcast channel capacity exceeded `usize::MAX / 2`"
        );
        let capacity = capacity.next_power_of_two();
        Arc::new(Shared {
            slots: (0..capacity).map(|_| Slot::new()).collect(),
            events: EventCount::new(),
            receivers: Receivers::new(0),
            parking: Parking::new(),
            senders: AtomicUsize::new(1),
            weak_senders: AtomicUsize::new(0),
            origin: Origin::here(),
        })
    }

    fn capacity(&self) -> u64 {
        self.slots.len() as u64
    }

    #[inline]
    fn slot(&self, position: u64) -> &Slot<T> {
        // The capacity is a power of two.
        &self.slots[position as usize & (self.slots.len() - 1)]
    }

    /// A new receiver, of what is sent from now on.
    #[track_caller]
    fn subscribe(self: &Arc<Self>) -> Receiver<T> {
        let turn = self.events.lock();
        assert!(self.receivers.count() != MAX_RECEIVERS, "max receivers");
        self.receivers.add();
        let next = turn.count();
        drop(turn);
        Receiver::new(self.clone(), next)
    }

    /// Whether a receiver at `next` has something to receive. `Err(Lagged)` moves `next` on to the
    /// oldest message that is there.
    fn check(&self, next: &mut u64) -> Result<(), TryRecvError> {
        let now = self.events.load();
        if now.count() == *next {
            return Err(if now.is_closed() {
                TryRecvError::Closed
            } else {
                TryRecvError::Empty
            });
        }
        if now.count() - *next > self.capacity() {
            return Err(self.lag(next, now.count()));
        }
        Ok(())
    }

    /// The receiver at `next` has missed all but the last messages before `tail`.
    #[cold]
    fn lag(&self, next: &mut u64, tail: u64) -> TryRecvError {
        let oldest = tail - self.capacity();
        let missed = oldest - *next;
        *next = oldest;
        TryRecvError::Lagged(missed)
    }

    /// What wait notes say of the channel.
    fn identity(&self) -> Identity {
        Identity::new(ptr::from_ref(self).cast(), self.origin).with_capacity(self.slots.len())
    }

    fn strong_count(&self) -> usize {
        // Ordering: Acquire pairs with the Release of `Sender::drop`: who sees no senders sees all
        // that they have sent.
        self.senders.load(Ordering::Acquire)
    }

    fn weak_count(&self) -> usize {
        self.weak_senders.load(Ordering::Relaxed)
    }
}

/// Creates a channel that keeps the last `capacity` messages, rounded up to a power of two.
///
/// # Panics
///
/// If `capacity` is 0 or above `usize::MAX / 2`.
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}

macro_rules! opaque_debug {
    ($($handle:ident)*) => {$(
        impl<T> fmt::Debug for $handle<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!("broadcast::", stringify!($handle)))
            }
        }
    )*};
}

opaque_debug! { Sender WeakSender Receiver }

#[cfg(all(test, not(zokio_loom)))]
mod tests;

#[cfg(all(test, zokio_loom))]
mod loom_tests;

//! The sending side.

#![expect(unsafe_code, reason = "slots are written by one sender at a time")]

use std::sync::Arc;

use super::error::SendError;
use super::futures::{self, Closed};
use super::{Receiver, Shared};
use crate::loom::atomic::Ordering;

/// Sends messages; clone it for more senders.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// A sender without receivers, of a channel as by [`channel`](super::channel).
    ///
    /// # Panics
    ///
    /// If `capacity` is 0 or above `usize::MAX / 2`.
    #[track_caller]
    pub fn new(capacity: usize) -> Sender<T> {
        Sender {
            shared: Shared::new(capacity),
        }
    }

    /// Sends a message to all receivers; how many there are. Does not wait, except for a clone in
    /// progress of the message that it overwrites.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the message, if there is no receiver. A message that was sent is not
    /// necessarily received: receivers may lag or go.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let shared = &*self.shared;
        let turn = shared.events.lock();
        let receivers = shared.receivers.count();
        if receivers == 0 {
            return Err(SendError(value));
        }
        let position = turn.count();
        let slot = shared.slot(position);
        // SAFETY: all senders hold the turn here, and its lock orders them.
        let overwritten = unsafe { slot.put(position, receivers, value, &shared.parking) };
        turn.advance();
        drop(overwritten);
        Ok(receivers)
    }

    /// A new receiver, of what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.subscribe()
    }

    /// A sender that does not keep the channel open.
    #[must_use = "Downgrade creates a WeakSender without destroying the original non-weak sender."]
    pub fn downgrade(&self) -> WeakSender<T> {
        self.shared.weak_senders.fetch_add(1, Ordering::Relaxed);
        WeakSender {
            shared: self.shared.clone(),
        }
    }

    /// Messages in the channel that some receiver has yet to receive.
    pub fn len(&self) -> usize {
        let shared = &*self.shared;
        let turn = shared.events.lock();
        let tail = turn.count();
        // Receivers go in order: from the first occupied slot on all are occupied.
        let mut first = tail.saturating_sub(shared.capacity());
        let mut after = tail;
        while first < after {
            let middle = first + (after - first) / 2;
            if shared.slot(middle).is_occupied() {
                after = middle;
            } else {
                first = middle + 1;
            }
        }
        (tail - after) as usize
    }

    /// Whether all receivers have received all messages.
    pub fn is_empty(&self) -> bool {
        let turn = self.shared.events.lock();
        let tail = turn.count();
        tail == 0 || !self.shared.slot(tail - 1).is_occupied()
    }

    /// Number of receivers.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.count()
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub fn closed(&self) -> Closed<'_> {
        self.shared
            .receivers
            .closed(&futures::CLOSED, self.shared.identity())
    }

    /// Number of senders.
    pub fn strong_count(&self) -> usize {
        self.shared.strong_count()
    }

    /// Number of [`WeakSender`]s.
    pub fn weak_count(&self) -> usize {
        self.shared.weak_count()
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

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Ordering: Release pairs with the Acquire of `strong_count`; Acquire joins the other
        // senders' releases, so that the close below comes after all sends.
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.events.close();
        }
    }
}

/// A sender that does not keep the channel open, from [`Sender::downgrade`].
pub struct WeakSender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> WeakSender<T> {
    /// A sender, unless all are gone.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let more = |n: usize| (n != 0).then(|| n + 1);
        // Ordering: Acquire pairs with the Release of `Sender::drop`.
        self.shared
            .senders
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, more)
            .ok()?;
        Some(Sender {
            shared: self.shared.clone(),
        })
    }

    /// Number of [`Sender`]s.
    pub fn strong_count(&self) -> usize {
        self.shared.strong_count()
    }

    /// Number of [`WeakSender`]s.
    pub fn weak_count(&self) -> usize {
        self.shared.weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> WeakSender<T> {
        self.shared.weak_senders.fetch_add(1, Ordering::Relaxed);
        WeakSender {
            shared: self.shared.clone(),
        }
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.shared.weak_senders.fetch_sub(1, Ordering::Relaxed);
    }
}

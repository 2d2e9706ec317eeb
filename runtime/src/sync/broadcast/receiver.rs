//! The receiving side.

use std::sync::Arc;

use super::Shared;
use super::error::{RecvError, TryRecvError};
use super::futures::Recv;
use crate::runtime::context::block_on_outside;

/// Receives every message that is sent after it was made;
/// [`resubscribe`](Receiver::resubscribe) for another.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The position of the next message to receive. This receiver is counted in every slot from
    /// there on.
    next: u64,
}

impl<T> Receiver<T> {
    /// The caller has counted the receiver when `next` was the number of messages.
    pub(super) fn new(shared: Arc<Shared<T>>, next: u64) -> Receiver<T> {
        Receiver { shared, next }
    }

    /// Messages sent that this receiver has yet to receive, those included that it will find
    /// overwritten.
    pub fn len(&self) -> usize {
        self.shared.events.load().count().saturating_sub(self.next) as usize
    }

    /// Whether there is nothing to receive now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Number of [`Sender`](super::Sender)s.
    pub fn sender_strong_count(&self) -> usize {
        self.shared.strong_count()
    }

    /// Number of [`WeakSender`](super::WeakSender)s.
    pub fn sender_weak_count(&self) -> usize {
        self.shared.weak_count()
    }

    /// Whether all senders are gone. There may be messages to receive still.
    pub fn is_closed(&self) -> bool {
        self.shared.strong_count() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// A new receiver, of what is sent from now on: what this one has yet to receive is not for
    /// the new one.
    pub fn resubscribe(&self) -> Receiver<T> {
        self.shared.subscribe()
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] if messages were missed; [`RecvError::Closed`] if all senders are gone
    /// and all messages were received.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a cancelled call has received nothing.
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv::new(&self.shared, &mut self.next)
    }

    /// Receives a message if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        receive(&self.shared, &mut self.next)
    }

    /// Blocks this thread until there is a message.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Receiver::recv).
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on_outside(self.recv())
    }
}

/// Receives the message at `next`, the position of a receiver, if it is there.
#[inline]
pub(super) fn receive<T: Clone>(shared: &Shared<T>, next: &mut u64) -> Result<T, TryRecvError> {
    shared.check(next)?;
    shared
        .slot(*next)
        .receive(next, &shared.parking)
        .map_err(|overwriter| shared.lag(next, overwriter + 1))
}

/// Passes the messages that a receiver which goes was counted for.
struct Leaving<'a, T> {
    shared: &'a Shared<T>,
    next: u64,
    until: u64,
    last: bool,
}

impl<T> Leaving<'_, T> {
    fn pass_all(&mut self) {
        // Those before are overwritten.
        let oldest = self.until.saturating_sub(self.shared.capacity());
        self.next = self.next.max(oldest);
        while self.next < self.until {
            let slot = self.shared.slot(self.next);
            let message = slot.skip(self.next, &self.shared.parking);
            self.next += 1;
            drop(message);
        }
    }
}

impl<T> Drop for Leaving<'_, T> {
    fn drop(&mut self) {
        // Finds messages only if one of them panicked as it was dropped.
        self.pass_all();
        if self.last {
            self.shared.receivers.last_is_gone();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let turn = self.shared.events.lock();
        // What is sent from now on does not count this receiver.
        let last = self.shared.receivers.remove();
        let until = turn.count();
        drop(turn);
        Leaving {
            shared: &self.shared,
            next: self.next,
            until,
            last,
        }
        .pass_all();
    }
}

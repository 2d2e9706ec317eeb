//! Room in a bounded channel that has been reserved.

use std::fmt;
use std::iter::FusedIterator;
use std::mem;
use std::ptr;

use super::bounded::{Bounded, Sender};
use super::chan::Chan;

/// Room for one message, from [`Sender::reserve`] or [`Sender::try_reserve`]; dropping it gives
/// the room back.
#[must_use]
pub struct Permit<'a, T> {
    chan: &'a Chan<T, Bounded>,
}

impl<'a, T> Permit<'a, T> {
    /// The caller has taken one permit of the channel's semaphore.
    pub(super) fn taken(chan: &'a Chan<T, Bounded>) -> Permit<'a, T> {
        Permit { chan }
    }

    /// Sends a message into the reserved room, at once. If the receiver was dropped meanwhile the
    /// message is lost.
    pub fn send(self, value: T) {
        let chan = self.chan;
        // The room goes with the message.
        mem::forget(self);
        chan.push(value);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        Bounded::give_back(self.chan, 1);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// Room for several messages, from [`Sender::reserve_many`] or [`Sender::try_reserve_many`];
/// iterate to get the permits. Dropping it gives the rest back.
#[must_use]
pub struct PermitIterator<'a, T> {
    chan: &'a Chan<T, Bounded>,
    n: usize,
}

impl<'a, T> PermitIterator<'a, T> {
    /// The caller has taken `n` permits of the channel's semaphore.
    pub(super) fn taken(chan: &'a Chan<T, Bounded>, n: usize) -> PermitIterator<'a, T> {
        PermitIterator { chan, n }
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.n = self.n.checked_sub(1)?;
        Some(Permit { chan: self.chan })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.n, Some(self.n))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        if self.n > 0 {
            Bounded::give_back(self.chan, self.n);
        }
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator")
            .field("capacity", &self.n)
            .finish_non_exhaustive()
    }
}

/// Room for one message, with the sender it was reserved through, from
/// [`Sender::reserve_owned`] or [`Sender::try_reserve_owned`]; dropping it gives the room back.
#[must_use]
pub struct OwnedPermit<T> {
    /// `None` once it was used.
    sender: Option<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    /// The caller has taken one permit of the channel's semaphore.
    pub(super) fn taken(sender: Sender<T>) -> OwnedPermit<T> {
        OwnedPermit {
            sender: Some(sender),
        }
    }

    fn sender(&self) -> &Sender<T> {
        self.sender
            .as_ref()
            .expect("a permit is consumed by its use")
    }

    /// Sends a message into the reserved room, at once, and returns the sender.
    pub fn send(mut self, value: T) -> Sender<T> {
        let sender = self.sender.take().expect("a permit is consumed by its use");
        sender.chan().push(value);
        sender
    }

    /// Gives the room back and returns the sender.
    pub fn release(mut self) -> Sender<T> {
        let sender = self.sender.take().expect("a permit is consumed by its use");
        Bounded::give_back(sender.chan(), 1);
        sender
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.same_channel_as_sender(other.sender())
    }

    /// Whether the permit is of the sender's channel.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        ptr::eq(self.sender().chan(), sender.chan())
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = &self.sender {
            Bounded::give_back(sender.chan(), 1);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}

//! The unbounded channel: nothing is counted, the list itself is closed.

use std::fmt;
use std::panic::Location;
use std::task::{Context, Poll};

use super::chan::{self, Chan, Limit, Rx, Tx, WeakTx};
use super::error::{SendError, TryRecvError};
use super::futures::{Closed, UnboundedRecv, UnboundedRecvMany};
use super::list::{Head, List};
use crate::runtime::context::block_on_outside;
use crate::telemetry::waits::{Origin, WaitNote};

/// The limit of an unbounded channel: none.
pub(super) struct Unbounded;

impl Limit for Unbounded {
    fn received(&self, _: usize) {}

    fn close<T>(&self, list: &List<T>, head: &mut Head<T>) {
        head.close(list);
    }

    fn is_closed<T>(&self, list: &List<T>) -> bool {
        list.is_closed()
    }

    fn is_drained<T>(&self, head: &Head<T>) -> bool {
        head.is_drained()
    }
}

/// Creates a channel that holds any number of messages.
///
/// Sending never waits. If messages are sent faster than they are received, memory runs out.
#[track_caller]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (tx, rx) = chan::channel(Unbounded, Origin::here());
    (
        UnboundedSender { tx },
        UnboundedReceiver {
            rx,
            note: WaitNote::new(),
        },
    )
}

/// Sends into an unbounded channel; clone it for more senders.
pub struct UnboundedSender<T> {
    tx: Tx<T, Unbounded>,
}

impl<T> UnboundedSender<T> {
    fn chan(&self) -> &Chan<T, Unbounded> {
        self.tx.chan()
    }

    /// Sends a message; does not wait.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the message, if the receiver was closed or dropped. A message that was
    /// sent is not necessarily received.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.chan().push_unless_closed(message).map_err(SendError)
    }

    /// Waits until the receiver is closed or dropped.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub fn closed(&self) -> Closed<'_> {
        Closed::new(&self.chan().closing, self.chan().identity())
    }

    /// Whether the receiver has been closed or dropped.
    pub fn is_closed(&self) -> bool {
        self.chan().is_closed()
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        std::ptr::eq(self.chan(), other.chan())
    }

    /// A sender that does not keep the channel open.
    #[must_use = "Downgrade creates a WeakSender without destroying the original non-weak sender."]
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender {
            tx: self.tx.downgrade(),
        }
    }

    /// Number of [`UnboundedSender`]s.
    pub fn strong_count(&self) -> usize {
        self.chan().strong_count()
    }

    /// Number of [`WeakUnboundedSender`]s.
    pub fn weak_count(&self) -> usize {
        self.chan().weak_count()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> UnboundedSender<T> {
        UnboundedSender {
            tx: self.tx.clone(),
        }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedSender").finish_non_exhaustive()
    }
}

/// A sender that does not keep the channel open, from [`UnboundedSender::downgrade`].
pub struct WeakUnboundedSender<T> {
    tx: WeakTx<T, Unbounded>,
}

impl<T> WeakUnboundedSender<T> {
    /// A sender, unless all are gone.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        Some(UnboundedSender {
            tx: self.tx.upgrade()?,
        })
    }

    /// Number of [`UnboundedSender`]s.
    pub fn strong_count(&self) -> usize {
        self.tx.chan().strong_count()
    }

    /// Number of [`WeakUnboundedSender`]s.
    pub fn weak_count(&self) -> usize {
        self.tx.chan().weak_count()
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender {
            tx: self.tx.clone(),
        }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakUnboundedSender")
            .finish_non_exhaustive()
    }
}

/// Receives from an unbounded channel.
pub struct UnboundedReceiver<T> {
    pub(super) rx: Rx<T, Unbounded>,
    /// Of `poll_recv` and `poll_recv_many`.
    note: WaitNote,
}

impl<T> UnboundedReceiver<T> {
    /// Waits for the next message; `None` when the channel is at its end.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a cancelled call has received nothing.
    pub fn recv(&mut self) -> UnboundedRecv<'_, T> {
        UnboundedRecv::new(self)
    }

    /// Waits for messages and appends up to `limit` of them to `buffer`; how many. 0 when the
    /// channel is at its end, or at once if `limit` is 0.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a cancelled call has received nothing.
    pub fn recv_many<'a>(
        &'a mut self,
        buffer: &'a mut Vec<T>,
        limit: usize,
    ) -> UnboundedRecvMany<'a, T> {
        UnboundedRecvMany::new(self, buffer, limit)
    }

    /// Receives a message if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`].
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// Blocks this thread until there is a message; `None` when the channel is at its end.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Option<T> {
        block_on_outside(self.recv())
    }

    /// As [`recv_many`](UnboundedReceiver::recv_many), blocking this thread.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        block_on_outside(self.recv_many(buffer, limit))
    }

    /// Closes the channel: nothing more can be sent. What was sent can still be received.
    pub fn close(&mut self) {
        self.rx.close();
    }

    /// Whether the channel has been closed, or all senders are gone.
    pub fn is_closed(&self) -> bool {
        self.rx.is_closed()
    }

    /// Whether there is no message now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Messages in the channel.
    pub fn len(&self) -> usize {
        self.rx.len()
    }

    /// The next message, or `None` when the channel is at its end; else the task is woken then.
    /// Only the last waker is woken.
    #[track_caller]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx, &mut self.note, Location::caller())
    }

    /// As [`poll_recv`](UnboundedReceiver::poll_recv), for up to `limit` messages appended to
    /// `buffer`.
    #[track_caller]
    pub fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
    ) -> Poll<usize> {
        self.rx
            .poll_recv_many(cx, buffer, limit, &mut self.note, Location::caller())
    }

    /// Number of [`UnboundedSender`]s.
    pub fn sender_strong_count(&self) -> usize {
        self.rx.chan().strong_count()
    }

    /// Number of [`WeakUnboundedSender`]s.
    pub fn sender_weak_count(&self) -> usize {
        self.rx.chan().weak_count()
    }
}

impl<T> fmt::Debug for UnboundedReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedReceiver")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

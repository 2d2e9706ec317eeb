//! The bounded channel: room is counted by a [`BatchSemaphore`], one permit a message.
//!
//! A permit that was acquired is either turned into a message, and comes back when the message is
//! received, or given back unused. After the receiver was closed the channel is at its end once
//! all permits are back.

use std::fmt;
use std::panic::Location;
use std::task::{Context, Poll};
use std::time::Duration;

use super::chan::{self, Chan, Limit, Rx, Tx, WeakTx};
use super::error::{SendError, TryRecvError, TrySendError};
use super::futures::{
    Closed, Recv, RecvMany, Reserve, ReserveMany, ReserveOwned, SendTimeout, Sending,
};
use super::list::{Head, List};
use super::permit::{OwnedPermit, Permit, PermitIterator};
use crate::runtime::context::block_on_outside;
use crate::sync::TryAcquireError;
use crate::sync::batch::{BatchSemaphore, Source};
use crate::telemetry::holders::Holder;
use crate::telemetry::waits::{Identity, Origin, WaitNote};

/// The limit of a bounded channel.
pub(super) struct Bounded {
    semaphore: BatchSemaphore,
    bound: usize,
    /// Who receives: those that wait for room wait for it.
    receiver: Holder,
}

impl Bounded {
    /// Gives permits back that did not become messages.
    pub(super) fn give_back<T>(chan: &Chan<T, Bounded>, permits: usize) {
        chan.limit.semaphore.release(permits);
        Bounded::given_back(chan);
    }

    /// After permits came back unused: a closed receiver may have waited for the last of them.
    fn given_back<T>(chan: &Chan<T, Bounded>) {
        // The look follows the release on the same word: if the receiver is not closed here, it
        // sees the permits when it looks after closing.
        if chan.limit.is_idle() {
            chan.wake_receiver();
        }
    }

    /// Closed, and all permits are back.
    fn is_idle(&self) -> bool {
        self.semaphore.is_closed() && self.semaphore.available() == self.bound
    }
}

impl Limit for Bounded {
    fn awaited(&self) {
        self.receiver.used();
    }

    fn capacity(&self) -> usize {
        self.bound
    }

    fn received(&self, n: usize) {
        self.receiver.used();
        self.semaphore.release(n);
    }

    fn close<T>(&self, _: &List<T>, _: &mut Head<T>) {
        self.semaphore.close();
    }

    fn is_closed<T>(&self, _: &List<T>) -> bool {
        self.semaphore.is_closed()
    }

    fn is_drained<T>(&self, _: &Head<T>) -> bool {
        self.is_idle()
    }
}

impl<T> Source for &Sender<T> {
    fn semaphore(&self) -> &BatchSemaphore {
        &self.chan().limit.semaphore
    }
    fn identity(&self) -> Identity {
        self.chan().identity()
    }
    fn waited_for(&self, _: usize) {
        let chan = self.chan();
        chan.limit.receiver.waited_for(chan.address());
    }
    fn given_back(&self) {
        Bounded::given_back(self.chan());
    }
}

impl<T> Source for Sender<T> {
    fn semaphore(&self) -> &BatchSemaphore {
        &self.chan().limit.semaphore
    }
    fn identity(&self) -> Identity {
        self.chan().identity()
    }
    fn waited_for(&self, _: usize) {
        let chan = self.chan();
        chan.limit.receiver.waited_for(chan.address());
    }
    fn given_back(&self) {
        Bounded::given_back(self.chan());
    }
}

/// Creates a channel that holds up to `buffer` messages.
///
/// ```
/// # async fn example() {
/// let (tx, mut rx) = zokio::sync::mpsc::channel(100);
/// tx.send("hello").await.unwrap();
/// drop(tx);
/// assert_eq!(rx.recv().await, Some("hello"));
/// assert_eq!(rx.recv().await, None);
/// # }
/// ```
///
/// # Panics
///
/// If `buffer` is 0 or above [`Semaphore::MAX_PERMITS`](crate::sync::Semaphore::MAX_PERMITS).
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "mpsc bounded channel requires buffer > 0");
    BatchSemaphore::check_permits(buffer);
    let limit = Bounded {
        semaphore: BatchSemaphore::new(buffer),
        bound: buffer,
        receiver: Holder::new(),
    };
    let (tx, rx) = chan::channel(limit, Origin::here());
    (
        Sender { tx },
        Receiver {
            rx,
            note: WaitNote::new(),
        },
    )
}

/// Sends into a bounded channel; clone it for more senders.
pub struct Sender<T> {
    tx: Tx<T, Bounded>,
}

impl<T> Sender<T> {
    pub(super) fn chan(&self) -> &Chan<T, Bounded> {
        self.tx.chan()
    }

    /// Sends a message, waiting while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the message, if the receiver was closed or dropped. A message that was
    /// sent is not necessarily received.
    ///
    /// # Cancel safety
    ///
    /// If the call is cancelled the message was not sent, and is dropped; the place in the queue
    /// is lost. [`reserve`](Sender::reserve) keeps the message out of it.
    pub fn send(&self, value: T) -> Sending<'_, T> {
        Sending::new(self, value)
    }

    /// Sends a message if there is room now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the message.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.chan().limit.semaphore.try_acquire(1) {
            Ok(()) => {
                self.chan().push(message);
                Ok(())
            }
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(message)),
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(message)),
        }
    }

    /// Sends a message, waiting at most `timeout` while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`](super::error::SendTimeoutError) with the message.
    ///
    /// # Panics
    ///
    /// When it is polled outside of a runtime with time enabled.
    ///
    /// # Cancel safety
    ///
    /// If the call is cancelled the message was not sent, and is dropped.
    pub fn send_timeout(&self, value: T, timeout: Duration) -> SendTimeout<'_, T> {
        SendTimeout::new(self, value, timeout)
    }

    /// Sends a message from a thread that runs no asynchronous code, blocking it while the channel
    /// is full.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the message, if the receiver was closed or dropped.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_on_outside(self.send(value))
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

    /// Waits for room for one message.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the receiver was closed or dropped.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; the place in the queue is lost.
    pub fn reserve(&self) -> Reserve<'_, T> {
        Reserve::new(self)
    }

    /// Waits for room for `n` messages.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the receiver was closed or dropped, or if the channel cannot hold `n`.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; the place in the queue is lost.
    pub fn reserve_many(&self, n: usize) -> ReserveMany<'_, T> {
        ReserveMany::new(self, n)
    }

    /// As [`reserve`](Sender::reserve), with a permit that holds the sender.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the receiver was closed or dropped.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; the place in the queue is lost, and the sender is dropped.
    pub fn reserve_owned(self) -> ReserveOwned<T> {
        ReserveOwned::new(self)
    }

    /// Takes room for one message if there is some now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`].
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        match self.chan().limit.semaphore.try_acquire(1) {
            Ok(()) => Ok(Permit::taken(self.chan())),
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(())),
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(())),
        }
    }

    /// Takes room for `n` messages if it is there now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`]; `Full` too if the channel cannot hold `n`.
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        if n > self.max_capacity() {
            return Err(TrySendError::Full(()));
        }
        match self.chan().limit.semaphore.try_acquire(n) {
            Ok(()) => Ok(PermitIterator::taken(self.chan(), n)),
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(())),
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(())),
        }
    }

    /// As [`try_reserve`](Sender::try_reserve), with a permit that holds the sender.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the sender.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.chan().limit.semaphore.try_acquire(1) {
            Ok(()) => Ok(OwnedPermit::taken(self)),
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(self)),
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(self)),
        }
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        std::ptr::eq(self.chan(), other.chan())
    }

    /// Room that is free now.
    pub fn capacity(&self) -> usize {
        self.chan().limit.semaphore.available()
    }

    /// The room of the channel when it is empty.
    pub fn max_capacity(&self) -> usize {
        self.chan().limit.bound
    }

    /// A sender that does not keep the channel open.
    #[must_use = "Downgrade creates a WeakSender without destroying the original non-weak sender."]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender {
            tx: self.tx.downgrade(),
        }
    }

    /// Number of [`Sender`]s.
    pub fn strong_count(&self) -> usize {
        self.chan().strong_count()
    }

    /// Number of [`WeakSender`]s.
    pub fn weak_count(&self) -> usize {
        self.chan().weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender {
            tx: self.tx.clone(),
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

/// A sender that does not keep the channel open, from [`Sender::downgrade`].
pub struct WeakSender<T> {
    tx: WeakTx<T, Bounded>,
}

impl<T> WeakSender<T> {
    /// A sender, unless all are gone.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        Some(Sender {
            tx: self.tx.upgrade()?,
        })
    }

    /// Number of [`Sender`]s.
    pub fn strong_count(&self) -> usize {
        self.tx.chan().strong_count()
    }

    /// Number of [`WeakSender`]s.
    pub fn weak_count(&self) -> usize {
        self.tx.chan().weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> WeakSender<T> {
        WeakSender {
            tx: self.tx.clone(),
        }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

/// Receives from a bounded channel.
pub struct Receiver<T> {
    pub(super) rx: Rx<T, Bounded>,
    /// Of `poll_recv` and `poll_recv_many`.
    note: WaitNote,
}

impl<T> Receiver<T> {
    /// Waits for the next message; `None` when the channel is at its end.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a cancelled call has received nothing.
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv::new(self)
    }

    /// Waits for messages and appends up to `limit` of them to `buffer`; how many. 0 when the
    /// channel is at its end, or at once if `limit` is 0.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a cancelled call has received nothing.
    pub fn recv_many<'a>(&'a mut self, buffer: &'a mut Vec<T>, limit: usize) -> RecvMany<'a, T> {
        RecvMany::new(self, buffer, limit)
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

    /// As [`recv_many`](Receiver::recv_many), blocking this thread.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        block_on_outside(self.recv_many(buffer, limit))
    }

    /// Closes the channel: nothing more can be sent, except through permits already reserved.
    /// To lose no message, receive until [`recv`](Receiver::recv) returns `None`.
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

    /// Room that is free now.
    pub fn capacity(&self) -> usize {
        self.rx.chan().limit.semaphore.available()
    }

    /// The room of the channel when it is empty.
    pub fn max_capacity(&self) -> usize {
        self.rx.chan().limit.bound
    }

    /// The next message, or `None` when the channel is at its end; else the task is woken then.
    /// Only the last waker is woken.
    #[track_caller]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.rx.poll_recv(cx, &mut self.note, Location::caller())
    }

    /// As [`poll_recv`](Receiver::poll_recv), for up to `limit` messages appended to `buffer`.
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

    /// Number of [`Sender`]s.
    pub fn sender_strong_count(&self) -> usize {
        self.rx.chan().strong_count()
    }

    /// Number of [`WeakSender`]s.
    pub fn sender_weak_count(&self) -> usize {
        self.rx.chan().weak_count()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

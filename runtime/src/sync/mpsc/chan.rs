//! What bounded and unbounded channels share.
//!
//! A [`Chan`] is held by an `Arc`. [`Tx`] is a counted sender, [`Rx`] the one receiver; the
//! [`Limit`] is what distinguishes the two kinds of channel.
//!
//! The receiver sleeps on the head slot of the list (see `list`); its waker is in a cell with a
//! small lock of its own. Two other events wake it: the last sender goes, or, after it was closed,
//! the last permit comes back. Both are made so: the event is stored, then the waker is taken
//! under the cell's lock; the receiver puts its waker there first and looks at the event after.
//! Whichever takes the lock second sees the other, so no wake-up is lost.

#![expect(
    unsafe_code,
    reason = "the receiver's part of the channel is in an UnsafeCell"
)]

use std::cell::UnsafeCell;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::{hint, thread};

use super::error::TryRecvError;
use super::list::{Head, List};
use crate::loom::Mutex;
use crate::loom::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::notify::Notify;
use crate::task::coop;
use crate::telemetry::backlog::Backlog;
use crate::telemetry::waits::{Identity, Origin, WaitNote, WaitPoint};

static RECV: WaitPoint = WaitPoint::new("mpsc", "recv");

/// How a channel limits its senders.
pub(super) trait Limit: Sized {
    /// The receiver waits for messages.
    fn awaited(&self) {}

    /// Messages that the channel has room for; 0: no limit.
    fn capacity(&self) -> usize {
        0
    }

    /// The receiver took `n` messages.
    fn received(&self, n: usize);

    /// The receiver takes no new messages.
    fn close<T>(&self, list: &List<T>, head: &mut Head<T>);

    /// Whether it was closed: no more can be sent.
    fn is_closed<T>(&self, list: &List<T>) -> bool;

    /// Whether it was closed and no message is there or can still come.
    fn is_drained<T>(&self, head: &Head<T>) -> bool;
}

/// A waker that one side puts in place and the other takes.
struct WakerCell(Mutex<Option<Waker>>);

impl WakerCell {
    /// Puts a waker in place. `again`: the same one is probably there still.
    fn register(&self, waker: &Waker, again: bool) {
        if again && self.0.lock().as_ref().is_some_and(|w| w.will_wake(waker)) {
            return;
        }
        // A waker's code does not run under the lock.
        let waker = waker.clone();
        let old = self.0.lock().replace(waker);
        drop(old);
    }

    fn take(&self) -> Option<Waker> {
        self.0.lock().take()
    }

    fn wake(&self) {
        if let Some(waker) = self.take() {
            waker.wake();
        }
    }
}

/// Who waits for the receiver to be closed. (What senders are refused by is the limit.)
pub(super) struct Closing {
    /// Set before those that wait are notified.
    closed: AtomicBool,
    pub(super) notify: Notify,
}

impl Closing {
    pub(super) fn is_closed(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `Rx::close`.
        self.closed.load(Ordering::Acquire)
    }
}

/// A channel.
#[repr(C)]
pub(super) struct Chan<T, L> {
    pub(super) limit: L,
    senders: AtomicUsize,
    weak_senders: AtomicUsize,
    /// Its beginning is written by senders, its end by the receiver.
    list: List<T>,
    /// Used by the receiver alone.
    head: UnsafeCell<Head<T>>,
    rx_waker: WakerCell,
    pub(super) closing: Closing,
}

// SAFETY: messages move between threads; `head` is used by the one receiver alone, and by `drop`.
unsafe impl<T: Send, L: Send> Send for Chan<T, L> {}
// SAFETY: as above.
unsafe impl<T: Send, L: Sync> Sync for Chan<T, L> {}

impl<T, L> UnwindSafe for Chan<T, L> {}
impl<T, L> RefUnwindSafe for Chan<T, L> {}

impl<T, L> Chan<T, L> {
    /// Adds a message that the limit has been asked for.
    pub(super) fn push(&self, message: T) {
        if self.list.push(message) {
            self.rx_waker.wake();
        }
    }

    /// Adds a message unless the list is closed.
    pub(super) fn push_unless_closed(&self, message: T) -> Result<(), T> {
        if self.list.push_unless_closed(message)? {
            self.rx_waker.wake();
        }
        Ok(())
    }

    pub(super) fn wake_receiver(&self) {
        self.rx_waker.wake();
    }

    /// The address that wait notes name the channel by.
    pub(super) fn address(&self) -> *const () {
        self.list.address()
    }

    pub(super) fn strong_count(&self) -> usize {
        // Ordering: Acquire pairs with the Release of `Tx::drop`: who sees no senders sees all
        // that they have sent.
        self.senders.load(Ordering::Acquire)
    }

    pub(super) fn weak_count(&self) -> usize {
        self.weak_senders.load(Ordering::Relaxed)
    }
}

impl<T, L> Drop for Chan<T, L> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: nobody else has the channel.
        unsafe { self.head.get_mut().free(&self.list) };
    }
}

/// Makes a channel.
pub(super) fn channel<T, L: Limit>(limit: L, origin: Origin) -> (Tx<T, L>, Rx<T, L>) {
    let (list, head) = List::new(Backlog::new(origin, limit.capacity()));
    let chan = Arc::new(Chan {
        limit,
        senders: AtomicUsize::new(1),
        weak_senders: AtomicUsize::new(0),
        list,
        head: UnsafeCell::new(head),
        rx_waker: WakerCell(Mutex::new(None)),
        closing: Closing {
            closed: AtomicBool::new(false),
            notify: Notify::const_new(),
        },
    });
    (Tx { chan: chan.clone() }, Rx { chan })
}

impl<T, L: Limit> Chan<T, L> {
    /// What wait notes say of the channel.
    pub(super) fn identity(&self) -> Identity {
        Identity::new(self.address(), self.list.backlog.origin())
            .with_capacity(self.limit.capacity())
    }

    /// Whether the receiver was closed: true if and only if a send is refused for that.
    pub(super) fn is_closed(&self) -> bool {
        self.limit.is_closed(&self.list)
    }
}

/// A sender that keeps the channel open.
pub(super) struct Tx<T, L> {
    chan: Arc<Chan<T, L>>,
}

impl<T, L> Tx<T, L> {
    pub(super) fn chan(&self) -> &Arc<Chan<T, L>> {
        &self.chan
    }

    pub(super) fn downgrade(&self) -> WeakTx<T, L> {
        self.chan.weak_senders.fetch_add(1, Ordering::Relaxed);
        WeakTx {
            chan: self.chan.clone(),
        }
    }
}

impl<T, L> Clone for Tx<T, L> {
    fn clone(&self) -> Tx<T, L> {
        self.chan.senders.fetch_add(1, Ordering::Relaxed);
        Tx {
            chan: self.chan.clone(),
        }
    }
}

impl<T, L> Drop for Tx<T, L> {
    fn drop(&mut self) {
        // Ordering: Release pairs with the Acquire of `strong_count`; Acquire joins the other
        // senders' releases, so that the wake below comes after all sends.
        if self.chan.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.chan.rx_waker.wake();
        }
    }
}

/// A sender that does not keep the channel open.
pub(super) struct WeakTx<T, L> {
    chan: Arc<Chan<T, L>>,
}

impl<T, L> WeakTx<T, L> {
    pub(super) fn chan(&self) -> &Arc<Chan<T, L>> {
        &self.chan
    }

    pub(super) fn upgrade(&self) -> Option<Tx<T, L>> {
        let more = |n: usize| (n != 0).then(|| n + 1);
        // Ordering: Acquire pairs with the Release of `Tx::drop`.
        self.chan
            .senders
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, more)
            .ok()?;
        Some(Tx {
            chan: self.chan.clone(),
        })
    }
}

impl<T, L> Clone for WeakTx<T, L> {
    fn clone(&self) -> WeakTx<T, L> {
        self.chan.weak_senders.fetch_add(1, Ordering::Relaxed);
        WeakTx {
            chan: self.chan.clone(),
        }
    }
}

impl<T, L> Drop for WeakTx<T, L> {
    fn drop(&mut self) {
        self.chan.weak_senders.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The receiver. There is one a channel, which is not cloned: `&mut Rx` owns the channel's head.
pub(super) struct Rx<T, L: Limit> {
    chan: Arc<Chan<T, L>>,
}

impl<T, L: Limit> Rx<T, L> {
    pub(super) fn chan(&self) -> &Arc<Chan<T, L>> {
        &self.chan
    }

    fn head(&mut self) -> (&Chan<T, L>, &mut Head<T>) {
        // SAFETY: `&mut self` of the only receiver; the channel is not being dropped.
        (&self.chan, unsafe { &mut *self.chan.head.get() })
    }

    /// Takes a message if one is ready. `Empty` also if a message is just being written.
    fn take(&mut self) -> Result<T, TryRecvError> {
        let (chan, head) = self.head();
        if let Some(message) = head.pop(&chan.list) {
            chan.limit.received(1);
            return Ok(message);
        }
        if chan.limit.is_drained(head) {
            return Err(TryRecvError::Disconnected);
        }
        if chan.strong_count() == 0 {
            // All sends were complete when the count was seen, so this look is the last.
            return match head.pop(&chan.list) {
                Some(message) => {
                    chan.limit.received(1);
                    Ok(message)
                }
                None => Err(TryRecvError::Disconnected),
            };
        }
        Err(TryRecvError::Empty)
    }

    /// As `take`, but waits for a message that is just being written.
    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut spins = 0;
        loop {
            match self.take() {
                Err(TryRecvError::Empty) if self.len() > 0 => {
                    // A sender is between its claim and its bit: a few instructions, unless the
                    // system has taken its core away.
                    spins += 1;
                    if spins < 32 {
                        hint::spin_loop();
                    } else {
                        thread::yield_now();
                    }
                }
                result => return result,
            }
        }
    }

    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        note: &mut WaitNote,
        location: &'static Location<'static>,
    ) -> Poll<Option<T>> {
        let coop = ready!(coop::poll_proceed(cx));
        let mut result = self.take();
        if let Err(TryRecvError::Empty) = result {
            self.chan.limit.awaited();
            self.announce(cx);
            result = self.take();
        }
        if let Err(TryRecvError::Empty) = result {
            note.set(&RECV, self.chan.identity(), Some(location));
            return Poll::Pending;
        }
        coop.made_progress();
        note.clear();
        Poll::Ready(result.ok())
    }

    pub(super) fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
        note: &mut WaitNote,
        location: &'static Location<'static>,
    ) -> Poll<usize> {
        let coop = ready!(coop::poll_proceed(cx));
        if limit == 0 {
            coop.made_progress();
            return Poll::Ready(0);
        }
        let mut result = self.take_many(buffer, limit);
        if let Err(TryRecvError::Empty) = result {
            self.chan.limit.awaited();
            self.announce(cx);
            result = self.take_many(buffer, limit);
        }
        if let Err(TryRecvError::Empty) = result {
            note.set(&RECV, self.chan.identity(), Some(location));
            return Poll::Pending;
        }
        coop.made_progress();
        note.clear();
        Poll::Ready(result.unwrap_or(0))
    }

    /// Takes from one to `limit` messages.
    fn take_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> Result<usize, TryRecvError> {
        // The first look tells whether the channel is at its end.
        buffer.push(self.take()?);
        let (chan, head) = self.head();
        let mut taken = 1;
        while taken < limit {
            let Some(message) = head.pop(&chan.list) else {
                break;
            };
            buffer.push(message);
            taken += 1;
        }
        chan.limit.received(taken - 1);
        Ok(taken)
    }

    /// Puts the waker in place and says so. The caller looks once more after it.
    fn announce(&mut self, cx: &mut Context<'_>) {
        let (chan, head) = self.head();
        chan.rx_waker.register(cx.waker(), head.is_waiting());
        head.wait(&chan.list);
    }

    pub(super) fn close(&mut self) {
        let (chan, head) = self.head();
        chan.limit.close(&chan.list, head);
        // Ordering: Release pairs with the Acquire of `Closing::is_closed`.
        chan.closing.closed.store(true, Ordering::Release);
        chan.closing.notify.notify_waiters();
    }

    /// Whether the receiver is closed or all senders are gone.
    pub(super) fn is_closed(&self) -> bool {
        self.chan.is_closed() || self.chan.strong_count() == 0
    }

    pub(super) fn len(&self) -> usize {
        // SAFETY: the head changes only through `&mut self` of the only receiver.
        let head = unsafe { &*self.chan.head.get() };
        head.len(&self.chan.list)
    }
}

impl<T, L: Limit> Drop for Rx<T, L> {
    fn drop(&mut self) {
        /// Drops the messages also when one of them panics as it is dropped.
        struct Drain<'a, T, L: Limit>(&'a mut Rx<T, L>);
        impl<T, L: Limit> Drop for Drain<'_, T, L> {
            fn drop(&mut self) {
                while self.0.take().is_ok() {}
            }
        }
        self.close();
        // Nobody polls any more; senders that live on do not keep the task's memory.
        drop(self.chan.rx_waker.take());
        let drain = Drain(self);
        while let Ok(message) = drain.0.take() {
            drop(message);
        }
    }
}

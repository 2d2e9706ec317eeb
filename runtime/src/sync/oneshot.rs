//! A channel for a single value.
//!
//! One allocation holds the value, a waker for either side, and one atomic state word:
//!
//! | bit | set by | meaning |
//! |---|---|---|
//! | `COMPLETE` | sender | it has sent, or is gone; the value cell is the receiver's |
//! | `CLOSED` | receiver | it takes no value any more |
//! | `RX_WAKER` | receiver | its waker is in place |
//! | `TX_WAKER` | sender | its waker is in place |
//!
//! # Who may touch what
//!
//! - *Value*: the sender until `COMPLETE`, the receiver after. `COMPLETE` is set by a CAS that
//!   fails once `CLOSED` is set, so that a refused value is still the sender's.
//! - *A side's waker*: that side alone while its bit is clear. Once the bit is set both may read
//!   it. The side gets the cell back by clearing the bit, unless the word that it cleared it in
//!   already had the other side's final bit: then the other side may be reading, and the cell is
//!   left alone until the channel is dropped. With its own final bit set first a side has its cell
//!   to itself, since the other side reads it only as it sets its final bit first: so a side that
//!   goes drops its waker, and does not keep its task's memory for as long as the other side lives.
//!
//! # Why no wake-up is lost
//!
//! Each side puts its waker in place and then sets its bit by a read-modify-write that returns the
//! other side's final bit; the other side sets its final bit by a read-modify-write that returns
//! the waker bit. Whichever comes second on the one word sees the first.

#![expect(unsafe_code, reason = "cells handed over by bits of the state word")]

use std::cell::UnsafeCell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use crate::loom::atomic::{AtomicU8, Ordering};
use crate::runtime::context::block_on_outside;
use crate::task::coop;
use crate::telemetry::waits::{Identity, Origin, WaitNote, WaitPoint};

use self::error::{RecvError, TryRecvError};

pub mod error;

static RECV: WaitPoint = WaitPoint::new("oneshot", "recv");
static CLOSED_POINT: WaitPoint = WaitPoint::new("oneshot", "closed");

const COMPLETE: u8 = 1;
const CLOSED: u8 = 2;
const RX_WAKER: u8 = 4;
const TX_WAKER: u8 = 8;

struct Inner<T> {
    state: AtomicU8,
    value: UnsafeCell<Option<T>>,
    rx_waker: UnsafeCell<Option<Waker>>,
    tx_waker: UnsafeCell<Option<Waker>>,
    origin: Origin,
}

// SAFETY: the value moves between threads and is never shared; the cells are handed over by the
// state word (see the module's text).
unsafe impl<T: Send> Send for Inner<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Inner<T> {}

impl<T> Inner<T> {
    /// What wait notes say of the channel.
    fn identity(&self) -> Identity {
        Identity::new(ptr::from_ref(self).cast(), self.origin)
    }

    fn load(&self) -> u8 {
        // Ordering: Acquire pairs with the Release of the other side's final bit: who sees
        // `COMPLETE` sees the value.
        self.state.load(Ordering::Acquire)
    }

    /// Sets `COMPLETE` unless the channel is closed; the word before.
    fn complete(&self) -> Result<u8, ()> {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & CLOSED == 0 {
            // Ordering: Release pairs with the Acquire in `load` and `set_waker` (the value);
            // Acquire pairs with the Release in `set_waker` (the receiver's waker).
            match self.state.compare_exchange_weak(
                state,
                state | COMPLETE,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(state),
                Err(now) => state = now,
            }
        }
        Err(())
    }

    /// Completes and wakes the receiver. Whether the channel was still open.
    fn complete_and_wake(&self) -> bool {
        let Ok(before) = self.complete() else {
            return false;
        };
        if before & RX_WAKER != 0 {
            // SAFETY: `RX_WAKER` was set when `COMPLETE` was: the receiver writes no more to the
            // cell, both may read.
            let waker = unsafe { &*self.rx_waker.get() };
            if let Some(waker) = waker {
                waker.wake_by_ref();
            }
        }
        if before & TX_WAKER != 0 {
            // SAFETY: `COMPLETE` came before `CLOSED`, so that the receiver does not read the
            // cell: it is the sender's, and this is its last use.
            drop(unsafe { (*self.tx_waker.get()).take() });
        }
        true
    }

    /// Sets `CLOSED` and wakes the sender if it waits for that; the word before.
    fn close(&self) -> u8 {
        // Ordering: Release pairs with the Acquire of the sender's loads; Acquire pairs with the
        // Release of `complete` (the value) and of `set_waker` (the sender's waker).
        let before = self.state.fetch_or(CLOSED, Ordering::AcqRel);
        if before & TX_WAKER != 0 && before & (COMPLETE | CLOSED) == 0 {
            // SAFETY: `TX_WAKER` was set when `CLOSED` was: the sender writes no more to the
            // cell, both may read.
            let waker = unsafe { &*self.tx_waker.get() };
            if let Some(waker) = waker {
                waker.wake_by_ref();
            }
        }
        if before & RX_WAKER != 0 && before & COMPLETE == 0 {
            // Ordering: Relaxed: only this side looks at the bit from now on.
            self.state.fetch_and(!RX_WAKER, Ordering::Relaxed);
            // SAFETY: `CLOSED` came before `COMPLETE`, so that the sender does not read the cell:
            // it is the receiver's, and this is it.
            drop(unsafe { (*self.rx_waker.get()).take() });
        }
        before
    }

    /// Puts a side's waker in place. `state` is the word as the side last saw it, without `last`,
    /// the other side's final bit. Ready if that bit came meanwhile.
    ///
    /// # Safety
    ///
    /// The caller is the side that `cell` and `bit` belong to.
    unsafe fn set_waker(
        &self,
        state: u8,
        cell: &UnsafeCell<Option<Waker>>,
        bit: u8,
        last: u8,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if state & bit != 0 {
            // SAFETY: with the bit set both sides may read.
            let same = unsafe { &*cell.get() }
                .as_ref()
                .is_some_and(|w| w.will_wake(cx.waker()));
            if same {
                return Poll::Pending;
            }
        }
        let waker = cx.waker().clone();
        if state & bit != 0 {
            // Ordering: Acquire pairs with the Release of the other side's final bit.
            let before = self.state.fetch_and(!bit, Ordering::Acquire);
            if before & last != 0 {
                return Poll::Ready(());
            }
        }
        // SAFETY: the bit is clear and was cleared before the other side's final bit, so that the
        // cell is this side's alone.
        let old = unsafe { (*cell.get()).replace(waker) };
        // Ordering: Release pairs with the Acquire in `complete` and `close` (the waker); Acquire
        // with their Release.
        let before = self.state.fetch_or(bit, Ordering::AcqRel);
        drop(old);
        if before & last != 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        let state = self.load();
        if state & COMPLETE == 0 {
            if state & CLOSED != 0 {
                return Poll::Ready(Err(RecvError(())));
            }
            // SAFETY: this is the receiver's side.
            ready!(unsafe { self.set_waker(state, &self.rx_waker, RX_WAKER, COMPLETE, cx) });
        }
        // SAFETY: `COMPLETE` was seen.
        Poll::Ready(unsafe { self.take_value() }.ok_or(RecvError(())))
    }

    fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let state = self.load();
        if state & CLOSED != 0 {
            return Poll::Ready(());
        }
        // SAFETY: this is the sender's side.
        unsafe { self.set_waker(state, &self.tx_waker, TX_WAKER, CLOSED, cx) }
    }

    /// # Safety
    ///
    /// The value cell is the caller's: see the module's text.
    unsafe fn take_value(&self) -> Option<T> {
        // SAFETY: promised by the caller.
        unsafe { (*self.value.get()).take() }
    }
}

impl<T> fmt::Debug for Inner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Ordering::Relaxed);
        f.debug_struct("Inner")
            .field("is_complete", &(state & COMPLETE != 0))
            .field("is_closed", &(state & CLOSED != 0))
            .finish_non_exhaustive()
    }
}

/// Creates a channel for a single value.
///
/// ```
/// # async fn example() {
/// let (tx, rx) = zokio::sync::oneshot::channel();
/// tx.send(3).unwrap();
/// assert_eq!(rx.await, Ok(3));
/// # }
/// ```
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let inner = Arc::new(Inner {
        state: AtomicU8::new(0),
        value: UnsafeCell::new(None),
        rx_waker: UnsafeCell::new(None),
        tx_waker: UnsafeCell::new(None),
        origin: Origin::here(),
    });
    let sender = Sender {
        inner: Some(inner.clone()),
        note: WaitNote::new(),
    };
    (
        sender,
        Receiver {
            inner: Some(inner),
            note: WaitNote::new(),
        },
    )
}

/// The sending half: sends one value, at once.
pub struct Sender<T> {
    /// `None` once it has sent.
    inner: Option<Arc<Inner<T>>>,
    /// Of `poll_closed`.
    note: WaitNote,
}

impl<T> Sender<T> {
    /// Sends the value; does not wait.
    ///
    /// # Errors
    ///
    /// The value, if the receiver has been closed or dropped. A value that was sent is not
    /// necessarily received: the receiver may go away first.
    pub fn send(mut self, t: T) -> Result<(), T> {
        let inner = self.inner.take().expect("a sender sends once");
        // SAFETY: `COMPLETE` is only set by the sender, below: the cell is its own.
        unsafe { *inner.value.get() = Some(t) };
        if inner.complete_and_wake() {
            return Ok(());
        }
        // SAFETY: the channel was closed before, `COMPLETE` was not set: the cell is still ours.
        Err(unsafe { inner.take_value() }.expect("it was put there above"))
    }

    /// Waits until the receiver is closed or dropped.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub fn closed(&mut self) -> Closed<'_, T> {
        Closed {
            sender: self,
            note: WaitNote::new(),
        }
    }

    /// Whether the receiver has been closed or dropped.
    pub fn is_closed(&self) -> bool {
        self.inner().load() & CLOSED != 0
    }

    /// Ready once the receiver is closed or dropped; else the task is woken then.
    #[track_caller]
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let location = Location::caller();
        let Sender { inner, note } = self;
        let inner = inner.as_ref().expect("a sender is consumed by sending");
        Self::poll_noted(inner, cx, note, location)
    }

    fn inner(&self) -> &Arc<Inner<T>> {
        self.inner
            .as_ref()
            .expect("a sender is consumed by sending")
    }

    fn poll_noted(
        inner: &Arc<Inner<T>>,
        cx: &mut Context<'_>,
        note: &mut WaitNote,
        location: &'static Location<'static>,
    ) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx));
        let result = inner.poll_closed(cx);
        match result {
            Poll::Pending => note.set(&CLOSED_POINT, inner.identity(), Some(location)),
            Poll::Ready(()) => {
                coop.made_progress();
                note.clear();
            }
        }
        result
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(inner) = &self.inner {
            inner.complete_and_wake();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("inner", &self.inner)
            .finish()
    }
}

/// Future of [`Sender::closed`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
#[derive(Debug)]
pub struct Closed<'a, T> {
    sender: &'a mut Sender<T>,
    note: WaitNote,
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let location = Location::caller();
        let Closed { sender, note } = &mut *self;
        Sender::poll_noted(sender.inner(), cx, note, location)
    }
}

/// The receiving half: a future of the value.
///
/// # Cancel safety
///
/// `&mut receiver` may be awaited in `select!` again and again; no value is lost.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Receiver<T> {
    /// `None` once the value or the error was received.
    inner: Option<Arc<Inner<T>>>,
    note: WaitNote,
}

impl<T> Receiver<T> {
    /// Closes the channel: the sender can send no more. A value sent before can still be received.
    pub fn close(&mut self) {
        if let Some(inner) = &self.inner {
            inner.close();
        }
    }

    /// Whether the value or an error has been received; polling would panic then.
    pub fn is_terminated(&self) -> bool {
        self.inner.is_none()
    }

    /// Whether there is no value to receive now.
    pub fn is_empty(&self) -> bool {
        let Some(inner) = &self.inner else {
            return true;
        };
        if inner.load() & COMPLETE == 0 {
            return true;
        }
        // SAFETY: `COMPLETE` was seen: the cell is the receiver's, and this is it.
        unsafe { &*inner.value.get() }.is_none()
    }

    /// Receives the value if it has been sent.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if it has not been sent yet; [`TryRecvError::Closed`] if it never
    /// will be, or has been received before.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let inner = self.inner.as_ref().ok_or(TryRecvError::Closed)?;
        let state = inner.load();
        let result = if state & COMPLETE != 0 {
            // SAFETY: `COMPLETE` was seen.
            unsafe { inner.take_value() }.ok_or(TryRecvError::Closed)
        } else if state & CLOSED != 0 {
            Err(TryRecvError::Closed)
        } else {
            return Err(TryRecvError::Empty);
        };
        self.inner = None;
        self.note.clear();
        result
    }

    /// Blocks this thread until the value is sent.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the sender was dropped without sending.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        block_on_outside(self)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    /// # Panics
    ///
    /// If the value or the error has been received before.
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = Location::caller();
        let coop = ready!(coop::poll_proceed(cx));
        let Receiver { inner, note } = &mut *self;
        let channel = inner.as_ref().expect("called after complete");
        let result = channel.poll_recv(cx);
        match result {
            Poll::Pending => note.set(&RECV, channel.identity(), Some(location)),
            Poll::Ready(_) => {
                coop.made_progress();
                note.clear();
                *inner = None;
            }
        }
        result
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Some(inner) = &self.inner
            && inner.close() & COMPLETE != 0
        {
            // A value that was sent is dropped now, not when the sender's half goes.
            // SAFETY: `COMPLETE` was seen.
            drop(unsafe { inner.take_value() });
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("inner", &self.inner)
            .finish()
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests;

#[cfg(all(test, zokio_loom))]
mod loom_tests;

//! Receivers of channels that show each message, or the latest, to many.
//!
//! Their futures borrow the receiver. So a stream owns either a receiver, or a future that owns the
//! receiver and gives it back with what it waited for. Memory is allocated for a wait only: what is
//! there already is found by a future on the stack.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;

use crate::stream::Stream;
use crate::sync::broadcast::error::RecvError;
use crate::sync::{broadcast, watch};

type Wait<R, O> = Pin<Box<dyn Future<Output = (O, R)> + Send>>;

/// A receiver `R`, or a wait for an outcome `O`.
enum State<R, O> {
    Idle(R),
    /// The lock is never taken: it makes of a future that is no more than `Send` one that may be
    /// shared, as the stream may be.
    Waiting(Mutex<Wait<R, O>>),
    /// While it is being polled, and if that panicked.
    Taken,
}

impl<R, O> State<R, O> {
    /// Waits with the future that `wait` makes of the receiver, if none is under way.
    #[track_caller]
    fn poll_wait<F>(&mut self, cx: &mut Context<'_>, wait: impl FnOnce(R) -> F) -> Poll<(O, R)>
    where
        F: Future<Output = (O, R)> + Send + 'static,
    {
        let mut waiting = match mem::replace(self, State::Taken) {
            State::Idle(receiver) => Box::pin(wait(receiver)),
            State::Waiting(waiting) => waiting.into_inner(),
            State::Taken => panic!("a stream was polled again after it panicked"),
        };
        let outcome = waiting.as_mut().poll(cx);
        if outcome.is_pending() {
            *self = State::Waiting(Mutex::new(waiting));
        }
        outcome
    }
}

/// The messages of a broadcast channel; where this receiver missed some, an error says how many.
/// Ends when all senders are gone and all messages were received.
#[must_use = "streams do nothing unless polled"]
pub struct BroadcastStream<T> {
    state: State<broadcast::Receiver<T>, Result<T, RecvError>>,
}

impl<T: Clone + Send + 'static> BroadcastStream<T> {
    /// Makes a stream of a receiver.
    pub fn new(receiver: broadcast::Receiver<T>) -> Self {
        let state = State::Idle(receiver);
        BroadcastStream { state }
    }
}

impl<T: Clone + Send + 'static> Stream for BroadcastStream<T> {
    type Item = Result<T, BroadcastStreamRecvError>;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let State::Idle(receiver) = &mut self.state
            && let Poll::Ready(result) = pin!(receiver.recv()).poll(cx)
        {
            return Poll::Ready(item(result));
        }
        let (result, receiver) = ready!(self.state.poll_wait(cx, |mut receiver| async move {
            let result = receiver.recv().await;
            (result, receiver)
        }));
        self.state = State::Idle(receiver);
        Poll::Ready(item(result))
    }
}

fn item<T>(received: Result<T, RecvError>) -> Option<Result<T, BroadcastStreamRecvError>> {
    match received {
        Ok(message) => Some(Ok(message)),
        Err(RecvError::Lagged(missed)) => Some(Err(BroadcastStreamRecvError::Lagged(missed))),
        Err(RecvError::Closed) => None,
    }
}

impl<T> fmt::Debug for BroadcastStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastStream").finish()
    }
}

impl<T: Clone + Send + 'static> From<broadcast::Receiver<T>> for BroadcastStream<T> {
    fn from(receiver: broadcast::Receiver<T>) -> Self {
        Self::new(receiver)
    }
}

/// What a [`BroadcastStream`] yields where messages were missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BroadcastStreamRecvError {
    /// The receiver was too slow: so many messages were overwritten before it got to them. The
    /// stream goes on with the oldest that is left.
    Lagged(u64),
}

impl fmt::Display for BroadcastStreamRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BroadcastStreamRecvError::Lagged(missed) = self;
        write!(f, "channel lagged by {missed}")
    }
}

impl Error for BroadcastStreamRecvError {}

/// The values of a watch channel: the current one at once, then each that it is changed to, except
/// those that were replaced before the stream was polled. Ends when all senders are gone and the
/// last value was seen.
#[must_use = "streams do nothing unless polled"]
pub struct WatchStream<T> {
    state: State<watch::Receiver<T>, bool>,
    /// The current value is to be shown, also if the receiver has seen it.
    show_current: bool,
}

impl<T: Clone + Send + Sync + 'static> WatchStream<T> {
    /// A stream whose first item is the current value, whether or not it was seen.
    pub fn new(receiver: watch::Receiver<T>) -> Self {
        let state = State::Idle(receiver);
        WatchStream {
            state,
            show_current: true,
        }
    }

    /// A stream whose first item is the next value that the receiver has not seen.
    pub fn from_changes(receiver: watch::Receiver<T>) -> Self {
        let state = State::Idle(receiver);
        WatchStream {
            state,
            show_current: false,
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Stream for WatchStream<T> {
    type Item = T;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.get_mut();
        if let State::Idle(receiver) = &mut this.state {
            let changed = if this.show_current {
                Poll::Ready(true)
            } else {
                pin!(receiver.changed()).poll(cx).map(|seen| seen.is_ok())
            };
            if let Poll::Ready(changed) = changed {
                this.show_current = false;
                return Poll::Ready(changed.then(|| receiver.borrow_and_update().clone()));
            }
        }
        let (changed, mut receiver) = ready!(this.state.poll_wait(cx, |mut receiver| async move {
            let changed = receiver.changed().await.is_ok();
            (changed, receiver)
        }));
        let value = changed.then(|| receiver.borrow_and_update().clone());
        this.state = State::Idle(receiver);
        Poll::Ready(value)
    }
}

// The value is never pinned.
impl<T> Unpin for WatchStream<T> {}

impl<T> fmt::Debug for WatchStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream").finish()
    }
}

impl<T: Clone + Send + Sync + 'static> From<watch::Receiver<T>> for WatchStream<T> {
    fn from(receiver: watch::Receiver<T>) -> Self {
        Self::new(receiver)
    }
}

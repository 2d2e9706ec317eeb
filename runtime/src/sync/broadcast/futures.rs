//! The futures that the methods of broadcast channels return.

#![expect(
    unsafe_code,
    reason = "pin projection to the wait inside the named future"
)]

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::Shared;
use super::error::{RecvError, TryRecvError};
use super::receiver::receive;
use crate::sync::event_count::Awaiting;
use crate::task::coop;
use crate::telemetry::waits::WaitPoint;

pub use crate::sync::receivers::Closed;

static RECV: WaitPoint = WaitPoint::new("broadcast", "recv");
pub(super) static CLOSED: WaitPoint = WaitPoint::new("broadcast", "closed");

/// Future of [`Receiver::recv`](super::Receiver::recv).
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Recv<'a, T> {
    shared: &'a Shared<T>,
    next: &'a mut u64,
    awaiting: Awaiting<'a>,
}

impl<'a, T> Recv<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, next: &'a mut u64) -> Recv<'a, T> {
        Recv {
            shared,
            next,
            awaiting: Awaiting::new(&shared.events),
        }
    }
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = Location::caller();
        let coop = ready!(coop::poll_proceed(cx));
        // SAFETY: `awaiting`, the only field that is pinned, is not moved out of.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let mut awaiting = unsafe { Pin::new_unchecked(&mut this.awaiting) };
        loop {
            let error = match receive(this.shared, this.next) {
                Ok(message) => {
                    coop.made_progress();
                    awaiting.leave();
                    return Poll::Ready(Ok(message));
                }
                Err(TryRecvError::Lagged(missed)) => RecvError::Lagged(missed),
                Err(TryRecvError::Closed) => RecvError::Closed,
                Err(TryRecvError::Empty) => {
                    let resource = this.shared.identity();
                    let awaiting = awaiting.as_mut();
                    // Ready if a message has come since the look above.
                    let _ = ready!(awaiting.poll(*this.next, cx, &RECV, resource, location));
                    continue;
                }
            };
            coop.made_progress();
            awaiting.leave();
            return Poll::Ready(Err(error));
        }
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").finish_non_exhaustive()
    }
}

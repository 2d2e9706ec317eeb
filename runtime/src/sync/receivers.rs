//! The receivers of a channel that has many: how many there are, and who waits for the last to go.

#![expect(
    unsafe_code,
    reason = "pin projection to the notification inside the named future"
)]

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::notify::{Notified, Notify};
use crate::loom::atomic::{AtomicUsize, Ordering};
use crate::task::coop;
use crate::telemetry::waits::{Identity, WaitPoint};

/// How many receivers there are.
pub(super) struct Receivers {
    count: AtomicUsize,
    gone: Notify,
}

impl Receivers {
    pub(super) fn new(count: usize) -> Receivers {
        Receivers {
            count: AtomicUsize::new(count),
            gone: Notify::const_new(),
        }
    }

    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// True: it was the last, and the caller must call [`last_is_gone`](Receivers::last_is_gone).
    #[must_use = "if true, those that wait for it must be told"]
    pub(super) fn remove(&self) -> bool {
        self.count.fetch_sub(1, Ordering::Relaxed) == 1
    }

    pub(super) fn last_is_gone(&self) {
        self.gone.notify_waiters();
    }

    pub(super) fn closed(&self, point: &'static WaitPoint, channel: Identity) -> Closed<'_> {
        Closed {
            receivers: self,
            notified: self.gone.notified(),
            point,
            channel,
        }
    }
}

/// Future of `Sender::closed`.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Closed<'a> {
    receivers: &'a Receivers,
    /// Made before each look at the count: it gets every later notification, and an earlier one
    /// that it does not get was published with the count.
    notified: Notified<'a>,
    point: &'static WaitPoint,
    /// For the wait note.
    channel: Identity,
}

impl Future for Closed<'_> {
    type Output = ();

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let location = Location::caller();
        // SAFETY: `notified`, the only field that is pinned, is not moved out of.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let mut notified = unsafe { Pin::new_unchecked(&mut this.notified) };
        loop {
            if this.receivers.count() == 0 {
                ready!(coop::poll_proceed(cx)).made_progress();
                // Forgets the wait, if there was one.
                notified.set(this.receivers.gone.notified());
                return Poll::Ready(());
            }
            match notified
                .as_mut()
                .poll_as(cx, this.point, this.channel, location)
            {
                // A new receiver may have come since.
                Poll::Ready(()) => notified.set(this.receivers.gone.notified()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl fmt::Debug for Closed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").finish_non_exhaustive()
    }
}

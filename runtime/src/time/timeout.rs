//! Bounding the time of a future.

#![expect(unsafe_code, reason = "reaches the pinned future inside")]

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::Instant;
use super::alarm::Alarm;
use super::error::Elapsed;
use crate::task::coop::{has_budget_remaining, poll_proceed};
use crate::telemetry::waits::{WaitNote, WaitPoint};

static TIMEOUT: WaitPoint = WaitPoint::new("timeout", "wait");

/// Requires `future` to complete within `duration`.
///
/// The future is polled before the time is looked at: one that is ready at once succeeds also if
/// the duration is zero, and takes no timer. Cancelled by dropping it, together with the future
/// inside.
///
/// # Errors
///
/// [`Elapsed`] if the time was up first; the future inside is dropped with the `Timeout`.
///
/// # Panics
///
/// As [`sleep`](super::sleep). Made inside a task it belongs to the runtime in which it is first
/// polled: that panics outside of any.
#[track_caller]
#[inline]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout::new(future.into_future(), Alarm::after(duration))
}

/// Requires `future` to complete before `deadline`. See [`timeout`].
///
/// # Errors
///
/// [`Elapsed`] if the time was up first.
///
/// # Panics
///
/// As [`sleep`](super::sleep).
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout::new(future.into_future(), Alarm::new(deadline))
}

/// Future of [`timeout`] and [`timeout_at`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Timeout<T> {
    /// Pinned with the `Timeout`; the other fields are not.
    value: T,
    alarm: Alarm,
    note: WaitNote,
}

impl<T> Timeout<T> {
    fn new(value: T, alarm: Alarm) -> Timeout<T> {
        Timeout {
            value,
            alarm,
            note: WaitNote::new(),
        }
    }

    /// The future inside.
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// The future inside.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// The future inside, without its bound.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T: Future> Future for Timeout<T> {
    type Output = Result<T::Output, Elapsed>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `value` is pinned structurally: it is not moved out of the reference below, the
        // type has no `Drop`, it is `Unpin` only if `T` is (auto trait), and `get_mut` and
        // `into_inner` need an unpinned `Timeout`.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above; `this` came from a `Pin`.
        let value = unsafe { Pin::new_unchecked(&mut this.value) };

        let had_budget = has_budget_remaining();
        if let Poll::Ready(output) = value.poll(cx) {
            this.note.clear();
            return Poll::Ready(Ok(output));
        }
        // A future that always uses up the budget must not keep its own timeout from being seen.
        let coop = if !had_budget || has_budget_remaining() {
            Some(ready!(poll_proceed(cx)))
        } else {
            None
        };
        if this.alarm.poll(cx).is_ready() {
            this.note.clear();
            if let Some(coop) = coop {
                coop.made_progress();
            }
            return Poll::Ready(Err(Elapsed::new()));
        }
        this.note
            .set(&TIMEOUT, ptr::null(), Some(Location::caller()));
        Poll::Pending
    }
}

impl<T: fmt::Debug> fmt::Debug for Timeout<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("value", &self.value)
            .field("deadline", &self.alarm.deadline())
            .finish()
    }
}

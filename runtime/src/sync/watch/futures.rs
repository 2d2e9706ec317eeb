//! The futures that the methods of watch channels return.

#![expect(
    unsafe_code,
    reason = "pin projection to the wait inside the named futures"
)]

use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::error::RecvError;
use super::{Ref, Shared};
use crate::sync::event_count::Awaiting;
use crate::task::coop;
use crate::telemetry::waits::WaitPoint;

pub use crate::sync::receivers::Closed;

static CHANGED: WaitPoint = WaitPoint::new("watch", "changed");
static WAIT_FOR: WaitPoint = WaitPoint::new("watch", "wait_for");

/// Future of [`Receiver::changed`](super::Receiver::changed).
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Changed<'a, T> {
    shared: &'a Shared<T>,
    seen: &'a mut u64,
    awaiting: Awaiting<'a>,
}

impl<'a, T> Changed<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, seen: &'a mut u64) -> Changed<'a, T> {
        Changed {
            shared,
            seen,
            awaiting: Awaiting::new(&shared.events),
        }
    }
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<(), RecvError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = Location::caller();
        let coop = ready!(coop::poll_proceed(cx));
        // SAFETY: `awaiting`, the only field that is pinned, is not moved out of.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let awaiting = unsafe { Pin::new_unchecked(&mut this.awaiting) };
        let resource = this.shared.identity();
        let now = ready!(awaiting.poll(*this.seen, cx, &CHANGED, resource, location));
        coop.made_progress();
        // A value that was not seen comes before the end.
        Poll::Ready(if mem::replace(this.seen, now.count()) != now.count() {
            Ok(())
        } else {
            Err(RecvError(()))
        })
    }
}

impl<T> fmt::Debug for Changed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changed").finish_non_exhaustive()
    }
}

/// Future of [`Receiver::wait_for`](super::Receiver::wait_for).
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WaitFor<'a, T, F> {
    shared: &'a Shared<T>,
    seen: &'a mut u64,
    /// Not pinned: it is called, never polled.
    condition: F,
    /// The current value has been shown to the condition.
    started: bool,
    awaiting: Awaiting<'a>,
}

impl<'a, T, F> WaitFor<'a, T, F> {
    pub(super) fn new(shared: &'a Shared<T>, seen: &'a mut u64, condition: F) -> Self {
        WaitFor {
            shared,
            seen,
            condition,
            started: false,
            awaiting: Awaiting::new(&shared.events),
        }
    }
}

impl<'a, T, F: FnMut(&T) -> bool> Future for WaitFor<'a, T, F> {
    type Output = Result<Ref<'a, T>, RecvError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = Location::caller();
        // SAFETY: `awaiting`, the only field that is pinned, is not moved out of.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let mut awaiting = unsafe { Pin::new_unchecked(&mut this.awaiting) };
        let resource = this.shared.identity();
        loop {
            // A unit of budget for each value: a fast sender does not hold the task here.
            let coop = ready!(coop::poll_proceed(cx));
            if this.started {
                let awaiting = awaiting.as_mut();
                let now = ready!(awaiting.poll(*this.seen, cx, &WAIT_FOR, resource, location));
                if now.count() == *this.seen {
                    coop.made_progress();
                    return Poll::Ready(Err(RecvError(())));
                }
            }
            coop.made_progress();
            this.started = true;
            let value = this.shared.value.read();
            let now = this.shared.events.load().count();
            let has_changed = mem::replace(this.seen, now) != now;
            if (this.condition)(&value) {
                return Poll::Ready(Ok(Ref { value, has_changed }));
            }
        }
    }
}

impl<T, F> fmt::Debug for WaitFor<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFor").finish_non_exhaustive()
    }
}

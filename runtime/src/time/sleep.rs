//! Waiting until a moment.

#![expect(unsafe_code, reason = "reaches the fields of a pinned future")]

use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::Instant;
use super::alarm::Alarm;
use crate::task::coop::poll_proceed;
use crate::telemetry::waits::{WaitNote, WaitPoint};

static SLEEP: WaitPoint = WaitPoint::new("sleep", "sleep");

/// Waits until `duration` has passed.
///
/// The resolution is a millisecond, rounded up. A duration that the clock cannot hold waits for
/// decades. Cancel safe: dropping the future does nothing else.
///
/// # Panics
///
/// If it is made outside of a runtime, or if the runtime was built without
/// [`enable_time`](crate::runtime::Builder::enable_time).
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let deadline = Instant::now().checked_add(duration);
    Sleep::new(deadline.unwrap_or_else(Instant::far_future))
}

/// Waits until `deadline`. See [`sleep`].
///
/// # Panics
///
/// As [`sleep`].
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline)
}

/// Future of [`sleep`] and [`sleep_until`].
///
/// It is not `Unpin`: pin it to use it in `select!` again and again, or to [`reset`](Sleep::reset)
/// it.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::pin::pin;
/// use zokio::time::{Duration, Instant, sleep};
///
/// let mut nap = pin!(sleep(Duration::from_secs(60)));
/// nap.as_mut().reset(Instant::now() + Duration::from_millis(1));
/// nap.await;
/// # });
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    alarm: Alarm,
    note: WaitNote,
    /// As tokio's, so that code which compiles here compiles there.
    _pinned: PhantomPinned,
}

impl Sleep {
    #[track_caller]
    fn new(deadline: Instant) -> Sleep {
        Sleep {
            alarm: Alarm::new(deadline),
            note: WaitNote::new(),
            _pinned: PhantomPinned,
        }
    }

    /// When it completes.
    pub fn deadline(&self) -> Instant {
        self.alarm.deadline()
    }

    /// Whether its time has come.
    pub fn is_elapsed(&self) -> bool {
        self.alarm.is_elapsed()
    }

    /// Another deadline, without making another future; also after it has completed. Whoever
    /// waits for it is woken at the new deadline.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        self.fields().alarm.reset(deadline);
    }

    fn fields(self: Pin<&mut Self>) -> &mut Sleep {
        // SAFETY: nothing in `Sleep` relies on its address, no field is ever pinned, and no
        // caller in this module moves out of the reference: being pinned is a promise to users
        // only.
        unsafe { self.get_unchecked_mut() }
    }
}

impl Future for Sleep {
    type Output = ();

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.fields();
        let coop = ready!(poll_proceed(cx));
        if this.alarm.poll(cx).is_ready() {
            this.note.clear();
            coop.made_progress();
            return Poll::Ready(());
        }
        this.note
            .set(&SLEEP, ptr::null::<()>(), Some(Location::caller()));
        Poll::Pending
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}

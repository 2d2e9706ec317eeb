//! Freezing time, for tests.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::clock::{Clock, Refused};
use crate::runtime::{Handle, RuntimeFlavor};

/// Does something to the current runtime's clock.
///
/// # Panics
///
/// Outside of a runtime, and if the clock refuses.
#[track_caller]
fn with_clock(f: impl FnOnce(&Handle, &Clock) -> Result<(), Refused>) {
    let done = match Handle::try_current() {
        Ok(handle) => f(&handle, handle.driver().timers().clock()),
        Err(error) if error.is_missing_context() => {
            Err("time cannot be frozen from outside the zokio runtime")
        }
        Err(error) => panic!("{error}"),
    };
    if let Err(why) = done {
        panic!("{why}");
    }
}

/// Freezes the current runtime's time.
///
/// [`Instant::now`](super::Instant::now) stands still, std's `Instant` goes on. When the runtime
/// has nothing to do, its time jumps to the next timer, so that sleeps of hours take no time;
/// while blocking jobs run it does not.
///
/// # Panics
///
/// If time is frozen already, outside of a runtime, and in a multi-thread runtime.
#[track_caller]
pub fn pause() {
    with_clock(|handle, clock| {
        if handle.runtime_flavor() == RuntimeFlavor::MultiThread {
            return Err(ONE_THREAD);
        }
        clock.pause()
    });
}

/// What is said where time cannot be frozen because several threads go by it.
pub(crate) const ONE_THREAD: &str = "`time::pause()` requires the `current_thread` zokio runtime. \
    This is the default Runtime used by `#[zokio::test]`.";

/// Lets time run again, from where it stands.
///
/// # Panics
///
/// If time is not frozen, and outside of a runtime.
#[track_caller]
pub fn resume() {
    with_clock(|handle, clock| {
        clock.resume()?;
        // The driver sleeps without a limit while a blocking job keeps frozen time from moving.
        handle.driver().unpark();
        Ok(())
    });
}

/// Moves frozen time by `duration`, fires the timers that it passes, and lets other tasks go first,
/// those among them that the timers wake.
///
/// Nothing happens before the future is polled. Time moves in one jump: tasks that wait for several
/// moments in turn see it jump past all of them at once, and what they do after they have been
/// woken is not waited for. Advance in steps, or sleep, to see them one by one.
///
/// # Panics
///
/// When polled: if time is not frozen, and outside of a runtime.
///
/// # Examples
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// use zokio::time::{Duration, Instant, advance};
///
/// let start = Instant::now();
/// advance(Duration::from_secs(3600)).await;
/// assert_eq!(start.elapsed(), Duration::from_secs(3600));
/// # });
/// ```
pub fn advance(duration: Duration) -> impl Future<Output = ()> + Send + Sync {
    Advance(Some(duration))
}

/// Future of [`advance`]: how far time is yet to be moved.
#[must_use = "futures do nothing unless you `.await` or poll them"]
struct Advance(Option<Duration>);

impl Future for Advance {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(duration) = self.0.take() else {
            return Poll::Ready(());
        };
        with_clock(|handle, clock| {
            clock.advance(duration)?;
            handle.driver().fire_timers();
            Ok(())
        });
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

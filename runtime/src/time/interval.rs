//! Ticking.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::Instant;
use super::alarm::Alarm;
use crate::task::coop::poll_proceed;
use crate::telemetry::waits::{WaitNote, WaitPoint};

static TICK: WaitPoint = WaitPoint::new("interval", "tick");

/// A tick that is later than this has been missed; less is the timers' own imprecision.
const MISSED_AFTER: Duration = Duration::from_millis(5);

/// Ticks every `period`, the first time at once.
///
/// It measures the time between ticks, not between calls: if the work between two ticks is
/// shorter than `period`, ticks are `period` apart. What happens otherwise is up to
/// [`MissedTickBehavior`].
///
/// # Panics
///
/// If `period` is zero, and as [`sleep`](super::sleep).
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    Interval::new(Instant::now(), period)
}

/// Ticks every `period`, the first time at `start`. See [`interval`].
///
/// # Panics
///
/// If `period` is zero, and as [`sleep`](super::sleep).
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval::new(start, period)
}

/// What an [`Interval`] does about ticks that nobody waited for in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissedTickBehavior {
    /// Tick without pause until it has caught up.
    #[default]
    Burst,
    /// Tick `period` after the late tick, and so on from there.
    Delay,
    /// Leave the missed ticks out; the next comes at a multiple of `period` after the start.
    Skip,
}

impl MissedTickBehavior {
    /// The deadline after `timeout`, whose tick comes `now`, too late.
    fn next_timeout(self, timeout: Instant, now: Instant, period: Duration) -> Option<Instant> {
        match self {
            MissedTickBehavior::Burst => timeout.checked_add(period),
            MissedTickBehavior::Delay => now.checked_add(period),
            MissedTickBehavior::Skip => {
                // A period of more than 584 years is never missed.
                let period_ns = u64::try_from(period.as_nanos()).ok()?;
                let late_ns = (now - timeout).as_nanos() % u128::from(period_ns);
                let late = Duration::from_nanos(u64::try_from(late_ns).ok()?);
                now.checked_add(period)?.checked_sub(late)
            }
        }
    }
}

/// Made by [`interval`] and [`interval_at`].
pub struct Interval {
    alarm: Alarm,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
    note: WaitNote,
}

impl Interval {
    #[track_caller]
    fn new(start: Instant, period: Duration) -> Interval {
        assert!(period > Duration::ZERO, "`period` must be non-zero.");
        Interval {
            alarm: Alarm::new(start),
            period,
            missed_tick_behavior: MissedTickBehavior::default(),
            note: WaitNote::new(),
        }
    }

    /// Waits for the next tick and returns the moment that it was due.
    ///
    /// Cancel safe: a tick that nobody received is not lost.
    pub fn tick(&mut self) -> impl Future<Output = Instant> + Send + Sync + Unpin + '_ {
        Tick(self)
    }

    /// [`tick`](Interval::tick) for hand-written futures: only the latest caller is woken.
    #[track_caller]
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        self.poll_at(cx, None)
    }

    #[track_caller]
    fn poll_at(
        &mut self,
        cx: &mut Context<'_>,
        location: Option<&'static Location<'static>>,
    ) -> Poll<Instant> {
        let coop = ready!(poll_proceed(cx));
        if self.alarm.poll(cx).is_pending() {
            self.note.set(&TICK, ptr::null::<()>(), location);
            return Poll::Pending;
        }
        self.note.clear();
        coop.made_progress();
        let timeout = self.alarm.deadline();
        let now = Instant::now();
        let next = if now > timeout + MISSED_AFTER {
            self.missed_tick_behavior
                .next_timeout(timeout, now, self.period)
        } else {
            timeout.checked_add(self.period)
        };
        self.alarm.reset(next.unwrap_or_else(Instant::far_future));
        Poll::Ready(timeout)
    }

    /// The next tick comes one period from now.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// The next tick comes at once.
    pub fn reset_immediately(&mut self) {
        self.alarm.reset(Instant::now());
    }

    /// The next tick comes `after` from now, the others in the usual period after it.
    pub fn reset_after(&mut self, after: Duration) {
        let next = Instant::now().checked_add(after);
        self.alarm.reset(next.unwrap_or_else(Instant::far_future));
    }

    /// The next tick comes at `deadline`, the others in the usual period after it.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.alarm.reset(deadline);
    }

    /// What it does about missed ticks.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Sets what it does about missed ticks.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }

    /// The period.
    pub fn period(&self) -> Duration {
        self.period
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("next", &self.alarm.deadline())
            .field("period", &self.period)
            .field("missed_tick_behavior", &self.missed_tick_behavior)
            .finish()
    }
}

/// Future of [`Interval::tick`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
struct Tick<'a>(&'a mut Interval);

impl Future for Tick<'_> {
    type Output = Instant;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        self.0.poll_at(cx, Some(Location::caller()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn next(behavior: MissedTickBehavior, late: Duration) -> Duration {
        let start = Instant::now();
        behavior.next_timeout(start, start + late, MS * 10).unwrap() - start
    }

    #[test]
    fn missed_ticks_burst_delay_or_skip() {
        assert_eq!(next(MissedTickBehavior::Burst, MS * 37), MS * 10);
        assert_eq!(next(MissedTickBehavior::Delay, MS * 37), MS * 47);
        assert_eq!(next(MissedTickBehavior::Skip, MS * 37), MS * 40);
    }

    #[test]
    fn tick_missed_by_whole_periods_skips_to_the_one_after_now() {
        assert_eq!(next(MissedTickBehavior::Skip, MS * 30), MS * 40);
    }

    #[test]
    fn sums_that_the_clock_cannot_hold_are_none() {
        let now = Instant::now();
        for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay] {
            assert_eq!(behavior.next_timeout(now, now, Duration::MAX), None);
        }
        let skip = MissedTickBehavior::Skip;
        assert_eq!(skip.next_timeout(now, now, Duration::MAX), None);
    }

    proptest! {
        #[test]
        fn behaviors_do_as_they_say(
            late_ns in 0..u64::MAX / 4,
            period_ns in 1..u64::MAX / 4,
        ) {
            let (due, period) = (Instant::now(), Duration::from_nanos(period_ns));
            let now = due + Duration::from_nanos(late_ns);
            let next = |behavior: MissedTickBehavior| behavior.next_timeout(due, now, period).unwrap();
            prop_assert_eq!(next(MissedTickBehavior::Burst) - due, period);
            prop_assert_eq!(next(MissedTickBehavior::Delay) - now, period);
            let skip = next(MissedTickBehavior::Skip);
            prop_assert!(skip > now && skip <= now + period);
            prop_assert_eq!((skip - due).as_nanos() % u128::from(period_ns), 0);
        }
    }
}

//! A cheap look at the clock, for a moment that will mostly not be needed: `timeout` begins to count
//! when it is called, but only one that has to wait ever asks since when.
//!
//! Reading the system's clock takes most of the time of a `timeout` that is ready at once. Reading
//! the processor's time-stamp counter takes less than half of that, and is compared with the
//! system's clock only when asked for ([`ticks::elapsed_since`]). What is counted from the result
//! never ends early, and late by microseconds and a thousandth of the time between the two looks.
//! The exception is a machine that was suspended between the two looks, if its counter ran on and
//! the system's clock did not.
//!
//! Linux's `CLOCK_MONOTONIC_COARSE` would be cheaper still, but no bound on its error holds: on a
//! virtual machine it was behind by more than a tick and a half.

use std::time::{Duration, Instant};

use crate::ticks;

/// A moment, in ticks of the counter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rough(u64);

impl Rough {
    #[inline]
    pub(super) fn now() -> Rough {
        Rough(ticks::now())
    }

    /// A moment that is not before the one when this was taken, nor after the present.
    pub(super) fn settle(self) -> Instant {
        let (elapsed, now) = ticks::elapsed_since(self.0);
        now.checked_sub(Duration::from_nanos(elapsed))
            .unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settled_moment_lies_between_the_look_and_the_present() {
        for _ in 0..1000 {
            let before = Instant::now();
            let rough = Rough::now();
            let settled = rough.settle();
            assert!(settled >= before, "early by {:?}", before - settled);
            assert!(settled <= Instant::now());
        }
    }

    #[test]
    fn moment_settled_late_is_never_early_and_hardly_late() {
        let before = Instant::now();
        let rough = Rough::now();
        let after = Instant::now();
        while before.elapsed() < Duration::from_millis(30) {
            std::hint::spin_loop();
        }
        let asked = Instant::now();
        let settled = rough.settle();
        assert!(settled >= before, "early by {:?}", before - settled);
        // However long the question itself has taken.
        let late = settled.saturating_duration_since(after);
        let margin = asked.elapsed() + Duration::from_micros(100);
        assert!(late <= margin, "late by {late:?}");
    }
}

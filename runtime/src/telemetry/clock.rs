//! Telemetry's clock: the processor's time-stamp counter, read raw and converted when shown.
//!
//! Stamps are raw ticks. They are compared across threads, so a difference is always taken with
//! `saturating_sub`: on machines whose counters are apart by a few ticks, time stands still for
//! a moment rather than jump by centuries. Where the counter is not invariant, `quanta` reads the
//! system's monotonic clock instead.
//!
//! Timers do not use this clock; they use `Instant`.

use std::sync::LazyLock;

use quanta::Clock;

struct Telemetry {
    clock: Clock,
    /// Stamp of the first use: nanoseconds count from here.
    epoch: u64,
}

static TELEMETRY: LazyLock<Telemetry> = LazyLock::new(|| {
    let clock = Clock::new();
    let epoch = clock.raw();
    Telemetry { clock, epoch }
});

/// A stamp in raw ticks.
#[inline]
pub(crate) fn raw() -> u64 {
    TELEMETRY.clock.raw()
}

/// Nanoseconds from stamp `from` to stamp `to`; 0 if `to` is the earlier one.
#[inline]
pub(crate) fn ns_between(from: u64, to: u64) -> u64 {
    if to <= from {
        return 0;
    }
    TELEMETRY.clock.delta_as_nanos(from, to)
}

/// Nanoseconds of a number of ticks.
pub(crate) fn ticks_to_ns(ticks: u64) -> u64 {
    TELEMETRY.clock.delta_as_nanos(0, ticks)
}

/// A stamp on the clock that telemetry shows: nanoseconds since its first use in this process.
pub(crate) fn stamp_to_ns(stamp: u64) -> u64 {
    ns_between(TELEMETRY.epoch, stamp)
}

/// Nanoseconds on telemetry's clock, which starts with the process's first runtime.
pub fn now_ns() -> u64 {
    stamp_to_ns(raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_advances_and_never_runs_back() {
        let first = raw();
        let mut last = first;
        for _ in 0..1000 {
            let now = raw();
            assert!(now >= last);
            last = now;
        }
        assert!(ns_between(first, last) > 0);
        assert_eq!(ns_between(last, first), 0);
    }

    #[test]
    fn a_sum_of_parts_converts_like_the_whole() {
        let (a, b) = (1_234_567, 7_654_321);
        let parts = ticks_to_ns(a) + ticks_to_ns(b);
        assert!(ticks_to_ns(a + b).abs_diff(parts) <= 1);
    }
}

//! Telemetry's clock: stamps are raw [ticks](crate::ticks), converted when shown.
//!
//! Timers do not use this clock; they use `Instant`.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "orders the reading of the counter")
)]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ticks;

pub(crate) use ticks::now as raw;

/// The counter's rate, as a fixed-point number with 32 binary places; 0: not known yet.
static NS_PER_2_32_TICKS: AtomicU64 = AtomicU64::new(0);

/// As [`raw`], but not before what precedes it in the program has been done.
#[inline]
pub(crate) fn raw_ordered() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction.
    unsafe {
        core::arch::x86_64::_mm_lfence();
    }
    raw()
}

/// Nanoseconds of a number of ticks.
#[inline]
pub(crate) fn ticks_to_ns(ticks: u64) -> u64 {
    let mut rate = NS_PER_2_32_TICKS.load(Ordering::Relaxed);
    if rate == 0 {
        rate = ticks::SOURCE.clock.delta_as_nanos(0, 1 << 32);
        NS_PER_2_32_TICKS.store(rate, Ordering::Relaxed);
    }
    ((u128::from(ticks) * u128::from(rate)) >> 32) as u64
}

/// Nanoseconds from `from` to `to`; 0 if `to` is the earlier one.
#[inline]
pub(crate) fn ns_between(from: u64, to: u64) -> u64 {
    ticks_to_ns(to.saturating_sub(from))
}

/// Stamp of the first use: nanoseconds count from here.
static EPOCH: LazyLock<u64> = LazyLock::new(raw);

/// A stamp on the clock that telemetry shows: nanoseconds since its first use in this process.
pub(crate) fn stamp_to_ns(stamp: u64) -> u64 {
    ns_between(*EPOCH, stamp)
}

/// Nanoseconds on telemetry's clock, which starts with the process's first runtime.
pub fn now_ns() -> u64 {
    stamp_to_ns(raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_sum_of_parts_converts_like_the_whole() {
        let (a, b) = (1_234_567, 7_654_321);
        let parts = ticks_to_ns(a) + ticks_to_ns(b);
        assert!(ticks_to_ns(a + b).abs_diff(parts) <= 1);
        assert_eq!(ns_between(b, a), 0);
    }

    #[test]
    fn rate_agrees_with_the_systems_clock() {
        let (begin, stamp) = (Instant::now(), raw());
        while begin.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        let (end, elapsed) = (raw_ordered(), begin.elapsed());
        let ns = ns_between(stamp, end) as f64;
        let system = elapsed.as_nanos() as f64;
        assert!((ns / system - 1.0).abs() < 0.05, "{ns} against {system}");
    }
}

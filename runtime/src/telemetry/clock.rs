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

/// The same as the bits of a floating-point number of nanoseconds a tick. Known once the clock has
/// [begun](begin); 0.0 before.
static NS_PER_TICK: AtomicU64 = AtomicU64::new(0);

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

/// Nanoseconds of a number of ticks, with their fractions. Only after the clock has [begun](begin).
#[inline]
pub(crate) fn ticks_to_float_ns(ticks: u64) -> f64 {
    // As a signed number, which processors convert at once: 2^63 ticks are a century.
    ticks as i64 as f64 * f64::from_bits(NS_PER_TICK.load(Ordering::Relaxed))
}

/// Ticks of a number of nanoseconds.
pub(crate) fn ns_to_ticks(ns: u64) -> u64 {
    let ns_per_2_32_ticks = u128::from(ticks_to_ns(1 << 32).max(1));
    u64::try_from((u128::from(ns) << 32) / ns_per_2_32_ticks).unwrap_or(u64::MAX)
}

/// Nanoseconds from `from` to `to`; 0 if `to` is the earlier one.
#[inline]
pub(crate) fn ns_between(from: u64, to: u64) -> u64 {
    ticks_to_ns(to.saturating_sub(from))
}

/// Nanoseconds count from here.
static EPOCH: LazyLock<u64> = LazyLock::new(|| {
    let ns_per_tick = ticks_to_ns(1 << 32) as f64 / (1u64 << 32) as f64;
    NS_PER_TICK.store(ns_per_tick.to_bits(), Ordering::Relaxed);
    raw()
});

/// Begins the clock that telemetry shows, if it has not begun: before the first stamp is taken that
/// it is to show.
pub(crate) fn begin() {
    LazyLock::force(&EPOCH);
}

/// A stamp on the clock that telemetry shows.
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
        assert!(ns_to_ticks(ticks_to_ns(b)).abs_diff(b) <= 8);
    }

    #[test]
    fn rate_agrees_with_the_systems_clock() {
        // Each stamp lies between two looks at the system's clock, however long they are apart.
        let looks = || (Instant::now(), raw_ordered(), Instant::now());
        let begin = looks();
        while begin.0.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        let end = looks();
        let ns = ns_between(begin.1, end.1) as f64;
        let least = (end.0 - begin.2).as_nanos() as f64;
        let most = (end.2 - begin.0).as_nanos() as f64;
        assert!(ns > least * 0.98 && ns < most * 1.02, "{least} {ns} {most}");
    }
}

//! The processor's time-stamp counter: the cheapest look at the time that is precise.
//!
//! Ticks are raw, and converted when shown or compared with the system's clock. `quanta` decides
//! whether the counter can be used (it runs at one rate, whatever the processor does) and measures
//! that rate; where it cannot, ticks are the nanoseconds of the system's monotonic clock. What is
//! here besides is that reading and converting is inlined: a poll does both.
//!
//! The counters of two processors may be apart by some ticks, so differences are taken so that
//! time stands still for a moment rather than jump by centuries.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "reads the time-stamp counter")
)]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use quanta::Clock;

static CLOCK: LazyLock<Clock> = LazyLock::new(|| {
    let clock = Clock::new();
    NS_PER_2_32_TICKS.store(clock.delta_as_nanos(0, 1 << 32), Ordering::Relaxed);
    COUNTER.store(reads_counter(&clock), Ordering::Relaxed);
    clock
});

/// Whether ticks are those of the time-stamp counter. While it is not known yet, `quanta` is asked,
/// which then gives the same.
static COUNTER: AtomicBool = AtomicBool::new(false);

/// The counter's rate, as a fixed-point number with 32 binary places; 0: not known yet.
static NS_PER_2_32_TICKS: AtomicU64 = AtomicU64::new(0);

#[cfg(target_arch = "x86_64")]
fn rdtsc() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and systems that take it away from
    // programs would end this process at `quanta`'s calibration.
    #[allow(unused_unsafe, reason = "safe to call in newer standard libraries")]
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
}

/// Whether `clock` gives what the counter shows.
#[cfg(target_arch = "x86_64")]
fn reads_counter(clock: &Clock) -> bool {
    let (before, asked, after) = (rdtsc(), clock.raw(), rdtsc());
    (before..=after).contains(&asked)
}

#[cfg(not(target_arch = "x86_64"))]
fn reads_counter(_: &Clock) -> bool {
    false
}

/// The present in ticks.
#[inline]
pub(crate) fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    if COUNTER.load(Ordering::Relaxed) {
        return rdtsc();
    }
    CLOCK.raw()
}

/// Nanoseconds of a number of ticks.
#[inline]
pub(crate) fn to_ns(ticks: u64) -> u64 {
    let mut rate = NS_PER_2_32_TICKS.load(Ordering::Relaxed);
    if rate == 0 {
        LazyLock::force(&CLOCK);
        rate = NS_PER_2_32_TICKS.load(Ordering::Relaxed);
    }
    ((u128::from(ticks) * u128::from(rate)) >> 32) as u64
}

/// Nanoseconds from `from` to `to`; 0 if `to` is the earlier one.
#[inline]
pub(crate) fn ns_between(from: u64, to: u64) -> u64 {
    to_ns(to.saturating_sub(from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn ticks_advance_and_never_run_back() {
        let first = now();
        let mut last = first;
        for _ in 0..1000 {
            let next = now();
            assert!(next >= last);
            last = next;
        }
        assert!(ns_between(first, last) > 0);
        assert_eq!(ns_between(last, first), 0);
    }

    #[test]
    fn a_sum_of_parts_converts_like_the_whole() {
        let (a, b) = (1_234_567, 7_654_321);
        assert!(to_ns(a + b).abs_diff(to_ns(a) + to_ns(b)) <= 1);
    }

    #[test]
    fn rate_agrees_with_the_systems_clock() {
        let (begin, ticks) = (Instant::now(), now());
        while begin.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        let (end, elapsed) = (now(), begin.elapsed());
        let ns = ns_between(ticks, end) as f64;
        let system = elapsed.as_nanos() as f64;
        assert!((ns / system - 1.0).abs() < 0.05, "{ns} against {system}");
    }
}

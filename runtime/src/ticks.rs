//! The processor's time-stamp counter: the cheapest look at the time that is precise.
//!
//! Ticks are raw, and converted when shown or compared with the system's clock. `quanta` decides
//! whether the counter can be used (it runs at one rate, whatever the processor does) and measures
//! that rate; where it cannot, ticks are the nanoseconds of the system's monotonic clock. What is
//! here besides is that reading is inlined: every poll does it.
//!
//! The counters of two processors may be apart by some ticks, so differences are taken so that
//! time stands still for a moment rather than jump by centuries.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "reads the time-stamp counter")
)]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use quanta::Clock;

/// What is known of the counter.
pub(crate) struct Source {
    /// Says the counter's rate.
    pub(crate) clock: Clock,
    /// One moment on both clocks.
    anchor: (u64, Instant),
}

/// Made at the first look.
pub(crate) static SOURCE: LazyLock<Source> = LazyLock::new(|| {
    let clock = Clock::new();
    COUNTER.store(reads_counter(&clock), Ordering::Relaxed);
    let anchor = anchor(&clock);
    Source { clock, anchor }
});

/// One moment on both clocks: of some pairs of looks the one that was taken most quickly. The ticks
/// are from before the other look.
fn anchor(clock: &Clock) -> (u64, Instant) {
    let looks = (0..16).map(|_| {
        let (before, now, after) = (clock.raw(), Instant::now(), clock.raw());
        (after.saturating_sub(before), before, now)
    });
    let best = looks.min_by_key(|(apart, ..)| *apart);
    let (_, ticks, now) = best.expect("there are several");
    (ticks, now)
}

/// Whether ticks are those of the time-stamp counter. While it is not known yet, `quanta` is asked,
/// which then gives the same.
static COUNTER: AtomicBool = AtomicBool::new(false);

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
    SOURCE.clock.raw()
}

/// How long ago `ticks` were read, and the present; by the system's clock, without relying on a
/// measured rate: the counter has run evenly since the [anchor](Source::anchor), so the time since
/// then is divided as the ticks are. Too short by some microseconds at most, never too long.
pub(crate) fn elapsed_since(ticks: u64) -> (u64, Instant) {
    /// More than two looks are apart, unless the thread was interrupted between all pairs of them.
    const UNSURE_NS: u64 = 5_000;
    let (anchor_ticks, anchor) = SOURCE.anchor;
    let present = now();
    // After the counter, so that what lies between the looks makes `ticks` seem later.
    let now = Instant::now();
    let all_ticks = u128::from(present.saturating_sub(anchor_ticks)).max(1);
    let part = u128::from(present.saturating_sub(ticks)).min(all_ticks);
    let all_ns = now.saturating_duration_since(anchor).as_nanos();
    let elapsed = u64::try_from(all_ns * part / all_ticks).unwrap_or(u64::MAX);
    (elapsed.saturating_sub(UNSURE_NS), now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn ticks_never_run_back() {
        let mut last = now();
        for _ in 0..1000 {
            let next = now();
            assert!(next >= last);
            last = next;
        }
    }

    #[test]
    fn elapsed_time_is_never_too_long() {
        for wait in [Duration::ZERO, Duration::from_millis(20)] {
            let begin = Instant::now();
            let ticks = now();
            while begin.elapsed() < wait {
                std::hint::spin_loop();
            }
            let (elapsed, present) = elapsed_since(ticks);
            assert!(u128::from(elapsed) <= present.duration_since(begin).as_nanos());
        }
    }
}

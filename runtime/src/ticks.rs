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
/// measured rate. Too short by some microseconds and a thousandth at most, never too long.
pub(crate) fn elapsed_since(ticks: u64) -> (u64, Instant) {
    let (anchor_ticks, anchor) = SOURCE.anchor;
    let present = now();
    // After the counter, so that what lies between the looks makes `ticks` seem later.
    let now = Instant::now();
    let all_ns = now.saturating_duration_since(anchor).as_nanos();
    (elapsed_between(anchor_ticks, ticks, present, all_ns), now)
}

/// A counter that has begun anew, as it does over a suspension to memory or on another machine, says
/// nothing: then nothing has elapsed.
fn elapsed_between(anchor: u64, ticks: u64, present: u64, all_ns: u128) -> u64 {
    match (present.checked_sub(anchor), present.checked_sub(ticks)) {
        (Some(all_ticks), Some(part)) if ticks >= anchor => elapsed_ns(all_ns, all_ticks, part),
        _ => 0,
    }
}

/// How many nanoseconds at least the last `part` of `all_ticks` have taken, which took `all_ns`.
///
/// The counter has run evenly, so the time is divided as the ticks are. The system's clock has not
/// quite: it is slewed, by half a thousandth of its rate at most, so that a part may have taken
/// less than its share. The looks at the two clocks are apart by less than [`UNSURE_NS`], unless
/// the thread was interrupted between them, which makes the result too short.
fn elapsed_ns(all_ns: u128, all_ticks: u64, part: u64) -> u64 {
    let all_ticks = u128::from(all_ticks.max(1));
    let part = u128::from(part).min(all_ticks);
    let elapsed = u64::try_from(all_ns * part / all_ticks).unwrap_or(u64::MAX);
    elapsed.saturating_sub(UNSURE_NS + elapsed / SLEW)
}

/// More than two looks are apart, unless the thread was interrupted between all pairs of them.
const UNSURE_NS: u64 = 5_000;
/// One part in so many: twice what systems slew their clocks by, since the rate of the part and
/// that of the whole may be off in opposite directions.
const SLEW: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn nothing_has_elapsed_on_a_counter_that_has_begun_anew() {
        let hour = 3_600_000_000_000;
        assert!(elapsed_between(1_000, 2_000, 1_001_000, hour) > 0);
        // Read before and after it began anew, and both after.
        assert_eq!(elapsed_between(1_000_000, 1_500_000, 10, hour), 0);
        assert_eq!(elapsed_between(1_000_000, 10, 20, hour), 0);
        assert_eq!(elapsed_between(1_000_000, 10, 1_000_020, hour), 0);
    }

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

    #[test]
    fn nothing_has_passed_when_no_tick_has() {
        assert_eq!(elapsed_ns(1_000_000_000, 3_000_000_000, 0), 0);
        assert_eq!(elapsed_ns(0, 0, 0), 0);
    }

    #[test]
    fn a_part_gets_its_share_less_the_margin() {
        // One second of a hundred, at 3 GHz.
        let second = elapsed_ns(100_000_000_000, 300_000_000_000, 3_000_000_000);
        assert_eq!(second, 1_000_000_000 - 1_000_000 - UNSURE_NS);
    }

    #[test]
    fn ticks_from_before_the_anchor_get_all_there_is_and_no_more() {
        let elapsed = elapsed_ns(2_000_000, 6_000_000, 9_000_000);
        assert_eq!(elapsed, 2_000_000 - 2_000 - UNSURE_NS);
    }

    #[test]
    fn centuries_do_not_overflow() {
        let century = 100 * 365 * 86_400 * 1_000_000_000_u128;
        let elapsed = elapsed_ns(century, u64::MAX, u64::MAX);
        assert!(u128::from(elapsed) < century);
    }

    proptest! {
        /// The clock ran at one rate before the ticks and at another after them, each off by up to
        /// half a thousandth, and the looks at it came late.
        #[test]
        fn slewed_clocks_never_make_it_too_long(
            before_ns in 0..(1_u64 << 50),
            part_ns in 0..(1_u64 << 50),
            slew_before in -500..=500_i128,
            slew_part in -500..=500_i128,
            mhz in 100..6_000_u64,
            anchor_late_ns in 0..1_000_u128,
            look_late_ns in 0..1_000_000_u128,
        ) {
            let slewed = |ns: u64, ppm: i128| {
                u128::try_from(i128::from(ns) * (1_000_000 + ppm) / 1_000_000).unwrap()
            };
            let ticks = |ns: u64| u64::try_from(u128::from(ns) * u128::from(mhz) / 1_000).unwrap();
            let part_on_clock = slewed(part_ns, slew_part) + look_late_ns;
            let all_on_clock = (slewed(before_ns, slew_before) + part_on_clock)
                .saturating_sub(anchor_late_ns);
            let elapsed = elapsed_ns(all_on_clock, ticks(before_ns) + ticks(part_ns), ticks(part_ns));
            prop_assert!(u128::from(elapsed) <= part_on_clock, "{elapsed} > {part_on_clock}");
            // Nor is it useless: without slew it is short by the margins alone.
            if slew_before == 0 && slew_part == 0 && look_late_ns == 0 {
                let short = part_on_clock - u128::from(elapsed);
                prop_assert!(short <= u128::from(UNSURE_NS + part_ns / SLEW) + anchor_late_ns + 1_000);
            }
        }
    }
}

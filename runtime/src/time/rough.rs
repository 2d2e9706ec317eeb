//! A cheap look at the clock, for a moment that will mostly not be needed: `timeout` begins to count
//! when it is called, but only one that has to wait ever asks since when.
//!
//! Reading the precise clock takes most of the time of a `timeout` that is ready at once. On Linux
//! the kernel also keeps the time of its latest tick (`CLOCK_MONOTONIC_COARSE`), at a quarter of
//! the cost: it is never ahead of the precise clock and behind it by less than a tick (1 to 10 ms).
//! So the true moment lies between the rough one and a tick later, and not after the present. The
//! latest moment that fits is taken, hence what is counted from it never ends early; it ends late
//! by no more than a tick, and by no more than the time between the two looks, which is
//! microseconds unless the task was busy in between.

use std::time::Instant;

#[cfg(target_os = "linux")]
pub(super) use linux::Rough;
#[cfg(not(target_os = "linux"))]
pub(super) use precise::Rough;

#[cfg(target_os = "linux")]
mod linux {
    #![expect(unsafe_code, reason = "asks the system for the time")]

    use super::Instant;
    use std::sync::LazyLock;
    use std::time::Duration;

    /// How far the rough clock may be behind.
    static TICK: LazyLock<u64> = LazyLock::new(|| {
        let mut tick = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the pointer is to a timespec of ours.
        let failed = unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &raw mut tick) };
        // If it does not say: the longest tick that kernels are built with, 10 ms.
        if failed == 0 { ns(&tick) } else { 10_000_000 }
    });

    /// A moment, known to within a tick.
    #[derive(Debug, Clone, Copy)]
    pub(in crate::time) struct Rough(u64);

    fn ns(time: &libc::timespec) -> u64 {
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }

    #[inline]
    fn read(clock: libc::clockid_t) -> u64 {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the pointer is to a timespec of ours. It fails only for clocks that do not exist.
        unsafe { libc::clock_gettime(clock, &raw mut time) };
        ns(&time)
    }

    impl Rough {
        #[inline]
        pub(in crate::time) fn now() -> Rough {
            Rough(read(libc::CLOCK_MONOTONIC_COARSE))
        }

        /// A moment that is not before the one when this was taken, nor after the present.
        pub(in crate::time) fn settle(self) -> Instant {
            let precise = Instant::now();
            let latest = self.0 + *TICK;
            let past = read(libc::CLOCK_MONOTONIC).saturating_sub(latest);
            // The two looks are apart by less than this: what is taken off may be too little, which
            // errs on the late side, but not too much.
            let between = precise.elapsed();
            let past = Duration::from_nanos(past).saturating_sub(between);
            precise.checked_sub(past).unwrap_or(precise)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod precise {
    use super::Instant;

    /// A moment.
    #[derive(Debug, Clone, Copy)]
    pub(in crate::time) struct Rough(Instant);

    impl Rough {
        pub(in crate::time) fn now() -> Rough {
            Rough(Instant::now())
        }

        pub(in crate::time) fn settle(self) -> Instant {
            self.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

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
    fn moment_settled_late_is_at_most_a_tick_off() {
        let before = Instant::now();
        let rough = Rough::now();
        let after = Instant::now();
        while before.elapsed() < Duration::from_millis(30) {
            std::hint::spin_loop();
        }
        let settled = rough.settle();
        assert!(settled >= before, "early by {:?}", before - settled);
        // No kernel's tick is longer than 10 ms.
        assert!(settled <= after + Duration::from_millis(11));
    }
}

//! How many turns a worker takes until it looks at something that is not its own queue: the injector, and
//! the driver.
//!
//! Such a look costs little beside long polls, where what is looked for would wait for long, and much
//! beside short ones. So the number of turns follows from how long the turns take, as the stamps tell that
//! the worker takes anyway. It stays as it is if the user has set it, and without telemetry, which has no
//! stamps.

use crate::telemetry::{clock, is_enabled};

/// Turns between two looks at the driver, and at the injector, until it is known how long they take.
const TO_DRIVER: u32 = 61;
const TO_INJECTOR: u32 = 31;

/// The fewest turns: with one alone the worker would not come to its own tasks.
const LEAST: u64 = 2;

/// Turns between two looks.
pub(super) struct Interval {
    /// If they take neither too long nor too short.
    turns: u64,
    most: u64,
    /// Ticks that may be between two looks: not fewer, not more, as far as the turns allow.
    shortest: u64,
    longest: u64,
}

impl Interval {
    /// Between two looks at the injector.
    pub(super) fn of_injector() -> Interval {
        Interval {
            turns: LEAST,
            most: 127,
            shortest: clock::ns_to_ticks(200_000),
            longest: clock::ns_to_ticks(200_000),
        }
    }

    /// Between two looks at the driver, which is a system call.
    pub(super) fn of_driver() -> Interval {
        Interval {
            turns: u64::from(TO_DRIVER),
            most: 8 * u64::from(TO_DRIVER),
            shortest: clock::ns_to_ticks(20_000),
            longest: clock::ns_to_ticks(500_000),
        }
    }

    /// How many turns, if so many took so long.
    fn wanted(&self, turns: u32, ticks: u64) -> u64 {
        let in_time = |time: u64| time.saturating_mul(u64::from(turns)) / ticks.max(1);
        let wanted = self.turns.max(in_time(self.shortest));
        wanted.min(in_time(self.longest)).clamp(LEAST, self.most)
    }
}

/// Counts turns down from an interval, over and over: a remainder would be a division a turn.
#[derive(Debug)]
pub(super) struct Countdown {
    interval: u32,
    left: u32,
    is_tuned: bool,
    /// The end of the interval before; 0: there was none.
    stamp: u64,
}

impl Countdown {
    /// To looks at the driver, with the interval that the user has set if there is one.
    pub(super) fn to_driver(set: Option<u32>) -> Countdown {
        Countdown::new(set, TO_DRIVER)
    }

    /// To looks at the injector, likewise.
    pub(super) fn to_injector(set: Option<u32>) -> Countdown {
        Countdown::new(set, TO_INJECTOR)
    }

    fn new(set: Option<u32>, turns: u32) -> Countdown {
        let interval = set.unwrap_or(turns);
        Countdown {
            interval,
            left: interval,
            is_tuned: set.is_none() && is_enabled(),
            stamp: 0,
        }
    }

    #[inline]
    pub(super) fn step(&mut self) {
        let left = if self.left == 0 {
            self.interval
        } else {
            self.left
        };
        self.left = left - 1;
    }

    /// Begins another interval.
    pub(super) fn restart(&mut self) {
        self.left = self.interval;
    }

    /// Turns in an interval to the driver, whatever they take.
    pub(super) fn untuned_to_driver(set: Option<u32>) -> u32 {
        set.unwrap_or(TO_DRIVER)
    }

    /// Whether the latest step was the last of an interval.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// An interval is over at that stamp: the next one is nearer to what is wanted.
    #[inline]
    pub(super) fn tune(&mut self, stamp: u64, to: &Interval) {
        if !self.is_tuned {
            return;
        }
        let before = std::mem::replace(&mut self.stamp, stamp);
        if before == 0 {
            return;
        }
        let ticks = stamp.saturating_sub(before);
        let wanted = to.wanted(self.interval, ticks) as u32;
        // Half way there: a turn may have been slept through.
        let sum = self.interval + wanted;
        self.interval = match wanted > self.interval {
            true => sum.div_ceil(2),
            false => sum / 2,
        };
    }
}

#[cfg(all(test, feature = "telemetry", not(zokio_loom)))]
mod tests {
    use super::*;

    /// The interval that turns of so many nanoseconds lead to.
    fn settled(to: &Interval, turn_ns: u64) -> u32 {
        let turn = clock::ns_to_ticks(turn_ns * 1_000);
        let mut countdown = Countdown::new(None, 31);
        let mut stamp = 1;
        for _ in 0..20 {
            stamp += u64::from(countdown.interval) * turn / 1_000;
            countdown.tune(stamp, to);
        }
        countdown.interval
    }

    #[test]
    fn looks_at_the_injector_come_each_200_microseconds_within_bounds() {
        let to = Interval::of_injector();
        assert_eq!(settled(&to, 50), 127);
        assert!((39..=41).contains(&settled(&to, 5_000)));
        assert!((2..=3).contains(&settled(&to, 100_000)));
        assert_eq!(settled(&to, 10_000_000), 2);
    }

    #[test]
    fn looks_at_the_driver_keep_their_number_but_for_very_short_and_for_long_turns() {
        let to = Interval::of_driver();
        assert!((395..=405).contains(&settled(&to, 50)));
        assert_eq!(settled(&to, 10), 488);
        assert_eq!(settled(&to, 1_000), 61);
        assert_eq!(settled(&to, 8_000), 61);
        assert!((4..=6).contains(&settled(&to, 100_000)));
        assert_eq!(settled(&to, 1_000_000), 2);
    }

    #[test]
    fn what_the_user_has_set_stays() {
        let mut countdown = Countdown::new(Some(7), 31);
        countdown.tune(1, &Interval::of_driver());
        assert_eq!(countdown.interval, 7);
    }

    #[test]
    fn one_turn_that_took_long_is_forgotten_after_some() {
        let to = Interval::of_injector();
        let mut countdown = Countdown::new(None, 127);
        let turn = clock::ns_to_ticks(50);
        countdown.tune(1, &to);
        let mut stamp = clock::ns_to_ticks(3_600_000_000_000);
        countdown.tune(stamp, &to);
        assert!(countdown.interval < 127);
        for _ in 0..10 {
            stamp += u64::from(countdown.interval) * turn;
            countdown.tune(stamp, &to);
        }
        assert_eq!(countdown.interval, 127);
    }
}

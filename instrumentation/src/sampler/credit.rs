//! What may be spent in a hurry.

use std::time::{Duration, Instant};

use super::REST;

/// The most that is spent in a hurry at a time. It comes back as fast as time may be spent without one,
/// so a viewer that always wishes for something new costs no more than others in the long run; it waits
/// longer.
const MOST: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credit {
    left: Duration,
    as_of: Instant,
}

impl Credit {
    pub(super) fn new(now: Instant) -> Credit {
        Credit {
            left: MOST,
            as_of: now,
        }
    }

    /// What has come back until now.
    pub(super) fn renew(&mut self, now: Instant) {
        let earned = now.saturating_duration_since(self.as_of) / (REST + 1);
        self.left = (self.left + earned).min(MOST);
        self.as_of = now.max(self.as_of);
    }

    /// Whether something that takes that long may be hurried.
    pub(super) fn covers(&self, cost: Duration) -> bool {
        self.left >= cost
    }

    /// Takes what was spent, or all that there is.
    pub(super) fn spend(&mut self, spent: Duration) {
        self.left = self.left.saturating_sub(spent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_always_hurries_spends_one_twentieth_of_the_time_beyond_the_first_second() {
        let began = Instant::now();
        let ms = Duration::from_millis;
        let mut credit = Credit::new(began);
        let mut spent = Duration::ZERO;
        for at in 0..200_000 {
            credit.renew(began + ms(at));
            if credit.covers(ms(7)) {
                credit.spend(ms(7));
                spent += ms(7);
            }
        }
        assert!(ms(10_990) < spent && spent <= ms(11_000), "{spent:?}");
    }

    #[test]
    fn it_comes_back_to_the_most_and_a_clock_that_stands_brings_nothing() {
        let began = Instant::now();
        let mut credit = Credit::new(began);
        credit.spend(MOST * 3);
        credit.renew(began);
        assert!(!credit.covers(Duration::from_nanos(1)));
        credit.renew(began + Duration::from_secs(3_600));
        assert!(credit.covers(MOST) && !credit.covers(MOST + Duration::from_nanos(1)));
    }
}

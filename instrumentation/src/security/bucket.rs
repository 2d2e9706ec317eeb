//! How often something may happen: so often at once, and so often steadily.
//!
//! One moment says it all: when the bucket would be full again if nothing were taken from now on.
//!
//! Pure: the time is passed in.

use std::time::Duration;

use zokio::time::Instant;

/// What a bucket allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) burst: u32,
    pub(crate) per_second: u32,
}

impl Rate {
    /// The time in which so many come back.
    fn refill(self, n: u32) -> Duration {
        Duration::from_nanos(u64::from(n) * 1_000_000_000 / u64::from(self.per_second))
    }

    fn whole(self) -> Duration {
        self.refill(self.burst)
    }
}

/// See the module. It begins full.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    full_at: Instant,
}

impl Bucket {
    pub(crate) fn new(rate: Rate, now: Instant) -> Bucket {
        Bucket { rate, full_at: now }
    }

    /// Takes one, or says how long it is until there is one. Asking in vain takes nothing.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + self.rate.refill(1);
        let taken = full_at - now;
        match taken.checked_sub(self.rate.whole()) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                self.full_at = full_at;
                Ok(())
            }
        }
    }

    /// Takes so many that are gone already, and says how long it is until nothing is owed.
    pub(crate) fn spend(&mut self, n: u32, now: Instant) -> Duration {
        self.full_at = self.full_at.max(now) + self.rate.refill(n);
        (self.full_at - now).saturating_sub(self.rate.whole())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 3,
        per_second: 10,
    };

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_burst_is_allowed_then_a_steady_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(RATE, start);
        for _ in 0..3 {
            assert_eq!(bucket.take(start), Ok(()));
        }
        assert_eq!(bucket.take(start), Err(ms(100)));
        // Asking on does not lengthen the wait.
        assert_eq!(bucket.take(start + ms(99)), Err(ms(1)));
        assert_eq!(bucket.take(start + ms(100)), Ok(()));
        assert_eq!(bucket.take(start + ms(100)), Err(ms(100)));
    }

    #[test]
    fn what_was_spent_beyond_it_has_to_come_back_first() {
        let start = Instant::now();
        let mut bucket = Bucket::new(RATE, start);
        assert_eq!(bucket.spend(3, start), ms(0));
        assert_eq!(bucket.spend(4, start), ms(400));
        assert_eq!(bucket.spend(1, start + ms(500)), ms(0));
        assert_eq!(bucket.spend(3, start + ms(500)), ms(300));
    }

    #[test]
    fn it_does_not_grow_over_its_size() {
        let start = Instant::now();
        let mut bucket = Bucket::new(RATE, start);
        let later = start + Duration::from_secs(3_600);
        bucket.take(start).unwrap();
        for _ in 0..3 {
            assert_eq!(bucket.take(later), Ok(()));
        }
        assert_eq!(bucket.take(later), Err(ms(100)));
    }
}

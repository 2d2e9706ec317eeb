//! How long the polls of one spawn site take, and how long its tasks wait for their turn, as one
//! worker has seen it.
//!
//! A poll of [`LONG_POLL_NS`] or more is counted each time. Of the shorter ones, and of the waits,
//! one in [`SAMPLE`] is counted for all of them: looking a site up takes some nanoseconds, which is
//! too much for each poll. Which one is decided by the stamp of its end, scrambled, so that tasks
//! that are polled in turn are sampled alike.

use std::sync::atomic::{AtomicU32, Ordering, fence};

use crate::telemetry::clock;
use crate::telemetry::counter::Counter;
use crate::telemetry::snapshot::HistogramSnapshot;

/// Polls from here on are counted one by one.
pub(crate) const LONG_POLL_NS: u64 = 1_000_000;
/// Polls from here on are slow.
const SLOW_POLL_NS: u64 = 10_000_000;
const SAMPLE_BITS: u32 = 6;
/// Of so many shorter polls one is counted.
pub(crate) const SAMPLE: u64 = 1 << SAMPLE_BITS;

/// Below this power of two there is one bucket.
const FIRST_BITS: u32 = 7;
const BUCKETS: usize = 30;

/// Whether the poll that ended at that stamp is one of the sampled.
#[inline]
pub(crate) fn is_sampled(end: u64) -> bool {
    end.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - SAMPLE_BITS) == 0
}

/// A histogram with one bucket a power of two; one writer at a time.
#[derive(Debug)]
pub(super) struct Powers {
    buckets: [Counter; BUCKETS],
    sum_ns: Counter,
    max_ns: Counter,
}

impl Powers {
    const fn new() -> Powers {
        Powers {
            buckets: [const { Counter::new(0) }; BUCKETS],
            sum_ns: Counter::new(0),
            max_ns: Counter::new(0),
        }
    }

    /// Counts a value for `weight` of them.
    fn record(&self, ns: u64, weight: u64) {
        let bits = u64::BITS - ns.leading_zeros();
        let bucket = bits.saturating_sub(FIRST_BITS) as usize;
        self.buckets[bucket.min(BUCKETS - 1)].add(weight);
        self.sum_ns.add(ns.saturating_mul(weight));
        self.max_ns.raise_to(ns);
    }

    fn snapshot(&self) -> HistogramSnapshot {
        let bound = |bucket: usize| match bucket {
            last if last == BUCKETS - 1 => u64::MAX,
            bucket => 1 << (FIRST_BITS + bucket as u32),
        };
        let counts = self.buckets.iter().map(Counter::get).enumerate();
        let buckets: Vec<(u64, u64)> = counts
            .filter(|(_, n)| *n > 0)
            .map(|(bucket, n)| (bound(bucket), n))
            .collect();
        HistogramSnapshot {
            count: buckets.iter().map(|(_, n)| n).sum(),
            sum_ns: self.sum_ns.get(),
            max_ns: self.max_ns.get(),
            buckets,
        }
    }
}

/// The longest poll that was counted one by one: three words that belong together, for readers.
#[derive(Debug)]
struct Longest {
    sequence: AtomicU32,
    ns: Counter,
    ended_at: Counter,
    task: Counter,
}

impl Longest {
    fn note(&self, ns: u64, ended_at: u64, task: u64) {
        if ns <= self.ns.get() {
            return;
        }
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(1), Ordering::Relaxed);
        // Ordering: pairs with the Acquire fence in `read`.
        fence(Ordering::Release);
        self.ns.set(ns);
        self.ended_at.set(ended_at);
        self.task.set(task);
        // Ordering: pairs with the Acquire load in `read`.
        self.sequence
            .store(sequence.wrapping_add(2), Ordering::Release);
    }

    fn read(&self) -> (u64, u64, u64) {
        loop {
            // Ordering: pairs with the Release store at the end of `note`.
            let before = self.sequence.load(Ordering::Acquire);
            let longest = (self.ns.get(), self.ended_at.get(), self.task.get());
            // Ordering: pairs with the Release fence in `note`.
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                return longest;
            }
            std::thread::yield_now();
        }
    }
}

/// See the module. Written by the worker alone.
#[derive(Debug)]
pub(super) struct SiteTimes {
    poll_time: Powers,
    wake_to_poll: Powers,
    long_polls: Counter,
    slow_polls: Counter,
    longest: Longest,
    delayed_ns: Counter,
}

/// A poll whose site is to be told of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PollOfSite {
    pub(crate) task: u64,
    pub(crate) ns: u64,
    /// Ticks from the wake to its beginning.
    pub(crate) waited: u64,
    /// Stamp of its end.
    pub(crate) ended_at: u64,
}

impl SiteTimes {
    pub(super) fn new() -> SiteTimes {
        SiteTimes {
            poll_time: Powers::new(),
            wake_to_poll: Powers::new(),
            long_polls: Counter::new(0),
            slow_polls: Counter::new(0),
            longest: Longest {
                sequence: AtomicU32::new(0),
                ns: Counter::new(0),
                ended_at: Counter::new(0),
                task: Counter::new(0),
            },
            delayed_ns: Counter::new(0),
        }
    }

    pub(super) fn count(&self, poll: &PollOfSite) {
        let sampled = is_sampled(poll.ended_at);
        if sampled {
            let waited_ns = clock::ticks_to_ns(poll.waited);
            self.wake_to_poll.record(waited_ns, SAMPLE);
        }
        if poll.ns >= LONG_POLL_NS {
            self.poll_time.record(poll.ns, 1);
            self.long_polls.add(1);
            self.slow_polls.add(u64::from(poll.ns >= SLOW_POLL_NS));
            self.longest.note(poll.ns, poll.ended_at, poll.task);
        } else if sampled {
            self.poll_time.record(poll.ns, SAMPLE);
        }
    }

    pub(super) fn count_delay(&self, ns: u64) {
        self.delayed_ns.add(ns);
    }
}

/// What all workers have seen of a site.
#[derive(Debug, Default, Clone)]
pub(crate) struct SiteTimesTotal {
    pub(crate) poll_time: HistogramSnapshot,
    pub(crate) wake_to_poll: HistogramSnapshot,
    pub(crate) long_polls: u64,
    pub(crate) slow_polls: u64,
    /// The longest poll among the long ones: nanoseconds, stamp of its end, task.
    pub(crate) longest: (u64, u64, u64),
    pub(crate) delayed_ns: u64,
}

impl SiteTimesTotal {
    pub(super) fn add(&mut self, times: &SiteTimes) {
        self.poll_time.merge(&times.poll_time.snapshot());
        self.wake_to_poll.merge(&times.wake_to_poll.snapshot());
        self.long_polls += times.long_polls.get();
        self.slow_polls += times.slow_polls.get();
        self.longest = self.longest.max(times.longest.read());
        self.delayed_ns += times.delayed_ns.get();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_below_their_bound_and_not_below_the_one_before() {
        for ns in (0..64).flat_map(|e| [(1u64 << e) - 1, 1 << e, (1 << e) + 1]) {
            let powers = Powers::new();
            powers.record(ns, 1);
            let (bound, n) = powers.snapshot().buckets[0];
            assert_eq!(n, 1);
            assert!(ns < bound || bound == u64::MAX, "{ns} {bound}");
            let below = if bound == u64::MAX {
                1 << 35
            } else {
                bound / 2
            };
            assert!(ns >= below || bound == 128, "{ns} {bound}");
        }
    }

    #[test]
    fn one_stamp_in_a_sample_is_taken_whatever_their_distance() {
        for step in [1, 2, 3, 16, 26, 64, 100, 1024, 3_000, 4_097] {
            let sampled = (0..256_000u64).filter(|n| is_sampled(n * step)).count();
            assert!((3_000..5_000).contains(&sampled), "{sampled} at {step}");
        }
    }

    #[test]
    fn a_sampled_poll_stands_for_others_and_a_long_one_for_itself() {
        let sampled = (1..).find(|stamp| is_sampled(*stamp)).unwrap();
        let other = (1..).find(|stamp| !is_sampled(*stamp)).unwrap();
        let poll = |ns, ended_at| PollOfSite {
            task: 7,
            ns,
            waited: 500,
            ended_at,
        };
        let times = SiteTimes::new();
        times.count(&poll(1_000, sampled));
        times.count(&poll(2 * LONG_POLL_NS, other));
        times.count(&poll(30 * LONG_POLL_NS, sampled));
        let mut total = SiteTimesTotal::default();
        total.add(&times);
        assert_eq!((total.long_polls, total.slow_polls), (2, 1));
        assert_eq!(total.poll_time.count, SAMPLE + 2);
        assert_eq!(total.wake_to_poll.count, 2 * SAMPLE);
        assert_eq!(total.longest, (30 * LONG_POLL_NS, sampled, 7));
    }
}

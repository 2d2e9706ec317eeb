//! A log-linear histogram of durations with one writer.
//!
//! Each power of two is divided into eight buckets, so a bucket is at most one eighth wide
//! (HdrHistogram's layout with three significant bits). Buckets are bounded by nanoseconds; all
//! below 9 ns falls into the first one, from about 68 s on all into the last one. The count is the
//! sum of the buckets, so that recording is three plain stores at most.
//!
//! What is recorded are ticks, mostly, whose sum is converted when shown. A bucket is found without an
//! integer that is the value in nanoseconds: it is what the exponent and the first three digits of
//! a floating-point number say.

use super::clock;
use super::counter::Counter;
use super::snapshot::HistogramSnapshot;

const SUB_BITS: u32 = 3;
const SUB: usize = 1 << SUB_BITS;
/// Largest exponent that has buckets of its own: 2^36 ns is 68.7 s.
const MAX_EXPONENT: u32 = 35;
const BUCKETS: usize = (MAX_EXPONENT - SUB_BITS + 1) as usize * SUB;
/// What is to the right of a floating-point number's exponent and first digits.
const DIGITS: u32 = f64::MANTISSA_DIGITS - 1 - SUB_BITS;
/// Exponent and first digits of the least value that falls into the first bucket by its own.
const FIRST: u64 = (SUB as f64).to_bits() >> DIGITS;

/// A log-linear histogram of durations; one writer at a time.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: [Counter; BUCKETS],
    // In the unit of what is recorded.
    sum: Counter,
    max: Counter,
}

/// A [`Histogram`] of durations that are nanoseconds from the beginning.
#[derive(Debug)]
pub(crate) struct NsHistogram(Histogram);

impl NsHistogram {
    pub(crate) const fn new() -> NsHistogram {
        NsHistogram(Histogram::new())
    }

    /// Counts one value.
    pub(crate) fn record(&self, ns: u64) {
        self.0.count(ns, ns as f64);
    }

    /// See [`Histogram::snapshot`].
    pub(crate) fn snapshot(&self) -> HistogramSnapshot {
        self.0.snapshot_in(|ns| ns)
    }
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

impl Histogram {
    pub(crate) const fn new() -> Histogram {
        Histogram {
            buckets: [const { Counter::new(0) }; BUCKETS],
            sum: Counter::new(0),
            max: Counter::new(0),
        }
    }

    /// Counts one value, in ticks.
    #[inline]
    pub(crate) fn record(&self, ticks: u64) {
        self.count(ticks, clock::ticks_to_float_ns(ticks));
    }

    #[inline]
    fn count(&self, value: u64, ns: f64) {
        self.buckets[bucket_of(ns)].add(1);
        self.sum.add(value);
        self.max.raise_to(value);
    }

    /// The sum of all values.
    pub(crate) fn sum_ns(&self) -> u64 {
        clock::ticks_to_ns(self.sum.get())
    }

    /// Number of values and their sum.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let count = self.buckets.iter().map(Counter::get).sum();
        (count, self.sum_ns())
    }

    /// Forgets all values.
    pub(crate) fn reset(&self) {
        self.buckets.iter().for_each(|bucket| bucket.set(0));
        self.sum.set(0);
        self.max.set(0);
    }

    /// The values so far. While the writer goes on, a value may be in the sum and not yet in a
    /// bucket, or the other way round.
    pub(crate) fn snapshot(&self) -> HistogramSnapshot {
        self.snapshot_in(clock::ticks_to_ns)
    }

    fn snapshot_in(&self, to_ns: impl Fn(u64) -> u64) -> HistogramSnapshot {
        let buckets: Vec<(u64, u64)> = self
            .buckets
            .iter()
            .enumerate()
            .filter_map(|(index, n)| match n.get() {
                0 => None,
                n => Some((upper_bound(index), n)),
            })
            .collect();
        HistogramSnapshot {
            count: buckets.iter().map(|(_, n)| n).sum(),
            sum_ns: to_ns(self.sum.get()),
            max_ns: to_ns(self.max.get()),
            buckets,
        }
    }
}

/// `ns` is not negative: then the greater number has the greater bits.
#[inline]
fn bucket_of(ns: f64) -> usize {
    let leading = ns.to_bits() >> DIGITS;
    (leading.saturating_sub(FIRST) as usize).min(BUCKETS - 1)
}

/// The exclusive upper bound of a bucket.
fn upper_bound(index: usize) -> u64 {
    if index == BUCKETS - 1 {
        return u64::MAX;
    }
    ((SUB + index % SUB + 1) as u64) << (index / SUB)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks of about so many nanoseconds.
    fn ticks(ns: u64) -> u64 {
        clock::begin();
        clock::ns_to_ticks(ns)
    }

    #[test]
    fn every_value_lies_below_its_bound_and_at_or_above_the_one_before() {
        let samples = (0..64).flat_map(|e| {
            let base = 1u64 << e;
            [
                base.saturating_sub(1),
                base,
                base + base / 3,
                base + base / 2,
            ]
        });
        for ns in samples {
            let index = bucket_of(ns as f64);
            assert!(
                ns < upper_bound(index) || index == BUCKETS - 1,
                "{ns} in {index}"
            );
            if index > 0 {
                assert!(ns >= upper_bound(index - 1), "{ns} in {index}");
            }
        }
    }

    #[test]
    fn bounds_grow_by_at_most_one_eighth() {
        for index in 0..BUCKETS - 2 {
            let (low, high) = (upper_bound(index), upper_bound(index + 1));
            assert!(high > low && high - low <= low / 8, "bucket {index}");
        }
    }

    #[test]
    fn powers_of_two_are_bounds() {
        for exponent in 4..MAX_EXPONENT {
            let bound = 1u64 << exponent;
            assert_eq!(upper_bound(bucket_of(bound as f64 - 0.001)), bound);
        }
    }

    #[test]
    fn snapshot_counts_sums_and_ranks() {
        let histogram = Histogram::new();
        let values = (1..=1000).map(ticks);
        values.clone().for_each(|value| histogram.record(value));
        let seen = histogram.snapshot();
        assert_eq!(seen.count, 1000);
        assert_eq!(seen.sum_ns, clock::ticks_to_ns(values.clone().sum()));
        assert_eq!(seen.max_ns, clock::ticks_to_ns(values.max().unwrap()));
        let median = seen.quantile_ns(0.5);
        assert!((500..=563).contains(&median), "{median}");
        assert_eq!(seen.quantile_ns(1.0), seen.max_ns);
        let below = seen.count_at_most(511);
        assert!((511..=513).contains(&below), "{below}");
    }

    #[test]
    fn durations_beyond_all_buckets_are_in_the_last_one() {
        let histogram = Histogram::new();
        [0, ticks(100_000_000_000), i64::MAX as u64]
            .into_iter()
            .for_each(|value| histogram.record(value));
        let seen = histogram.snapshot();
        assert_eq!(seen.buckets, [(9, 1), (u64::MAX, 2)]);
    }

    #[test]
    fn merging_adds_bucket_by_bucket() {
        let (a, b, both) = (Histogram::new(), Histogram::new(), Histogram::new());
        let mut sum = 0;
        for (histogram, ns) in [
            (&a, 5),
            (&a, 900),
            (&a, 70_000),
            (&b, 5),
            (&b, 1 << 40),
            (&b, 33),
        ] {
            histogram.record(ticks(ns));
            both.record(ticks(ns));
            sum += clock::ticks_to_ns(ticks(ns));
        }
        let mut merged = a.snapshot();
        merged.merge(&b.snapshot());
        let both = both.snapshot();
        assert_eq!((merged.count, merged.max_ns), (both.count, both.max_ns));
        assert_eq!(merged.buckets, both.buckets);
        // Each part is rounded down by itself.
        assert!(merged.sum_ns.abs_diff(sum) <= 6 && both.sum_ns.abs_diff(sum) <= 6);
    }
}

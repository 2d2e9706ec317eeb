//! A log-linear histogram of durations with one writer.
//!
//! Each power of two is divided into eight buckets, so a bucket is at most one eighth wide
//! (HdrHistogram's layout with three significant bits). Values are nanoseconds; below 8 ns the
//! buckets are exact, from about 68 s on everything falls into the last one. The count is the sum
//! of the buckets, so that recording is three plain stores at most.

use super::counter::Counter;
use super::snapshot::HistogramSnapshot;

const SUB_BITS: u32 = 3;
const SUB: usize = 1 << SUB_BITS;
/// Largest exponent that has buckets of its own: 2^36 ns is 68.7 s.
const MAX_EXPONENT: u32 = 35;
const BUCKETS: usize = (MAX_EXPONENT - SUB_BITS + 2) as usize * SUB;
/// The largest value that falls into the last bucket by its own digits.
const LIMIT: u64 = (1 << (MAX_EXPONENT + 1)) - 1;

/// A log-linear histogram of nanoseconds; one writer at a time.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: [Counter; BUCKETS],
    sum_ns: Counter,
    max_ns: Counter,
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
            sum_ns: Counter::new(0),
            max_ns: Counter::new(0),
        }
    }

    /// Counts one value.
    #[inline]
    pub(crate) fn record(&self, ns: u64) {
        self.buckets[bucket_of(ns)].add(1);
        self.sum_ns.add(ns);
        self.max_ns.raise_to(ns);
    }

    /// The sum of all values.
    pub(crate) fn sum_ns(&self) -> u64 {
        self.sum_ns.get()
    }

    /// Number of values and their sum.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let count = self.buckets.iter().map(Counter::get).sum();
        (count, self.sum_ns())
    }

    /// Forgets all values.
    pub(crate) fn reset(&self) {
        self.buckets.iter().for_each(|bucket| bucket.set(0));
        self.sum_ns.set(0);
        self.max_ns.set(0);
    }

    /// The values so far. While the writer goes on, a value may be in the sum and not yet in a
    /// bucket, or the other way round.
    pub(crate) fn snapshot(&self) -> HistogramSnapshot {
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
            sum_ns: self.sum_ns.get(),
            max_ns: self.max_ns.get(),
            buckets,
        }
    }
}

/// Without a branch: values below `SUB` are treated as one exponent with those up to twice of it.
#[inline]
fn bucket_of(ns: u64) -> usize {
    let ns = ns.min(LIMIT);
    let shift = (ns | SUB as u64).ilog2() - SUB_BITS;
    shift as usize * SUB + (ns >> shift) as usize
}

/// The exclusive upper bound of a bucket.
fn upper_bound(index: usize) -> u64 {
    if index == BUCKETS - 1 {
        return u64::MAX;
    }
    if index < SUB {
        return index as u64 + 1;
    }
    let shift = (index / SUB - 1) as u32;
    ((SUB + index % SUB + 1) as u64) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let index = bucket_of(ns);
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
        for index in SUB..BUCKETS - 2 {
            let (low, high) = (upper_bound(index), upper_bound(index + 1));
            assert!(high > low && high - low <= low / 8, "bucket {index}");
        }
    }

    #[test]
    fn powers_of_two_are_bounds() {
        for exponent in 3..MAX_EXPONENT {
            let bound = 1u64 << exponent;
            assert_eq!(upper_bound(bucket_of(bound - 1)), bound);
        }
    }

    #[test]
    fn snapshot_counts_sums_and_ranks() {
        let histogram = Histogram::new();
        for ns in 1..=1000 {
            histogram.record(ns);
        }
        let seen = histogram.snapshot();
        assert_eq!(
            (seen.count, seen.sum_ns, seen.max_ns),
            (1000, 500_500, 1000)
        );
        let median = seen.quantile_ns(0.5);
        assert!((500..=563).contains(&median), "{median}");
        assert_eq!(seen.quantile_ns(1.0), 1000);
        assert_eq!(seen.count_at_most(511), 511);
    }

    #[test]
    fn merging_adds_bucket_by_bucket() {
        let (a, b, both) = (Histogram::new(), Histogram::new(), Histogram::new());
        for ns in [1, 5, 900, 70_000] {
            a.record(ns);
            both.record(ns);
        }
        for ns in [5, 1 << 40, 33] {
            b.record(ns);
            both.record(ns);
        }
        let mut merged = a.snapshot();
        merged.merge(&b.snapshot());
        assert_eq!(merged, both.snapshot());
    }
}

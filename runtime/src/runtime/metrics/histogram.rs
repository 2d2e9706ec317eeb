//! Histograms of poll times as the builder asks for them, beside the one that telemetry always
//! keeps, whose buckets are its own.

use std::ops::Range;
use std::time::Duration;

use super::LogHistogram;
use crate::telemetry::Counter;

/// How the buckets of a histogram follow one another, for
/// [`Builder::metrics_poll_count_histogram_scale`](crate::runtime::Builder::metrics_poll_count_histogram_scale).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistogramScale {
    /// All have the same width.
    Linear,
    /// Each is twice as wide as the one before.
    Log,
}

/// The buckets of a histogram, for
/// [`Builder::metrics_poll_time_histogram_configuration`](crate::runtime::Builder::metrics_poll_time_histogram_configuration).
#[derive(Debug, Clone)]
pub struct HistogramConfiguration {
    pub(crate) shape: Shape,
}

impl HistogramConfiguration {
    /// Buckets of the same width; the last one has no upper bound. A width below a nanosecond is
    /// taken as one, and no bucket as one.
    pub fn linear(bucket_width: Duration, num_buckets: usize) -> HistogramConfiguration {
        HistogramConfiguration {
            shape: Shape::linear(bucket_width, num_buckets),
        }
    }

    /// Buckets with a bounded relative width.
    pub fn log(configuration: impl Into<LogHistogram>) -> HistogramConfiguration {
        HistogramConfiguration {
            shape: Shape::Log(configuration.into()),
        }
    }
}

/// A duration in nanoseconds, as far as they fit.
pub(super) fn as_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Where the buckets lie, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Linear {
        width: u64,
        buckets: usize,
    },
    /// The first bucket has this width, which is a power of two, the second too, then they double.
    Doubling {
        first: u64,
        buckets: usize,
    },
    Log(LogHistogram),
}

impl Shape {
    pub(crate) fn linear(width: Duration, buckets: usize) -> Shape {
        Shape::Linear {
            width: as_ns(width).max(1),
            buckets: buckets.max(1),
        }
    }

    /// The first bucket's width is rounded up to a power of two.
    pub(crate) fn doubling(first: Duration, buckets: usize) -> Shape {
        Shape::Doubling {
            first: as_ns(first).checked_next_power_of_two().unwrap_or(1 << 63),
            buckets: buckets.max(1),
        }
    }

    pub(crate) fn buckets(&self) -> usize {
        match self {
            Shape::Linear { buckets, .. } | Shape::Doubling { buckets, .. } => *buckets,
            Shape::Log(log) => log.buckets(),
        }
    }

    fn bucket_of(&self, ns: u64) -> usize {
        match self {
            Shape::Linear { width, buckets } => {
                usize::try_from(ns / width).map_or(buckets - 1, |bucket| bucket.min(buckets - 1))
            }
            Shape::Doubling { first, buckets } => {
                let doublings = (ns / first).checked_ilog2();
                doublings.map_or(0, |n| (n as usize + 1).min(buckets - 1))
            }
            Shape::Log(log) => log.bucket_of(ns),
        }
    }

    /// What lies in a bucket; the last one has no upper bound.
    pub(crate) fn range(&self, bucket: usize) -> Range<u64> {
        let start_of = |bucket: usize| match (self, bucket) {
            (_, 0) => 0,
            (Shape::Linear { width, .. }, _) => width.saturating_mul(bucket as u64),
            (Shape::Doubling { first, .. }, _) => {
                let factor = 1u64.checked_shl(bucket as u32 - 1);
                factor.map_or(u64::MAX, |factor| first.saturating_mul(factor))
            }
            (Shape::Log(log), _) => log.range(bucket).start,
        };
        let end = if bucket + 1 == self.buckets() {
            u64::MAX
        } else {
            start_of(bucket + 1)
        };
        start_of(bucket)..end
    }
}

/// The poll times of one worker, which is the only writer.
#[derive(Debug)]
pub(crate) struct PollHistogram {
    shape: Shape,
    buckets: Box<[Counter]>,
}

impl PollHistogram {
    pub(crate) fn new(shape: Shape) -> PollHistogram {
        PollHistogram {
            shape,
            buckets: (0..shape.buckets()).map(|_| Counter::new(0)).collect(),
        }
    }

    pub(crate) fn record(&self, ns: u64) {
        self.buckets[self.shape.bucket_of(ns)].add(1);
    }

    /// Polls in a bucket.
    ///
    /// # Panics
    ///
    /// If there is no such bucket.
    #[track_caller]
    pub(crate) fn count(&self, bucket: usize) -> u64 {
        self.buckets[bucket].get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(shape: Shape) -> Vec<Range<u64>> {
        (0..shape.buckets())
            .map(|bucket| shape.range(bucket))
            .collect()
    }

    #[test]
    fn first_bucket_may_be_wider_than_any_poll() {
        let shape = Shape::doubling(Duration::MAX, 3);
        assert_eq!(shape.range(0), 0..1 << 63);
        assert_eq!(shape.bucket_of(1_000_000_000), 0);
        assert_eq!(shape.bucket_of(u64::MAX), 1);
    }

    fn assert_bounds_agree(shape: Shape) {
        for (bucket, range) in ranges(shape).into_iter().enumerate() {
            assert_eq!(shape.bucket_of(range.start), bucket, "{range:?}");
            assert_eq!(shape.bucket_of(range.end - 1), bucket, "{range:?}");
        }
        assert_eq!(shape.bucket_of(u64::MAX), shape.buckets() - 1);
    }

    #[test]
    fn linear_buckets_have_one_width_and_the_last_no_end() {
        let shape = Shape::linear(Duration::from_nanos(100), 4);
        assert_eq!(ranges(shape), [0..100, 100..200, 200..300, 300..u64::MAX]);
        assert_bounds_agree(shape);
    }

    #[test]
    fn doubling_buckets_begin_with_a_power_of_two() {
        let shape = Shape::doubling(Duration::from_nanos(100), 4);
        assert_eq!(ranges(shape), [0..128, 128..256, 256..512, 512..u64::MAX]);
        assert_bounds_agree(shape);
    }

    #[test]
    fn doubling_buckets_beyond_all_values_are_empty_and_do_not_overflow() {
        let shape = Shape::doubling(Duration::from_secs(1), 200);
        assert_eq!(shape.range(198), u64::MAX..u64::MAX);
        assert_eq!(shape.bucket_of(u64::MAX), 34);
    }

    #[test]
    fn log_buckets_agree_with_their_bounds() {
        assert_bounds_agree(Shape::Log(LogHistogram::default()));
    }

    #[test]
    fn a_histogram_has_a_bucket_at_least() {
        let shape = Shape::linear(Duration::ZERO, 0);
        let only = 0..u64::MAX;
        assert_eq!(ranges(shape), [only]);
        assert_eq!(shape.bucket_of(7), 0);
    }

    #[cfg(feature = "telemetry")]
    #[test]
    fn values_are_counted_in_their_buckets() {
        let histogram = PollHistogram::new(Shape::linear(Duration::from_nanos(10), 3));
        for ns in [0, 9, 10, 25, 1000] {
            histogram.record(ns);
        }
        assert_eq!([0, 1, 2].map(|bucket| histogram.count(bucket)), [2, 1, 2]);
    }
}

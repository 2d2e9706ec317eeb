//! Buckets that grow with what they hold: a bounded relative error over a wide range.
//!
//! With precision `p` each power of two is divided into `2^p` buckets, and values below `2^(p+1)`
//! have one each: the layout of H2 and HdrHistogram. Value `v` with `w = log2(v) - p` lies in bucket
//! `w * 2^p + (v >> w)`. What is too small to matter is counted in the first bucket kept, what is too
//! large in the last.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::histogram::as_ns;

const DEFAULT_MIN_VALUE: Duration = Duration::from_nanos(100);
const DEFAULT_MAX_VALUE: Duration = Duration::from_secs(60);
/// At most a quarter too much.
const DEFAULT_PRECISION: u32 = 2;
const MAX_PRECISION: u32 = 10;

/// A histogram whose buckets have a bounded relative width; see [`LogHistogramBuilder`]. For
/// [`HistogramConfiguration::log`](super::HistogramConfiguration::log).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHistogram {
    precision: u32,
    /// Buckets of the full layout that are counted in the first one.
    skipped: usize,
    buckets: usize,
}

impl Default for LogHistogram {
    fn default() -> LogHistogram {
        LogHistogramBuilder::default().build()
    }
}

impl LogHistogram {
    /// A builder with the default range and precision.
    pub fn builder() -> LogHistogramBuilder {
        LogHistogramBuilder::default()
    }

    /// Where the last bucket, which has no upper bound, begins: in nanoseconds.
    pub fn max_value(&self) -> u64 {
        self.range(self.buckets - 1).start
    }

    pub(super) fn buckets(&self) -> usize {
        self.buckets
    }

    pub(super) fn bucket_of(&self, ns: u64) -> usize {
        let bucket = index_of(ns, self.precision).saturating_sub(self.skipped);
        bucket.min(self.buckets - 1)
    }

    pub(super) fn range(&self, bucket: usize) -> Range<u64> {
        let start = match bucket {
            0 => 0,
            _ => start_of(self.skipped + bucket, self.precision),
        };
        let end = if bucket + 1 == self.buckets {
            u64::MAX
        } else {
            start_of(self.skipped + bucket + 1, self.precision)
        };
        start..end
    }
}

/// The bucket of the full layout that holds a value.
fn index_of(ns: u64, precision: u32) -> usize {
    let shift = ns.checked_ilog2().unwrap_or(0).saturating_sub(precision);
    ((shift as usize) << precision) + (ns >> shift) as usize
}

/// The smallest value in a bucket of the full layout.
fn start_of(index: usize, precision: u32) -> u64 {
    let shift = (index >> precision).saturating_sub(1);
    ((index - (shift << precision)) as u64) << shift
}

/// Builds a [`LogHistogram`]. By default values from 100 ns to 60 s are told apart with an error of
/// at most a quarter.
///
/// ```
/// use std::time::Duration;
/// use zokio::runtime::LogHistogram;
///
/// let histogram = LogHistogram::builder()
///     .min_value(Duration::from_micros(1))
///     .max_value(Duration::from_secs(1))
///     .max_error(0.1)
///     .max_buckets(400)?;
/// assert!(histogram.max_value() >= 1_000_000_000);
/// # Ok::<(), zokio::runtime::InvalidHistogramConfiguration>(())
/// ```
#[derive(Debug, Default, Clone, Copy)]
pub struct LogHistogramBuilder {
    min_value: Option<Duration>,
    max_value: Option<Duration>,
    precision: Option<u32>,
}

impl LogHistogramBuilder {
    /// The largest error allowed, as a fraction of the value. It is rounded down to a power of two
    /// between a quarter and 2^-10.
    ///
    /// # Panics
    ///
    /// If it is not between 0 and 1.
    #[track_caller]
    pub fn max_error(mut self, max_error: f64) -> Self {
        assert!(max_error > 0.0, "max_error must be greater than 0");
        assert!(max_error < 1.0, "max_error must be less than 1");
        let allowed = |precision: &u32| 0.5f64.powi(*precision as i32) <= max_error;
        let precision = (DEFAULT_PRECISION..MAX_PRECISION).find(allowed);
        self.precision = Some(precision.unwrap_or(MAX_PRECISION));
        self
    }

    /// Divides each power of two into `2^precision` buckets. With 0 each bucket is twice as wide as
    /// the one before.
    ///
    /// # Panics
    ///
    /// If it is more than 10.
    #[track_caller]
    pub fn precision_exact(mut self, precision: u32) -> Self {
        assert!(
            precision <= MAX_PRECISION,
            "precision must be <= {MAX_PRECISION}"
        );
        self.precision = Some(precision);
        self
    }

    /// The first bucket is at most this wide.
    pub fn min_value(mut self, duration: Duration) -> Self {
        self.min_value = Some(duration);
        self
    }

    /// The last bucket, which has no upper bound, begins here or shortly above.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn max_value(mut self, duration: Duration) -> Self {
        assert!(!duration.is_zero(), "max value must be greater than 0");
        self.max_value = Some(duration);
        self
    }

    /// Builds the histogram, unless it would have more buckets than that.
    ///
    /// # Errors
    ///
    /// If it would.
    pub fn max_buckets(
        &mut self,
        max_buckets: usize,
    ) -> Result<LogHistogram, InvalidHistogramConfiguration> {
        let histogram = self.build();
        if histogram.buckets > max_buckets {
            return Err(InvalidHistogramConfiguration::TooManyBuckets {
                required_bucket_count: histogram.buckets,
            });
        }
        Ok(histogram)
    }

    /// Builds the histogram. It has at least two buckets.
    pub fn build(&self) -> LogHistogram {
        let precision = self.precision.unwrap_or(DEFAULT_PRECISION);
        let min = as_ns(self.min_value.unwrap_or(DEFAULT_MIN_VALUE));
        let max = as_ns(self.max_value.unwrap_or(DEFAULT_MAX_VALUE));
        // The first bucket is to end at `min` or below.
        let skipped = index_of(min, precision).max(1) - 1;
        let within = index_of(max, precision);
        let last = within + usize::from(start_of(within, precision) < max);
        LogHistogram {
            precision,
            skipped,
            buckets: last.saturating_sub(skipped).max(1) + 1,
        }
    }
}

impl From<LogHistogramBuilder> for LogHistogram {
    fn from(builder: LogHistogramBuilder) -> LogHistogram {
        builder.build()
    }
}

/// A histogram cannot be had as asked for.
#[derive(Debug)]
pub enum InvalidHistogramConfiguration {
    /// It would have more buckets than allowed.
    TooManyBuckets {
        /// The buckets it would have.
        required_bucket_count: usize,
    },
}

impl fmt::Display for InvalidHistogramConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidHistogramConfiguration::TooManyBuckets {
            required_bucket_count: needed,
        } = self;
        write!(
            f,
            "The configuration for this histogram would have required {needed} buckets"
        )
    }
}

impl Error for InvalidHistogramConfiguration {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_value_lies_in_the_range_of_its_bucket(
            min in 0u64..1 << 40,
            max in 1u64..1 << 50,
            precision in 0..=MAX_PRECISION,
            ns: u64,
            shift in 0u32..64,
        ) {
            let histogram = LogHistogram::builder()
                .min_value(Duration::from_nanos(min))
                .max_value(Duration::from_nanos(max))
                .precision_exact(precision)
                .build();
            for ns in [ns >> shift, min, max] {
                let bucket = histogram.bucket_of(ns);
                prop_assert!(bucket < histogram.buckets());
                let range = histogram.range(bucket);
                prop_assert!(range.contains(&ns) || ns == u64::MAX, "{ns} in {range:?}");
            }
        }

        #[test]
        fn buckets_follow_one_another_without_a_gap(
            max in 1u64..1 << 40,
            precision in 0..=MAX_PRECISION,
        ) {
            let histogram = LogHistogram::builder()
                .max_value(Duration::from_nanos(max))
                .precision_exact(precision)
                .build();
            prop_assert_eq!(histogram.range(0).start, 0);
            for bucket in 1..histogram.buckets() {
                let before = histogram.range(bucket - 1);
                prop_assert_eq!(before.end, histogram.range(bucket).start);
                prop_assert!(before.end > before.start);
            }
            prop_assert_eq!(histogram.range(histogram.buckets() - 1).end, u64::MAX);
        }
    }

    #[test]
    fn no_bucket_is_wider_than_the_error_allows() {
        let histogram = LogHistogram::builder().max_error(0.01).build();
        for bucket in 1..histogram.buckets() - 1 {
            let range = histogram.range(bucket);
            let width = (range.end - range.start) as f64;
            assert!(
                width <= 0.01 * range.start as f64 || width == 1.0,
                "{range:?}"
            );
        }
    }

    #[test]
    fn first_bucket_ends_at_the_smallest_value_or_below_and_the_last_begins_at_the_largest() {
        let histogram = LogHistogram::default();
        assert!(histogram.range(0).end <= 100);
        assert!(histogram.range(1).end > 100 || histogram.range(0).end == 100);
        let last = histogram.max_value();
        assert!((60_000_000_000..75_000_000_000).contains(&last), "{last}");
        assert!(histogram.range(histogram.buckets() - 2).start < 60_000_000_000);
    }

    #[test]
    fn precision_zero_doubles_the_width_of_each_bucket() {
        let histogram = LogHistogram::builder()
            .min_value(Duration::from_nanos(16))
            .max_value(Duration::from_nanos(128))
            .precision_exact(0)
            .build();
        let ranges: Vec<_> = (0..histogram.buckets())
            .map(|bucket| histogram.range(bucket))
            .collect();
        assert_eq!(ranges, [0..16, 16..32, 32..64, 64..128, 128..u64::MAX]);
    }

    #[test]
    fn range_that_is_upside_down_has_two_buckets() {
        let histogram = LogHistogram::builder()
            .min_value(Duration::from_secs(10))
            .max_value(Duration::from_nanos(1))
            .build();
        assert_eq!(histogram.buckets(), 2);
        assert_eq!(histogram.range(0).end, histogram.range(1).start);
    }

    #[test]
    fn too_many_buckets_are_refused_with_their_number() {
        let mut builder = LogHistogram::builder().precision_exact(10);
        let InvalidHistogramConfiguration::TooManyBuckets {
            required_bucket_count: needed,
        } = builder.max_buckets(100).unwrap_err();
        assert_eq!(builder.build().buckets(), needed);
        let error = builder.max_buckets(needed - 1).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("The configuration for this histogram would have required {needed} buckets")
        );
        assert_eq!(builder.max_buckets(needed).unwrap(), builder.build());
    }
}

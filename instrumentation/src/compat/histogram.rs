//! Histograms in the form that tokio-console reads: HdrHistogram's binary form V2.
//!
//! That is a header and then the counts of all buckets up to the last that is not empty, each a
//! zigzag LEB128 number, runs of empty buckets as one negative number. Our buckets are wider (one
//! eighth): each goes, whole, to the largest value that it can hold, so that a percentile is an
//! upper bound as it is everywhere else, and never above the maximum.

use zokio::telemetry::HistogramSnapshot;
use zokio_console_proto::tokio_console::tasks::DurationHistogram;

/// Marks the form, its version and its word size.
const COOKIE: u32 = 0x1c84_9313;

/// Significant decimal digits, and the power of two of buckets that it takes for them: twice 10^3
/// fits into 2^11.
const DIGITS: u32 = 3;
const SUB_BITS: u32 = 11;

/// The histogram for the wire; `None` while there is nothing in it.
pub(super) fn encode(histogram: &HistogramSnapshot) -> Option<DurationHistogram> {
    if histogram.count == 0 {
        return None;
    }
    // The format asks for at least twice its unit.
    let max_value = histogram.max_ns.max(2);
    let counts = counts(histogram);
    let mut raw = Vec::with_capacity(40 + counts.len());
    raw.extend(COOKIE.to_be_bytes());
    raw.extend((counts.len() as u32).to_be_bytes());
    // Counts are not shifted.
    raw.extend(0u32.to_be_bytes());
    raw.extend(DIGITS.to_be_bytes());
    raw.extend(1u64.to_be_bytes());
    raw.extend(max_value.to_be_bytes());
    raw.extend(1f64.to_be_bytes());
    raw.extend(counts);
    Some(DurationHistogram {
        raw_histogram: raw,
        max_value,
        high_outliers: 0,
        highest_outlier: None,
    })
}

fn counts(histogram: &HistogramSnapshot) -> Vec<u8> {
    let mut by_index: Vec<(u64, u64)> = Vec::with_capacity(histogram.buckets.len());
    for &(upper, n) in &histogram.buckets {
        let index = index_of((upper - 1).min(histogram.max_ns));
        match by_index.last_mut() {
            // Several, if the maximum was read before a bucket beyond it was counted in.
            Some((last, sum)) if *last == index => *sum += n,
            _ => by_index.push((index, n)),
        }
    }
    let mut bytes = Vec::new();
    let mut next = 0;
    for (index, n) in by_index {
        if index > next {
            push_number(&mut bytes, -((index - next) as i64));
        }
        push_number(&mut bytes, i64::try_from(n).unwrap_or(i64::MAX));
        next = index + 1;
    }
    bytes
}

/// The number of the bucket that a value falls into: `SUB_BITS` leading bits count.
fn index_of(value: u64) -> u64 {
    const HALF: u64 = 1 << (SUB_BITS - 1);
    let exponent = 64 - SUB_BITS - (value | (2 * HALF - 1)).leading_zeros();
    (u64::from(exponent) + 1) * HALF + (value >> exponent) - HALF
}

/// Zigzag LEB128; the ninth byte, if there is one, has eight bits.
fn push_number(bytes: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    for _ in 0..8 {
        if rest < 0x80 {
            break;
        }
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;

    fn decode(histogram: &DurationHistogram) -> Histogram<u64> {
        Deserializer::new()
            .deserialize(&mut histogram.raw_histogram.as_slice())
            .expect("the other side reads it")
    }

    #[test]
    fn the_stock_decoder_finds_every_value_in_its_place() {
        let buckets = vec![
            (1, 3),
            (8, 1),
            (1_152, 20),
            (2_305, 1),
            (1 << 30, 7),
            (u64::MAX, 2),
        ];
        let sent = HistogramSnapshot::from_parts(0, 90_000_000_000, buckets);
        let wire = encode(&sent).unwrap();
        assert_eq!(wire.max_value, 90_000_000_000);
        let read = decode(&wire);
        assert_eq!(read.len(), 34);
        for (value, n) in [(0, 3), (7, 1), (1_151, 20), (2_304, 1), ((1 << 30) - 1, 7)] {
            assert_eq!(read.count_at(value), n, "{value}");
        }
        assert_eq!(read.count_at(90_000_000_000), 2);
        assert!(read.max() <= 90_100_000_000, "{}", read.max());
    }

    #[test]
    fn percentiles_of_both_sides_agree_to_a_thousandth() {
        let buckets: Vec<_> = (3..36).map(|e| (1u64 << e, e)).collect();
        let sent = HistogramSnapshot::from_parts(0, (1 << 35) - 1, buckets);
        let read = decode(&encode(&sent).unwrap());
        for percent in [10, 25, 50, 75, 90, 95, 99] {
            let q = f64::from(percent) / 100.0;
            let (ours, theirs) = (sent.quantile_ns(q) as f64, read.value_at_quantile(q) as f64);
            assert!(
                (ours - theirs).abs() <= ours / 1_000.0,
                "p{percent}: {ours} {theirs}"
            );
        }
    }

    #[test]
    fn nothing_is_sent_of_an_empty_histogram() {
        assert_eq!(encode(&HistogramSnapshot::default()), None);
    }

    #[test]
    fn a_maximum_read_too_early_loses_no_value() {
        let sent = HistogramSnapshot::from_parts(0, 100, vec![(96, 1), (128, 2), (256, 3)]);
        let read = decode(&encode(&sent).unwrap());
        assert_eq!((read.len(), read.max()), (6, 100));
    }

    #[test]
    fn the_largest_numbers_fit() {
        let sent = HistogramSnapshot::from_parts(0, u64::MAX, vec![(1, 1 << 40), (u64::MAX, 1)]);
        assert_eq!(decode(&encode(&sent).unwrap()).count_at(0), 1 << 40);
    }
}

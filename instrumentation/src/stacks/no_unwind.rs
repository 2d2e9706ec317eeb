//! The twin for machines whose threads are not sampled.

use zokio::telemetry::ThreadSample;

pub(super) fn addresses(sample: &ThreadSample, _: usize) -> Vec<u64> {
    vec![sample.pc]
}

//! The twin for where threads cannot be sampled: other systems, or without telemetry.

use super::running::{SampleError, ThreadSample};

/// The number of the calling thread; nobody asks for it.
pub(crate) fn current_thread() -> u32 {
    0
}

pub(super) fn sample(_: u32) -> Result<ThreadSample, SampleError> {
    Err(SampleError::Unsupported)
}

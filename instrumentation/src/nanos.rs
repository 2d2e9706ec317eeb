//! Durations as telemetry and the wire have them.

use std::time::Duration;

/// Nanoseconds of a duration; more than fit are as many as fit.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

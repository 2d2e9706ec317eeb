//! Telemetry's clock: stamps are raw [ticks](crate::ticks), converted when shown.
//!
//! Timers do not use this clock; they use `Instant`.

use std::sync::LazyLock;

use crate::ticks;

pub(crate) use ticks::{now as raw, ns_between, to_ns as ticks_to_ns};

/// Stamp of the first use: nanoseconds count from here.
static EPOCH: LazyLock<u64> = LazyLock::new(raw);

/// A stamp on the clock that telemetry shows: nanoseconds since its first use in this process.
pub(crate) fn stamp_to_ns(stamp: u64) -> u64 {
    ns_between(*EPOCH, stamp)
}

/// Nanoseconds on telemetry's clock, which starts with the process's first runtime.
pub fn now_ns() -> u64 {
    stamp_to_ns(raw())
}

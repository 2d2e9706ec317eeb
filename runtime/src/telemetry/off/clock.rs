//! The twin without telemetry: a clock that stands still and is never read.

#[inline]
pub(crate) const fn raw() -> u64 {
    0
}

pub(crate) const fn ticks_to_ns(_: u64) -> u64 {
    0
}

/// More than ever passes.
pub(crate) const fn ns_to_ticks(_: u64) -> u64 {
    u64::MAX
}

pub(crate) const fn stamp_to_ns(_: u64) -> u64 {
    0
}

#[inline]
pub(crate) fn begin() {}

/// Nanoseconds on telemetry's clock, which stands still without telemetry: 0.
pub fn now_ns() -> u64 {
    stamp_to_ns(raw())
}

//! A number that something is decided by, and that is therefore kept with or without telemetry.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one thread at a time changes and any thread reads, modulo 2^64. Adding is a plain
/// load and store.
#[derive(Debug, Default)]
pub(super) struct Tally(AtomicU64);

impl Tally {
    #[inline]
    pub(super) fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

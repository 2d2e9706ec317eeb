//! Counters with one writer.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

/// A counter that one thread at a time writes and any thread reads. Adding is a plain load and
/// store: two writers at once would lose counts (never safety).
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) const fn new(value: u64) -> Counter {
        Counter(AtomicU64::new(value))
    }

    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.set(self.get().wrapping_add(n));
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Sets it, for [`published`](Counter::published).
    #[inline]
    pub(crate) fn publish(&self, value: u64) {
        // Ordering: pairs with the Acquire of `published`.
        self.0.store(value, Ordering::Release);
    }

    /// What was published. Whoever sees it sees what was stored before.
    #[inline]
    pub(crate) fn published(&self) -> u64 {
        // Ordering: pairs with the Release of `publish`.
        self.0.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn raise_to(&self, value: u64) {
        if value > self.get() {
            self.set(value);
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds when several threads may write: an atomic read-modify-write.
    #[inline]
    pub(crate) fn add_shared(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}

/// The index of a worker, noted as a [`Counter`] is.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct WorkerMark(AtomicU16);

impl WorkerMark {
    pub(crate) const fn new(worker: u16) -> WorkerMark {
        WorkerMark(AtomicU16::new(worker))
    }

    #[inline]
    pub(crate) fn set(&self, worker: u16) {
        self.0.store(worker, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u16 {
        self.0.load(Ordering::Relaxed)
    }
}

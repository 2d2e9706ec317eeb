//! The twin without telemetry: counters of no size that stay at nothing.

use crate::task::header::NO_WORKER;

#[derive(Debug, Default)]
pub(crate) struct Counter;

impl Counter {
    pub(crate) const fn new(_: u64) -> Counter {
        Counter
    }

    #[inline]
    pub(crate) fn add(&self, _: u64) {}

    #[inline]
    pub(crate) fn set(&self, _: u64) {}

    #[inline]
    pub(crate) fn raise_to(&self, _: u64) {}

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        0
    }

    #[inline]
    pub(crate) fn add_shared(&self, _: u64) {}
}

#[derive(Debug)]
pub(crate) struct WorkerMark;

impl WorkerMark {
    pub(crate) const fn new(_: u16) -> WorkerMark {
        WorkerMark
    }

    #[inline]
    pub(crate) fn set(&self, _: u16) {}

    #[inline]
    pub(crate) fn get(&self) -> u16 {
        NO_WORKER
    }
}

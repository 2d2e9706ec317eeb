//! The twin without telemetry: no totals.

use std::collections::HashMap;
use std::panic::Location;

use super::outcome::Outcome;
use super::task_record::TaskRecord;

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct SiteTotals;

impl SiteTotals {
    pub(crate) fn of(_: &TaskRecord, _: Outcome) -> SiteTotals {
        SiteTotals
    }

    pub(crate) fn of_first_poll(_: u64, _: u64, _: Outcome) -> SiteTotals {
        SiteTotals
    }

    pub(crate) fn with_future_bytes(self, _: usize) -> SiteTotals {
        SiteTotals
    }

    pub(crate) fn of_blocking(_: u64, _: u64, _: Outcome) -> SiteTotals {
        SiteTotals
    }

    pub(crate) fn add(&mut self, _: &SiteTotals) {}
}

/// Never anything in it, so it never allocates.
pub(crate) type SharedSites = HashMap<&'static Location<'static>, SiteTotals>;

pub(crate) const LONG_POLL_NS: u64 = 1_000_000;

#[inline]
pub(crate) fn is_sampled(_: u64) -> bool {
    false
}

pub(crate) struct PollOfSite {
    pub(crate) task: u64,
    pub(crate) ns: u64,
    #[expect(dead_code, reason = "for histograms, which there are none of")]
    pub(crate) waited: u64,
    pub(crate) ended_at: u64,
}

pub(crate) struct WorkerSites;

impl WorkerSites {
    pub(crate) fn new() -> WorkerSites {
        WorkerSites
    }

    #[must_use]
    pub(crate) fn add(&self, _: &'static Location<'static>, _: &SiteTotals, _: usize) -> bool {
        true
    }

    pub(crate) fn count_poll(&self, _: &'static Location<'static>, _: &PollOfSite) {}

    pub(crate) fn count_delay(&self, _: &'static Location<'static>, _: u64) {}
}

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

    pub(crate) fn of_blocking(_: u64, _: u64, _: Outcome) -> SiteTotals {
        SiteTotals
    }

    pub(crate) fn add(&mut self, _: &SiteTotals) {}
}

/// Never anything in it, so it never allocates.
pub(crate) type SharedSites = HashMap<&'static Location<'static>, SiteTotals>;

pub(crate) struct WorkerSites;

impl WorkerSites {
    pub(crate) fn new() -> WorkerSites {
        WorkerSites
    }

    #[must_use]
    pub(crate) fn add(&self, _: &'static Location<'static>, _: &SiteTotals) -> bool {
        true
    }
}

//! Totals of finished tasks by the place of their spawn.
//!
//! Each worker has a fixed table of its own that only it writes; completions elsewhere, and
//! places beyond the table's room, go to one table under a lock. A reader adds them up and then
//! the live tasks' records, so the books close: finished and live tasks are all the tasks.
//!
//! What is known of single polls, live tasks' included, is beside the totals: see [`times`].

#![expect(
    unsafe_code,
    reason = "reads `&'static Location`s back from atomic pointers"
)]

use std::collections::HashMap;
use std::panic::Location;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::counter::Counter;
use super::outcome::Outcome;
use super::task_record::TaskRecord;

mod times;

use times::SiteTimes;
pub(crate) use times::{LONG_POLL_NS, PollOfSite, SiteTimesTotal, is_sampled};

/// Totals of the finished tasks of one site, in ticks where it is time.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct SiteTotals {
    pub(crate) finished: u64,
    pub(crate) polls: u64,
    pub(crate) busy: u64,
    pub(crate) scheduled: u64,
    pub(crate) panicked: u64,
    pub(crate) cancelled: u64,
    pub(crate) longest_poll: u64,
    /// Bytes of the largest future.
    pub(crate) future_bytes: u64,
}

impl SiteTotals {
    /// Of a task that completed at its first poll, which took `busy` after waiting for `scheduled`.
    pub(crate) fn of_first_poll(busy: u64, scheduled: u64, outcome: Outcome) -> SiteTotals {
        SiteTotals {
            polls: 1,
            busy,
            scheduled,
            longest_poll: busy,
            ..SiteTotals::ended(outcome)
        }
    }

    /// Of work on the blocking pool, which has no polls.
    pub(crate) fn of_blocking(busy: u64, scheduled: u64, outcome: Outcome) -> SiteTotals {
        SiteTotals {
            polls: 0,
            ..SiteTotals::of_first_poll(busy, scheduled, outcome)
        }
    }

    fn ended(outcome: Outcome) -> SiteTotals {
        SiteTotals {
            finished: 1,
            panicked: u64::from(outcome == Outcome::Panicked),
            cancelled: u64::from(outcome == Outcome::Cancelled),
            ..SiteTotals::default()
        }
    }

    /// Of a task, as its record has it.
    pub(crate) fn of(record: &TaskRecord, outcome: Outcome) -> SiteTotals {
        let counts = record.counts();
        SiteTotals {
            polls: counts.polls,
            busy: counts.busy,
            scheduled: counts.scheduled,
            longest_poll: counts.longest_poll,
            ..SiteTotals::ended(outcome)
        }
    }

    /// The same, of a task whose future takes so much.
    pub(crate) fn with_future_bytes(self, bytes: usize) -> SiteTotals {
        SiteTotals {
            future_bytes: bytes as u64,
            ..self
        }
    }

    pub(crate) fn add(&mut self, other: &SiteTotals) {
        self.finished += other.finished;
        self.polls += other.polls;
        self.busy += other.busy;
        self.scheduled += other.scheduled;
        self.panicked += other.panicked;
        self.cancelled += other.cancelled;
        self.longest_poll = self.longest_poll.max(other.longest_poll);
        self.future_bytes = self.future_bytes.max(other.future_bytes);
    }

    /// Raises each total to that of `other`, if it is more.
    pub(super) fn raise_to(&mut self, other: &SiteTotals) {
        self.finished = self.finished.max(other.finished);
        self.polls = self.polls.max(other.polls);
        self.busy = self.busy.max(other.busy);
        self.scheduled = self.scheduled.max(other.scheduled);
        self.panicked = self.panicked.max(other.panicked);
        self.cancelled = self.cancelled.max(other.cancelled);
        self.longest_poll = self.longest_poll.max(other.longest_poll);
        self.future_bytes = self.future_bytes.max(other.future_bytes);
    }
}

/// Totals by site under a lock.
pub(crate) type SharedSites = HashMap<&'static Location<'static>, SiteTotals>;

const ENTRIES: usize = 256;

#[derive(Default)]
struct Entry {
    location: AtomicPtr<Location<'static>>,
    finished: Counter,
    polls: Counter,
    busy: Counter,
    scheduled: Counter,
    panicked: Counter,
    cancelled: Counter,
    longest_poll: Counter,
    future_bytes: Counter,
}

/// One worker's totals: open addressing by the address of the location.
pub(crate) struct WorkerSites {
    entries: Box<[Entry]>,
    /// Of the site in the entry of the same number, from the first poll on that is counted.
    times: Box<[OnceLock<Box<SiteTimes>>]>,
}

impl WorkerSites {
    pub(crate) fn new() -> WorkerSites {
        WorkerSites {
            entries: (0..ENTRIES).map(|_| Entry::default()).collect(),
            times: (0..ENTRIES).map(|_| OnceLock::new()).collect(),
        }
    }

    /// The number of a site's entry. `None`: the table is full. For the worker itself.
    #[inline]
    fn entry_of(&self, location: &'static Location<'static>) -> Option<usize> {
        let key = ptr::from_ref(location).cast_mut();
        // Locations are 8-aligned and 24 bytes long; a multiplication spreads them.
        let start = (key.addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        for probe in 0..8 {
            let index = (start as usize + probe) % ENTRIES;
            let entry = &self.entries[index];
            let found = entry.location.load(Ordering::Relaxed);
            if found != key {
                if !found.is_null() {
                    continue;
                }
                // Ordering: not needed for the pointee, which is static; readers take zeros.
                entry.location.store(key, Ordering::Relaxed);
            }
            return Some(index);
        }
        None
    }

    /// Adds a task to a site's totals, with the bytes of its future; only the worker itself may
    /// call it. False: the table is full.
    #[must_use]
    pub(crate) fn add(
        &self,
        location: &'static Location<'static>,
        totals: &SiteTotals,
        future_bytes: usize,
    ) -> bool {
        let Some(index) = self.entry_of(location) else {
            return false;
        };
        let entry = &self.entries[index];
        entry.finished.add(totals.finished);
        entry.polls.add(totals.polls);
        entry.busy.add(totals.busy);
        entry.scheduled.add(totals.scheduled);
        if totals.panicked + totals.cancelled > 0 {
            entry.panicked.add(totals.panicked);
            entry.cancelled.add(totals.cancelled);
        }
        entry.longest_poll.raise_to(totals.longest_poll);
        entry.future_bytes.raise_to(future_bytes as u64);
        true
    }

    /// What is known of a site's single polls. `None`: the table is full.
    fn times(&self, location: &'static Location<'static>) -> Option<&SiteTimes> {
        let index = self.entry_of(location)?;
        // Memory is asked for once a site.
        Some(self.times[index].get_or_init(|| Box::new(SiteTimes::new())))
    }

    /// Counts a poll of a site that is sampled or long.
    pub(crate) fn count_poll(&self, location: &'static Location<'static>, poll: &PollOfSite) {
        if let Some(times) = self.times(location) {
            times.count(poll);
        }
    }

    /// Counts how long a task has waited for its turn during a poll of the site.
    pub(crate) fn count_delay(&self, location: &'static Location<'static>, ns: u64) {
        if let Some(times) = self.times(location) {
            times.count_delay(ns);
        }
    }

    /// Adds what this worker knows of single polls to `into`.
    pub(crate) fn collect_times(
        &self,
        into: &mut HashMap<&'static Location<'static>, SiteTimesTotal>,
    ) {
        for (entry, times) in self.entries.iter().zip(&self.times) {
            // SAFETY: as in `collect`.
            let location = unsafe { entry.location.load(Ordering::Relaxed).as_ref() };
            if let (Some(location), Some(times)) = (location, times.get()) {
                into.entry(location).or_default().add(times);
            }
        }
    }

    /// Adds this worker's totals to `into`.
    pub(crate) fn collect(&self, into: &mut SharedSites) {
        for entry in &self.entries {
            let location = entry.location.load(Ordering::Relaxed);
            // SAFETY: only `add` stores into `location`, and it stores `&'static` references.
            let Some(location) = (unsafe { location.as_ref() }) else {
                continue;
            };
            into.entry(location).or_default().add(&SiteTotals {
                finished: entry.finished.get(),
                polls: entry.polls.get(),
                busy: entry.busy.get(),
                scheduled: entry.scheduled.get(),
                panicked: entry.panicked.get(),
                cancelled: entry.cancelled.get(),
                longest_poll: entry.longest_poll.get(),
                future_bytes: entry.future_bytes.get(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::OnceLock;

    #[test]
    fn totals_add_up_by_site() {
        let sites = WorkerSites::new();
        let (here, there) = (Location::caller(), site());
        let one = SiteTotals {
            finished: 1,
            polls: 3,
            ..SiteTotals::default()
        };
        assert!(sites.add(here, &one, 10));
        assert!(sites.add(here, &one, 30));
        assert!(sites.add(there, &one, 20));
        let mut all = SharedSites::new();
        sites.collect(&mut all);
        assert_eq!((all[here].finished, all[here].polls), (2, 6));
        assert_eq!((all[here].future_bytes, all[there].future_bytes), (30, 20));
        assert_eq!(all[there].finished, 1);
    }

    #[track_caller]
    fn site() -> &'static Location<'static> {
        Location::caller()
    }

    #[test]
    fn a_full_table_refuses_and_loses_nothing() {
        let sites = WorkerSites::new();
        let one = SiteTotals {
            finished: 1,
            ..SiteTotals::default()
        };
        static LOCATIONS: OnceLock<Vec<Location<'static>>> = OnceLock::new();
        let locations = LOCATIONS.get_or_init(|| vec![*Location::caller(); 2000]);
        let accepted = locations.iter().filter(|l| sites.add(l, &one, 0)).count();
        assert!(accepted < locations.len());
        let mut all = SharedSites::new();
        sites.collect(&mut all);
        assert_eq!(
            all.values().map(|t| t.finished).sum::<u64>(),
            accepted as u64
        );
    }
}

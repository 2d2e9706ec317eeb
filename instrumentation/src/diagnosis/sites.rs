//! The spawn sites in the last looks that had tasks.

use std::collections::{HashMap, VecDeque};
use std::panic::Location;

use zokio::telemetry::{HistogramSnapshot, Snapshot, SpawnSiteSnapshot};

/// Looks that are kept of each.
const MAX_LOOKS: usize = 12;

/// Sites that are followed; those beyond are not looked at. What is kept of one is about 1 KiB.
const MAX_SITES: usize = 1_000;

/// What counts as a slow poll, and as a long one.
const SLOW_NS: u64 = 10_000_000;
const LONG_NS: u64 = 1_000_000;

#[derive(Debug, Default)]
pub(super) struct Sites(HashMap<&'static Location<'static>, SiteTrace>);

/// One spawn site.
#[derive(Debug)]
pub(super) struct SiteTrace {
    pub(super) location: &'static Location<'static>,
    /// The latest last.
    looks: VecDeque<SiteLook>,
}

/// What a look says of a site. Numbers that only grow, but for `alive`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SiteLook {
    pub(super) taken_at_ns: u64,
    pub(super) spawned: u64,
    pub(super) alive: u64,
    pub(super) panicked: u64,
    pub(super) polls: u64,
    /// Polls of ten milliseconds or more, and time that these took at least.
    pub(super) slow_polls: u64,
    /// Known of a change only.
    pub(super) slow_ns: u64,
    /// Polls of a millisecond or more, and time that these took at least.
    pub(super) long_polls: u64,
    /// Known of a change only.
    pub(super) long_ns: u64,
    pub(super) longest_poll_ns: u64,
    pub(super) delayed_others_ns: u64,
    pub(super) future_bytes: u64,
    busy_ns: u64,
    slow_bounds: Bounds,
    long_bounds: Bounds,
}

impl Sites {
    pub(super) fn note(&mut self, snapshot: &Snapshot) {
        for site in &snapshot.spawn_sites {
            let is_new = !self.0.contains_key(site.location);
            if is_new && self.0.len() >= MAX_SITES {
                continue;
            }
            let trace = self.0.entry(site.location).or_insert_with(|| SiteTrace {
                location: site.location,
                looks: VecDeque::new(),
            });
            if trace.looks.len() >= MAX_LOOKS {
                trace.looks.pop_front();
            }
            trace
                .looks
                .push_back(SiteLook::new(snapshot.taken_at_ns, site));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &SiteTrace> {
        self.0.values()
    }
}

impl SiteTrace {
    pub(super) fn now(&self) -> SiteLook {
        self.looks.back().copied().unwrap_or_default()
    }

    /// When it was seen first, among the looks that are kept.
    pub(super) fn first_seen_ns(&self) -> u64 {
        self.looks.front().map_or(0, |look| look.taken_at_ns)
    }

    /// The last `looks` looks, the latest last; `None` if there are not that many yet.
    pub(super) fn last(&self, looks: usize) -> Option<Vec<SiteLook>> {
        let skip = self.looks.len().checked_sub(looks)?;
        Some(self.looks.iter().skip(skip).copied().collect())
    }

    /// What happened from the first of the last `looks` looks to the latest, and how many nanoseconds
    /// there are between them.
    pub(super) fn change(&self, looks: usize) -> Option<(SiteLook, u64)> {
        let looks = self.last(looks)?;
        let (before, now) = (looks.first()?, looks.last()?);
        let elapsed_ns = now.taken_at_ns.saturating_sub(before.taken_at_ns);
        (elapsed_ns > 0).then(|| (now.since(before), elapsed_ns))
    }
}

impl SiteLook {
    fn new(taken_at_ns: u64, site: &SpawnSiteSnapshot) -> SiteLook {
        SiteLook {
            taken_at_ns,
            spawned: site.spawned,
            alive: site.alive,
            panicked: site.panicked,
            polls: site.polls,
            slow_polls: site.slow_polls,
            slow_ns: 0,
            long_polls: site.long_polls,
            long_ns: 0,
            longest_poll_ns: site.longest_poll_ns,
            delayed_others_ns: site.delayed_others_ns,
            future_bytes: site.future_bytes,
            busy_ns: site.busy_ns,
            slow_bounds: Bounds::of(&site.poll_time, site.slow_polls, SLOW_NS),
            long_bounds: Bounds::of(&site.poll_time, site.long_polls, LONG_NS),
        }
    }

    /// The counts since then; what is no count stays.
    fn since(&self, before: &SiteLook) -> SiteLook {
        let less = |now: u64, before: u64| now.saturating_sub(before);
        let busy_ns = less(self.busy_ns, before.busy_ns);
        SiteLook {
            spawned: less(self.spawned, before.spawned),
            panicked: less(self.panicked, before.panicked),
            polls: less(self.polls, before.polls),
            slow_polls: less(self.slow_polls, before.slow_polls),
            slow_ns: self
                .slow_bounds
                .at_least_since(&before.slow_bounds, busy_ns),
            long_polls: less(self.long_polls, before.long_polls),
            long_ns: self
                .long_bounds
                .at_least_since(&before.long_bounds, busy_ns),
            delayed_others_ns: less(self.delayed_others_ns, before.delayed_others_ns),
            ..*self
        }
    }
}

/// How long a number of the longest polls took together: bounds, since buckets are wide.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    /// At least: each with the least that it may have taken.
    least_ns: u64,
    /// What all other polls took at most.
    others_ns: u64,
}

impl Bounds {
    /// Of `polls` polls of at least `each_ns`.
    fn of(histogram: &HistogramSnapshot, polls: u64, each_ns: u64) -> Bounds {
        let mut bounds = Bounds::default();
        let mut left = polls;
        for &(upper, n) in histogram.buckets.iter().rev() {
            let counted = n.min(left);
            left -= counted;
            let least = (upper / 2).max(each_ns);
            // Those of a bucket that are not among the longest are below the limit, as far as the
            // bucket has any such.
            let most = if upper / 2 < each_ns {
                upper.min(each_ns)
            } else {
                upper
            };
            let add = |sum: &mut u64, n: u64, ns: u64| {
                *sum = sum.saturating_add(n.saturating_mul(ns));
            };
            add(&mut bounds.least_ns, counted, least);
            add(&mut bounds.others_ns, n - counted, most);
        }
        bounds
    }

    /// The time that they took since then, at least, if all polls took `busy_ns`: what the others
    /// leave of that, but no more than the buckets allow.
    fn at_least_since(&self, before: &Bounds, busy_ns: u64) -> u64 {
        let least_ns = self.least_ns.saturating_sub(before.least_ns);
        let others_ns = self.others_ns.saturating_sub(before.others_ns);
        let left_ns = busy_ns.saturating_sub(others_ns);
        left_ns.clamp(least_ns, least_ns.saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{MS, site, snapshot};
    use super::*;

    fn change(busy_ms: u64, buckets: Vec<(u64, u64)>, long: u64, slow: u64) -> SiteLook {
        let mut sites = Sites::default();
        for n in 0..2 {
            let mut site = site();
            site.busy_ns = n * busy_ms * MS;
            (site.long_polls, site.slow_polls) = (n * long, n * slow);
            let buckets = buckets.iter().map(|&(upper, count)| (upper, n * count));
            site.poll_time = HistogramSnapshot::from_parts(0, 0, buckets.collect());
            let mut look = snapshot(n + 1);
            look.spawn_sites.push(site);
            sites.note(&look);
        }
        sites.iter().next().unwrap().change(2).unwrap().0
    }

    #[test]
    fn what_short_polls_leave_of_the_busy_time_is_that_of_the_slow_ones() {
        // Ten of 60 ms, and 1,000 of 16 µs at most.
        let change = change(610, vec![(1 << 14, 1_000), (1 << 26, 10)], 10, 10);
        let short_ns = 1_000 << 14;
        assert_eq!(change.slow_ns, 610 * MS - short_ns);
        assert_eq!(change.long_ns, change.slow_ns);
    }

    #[test]
    fn a_poll_counts_at_least_with_its_buckets_lower_bound() {
        let change = change(0, vec![(1 << 24, 2), (1 << 26, 10)], 12, 11);
        assert_eq!(change.slow_ns, (10 << 25) + 10 * MS);
        assert_eq!(change.long_ns, (10 << 25) + (2 << 23));
    }

    #[test]
    fn time_that_is_in_no_poll_does_not_count() {
        let change = change(60_000, vec![(1 << 26, 1)], 1, 1);
        assert_eq!(change.slow_ns, 1 << 26);
    }

    #[test]
    fn memory_does_not_grow() {
        let mut sites = Sites::default();
        for second in 1..100 {
            let mut look = snapshot(second);
            look.spawn_sites.push(site());
            sites.note(&look);
        }
        let site = sites.iter().next().unwrap();
        assert_eq!(site.looks.len(), MAX_LOOKS);
        assert!(site.last(MAX_LOOKS + 1).is_none());
    }
}

//! When ranking passes are taken, and what the latest one has found.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zokio::runtime::Handle;
use zokio::telemetry::WaitBook;

use super::REST;
use super::group::Group;
use super::ranking::{Pass, Ranked};

/// Records that are looked at in one slice.
const SLICE: usize = 16_384;

/// Between the beginnings of two passes, where one costs too much for each look.
const MIN_PASS_INTERVAL: Duration = Duration::from_millis(500);

/// After a slice that took `t` of a pass that somebody waits for, the next comes after `HURRY * t`.
const HURRY: u32 = 2;

/// See the module.
pub(super) struct Passes {
    under_way: Option<Pass>,
    next_slice: Instant,
    /// When the next pass may begin, and when if a group waits for its first.
    next: Instant,
    next_first: Instant,
    /// From the beginning of the latest pass to its end.
    took: Duration,
    /// By the runtime's id: what the latest pass has found.
    pub(super) ranked: HashMap<u64, Ranked>,
    pub(super) book: WaitBook,
}

/// What became of a pass in a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advance {
    Nothing,
    Slice,
    /// It began and ended.
    Whole,
}

impl Passes {
    pub(super) fn new(now: Instant) -> Passes {
        Passes {
            under_way: None,
            next_slice: now,
            next: now,
            next_first: now,
            took: Duration::ZERO,
            ranked: HashMap::new(),
            book: WaitBook::new(),
        }
    }

    /// When there is something to do for these groups.
    pub(super) fn next_due(&self, groups: &[Group]) -> Option<Instant> {
        let due = |group: &Group| match (&self.under_way, group.is_ranked()) {
            (_, true) => group.due,
            // It is served when the pass is over.
            (Some(_), false) => self.next_slice,
            (None, false) => group.due.max(self.next.min(self.next_first)),
        };
        let next = groups.iter().map(due).min()?;
        Some(match self.under_way {
            Some(_) => next.min(self.next_slice),
            None => next,
        })
    }

    /// Begins a pass if one is due, and takes a slice of it if that is due. `at_once`: all of it.
    pub(super) fn advance(
        &mut self,
        groups: &mut [Group],
        now: Instant,
        at_once: bool,
        live: impl FnOnce() -> Vec<(u64, Handle)>,
    ) -> Advance {
        if groups.is_empty() {
            *self = Passes::new(now);
            return Advance::Nothing;
        }
        let is_waited_for = groups.iter().any(|group| group.waits(now));
        let begins = self.under_way.is_none();
        if begins {
            let earliest = match is_waited_for {
                true => self.next.min(self.next_first),
                false => self.next,
            };
            let is_due = groups.iter().any(|group| group.due <= now);
            if !is_due || (now < earliest && !at_once) {
                return Advance::Nothing;
            }
            self.begin(groups, now, live());
        }
        let Some(pass) = &mut self.under_way else {
            return Advance::Nothing;
        };
        if now < self.next_slice && !at_once {
            return Advance::Nothing;
        }
        let before = pass.spent;
        let mut is_over = pass.step(SLICE, &mut self.book);
        while at_once && !is_over {
            is_over = pass.step(SLICE, &mut self.book);
        }
        let rest = if is_waited_for { HURRY } else { REST + 1 };
        self.next_slice = now + (pass.spent - before) * rest;
        if is_over {
            self.end(groups);
        }
        match begins && is_over {
            true => Advance::Whole,
            false => Advance::Slice,
        }
    }

    fn begin(&mut self, groups: &[Group], now: Instant, live: Vec<(u64, Handle)>) {
        // Those that will be due when it is over, or before the next one is.
        let soon = now + self.took * 2;
        let served = groups.iter().filter(|group| group.due <= soon);
        let queries = served.map(|group| Arc::clone(&group.wish.query));
        self.under_way = Some(Pass::new(queries.collect(), live));
        self.next_slice = now;
    }

    fn end(&mut self, groups: &mut [Group]) {
        let Some(mut pass) = self.under_way.take() else {
            return;
        };
        for group in groups.iter_mut() {
            let query = &group.wish.query;
            if pass.includes(query) {
                group.rankings = Some(pass.take_rankings(query).into_iter().collect());
            }
        }
        let rest = pass.spent * (REST + 1);
        let shortest = groups.iter().map(|group| group.wish.interval).min();
        let is_cheap = shortest.is_none_or(|interval| rest <= interval);
        let first = match is_cheap {
            true => pass.began,
            false => pass.began + MIN_PASS_INTERVAL,
        };
        self.next_first = first;
        self.next = match is_cheap {
            true => first,
            false => first.max(pass.began + rest),
        };
        self.took = pass.began.elapsed();
        let found = pass.found.into_iter();
        self.ranked = found.map(|ranked| (ranked.runtime_id, ranked)).collect();
    }
}

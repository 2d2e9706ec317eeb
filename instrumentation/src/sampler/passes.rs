//! When ranking passes are taken, and what the latest one has found.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zokio::runtime::Handle;
use zokio::telemetry::WaitBook;

use super::REST;
use super::credit::Credit;
use super::group::Group;
use super::ranking::{Pass, Ranked};

/// Records that are looked at in one slice, and how long it goes on at most.
const SLICE: usize = 16_384;
const SLICE_TIME: Duration = Duration::from_millis(10);

/// Between the beginnings of two passes, where one costs too much for each look.
const MIN_PASS_INTERVAL: Duration = Duration::from_millis(500);

/// After a slice that took `t` of a pass that somebody waits for, the next comes after `HURRY * t`, as
/// long as there is [credit](Credit) for it.
const HURRY: u32 = 2;

/// How long the last pass of all may take.
const LAST: Duration = Duration::from_millis(100);

/// See the module.
pub(super) struct Passes {
    under_way: Option<Pass>,
    next_slice: Instant,
    /// When the next pass may begin, and when if a group waits for its first.
    next: Instant,
    next_first: Instant,
    /// For what viewers wait for.
    credit: Credit,
    /// What the latest pass spent.
    spent: Duration,
    /// When the latest pass began, and until when the groups are due that it serves.
    pub(super) latest: Option<(Instant, Instant)>,
    /// How long the next one will take, as far as is known; zero: it is part of a look.
    takes: Duration,
    /// A pass serves all groups that are due in this time from its beginning on: the next may come too
    /// late for them.
    reach: Duration,
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
            credit: Credit::new(now),
            spent: Duration::ZERO,
            latest: None,
            takes: Duration::ZERO,
            reach: Duration::ZERO,
            ranked: HashMap::new(),
            book: WaitBook::new(),
        }
    }

    /// Lets go of what was found: nobody watches. The next who does pays for what was spent.
    fn forget(&mut self) {
        if let Some(pass) = self.under_way.take() {
            self.next = self.next.max(pass.began + pass.spent * (REST + 1));
            self.spent = self.spent.max(pass.spent);
        }
        (self.ranked, self.book, self.latest) = Default::default();
    }

    /// When there is something to do for these groups.
    pub(super) fn next_due(&mut self, groups: &[Group]) -> Option<Instant> {
        if groups.is_empty() {
            self.forget();
            return None;
        }
        let due = |group: &Group| match (&self.under_way, group.is_ranked()) {
            (None, true) if self.wants_pass(group) => {
                let begin = group.due.checked_sub(self.lead()).unwrap_or(group.due);
                group.due.min(begin.max(self.next))
            }
            (_, true) => group.due,
            // It is served when the pass is over.
            (Some(_), false) => self.next_slice,
            (None, false) => group.due.max(self.earliest_first()),
        };
        let next = groups.iter().map(due).min()?;
        Some(match self.under_way {
            Some(_) => next.min(self.next_slice),
            None => next,
        })
    }

    /// When a pass may begin for a group that waits for its first.
    fn earliest_first(&self) -> Instant {
        match self.credit.covers(self.spent) {
            true => self.next.min(self.next_first),
            false => self.next,
        }
    }

    /// How long before a view is due the pass for it begins. One that takes somewhat longer than the
    /// latest is in time, too.
    fn lead(&self) -> Duration {
        self.takes * 3 / 2
    }

    /// Whether the view that is due next is to have a pass of its own: none has begun shortly before.
    fn wants_pass(&self, group: &Group) -> bool {
        let shortly = self.takes + group.wish.interval / 2;
        let is_served = |(began, until)| until >= group.due && began + shortly >= group.due;
        !group.is_ranked() || !self.latest.is_some_and(is_served)
    }

    /// Begins a pass if one is due, and takes a slice of it if that is due. `at_once`: all of it, if
    /// that can be.
    pub(super) fn advance(
        &mut self,
        groups: &mut [Group],
        now: Instant,
        at_once: bool,
        live: impl FnOnce() -> Vec<(u64, Handle)>,
    ) -> Advance {
        if groups.is_empty() {
            return Advance::Nothing;
        }
        self.credit.renew(now);
        let is_waited_for = groups.iter().any(|group| group.waits(now));
        let begins = self.under_way.is_none();
        if begins {
            let earliest = match is_waited_for {
                true => self.earliest_first(),
                false => self.next,
            };
            let lead = self.lead();
            let is_due = groups.iter().any(|group| match group.is_ranked() {
                true if !at_once => group.due <= now + lead && self.wants_pass(group),
                _ => group.due <= now,
            });
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
        let is_over = match at_once {
            true => pass.step(usize::MAX, LAST, &mut self.book),
            false => pass.step(SLICE, SLICE_TIME, &mut self.book),
        };
        let took = pass.spent - before;
        let hurries = is_waited_for && self.credit.covers(took);
        if is_waited_for {
            self.credit.spend(took);
        }
        let rest = if hurries { HURRY } else { REST + 1 };
        self.next_slice = now + took * rest;
        if is_over {
            self.end(groups, begins);
        }
        match begins && is_over {
            true => Advance::Whole,
            false => Advance::Slice,
        }
    }

    fn begin(&mut self, groups: &[Group], now: Instant, live: Vec<(u64, Handle)>) {
        let soon = now + self.reach;
        let served = groups.iter().filter(|group| group.due <= soon);
        let queries = served.map(|group| Arc::clone(&group.wish.query));
        self.under_way = Some(Pass::new(now, queries.collect(), live));
        self.next_slice = now;
        self.latest = Some((now, soon));
    }

    fn end(&mut self, groups: &mut [Group], in_one_slice: bool) {
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
        self.next = first.max(pass.began + rest);
        self.spent = pass.spent;
        // As if nobody had been in a hurry.
        self.takes = match in_one_slice {
            true => Duration::ZERO,
            false => rest,
        };
        // From one beginning to the next, to the end of that, and what the groups' dues are apart.
        self.reach = self.takes.max(self.next - pass.began) * 3;
        let found = pass.found.into_iter();
        self.ranked = found.map(|ranked| (ranked.runtime_id, ranked)).collect();
    }
}

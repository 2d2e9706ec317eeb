//! Findings: what is wrong with a program, said in words, with the proof and the place.
//!
//! Once a second [`Engine`] takes a look at a runtime: the look goes into a bounded [`History`], the
//! rules of the [table](RULES) read it, and the [`Tracker`] decides which of their findings are
//! shown. Rules are pure functions of the history and the [`Thresholds`], so each can be tested on a
//! history made by hand, and works on a recording as it does live. A new kind of finding is one file
//! here and one line in the table.
//!
//! A finding that was wrong costs as much as one that was missed. So each rule looks for a proof and
//! not for a symptom, and a finding whose proof is not exact has to hold in two looks in a row.
//!
//! Non-goals: taking snapshots, the clock, and whom the findings are told (see
//! [`findings`](crate::findings)). Nothing here does I/O.

mod blocked_worker;
mod channel_full;
mod circles;
mod cpu_hog;
mod deadlock;
mod finding;
#[cfg(test)]
mod fixtures;
mod guard_not_polled;
mod history;
mod imbalance;
mod join_cycle;
mod lifo_captive;
mod lock_convoy;
mod long_polls;
mod lost_waker;
mod never_yields;
mod oversized_future;
mod panic_loop;
mod permits_leaked;
mod pool_exhausted;
mod queue_growth;
mod runtime_in_runtime;
mod self_join;
mod self_wake_storm;
mod sites;
mod slow_polls;
mod task_leak;
mod thresholds;
mod timer_late;
mod tracker;
mod wake_storm;

use zokio::telemetry::Snapshot;

use crate::watchdog::{CpuWait, LongPoll};
#[cfg(test)]
pub(crate) use finding::Subject;
pub(crate) use finding::{Finding, Place, Severity, Value};
pub(crate) use history::History;
pub use thresholds::Thresholds;
use tracker::Tracker;

/// All rules. The order is that of equally severe findings on a screen.
pub(crate) const RULES: &[Rule] = &[
    deadlock::RULE,
    join_cycle::RULE,
    self_join::RULE,
    guard_not_polled::RULE,
    blocked_worker::RULE,
    cpu_hog::RULE,
    runtime_in_runtime::RULE,
    panic_loop::RULE,
    slow_polls::RULE,
    never_yields::RULE,
    timer_late::RULE,
    pool_exhausted::RULE,
    lock_convoy::RULE,
    permits_leaked::RULE,
    channel_full::RULE,
    self_wake_storm::RULE,
    wake_storm::RULE,
    imbalance::RULE,
    lifo_captive::RULE,
    queue_growth::RULE,
    lost_waker::RULE,
    task_leak::RULE,
    oversized_future::RULE,
];

/// How one kind of finding is found.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The kind of its findings: lower case, with hyphens.
    pub(crate) kind: &'static str,
    pub(crate) reads: Reads,
    pub(crate) find: fn(&History, &Thresholds) -> Vec<Finding>,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// The watchdog's long polls, or the counters of workers and pool: they are in every look.
    Counters,
    /// Tasks: with many of them there are fewer looks that have them.
    Tasks,
}

/// The kinds of findings that there are: `blocked-worker`, `deadlock`…
pub fn finding_kinds() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.kind)
}

/// The diagnosis of one runtime.
#[derive(Default)]
pub(crate) struct Engine {
    history: History,
    tracker: Tracker,
    thresholds: Thresholds,
}

impl Engine {
    pub(crate) fn new(thresholds: Thresholds) -> Engine {
        Engine {
            thresholds,
            ..Engine::default()
        }
    }

    /// How long the machine kept threads waiting, up to the look that comes.
    pub(crate) fn note_cpu_wait(&mut self, cpu_wait: CpuWait) {
        self.history.note_cpu_wait(cpu_wait);
    }

    /// Whether a task was among those of the latest look that had tasks, and is followed.
    pub(crate) fn follows(&self, task: u64) -> bool {
        self.history.task(task).is_some()
    }

    /// A look at everything.
    pub(crate) fn look(&mut self, snapshot: Snapshot, long_polls: Vec<LongPoll>) -> Vec<Finding> {
        self.history.note_long_polls(long_polls);
        self.history.note_snapshot(snapshot, &self.thresholds);
        self.apply(|_| true)
    }

    /// A look at all but the tasks, which the snapshot lacks.
    pub(crate) fn look_at_counters(
        &mut self,
        snapshot: &Snapshot,
        long_polls: Vec<LongPoll>,
    ) -> Vec<Finding> {
        self.history.note_long_polls(long_polls);
        self.history.note_counters(snapshot);
        self.apply(|rule| rule.reads == Reads::Counters)
    }

    /// Asks the rules that have something new to read.
    fn apply(&mut self, has_news: impl Fn(&Rule) -> bool) -> Vec<Finding> {
        let is_on = |rule: &&Rule| !self.thresholds.off.contains(&rule.kind);
        for rule in RULES.iter().filter(is_on).filter(|rule| has_news(rule)) {
            let found = (rule.find)(&self.history, &self.thresholds);
            self.tracker.update(rule.kind, found, &self.thresholds);
        }
        self.tracker.shown()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn kinds_are_unique_and_well_formed() {
        let kinds: HashSet<_> = finding_kinds().collect();
        assert_eq!(kinds.len(), RULES.len());
        for kind in kinds {
            assert!(
                kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{kind}"
            );
        }
    }

    #[test]
    fn nothing_is_found_in_a_runtime_that_does_nothing() {
        let mut engine = Engine::default();
        for second in 1..=5 {
            let look = fixtures::snapshot(second);
            assert!(engine.look(look, Vec::new()).is_empty());
        }
    }

    #[test]
    fn a_kind_that_is_off_is_not_found() {
        let mut thresholds = Thresholds::default();
        thresholds.set("blocked-worker", "off").unwrap();
        let mut engine = Engine::new(thresholds);
        let poll = fixtures::long_poll(7, 1_000, "off-cpu");
        assert!(engine.look(fixtures::snapshot(2), vec![poll]).is_empty());
    }

    #[test]
    fn long_polls_are_found_without_tasks() {
        let mut engine = Engine::default();
        engine.look(fixtures::snapshot(1), Vec::new());
        let poll = fixtures::long_poll(7, 1_000, "off-cpu");
        let found = engine.look_at_counters(&fixtures::snapshot(2), vec![poll]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].kind, "blocked-worker");
    }
}

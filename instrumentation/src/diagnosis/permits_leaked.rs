//! permits-leaked: tasks wait for a permit that its task has not given back and never will, since it
//! has finished.
//!
//! Proof: while a task waits for one permit, what the latest taker took has not come back. If that
//! taker took it by a permit that borrows the semaphore, it could hardly give it to another task, and
//! if it has finished it dropped all that it had: the permit was leaked (`mem::forget`, a cycle of
//! references). The taker may be another runtime's task, or the semaphore a static whose permits are
//! passed on, so one look is not enough.
//!
//! Not seen: owned permits, which are made to be moved; permits that were forgotten, since a semaphore
//! whose permits are forgotten and added anew is healthy; semaphores of which tasks have waited for
//! several permits at once.

use std::collections::HashMap;

use zokio::telemetry::{Acquirer, TaskSnapshot, Wait};

use super::finding::{Culprit, Finding, Resource, Severity, Subject, duration};
use super::history::History;
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::nanos::nanos;

pub(super) const RULE: Rule = Rule {
    kind: "permits-leaked",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "The task that took the permit last has finished without giving it back. Look for \
                    mem::forget, for a guard in a cycle of Arcs, or for one that was given away; keep \
                    the permit in a variable of the task that needs it.";

/// Those that wait for permits of one semaphore.
struct Waiting<'a> {
    longest: (&'a TaskSnapshot, &'a Wait),
    tasks: u64,
}

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let mut waiting: HashMap<u64, Waiting<'_>> = HashMap::new();
    for trace in history.tasks() {
        let task = &trace.now;
        for wait in task.waits.iter().filter(|w| w.kind == "semaphore") {
            let entry = waiting.entry(wait.resource).or_insert(Waiting {
                longest: (task, wait),
                tasks: 0,
            });
            entry.tasks += 1;
            if wait.since_ns < entry.longest.1.since_ns {
                entry.longest = (task, wait);
            }
        }
    }
    let waited_before = history
        .now_ns()
        .saturating_sub(nanos(thresholds.leaked_waited));
    let leaked = history.leaked().iter();
    leaked
        .filter_map(|(resource, taker)| Some((taker, waiting.get(resource)?)))
        .filter(|(_, waiting)| waiting.longest.1.since_ns <= waited_before)
        .map(|(taker, waiting)| finding(taker, waiting, history.now_ns()))
        .collect()
}

fn finding(taker: &Acquirer, waiting: &Waiting<'_>, now_ns: u64) -> Finding {
    let (task, wait) = waiting.longest;
    let subject = Subject::Resource(wait.resource);
    let mut finding = Finding::new(RULE.kind, Severity::Warning, subject, wait.since_ns);
    let waited_ns = now_ns.saturating_sub(wait.since_ns);
    finding.summary = format!(
        "{} waits since {} for a permit that task {} took, which has finished without giving it back",
        Culprit::of(task),
        duration(waited_ns),
        taker.task
    );
    for place in [taker.location, wait.location, wait.created_at] {
        place.into_iter().for_each(|place| finding.place(place));
    }
    finding.task = Some(Culprit::of(task));
    finding.resource = Some(Resource::of(wait));
    finding.number("taken_by", taker.task);
    finding.number("waiters", waiting.tasks);
    if let Some(permits) = wait.capacity {
        finding.number("permits", permits);
    }
    finding.number("waited_ns", waited_ns);
    finding.hint = HINT;
    finding
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, snapshot, waiting};
    use super::*;
    use zokio::telemetry::PermitsSnapshot;

    /// Task 1 waits for a semaphore since second 2; it is second 5, and the latest taker is task 9.
    fn history(change: impl FnOnce(&mut PermitsSnapshot), alive: &[u64]) -> History {
        let mut look = snapshot(5);
        look.tasks = vec![waiting(1, "semaphore", 64, None, 2_000)];
        look.tasks
            .extend(alive.iter().map(|&id| super::super::fixtures::task(id)));
        let mut permits = PermitsSnapshot::new(64, Some(1), &[9]);
        change(&mut permits);
        look.permits = vec![permits];
        let mut history = History::default();
        history.note_snapshot(look, &Thresholds::default());
        history
    }

    #[test]
    fn a_permit_of_a_finished_task_is_found() {
        let found = found(&RULE, &history(|_| (), &[]));
        assert_eq!(found.len(), 1);
        assert!(!found[0].exact && found[0].summary.contains("task 9"));
        assert_eq!(found[0].resource.unwrap().id, 64);
    }

    #[test]
    fn a_taker_that_lives_may_give_back() {
        assert!(found(&RULE, &history(|_| (), &[9])).is_empty());
    }

    #[test]
    fn what_has_come_back_or_can_be_moved_is_not_leaked() {
        assert!(found(&RULE, &history(|p| p.latest_holds = false, &[])).is_empty());
        assert!(found(&RULE, &history(|p| p.acquired_by[0].owned = true, &[])).is_empty());
        assert!(found(&RULE, &history(|p| p.acquired_by[0].task = 0, &[])).is_empty());
    }

    #[test]
    fn a_wait_that_has_just_begun_proves_nothing() {
        let mut history = history(|_| (), &[]);
        let mut look = snapshot(2);
        look.tasks = vec![waiting(1, "semaphore", 64, None, 1_001)];
        look.permits = vec![PermitsSnapshot::new(64, Some(1), &[9])];
        history.note_snapshot(look, &Thresholds::default());
        assert!(found(&RULE, &history).is_empty());
    }
}

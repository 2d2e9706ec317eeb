//! lock-convoy: tasks queue for a lock that each of them has for long.
//!
//! Proof: at one moment many tasks wait for one lock, the first of them for a second or more, and they
//! came one after the other. A lock is handed on in the order in which tasks came, so the time of the
//! longest wait by the number of those that wait is about what one turn takes: it has to be long, too.
//! Many tasks that each have a lock for a moment only are a busy lock, and no convoy.
//!
//! Tasks that all came at once and wait since then (for the lock that makes one of them the leader)
//! are left alone: that is how it is meant. Tasks that came one after the other are told for as long as
//! they wait, though nobody comes any more: all that could come may be there already, as with a pool of
//! clients behind a holder that is stuck.
//!
//! Of a lock that readers have, one of them is told. Not seen: permits, locks of the standard library.
//! A lock in a circle is the circle's finding.

use std::collections::HashMap;

use zokio::telemetry::{TaskSnapshot, TaskState, Wait};

use super::circles::Stuck;
use super::finding::{Culprit, Finding, Resource, Severity, Subject, duration};
use super::history::{History, Trace};
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::nanos::nanos;

pub(super) const RULE: Rule = Rule {
    kind: "lock-convoy",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "The lock is held for long each time, so all who need it wait for all before them. \
                    Do what takes long without the guard: take out what is needed, drop the guard, \
                    then await; or split the lock, or let one task own the data and send it requests.";

/// Those that wait for one lock.
struct Queue<'a> {
    /// Who came first, and who came last.
    first: (&'a TaskSnapshot, &'a Wait),
    last_since_ns: u64,
    waiters: u64,
}

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let mut queues: HashMap<u64, Queue<'_>> = HashMap::new();
    for trace in history.tasks() {
        for wait in locks(&trace.now) {
            let queue = queues.entry(wait.resource).or_insert(Queue {
                first: (&trace.now, wait),
                last_since_ns: wait.since_ns,
                waiters: 0,
            });
            queue.waiters += 1;
            queue.last_since_ns = queue.last_since_ns.max(wait.since_ns);
            if wait.since_ns < queue.first.1.since_ns {
                queue.first = (&trace.now, wait);
            }
        }
    }
    let now_ns = history.now_ns();
    queues.retain(|_, queue| queue.is_convoy(now_ns, thresholds));
    if queues.is_empty() {
        return Vec::new();
    }
    let stuck = Stuck::of(history, thresholds);
    let goes_on = |queue: &&Queue<'_>| !queue.holder().is_some_and(|id| stuck.contains(id));
    queues
        .values()
        .filter(goes_on)
        .map(|queue| {
            finding(
                queue,
                queue.holder().and_then(|id| history.task(id)),
                now_ns,
            )
        })
        .collect()
}

/// The locks that a task waits for now.
fn locks(task: &TaskSnapshot) -> impl Iterator<Item = &Wait> {
    let is_lock = |wait: &&Wait| wait.current && matches!(wait.kind, "mutex" | "rwlock");
    let idle = task.state == TaskState::Idle;
    task.waits.iter().filter(is_lock).filter(move |_| idle)
}

impl Queue<'_> {
    fn is_convoy(&self, now_ns: u64, thresholds: &Thresholds) -> bool {
        let since_ns = self.first.1.since_ns;
        let longest_ns = now_ns.saturating_sub(since_ns);
        let waited_ns = nanos(thresholds.convoy_waited);
        self.waiters >= thresholds.convoy_waiters
            && longest_ns >= waited_ns
            && self.last_since_ns.saturating_sub(since_ns) >= waited_ns / 2
            && longest_ns / self.waiters >= nanos(thresholds.convoy_turn)
    }

    /// Who has the lock. Nobody does while it is on its way to the first.
    fn holder(&self) -> Option<u64> {
        self.first.1.holder
    }
}

fn finding(queue: &Queue<'_>, holder: Option<&Trace>, now_ns: u64) -> Finding {
    let (task, wait) = queue.first;
    let longest_ns = now_ns.saturating_sub(wait.since_ns);
    let subject = Subject::Resource(wait.resource);
    let mut finding = Finding::new(RULE.kind, Severity::Warning, subject, wait.since_ns);
    let does = holder.and_then(|holder| does(&holder.now));
    // The turn that goes on has taken as long as the holder waits, at least.
    let goes_on_ns = does.map_or(0, |wait| now_ns.saturating_sub(wait.since_ns));
    let turn_ns = (longest_ns / queue.waiters).max(goes_on_ns.min(longest_ns));
    let is_mutex = wait.kind == "mutex";
    // Of a read-write lock several readers may have one turn.
    let (lock, turn) = match is_mutex {
        true => (
            "a mutex",
            format!(": a turn takes about {}", duration(turn_ns)),
        ),
        false => ("a read-write lock", String::new()),
    };
    finding.summary = format!(
        "{} tasks queue for {lock}, the first since {}{turn}",
        queue.waiters,
        duration(longest_ns),
    );
    let meanwhile = does.and_then(|wait| wait.location);
    for place in [wait.held_at, meanwhile, wait.location, wait.created_at] {
        place.into_iter().for_each(|place| finding.place(place));
    }
    // Through a library's future no place may be known.
    finding.place(task.location);
    let culprit = holder.map_or(task, |holder| &holder.now);
    finding.task = Some(Culprit::of(culprit));
    finding.resource = Some(Resource::of(wait));
    finding.number("waiters", queue.waiters);
    finding.number("waited_ns", longest_ns);
    if is_mutex {
        finding.number("turn_ns", turn_ns);
    }
    if let Some(holder) = holder {
        finding.number("held_by", holder.now.id);
        let what = match (does, holder.now.state) {
            (Some(wait), _) => format!("waits for {}.{}", wait.kind, wait.operation),
            (None, state) => state.as_str().to_owned(),
        };
        finding.text("holder", what);
    }
    finding.hint = HINT;
    finding
}

/// What a holder waits for while others wait for it.
fn does(holder: &TaskSnapshot) -> Option<&Wait> {
    let idle = holder.state == TaskState::Idle;
    holder.waits.iter().find(|wait| idle && wait.current)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Value;
    use super::super::fixtures::{found, history_of, waiting};
    use super::*;

    /// Task 1 has the lock and sleeps; `n` others came every `step_ms` up to the second 10.
    fn queue(n: u64, step_ms: u64) -> Vec<TaskSnapshot> {
        let mut tasks = vec![waiting(1, "sleep", 0, None, 9_900)];
        tasks.extend((0..n).map(|at| waiting(2 + at, "mutex", 64, Some(1), 10_000 - at * step_ms)));
        tasks
    }

    #[test]
    fn tasks_that_queue_for_a_lock_held_across_a_wait_are_found() {
        let found = found(&RULE, &history_of(10, queue(10, 150)));
        assert_eq!(found.len(), 1);
        let finding = &found[0];
        assert!(!finding.exact && finding.severity == Severity::Warning);
        assert_eq!(
            finding.summary,
            "10 tasks queue for a mutex, the first since 1.4 s: a turn takes about 135 ms"
        );
        assert_eq!(finding.task.as_ref().unwrap().id, 1);
        assert_eq!(finding.resource.unwrap().id, 64);
        let waits = Value::Text("waits for sleep.wait".into());
        assert!(finding.evidence.contains(&("holder", waits)));
    }

    #[test]
    fn a_lock_that_is_never_given_back_is_told_for_ever_and_its_turn_gets_longer() {
        let tasks = queue(8, 250);
        let told = |second| found(&RULE, &history_of(second, tasks.clone())).remove(0);
        let soon = told(10).summary;
        assert!(
            soon.ends_with("since 1.8 s: a turn takes about 218 ms"),
            "{soon}"
        );
        let late = told(70).summary;
        assert!(
            late.ends_with("since 61.8 s: a turn takes about 60.1 s"),
            "{late}"
        );
    }

    #[test]
    fn a_few_waiters_or_short_waits_are_no_convoy() {
        assert!(found(&RULE, &history_of(10, queue(7, 300))).is_empty());
        assert!(found(&RULE, &history_of(10, queue(10, 100))).is_empty());
    }

    #[test]
    fn a_busy_lock_with_many_short_turns_is_healthy() {
        assert!(found(&RULE, &history_of(10, queue(300, 5))).is_empty());
    }

    #[test]
    fn tasks_that_all_came_at_once_wait_to_lead() {
        let mut tasks = queue(10, 0);
        for task in &mut tasks[1..] {
            task.waits[0].since_ns = 1_000_000_000;
        }
        assert!(found(&RULE, &history_of(10, tasks)).is_empty());
    }

    #[test]
    fn waiters_that_run_or_have_turned_to_something_else_do_not_count() {
        for leave in [
            |task: &mut TaskSnapshot| task.state = TaskState::Scheduled,
            |task: &mut TaskSnapshot| task.waits[0].current = false,
        ] {
            let mut tasks = queue(10, 150);
            tasks[1..4].iter_mut().for_each(leave);
            assert!(found(&RULE, &history_of(10, tasks)).is_empty());
        }
    }

    #[test]
    fn behind_a_circle_the_circle_is_what_is_wrong() {
        let mut tasks = queue(10, 150);
        tasks[0] = waiting(1, "mutex", 128, Some(1), 2_000);
        assert!(found(&RULE, &history_of(10, tasks)).is_empty());
    }

    #[test]
    fn a_lock_on_its_way_to_a_waiter_is_queued_for_as_well() {
        let mut tasks = queue(10, 150);
        for task in &mut tasks[1..] {
            (task.waits[0].holder, task.waits[0].holder_is_exact) = (None, false);
        }
        let found = found(&RULE, &history_of(10, tasks));
        assert_eq!(found[0].task.as_ref().unwrap().id, 11, "who came first");
    }
}

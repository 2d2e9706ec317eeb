//! deadlock: tasks that wait for each other in a circle.
//!
//! A task is stuck if it is idle and everything that could end its wait is held by a stuck task: a
//! mutex or a written lock by the task that holds it, a join by the task that is joined. What is
//! left when all others are taken away waits for ever, and holds at least one circle. A task in
//! `select!` is stuck only if all its branches are; one that has more wakers than notes waits for
//! something that nobody knows, and is not stuck.
//!
//! Proof: one look. A snapshot is not taken at one moment, but a task that has been idle since well
//! before it has neither run, nor taken or given back a lock, while it was taken.
//!
//! An owned guard may have gone to another task, so its holder is not exact. A task that waits for a
//! lock whose guard it has handed over looks like a circle of one and is healthy. Several tasks that
//! all did so, and wait for each other's lock, are unlikely: a circle of two or more is told in spite
//! of it, but only after seconds, and not as critical.
//!
//! The task that receives from a bounded channel is a holder of that sort too: who waits for room waits
//! for it, unless the receiver has been given to a task that has not used it yet.
//!
//! Not seen: circles through several runtimes, permits, read locks, unbounded channels.

use std::collections::{HashMap, HashSet};

use zokio::telemetry::{TaskState, Wait};

use super::finding::{Culprit, Finding, Resource, Severity, Subject};
use super::history::{History, Trace};
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::nanos::nanos;

pub(super) const RULE: Rule = Rule {
    kind: "deadlock",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "None of these tasks can go on. Take locks in the same order everywhere, and do \
                    not wait for another task while holding a lock that it needs.";

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let stuck = stuck(history, thresholds);
    let circles = circles(&stuck);
    circles
        .iter()
        .filter_map(|circle| {
            let members: Vec<&Trace> = circle.iter().map(|id| stuck[id]).collect();
            let exact = members.iter().all(|trace| link(trace).holder_is_exact);
            let believed = exact || is_believed(&members, history.now_ns(), thresholds);
            believed.then(|| finding(circle, &members, exact, &stuck, history.now_ns()))
        })
        .collect()
}

/// Whether a circle through owned guards is likely to be one.
fn is_believed(members: &[&Trace], now_ns: u64, thresholds: &Thresholds) -> bool {
    let idle_before = now_ns.saturating_sub(nanos(thresholds.deadlock_idle_inexact));
    let long_idle = |trace: &&Trace| trace.now.state_since_ns <= idle_before;
    members.len() > 1 && members.iter().all(long_idle)
}

/// The tasks of which each waits for nothing but the others.
fn stuck<'a>(history: &'a History, thresholds: &Thresholds) -> HashMap<u64, &'a Trace> {
    let idle_before = history
        .now_ns()
        .saturating_sub(nanos(thresholds.deadlock_idle));
    let mut stuck: HashMap<u64, &Trace> = history
        .tasks()
        .filter(|trace| waits_for_holders_only(trace, idle_before))
        .map(|trace| (trace.now.id, trace))
        .collect();
    loop {
        let free: Vec<u64> = stuck
            .values()
            .filter(|trace| !holders(trace).all(|holder| stuck.contains_key(&holder)))
            .map(|trace| trace.now.id)
            .collect();
        if free.is_empty() {
            return stuck;
        }
        for id in free {
            stuck.remove(&id);
        }
    }
}

fn waits_for_holders_only(trace: &Trace, idle_before: u64) -> bool {
    let task = &trace.now;
    task.state == TaskState::Idle
        && task.state_since_ns <= idle_before
        && !task.waits.is_empty()
        && task.waits.iter().all(|wait| wait.holder.is_some())
        && trace.live_wakers() <= task.waits.len() as u64
}

fn holders(trace: &Trace) -> impl Iterator<Item = u64> {
    trace.now.waits.iter().filter_map(|wait| wait.holder)
}

/// The wait that leads on through the circle.
fn link(trace: &Trace) -> &Wait {
    &trace.now.waits[0]
}

/// The circles among stuck tasks, each once, from its smallest id on.
fn circles(stuck: &HashMap<u64, &Trace>) -> Vec<Vec<u64>> {
    let mut visited = HashSet::new();
    let mut circles = Vec::new();
    let mut ids: Vec<u64> = stuck.keys().copied().collect();
    ids.sort_unstable();
    for id in ids {
        let mut path = Vec::new();
        let mut at = id;
        // A stuck task's link leads to a stuck task: the walk ends where it has been.
        while visited.insert(at) {
            path.push(at);
            at = link(stuck[&at]).holder.expect("stuck tasks have holders");
        }
        if let Some(begin) = path.iter().position(|&seen| seen == at) {
            let mut circle = path.split_off(begin);
            let smallest = (0..circle.len()).min_by_key(|&i| circle[i]).unwrap_or(0);
            circle.rotate_left(smallest);
            circles.push(circle);
        }
    }
    circles
}

fn finding(
    circle: &[u64],
    members: &[&Trace],
    exact: bool,
    stuck: &HashMap<u64, &Trace>,
    now_ns: u64,
) -> Finding {
    // The last to begin its wait closed the circle.
    let closing = members
        .iter()
        .max_by_key(|trace| link(trace).since_ns)
        .expect("a circle is not empty");
    let since_ns = link(closing).since_ns;
    let subject = Subject::Task(circle[0]);
    let severity = if exact {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let mut finding = Finding::new(RULE.kind, severity, subject, since_ns);
    finding.exact = exact;
    finding.summary = summary(members);
    for trace in members {
        // Through a library's future the await is not known: then the spawn is.
        finding.place(link(trace).location.unwrap_or(trace.now.location));
    }
    finding.task = Some(Culprit::of(&closing.now));
    finding.resource = Some(Resource::of(link(closing)));
    finding.number("tasks", circle.len() as u64);
    let path: Vec<String> = circle
        .iter()
        .chain(&circle[..1])
        .map(u64::to_string)
        .collect();
    finding.text("circle", path.join(" -> "));
    finding.number("waited_ns", now_ns.saturating_sub(since_ns));
    finding.number("stuck_behind", waiting_behind(circle, stuck));
    if !exact {
        finding.text("holders", "owned guards, which may have moved");
    }
    finding.hint = HINT;
    finding
}

fn summary(members: &[&Trace]) -> String {
    if let [alone] = members {
        let wait = link(alone);
        return format!(
            "{} waits for {}, which it holds itself",
            Culprit::of(&alone.now),
            thing(wait)
        );
    }
    const MOST: usize = 4;
    let mut waits: Vec<String> = members
        .iter()
        .take(MOST)
        .map(|trace| {
            let wait = link(trace);
            let verb = match wait.kind {
                "join" => "",
                "mpsc" => " whose receiver is",
                _ => " held by",
            };
            let holder = wait.holder.unwrap_or(0);
            let thing = if wait.kind == "join" {
                "the end of"
            } else {
                thing(wait)
            };
            format!(
                "{} waits for {thing}{verb} task {holder}",
                Culprit::of(&trace.now)
            )
        })
        .collect();
    if members.len() > MOST {
        waits.push("…".to_owned());
    }
    format!(
        "{} tasks wait for each other: {}",
        members.len(),
        waits.join(", ")
    )
}

fn thing(wait: &Wait) -> &'static str {
    match wait.kind {
        "mutex" => "a mutex",
        "rwlock" => "a read-write lock",
        "join" => "its own end",
        "mpsc" => "room in a channel",
        _ => "a resource",
    }
}

/// Stuck tasks that are not in the circle and whose links lead into it.
fn waiting_behind(circle: &[u64], stuck: &HashMap<u64, &Trace>) -> u64 {
    let leads_in = |id: u64| {
        let mut at = id;
        // No path is longer than there are stuck tasks.
        for _ in 0..stuck.len() {
            if circle.contains(&at) {
                return true;
            }
            at = link(stuck[&at]).holder.unwrap_or(0);
        }
        false
    };
    stuck
        .keys()
        .filter(|id| !circle.contains(id) && leads_in(**id))
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::super::finding::Value;
    use super::super::fixtures::{MS, found, history_of, task, waiting};
    use super::*;

    fn circle_of_two() -> Vec<zokio::telemetry::TaskSnapshot> {
        vec![
            waiting(1, "mutex", 64, Some(2), 2_000),
            waiting(2, "mutex", 128, Some(1), 2_100),
        ]
    }

    #[test]
    fn two_tasks_that_hold_what_the_other_wants_are_found_in_one_look() {
        let history = history_of(5, circle_of_two());
        let found = found(&RULE, &history);
        assert_eq!(found.len(), 1);
        let finding = &found[0];
        assert!(finding.exact);
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.since_ns, 2_100 * MS);
        assert_eq!(finding.task.as_ref().unwrap().id, 2);
        assert_eq!(finding.resource.unwrap().id, 128);
        assert!(
            finding
                .evidence
                .contains(&("circle", Value::Text("1 -> 2 -> 1".into())))
        );
        assert!(
            finding
                .summary
                .contains("task 1 waits for a mutex held by task 2"),
            "{}",
            finding.summary
        );
    }

    #[test]
    fn a_chain_that_ends_at_a_running_task_is_healthy() {
        let mut tasks = circle_of_two();
        tasks[1] = task(2);
        tasks[1].state = TaskState::Busy;
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }

    #[test]
    fn a_chain_that_ends_at_a_sleeping_task_is_healthy() {
        let mut tasks = circle_of_two();
        tasks[1] = waiting(2, "sleep", 0, None, 2_100);
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }

    #[test]
    fn a_way_out_through_another_branch_is_no_deadlock() {
        let mut tasks = circle_of_two();
        let timeout = waiting(2, "sleep", 0, None, 2_100).waits.remove(0);
        tasks[1].waits.push(timeout);
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }

    #[test]
    fn a_waker_that_no_note_explains_is_a_way_out() {
        let mut tasks = circle_of_two();
        tasks[0].waker_clones = 2;
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }

    #[test]
    fn owned_guards_are_believed_after_a_while_if_there_are_several() {
        let mut tasks = circle_of_two();
        tasks[0].waits[0].holder_is_exact = false;
        assert!(found(&RULE, &history_of(5, tasks.clone())).is_empty());
        let found = found(&RULE, &history_of(8, tasks));
        assert!(!found[0].exact);
        assert_eq!(found[0].severity, Severity::Warning);
    }

    #[test]
    fn a_task_that_handed_its_guard_over_and_locks_again_is_healthy() {
        let mut tasks = vec![waiting(1, "mutex", 64, Some(1), 2_000)];
        tasks[0].waits[0].holder_is_exact = false;
        assert!(found(&RULE, &history_of(500, tasks)).is_empty());
    }

    #[test]
    fn tasks_that_ran_a_moment_ago_may_be_torn_apart_by_the_look() {
        let mut tasks = circle_of_two();
        tasks[0].state_since_ns = 4_900 * MS;
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }

    #[test]
    fn a_task_that_locks_twice_is_a_circle_of_its_own() {
        let history = history_of(5, vec![waiting(1, "mutex", 64, Some(1), 2_000)]);
        let found = found(&RULE, &history);
        assert!(
            found[0].summary.contains("which it holds itself"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn a_join_of_a_task_that_needs_our_lock_is_a_circle() {
        let tasks = vec![
            waiting(1, "join", 2, Some(2), 2_000),
            waiting(2, "mutex", 64, Some(1), 2_000),
        ];
        let found = found(&RULE, &history_of(5, tasks));
        assert!(
            found[0]
                .summary
                .contains("task 1 waits for the end of task 2"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn tasks_behind_a_circle_are_counted_and_no_circle_of_their_own() {
        let mut tasks = circle_of_two();
        tasks.push(waiting(3, "mutex", 64, Some(2), 2_000));
        tasks.push(waiting(4, "join", 3, Some(3), 2_000));
        let found = found(&RULE, &history_of(5, tasks));
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .evidence
                .contains(&("stuck_behind", Value::Number(2)))
        );
    }

    #[test]
    fn two_circles_are_two_findings() {
        let mut tasks = circle_of_two();
        tasks.push(waiting(3, "rwlock", 256, Some(4), 2_000));
        tasks.push(waiting(4, "rwlock", 512, Some(3), 2_000));
        assert_eq!(found(&RULE, &history_of(5, tasks)).len(), 2);
    }
}

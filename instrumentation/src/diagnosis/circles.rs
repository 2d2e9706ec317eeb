//! What deadlock, join-cycle and self-join share: tasks that wait for each other in a circle.
//!
//! A task is stuck if it is idle and everything that could end its wait is held by a stuck task: a
//! mutex or a read-write lock by a task that holds it, a join by the task that is joined. What is
//! left when all others are taken away waits for ever, and holds at least one circle. A task in
//! `select!` is stuck only if all its branches are; one that has more wakers than notes waits for
//! something that nobody knows, and is not stuck. Nor is one in which a part waits by a waker that is
//! not the task's: of what polls parts one by one (`FuturesUnordered`) nobody knows the others.
//!
//! Proof: one look. A snapshot is not taken at one moment, but a task that has been idle since well
//! before it has neither run, nor taken or given back a lock, while it was taken.

use std::collections::{HashMap, HashSet};

use zokio::telemetry::{TaskState, Wait};

use super::finding::{Culprit, Finding, Resource, Severity, Subject};
use super::history::{History, Trace};
use super::thresholds::Thresholds;
use crate::nanos::nanos;

/// How kinds of circles differ.
pub(super) struct Kind {
    pub(super) kind: &'static str,
    /// Whether a circle of these tasks is one of this kind's.
    pub(super) wants: fn(&[&Trace]) -> bool,
    pub(super) hint: &'static str,
}

pub(super) fn find(kind: &Kind, history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let stuck = stuck(history, thresholds);
    let circles = circles(&stuck);
    circles
        .iter()
        .filter_map(|circle| {
            let members: Vec<&Trace> = circle.iter().map(|id| stuck[id]).collect();
            if !(kind.wants)(&members) {
                return None;
            }
            let exact = members.iter().all(|trace| link(trace).holder_is_exact);
            let believed = exact || is_believed(&members, history.now_ns(), thresholds);
            believed.then(|| finding(kind, circle, &members, exact, &stuck, history.now_ns()))
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
pub(super) fn stuck<'a>(history: &'a History, thresholds: &Thresholds) -> HashMap<u64, &'a Trace> {
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
        && task
            .waits
            .iter()
            .all(|wait| wait.holder.is_some() && wait.own_waker)
        && trace.live_wakers() <= task.waits.len() as u64
}

fn holders(trace: &Trace) -> impl Iterator<Item = u64> {
    trace.now.waits.iter().filter_map(|wait| wait.holder)
}

/// Whether they wait for nothing but each other's end.
pub(super) fn is_of_joins(members: &[&Trace]) -> bool {
    members.iter().all(|trace| link(trace).kind == "join")
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
    kind: &Kind,
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
    let mut finding = Finding::new(kind.kind, severity, subject, since_ns);
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
    finding.hint = kind.hint;
    finding
}

fn summary(members: &[&Trace]) -> String {
    if let [alone] = members {
        let wait = link(alone);
        let held = match wait.kind {
            "join" => "",
            _ => ", which it holds itself",
        };
        return format!(
            "{} waits for {}{held}",
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

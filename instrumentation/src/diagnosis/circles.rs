//! What deadlock, join-cycle and self-join share: tasks that wait for each other in a circle.
//!
//! A task is stuck if it is idle and everything that could end its wait is held by a stuck task: a
//! mutex or a read-write lock by a task that holds it, a join by the task that is joined. Who waits to
//! read a lock that readers have waits behind a writer; which one of those that wait is not known, so all
//! of them have to be stuck. What is
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
    pub(super) wants: fn(&[Member<'_>]) -> bool,
    pub(super) hint: &'static str,
}

pub(super) fn find(kind: &Kind, history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let stuck = Stuck::of(history, thresholds);
    let circles = stuck.circles();
    circles
        .iter()
        .filter_map(|circle| {
            let members: Vec<Member<'_>> = circle.iter().map(|id| stuck.member(*id)).collect();
            if !(kind.wants)(&members) {
                return None;
            }
            let exact = members.iter().all(|member| member.is_exact());
            let believed = exact || is_believed(&members, history.now_ns(), thresholds);
            believed.then(|| finding(kind, circle, &members, exact, &stuck, history.now_ns()))
        })
        .collect()
}

/// A stuck task and the wait that leads on through the circle.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    trace: &'a Trace,
    wait: &'a Wait,
    /// Who has to be done first.
    next: u64,
}

impl Member<'_> {
    /// Whether it is certain that `next` comes first.
    fn is_exact(&self) -> bool {
        self.wait.holder_is_exact || self.is_behind()
    }

    /// `next` has nothing yet: it is in line before it.
    fn is_behind(&self) -> bool {
        self.wait.holder.is_none()
    }
}

/// The tasks of which each waits for nothing but the others.
pub(super) struct Stuck<'a> {
    tasks: HashMap<u64, &'a Trace>,
    /// Who waits to write, by lock; the longest wait first.
    writers: HashMap<u64, Vec<u64>>,
}

impl<'a> Stuck<'a> {
    pub(super) fn of(history: &'a History, thresholds: &Thresholds) -> Stuck<'a> {
        let idle_before = history
            .now_ns()
            .saturating_sub(nanos(thresholds.deadlock_idle));
        let mut stuck = Stuck {
            tasks: HashMap::new(),
            writers: writers(history),
        };
        let waiting = history
            .tasks()
            .filter(|trace| stuck.waits_for_holders_only(trace, idle_before));
        stuck.tasks = waiting.map(|trace| (trace.now.id, trace)).collect();
        loop {
            let is_free =
                |trace: &&&Trace| !trace.now.waits.iter().all(|wait| stuck.never_ends(wait));
            let free: Vec<u64> = stuck
                .tasks
                .values()
                .filter(is_free)
                .map(|trace| trace.now.id)
                .collect();
            if free.is_empty() {
                return stuck;
            }
            for id in free {
                stuck.tasks.remove(&id);
            }
        }
    }

    pub(super) fn contains(&self, task: u64) -> bool {
        self.tasks.contains_key(&task)
    }

    /// The writers behind one of which a task waits to read. None where only so many may read at a time:
    /// then it may be waiting for one of these.
    fn writers_before(&self, wait: &Wait) -> &[u64] {
        if !is_of(wait, "read") || wait.capacity.is_some() {
            return &[];
        }
        self.writers.get(&wait.resource).map_or(&[], Vec::as_slice)
    }

    /// Whether stuck tasks are all that could end a wait.
    fn never_ends(&self, wait: &Wait) -> bool {
        match wait.holder {
            Some(holder) => self.contains(holder),
            None => self.writers_before(wait).iter().all(|w| self.contains(*w)),
        }
    }

    /// Who has to be done before a wait can end, as far as one can be told.
    fn next(&self, wait: &Wait) -> Option<u64> {
        wait.holder
            .or_else(|| self.writers_before(wait).first().copied())
    }

    fn waits_for_holders_only(&self, trace: &Trace, idle_before: u64) -> bool {
        let task = &trace.now;
        task.state == TaskState::Idle
            && task.state_since_ns <= idle_before
            && !task.waits.is_empty()
            && task
                .waits
                .iter()
                .all(|wait| self.next(wait).is_some() && wait.own_waker)
            && trace.live_wakers() <= task.waits.len() as u64
    }

    fn member(&self, task: u64) -> Member<'a> {
        let trace = self.tasks[&task];
        let wait = &trace.now.waits[0];
        Member {
            trace,
            wait,
            next: self.next(wait).expect("stuck tasks wait for somebody"),
        }
    }

    /// The circles among stuck tasks, each once, from its smallest id on.
    fn circles(&self) -> Vec<Vec<u64>> {
        let mut visited = HashSet::new();
        let mut circles = Vec::new();
        let mut ids: Vec<u64> = self.tasks.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let mut path = Vec::new();
            let mut at = id;
            // A stuck task's link leads to a stuck task: the walk ends where it has been.
            while visited.insert(at) {
                path.push(at);
                at = self.member(at).next;
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

    /// Stuck tasks that are not in the circle and whose links lead into it.
    fn waiting_behind(&self, circle: &[u64]) -> u64 {
        let leads_in = |id: u64| {
            let mut at = id;
            // No path is longer than there are stuck tasks.
            for _ in 0..self.tasks.len() {
                if circle.contains(&at) {
                    return true;
                }
                at = self.member(at).next;
            }
            false
        };
        self.tasks
            .keys()
            .filter(|id| !circle.contains(id) && leads_in(**id))
            .count() as u64
    }
}

fn writers(history: &History) -> HashMap<u64, Vec<u64>> {
    let mut waiting: Vec<(u64, u64, u64)> = Vec::new();
    for trace in history.tasks() {
        let waits = trace.now.waits.iter().filter(|wait| is_of(wait, "write"));
        waiting.extend(waits.map(|wait| (wait.since_ns, trace.now.id, wait.resource)));
    }
    waiting.sort_unstable();
    let mut writers: HashMap<u64, Vec<u64>> = HashMap::new();
    for (_, task, resource) in waiting {
        writers.entry(resource).or_default().push(task);
    }
    writers
}

/// Whether it waits for a read-write lock in that way.
fn is_of(wait: &Wait, operation: &str) -> bool {
    wait.kind == "rwlock" && wait.operation == operation
}

/// Whether a circle through owned guards is likely to be one.
fn is_believed(members: &[Member<'_>], now_ns: u64, thresholds: &Thresholds) -> bool {
    let idle_before = now_ns.saturating_sub(nanos(thresholds.deadlock_idle_inexact));
    let long_idle = |member: &Member<'_>| member.trace.now.state_since_ns <= idle_before;
    members.len() > 1 && members.iter().all(long_idle)
}

/// Whether they wait for nothing but each other's end.
pub(super) fn is_of_joins(members: &[Member<'_>]) -> bool {
    members.iter().all(|member| member.wait.kind == "join")
}

fn finding(
    kind: &Kind,
    circle: &[u64],
    members: &[Member<'_>],
    exact: bool,
    stuck: &Stuck<'_>,
    now_ns: u64,
) -> Finding {
    // The last to begin its wait closed the circle.
    let closing = members
        .iter()
        .max_by_key(|member| member.wait.since_ns)
        .expect("a circle is not empty");
    let since_ns = closing.wait.since_ns;
    let subject = Subject::Task(circle[0]);
    let severity = if exact {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let mut finding = Finding::new(kind.kind, severity, subject, since_ns);
    finding.exact = exact;
    finding.summary = summary(members);
    for member in members {
        // Through a library's future the await is not known: then the spawn is.
        finding.place(member.wait.location.unwrap_or(member.trace.now.location));
    }
    finding.task = Some(Culprit::of(&closing.trace.now));
    finding.resource = Some(Resource::of(closing.wait));
    finding.number("tasks", circle.len() as u64);
    let path: Vec<String> = circle
        .iter()
        .chain(&circle[..1])
        .map(u64::to_string)
        .collect();
    finding.text("circle", path.join(" -> "));
    finding.number("waited_ns", now_ns.saturating_sub(since_ns));
    finding.number("stuck_behind", stuck.waiting_behind(circle));
    if !exact {
        finding.text("holders", "owned guards, which may have moved");
    }
    finding.hint = kind.hint;
    finding
}

fn summary(members: &[Member<'_>]) -> String {
    if let [alone] = members {
        let held = match alone.wait.kind {
            "join" => "",
            _ => ", which it holds itself",
        };
        return format!(
            "{} waits for {}{held}",
            Culprit::of(&alone.trace.now),
            thing(alone.wait)
        );
    }
    const MOST: usize = 4;
    let mut waits: Vec<String> = members
        .iter()
        .take(MOST)
        .map(|member| {
            let verb = match member.wait.kind {
                "join" => "",
                "mpsc" => " whose receiver is",
                _ if member.is_behind() => " behind",
                _ => " held by",
            };
            let thing = if member.wait.kind == "join" {
                "the end of"
            } else {
                thing(member.wait)
            };
            format!(
                "{} waits for {thing}{verb} task {}",
                Culprit::of(&member.trace.now),
                member.next
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

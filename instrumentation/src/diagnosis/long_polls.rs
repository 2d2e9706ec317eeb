//! What blocked-worker, cpu-hog and runtime-in-runtime share: polls that keep their worker, by the function that does it.
//!
//! The watchdog has seen each of them pass its threshold, with the thread's state and its stack, so
//! one look is proof. Polls in one function are one finding, however many there are and whichever of
//! its lines they were seen in: a function that blocks for a moment again and again is as visible as
//! one that never returns.

use super::finding::{Culprit, Finding, Place, Severity, Subject, Value, duration};
use super::history::History;
use super::thresholds::Thresholds;
use crate::nanos::nanos;
use crate::stacks::{self, Frame};
use crate::watchdog::{Known, LongPoll, Stack};

/// How the kinds differ.
pub(super) struct Kind {
    pub(super) kind: &'static str,
    /// Whether a poll with that stack is one of this kind's.
    pub(super) wants: fn(&Stack) -> bool,
    /// The frames among which the function is that does it.
    pub(super) frames: fn(&[Frame]) -> &[Frame],
    /// Between the task and the function.
    pub(super) what: &'static str,
    pub(super) hint: &'static str,
}

pub(super) fn find(kind: &Kind, history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let now_ns = history.now_ns();
    let mut subjects: Vec<(Subject, Vec<&LongPoll>)> = Vec::new();
    for poll in history.long_polls() {
        let shown = is_shown(poll, now_ns, thresholds);
        let proves = is_known(poll, now_ns, thresholds) && (kind.wants)(&poll.stack);
        let Some(subject) = subject(kind, poll).filter(|_| shown && proves) else {
            continue;
        };
        match subjects.iter_mut().find(|(known, _)| *known == subject) {
            Some((_, polls)) => polls.push(poll),
            None => subjects.push((subject, vec![poll])),
        }
    }
    subjects
        .into_iter()
        .map(|(subject, polls)| finding(kind, subject, &polls, now_ns, thresholds))
        .collect()
}

/// It goes on, or ended a moment ago, and took long enough.
fn is_shown(poll: &LongPoll, now_ns: u64, thresholds: &Thresholds) -> bool {
    let lately = poll
        .ended_at_ns
        .is_none_or(|ended| now_ns.saturating_sub(ended) <= nanos(thresholds.ended_poll_shown));
    lately && took(poll, now_ns) >= nanos(thresholds.long_poll)
}

/// What the thread did in a poll that was missed is not known. Names are waited for, but not for
/// ever.
fn is_known(poll: &LongPoll, now_ns: u64, thresholds: &Thresholds) -> bool {
    match poll.stack.known {
        Known::All => true,
        Known::Unnamed => {
            let age_ns = now_ns.saturating_sub(poll.stack.taken_at_ns);
            age_ns >= nanos(thresholds.names_waited_for)
        }
        Known::Nothing => false,
    }
}

fn took(poll: &LongPoll, now_ns: u64) -> u64 {
    poll.ended_at_ns
        .unwrap_or(now_ns)
        .saturating_sub(poll.began_at_ns)
}

/// The function that keeps the worker if it is known, else the place of the spawn.
fn subject(kind: &Kind, poll: &LongPoll) -> Option<Subject> {
    let function = stacks::own_function((kind.frames)(&poll.stack.frames));
    match function {
        Some(frame) => Some(Subject::Function(frame.function.clone())),
        None => poll.spawned_at.map(|at| Subject::Spawn(at.into())),
    }
}

fn finding(
    kind: &Kind,
    subject: Subject,
    polls: &[&LongPoll],
    now_ns: u64,
    thresholds: &Thresholds,
) -> Finding {
    let longest = polls
        .iter()
        .max_by_key(|poll| took(poll, now_ns))
        .expect("a subject has at least one poll");
    let took_ns = took(longest, now_ns);
    let severity = if took_ns >= nanos(thresholds.critical_poll) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let since_ns = polls.iter().map(|p| p.began_at_ns).min().unwrap_or(0);
    let task = Culprit {
        id: longest.task_id,
        name: longest.task_name.clone(),
        spawned_at: longest.spawned_at,
    };
    let frames = (kind.frames)(&longest.stack.frames);
    let function = stacks::own_function(frames).map(|f| f.function.as_str());
    let goes_on = longest.ended_at_ns.is_none();
    let mut finding = Finding::new(kind.kind, severity, subject, since_ns);
    finding.exact = true;
    finding.summary = format!(
        "{task} {} worker {} {} {}{}",
        if goes_on { "keeps" } else { "kept" },
        longest.worker,
        if goes_on { "since" } else { "for" },
        duration(took_ns),
        function.map_or_else(String::new, |f| format!(", {} {f}", kind.what)),
    );
    if let Some(line) = stacks::culprit(frames) {
        finding.place(Place::from(line));
    }
    if let Some(spawned_at) = longest.spawned_at {
        finding.place(spawned_at);
    }
    finding.task = Some(task);
    finding.worker = Some(longest.worker);
    finding.number("poll_ns", took_ns);
    finding.number("polls", polls.len() as u64);
    let going_on = polls.iter().filter(|p| p.ended_at_ns.is_none()).count();
    finding.number("going_on", going_on as u64);
    finding.text("thread_state", longest.stack.thread_state);
    if let Some(function) = function {
        finding.text("function", function);
    }
    if let Some(innermost) = longest.stack.frames.first() {
        finding.text("innermost", innermost.function.clone());
    }
    if !longest.stack.error.is_empty() {
        let error = Value::Text(longest.stack.error.clone());
        finding.evidence.push(("no_stack", error));
    }
    finding.hint = kind.hint;
    finding
}

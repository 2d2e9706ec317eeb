//! wake-storm: a task is woken over and over before it gets to run.
//!
//! Proof, between two looks: others woke it many thousand times a second, and for each of its polls it
//! was woken dozens of times. One wake would have done; each costs who makes it, and all who wake the
//! same task stand in each other's way. What is healthy and looks alike: a wake for each poll,
//! however many there are, and a task that wakes itself (that is another kind).

use zokio::telemetry::TaskKind;

use super::finding::{Culprit, Finding, Severity, Subject};
use super::history::{Before, History, Trace};
use super::thresholds::Thresholds;
use super::{Reads, Rule};

pub(super) const RULE: Rule = Rule {
    kind: "wake-storm",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "One wake is enough until the task has run. Who wakes for each item should take \
                    the stored waker (Option::take, AtomicWaker) or see whether there was something \
                    already; channels and Notify of this crate do.";

/// What happened to a task between two looks.
struct Rates {
    wakes_per_second: u64,
    wakes_per_poll: u64,
    polls: u64,
}

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let now_ns = history.now_ns();
    history
        .tasks()
        .filter(|trace| matches!(trace.now.kind, TaskKind::Task | TaskKind::Local))
        .filter_map(|trace| {
            let before = trace.before?;
            let rates = rates(trace, &before, now_ns)?;
            let is_storm = rates.wakes_per_second >= thresholds.wakes_per_second
                && rates.wakes_per_poll >= thresholds.wakes_per_poll;
            is_storm.then(|| finding(trace, &rates, before.taken_at_ns))
        })
        .collect()
}

fn rates(trace: &Trace, before: &Before, now_ns: u64) -> Option<Rates> {
    let elapsed_ns = now_ns
        .checked_sub(before.taken_at_ns)
        .filter(|ns| *ns > 0)?;
    let wakes = trace.now.wakes.saturating_sub(before.wakes);
    let self_wakes = trace.now.self_wakes.saturating_sub(before.self_wakes);
    let by_others = wakes.saturating_sub(self_wakes);
    let polls = trace.now.polls.saturating_sub(before.polls);
    Some(Rates {
        wakes_per_second: (u128::from(by_others) * 1_000_000_000 / u128::from(elapsed_ns)) as u64,
        wakes_per_poll: by_others / polls.max(1),
        polls,
    })
}

fn finding(trace: &Trace, rates: &Rates, since_ns: u64) -> Finding {
    let task = &trace.now;
    let culprit = Culprit::of(task);
    let subject = Subject::Task(task.id);
    let mut finding = Finding::new(RULE.kind, Severity::Warning, subject, since_ns);
    finding.summary = format!(
        "{culprit} is woken {} times a second, {} times for each poll",
        rates.wakes_per_second, rates.wakes_per_poll
    );
    for wait in &task.waits {
        if let Some(location) = wait.location {
            finding.place(location);
        }
    }
    finding.place(task.location);
    finding.task = Some(culprit);
    finding.worker = task.worker;
    finding.number("wakes_per_second", rates.wakes_per_second);
    finding.number("wakes_per_poll", rates.wakes_per_poll);
    finding.number("polls", rates.polls);
    if let Some(waker) = task.last_waker {
        finding.text("last_waker", waker.kind.as_str());
        if let Some(id) = waker.task {
            finding.number("last_waker_task", id);
        }
    }
    finding.hint = HINT;
    finding
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, snapshot, task};
    use super::*;

    /// Two looks, a second apart, between which a task was woken and polled that often.
    fn history(wakes: u64, self_wakes: u64, polls: u64) -> History {
        let mut history = History::default();
        for second in 1..=2 {
            let mut look = snapshot(second);
            let mut task = task(1);
            task.wakes = second * wakes;
            (task.self_wakes, task.polls) = (second * self_wakes, second * polls);
            look.tasks.push(task);
            history.note_snapshot(look, &Thresholds::default());
        }
        history
    }

    #[test]
    fn many_wakes_for_each_poll_are_found() {
        let found = found(&RULE, &history(400_000, 0, 1_000));
        assert_eq!(found.len(), 1);
        let summary = &found[0].summary;
        assert!(
            summary.ends_with("woken 400000 times a second, 400 times for each poll"),
            "{summary}"
        );
        assert!(found[0].locations[0].file.ends_with("wake_storm.rs"));
    }

    #[test]
    fn a_wake_for_each_poll_is_healthy() {
        assert!(found(&RULE, &history(400_000, 0, 300_000)).is_empty());
    }

    #[test]
    fn a_few_wakes_for_one_poll_are_healthy() {
        assert!(found(&RULE, &history(2_000, 0, 1)).is_empty());
    }

    #[test]
    fn a_task_that_wakes_itself_is_no_wake_storm() {
        assert!(found(&RULE, &history(400_000, 395_000, 1_000)).is_empty());
    }
}

//! self-wake-storm: a task that asks for its next poll in each poll, and does nothing in it.
//!
//! Proof: between two looks it was polled many thousand times a second, nearly always because it had
//! woken itself, and a poll took a few microseconds at most. What is healthy and looks alike: work
//! cut into pieces by `yield_now` (its polls take longer), and a channel or socket that never runs
//! dry (there it is the used-up budget that ends the polls).

use zokio::telemetry::TaskKind;

use super::finding::{Culprit, Finding, Severity, Subject};
use super::history::{Before, History, Trace};
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::nanos::nanos;

pub(super) const RULE: Rule = Rule {
    kind: "self-wake-storm",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "The task is polled over and over without getting on. A future must wake its task \
                    when something has happened, not at once; instead of polling a condition with \
                    yield_now, wait for a Notify or a channel.";

/// What a task did between two looks.
struct Rates {
    polls_per_second: u64,
    self_wakes: u64,
    self_wakes_percent: u64,
    mean_poll_ns: u64,
}

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let now_ns = history.now_ns();
    let budget_yields = budget_yields(history);
    history
        .tasks()
        .filter(|trace| matches!(trace.now.kind, TaskKind::Task | TaskKind::Local))
        .filter_map(|trace| {
            let before = trace.before?;
            let rates = rates(trace, &before, now_ns)?;
            is_storm(&rates, budget_yields, thresholds)
                .then(|| finding(trace, &rates, before.taken_at_ns))
        })
        .collect()
}

/// Polls of any task that the budget ended, since the look before.
fn budget_yields(history: &History) -> u64 {
    match history.last_with_tasks(2).as_deref() {
        Some([before, now]) => now.budget_yields.saturating_sub(before.budget_yields),
        _ => 0,
    }
}

fn rates(trace: &Trace, before: &Before, now_ns: u64) -> Option<Rates> {
    let elapsed_ns = now_ns
        .checked_sub(before.taken_at_ns)
        .filter(|ns| *ns > 0)?;
    let polls = trace.now.polls.saturating_sub(before.polls);
    let self_wakes = trace.now.self_wakes.saturating_sub(before.self_wakes);
    let busy_ns = trace.now.busy_ns.saturating_sub(before.busy_ns);
    Some(Rates {
        polls_per_second: per_second(polls, elapsed_ns),
        self_wakes,
        self_wakes_percent: self_wakes.saturating_mul(100).checked_div(polls)?,
        mean_poll_ns: busy_ns.checked_div(polls)?,
    })
}

fn per_second(count: u64, elapsed_ns: u64) -> u64 {
    (u128::from(count) * 1_000_000_000 / u128::from(elapsed_ns)) as u64
}

fn is_storm(rates: &Rates, budget_yields: u64, thresholds: &Thresholds) -> bool {
    let budget_percent = budget_yields.saturating_mul(100) / rates.self_wakes.max(1);
    rates.polls_per_second >= thresholds.storm_polls_per_second
        && rates.self_wakes_percent >= thresholds.storm_self_wakes_percent
        && rates.mean_poll_ns <= nanos(thresholds.storm_mean_poll)
        && budget_percent <= thresholds.storm_budget_percent
}

fn finding(trace: &Trace, rates: &Rates, since_ns: u64) -> Finding {
    let task = &trace.now;
    let culprit = Culprit::of(task);
    let subject = Subject::Task(task.id);
    let mut finding = Finding::new(RULE.kind, Severity::Warning, subject, since_ns);
    finding.summary = format!(
        "{culprit} wakes itself {} times a second and does nothing",
        rates.polls_per_second
    );
    for wait in &task.waits {
        if let Some(location) = wait.location {
            finding.place(location);
        }
    }
    finding.place(task.location);
    finding.task = Some(culprit);
    finding.worker = task.worker;
    finding.number("polls_per_second", rates.polls_per_second);
    finding.number("self_wakes_percent", rates.self_wakes_percent.min(100));
    finding.number("mean_poll_ns", rates.mean_poll_ns);
    finding.hint = HINT;
    finding
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, snapshot, task};
    use super::*;

    /// Two looks, a second apart, between which a task did that much.
    fn history(polls: u64, self_wakes: u64, busy_ns: u64, budget_yields: u64) -> History {
        let mut history = History::default();
        let first = snapshot(1);
        let mut second = snapshot(2);
        second.workers[0].budget_yields = budget_yields;
        let mut after = task(1);
        (after.polls, after.self_wakes, after.busy_ns) = (1 + polls, self_wakes, busy_ns);
        for (mut look, task) in [(first, task(1)), (second, after)] {
            look.tasks.push(task);
            history.note_snapshot(look, &Thresholds::default());
        }
        history
    }

    #[test]
    fn a_task_that_only_wakes_itself_is_found() {
        let found = found(&RULE, &history(500_000, 500_000, 200_000_000, 0));
        assert_eq!(found.len(), 1);
        assert!(!found[0].exact);
        assert!(
            found[0].summary.contains("500000 times a second"),
            "{}",
            found[0].summary
        );
        assert!(found[0].locations[0].file.ends_with("self_wake_storm.rs"));
    }

    #[test]
    fn work_cut_into_pieces_is_healthy() {
        let piece_ns = 100_000;
        let history = history(10_000, 10_000, 10_000 * piece_ns, 0);
        assert!(found(&RULE, &history).is_empty());
    }

    #[test]
    fn a_channel_that_never_runs_dry_is_healthy() {
        let history = history(100_000, 100_000, 300_000_000, 100_000);
        assert!(found(&RULE, &history).is_empty());
    }

    #[test]
    fn a_task_that_others_wake_is_healthy() {
        assert!(found(&RULE, &history(500_000, 10_000, 200_000_000, 0)).is_empty());
    }

    #[test]
    fn a_few_yields_are_healthy() {
        assert!(found(&RULE, &history(4_000, 4_000, 4_000_000, 0)).is_empty());
    }

    #[test]
    fn one_look_says_nothing_about_rates() {
        let mut look = snapshot(1);
        let mut busy = task(1);
        (busy.polls, busy.self_wakes) = (1_000_000, 1_000_000);
        look.tasks.push(busy);
        let mut history = History::default();
        history.note_snapshot(look, &Thresholds::default());
        assert!(found(&RULE, &history).is_empty());
    }
}

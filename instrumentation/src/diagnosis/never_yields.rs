//! never-yields: tasks of one place end nearly each poll by a used-up budget, and others wait for it.
//!
//! What such a task waits for is always there, so it would never pause by itself; the budget makes it,
//! but only after so many operations, and what it does with each of them adds up. Proof, between two
//! looks: nearly all its polls were asked for by itself, the budget ended about as many, the polls
//! took a millisecond or more on average even without what they may have waited for a CPU, and other
//! tasks waited behind such polls for a good part of the time. What is healthy and looks alike: a
//! channel that never runs dry and whose messages cost little, and one that delays nobody.

use std::collections::HashMap;
use std::panic::Location;

use zokio::telemetry::{TaskKind, TaskSnapshot};

use super::finding::{Culprit, Finding, Severity, Subject};
use super::history::{History, Trace};
use super::slow_polls::PREEMPTED;
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::nanos::nanos;

pub(super) const RULE: Rule = Rule {
    kind: "never-yields",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "Its input never runs dry, so only the budget of 128 operations ends its polls. \
                    Call yield_now after each few items, or hand them to tasks of their own.";

/// The tasks of a place that ask for nearly all their polls themselves.
struct Busy<'a> {
    polls: u64,
    self_wakes: u64,
    busy_ns: u64,
    most: &'a TaskSnapshot,
    most_ns: u64,
}

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let Some(looks) = history.last_with_tasks(2) else {
        return Vec::new();
    };
    let yields = looks[1]
        .budget_yields
        .saturating_sub(looks[0].budget_yields);
    let cpu_wait_ns = history.cpu_wait_ns(2).saturating_mul(PREEMPTED);
    let all_self_wakes: u64 = history.tasks().filter_map(change).map(|c| c.1).sum();
    places(history, thresholds)
        .into_iter()
        .filter(|(_, busy)| {
            // Those of all others may have been the budget's doing, too.
            let yields = yields.saturating_sub(all_self_wakes.saturating_sub(busy.self_wakes));
            let mean_ns = busy.busy_ns / busy.polls.max(1);
            busy.self_wakes >= thresholds.never_yields_least
                && yields.saturating_mul(100)
                    >= busy
                        .self_wakes
                        .saturating_mul(thresholds.never_yields_percent)
                && mean_ns.saturating_sub(cpu_wait_ns) >= nanos(thresholds.never_yields_poll)
        })
        .filter_map(|(location, busy)| finding(history, location, &busy, yields, thresholds))
        .collect()
}

fn places<'a>(
    history: &'a History,
    thresholds: &Thresholds,
) -> HashMap<&'static Location<'static>, Busy<'a>> {
    let mut places: HashMap<_, Busy<'a>> = HashMap::new();
    let tasks = history
        .tasks()
        .filter(|trace| matches!(trace.now.kind, TaskKind::Task | TaskKind::Local));
    for (trace, (polls, self_wakes, busy_ns)) in tasks.filter_map(|t| Some((t, change(t)?))) {
        let asks_itself =
            self_wakes.saturating_mul(100) >= polls.saturating_mul(thresholds.never_yields_percent);
        if polls == 0 || !asks_itself {
            continue;
        }
        let place = places.entry(trace.now.location).or_insert(Busy {
            polls: 0,
            self_wakes: 0,
            busy_ns: 0,
            most: &trace.now,
            most_ns: 0,
        });
        place.polls += polls;
        place.self_wakes += self_wakes;
        place.busy_ns += busy_ns;
        if busy_ns > place.most_ns {
            (place.most, place.most_ns) = (&trace.now, busy_ns);
        }
    }
    places
}

/// Polls, self-wakes and time in polls since the look before.
fn change(trace: &Trace) -> Option<(u64, u64, u64)> {
    let before = trace.before?;
    Some((
        trace.now.polls.saturating_sub(before.polls),
        trace.now.self_wakes.saturating_sub(before.self_wakes),
        trace.now.busy_ns.saturating_sub(before.busy_ns),
    ))
}

fn finding(
    history: &History,
    location: &'static Location<'static>,
    busy: &Busy<'_>,
    yields: u64,
    thresholds: &Thresholds,
) -> Option<Finding> {
    let site = history.sites().find(|site| site.location == location)?;
    let (change, elapsed_ns) = site.change(2)?;
    let delayed_percent = change.delayed_others_ns.saturating_mul(100) / elapsed_ns;
    if delayed_percent < thresholds.never_yields_delay_percent {
        return None;
    }
    let subject = Subject::Spawn(location.into());
    let since_ns = change.taken_at_ns.saturating_sub(elapsed_ns);
    let mut finding = Finding::new(RULE.kind, Severity::Warning, subject, since_ns);
    let mean_ns = busy.busy_ns / busy.polls.max(1);
    finding.summary = format!(
        "tasks spawned at {}:{} go on until the budget ends their polls, after {} µs on average, \
         and others wait",
        location.file(),
        location.line(),
        mean_ns / 1_000
    );
    for wait in &busy.most.waits {
        if let Some(location) = wait.location {
            finding.place(location);
        }
    }
    finding.place(location);
    finding.task = Some(Culprit::of(busy.most));
    finding.number("budget_yields", yields);
    finding.number("polls", busy.polls);
    finding.number("self_wakes", busy.self_wakes);
    finding.number("mean_poll_ns", mean_ns);
    finding.number("delayed_others_ns", change.delayed_others_ns);
    finding.number("window_ns", elapsed_ns);
    finding.hint = HINT;
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{MS, found, site, snapshot, task};
    use super::*;
    use zokio::telemetry::Snapshot;

    /// Two looks, a second apart: 200 polls of one task, with so many ended by the budget, that took
    /// so long each, and kept others waiting for a time.
    fn looks(budget_yields: u64, poll_us: u64, delayed_ms: u64) -> Vec<Snapshot> {
        let mut looks = Vec::new();
        for second in 1..=2 {
            let mut look = snapshot(second);
            let polls = second * 200;
            look.workers[0].budget_yields = second * budget_yields;
            let mut site = site();
            site.delayed_others_ns = second * delayed_ms * MS;
            let mut task = task(1);
            task.location = site.location;
            (task.polls, task.self_wakes) = (polls, polls);
            task.busy_ns = polls * poll_us * 1_000;
            look.spawn_sites.push(site);
            look.tasks.push(task);
            looks.push(look);
        }
        looks
    }

    fn history(budget_yields: u64, poll_us: u64, delayed_ms: u64) -> History {
        let mut history = History::default();
        for look in looks(budget_yields, poll_us, delayed_ms) {
            history.note_snapshot(look, &Thresholds::default());
        }
        history
    }

    #[test]
    fn long_polls_that_only_the_budget_ends_are_found() {
        let found = found(&RULE, &history(200, 4_000, 800));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].summary.contains("after 4000 µs on average"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn pieces_between_yields_are_healthy() {
        assert!(found(&RULE, &history(0, 4_000, 800)).is_empty());
    }

    #[test]
    fn the_budget_of_another_task_is_not_taken_for_its_own() {
        let history = |others_self_wakes: u64| {
            let mut history = History::default();
            for second in 1..=2 {
                let mut look = looks(5_000, 4_000, 800).swap_remove(second as usize - 1);
                let mut other = task(2);
                (other.polls, other.self_wakes) = (second * 5_000, second * others_self_wakes);
                look.tasks.push(other);
                history.note_snapshot(look, &Thresholds::default());
            }
            history
        };
        assert!(found(&RULE, &history(5_000)).is_empty());
        assert_eq!(found(&RULE, &history(100)).len(), 1);
    }

    #[test]
    fn messages_that_cost_little_are_healthy() {
        assert!(found(&RULE, &history(200, 20, 800)).is_empty());
    }

    #[test]
    fn who_delays_nobody_is_healthy() {
        assert!(found(&RULE, &history(200, 4_000, 10)).is_empty());
    }
}

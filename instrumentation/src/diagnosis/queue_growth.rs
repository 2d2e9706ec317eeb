//! queue-growth: more and more tasks wait for their turn, or [more and more messages](channels) to be
//! received.
//!
//! Proof for tasks, over a number of looks: the queues of all workers and the injector held more at nearly each,
//! at the end twice as many as at the beginning and many thousand, while the workers were busy all the
//! time, and not only waited for a CPU. What is healthy and looks alike: a burst that is worked off.

mod channels;

use std::collections::HashMap;

use zokio::telemetry::TaskState;

use super::finding::{Culprit, Finding, Severity, Subject};
use super::history::{History, Look, Trace};
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::nanos::nanos;

pub(super) const RULE: Rule = Rule {
    kind: "queue-growth",
    reads: Reads::Counters,
    find,
};

const HINT: &str = "Tasks come faster than the workers get through with them. Limit how many there \
                    are at a time (a semaphore, a bounded channel, buffer_unordered), or make each \
                    cheaper.";

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let window = history.last(thresholds.queue_looks);
    window
        .and_then(|looks| finding(history, &looks, thresholds))
        .into_iter()
        .chain(channels::find(history, thresholds))
        .collect()
}

fn finding(history: &History, looks: &[&Look], thresholds: &Thresholds) -> Option<Finding> {
    let (first, last) = (looks.first()?, looks.last()?);
    let steps = looks.windows(2);
    let growing = steps.filter(|step| step[1].queued > step[0].queued).count();
    let pauses = looks.len() - 1 - growing;
    let grows = pauses <= thresholds.queue_pauses
        && last.queued >= thresholds.queue_tasks
        && last.queued >= first.queued.saturating_mul(2);
    let starved = last.cpu_wait_since(first) > nanos(thresholds.queue_cpu_wait);
    if !grows || starved || busy_percent(first, last) < thresholds.queue_busy_percent {
        return None;
    }
    let mut finding = Finding::new(
        RULE.kind,
        Severity::Warning,
        Subject::Runtime,
        first.taken_at_ns,
    );
    finding.summary = format!(
        "{} tasks wait for their turn, {} more than a while ago",
        last.queued,
        last.queued - first.queued
    );
    if let Some((trace, count)) = most_scheduled(history) {
        finding.place(trace.now.location);
        finding.task = Some(Culprit::of(&trace.now));
        finding.number("waiting_from_place", count);
    }
    finding.number("queued", last.queued);
    finding.number("growth", last.queued - first.queued);
    finding.number("busy_percent", busy_percent(first, last));
    finding.number(
        "window_ns",
        last.taken_at_ns.saturating_sub(first.taken_at_ns),
    );
    finding.hint = HINT;
    Some(finding)
}

/// Of the time of all workers.
fn busy_percent(first: &Look, last: &Look) -> u64 {
    let busy = |look: &Look| look.workers.iter().map(|w| w.busy_ns).sum::<u64>();
    let window_ns = last.taken_at_ns.saturating_sub(first.taken_at_ns);
    let time_ns = window_ns.saturating_mul(last.workers.len() as u64);
    let busy_ns = busy(last).saturating_sub(busy(first));
    (busy_ns.saturating_mul(100) / time_ns.max(1)).min(100)
}

/// As of the latest look that had tasks: one of the tasks of the place from which most wait for their turn, and how many do.
fn most_scheduled(history: &History) -> Option<(&Trace, u64)> {
    let mut places: HashMap<_, (&Trace, u64)> = HashMap::new();
    for trace in history.tasks() {
        if trace.now.state == TaskState::Scheduled {
            places.entry(trace.now.location).or_insert((trace, 0)).1 += 1;
        }
    }
    places
        .into_values()
        .max_by_key(|(trace, count)| (*count, trace.now.location))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{MS, found, snapshot, task};
    use super::*;

    /// Looks at workers that are busy for that part of the time, with so many tasks queued.
    fn history(queued: &[u64], busy_percent: u64) -> History {
        let mut history = History::default();
        for (second, &queued) in (1..).zip(queued) {
            let mut look = snapshot(second);
            for worker in &mut look.workers {
                worker.busy_ns = second * 10 * busy_percent * MS;
            }
            look.workers[0].queue_depth = 200;
            look.injector_depth = queued - 200;
            let mut waiting = task(1);
            waiting.state = TaskState::Scheduled;
            look.tasks.push(waiting);
            history.note_snapshot(look, &Thresholds::default());
        }
        history
    }

    #[test]
    fn a_queue_that_grows_is_found() {
        let found = found(&RULE, &history(&[1_000, 3_000, 4_000, 6_000, 8_000], 100));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].summary.starts_with("8000 tasks wait")
                && found[0].summary.contains("7000 more"),
            "{}",
            found[0].summary
        );
        assert!(found[0].locations[0].file.ends_with("queue_growth.rs"));
    }

    #[test]
    fn a_burst_that_is_worked_off_is_healthy() {
        assert!(
            found(
                &RULE,
                &history(&[90_000, 70_000, 50_000, 30_000, 10_000], 100)
            )
            .is_empty()
        );
        assert!(found(&RULE, &history(&[200, 9_000, 9_000, 8_000, 9_000], 100)).is_empty());
    }

    #[test]
    fn a_short_queue_is_healthy() {
        assert!(found(&RULE, &history(&[200, 300, 400, 500, 600], 100)).is_empty());
    }

    #[test]
    fn workers_that_were_stopped_are_not_to_blame() {
        let queued = [1_000, 3_000, 4_000, 6_000, 8_000];
        assert!(found(&RULE, &history(&queued, 50)).is_empty());
    }
}

//! pool-exhausted: all threads of the blocking pool are taken, and the jobs that wait do not get
//! fewer.
//!
//! Proof, over a few looks: in each the pool had as many threads as it may have, none idle, and jobs
//! waited; and at the end at least as many as at the beginning. A burst that the pool works off is
//! healthy.

use std::collections::HashMap;

use zokio::telemetry::{TaskKind, TaskState};

use super::finding::{Culprit, Finding, Severity, Subject};
use super::history::{History, Look, Trace};
use super::thresholds::Thresholds;
use super::{Reads, Rule};

pub(super) const RULE: Rule = Rule {
    kind: "pool-exhausted",
    reads: Reads::Counters,
    find,
};

const HINT: &str = "Jobs of spawn_blocking and file operations wait for a thread. Limit how many run \
                    at a time, shorten them, give long-lived ones threads of their own, or raise \
                    max_blocking_threads.";

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let window = history.last(thresholds.pool_looks);
    window
        .and_then(|looks| finding(history, &looks))
        .into_iter()
        .collect()
}

fn is_full(look: &Look) -> bool {
    let pool = &look.blocking;
    pool.max_threads > 0
        && pool.threads >= pool.max_threads
        && pool.idle_threads == 0
        && pool.queue_depth > 0
}

fn finding(history: &History, looks: &[&Look]) -> Option<Finding> {
    let (first, last) = (looks.first()?, looks.last()?);
    let (before, pool) = (&first.blocking, &last.blocking);
    if !looks.iter().all(|look| is_full(look)) || pool.queue_depth < before.queue_depth {
        return None;
    }
    let completed = pool.completed.saturating_sub(before.completed);
    let severity = if completed == 0 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let mut finding = Finding::new(RULE.kind, severity, Subject::Runtime, first.taken_at_ns);
    finding.summary = format!(
        "all {} threads of the blocking pool are taken, and {} jobs wait",
        pool.threads, pool.queue_depth
    );
    let running = running(history);
    if let Some((trace, count)) = running.first() {
        finding.task = Some(Culprit::of(&trace.now));
        finding.number("running_from_first_place", *count);
    }
    for (trace, _) in &running {
        finding.place(trace.now.location);
    }
    finding.number("threads", pool.threads);
    finding.number("max_threads", pool.max_threads);
    finding.number("queue_depth", pool.queue_depth);
    finding.number("queue_growth", pool.queue_depth - before.queue_depth);
    finding.number("completed", completed);
    finding.number(
        "window_ns",
        last.taken_at_ns.saturating_sub(first.taken_at_ns),
    );
    finding.hint = HINT;
    Some(finding)
}

/// One of the running jobs of each place, and how many there are, the most first.
fn running(history: &History) -> Vec<(&Trace, u64)> {
    const MOST: usize = 3;
    // As of the latest look that had tasks.
    let mut places: HashMap<_, (&Trace, u64)> = HashMap::new();
    let jobs = history
        .tasks()
        .filter(|trace| trace.now.kind == TaskKind::Blocking && trace.now.state == TaskState::Busy);
    for trace in jobs {
        places.entry(trace.now.location).or_insert((trace, 0)).1 += 1;
    }
    let mut places: Vec<_> = places.into_values().collect();
    places.sort_by_key(|(trace, count)| (std::cmp::Reverse(*count), trace.now.id));
    places.truncate(MOST);
    places
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, snapshot, task};
    use super::*;

    /// Looks at a pool of four threads with these queue depths.
    fn history(depths: &[u64], idle: u64) -> History {
        let mut history = History::default();
        for (second, &depth) in (1..).zip(depths) {
            let mut look = snapshot(second);
            look.blocking.threads = 4;
            look.blocking.idle_threads = idle;
            look.blocking.queue_depth = depth;
            let mut job = task(1);
            (job.kind, job.state) = (TaskKind::Blocking, TaskState::Busy);
            look.tasks.push(job);
            history.note_snapshot(look, &Thresholds::default());
        }
        history
    }

    #[test]
    fn a_full_pool_with_a_growing_queue_is_found() {
        let found = found(&RULE, &history(&[1, 5, 9], 0));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].summary.contains("9 jobs wait"),
            "{}",
            found[0].summary
        );
        assert!(found[0].locations[0].file.ends_with("pool_exhausted.rs"));
        assert_eq!(found[0].severity, Severity::Critical);
    }

    #[test]
    fn a_burst_that_is_worked_off_is_healthy() {
        assert!(found(&RULE, &history(&[900, 600, 300], 0)).is_empty());
    }

    #[test]
    fn a_full_pool_without_a_queue_is_healthy() {
        assert!(found(&RULE, &history(&[0, 0, 0], 0)).is_empty());
    }

    #[test]
    fn a_queue_at_one_look_is_healthy() {
        assert!(found(&RULE, &history(&[0, 3, 3], 0)).is_empty());
    }

    #[test]
    fn a_pool_with_idle_threads_is_healthy() {
        assert!(found(&RULE, &history(&[1, 5, 9], 1)).is_empty());
    }

    #[test]
    fn two_looks_are_not_enough() {
        assert!(found(&RULE, &history(&[5, 9], 0)).is_empty());
    }
}

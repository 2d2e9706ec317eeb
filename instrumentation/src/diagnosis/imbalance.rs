//! imbalance: tasks wait for their turn on a saturated worker, while another sleeps.
//!
//! Proof, over a few looks: one worker was busy nearly all the time, another was parked nearly all
//! the time and hardly ever woken, tasks waited for their turn a good part of the time, and in most
//! of the looks a task was seen that had waited for long while a worker slept all that time. Each of
//! these alone is healthy: one busy task on an idle machine, a queue at one moment, a burst.
//!
//! Not seen: the same where the load moves from worker to worker, so that none is always busy.

use super::finding::{Finding, Severity, Subject};
use super::history::{History, Look, TasksLook, WorkerLook};
use super::thresholds::Thresholds;
use super::{Reads, Rule};

pub(super) const RULE: Rule = Rule {
    kind: "imbalance",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "Work is there, and a worker that could take it sleeps. A task that computes \
                    after it has woken another keeps that one waiting: let it yield_now, or give the \
                    computation to spawn_blocking.";

/// What one worker did in the window.
struct Share<'a> {
    worker: &'a WorkerLook,
    busy_percent: u64,
    parked_percent: u64,
    unparks_per_second: u64,
}

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let window = history.last_with_tasks(thresholds.imbalance_looks);
    window
        .and_then(|looks| finding(history, &looks, thresholds))
        .into_iter()
        .collect()
}

fn finding(history: &History, looks: &[&Look], thresholds: &Thresholds) -> Option<Finding> {
    let (first, last) = (looks.first()?, looks.last()?);
    let window_ns = last.taken_at_ns.checked_sub(first.taken_at_ns)?;
    let tasks: Vec<_> = looks
        .iter()
        .filter_map(|look| look.tasks.as_ref())
        .collect();
    let stranded: Vec<u64> = tasks.iter().filter_map(|tasks| tasks.stranded).collect();
    if window_ns == 0 || stranded.len() < thresholds.imbalance_looks_stranded {
        return None;
    }
    let waited = |tasks: Option<&&TasksLook>| tasks.map_or(0, |tasks| tasks.waited_ns);
    let waited_ns = waited(tasks.last()).saturating_sub(waited(tasks.first()));
    let waiting_percent = percent(waited_ns, window_ns);
    if waiting_percent < thresholds.imbalance_waiting_percent {
        return None;
    }
    let shares = shares(first, last, window_ns);
    let busiest = shares.iter().max_by_key(|share| share.busy_percent)?;
    let asleep = |share: &&Share<'_>| {
        share.parked_percent >= thresholds.imbalance_parked_percent
            && share.unparks_per_second <= thresholds.imbalance_unparks_per_second
    };
    let sleepers: Vec<_> = shares.iter().filter(asleep).collect();
    if busiest.busy_percent < thresholds.imbalance_busy_percent || sleepers.is_empty() {
        return None;
    }
    let mut finding = Finding::new(
        RULE.kind,
        Severity::Warning,
        Subject::Runtime,
        first.taken_at_ns,
    );
    finding.summary = format!(
        "tasks wait for worker {}, which is busy {} % of the time, while {} of {} workers sleep",
        busiest.worker.index,
        busiest.busy_percent,
        sleepers.len(),
        shares.len()
    );
    finding.worker = Some(busiest.worker.index);
    if let Some(current) = busiest.worker.current_task.and_then(|id| history.task(id)) {
        finding.place(current.now.location);
        finding.task = Some(super::finding::Culprit::of(&current.now));
    }
    finding.number("busy_percent", busiest.busy_percent);
    finding.number("sleeping_workers", sleepers.len() as u64);
    finding.number("waited_ns", waited_ns);
    finding.number("window_ns", window_ns);
    finding.number("queue_depth", busiest.worker.queue_depth);
    if let Some(waiting) = stranded.last() {
        finding.number("waiting_task", *waiting);
    }
    finding.hint = HINT;
    Some(finding)
}

fn shares<'a>(first: &Look, last: &'a Look, window_ns: u64) -> Vec<Share<'a>> {
    let before = |worker: &WorkerLook| first.workers.iter().find(|w| w.index == worker.index);
    last.workers
        .iter()
        .filter_map(|worker| {
            let before = before(worker)?;
            let unparks = worker.unparks.saturating_sub(before.unparks);
            Some(Share {
                worker,
                busy_percent: percent(worker.busy_ns.saturating_sub(before.busy_ns), window_ns),
                parked_percent: percent(
                    worker.parked_ns.saturating_sub(before.parked_ns),
                    window_ns,
                ),
                unparks_per_second: unparks.saturating_mul(1_000_000_000) / window_ns,
            })
        })
        .collect()
}

fn percent(part: u64, whole: u64) -> u64 {
    (u128::from(part) * 100 / u128::from(whole.max(1))) as u64
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{MS, found, snapshot, task};
    use super::*;
    use zokio::telemetry::{HistogramSnapshot, Snapshot, TaskState, WorkerState};

    /// Three looks: worker 0 is always busy, worker 1 parked, a task waits most of the time.
    fn sick() -> Vec<Snapshot> {
        (1..=3)
            .map(|second| {
                let mut look = snapshot(second);
                let busy = &mut look.workers[0];
                (busy.busy_ns, busy.parked_ns) = (second * 1_000 * MS, 0);
                busy.queue_depth = 1;
                let waited = second * 900 * MS;
                busy.wake_to_poll = HistogramSnapshot::from_parts(waited, 80 * MS, vec![]);
                busy.state = WorkerState::Busy;
                let mut waiting = task(7);
                waiting.state = TaskState::Scheduled;
                waiting.state_since_ns = second * 1_000 * MS - 50 * MS;
                look.tasks.push(waiting);
                look
            })
            .collect()
    }

    fn find_in(looks: Vec<Snapshot>) -> Vec<Finding> {
        let mut history = History::default();
        for look in looks {
            history.note_snapshot(look, &Thresholds::default());
        }
        found(&RULE, &history)
    }

    #[test]
    fn waiting_for_one_worker_while_another_sleeps_is_found() {
        let found = find_in(sick());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].worker, Some(0));
        assert!(
            found[0].summary.contains("1 of 2 workers sleep"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn one_busy_task_without_others_waiting_is_healthy() {
        let mut looks = sick();
        for look in &mut looks {
            look.workers[0].wake_to_poll = HistogramSnapshot::default();
            look.tasks.clear();
        }
        assert!(find_in(looks).is_empty());
    }

    #[test]
    fn a_task_that_waits_in_one_look_is_healthy() {
        let mut looks = sick();
        for look in &mut looks[..2] {
            look.tasks[0].state_since_ns = look.taken_at_ns - 5 * MS;
        }
        assert!(find_in(looks).is_empty());
    }

    #[test]
    fn a_worker_that_fell_asleep_after_the_wake_is_no_proof() {
        let mut looks = sick();
        for look in &mut looks {
            look.workers[1].state_since_ns = look.taken_at_ns - 20 * MS;
        }
        assert!(find_in(looks).is_empty());
    }

    #[test]
    fn workers_that_are_all_busy_are_healthy() {
        let mut looks = sick();
        for look in &mut looks {
            look.workers[1].busy_ns = look.workers[1].parked_ns;
            look.workers[1].parked_ns = 0;
        }
        assert!(find_in(looks).is_empty());
    }

    #[test]
    fn a_worker_that_is_woken_often_takes_part() {
        let mut looks = sick();
        for (second, look) in (1..).zip(&mut looks) {
            look.workers[1].unparks = second * 1_000;
        }
        assert!(find_in(looks).is_empty());
    }

    #[test]
    fn two_looks_are_not_enough() {
        let mut looks = sick();
        looks.pop();
        assert!(find_in(looks).is_empty());
    }
}

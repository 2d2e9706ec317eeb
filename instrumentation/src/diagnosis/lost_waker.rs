//! lost-waker: a task that nobody can wake any more, though it waited for something.
//!
//! It is idle, waits for nothing of zokio's, and has no waker anywhere. That alone is healthy: it is
//! what `pending()` looks like. What tells a lost waker from a task that wants to stay for ever is
//! what happened before:
//!
//! - it had a waker while it was idle, and lost it without being polled: somebody dropped it;
//! - in its only poll it gave wakers away, and none is left;
//! - it used to wait for something foreign, was woken, and did not give its waker again.
//!
//! A task that never had a waker, or that went idle for good after a wait for something of zokio's (a
//! sleep, then `pending()`), is left alone: of that it is not known that it is wrong. So is one that
//! was woken but never seen waiting: it may have joined others that soon ended, and then be `pending()`.

use zokio::telemetry::{TaskKind, TaskState};

use super::finding::{Culprit, Finding, Severity, Subject, duration};
use super::history::{History, Seen, Trace};
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::nanos::nanos;

pub(super) const RULE: Rule = Rule {
    kind: "lost-waker",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "The task sleeps for ever. A future that returns Pending must have stored the \
                    waker of that poll where its event finds it, each time, and whoever drops a \
                    stored waker must wake it first.";

/// How the waker was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Dropped,
    NotStored,
    NotStoredAgain,
}

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let idle_before = history.now_ns().saturating_sub(nanos(thresholds.lost_idle));
    history
        .tasks()
        .filter(|trace| cannot_be_woken(trace, idle_before))
        .filter_map(|trace| loss(trace).map(|loss| finding(trace, loss, history.now_ns())))
        .collect()
}

fn cannot_be_woken(trace: &Trace, idle_before: u64) -> bool {
    let task = &trace.now;
    // Wakers of `block_on` are not counted.
    matches!(task.kind, TaskKind::Task | TaskKind::Local)
        && task.state == TaskState::Idle
        && task.state_since_ns <= idle_before
        && task.polls > 0
        && task.waits.is_empty()
        && trace.live_wakers() == 0
}

fn loss(trace: &Trace) -> Option<Loss> {
    let task = &trace.now;
    let kept_idle = trace.before.filter(|before| before.polls == task.polls);
    if kept_idle.is_some_and(|before| before.live_wakers > 0) {
        return Some(Loss::Dropped);
    }
    if task.polls == 1 {
        return (task.waker_clones > 0).then_some(Loss::NotStored);
    }
    match trace.seen {
        Seen::Unnoted => Some(Loss::NotStoredAgain),
        Seen::Noted | Seen::Never => None,
    }
}

fn finding(trace: &Trace, loss: Loss, now_ns: u64) -> Finding {
    let task = &trace.now;
    let culprit = Culprit::of(task);
    let subject = Subject::Task(task.id);
    let mut finding = Finding::new(RULE.kind, Severity::Warning, subject, task.state_since_ns);
    let how = match loss {
        Loss::Dropped => "its last waker was dropped without a wake",
        Loss::NotStored => "it gave its waker away, and nobody kept it",
        Loss::NotStoredAgain => "it was woken and did not give its waker again",
    };
    let idle_ns = now_ns.saturating_sub(task.state_since_ns);
    finding.summary = format!(
        "{culprit} is idle since {} and nobody can wake it: {how}",
        duration(idle_ns)
    );
    finding.place(task.location);
    finding.task = Some(culprit);
    finding.worker = task.worker;
    finding.number("idle_ns", idle_ns);
    finding.number("polls", task.polls);
    finding.number("wakes", task.wakes);
    finding.number("waker_clones", task.waker_clones);
    finding.number("waker_drops", task.waker_drops);
    finding.text("how", how);
    finding.hint = HINT;
    finding
}

#[cfg(test)]
mod tests {
    use super::super::Engine;
    use super::super::fixtures::{found, snapshot, task, waiting};
    use super::*;
    use zokio::telemetry::TaskSnapshot;

    /// An idle task with these counts: polls, wakes, waker clones, waker drops.
    fn idle(polls: u64, wakes: u64, clones: u64, drops: u64) -> TaskSnapshot {
        let mut task = task(1);
        (task.polls, task.wakes) = (polls, wakes);
        (task.waker_clones, task.waker_drops) = (clones, drops);
        task
    }

    fn looks(tasks: impl IntoIterator<Item = TaskSnapshot>) -> Vec<Finding> {
        let mut history = History::default();
        for (second, task) in (10..).zip(tasks) {
            let mut look = snapshot(second);
            look.tasks.push(task);
            history.note_snapshot(look, &Thresholds::default());
        }
        found(&RULE, &history)
    }

    #[test]
    fn pending_is_healthy() {
        assert!(looks([idle(1, 0, 0, 0), idle(1, 0, 0, 0)]).is_empty());
    }

    #[test]
    fn pending_after_a_sleep_is_healthy() {
        let asleep = waiting(1, "sleep", 0, None, 5_000);
        assert!(looks([asleep, idle(2, 1, 1, 1)]).is_empty());
    }

    #[test]
    fn a_waker_that_is_kept_somewhere_is_healthy() {
        assert!(looks([idle(1, 0, 1, 0), idle(1, 0, 1, 0)]).is_empty());
    }

    #[test]
    fn a_task_with_a_note_is_healthy() {
        let mut noted = waiting(1, "watch", 7, None, 5_000);
        noted.waker_drops = noted.waker_clones;
        assert!(looks([noted]).is_empty());
    }

    #[test]
    fn a_waker_dropped_while_the_task_was_idle_is_lost() {
        let found = looks([idle(3, 2, 5, 4), idle(3, 2, 5, 5)]);
        assert_eq!(found[0].severity, Severity::Warning);
        assert!(
            found[0].summary.contains("dropped without a wake"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn wakers_of_the_only_poll_that_nobody_kept_are_lost() {
        let found = looks([idle(1, 0, 1, 1)]);
        assert_eq!(found[0].severity, Severity::Warning);
    }

    #[test]
    fn a_future_that_does_not_store_its_waker_again_is_found() {
        let found = looks([idle(1, 0, 1, 0), idle(2, 1, 1, 1)]);
        assert!(
            found[0].summary.contains("did not give its waker again"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn a_task_woken_before_anybody_looked_may_be_pending() {
        let joined_two = || idle(3, 2, 2, 2);
        assert!(looks([joined_two(), joined_two(), joined_two()]).is_empty());
    }

    #[test]
    fn tasks_that_run_or_ran_a_moment_ago_are_left_alone() {
        let mut ran = idle(1, 0, 1, 1);
        ran.state_since_ns = 9_900_000_000;
        assert!(looks([ran]).is_empty());
        let mut scheduled = idle(1, 0, 1, 1);
        scheduled.state = TaskState::Scheduled;
        assert!(looks([scheduled]).is_empty());
    }

    #[test]
    fn wakers_of_block_on_are_not_counted_and_not_missed() {
        let mut main = idle(2, 1, 0, 0);
        main.kind = TaskKind::BlockOn;
        assert!(looks([main]).is_empty());
    }

    #[test]
    fn a_loss_stays_a_loss_of_the_same_severity() {
        let mut engine = Engine::default();
        let mut found = Vec::new();
        let tasks = [idle(1, 0, 1, 0), idle(2, 1, 1, 1), idle(2, 1, 1, 1)];
        for (second, task) in (10..).zip(tasks) {
            let mut look = snapshot(second);
            look.tasks.push(task);
            found = engine.look(look, Vec::new());
        }
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Warning);
    }
}

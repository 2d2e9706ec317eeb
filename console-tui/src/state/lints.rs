//! Warnings about a single task that can be told from its own numbers.
//!
//! Non-goal: findings over several tasks or over time; those are the server's diagnosis. A
//! warning here is shown only where the numbers prove it, because a false one costs more than a
//! missing one.

use super::model::{Task, TaskKind, TaskState};
use crate::format;

/// A poll longer than this keeps a worker from everything else.
const NEVER_YIELDS_NS: u64 = 1_000_000_000;

/// A task that has been runnable for longer than this starves.
const STARVED_NS: u64 = 500_000_000;

/// A task idle for longer than this with nobody to wake it is lost, not merely between states.
const LOST_NS: u64 = 2_000_000_000;

/// From this many wakes on, their mix says something.
const SELF_WAKES_FROM: u64 = 100;

/// What is wrong with `task`, in words, at `now_ns` on the telemetry clock.
pub(crate) fn warnings(task: &Task, now_ns: u64) -> Vec<String> {
    let mut out = Vec::new();
    let in_state_ns = now_ns.saturating_sub(task.state_since_ns);
    let polled_by_worker = matches!(task.kind, TaskKind::Task | TaskKind::Local);
    if polled_by_worker && task.state == TaskState::Busy && in_state_ns >= NEVER_YIELDS_NS {
        out.push(format!(
            "this poll has been running for {}: blocking work belongs in spawn_blocking",
            format::duration(in_state_ns)
        ));
    }
    if polled_by_worker && task.state == TaskState::Scheduled && in_state_ns >= STARVED_NS {
        out.push(format!(
            "woken {} ago and not polled since: its workers are held up",
            format::duration(in_state_ns)
        ));
    }
    let lost = polled_by_worker
        && task.state == TaskState::Idle
        && task.polls > 0
        && task.waits.is_empty()
        && task.live_wakers() == 0
        && in_state_ns >= LOST_NS;
    if lost {
        out.push("nobody holds a waker of it: it will never run again".into());
    }
    if task.wakes >= SELF_WAKES_FROM && task.self_wakes > task.wakes / 2 {
        out.push(format!(
            "{} of its wakes are its own: it spins instead of waiting",
            format::percent(format::share(task.self_wakes, task.wakes))
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::model::Wait;

    fn task(state: TaskState) -> Task {
        Task {
            kind: TaskKind::Task,
            state,
            polls: 1,
            ..Task::default()
        }
    }

    #[test]
    fn a_poll_of_a_second_is_warned_about_unless_it_is_blocking_work() {
        assert_eq!(warnings(&task(TaskState::Busy), NEVER_YIELDS_NS).len(), 1);
        assert!(warnings(&task(TaskState::Busy), NEVER_YIELDS_NS - 1).is_empty());
        let blocking = Task {
            kind: TaskKind::Blocking,
            ..task(TaskState::Busy)
        };
        assert!(warnings(&blocking, u64::MAX).is_empty());
    }

    #[test]
    fn an_idle_task_with_a_wait_or_a_waker_is_not_lost() {
        assert_eq!(warnings(&task(TaskState::Idle), LOST_NS).len(), 1);
        let waker = Task {
            waker_clones: 1,
            ..task(TaskState::Idle)
        };
        assert!(warnings(&waker, LOST_NS).is_empty());
        let wait = Task {
            waits: vec![Wait::default()],
            ..task(TaskState::Idle)
        };
        assert!(warnings(&wait, LOST_NS).is_empty());
        let new = Task {
            polls: 0,
            ..task(TaskState::Idle)
        };
        assert!(warnings(&new, LOST_NS).is_empty());
    }

    #[test]
    fn starving_and_spinning_tasks_are_warned_about() {
        assert_eq!(warnings(&task(TaskState::Scheduled), STARVED_NS).len(), 1);
        let spinning = Task {
            wakes: 200,
            self_wakes: 150,
            ..task(TaskState::Busy)
        };
        assert_eq!(warnings(&spinning, 0).len(), 1);
        let young = Task {
            wakes: 10,
            self_wakes: 10,
            ..task(TaskState::Busy)
        };
        assert!(warnings(&young, 0).is_empty());
    }
}

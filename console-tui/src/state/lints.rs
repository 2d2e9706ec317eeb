//! Warnings about a single task that can be told from its own numbers.
//!
//! Non-goal: findings over several tasks or over time; those are the server's diagnosis. A
//! warning here is shown only where the numbers prove it, because a false one costs more than a
//! missing one.

use super::model::{Task, TaskKind, TaskState};
use crate::format;

/// From where on something is warned about; None: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// A poll that takes as long keeps a worker from everything else.
    pub(crate) never_yields_ns: Option<u64>,
    /// A task that has been runnable for as long starves.
    pub(crate) starved_ns: Option<u64>,
    /// A task idle for as long with nobody to wake it is lost, not merely between states.
    pub(crate) lost_waker_ns: Option<u64>,
    /// A task of whose wakes more are its own spins. In percent.
    pub(crate) self_wakes_percent: Option<u64>,
}

const NEVER_YIELDS_NS: u64 = 1_000_000_000;
const STARVED_NS: u64 = 500_000_000;
const LOST_NS: u64 = 2_000_000_000;
const SELF_WAKES_PERCENT: u64 = 50;

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            never_yields_ns: Some(NEVER_YIELDS_NS),
            starved_ns: Some(STARVED_NS),
            lost_waker_ns: Some(LOST_NS),
            self_wakes_percent: Some(SELF_WAKES_PERCENT),
        }
    }
}

/// The names of the warnings.
pub(crate) const NAMES: [&str; 4] = ["never-yields", "starved", "lost-waker", "self-wakes"];

impl Limits {
    /// The limit of the warning of this name. The last of [`NAMES`] is in percent, the others in
    /// nanoseconds.
    pub(crate) fn named(&mut self, name: &str) -> Option<&mut Option<u64>> {
        let limits = [
            &mut self.never_yields_ns,
            &mut self.starved_ns,
            &mut self.lost_waker_ns,
            &mut self.self_wakes_percent,
        ];
        NAMES
            .iter()
            .zip(limits)
            .find_map(|(known, limit)| (*known == name).then_some(limit))
    }
}

/// From this many wakes on, their mix says something.
const SELF_WAKES_FROM: u64 = 100;

/// What is wrong with `task`, in words, at `now_ns` on the telemetry clock.
pub(crate) fn warnings(task: &Task, now_ns: u64, limits: &Limits) -> Vec<String> {
    let mut out = Vec::new();
    let over = |value: u64, limit: Option<u64>| limit.is_some_and(|limit| value >= limit);
    let in_state_ns = now_ns.saturating_sub(task.state_since_ns);
    let polled_by_worker = matches!(task.kind, TaskKind::Task | TaskKind::Local);
    if polled_by_worker
        && task.state == TaskState::Busy
        && over(in_state_ns, limits.never_yields_ns)
    {
        out.push(format!(
            "this poll has been running for {}: blocking work belongs in spawn_blocking",
            format::duration(in_state_ns)
        ));
    }
    if polled_by_worker
        && task.state == TaskState::Scheduled
        && over(in_state_ns, limits.starved_ns)
    {
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
        && over(in_state_ns, limits.lost_waker_ns);
    if lost {
        out.push("nobody holds a waker of it: it will never run again".into());
    }
    let spins = limits.self_wakes_percent.is_some_and(|percent| {
        u128::from(task.self_wakes) * 100 > u128::from(task.wakes) * u128::from(percent)
    });
    if task.wakes >= SELF_WAKES_FROM && spins {
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

    fn warnings(task: &Task, now_ns: u64) -> Vec<String> {
        super::warnings(task, now_ns, &Limits::default())
    }

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

    #[test]
    fn a_limit_can_be_moved_and_taken_away() {
        let mut limits = Limits::default();
        let task = task(TaskState::Scheduled);
        *limits.named("starved").unwrap() = Some(5);
        assert_eq!(super::warnings(&task, 5, &limits).len(), 1);
        *limits.named("starved").unwrap() = None;
        assert!(super::warnings(&task, u64::MAX, &limits).is_empty());
        for name in NAMES {
            *limits.named(name).unwrap() = None;
        }
        assert_eq!(limits.named("asleep"), None);
        let gone = Limits {
            never_yields_ns: None,
            starved_ns: None,
            lost_waker_ns: None,
            self_wakes_percent: None,
        };
        assert_eq!(limits, gone);
    }
}

//! What the client is shown: tasks, resources, operations, as rows that compare.
//!
//! A row says nothing that changes with time alone, so that a task which nothing happens to gives an
//! equal row at every look: the client knows from the states how the times go on.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::Location;
use std::sync::Arc;

use zokio::telemetry::{TaskKind, TaskSnapshot, TaskState, Wait};

/// Waits of a task that are shown, the most recent.
const MAX_WAITS: usize = 16;

/// A resource that nobody waits for any more is shown that long.
const LINGER_NS: u64 = 5_000_000_000;

/// A row of one of the client's tables.
pub(super) trait Row: PartialEq {
    /// Names the row, never 0. Rows are in the order of their ids.
    fn id(&self) -> u64;

    /// Takes over what only the row of the look before can know.
    fn carry_on(&mut self, _before: &Self) {}
}

/// A task. Times that the client makes out by itself (in the poll or the wait under way) are left
/// out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TaskRow {
    pub(super) id: u64,
    pub(super) name: Option<Arc<str>>,
    pub(super) kind: TaskKind,
    pub(super) location: &'static Location<'static>,
    pub(super) parent: Option<u64>,
    pub(super) future_bytes: Option<u64>,
    /// The runtime's name, if there are several.
    pub(super) runtime: Option<Arc<str>>,
    pub(super) created_at_ns: u64,
    pub(super) polls: u64,
    pub(super) poll_started_ns: Option<u64>,
    pub(super) poll_ended_ns: Option<u64>,
    pub(super) busy_ns: u64,
    pub(super) scheduled_ns: u64,
    pub(super) wakes: u64,
    pub(super) self_wakes: u64,
    pub(super) waker_clones: u64,
    pub(super) waker_drops: u64,
    pub(super) last_wake_ns: u64,
}

impl Row for TaskRow {
    fn id(&self) -> u64 {
        self.id
    }
}

impl TaskRow {
    /// The client tells a task's state from three stamps: it runs if its last poll began after the
    /// last one ended, else it is scheduled if it was woken after its last poll began. Of these
    /// zokio keeps what began the present state and the last wake; where another is needed to put
    /// them in order, the nearest moment that it can have been is taken. The client shows none of
    /// those.
    pub(super) fn new(task: &TaskSnapshot, runtime: Option<&Arc<str>>) -> TaskRow {
        let since = task.state_since_ns;
        // The times of a task sum to its age at the moment when it was looked at.
        let looked_at = task.created_at_ns + task.busy_ns + task.scheduled_ns + task.idle_ns;
        let under_way = looked_at.saturating_sub(since);
        let (mut busy_ns, mut scheduled_ns) = (task.busy_ns, task.scheduled_ns);
        // To the client the spawn is the first wake: without, a new task would look lost.
        let woken = task.last_wake_ns.unwrap_or(task.created_at_ns);
        let (last_wake_ns, poll_started_ns, poll_ended_ns) = match task.state {
            TaskState::Busy => {
                busy_ns = busy_ns.saturating_sub(under_way);
                (woken.min(since), Some(since), None)
            }
            TaskState::Scheduled => {
                scheduled_ns = scheduled_ns.saturating_sub(under_way);
                let before = (task.polls > 0).then(|| since.saturating_sub(1));
                (since, before, before)
            }
            _ => {
                let last = since.max(woken);
                (woken, Some(last), Some(last))
            }
        };
        TaskRow {
            id: task.id,
            name: task.name.clone(),
            kind: task.kind,
            location: task.location,
            parent: task.parent,
            future_bytes: task.future_bytes,
            runtime: runtime.cloned(),
            created_at_ns: task.created_at_ns,
            polls: task.polls,
            poll_started_ns,
            poll_ended_ns,
            busy_ns,
            scheduled_ns,
            wakes: task.wakes,
            self_wakes: task.self_wakes,
            waker_clones: task.waker_clones,
            waker_drops: task.waker_drops,
            last_wake_ns,
        }
    }

    /// The same task when it is gone: it was last seen at `seen_ns`, and what it was doing then
    /// ends there.
    pub(super) fn ended(&self, seen_ns: u64) -> TaskRow {
        let mut row = self.clone();
        match (row.poll_started_ns, row.poll_ended_ns) {
            (Some(started), None) => {
                row.busy_ns += seen_ns.saturating_sub(started);
                row.poll_ended_ns = Some(seen_ns.max(started));
            }
            (started, _) if started < Some(row.last_wake_ns) => {
                row.scheduled_ns += seen_ns.saturating_sub(row.last_wake_ns);
                row.poll_started_ns = Some(seen_ns.max(row.last_wake_ns));
                row.poll_ended_ns = row.poll_started_ns;
            }
            _ => {}
        }
        row
    }
}

/// Something that tasks wait for, known by those who wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResourceRow {
    pub(super) id: u64,
    pub(super) kind: &'static str,
    /// Since when it is known: the beginning of the earliest wait for it that was seen. Of a timer,
    /// the beginning of its wait.
    pub(super) since_ns: u64,
    /// `None` where there cannot be a second one.
    pub(super) waiters: Option<u64>,
    /// Since when nobody waits.
    pub(super) idle_since_ns: Option<u64>,
    /// The place where the one who waits longest waits.
    pub(super) awaited_at: Option<&'static Location<'static>>,
}

impl Row for ResourceRow {
    fn id(&self) -> u64 {
        self.id
    }

    fn carry_on(&mut self, before: &ResourceRow) {
        if self.waiters.is_some() {
            self.since_ns = self.since_ns.min(before.since_ns);
        }
    }
}

/// What a task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OperationRow {
    pub(super) id: u64,
    pub(super) resource: u64,
    /// Whether others can wait for the same resource.
    pub(super) shared: bool,
    pub(super) task: u64,
    pub(super) kind: &'static str,
    pub(super) operation: &'static str,
    pub(super) location: Option<&'static Location<'static>>,
    pub(super) since_ns: u64,
    pub(super) current: bool,
}

impl Row for OperationRow {
    fn id(&self) -> u64 {
        self.id
    }
}

/// The operations of a task. Their ids and those of their resources are made of what they are, so
/// that a task which waits for the same thing again and again is one row, whose wait begins anew.
pub(super) fn operations(task: u64, waits: &[Wait]) -> impl Iterator<Item = OperationRow> {
    waits.iter().take(MAX_WAITS).enumerate().map(move |(n, w)| {
        let alike = |other: &&Wait| {
            (other.kind, other.operation, other.resource) == (w.kind, w.operation, w.resource)
        };
        let which = waits[..n].iter().filter(alike).count();
        let resource = match w.resource {
            // Nobody else can wait for it.
            0 => id_of(("own", task, w.kind, w.operation, which)),
            address => id_of(("shared", w.kind, address)),
        };
        OperationRow {
            id: id_of(("operation", task, w.operation, resource, which)),
            resource,
            shared: w.resource != 0,
            task,
            kind: w.kind,
            operation: w.operation,
            location: w.location,
            since_ns: w.since_ns,
            current: w.current,
        }
    })
}

/// The resources of these operations.
pub(super) fn resources(operations: &[OperationRow]) -> Vec<ResourceRow> {
    let mut waits: Vec<&OperationRow> = operations.iter().collect();
    waits.sort_unstable_by_key(|o| (o.resource, o.since_ns, o.id));
    waits
        .chunk_by(|a, b| a.resource == b.resource)
        .map(|of_one| ResourceRow {
            id: of_one[0].resource,
            kind: of_one[0].kind,
            since_ns: of_one[0].since_ns,
            waiters: of_one[0].shared.then_some(of_one.len() as u64),
            idle_since_ns: None,
            awaited_at: of_one[0].location,
        })
        .collect()
}

impl ResourceRow {
    /// The same when nobody waits any more, for some seconds: much is waited for again at once, and
    /// would come and go at each look. A timer is not.
    pub(super) fn linger(&self, now_ns: u64) -> Option<ResourceRow> {
        let idle_since_ns = self.idle_since_ns.unwrap_or(now_ns);
        let lingers = self.waiters.is_some() && now_ns.saturating_sub(idle_since_ns) < LINGER_NS;
        lingers.then(|| ResourceRow {
            waiters: Some(0),
            idle_since_ns: Some(idle_since_ns),
            ..self.clone()
        })
    }
}

/// A number for something, the same each time in this process; never 0.
fn id_of(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish().max(1)
}

/// The timers among the kinds of resources: the client has a word of its own for them.
pub(super) fn is_timer(kind: &str) -> bool {
    matches!(kind, "sleep" | "interval" | "timeout")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::compat) fn here() -> &'static Location<'static> {
        Location::caller()
    }

    /// A task of 1,000 ns that was looked at in `state`, in which it had been for 100 ns.
    fn task(state: TaskState) -> TaskSnapshot {
        let mut task = TaskSnapshot::empty(7, here());
        task.state = state;
        task.created_at_ns = 500;
        task.state_since_ns = 1_400;
        task.polls = 3;
        (task.busy_ns, task.scheduled_ns, task.idle_ns) = (200, 300, 500);
        task.last_wake_ns = Some(1_350);
        task
    }

    /// The state as the client makes it out.
    pub(in crate::compat) fn state_at_client(row: &TaskRow) -> &'static str {
        if row.poll_started_ns > row.poll_ended_ns {
            "running"
        } else if Some(row.last_wake_ns) > row.poll_started_ns {
            "scheduled"
        } else {
            "idle"
        }
    }

    #[test]
    fn a_running_task_has_begun_a_poll_that_has_not_ended() {
        let row = TaskRow::new(&task(TaskState::Busy), None);
        assert_eq!(state_at_client(&row), "running");
        // The client adds the 100 ns under way.
        assert_eq!((row.busy_ns, row.scheduled_ns), (100, 300));
        assert_eq!(
            (row.poll_started_ns, row.last_wake_ns),
            (Some(1_400), 1_350)
        );
    }

    #[test]
    fn a_task_woken_while_it_runs_is_not_scheduled_meanwhile() {
        let mut task = task(TaskState::Busy);
        task.last_wake_ns = Some(1_450);
        let row = TaskRow::new(&task, None);
        assert_eq!(row.last_wake_ns, 1_400);
    }

    #[test]
    fn a_scheduled_task_was_woken_after_its_last_poll() {
        let row = TaskRow::new(&task(TaskState::Scheduled), None);
        assert_eq!(state_at_client(&row), "scheduled");
        assert_eq!((row.busy_ns, row.scheduled_ns), (200, 200));
        assert_eq!(row.last_wake_ns, 1_400);
    }

    #[test]
    fn a_new_task_was_woken_by_its_spawn() {
        let mut task = task(TaskState::Scheduled);
        (task.polls, task.last_wake_ns) = (0, None);
        (task.created_at_ns, task.state_since_ns) = (500, 500);
        (task.busy_ns, task.scheduled_ns, task.idle_ns) = (0, 50, 0);
        let row = TaskRow::new(&task, None);
        assert_eq!((row.last_wake_ns, row.poll_started_ns), (500, None));
        assert_eq!(state_at_client(&row), "scheduled");
        assert_eq!(row.scheduled_ns, 0);
    }

    #[test]
    fn an_idle_task_neither_runs_nor_is_scheduled_and_keeps_its_times() {
        for woken in [None, Some(1_350), Some(1_400), Some(1_401)] {
            let mut task = task(TaskState::Idle);
            task.last_wake_ns = woken;
            let row = TaskRow::new(&task, None);
            assert_eq!(state_at_client(&row), "idle");
            assert_eq!((row.busy_ns, row.scheduled_ns), (200, 300));
        }
    }

    #[test]
    fn rows_of_a_task_left_alone_are_equal() {
        let before = task(TaskState::Idle);
        let mut after = before.clone();
        after.idle_ns += 1_000_000;
        assert_eq!(TaskRow::new(&before, None), TaskRow::new(&after, None));
        let mut woken = before.clone();
        woken.wakes += 1;
        assert_ne!(TaskRow::new(&before, None), TaskRow::new(&woken, None));
    }

    #[test]
    fn what_a_task_was_doing_ends_when_it_was_last_seen() {
        for (state, busy, scheduled) in [
            (TaskState::Busy, 200, 300),
            (TaskState::Scheduled, 200, 300),
            (TaskState::Idle, 200, 300),
        ] {
            let row = TaskRow::new(&task(state), None).ended(1_500);
            assert_eq!(
                (row.busy_ns, row.scheduled_ns),
                (busy, scheduled),
                "{state:?}"
            );
            assert_eq!(state_at_client(&row), "idle", "{state:?}");
        }
    }

    #[test]
    fn a_task_that_was_never_polled_ends_scheduled_for_all_its_life() {
        let mut task = task(TaskState::Scheduled);
        (task.polls, task.last_wake_ns) = (0, None);
        (task.created_at_ns, task.state_since_ns) = (500, 500);
        (task.busy_ns, task.scheduled_ns, task.idle_ns) = (0, 50, 0);
        let row = TaskRow::new(&task, None).ended(600);
        assert_eq!((row.busy_ns, row.scheduled_ns), (0, 100));
    }

    fn wait(kind: &'static str, operation: &'static str, resource: u64, since_ns: u64) -> Wait {
        let mut wait = Wait::new(kind, operation, None);
        (wait.resource, wait.since_ns) = (resource, since_ns);
        wait
    }

    #[test]
    fn tasks_that_wait_for_one_thing_share_a_resource_and_none_shares_a_timer() {
        let mut all: Vec<_> = operations(1, &[wait("mutex", "lock", 64, 20)]).collect();
        all.extend(operations(2, &[wait("mutex", "lock", 64, 10)]));
        all.extend(operations(2, &[wait("semaphore", "acquire", 64, 10)]));
        all.extend(operations(1, &[wait("sleep", "sleep", 0, 5)]));
        all.extend(operations(2, &[wait("sleep", "sleep", 0, 5)]));
        let resources = resources(&all);
        let mut seen: Vec<_> = resources
            .iter()
            .map(|r| (r.kind, r.waiters, r.since_ns))
            .collect();
        seen.sort_unstable();
        let timer = ("sleep", None, 5);
        let mutex = ("mutex", Some(2), 10);
        assert_eq!(seen, [mutex, ("semaphore", Some(1), 10), timer, timer]);
        assert!(resources.is_sorted_by_key(|r| r.id));
        assert!(resources.iter().all(|r| r.id != 0));
    }

    #[test]
    fn waits_alike_of_one_task_are_told_apart() {
        let waits = [wait("sleep", "sleep", 0, 5), wait("sleep", "sleep", 0, 6)];
        let rows: Vec<_> = operations(1, &waits).collect();
        assert_ne!(rows[0].id, rows[1].id);
        assert_ne!(rows[0].resource, rows[1].resource);
        let same = [wait("mutex", "lock", 8, 5), wait("mutex", "lock", 8, 6)];
        let rows: Vec<_> = operations(1, &same).collect();
        assert_ne!(rows[0].id, rows[1].id);
        assert_eq!(rows[0].resource, rows[1].resource);
    }

    #[test]
    fn the_next_wait_for_the_same_thing_is_the_same_operation() {
        let first: Vec<_> = operations(1, &[wait("mpsc", "recv", 8, 5)]).collect();
        let next: Vec<_> = operations(1, &[wait("mpsc", "recv", 8, 900)]).collect();
        assert_eq!(
            (first[0].id, first[0].resource),
            (next[0].id, next[0].resource)
        );
        assert_ne!(first, next);
    }

    #[test]
    fn a_task_with_very_many_waits_shows_the_most_recent() {
        let waits: Vec<_> = (1..=100).map(|n| wait("mutex", "lock", n, n)).collect();
        assert_eq!(operations(1, &waits).count(), MAX_WAITS);
    }
}

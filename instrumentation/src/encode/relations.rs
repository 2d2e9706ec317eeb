//! How the tasks of a window are related to others: how many each has spawned, and what those are
//! called that woke them.
//!
//! One pass over all tasks; what is kept is bounded by the window.

use std::collections::HashMap;
use std::sync::Arc;

use zokio::telemetry::{LastWaker, LongestPoll, TaskDetail, TaskSnapshot, WakerKind};
use zokio_console_proto::v1;

use super::{clip, location, task_state};

/// What is known of the tasks in a window.
#[derive(Default)]
pub(super) struct Relations {
    children: HashMap<u64, u64>,
    names: HashMap<u64, Option<Arc<str>>>,
}

impl Relations {
    /// Of these rows and long polls, among all tasks.
    pub(super) fn of(
        tasks: &[TaskSnapshot],
        rows: &[&TaskSnapshot],
        polls: &[LongestPoll],
    ) -> Relations {
        let wakers = rows.iter().filter_map(|row| row.last_waker?.task);
        let polled = polls.iter().map(|poll| poll.task);
        let mut relations = Relations {
            children: rows.iter().map(|row| (row.id, 0)).collect(),
            names: wakers.chain(polled).map(|id| (id, None)).collect(),
        };
        if relations.children.is_empty() && relations.names.is_empty() {
            return relations;
        }
        for task in tasks {
            let parent = task.parent.and_then(|id| relations.children.get_mut(&id));
            if let Some(children) = parent {
                *children += 1;
            }
            if let Some(name) = relations.names.get_mut(&task.id) {
                name.clone_from(&task.name);
            }
        }
        relations
    }

    /// Of a task and its details.
    pub(super) fn of_detail(detail: &TaskDetail) -> Relations {
        let waker = detail.task.last_waker.and_then(|waker| waker.task);
        let name = waker.map(|id| (id, detail.last_waker_name.clone()));
        Relations {
            children: [(detail.task.id, detail.children_count)].into(),
            names: name.into_iter().collect(),
        }
    }

    pub(super) fn name(&self, task: u64) -> String {
        let name = self.names.get(&task).and_then(Option::as_deref);
        name.map(clip).unwrap_or_default()
    }

    pub(super) fn children(&self, task: u64) -> Option<v1::Children> {
        let count = self.children.get(&task).copied().filter(|n| *n > 0)?;
        Some(v1::Children {
            count,
            first: Vec::new(),
        })
    }

    pub(super) fn last_waker(&self, waker: &LastWaker) -> v1::LastWaker {
        let kind = match waker.kind {
            WakerKind::Task => v1::WakerKind::Task,
            WakerKind::Driver => v1::WakerKind::Driver,
            WakerKind::Timer => v1::WakerKind::Timer,
            WakerKind::Thread => v1::WakerKind::Thread,
            WakerKind::DuringPoll => v1::WakerKind::DuringPoll,
            _ => v1::WakerKind::Unspecified,
        };
        v1::LastWaker {
            kind: kind.into(),
            task: waker.task.unwrap_or(0),
            task_name: waker.task.map(|id| self.name(id)).unwrap_or_default(),
            worker_plus_one: waker.worker.map_or(0, |w| u32::from(w) + 1),
        }
    }
}

pub(super) fn child(task: &TaskSnapshot) -> v1::Child {
    v1::Child {
        id: task.id,
        name: task.name.as_deref().map(clip).unwrap_or_default(),
        state: task_state(task.state).into(),
        location: Some(location(task.location)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::Location;

    fn task(id: u64, parent: Option<u64>, name: &str) -> TaskSnapshot {
        let mut task = TaskSnapshot::empty(id, Location::caller());
        task.parent = parent;
        task.name = Some(name.into());
        task
    }

    #[test]
    fn children_are_counted_over_all_tasks_and_wakers_are_named() {
        let mut all = vec![
            task(1, None, "a"),
            task(2, Some(1), "b"),
            task(3, Some(1), "c"),
        ];
        all[0].last_waker = Some(LastWaker::new(WakerKind::Task, Some(3)));
        all[1].last_waker = Some(LastWaker::new(WakerKind::Task, Some(99)));
        let rows = [&all[0], &all[1]];
        let relations = Relations::of(&all, &rows, &[]);
        assert_eq!(relations.children(1).unwrap().count, 2);
        assert_eq!(relations.children(2), None);
        let waker = |at: usize| relations.last_waker(&all[at].last_waker.unwrap());
        assert_eq!((waker(0).task, waker(0).task_name), (3, "c".to_owned()));
        assert_eq!((waker(1).task, waker(1).task_name), (99, String::new()));
    }
}

//! How the tasks of a window are related to others: how many each has spawned, and what those are
//! called that woke them.

use std::collections::HashMap;
use std::sync::Arc;

use zokio::telemetry::{LastWaker, TaskDetail, TaskRelations, TaskSnapshot, WakerKind};
use zokio_console_proto::v1;

use super::{clip, location, task_state};

/// What is known of the tasks in a window.
#[derive(Default)]
pub(super) struct Relations {
    children: HashMap<u64, u64>,
    names: HashMap<u64, Option<Arc<str>>>,
}

impl Relations {
    /// As they were found.
    pub(super) fn of(found: &TaskRelations) -> Relations {
        let names = found.names.iter();
        Relations {
            children: found.children.clone(),
            names: names
                .map(|(id, name)| (*id, Some(Arc::clone(name))))
                .collect(),
        }
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

//! Chains of waits, as messages.

use zokio::telemetry::{PermitsSnapshot, TaskSnapshot};
use zokio_console_proto::v1;

use super::{clip, location, task_state};
use crate::wait_chains::{self, Chain, Link, Role};

/// Who waits for whom, and how many chains there are in all.
pub(super) fn of(
    tasks: &[TaskSnapshot],
    permits: &[PermitsSnapshot],
    is_partial: bool,
) -> (Vec<v1::WaitChain>, u64) {
    let (chains, in_all) = wait_chains::of(tasks, permits, is_partial);
    (chains.iter().map(chain).collect(), in_all as u64)
}

fn chain(chain: &Chain<'_>) -> v1::WaitChain {
    v1::WaitChain {
        links: chain.links.iter().map(link).collect(),
        circle: chain.circle,
        waiters: chain.waiters,
    }
}

fn link(link: &Link<'_>) -> v1::WaitLink {
    let task = link.task;
    let mut sent = v1::WaitLink {
        task: task.id,
        task_name: task.name.as_deref().map(clip).unwrap_or_default(),
        spawned_at: Some(location(task.location)),
        state: task_state(task.state).into(),
        state_since_ns: task.state_since_ns,
        permits: link.permits,
        worker_plus_one: task.worker.map_or(0, |worker| u32::from(worker) + 1),
        ..Default::default()
    };
    if let Some(wait) = link.wait {
        sent.kind = clip(wait.kind);
        sent.operation = clip(wait.operation);
        sent.resource = wait.resource;
        sent.location = wait.location.map(location);
        sent.since_ns = wait.since_ns;
        sent.created_at = wait.created_at.map(location);
        sent.capacity = wait.capacity;
        sent.used = wait.used;
        sent.other_waits = task.waits.len() as u64 - 1;
    }
    if let Some(holder) = link.holder {
        let role = match holder.role {
            Role::Holds => v1::HolderRole::Holds,
            Role::Joined => v1::HolderRole::Joined,
            Role::Receives => v1::HolderRole::Receives,
            Role::Acquired => v1::HolderRole::Acquired,
        };
        sent.holder = holder.task;
        sent.role = role.into();
        sent.holder_is_exact = holder.exact;
        sent.held_at = holder.held_at.map(location);
        sent.holder_is_gone = holder.gone;
    }
    sent
}

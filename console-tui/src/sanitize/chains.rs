//! Who waits for whom, as the server says.

use zokio_console_proto::v1;

use super::{MAX_NAME, location, task_state, text};
use crate::state::model;

/// Chains of an update, and links of a chain, that are kept.
pub(super) const MAX_CHAINS: usize = 256;
const MAX_LINKS: usize = 128;

pub(super) fn chain(raw: v1::WaitChain) -> model::WaitChain {
    model::WaitChain {
        links: raw.links.into_iter().take(MAX_LINKS).map(link).collect(),
        circle: raw.circle,
        waiters: raw.waiters,
    }
}

fn link(raw: v1::WaitLink) -> model::WaitLink {
    let place = |raw: Option<v1::Location>| raw.map(|raw| location(Some(raw)));
    let role = match raw.role() {
        v1::HolderRole::Unspecified => model::Role::Unknown,
        v1::HolderRole::Holds => model::Role::Holds,
        v1::HolderRole::Joined => model::Role::Joined,
        v1::HolderRole::Receives => model::Role::Receives,
        v1::HolderRole::Acquired => model::Role::Acquired,
    };
    let holder = (raw.holder != 0).then(|| model::LinkHolder {
        task: raw.holder,
        role,
        exact: raw.holder_is_exact,
        held_at: place(raw.held_at.clone()),
        gone: raw.holder_is_gone,
    });
    let wait = (!raw.kind.is_empty()).then(|| model::LinkWait {
        kind: text(&raw.kind, MAX_NAME),
        operation: text(&raw.operation, MAX_NAME),
        resource: raw.resource,
        location: place(raw.location.clone()),
        since_ns: raw.since_ns,
        created_at: place(raw.created_at.clone()),
        capacity: raw.capacity,
        used: raw.used,
        permits: raw.permits,
        other_waits: raw.other_waits,
        holder,
    });
    model::WaitLink {
        task: raw.task,
        task_name: text(&raw.task_name, MAX_NAME),
        spawned_at: location(raw.spawned_at.clone()),
        state: task_state(raw.state()),
        state_since_ns: raw.state_since_ns,
        worker: raw.worker_plus_one.checked_sub(1),
        wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_cut_and_its_texts_are_cleaned() {
        let raw = v1::WaitLink {
            task: 7,
            task_name: "a\u{1b}[2Jb".into(),
            kind: "mutex\n".into(),
            holder: 9,
            role: 99,
            ..Default::default()
        };
        let chain = chain(v1::WaitChain {
            links: vec![raw; 1_000],
            circle: true,
            waiters: u64::MAX,
        });
        assert_eq!(chain.links.len(), MAX_LINKS);
        let link = &chain.links[0];
        let wait = link.wait.as_ref().unwrap();
        assert!(!link.task_name.contains('\u{1b}') && !wait.kind.contains('\n'));
        assert_eq!(wait.holder.as_ref().unwrap().role, model::Role::Unknown);
    }
}

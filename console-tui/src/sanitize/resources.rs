//! What tasks wait for, as the server says.

use zokio_console_proto::v1;

use super::{MAX_NAME, MAX_WAITERS, location, text};
use crate::state::model;

/// Of those that took permits, how many are kept.
const MAX_ACQUIRERS: usize = 8;

fn place(raw: Option<v1::Location>) -> Option<model::Location> {
    raw.map(|raw| location(Some(raw)))
}

pub(super) fn resource(raw: v1::Resource) -> model::Resource {
    let operation = text(&raw.operation, MAX_NAME);
    model::Resource {
        key: model::ResourceKey {
            kind: text(&raw.kind, MAX_NAME),
            id: raw.id,
            operation: if raw.id == 0 {
                operation.clone()
            } else {
                String::new()
            },
        },
        operation,
        waiters: raw.waiters,
        oldest_since_ns: raw.oldest_since_ns,
        location: place(raw.location),
        first_waiters: raw
            .first_waiters
            .into_iter()
            .take(MAX_WAITERS)
            .map(waiter)
            .collect(),
        created_at: place(raw.created_at),
        capacity: raw.capacity,
        used: raw.used,
        holder: (raw.holder != 0).then(|| model::Holder {
            task: raw.holder,
            exact: raw.holder_is_exact,
            held_at: place(raw.held_at),
        }),
        acquired_by: raw
            .acquired_by
            .into_iter()
            .take(MAX_ACQUIRERS)
            .map(acquirer)
            .collect(),
        latest_holds: raw.latest_holds,
    }
}

fn waiter(raw: v1::Waiter) -> model::Waiter {
    model::Waiter {
        task: raw.task,
        task_name: text(&raw.task_name, MAX_NAME),
        operation: text(&raw.operation, MAX_NAME),
        since_ns: raw.since_ns,
        current: raw.current,
    }
}

fn acquirer(raw: v1::Acquirer) -> model::Acquirer {
    model::Acquirer {
        task: (raw.task != 0).then_some(raw.task),
        location: place(raw.location),
        owned: raw.owned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_cut_and_its_texts_are_cleaned() {
        let hostile = v1::Location {
            file: "a\u{1b}[2J.rs".into(),
            ..Default::default()
        };
        let acquirer = v1::Acquirer {
            location: Some(hostile.clone()),
            ..Default::default()
        };
        let kept = resource(v1::Resource {
            kind: "mutex\n".into(),
            created_at: Some(hostile.clone()),
            held_at: Some(hostile),
            holder: u64::MAX,
            capacity: Some(u64::MAX),
            used: Some(0),
            acquired_by: vec![acquirer; 1_000],
            first_waiters: vec![v1::Waiter::default(); 1_000],
            ..Default::default()
        });
        assert_eq!(kept.acquired_by.len(), MAX_ACQUIRERS);
        assert_eq!(kept.first_waiters.len(), MAX_WAITERS);
        assert_eq!(kept.acquired_by[0].task, None);
        let texts = kept.facts().into_iter().map(|(_, text)| text);
        let texts: String = texts.chain([kept.key.kind.clone()]).collect();
        assert!(!texts.contains(['\u{1b}', '\n']), "{texts}");
    }
}

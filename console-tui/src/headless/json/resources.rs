//! What tasks wait for, in the object of `snapshot --json`.

use serde::Serialize;

use super::some;
use crate::state::model;

#[derive(Debug, Serialize)]
pub(super) struct Resource<'a> {
    kind: &'a str,
    resource: u64,
    operation: &'a str,
    waiters: u64,
    oldest_since_ns: u64,
    waited_ns: u64,
    location: Option<String>,
    created_at: Option<String>,
    capacity: Option<u64>,
    used: Option<u64>,
    holder: Option<Holder>,
    acquired_by: Vec<Acquirer>,
    latest_holds: bool,
    first_waiters: Vec<Waiter<'a>>,
}

#[derive(Debug, Serialize)]
struct Holder {
    task: u64,
    exact: bool,
    held_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct Acquirer {
    task: Option<u64>,
    location: Option<String>,
    owned: bool,
}

#[derive(Debug, Serialize)]
struct Waiter<'a> {
    task: u64,
    task_name: Option<&'a str>,
    operation: &'a str,
    since_ns: u64,
    current: bool,
}

fn place(place: &Option<model::Location>) -> Option<String> {
    place.as_ref().map(ToString::to_string)
}

impl<'a> Resource<'a> {
    pub(super) fn new(resource: &'a model::Resource, now_ns: u64) -> Resource<'a> {
        Resource {
            kind: &resource.key.kind,
            resource: resource.key.id,
            operation: &resource.operation,
            waiters: resource.waiters,
            oldest_since_ns: resource.oldest_since_ns,
            waited_ns: now_ns.saturating_sub(resource.oldest_since_ns),
            location: place(&resource.location),
            created_at: place(&resource.created_at),
            capacity: resource.capacity,
            used: resource.used,
            holder: resource.holder.as_ref().map(|holder| Holder {
                task: holder.task,
                exact: holder.exact,
                held_at: place(&holder.held_at),
            }),
            acquired_by: resource.acquired_by.iter().map(Acquirer::new).collect(),
            latest_holds: resource.latest_holds,
            first_waiters: resource.first_waiters.iter().map(Waiter::new).collect(),
        }
    }
}

impl Acquirer {
    fn new(acquirer: &model::Acquirer) -> Acquirer {
        Acquirer {
            task: acquirer.task,
            location: place(&acquirer.location),
            owned: acquirer.owned,
        }
    }
}

impl<'a> Waiter<'a> {
    fn new(waiter: &'a model::Waiter) -> Waiter<'a> {
        Waiter {
            task: waiter.task,
            task_name: some(&waiter.task_name),
            operation: &waiter.operation,
            since_ns: waiter.since_ns,
            current: waiter.current,
        }
    }
}

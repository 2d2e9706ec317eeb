//! Chains of waits in the object of `snapshot --json`.

use serde::Serialize;

use super::some;
use crate::state::model;

#[derive(Debug, Serialize)]
pub(super) struct Chain<'a> {
    circle: bool,
    waiters: u64,
    links: Vec<Link<'a>>,
}

#[derive(Debug, Serialize)]
struct Link<'a> {
    task: u64,
    task_name: Option<&'a str>,
    spawned_at: String,
    state: &'static str,
    state_since_ns: u64,
    waits_for: Option<Wait<'a>>,
}

#[derive(Debug, Serialize)]
struct Wait<'a> {
    kind: &'a str,
    operation: &'a str,
    resource: u64,
    created_at: Option<String>,
    location: Option<String>,
    since_ns: u64,
    waited_ns: u64,
    capacity: Option<u64>,
    used: Option<u64>,
    permits: Option<u64>,
    other_waits: u64,
    holder: Option<Holder>,
}

#[derive(Debug, Serialize)]
struct Holder {
    task: u64,
    role: &'static str,
    exact: bool,
    held_at: Option<String>,
    gone: bool,
}

impl<'a> Chain<'a> {
    pub(super) fn new(chain: &'a model::WaitChain, now_ns: u64) -> Chain<'a> {
        Chain {
            circle: chain.circle,
            waiters: chain.waiters,
            links: chain
                .links
                .iter()
                .map(|link| Link::new(link, now_ns))
                .collect(),
        }
    }
}

impl<'a> Link<'a> {
    fn new(link: &'a model::WaitLink, now_ns: u64) -> Link<'a> {
        Link {
            task: link.task,
            task_name: some(&link.task_name),
            spawned_at: link.spawned_at.to_string(),
            state: link.state.as_str(),
            state_since_ns: link.state_since_ns,
            waits_for: link.wait.as_ref().map(|wait| Wait::new(wait, now_ns)),
        }
    }
}

impl<'a> Wait<'a> {
    fn new(wait: &'a model::LinkWait, now_ns: u64) -> Wait<'a> {
        let place = |place: &Option<model::Location>| place.as_ref().map(ToString::to_string);
        Wait {
            kind: &wait.kind,
            operation: &wait.operation,
            resource: wait.resource,
            created_at: place(&wait.created_at),
            location: place(&wait.location),
            since_ns: wait.since_ns,
            waited_ns: now_ns.saturating_sub(wait.since_ns),
            capacity: wait.capacity,
            used: wait.used,
            permits: wait.permits,
            other_waits: wait.other_waits,
            holder: wait.holder.as_ref().map(|holder| Holder {
                task: holder.task,
                role: holder.role.as_str(),
                exact: holder.exact,
                held_at: place(&holder.held_at),
                gone: holder.gone,
            }),
        }
    }
}

//! What tasks wait for.

use super::Location;

/// Something that tasks wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) key: ResourceKey,
    /// What the one that has waited longest wants of it.
    pub(crate) operation: String,
    pub(crate) waiters: u64,
    pub(crate) oldest_since_ns: u64,
    pub(crate) location: Option<Location>,
    /// Those that have waited longest, in the order of their waits.
    pub(crate) first_waiters: Vec<Waiter>,
}

/// What tells resources apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ResourceKey {
    pub(crate) kind: String,
    /// 0: no identity of its own; all waits of one kind and operation are one resource.
    pub(crate) id: u64,
    /// Empty if there is an id.
    pub(crate) operation: String,
}

/// A task that waits for a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Waiter {
    pub(crate) task: u64,
    /// Empty: no name.
    pub(crate) task_name: String,
    pub(crate) operation: String,
    pub(crate) since_ns: u64,
    /// Touched in the task's latest poll.
    pub(crate) current: bool,
}

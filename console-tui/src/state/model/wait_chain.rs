//! Who waits for whom.

use super::{Location, TaskState};

/// A task, what it waits for, who can end that, what that one waits for, and so on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WaitChain {
    pub(crate) links: Vec<WaitLink>,
    /// The last link's holder is the first link's task: none of them can go on.
    pub(crate) circle: bool,
    /// Tasks that wait for the first link's resource.
    pub(crate) waiters: u64,
}

/// A task in a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WaitLink {
    pub(crate) task: u64,
    /// Empty: no name.
    pub(crate) task_name: String,
    pub(crate) spawned_at: Location,
    pub(crate) state: TaskState,
    pub(crate) state_since_ns: u64,
    /// None: nothing that is known.
    pub(crate) wait: Option<LinkWait>,
}

/// What a task in a chain waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LinkWait {
    pub(crate) kind: String,
    pub(crate) operation: String,
    /// 0: no identity of its own.
    pub(crate) resource: u64,
    pub(crate) location: Option<Location>,
    pub(crate) since_ns: u64,
    pub(crate) created_at: Option<Location>,
    pub(crate) capacity: Option<u64>,
    pub(crate) used: Option<u64>,
    /// Of a semaphore, in all.
    pub(crate) permits: Option<u64>,
    pub(crate) other_waits: u64,
    pub(crate) holder: Option<LinkHolder>,
}

/// Who can end a wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LinkHolder {
    pub(crate) task: u64,
    pub(crate) role: Role,
    pub(crate) exact: bool,
    pub(crate) held_at: Option<Location>,
    pub(crate) gone: bool,
}

/// What a task has to do with what another waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Role {
    #[default]
    Unknown,
    Holds,
    Joined,
    Receives,
    Acquired,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Role::Unknown => "unknown",
            Role::Holds => "holds",
            Role::Joined => "joined",
            Role::Receives => "receives",
            Role::Acquired => "acquired",
        }
    }
}

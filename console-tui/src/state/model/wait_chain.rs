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
    /// That polls it, or has polled it last.
    pub(crate) worker: Option<u32>,
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

impl LinkWait {
    /// What is waited for, in words: `mutex lock`, `sleep`; with how much of it is taken.
    pub(crate) fn what(&self) -> String {
        let what = in_words(&self.kind, &self.operation);
        match (self.used, self.capacity.or(self.permits)) {
            (Some(used), Some(room)) => format!("{what} {used}/{room}"),
            _ => what,
        }
    }
}

/// `mutex lock`; `sleep` if both are the same.
pub(crate) fn in_words(kind: &str, operation: &str) -> String {
    if kind == operation || operation.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind} {operation}")
    }
}

/// The chains of `previous` and of an update that refers to them: 0 is the next that was sent, `n` the
/// `n`-th that was there. What was never there is left out.
pub(crate) fn merge(previous: &[WaitChain], sent: Vec<WaitChain>, known: &[u32]) -> Vec<WaitChain> {
    let mut sent = sent.into_iter();
    let chain = |number: &u32| match number.checked_sub(1) {
        None => sent.next(),
        Some(place) => previous.get(usize::try_from(place).ok()?).cloned(),
    };
    known.iter().filter_map(chain).collect()
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

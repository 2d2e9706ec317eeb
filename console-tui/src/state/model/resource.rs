//! What tasks wait for.

use super::Location;
use crate::format;

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
    pub(crate) created_at: Option<Location>,
    /// Messages, permits, bytes or tasks that it has room for, and how much of that is taken.
    pub(crate) capacity: Option<u64>,
    pub(crate) used: Option<u64>,
    pub(crate) holder: Option<Holder>,
    /// The last few that took permits, the latest first.
    pub(crate) acquired_by: Vec<Acquirer>,
    /// The latest of them has not given back what it took, for certain.
    pub(crate) latest_holds: bool,
}

/// The task that has the lock, that is joined, or that receives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) task: u64,
    /// Nobody else can end the waits.
    pub(crate) exact: bool,
    pub(crate) held_at: Option<Location>,
}

/// A task that took permits. It need not have them still.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Acquirer {
    /// None: not a task.
    pub(crate) task: Option<u64>,
    pub(crate) location: Option<Location>,
    /// By an owned permit, which is made to be moved to another task.
    pub(crate) owned: bool,
}

impl Resource {
    /// How much of its room is taken: `3/8`; empty if neither is known.
    pub(crate) fn taken(&self) -> String {
        let known = |n: Option<u64>| n.map_or("?".to_owned(), format::count);
        match (self.used, self.capacity) {
            (None, None) => String::new(),
            (used, capacity) => format!("{}/{}", known(used), known(capacity)),
        }
    }

    /// The task that can end the waits, and whether it is sure to be that one.
    pub(crate) fn holding(&self) -> Option<(u64, bool)> {
        match &self.holder {
            Some(holder) => Some((holder.task, holder.exact)),
            None => Some((self.acquired_by.first()?.task?, self.latest_holds)),
        }
    }

    /// What is known of it besides its waiters, in words: a label and a text each.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let at = |place: &Option<Location>| match place {
            Some(place) => format!(" at {}", place.short()),
            None => String::new(),
        };
        let mut facts = Vec::new();
        if let Some(place) = &self.created_at {
            facts.push(("made at", place.short()));
        }
        let taken = self.taken();
        if !taken.is_empty() {
            facts.push(("taken", taken));
        }
        if let Some(holder) = &self.holder {
            let (label, perhaps) = match (self.key.kind.as_str(), holder.exact) {
                ("join", _) => ("joins", ""),
                ("mpsc", _) => ("receiver", ""),
                (_, true) => ("held by", ""),
                (_, false) => ("held by", ", or who has its guard now"),
            };
            let who = format!("task {}{}{perhaps}", holder.task, at(&holder.held_at));
            facts.push((label, who));
        }
        for (nth, acquirer) in self.acquired_by.iter().enumerate() {
            let who = match acquirer.task {
                Some(task) => format!("task {task}"),
                None => "no task".to_owned(),
            };
            let still = match (nth == 0 && self.latest_holds, acquirer.owned) {
                (true, _) => ", not given back yet",
                (false, true) => ", an owned permit",
                (false, false) => "",
            };
            let label = if nth == 0 { "taken by" } else { "" };
            facts.push((label, format!("{who}{}{still}", at(&acquirer.location))));
        }
        facts
    }
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

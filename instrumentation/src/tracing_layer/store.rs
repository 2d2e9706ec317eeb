//! The last events of each task, within bounds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use zokio_console_proto::v1::TaskEvent;

/// Events of a task that are kept, the latest.
pub(super) const EVENTS_OF_A_TASK: usize = 16;

/// Tasks whose events are kept.
const MAX_TASKS: usize = SHARDS * TASKS_OF_A_SHARD;

const SHARDS: usize = 64;
const TASKS_OF_A_SHARD: usize = 32;

/// Each shard has a lock of its own, which is held to move an event in, or to copy a task's events.
pub(super) struct Store([Mutex<Shard>; SHARDS]);

type Shard = BTreeMap<u64, VecDeque<TaskEvent>>;

impl Store {
    pub(super) const fn new() -> Store {
        const { assert!(MAX_TASKS == 2_048) };
        Store([const { Mutex::new(BTreeMap::new()) }; SHARDS])
    }

    /// Keeps an event. If there is no room for its task, that goes which has been silent the longest.
    pub(super) fn push(&self, task: u64, event: TaskEvent) {
        let mut shard = self.shard(task);
        let mut gone = None;
        if !shard.contains_key(&task) && shard.len() >= TASKS_OF_A_SHARD {
            let last = |events: &VecDeque<TaskEvent>| events.back().map_or(0, |e| e.at_ns);
            let silent = shard.iter().min_by_key(|(_, events)| last(events));
            let silent = silent.map(|(task, _)| *task);
            gone = silent.and_then(|task| shard.remove(&task));
        }
        let events = shard.entry(task).or_default();
        let oldest = if events.len() >= EVENTS_OF_A_TASK {
            events.pop_front()
        } else {
            None
        };
        events.push_back(event);
        // What goes is freed without the lock.
        drop(shard);
        drop((gone, oldest));
    }

    /// The events of a task, the oldest first.
    pub(super) fn of(&self, task: u64) -> Vec<TaskEvent> {
        let shard = self.shard(task);
        let events = shard.get(&task);
        events.map_or_else(Vec::new, |events| events.iter().cloned().collect())
    }

    fn shard(&self, task: u64) -> MutexGuard<'_, Shard> {
        let shard = &self.0[(task % SHARDS as u64) as usize];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_events_of_the_tasks_that_spoke_last_are_kept() {
        let store = Store::new();
        let event = |at_ns| TaskEvent {
            at_ns,
            ..Default::default()
        };
        for at_ns in 1..=40 {
            store.push(1, event(at_ns));
        }
        let kept: Vec<_> = store.of(1).iter().map(|e| e.at_ns).collect();
        assert_eq!(kept, (25..=40).collect::<Vec<_>>());
        for task in 2..=MAX_TASKS as u64 + 1 {
            store.push(task, event(40 + task));
        }
        assert!(store.of(1).is_empty());
        let tasks = store.0.iter().map(|s| s.lock().unwrap().len());
        assert_eq!(tasks.sum::<usize>(), MAX_TASKS);
        assert_eq!(store.of(2).len(), 1);
    }
}

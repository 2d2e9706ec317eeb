//! The longest polls of a worker.

#![expect(
    unsafe_code,
    reason = "reads `&'static Location`s back from atomic pointers"
)]

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering, fence};

use crate::telemetry::clock;
use crate::telemetry::counter::Counter;
use crate::telemetry::snapshot::LongestPoll;

const KEPT: usize = 8;

/// The longest poll of each of the tasks with the longest ones. Written by the worker alone, for
/// polls that are long anyhow.
#[derive(Debug)]
pub(super) struct LongestPolls {
    /// Odd while the worker writes.
    sequence: AtomicU32,
    entries: [Entry; KEPT],
}

#[derive(Debug)]
struct Entry {
    /// 0: none.
    ns: Counter,
    ended_at: Counter,
    task: Counter,
    location: AtomicPtr<Location<'static>>,
}

impl LongestPolls {
    pub(super) const fn new() -> LongestPolls {
        LongestPolls {
            sequence: AtomicU32::new(0),
            entries: [const {
                Entry {
                    ns: Counter::new(0),
                    ended_at: Counter::new(0),
                    task: Counter::new(0),
                    location: AtomicPtr::new(ptr::null_mut()),
                }
            }; KEPT],
        }
    }

    /// Keeps a poll, unless there are enough longer ones or its task has had a longer one.
    pub(super) fn note(&self, task: u64, location: &'static Location<'static>, ns: u64, at: u64) {
        let of_task = self.entries.iter().find(|entry| entry.task.get() == task);
        let shortest = || self.entries.iter().min_by_key(|entry| entry.ns.get());
        let Some(entry) = of_task.or_else(shortest).filter(|e| e.ns.get() < ns) else {
            return;
        };
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(1), Ordering::Relaxed);
        // Ordering: pairs with the Acquire fence in `read`.
        fence(Ordering::Release);
        entry.ns.set(ns);
        entry.ended_at.set(at);
        entry.task.set(task);
        let location = ptr::from_ref(location).cast_mut();
        entry.location.store(location, Ordering::Relaxed);
        // Ordering: pairs with the Acquire load in `read`.
        self.sequence
            .store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// What is kept, in no order.
    pub(super) fn read(&self, worker: u16) -> Vec<LongestPoll> {
        loop {
            // Ordering: pairs with the Release store at the end of `note`.
            let before = self.sequence.load(Ordering::Acquire);
            let polls = self.entries.iter().filter_map(|entry| entry.view(worker));
            let polls: Vec<_> = polls.collect();
            // Ordering: pairs with the Release fence in `note`.
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                return polls;
            }
            std::thread::yield_now();
        }
    }
}

impl Entry {
    fn view(&self, worker: u16) -> Option<LongestPoll> {
        // SAFETY: null, or a `&'static` reference that `note` has stored.
        let location = unsafe { self.location.load(Ordering::Relaxed).as_ref() }?;
        Some(LongestPoll {
            worker,
            task: self.task.get(),
            location,
            duration_ns: self.ns.get(),
            ended_at_ns: clock::stamp_to_ns(self.ended_at.get()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(polls: &LongestPolls) -> Vec<(u64, u64)> {
        let mut seen: Vec<_> = polls
            .read(0)
            .iter()
            .map(|p| (p.task, p.duration_ns))
            .collect();
        seen.sort_unstable();
        seen
    }

    #[test]
    fn the_longest_stay_and_a_task_is_there_once() {
        let polls = LongestPolls::new();
        let here = Location::caller();
        for task in 1..=20 {
            polls.note(task, here, task * 10, 5);
            polls.note(task, here, task, 6);
        }
        let expected: Vec<_> = (13..=20).map(|task| (task, task * 10)).collect();
        assert_eq!(seen(&polls), expected);
        polls.note(13, here, 999, 7);
        assert_eq!(seen(&polls)[0], (13, 999));
        assert_eq!(polls.read(0).len(), KEPT);
    }
}

//! The twin without telemetry: a worker's counters of no size, and no state.

use std::ops::Index;
use std::panic::Location;

use super::counter::Counter;
use super::histogram::Histogram;
use super::snapshot::{WorkerSnapshot, WorkerState};

/// A counter a worker.
#[derive(Debug)]
pub(crate) struct ByWorker(Counter);

impl ByWorker {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Counter> {
        [].iter()
    }
}

impl Index<usize> for ByWorker {
    type Output = Counter;

    #[inline]
    fn index(&self, _: usize) -> &Counter {
        &self.0
    }
}

/// Where a task waited for its turn.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Queued {
    Lifo,
    Injector,
    Local,
}

#[derive(Debug)]
pub(crate) struct WorkerCounters {
    pub(crate) polls: Counter,
    pub(crate) lifo_hits: Counter,
    pub(crate) local_wakes: Counter,
    pub(crate) reschedules: Counter,
    pub(crate) local_spawns: Counter,
    pub(crate) queue_depth_max: Counter,
    pub(crate) poll_time: Histogram,
    pub(crate) wake_to_poll: Histogram,
    pub(crate) parks_and_unparks: Counter,
    pub(crate) noop_unparks: Counter,
    pub(crate) steal_attempts: Counter,
    pub(crate) steal_sweeps: Counter,
    pub(crate) steal_sweeps_won: Counter,
    pub(crate) steals: Counter,
    pub(crate) injector_takes: Counter,
    pub(crate) spills: Counter,
    pub(crate) overflows: Counter,
    pub(crate) budget_yields: Counter,
    pub(crate) unpark_latency: Histogram,
    pub(crate) stolen_from: ByWorker,
    pub(crate) remote_wakes_of: ByWorker,
}

const _: () = assert!(size_of::<WorkerCounters>() == 0);

impl WorkerCounters {
    pub(crate) fn new(_: usize) -> WorkerCounters {
        WorkerCounters {
            polls: Counter::new(0),
            lifo_hits: Counter::new(0),
            local_wakes: Counter::new(0),
            reschedules: Counter::new(0),
            local_spawns: Counter::new(0),
            queue_depth_max: Counter::new(0),
            poll_time: Histogram::new(),
            wake_to_poll: Histogram::new(),
            parks_and_unparks: Counter::new(0),
            noop_unparks: Counter::new(0),
            steal_attempts: Counter::new(0),
            steal_sweeps: Counter::new(0),
            steal_sweeps_won: Counter::new(0),
            steals: Counter::new(0),
            injector_takes: Counter::new(0),
            spills: Counter::new(0),
            overflows: Counter::new(0),
            budget_yields: Counter::new(0),
            unpark_latency: Histogram::new(),
            stolen_from: ByWorker(Counter::new(0)),
            remote_wakes_of: ByWorker(Counter::new(0)),
        }
    }

    #[inline]
    pub(crate) fn change_state(&self, _: WorkerState) -> u64 {
        0
    }

    /// As if every worker were busy: then nothing is to be changed.
    #[inline]
    pub(crate) fn state_is_not_busy(&self) -> bool {
        false
    }

    pub(crate) fn count_lag(&self, _: Queued, _: u64) {}

    pub(crate) fn asleep_since(&self) -> Option<u64> {
        None
    }

    pub(crate) fn note_long_poll(&self, _: u64, _: &'static Location<'static>, _: u64, _: u64) {}

    #[inline]
    pub(crate) fn begin_poll(&self, _: u64, _: u64) {}

    #[inline]
    pub(crate) fn end_polls(&self) {}

    pub(crate) fn set_thread(&self, _: u32) {}

    pub(crate) fn thread(&self) -> Option<u32> {
        None
    }

    #[inline]
    pub(crate) fn current(&self) -> Option<(u64, u64)> {
        None
    }

    pub(crate) fn busy_ns(&self) -> u64 {
        0
    }

    pub(crate) fn snapshot(&self, index: u16) -> WorkerSnapshot {
        WorkerSnapshot {
            state: WorkerState::Detached,
            ..WorkerSnapshot::empty(index)
        }
    }
}

//! Snapshots with nothing in them, for tests of what is made from snapshots.

use std::panic::Location;

use super::snapshot::*;
use crate::runtime::RuntimeFlavor;

impl Snapshot {
    /// A runtime of that name and flavor, id 1, with nothing in it. For tests.
    #[doc(hidden)]
    pub fn empty(name: &str, flavor: RuntimeFlavor) -> Snapshot {
        Snapshot {
            runtime_id: 1,
            name: name.into(),
            flavor,
            ended: false,
            taken_at_ns: 0,
            started_at_ns: 0,
            workers: Vec::new(),
            polls_elsewhere: 0,
            spawn_sites: Vec::new(),
            tasks: Vec::new(),
            longest_polls: Vec::new(),
            permits: Vec::new(),
            backlogs: Vec::new(),
            injector_depth: 0,
            alive_tasks: 0,
            spawned_tasks: 0,
            completed_tasks: 0,
            panicked_tasks: 0,
            cancelled_tasks: 0,
            blocking: BlockingSnapshot::default(),
            driver: DriverSnapshot::default(),
            timers: TimersSnapshot::default(),
            overhead: OverheadSnapshot::default(),
        }
    }
}

impl WorkerSnapshot {
    /// A parked worker that has done nothing. For tests.
    #[doc(hidden)]
    pub fn empty(index: u16) -> WorkerSnapshot {
        WorkerSnapshot {
            index,
            state: WorkerState::Parked,
            state_since_ns: 0,
            polls: 0,
            busy_ns: 0,
            searching_ns: 0,
            parked_ns: 0,
            detached_ns: 0,
            parks: 0,
            unparks: 0,
            noop_unparks: 0,
            steal_attempts: 0,
            steal_sweeps: 0,
            steal_sweeps_won: 0,
            steals: 0,
            stolen_tasks: 0,
            stolen_from: Vec::new(),
            lifo_hits: 0,
            injector_takes: 0,
            overflows: 0,
            spills: 0,
            lags: Lags::default(),
            unpark_latency: HistogramSnapshot::default(),
            local_spawns: 0,
            local_wakes: 0,
            remote_wakes: 0,
            budget_yields: 0,
            queue_depth: 0,
            queue_depth_max: 0,
            poll_time: HistogramSnapshot::default(),
            wake_to_poll: HistogramSnapshot::default(),
            current_task: None,
        }
    }
}

impl CurrentTask {
    /// A task being polled. For tests.
    #[doc(hidden)]
    pub fn new(id: u64, since_ns: u64) -> CurrentTask {
        CurrentTask { id, since_ns }
    }
}

impl HistogramSnapshot {
    /// A histogram of these parts. For tests.
    #[doc(hidden)]
    pub fn from_parts(sum_ns: u64, max_ns: u64, buckets: Vec<(u64, u64)>) -> HistogramSnapshot {
        let count = buckets.iter().map(|(_, n)| n).sum();
        HistogramSnapshot {
            count,
            sum_ns,
            max_ns,
            buckets,
        }
    }
}

impl SpawnSiteSnapshot {
    /// A place where nothing was spawned. For tests.
    #[doc(hidden)]
    pub fn empty(location: &'static Location<'static>) -> SpawnSiteSnapshot {
        SpawnSiteSnapshot {
            location,
            spawned: 0,
            alive: 0,
            polls: 0,
            busy_ns: 0,
            scheduled_ns: 0,
            panicked: 0,
            cancelled: 0,
            poll_time: HistogramSnapshot::default(),
            wake_to_poll: HistogramSnapshot::default(),
            longest_poll_ns: 0,
            longest_poll_end: None,
            long_polls: 0,
            slow_polls: 0,
            delayed_others_ns: 0,
            future_bytes: 0,
        }
    }
}

impl Lag {
    /// Waits of that number and duration. For tests.
    #[doc(hidden)]
    pub fn new(count: u64, total_ns: u64) -> Lag {
        Lag { count, total_ns }
    }
}

impl LastWaker {
    /// A waker on no worker. For tests.
    #[doc(hidden)]
    pub fn new(kind: WakerKind, task: Option<u64>) -> LastWaker {
        LastWaker {
            kind,
            task,
            worker: None,
        }
    }
}

impl LongestPoll {
    /// A poll on worker 0. For tests.
    #[doc(hidden)]
    pub fn new(task: u64, location: &'static Location<'static>, duration_ns: u64) -> LongestPoll {
        LongestPoll {
            worker: 0,
            task,
            location,
            duration_ns,
            ended_at_ns: 0,
        }
    }
}

impl TaskSnapshot {
    /// An idle, nameless task that was never polled. For tests.
    #[doc(hidden)]
    pub fn empty(id: u64, location: &'static Location<'static>) -> TaskSnapshot {
        TaskSnapshot {
            id,
            name: None,
            kind: TaskKind::Task,
            state: TaskState::Idle,
            location,
            parent: None,
            future_bytes: None,
            worker: None,
            created_at_ns: 0,
            state_since_ns: 0,
            polls: 0,
            busy_ns: 0,
            scheduled_ns: 0,
            idle_ns: 0,
            longest_poll_ns: 0,
            wakes: 0,
            self_wakes: 0,
            waker_clones: 0,
            waker_drops: 0,
            longest_poll_at_ns: None,
            last_wake_ns: None,
            last_waker: None,
            waits: Vec::new(),
        }
    }
}

impl Wait {
    /// A current wait. For tests.
    #[doc(hidden)]
    pub fn new(
        kind: &'static str,
        operation: &'static str,
        location: Option<&'static Location<'static>>,
    ) -> Wait {
        Wait {
            kind,
            operation,
            resource: 0,
            count: 1,
            location,
            since_ns: 0,
            current: true,
            holder: None,
            holder_is_exact: false,
            own_waker: true,
            held_at: None,
            created_at: None,
            capacity: None,
            used: None,
            unclaimed: false,
        }
    }
}

impl PermitsSnapshot {
    /// A semaphore of that many permits, taken by these tasks, the latest first. For tests.
    #[doc(hidden)]
    pub fn new(resource: u64, total: Option<u64>, takers: &[u64]) -> PermitsSnapshot {
        let acquirer = |&task: &u64| Acquirer {
            task,
            location: None,
            owned: false,
        };
        PermitsSnapshot {
            resource,
            total,
            acquired_by: takers.iter().map(acquirer).collect(),
            latest_holds: true,
        }
    }
}

impl BacklogSnapshot {
    /// A channel made here, with so many messages in it. For tests.
    #[doc(hidden)]
    #[track_caller]
    pub fn new(resource: u64, messages: u64) -> BacklogSnapshot {
        BacklogSnapshot {
            resource,
            created_at: Location::caller(),
            capacity: None,
            messages,
            received: 0,
            receiver: None,
            sender: None,
        }
    }
}

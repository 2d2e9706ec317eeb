//! The twin without telemetry: what the runtime knows of itself in any case.

use super::{clock, snapshot::*};
use crate::runtime::Handle;

/// Totals of tasks.
pub(crate) struct TaskCounts {
    /// Not counted.
    pub(crate) spawned: u64,
    alive: u64,
}

impl TaskCounts {
    pub(crate) fn alive(&self) -> u64 {
        self.alive
    }

    pub(crate) fn workers_spawned(&self) -> u64 {
        self.spawned
    }

    /// With blocking work: which tasks are that is not known.
    pub(crate) fn workers_alive(&self) -> u64 {
        self.alive
    }
}

impl Snapshot {
    /// The runtime at this moment, without telemetry: nothing is listed or counted but what is
    /// alive and queued.
    pub fn capture(handle: &Handle) -> Snapshot {
        Snapshot::capture_with(handle, CaptureOptions::new())
    }

    /// As [`capture`](Snapshot::capture), with options.
    pub fn capture_with(
        handle: &Handle,
        CaptureOptions {
            tasks: _,
            spawn_sites: _,
        }: CaptureOptions,
    ) -> Snapshot {
        let shared = &**handle.shared();
        let counts = Snapshot::task_counts(handle);
        let (driver, timers) = handle.driver().snapshot();
        let remotes = shared.remotes.iter().zip(0..);
        let workers = remotes.map(|(remote, index)| WorkerSnapshot {
            queue_depth: remote.queue_depth(),
            ..remote.counters.snapshot(index)
        });
        Snapshot {
            runtime_id: shared.id.as_u64(),
            name: shared.name.clone(),
            ended: shared.has_ended(),
            taken_at_ns: clock::now_ns(),
            started_at_ns: clock::stamp_to_ns(shared.started),
            workers: workers.collect(),
            injector_depth: shared.injector_depth() as u64,
            alive_tasks: counts.alive(),
            spawned_tasks: counts.spawned,
            blocking: shared.blocking.snapshot(),
            driver,
            timers,
            overhead: OverheadSnapshot {
                enabled: super::is_enabled(),
                unattributed_events: super::unattributed(),
                ..OverheadSnapshot::default()
            },
            ..Snapshot::empty("", shared.flavor)
        }
    }

    /// How many tasks there are, by a look at all of them.
    pub(crate) fn task_counts(handle: &Handle) -> TaskCounts {
        let records = handle.shared().records();
        let alive = records.slots().filter(|slot| records.is_live(*slot));
        TaskCounts {
            spawned: 0,
            alive: alive.count() as u64,
        }
    }
}

/// One live task of a runtime. Without telemetry none is known.
pub fn task_detail(_: &Handle, _: u64) -> Option<TaskDetail> {
    None
}

/// One live task of a runtime. Without telemetry none is known.
pub fn task_snapshot(_: &Handle, _: u64) -> Option<TaskSnapshot> {
    None
}

//! A runtime's counters one by one, under the names that tokio gives them.

use std::fmt;
use std::time::Duration;

use super::Handle;
use crate::telemetry::Snapshot;

/// Reads single counters of a runtime. Each call takes a look of its own; for a consistent view
/// of all take a [`Snapshot`].
#[derive(Clone)]
pub struct RuntimeMetrics {
    handle: Handle,
}

impl RuntimeMetrics {
    pub(crate) fn new(handle: Handle) -> RuntimeMetrics {
        RuntimeMetrics { handle }
    }

    /// Number of workers; 1 for a current-thread runtime.
    pub fn num_workers(&self) -> usize {
        self.handle.shared().remotes.len()
    }

    /// Tasks that have not completed.
    pub fn num_alive_tasks(&self) -> usize {
        Snapshot::task_counts(&self.handle).alive() as usize
    }

    /// Tasks ever spawned.
    pub fn spawned_tasks_count(&self) -> u64 {
        Snapshot::task_counts(&self.handle).spawned
    }

    /// Tasks in the injector.
    pub fn global_queue_depth(&self) -> usize {
        self.handle.shared().injector_depth()
    }

    /// Threads of the blocking pool.
    pub fn num_blocking_threads(&self) -> usize {
        self.handle.shared().blocking.snapshot().threads as usize
    }

    /// Threads of the blocking pool that wait for work.
    pub fn num_idle_blocking_threads(&self) -> usize {
        self.handle.shared().blocking.snapshot().idle_threads as usize
    }

    /// Jobs that wait for a blocking thread.
    pub fn blocking_queue_depth(&self) -> usize {
        self.handle.shared().blocking.snapshot().queue_depth as usize
    }

    /// Times a worker went to sleep.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.handle.shared().remotes[worker].counters.parks.get()
    }

    /// Polls that a worker made.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.handle.shared().remotes[worker].counters.polls.get()
    }

    /// Tasks that a worker took from others.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        let remote = &self.handle.shared().remotes[worker];
        remote.counters.stolen_from.iter().map(|n| n.get()).sum()
    }

    /// Tasks in a worker's queue.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.handle.shared().remotes[worker].queue_depth() as usize
    }

    /// Time that a worker has spent running tasks.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_total_busy_duration(&self, worker: usize) -> Duration {
        let remote = &self.handle.shared().remotes[worker];
        Duration::from_nanos(remote.counters.snapshot(worker as u16).busy_ns)
    }
}

impl fmt::Debug for RuntimeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeMetrics").finish_non_exhaustive()
    }
}

//! A runtime's counters one by one, under the names that tokio gives them.

use std::fmt;
use std::ops::Range;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::thread::ThreadId;
use std::time::Duration;

use super::Handle;
use crate::scheduler::Remote;
use crate::telemetry::{self, Snapshot};

mod histogram;
mod log_histogram;

pub use histogram::{HistogramConfiguration, HistogramScale};
pub(crate) use histogram::{PollHistogram, Shape};
pub use log_histogram::{InvalidHistogramConfiguration, LogHistogram, LogHistogramBuilder};

/// Reads single counters of a runtime. Each call takes a look of its own; for a consistent view
/// of all take a [`Snapshot`].
///
/// Counters begin at 0 with the runtime and never run back. A worker is named by its index, below
/// [`num_workers`](RuntimeMetrics::num_workers); with another one the methods panic.
///
/// Without feature `telemetry` whatever is counted reads 0. What the runtime knows in any case stays:
/// the number of workers and threads, the lengths of queues, which tasks are alive, the ids of
/// threads.
#[derive(Clone)]
pub struct RuntimeMetrics {
    handle: Handle,
}

impl UnwindSafe for RuntimeMetrics {}

impl RefUnwindSafe for RuntimeMetrics {}

impl RuntimeMetrics {
    pub(crate) fn new(handle: Handle) -> RuntimeMetrics {
        RuntimeMetrics { handle }
    }

    #[track_caller]
    fn worker(&self, worker: usize) -> &Remote {
        &self.handle.shared().remotes[worker]
    }

    fn sum_of_workers(&self, count: impl Fn(&Remote) -> u64) -> u64 {
        self.handle.shared().remotes.iter().map(count).sum()
    }

    // ---- the runtime ----------------------------------------------------------------------

    /// Number of workers; 1 for a current-thread runtime.
    pub fn num_workers(&self) -> usize {
        self.handle.shared().remotes.len()
    }

    /// Tasks that have not completed, without work on the pool of blocking threads (without feature
    /// `telemetry`: with it). While tasks come and go on several workers it may be off by some.
    pub fn num_alive_tasks(&self) -> usize {
        Snapshot::task_counts(&self.handle).workers_alive() as usize
    }

    /// Renamed to [`num_alive_tasks`](RuntimeMetrics::num_alive_tasks).
    #[deprecated = "Renamed to num_alive_tasks"]
    pub fn active_tasks_count(&self) -> usize {
        self.num_alive_tasks()
    }

    /// Tasks ever spawned, without work on the pool of blocking threads.
    pub fn spawned_tasks_count(&self) -> u64 {
        Snapshot::task_counts(&self.handle).workers_spawned()
    }

    /// Tasks in the injector, the queue that all workers take from.
    pub fn global_queue_depth(&self) -> usize {
        self.handle.shared().injector_depth()
    }

    #[doc(hidden)]
    #[deprecated = "Renamed to global_queue_depth"]
    pub fn injection_queue_depth(&self) -> usize {
        self.global_queue_depth()
    }

    /// Times that a task was spawned or woken by a thread that is no worker of the runtime, and so
    /// went to the injector.
    pub fn remote_schedule_count(&self) -> u64 {
        let elsewhere = &self.handle.shared().elsewhere;
        elsewhere.spawned.get() + elsewhere.injected_wakes.get()
    }

    /// Polls that ended because the [cooperative budget](crate::task::coop) was used up, those of
    /// futures given to `block_on` included.
    pub fn budget_forced_yield_count(&self) -> u64 {
        let roots = self.handle.shared().elsewhere.budget_yields.get();
        roots + self.sum_of_workers(|worker| worker.counters.budget_yields.get())
    }

    // ---- the blocking pool ----------------------------------------------------------------

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

    // ---- the I/O driver -------------------------------------------------------------------

    /// Sources (sockets, pipes…) ever registered with the I/O driver.
    pub fn io_driver_fd_registered_count(&self) -> u64 {
        self.handle.driver().source_counts().0
    }

    /// Sources that have been deregistered.
    pub fn io_driver_fd_deregistered_count(&self) -> u64 {
        self.handle.driver().source_counts().1
    }

    /// Events that the I/O driver has received.
    pub fn io_driver_ready_count(&self) -> u64 {
        self.handle.driver().event_count()
    }

    // ---- a worker -------------------------------------------------------------------------

    /// The thread that runs a worker; `None` before it has started. For a current-thread runtime,
    /// the one that is or was last in `block_on`.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_thread_id(&self, worker: usize) -> Option<ThreadId> {
        *self.worker(worker).thread.lock()
    }

    /// Time that a worker has spent running tasks.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_total_busy_duration(&self, worker: usize) -> Duration {
        Duration::from_nanos(self.worker(worker).counters.busy_ns())
    }

    /// Times a worker went to sleep.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.worker_park_unpark_count(worker).div_ceil(2)
    }

    /// Times a worker went to sleep plus times it woke up: odd while it sleeps.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_park_unpark_count(&self, worker: usize) -> u64 {
        self.worker(worker).counters.parks_and_unparks.get()
    }

    /// Times a worker woke up and went to sleep again without having polled a task.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_noop_count(&self, worker: usize) -> u64 {
        self.worker(worker).counters.noop_unparks.get()
    }

    /// Tasks that a worker took from others.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        let stolen_from = &self.worker(worker).counters.stolen_from;
        stolen_from.iter().map(|tasks| tasks.get()).sum()
    }

    /// Times that a worker took tasks from another.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_steal_operations(&self, worker: usize) -> u64 {
        self.worker(worker).counters.steals.get()
    }

    /// Polls of tasks that a worker made.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.worker(worker).counters.polls.get()
    }

    /// Times that a task was spawned or woken on a worker's own thread, and so went to its queue. A
    /// task that was woken while it was polled counts for the worker that polled it.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_local_schedule_count(&self, worker: usize) -> u64 {
        let counters = &self.worker(worker).counters;
        counters.local_spawns.get() + counters.local_wakes.get() + counters.reschedules.get()
    }

    /// Times that a worker's queue was full, so that half of it was moved to the injector. Always 0
    /// for a current-thread runtime.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_overflow_count(&self, worker: usize) -> u64 {
        self.worker(worker).counters.spills.get()
    }

    /// Tasks in a worker's queue, the one that it woke last included.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.worker(worker).queue_depth() as usize
    }

    /// Mean duration of a worker's polls since the runtime began (in tokio, a moving average). 0
    /// before the first.
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn worker_mean_poll_time(&self, worker: usize) -> Duration {
        let (polls, sum_ns) = self.worker(worker).counters.poll_time.totals();
        Duration::from_nanos(sum_ns.checked_div(polls).unwrap_or(0))
    }

    // ---- poll times -----------------------------------------------------------------------

    fn poll_time_shape(&self) -> Option<Shape> {
        let shape = self.handle.shared().config.poll_histogram;
        shape.filter(|_| telemetry::is_enabled())
    }

    /// Whether poll times are counted in the buckets that
    /// [`Builder::enable_metrics_poll_time_histogram`](super::Builder::enable_metrics_poll_time_histogram)
    /// asks for. Telemetry's own histogram is there in any case
    /// ([`WorkerSnapshot::poll_time`](crate::telemetry::WorkerSnapshot::poll_time)).
    pub fn poll_time_histogram_enabled(&self) -> bool {
        self.poll_time_shape().is_some()
    }

    #[doc(hidden)]
    #[deprecated(note = "renamed to `poll_time_histogram_enabled`")]
    pub fn poll_count_histogram_enabled(&self) -> bool {
        self.poll_time_histogram_enabled()
    }

    /// Number of buckets of that histogram; 0 if it is not enabled.
    pub fn poll_time_histogram_num_buckets(&self) -> usize {
        self.poll_time_shape().map_or(0, |shape| shape.buckets())
    }

    #[doc(hidden)]
    #[deprecated(note = "renamed to `poll_time_histogram_num_buckets`")]
    pub fn poll_count_histogram_num_buckets(&self) -> usize {
        self.poll_time_histogram_num_buckets()
    }

    /// The durations that a bucket counts, the same for all workers. If the histogram is not enabled
    /// there are none.
    ///
    /// # Panics
    ///
    /// If the histogram is enabled and has no such bucket.
    #[track_caller]
    pub fn poll_time_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        let Some(shape) = self.poll_time_shape() else {
            return Range::default();
        };
        let buckets = shape.buckets();
        assert!(
            bucket < buckets,
            "index out of bounds: the len is {buckets} but the index is {bucket}"
        );
        let range = shape.range(bucket);
        Duration::from_nanos(range.start)..Duration::from_nanos(range.end)
    }

    #[doc(hidden)]
    #[deprecated(note = "renamed to `poll_time_histogram_bucket_range`")]
    #[track_caller]
    pub fn poll_count_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        self.poll_time_histogram_bucket_range(bucket)
    }

    /// Polls of a worker whose durations lie in a bucket; 0 if the histogram is not enabled.
    ///
    /// # Panics
    ///
    /// If there is no such worker, and if the histogram is enabled and has no such bucket.
    #[track_caller]
    pub fn poll_time_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        let worker = self.worker(worker);
        match &worker.poll_histogram {
            Some(histogram) if telemetry::is_enabled() => histogram.count(bucket),
            _ => 0,
        }
    }

    #[doc(hidden)]
    #[deprecated(note = "renamed to `poll_time_histogram_bucket_count`")]
    #[track_caller]
    pub fn poll_count_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        self.poll_time_histogram_bucket_count(worker, bucket)
    }
}

impl fmt::Debug for RuntimeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeMetrics")
            .field("handle", &self.handle)
            .finish()
    }
}

//! Telemetry: what the runtime is doing, always on.
//!
//! Workers count for themselves (one writer a counter, plain stores), every task has a
//! record, every pending leaf future a wait note. A [`Snapshot`] gathers
//! them as plain values; reading stops nobody. What workers did lately is in their flight recorders:
//! [`dump`].
//!
//! Without the feature `telemetry`, which is a default one, all of it is compiled out, so that its
//! cost can be measured. The interface stays: [`OverheadSnapshot::enabled`] is false, and a snapshot
//! says what the runtime knows in any case, which is what is alive and what is queued.
//!
//! ```
//! # let runtime = zokio::runtime::Runtime::new()?;
//! runtime.block_on(async { zokio::spawn(async {}).await.unwrap() });
//! let snapshot = zokio::telemetry::Snapshot::capture(runtime.handle());
//! # if !snapshot.overhead.enabled { return Ok(()) }
//! assert_eq!(snapshot.spawned_tasks, 1);
//! assert_eq!(snapshot.workers.iter().map(|w| w.polls).sum::<u64>(), 1);
//! # Ok::<(), std::io::Error>(())
//! ```

// With and without telemetry alike.
mod backtrace;
mod empty;
mod flight_recorder;
mod outcome;
mod record_table;
mod running;
mod snapshot;
mod wait_point;
mod wait_scope;

// Each with a twin of the same signature that does nothing.
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/backlog.rs")]
pub(crate) mod backlog;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/block_on_record.rs")]
mod block_on_record;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/calibration.rs")]
mod calibration;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/capture.rs")]
mod capture;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/clock.rs")]
pub(crate) mod clock;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/counter.rs")]
mod counter;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/current.rs")]
pub(crate) mod current;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/dump.rs")]
mod dump;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/histogram.rs")]
pub(crate) mod histogram;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/holders.rs")]
pub(crate) mod holders;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/identity.rs")]
mod identity;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/origin.rs")]
mod origin;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/ring.rs")]
mod ring;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/scan.rs")]
mod scan;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/sites.rs")]
mod sites;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/task_record.rs")]
mod task_record;
#[cfg_attr(
    not(all(
        feature = "telemetry",
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )),
    path = "telemetry/off/thread_sample.rs"
)]
pub(crate) mod thread_sample;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/trace.rs")]
pub(crate) mod trace;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/waits.rs")]
pub(crate) mod waits;
#[cfg_attr(not(feature = "telemetry"), path = "telemetry/off/worker_counters.rs")]
mod worker_counters;

#[cfg(feature = "telemetry")]
mod watch;

pub use backtrace::{Backtraces, TaskBacktrace, backtrace, backtraces};
pub(crate) use block_on_record::BlockOnRecord;
pub(crate) use calibration::calibrate;
pub use capture::{task_detail, task_snapshot};
pub use clock::now_ns;
pub(crate) use counter::{Counter, WorkerMark};
pub use dump::dump;
pub use flight_recorder::*;
pub(crate) use origin::Origin;
pub(crate) use outcome::Outcome;
pub(crate) use record_table::RecordTable;
pub(crate) use ring::Ring;
pub use running::{
    PollInProgress, SampleError, ThreadSample, ThreadState, polls_in_progress, sample_worker,
};
pub use scan::{LiveTask, RelationScan, TaskScan, WaitBook, tasks_at};
pub(crate) use sites::{
    LONG_POLL_NS, PollOfSite, SharedSites, SiteTotals, WorkerSites, is_sampled,
};
pub use snapshot::*;
pub(crate) use task_record::{NewTask, SpawnPlace, TaskRecord};
pub use wait_point::WaitPoint;
pub use wait_scope::{WaitScope, wait_scope};
pub(crate) use worker_counters::{Queued, WorkerCounters};

/// Whether telemetry is compiled in (feature `telemetry`). If not, nothing is counted, no clock is
/// read, and a [`Snapshot`] holds little more than the runtime's name.
pub const fn is_enabled() -> bool {
    cfg!(feature = "telemetry")
}

static UNATTRIBUTED: Counter = Counter::new(0);

/// Counts a wake or waker clone for which a task's state had no room.
#[cold]
pub(crate) fn count_unattributed() {
    UNATTRIBUTED.add_shared(1);
}

/// Wakes and waker clones that are in no task's count, since the process began: more than 4,096
/// of one task between two of its polls, made by others than the task itself.
pub(crate) fn unattributed() -> u64 {
    UNATTRIBUTED.get()
}

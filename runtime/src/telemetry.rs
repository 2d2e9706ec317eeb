//! Telemetry: what the runtime is doing, always on.
//!
//! Workers count for themselves (one writer a counter, plain stores), every task has a
//! record, every pending leaf future a wait note. A [`Snapshot`] gathers
//! them as plain values; reading stops nobody.
//!
//! ```
//! # let runtime = zokio::runtime::Runtime::new()?;
//! runtime.block_on(async { zokio::spawn(async {}).await.unwrap() });
//! let snapshot = zokio::telemetry::Snapshot::capture(runtime.handle());
//! assert_eq!(snapshot.spawned_tasks, 1);
//! assert_eq!(snapshot.workers.iter().map(|w| w.polls).sum::<u64>(), 1);
//! # Ok::<(), std::io::Error>(())
//! ```

mod block_on_record;
mod calibration;
mod capture;
pub(crate) mod clock;
mod counter;
pub(crate) mod current;
mod empty;
pub(crate) mod histogram;
mod record_table;
mod sites;
mod snapshot;
mod task_record;
mod wait_point;
pub(crate) mod waits;
mod watch;
mod worker_counters;

pub(crate) use block_on_record::BlockOnRecord;
pub(crate) use calibration::calibrate;
pub use capture::task_detail;
pub use clock::now_ns;
pub(crate) use counter::{Counter, WorkerMark};
pub(crate) use record_table::RecordTable;
pub(crate) use sites::{Outcome, SharedSites, SiteTotals, WorkerSites};
pub use snapshot::*;
pub(crate) use task_record::{NewTask, TaskRecord};
pub use wait_point::WaitPoint;
pub(crate) use worker_counters::WorkerCounters;

/// Whether telemetry is compiled in. If not, nothing is counted, no clock is
/// read, and a [`Snapshot`] holds little more than the runtime's name.
pub const fn is_enabled() -> bool {
    true
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

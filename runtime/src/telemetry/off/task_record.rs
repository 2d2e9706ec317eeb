//! The twin without telemetry: the table holds a word a task, by which shutdown finds the tasks that
//! are left. Whoever counts in a task's record gets one of no size, without a look at the table.

use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::counter::Counter;
use super::origin::Origin;
use super::record_table::RecordTable;
use super::snapshot::TaskKind;
use crate::task::header::Header;

/// What the table consists of. All-zero is a free record.
pub(super) struct Entry {
    /// The table's.
    pub(super) owner: AtomicUsize,
}

const _: () = assert!(size_of::<Entry>() == size_of::<usize>());

impl Entry {
    pub(super) fn fill(&self, _: NewTask) {}

    pub(super) fn clear(&self) {}
}

#[expect(dead_code, reason = "nothing but the cell is kept without telemetry")]
pub(crate) struct NewTask {
    pub(crate) cell: Option<NonNull<Header>>,
    pub(crate) id: u64,
    pub(crate) kind: TaskKind,
    pub(crate) location: &'static Location<'static>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) parent: u64,
    pub(crate) created: u64,
}

/// Where a task was spawned: the hooks on tasks are told also without telemetry.
pub(crate) struct SpawnPlace(&'static Location<'static>);

impl SpawnPlace {
    #[inline]
    pub(crate) fn new(location: &'static Location<'static>) -> SpawnPlace {
        SpawnPlace(location)
    }

    pub(crate) fn spawned_at(&self, _: &TaskRecord) -> &'static Location<'static> {
        self.0
    }
}

pub(crate) struct TaskRecord {
    pub(crate) created: Counter,
    pub(crate) since: Counter,
    pub(crate) polls: Counter,
    pub(crate) scheduled: Counter,
    pub(crate) wakes: Counter,
    pub(crate) self_wakes: Counter,
    pub(crate) waker_clones: Counter,
}

const _: () = assert!(size_of::<TaskRecord>() == 0);

static RECORD: TaskRecord = TaskRecord {
    created: Counter::new(0),
    since: Counter::new(0),
    polls: Counter::new(0),
    scheduled: Counter::new(0),
    wakes: Counter::new(0),
    self_wakes: Counter::new(0),
    waker_clones: Counter::new(0),
};

impl TaskRecord {
    /// A place in this crate: where tasks were spawned is not kept.
    pub(crate) fn location(&self) -> &'static Location<'static> {
        Location::caller()
    }

    #[inline]
    pub(crate) fn set_running(&self, _: bool) {}

    #[inline]
    pub(crate) fn note_waker(&self, _: Origin) {}

    #[inline]
    pub(crate) fn add_busy(&self, _: u64, _: u64) {}

    #[inline]
    pub(crate) fn begin_to_count(&self, _: u64) {}

    #[inline]
    pub(crate) fn end_counting(&self, _: u64) {}

    #[inline]
    pub(crate) fn ensure_counts(&self) {}

    #[inline]
    pub(crate) fn prefetch(&self) {}

    #[inline]
    pub(crate) fn has_counts(&self) -> bool {
        true
    }

    #[inline]
    pub(crate) fn count_watched(&self, _: u64, _: u64) {}
}

impl RecordTable {
    #[inline]
    pub(crate) fn get(&self, _: u32) -> &TaskRecord {
        &RECORD
    }
}

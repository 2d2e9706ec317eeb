//! Task records: what readers may see of a task, in memory that never goes away under them.
//!
//! A task has a record from its spawn to its completion. Records live in a table of the runtime,
//! type-stable and reused; the poller is their only writer. The table doubles as the list of the
//! runtime's owned tasks.
//!
//! # Looking at a task while it runs
//!
//! A record holds a pointer to its task's cell. To follow it, a reader *pins* the record
//! ([`RecordTable::pin`]): the cell stays until the pin is dropped. Nobody waits for anybody:
//!
//! | owner word        | meaning                                   |
//! |-------------------|-------------------------------------------|
//! | 0                 | free                                      |
//! | cell              | live                                      |
//! | cell, PINNED      | live, one reader inside                   |
//! | cell, PINNED, GONE| complete; the reader inside cleans up     |
//!
//! A reader moves live → pinned by compare-exchange. The completer sets GONE: if PINNED was not
//! set, nobody can pin any more and the completer frees the record; if it was, it leaves that, and
//! the scheduler's reference to the cell, to the reader, which finds GONE when it unsets PINNED.
//! Both flags are changed by read-modify-writes of one word, so exactly one of the two comes last
//! and frees. A compare-exchange that meets a reused record pins the new task, which is as good.

#![expect(
    unsafe_code,
    reason = "lazily allocated chunks, pointers to cells kept alive by pins"
)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::counter::Counter;
use super::snapshot::{HistogramSnapshot, TaskKind};
use super::watch;
use crate::task::header::{Header, NO_WORKER};

const PINNED: usize = 1;
const GONE: usize = 2;
const FLAGS: usize = PINNED | GONE;
/// Owner of a record without a cell (the future given to `block_on`).
const NO_CELL: usize = 8;

/// What readers may see of a task. All-zero is a free record.
#[repr(C, align(64))]
pub(crate) struct TaskRecord {
    owner: AtomicUsize,
    pub(crate) id: Counter,
    location: AtomicPtr<Location<'static>>,
    /// A boxed `Arc<str>`, or null.
    name: AtomicPtr<Arc<str>>,
    pub(crate) parent: Counter,
    pub(crate) created: Counter,
    /// Stamp since when the task is idle or, without a cell, in `state`.
    pub(crate) since: Counter,
    pub(crate) polls: Counter,
    // Ticks.
    pub(crate) busy: Counter,
    pub(crate) scheduled: Counter,
    pub(crate) longest_poll: Counter,
    /// Stamp of the wake that led to the latest poll.
    pub(crate) last_wake: Counter,
    pub(crate) wakes: Counter,
    pub(crate) self_wakes: Counter,
    pub(crate) waker_clones: Counter,
    kind: AtomicU8,
    /// For tasks that no worker polls (blocking work, `block_on`).
    running: AtomicU8,
    pub(crate) worker: AtomicU16,
    /// Number of the task's watch plus one; 0: none.
    watch: AtomicU32,
}

const _: () = assert!(size_of::<TaskRecord>() == 128);

/// What a record begins with.
pub(crate) struct NewTask {
    pub(crate) cell: Option<NonNull<Header>>,
    pub(crate) id: u64,
    pub(crate) kind: TaskKind,
    pub(crate) location: &'static Location<'static>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) parent: u64,
    pub(crate) created: u64,
}

impl TaskRecord {
    fn fill(&self, task: NewTask) {
        self.id.set(task.id);
        self.location
            .store(ptr::from_ref(task.location).cast_mut(), Ordering::Relaxed);
        let name = task
            .name
            .map_or(ptr::null_mut(), |name| Box::into_raw(Box::new(name)));
        self.name.store(name, Ordering::Relaxed);
        self.parent.set(task.parent);
        self.created.set(task.created);
        self.since.set(task.created);
        let zeroed = [
            &self.polls,
            &self.busy,
            &self.scheduled,
            &self.longest_poll,
            &self.last_wake,
            &self.wakes,
            &self.self_wakes,
            &self.waker_clones,
        ];
        zeroed.into_iter().for_each(|counter| counter.set(0));
        self.kind.store(task.kind as u8, Ordering::Relaxed);
        self.running.store(0, Ordering::Relaxed);
        self.watch.store(0, Ordering::Relaxed);
        self.worker.store(NO_WORKER, Ordering::Relaxed);
        let owner = task
            .cell
            .map_or(NO_CELL, |cell| cell.as_ptr().expose_provenance());
        // Ordering: publishes the record, pairs with the Acquire of `pin`.
        self.owner.store(owner, Ordering::Release);
    }

    /// The place of the spawn.
    pub(crate) fn location(&self) -> &'static Location<'static> {
        // SAFETY: called on live records only, whose `fill` stored a `&'static` reference.
        unsafe { &*self.location.load(Ordering::Relaxed) }
    }

    /// Notes that a task which no worker polls runs, or no longer does.
    pub(crate) fn set_running(&self, running: bool) {
        self.running.store(u8::from(running), Ordering::Relaxed);
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed) != 0
    }

    /// Counts a poll in the task's own histogram, if somebody looks at the task.
    #[inline]
    pub(crate) fn count_watched(&self, ns: u64) {
        let watch = self.watch.load(Ordering::Relaxed);
        if watch != 0 {
            watch::record(watch - 1, self.id.get(), ns);
        }
    }

    /// A record that belongs to no table, to measure what counting costs.
    pub(crate) fn for_calibration() -> TaskRecord {
        TaskRecord {
            owner: AtomicUsize::new(0),
            id: Counter::new(0),
            location: AtomicPtr::default(),
            name: AtomicPtr::default(),
            parent: Counter::new(0),
            created: Counter::new(0),
            since: Counter::new(0),
            polls: Counter::new(0),
            busy: Counter::new(0),
            scheduled: Counter::new(0),
            longest_poll: Counter::new(0),
            last_wake: Counter::new(0),
            wakes: Counter::new(0),
            self_wakes: Counter::new(0),
            waker_clones: Counter::new(0),
            kind: AtomicU8::new(0),
            running: AtomicU8::new(0),
            worker: AtomicU16::new(0),
            watch: AtomicU32::new(0),
        }
    }

    pub(crate) fn kind(&self) -> TaskKind {
        const KINDS: [TaskKind; 4] = [
            TaskKind::Task,
            TaskKind::Local,
            TaskKind::Blocking,
            TaskKind::BlockOn,
        ];
        KINDS[usize::from(self.kind.load(Ordering::Relaxed)) % KINDS.len()]
    }
}

/// The first chunk has this many records, each further one twice as many as the one before.
const FIRST: u32 = 64;
const CHUNKS: usize = 26;

/// All records of one runtime.
pub(crate) struct RecordTable {
    chunks: [AtomicPtr<TaskRecord>; CHUNKS],
    free: Mutex<FreeSlots>,
}

struct FreeSlots {
    slots: Vec<u32>,
    /// Slots never used yet begin here.
    fresh: u32,
}

/// Index of the chunk that holds a slot, and the slot's place in it.
fn locate(slot: u32) -> (usize, usize) {
    let shifted = u64::from(slot) + u64::from(FIRST);
    let exponent = 63 - shifted.leading_zeros();
    let chunk = exponent - FIRST.trailing_zeros();
    (chunk as usize, (shifted - (1 << exponent)) as usize)
}

fn chunk_len(chunk: usize) -> usize {
    (FIRST as usize) << chunk
}

fn chunk_layout(chunk: usize) -> Layout {
    Layout::array::<TaskRecord>(chunk_len(chunk)).expect("chunk fits the address space")
}

impl RecordTable {
    pub(crate) fn new() -> RecordTable {
        RecordTable {
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
            free: Mutex::new(FreeSlots {
                slots: Vec::new(),
                fresh: 0,
            }),
        }
    }

    /// Moves up to `count` free slots into `cache`, at least one.
    pub(crate) fn take_slots(&self, cache: &mut Vec<u32>, count: usize) {
        let mut free = self.free.lock();
        let reused = count.min(free.slots.len());
        let keep = free.slots.len() - reused;
        cache.extend(free.slots.drain(keep..));
        for _ in reused..count {
            let slot = free.fresh;
            self.ensure_chunk(locate(slot).0);
            free.fresh += 1;
            cache.push(slot);
        }
        // The lowest first: they are popped from the end.
        let first_fresh = cache.len() - (count - reused);
        cache[first_fresh..].reverse();
    }

    /// A free slot.
    pub(crate) fn take_slot(&self) -> u32 {
        let mut free = self.free.lock();
        free.slots.pop().unwrap_or_else(|| {
            let slot = free.fresh;
            self.ensure_chunk(locate(slot).0);
            free.fresh += 1;
            slot
        })
    }

    /// Takes back slots of freed records.
    pub(crate) fn give_slots(&self, slots: impl Iterator<Item = u32>) {
        self.free.lock().slots.extend(slots);
    }

    fn ensure_chunk(&self, chunk: usize) {
        assert!(chunk < CHUNKS, "more than 2^31 live tasks in one runtime");
        if self.chunks[chunk].load(Ordering::Relaxed).is_null() {
            let layout = chunk_layout(chunk);
            // SAFETY: the layout is not empty.
            let records = unsafe { alloc_zeroed(layout) };
            if records.is_null() {
                handle_alloc_error(layout);
            }
            // Ordering: pairs with the Acquire loads in `get` and `slots`.
            self.chunks[chunk].store(records.cast(), Ordering::Release);
        }
    }

    /// The record of a slot handed out by [`take_slots`](RecordTable::take_slots).
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &TaskRecord {
        let (chunk, index) = locate(slot);
        // Ordering: pairs with the Release store in `ensure_chunk`.
        let records = self.chunks[chunk].load(Ordering::Acquire);
        debug_assert!(!records.is_null() && index < chunk_len(chunk));
        // SAFETY: `take_slots` ensures the chunk of each slot that it hands out; all-zero bytes
        // are a valid record (atomics only); chunks live as long as the table.
        unsafe { &*records.add(index) }
    }

    /// Makes the record of a free slot that of a task.
    pub(crate) fn publish(&self, slot: u32, task: NewTask) {
        self.get(slot).fill(task);
    }

    /// Ends the record of a task that is about to complete: its values are final. The caller has
    /// the scheduler's reference to the cell before and one reference after.
    ///
    /// `true`: nobody was looking, the slot is free. `false`: a reader is, and will free it.
    #[must_use]
    pub(crate) fn retire(&self, slot: u32) -> bool {
        let record = self.get(slot);
        let mut owner = record.owner.load(Ordering::Relaxed);
        while owner & PINNED == 0 {
            // Ordering: Acquire pairs with the Release of the last unpin, whose reads end before
            // the slot is reused.
            match record.owner.compare_exchange(
                owner,
                owner | GONE,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    clean(record);
                    return true;
                }
                Err(found) => owner = found,
            }
        }
        // The reader gets the scheduler's reference, the caller another one.
        let cell = cell_of(owner & !FLAGS);
        if let Some(cell) = cell {
            // SAFETY: the caller has the scheduler's reference.
            unsafe { cell.as_ref() }.state.add_ref();
        }
        // Ordering: Release publishes the final values to the reader that cleans up; Acquire as
        // above, should it have left meanwhile.
        if record.owner.fetch_or(GONE, Ordering::AcqRel) & PINNED != 0 {
            return false;
        }
        if let Some(cell) = cell {
            // SAFETY: the reference that was just added; the scheduler's is still there.
            unsafe { crate::task::raw::drop_ref(cell) };
        }
        clean(record);
        true
    }

    /// Pins the record in `slot` if it belongs to a task.
    pub(crate) fn pin(&self, slot: u32) -> Option<Pin<'_>> {
        let record = self.get(slot);
        let owner = record.owner.load(Ordering::Relaxed);
        if owner == 0 || owner & FLAGS != 0 {
            return None;
        }
        // Ordering: Acquire pairs with the Release of `fill`, and with that of the last unpin.
        record
            .owner
            .compare_exchange(owner, owner | PINNED, Ordering::Acquire, Ordering::Relaxed)
            .ok()?;
        Some(Pin {
            table: self,
            record,
            slot,
            owner,
        })
    }

    /// As [`pin`](RecordTable::pin), but waits for another reader to leave. Readers stay for
    /// microseconds, and none of them is a worker unless a task takes a snapshot.
    pub(crate) fn pin_live(&self, slot: u32) -> Option<Pin<'_>> {
        loop {
            if let Some(pin) = self.pin(slot) {
                return Some(pin);
            }
            if !self.is_live(slot) {
                return None;
            }
            std::thread::yield_now();
        }
    }

    /// Whether the record in `slot` belongs to a task that has not completed.
    pub(crate) fn is_live(&self, slot: u32) -> bool {
        let owner = self.get(slot).owner.load(Ordering::Relaxed);
        owner != 0 && owner & GONE == 0
    }

    /// All slots that were ever used.
    pub(crate) fn slots(&self) -> std::ops::Range<u32> {
        0..self.free.lock().fresh
    }

    /// Bytes in records that were ever used.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.slots().end) * size_of::<TaskRecord>() as u64
    }
}

impl Drop for RecordTable {
    fn drop(&mut self) {
        for (chunk, records) in self.chunks.iter_mut().enumerate() {
            let records = *records.get_mut();
            if !records.is_null() {
                // SAFETY: allocated in `ensure_chunk` with this layout; `&mut self`: no reader.
                unsafe { dealloc(records.cast(), chunk_layout(chunk)) };
            }
        }
    }
}

/// The cell that an owner word without flags points to.
fn cell_of(owner: usize) -> Option<NonNull<Header>> {
    if owner == NO_CELL {
        return None;
    }
    NonNull::new(ptr::with_exposed_provenance_mut(owner))
}

/// Frees what a record owns and marks it free.
fn clean(record: &TaskRecord) {
    let name = record.name.swap(ptr::null_mut(), Ordering::Relaxed);
    if !name.is_null() {
        // SAFETY: from `Box::into_raw` in `fill`; swapped out, so dropped once; no reader has
        // the record pinned but the caller.
        drop(unsafe { Box::from_raw(name) });
    }
    record.id.set(0);
    // Ordering: the slot travels to its next user through a lock or stays on this thread.
    record.owner.store(0, Ordering::Release);
}

/// A record that cannot be reused, and whose cell cannot be freed, until this is dropped.
pub(crate) struct Pin<'a> {
    table: &'a RecordTable,
    record: &'a TaskRecord,
    slot: u32,
    owner: usize,
}

impl Pin<'_> {
    pub(crate) fn record(&self) -> &TaskRecord {
        self.record
    }

    /// The task's cell, which stays while the pin does. `None` for `block_on`.
    pub(crate) fn cell(&self) -> Option<NonNull<Header>> {
        cell_of(self.owner)
    }

    /// The header of the task's cell. `None` for `block_on`.
    pub(crate) fn header(&self) -> Option<&Header> {
        // SAFETY: the pin keeps the cell, and a header is never borrowed mutably.
        self.cell().map(|cell| unsafe { cell.as_ref() })
    }

    /// The task's own poll times, kept from the first call on.
    pub(crate) fn watch(&self) -> Option<HistogramSnapshot> {
        if !matches!(self.record.kind(), TaskKind::Task | TaskKind::Local) {
            return None;
        }
        let (watch, poll_time) = watch::request(self.record.id.get());
        self.record.watch.store(watch + 1, Ordering::Relaxed);
        Some(poll_time)
    }

    pub(crate) fn name(&self) -> Option<Arc<str>> {
        let name = self.record.name.load(Ordering::Relaxed);
        // SAFETY: `fill` stored null or a box, which `clean` frees only when nobody has the
        // record pinned.
        unsafe { name.as_ref() }.cloned()
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        // Ordering: Release ends this reader's accesses before the record is reused; Acquire
        // pairs with the Release of `retire`.
        let before = self.record.owner.fetch_and(!PINNED, Ordering::AcqRel);
        if before & GONE == 0 {
            return;
        }
        let cell = self.cell();
        clean(self.record);
        self.table.give_slots(std::iter::once(self.slot));
        if let Some(cell) = cell {
            // SAFETY: the completer left the scheduler's reference to the reader that it found
            // inside, and that is this one.
            unsafe { crate::task::raw::drop_ref(cell) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_task(id: u64) -> NewTask {
        NewTask {
            cell: None,
            id,
            kind: TaskKind::BlockOn,
            location: Location::caller(),
            name: Some(format!("task {id}").into()),
            parent: 0,
            created: 1,
        }
    }

    fn slot_of(table: &RecordTable) -> u32 {
        let mut cache = Vec::new();
        table.take_slots(&mut cache, 1);
        cache[0]
    }

    #[test]
    fn slots_map_to_chunks_without_gap_or_overlap() {
        let mut expected = (0, 0);
        for slot in 0..10_000 {
            assert_eq!(locate(slot), expected);
            expected.1 += 1;
            if expected.1 == chunk_len(expected.0) {
                expected = (expected.0 + 1, 0);
            }
        }
        assert_eq!(locate(u32::MAX).0, CHUNKS);
    }

    #[test]
    fn retired_record_cannot_be_pinned_and_its_slot_is_reused() {
        let table = RecordTable::new();
        let slot = slot_of(&table);
        table.publish(slot, new_task(7));
        assert_eq!(table.pin(slot).unwrap().name().as_deref(), Some("task 7"));
        assert!(table.retire(slot));
        assert!(table.pin(slot).is_none());
        table.give_slots(std::iter::once(slot));
        assert_eq!(slot_of(&table), slot);
    }

    #[test]
    fn record_retired_while_pinned_stays_readable_until_unpinned() {
        let table = RecordTable::new();
        let slot = slot_of(&table);
        table.publish(slot, new_task(7));
        let pin = table.pin(slot).unwrap();
        assert!(!table.retire(slot));
        assert_eq!(pin.record().id.get(), 7);
        assert_eq!(pin.name().as_deref(), Some("task 7"));
        assert!(table.pin(slot).is_none());
        drop(pin);
        assert_eq!(slot_of(&table), slot, "the reader gave it back");
    }

    #[test]
    fn two_readers_never_hold_one_record() {
        let table = RecordTable::new();
        let slot = slot_of(&table);
        table.publish(slot, new_task(7));
        let pin = table.pin(slot);
        assert!(pin.is_some() && table.pin(slot).is_none());
        drop(pin);
        assert!(table.pin(slot).is_some());
    }

    #[test]
    fn readers_against_a_churning_table_see_only_whole_tasks() {
        let table = RecordTable::new();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut cache = Vec::new();
                for id in 1..20_000u64 {
                    if cache.is_empty() {
                        table.take_slots(&mut cache, 4);
                    }
                    let slot = cache.pop().unwrap();
                    table.publish(slot, new_task(id));
                    if table.retire(slot) {
                        cache.push(slot);
                    }
                }
                done.store(true, Ordering::Relaxed);
            });
            while !done.load(Ordering::Relaxed) {
                for slot in table.slots() {
                    if let Some(pin) = table.pin(slot) {
                        let name = pin.name().expect("every task here has a name");
                        assert_eq!(&*name, format!("task {}", pin.record().id.get()));
                    }
                }
            }
        });
    }
}

//! The table of a runtime's records: type-stable memory that never goes away under a reader.
//!
//! A task has a record from its spawn to its completion. Records lie in chunks that are allocated
//! when first needed, and are reused. The table doubles as the list of the runtime's owned tasks:
//! what a record says of its task is [`task_record`](super::task_record)'s to know, here it is its
//! owner word only.
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
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::task_record::{Entry, NewTask};
use crate::loom::Mutex;
use crate::task::header::Header;

const PINNED: usize = 1;
const GONE: usize = 2;
const FLAGS: usize = PINNED | GONE;
/// Owner of a record without a cell (the future given to `block_on`).
const NO_CELL: usize = 8;

/// The first chunk has this many records, each further one twice as many as the one before.
const FIRST: u32 = if cfg!(zokio_loom) { 1 } else { 64 };
const CHUNKS: usize = 26;

/// All records of one runtime.
pub(crate) struct RecordTable {
    chunks: [AtomicPtr<Entry>; CHUNKS],
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
    Layout::array::<Entry>(chunk_len(chunk)).expect("chunk fits the address space")
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
            #[cfg(all(test, zokio_loom, feature = "telemetry"))]
            loom_tests::fill_chunk(records.cast(), chunk_len(chunk));
            // Ordering: pairs with the Acquire load in `entry`.
            self.chunks[chunk].store(records.cast(), Ordering::Release);
        }
    }

    /// The record of a slot handed out by [`take_slots`](RecordTable::take_slots).
    #[inline]
    pub(super) fn entry(&self, slot: u32) -> &Entry {
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
        let owner = task
            .cell
            .map_or(NO_CELL, |cell| cell.as_ptr().expose_provenance());
        let entry = self.entry(slot);
        entry.fill(task);
        // Ordering: publishes the record, pairs with the Acquire of `pin`.
        entry.owner.store(owner, Ordering::Release);
    }

    /// Ends the record of a task that is about to complete: its values are final. The caller has
    /// the scheduler's reference to the cell before and one reference after.
    ///
    /// `true`: nobody was looking, the slot is free. `false`: a reader is, and will free it.
    #[must_use]
    pub(crate) fn retire(&self, slot: u32) -> bool {
        let entry = self.entry(slot);
        let mut owner = entry.owner.load(Ordering::Relaxed);
        while owner & PINNED == 0 {
            // Ordering: Acquire pairs with the Release of the last unpin, whose reads end before
            // the slot is reused.
            match entry.owner.compare_exchange(
                owner,
                owner | GONE,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    clean(entry);
                    return true;
                }
                Err(found) => owner = found,
            }
        }
        // The reader gets the scheduler's reference, the caller another one.
        let cell = cell_of(owner & !FLAGS);
        if let Some(cell) = cell {
            // SAFETY: the caller has the scheduler's reference.
            // It is no waker, and stays counted as a handle: nobody looks at the counts any more.
            let _ = unsafe { cell.as_ref() }.state.add_abort_handle();
        }
        // Ordering: Release publishes the final values to the reader that cleans up; Acquire as
        // above, should it have left meanwhile.
        if entry.owner.fetch_or(GONE, Ordering::AcqRel) & PINNED != 0 {
            return false;
        }
        if let Some(cell) = cell {
            // SAFETY: the reference that was just added; the scheduler's is still there.
            unsafe { crate::task::raw::drop_ref(cell) };
        }
        clean(entry);
        true
    }

    /// Pins the record in `slot` if it belongs to a task.
    pub(crate) fn pin(&self, slot: u32) -> Option<Pin<'_>> {
        let entry = self.entry(slot);
        let owner = entry.owner.load(Ordering::Relaxed);
        if owner == 0 || owner & FLAGS != 0 {
            return None;
        }
        // Ordering: Acquire pairs with the Release of `publish`, and with that of the last unpin.
        entry
            .owner
            .compare_exchange(owner, owner | PINNED, Ordering::Acquire, Ordering::Relaxed)
            .ok()?;
        Some(Pin {
            table: self,
            entry,
            slot,
            owner,
        })
    }

    /// Whether the record in `slot` belongs to a task that has not completed.
    pub(crate) fn is_live(&self, slot: u32) -> bool {
        self.is_live_owner(self.entry(slot).owner.load(Ordering::Relaxed))
    }

    /// Whether a record with this owner word belongs to a task that has not completed.
    pub(super) fn is_live_owner(&self, owner: usize) -> bool {
        owner != 0 && owner & GONE == 0
    }

    /// All slots that were ever used.
    pub(crate) fn slots(&self) -> std::ops::Range<u32> {
        0..self.free.lock().fresh
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

/// Frees what a record owns and marks it free. No reader has it pinned but the caller.
fn clean(entry: &Entry) {
    entry.clear();
    // Ordering: the slot travels to its next user through a lock or stays on this thread.
    entry.owner.store(0, Ordering::Release);
}

/// A record that cannot be reused, and whose cell cannot be freed, until this is dropped.
pub(crate) struct Pin<'a> {
    table: &'a RecordTable,
    pub(super) entry: &'a Entry,
    slot: u32,
    owner: usize,
}

impl Pin<'_> {
    /// Whether the record has been retired under the pin.
    #[cfg(feature = "telemetry")]
    pub(super) fn is_retired(&self) -> bool {
        self.entry.owner.load(Ordering::Relaxed) & GONE != 0
    }

    /// The task's cell, which stays while the pin does. `None` for `block_on`.
    pub(crate) fn cell(&self) -> Option<NonNull<Header>> {
        cell_of(self.owner)
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        // Ordering: Release ends this reader's accesses before the record is reused; Acquire
        // pairs with the Release of `retire`.
        let before = self.entry.owner.fetch_and(!PINNED, Ordering::AcqRel);
        if before & GONE == 0 {
            return;
        }
        let cell = self.cell();
        clean(self.entry);
        self.table.give_slots(std::iter::once(self.slot));
        if let Some(cell) = cell {
            // SAFETY: the completer left the scheduler's reference to the reader that it found
            // inside, and that is this one.
            unsafe { crate::task::raw::drop_ref(cell) };
        }
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests {
    use std::panic::Location;

    use super::*;
    use crate::telemetry::TaskKind;

    fn new_task(id: u64) -> NewTask {
        NewTask {
            cell: None,
            id,
            kind: TaskKind::BlockOn,
            location: Location::caller(),
            name: None,
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
    fn slot_of_a_pinned_record_is_free_again_when_the_pin_is_dropped() {
        let table = RecordTable::new();
        let slot = slot_of(&table);
        table.publish(slot, new_task(7));
        let pin = table.pin(slot).unwrap();
        assert!(!table.retire(slot));
        assert!(!table.is_live(slot) && table.pin(slot).is_none());
        assert_ne!(slot_of(&table), slot);
        drop(pin);
        assert_eq!(slot_of(&table), slot, "the reader gave it back");
    }
}

#[cfg(all(test, zokio_loom, feature = "telemetry"))]
mod loom_tests;

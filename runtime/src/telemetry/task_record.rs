//! Task records: what readers may see of a task. The poller is their only writer; how readers keep
//! a record is told in [`record_table`](super::record_table).

#![expect(
    unsafe_code,
    reason = "places and names behind atomic pointers, headers kept alive by pins"
)]

use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering, fence};

use super::clock;
use super::counter::Counter;
use super::origin::Origin;
use super::record_table::{Pin, RecordTable};
use super::snapshot::TaskKind;
use super::watch::{self, Watched};
use crate::loom::atomic::AtomicUsize;
use crate::prefetch::prefetch;
use crate::task::header::Header;

/// What readers may see of a task. All-zero is a free record.
///
/// Its first cache line is what seldom changes from poll to poll, the second is counts. Tasks move
/// between processors, and a line that is written here and there costs more than all that is
/// counted in it: a wake and a poll write to the second line only.
///
/// Many tasks complete at their first poll; what there would be to count of them is known without,
/// so the second line is left alone until the first poll has gone pending
/// ([`ensure_counts`](TaskRecord::ensure_counts)). Until then it holds what a task before left there.
///
/// What a poll adds is added when it has ended, between the new stamp in `since` and the poll's end in
/// the state word. `polls` alone is counted at its beginning. So a reader that finds the same stamp and
/// the same word before and after, and a stamp that is not later than the wake that scheduled the task,
/// has read values of one moment (`capture.rs`).
#[repr(C, align(64))]
pub(crate) struct TaskRecord {
    /// The table's.
    pub(super) owner: AtomicUsize,
    pub(crate) id: Counter,
    location: AtomicPtr<Location<'static>>,
    /// A boxed `Arc<str>`, or null.
    name: AtomicPtr<Arc<str>>,
    pub(crate) parent: Counter,
    pub(crate) created: Counter,
    kind: AtomicU8,
    flags: AtomicU8,
    /// Number of the task's watch plus one; 0: none.
    watch: AtomicU8,
    /// When the longest poll ended, on telemetry's clock, in units of 2^[`AT_SHIFT`] ns.
    longest_poll_at: AtomicU32,
    /// In ticks; it is written some ten times in a task's life.
    pub(crate) longest_poll: Counter,
    // The second line.
    /// Stamp since when the task is idle or, without a cell, in `state`.
    pub(crate) since: Counter,
    pub(crate) polls: Counter,
    // Ticks.
    pub(crate) busy: Counter,
    pub(crate) scheduled: Counter,
    /// Who made the wake that scheduled it last. Written by that wake's maker, if it is another
    /// than before.
    last_waker: Counter,
    pub(crate) wakes: Counter,
    pub(crate) self_wakes: Counter,
    pub(crate) waker_clones: Counter,
}

#[cfg(not(zokio_loom))]
const _: () = assert!(size_of::<TaskRecord>() == 128);
#[cfg(not(zokio_loom))]
const _: () = assert!(std::mem::offset_of!(TaskRecord, since) == 64);

/// A task that no worker polls (blocking work, `block_on`) runs.
const RUNNING: u8 = 1;
/// The second line is this task's.
const COUNTED: u8 = 2;
/// Eight milliseconds: with 32 bits, for more than a year.
const AT_SHIFT: u32 = 23;

/// What has been counted of a task.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) polls: u64,
    pub(super) busy: u64,
    pub(super) scheduled: u64,
    pub(super) longest_poll: u64,
    pub(super) wakes: u64,
    pub(super) self_wakes: u64,
    pub(super) waker_clones: u64,
}

/// What the table consists of.
pub(super) type Entry = TaskRecord;

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

/// Where a task was spawned, as its header keeps it: not at all, since the record does.
pub(crate) struct SpawnPlace;

impl SpawnPlace {
    #[inline]
    pub(crate) fn new(_: &'static Location<'static>) -> SpawnPlace {
        SpawnPlace
    }

    /// The place, given the record of the task, which is not complete.
    pub(crate) fn spawned_at(&self, record: &TaskRecord) -> &'static Location<'static> {
        record.location()
    }
}

impl TaskRecord {
    /// Makes a free record, but for its owner, that of a task.
    pub(super) fn fill(&self, task: NewTask) {
        // Ordering: pairs with the Acquire fence of a scan that looks at the id again (`is_there`): who
        // has seen something of this task sees that the one before has gone (`clear`).
        fence(Ordering::Release);
        self.location
            .store(ptr::from_ref(task.location).cast_mut(), Ordering::Relaxed);
        let name = task
            .name
            .map_or(ptr::null_mut(), |name| Box::into_raw(Box::new(name)));
        self.name.store(name, Ordering::Relaxed);
        self.parent.set(task.parent);
        self.created.set(task.created);
        self.kind.store(task.kind as u8, Ordering::Relaxed);
        self.flags.store(0, Ordering::Relaxed);
        self.watch.store(0, Ordering::Relaxed);
        self.longest_poll_at.store(0, Ordering::Relaxed);
        if !matches!(task.kind, TaskKind::Task | TaskKind::Local) {
            self.begin_counts();
        }
        // Last: who sees the id sees the rest.
        self.id.publish(task.id);
    }

    /// Notes who woke the task. By whoever has won the right to run it, which is to be won only
    /// after a poll, so the counts are this task's. The line is shared with the processor that polls
    /// the task, so it is written only if there is something new.
    #[inline]
    pub(crate) fn note_waker(&self, origin: Origin) {
        if self.last_waker.get() != origin.to_word() {
            self.last_waker.set(origin.to_word());
        }
    }

    /// Who woke it last, in one word.
    pub(super) fn last_waker(&self) -> u64 {
        // Ordering: pairs with the Release in `begin_counts`.
        if self.flags.load(Ordering::Acquire) & COUNTED == 0 {
            return 0;
        }
        self.last_waker.get()
    }

    /// Counts the duration of a poll that ended at the stamp `end`. By the poller.
    #[inline]
    pub(crate) fn add_busy(&self, busy: u64, end: u64) {
        self.busy.add(busy);
        if busy > self.longest_poll.get() {
            self.longest_poll.set(busy);
            let at = u32::try_from(clock::stamp_to_ns(end) >> AT_SHIFT).unwrap_or(u32::MAX);
            self.longest_poll_at.store(at, Ordering::Relaxed);
        }
    }

    /// When the longest poll ended, on telemetry's clock, to about eight milliseconds.
    pub(super) fn longest_poll_at_ns(&self) -> u64 {
        u64::from(self.longest_poll_at.load(Ordering::Relaxed)) << AT_SHIFT
    }

    /// Asks the processor to bring the record near, since it is about to be written.
    #[inline]
    pub(crate) fn prefetch(&self) {
        let lines = ptr::from_ref(self).cast::<u8>();
        prefetch(lines.wrapping_add(64));
        prefetch(lines);
    }

    /// Makes the counts those of this task, with nothing counted yet, unless they are. By the poller.
    #[inline]
    pub(crate) fn ensure_counts(&self) {
        if !self.has_counts() {
            self.begin_counts();
        }
    }

    fn begin_counts(&self) {
        // Ordering: as in `fill`, whose thread may have been another.
        fence(Ordering::Release);
        let zeroed = [
            &self.polls,
            &self.busy,
            &self.scheduled,
            &self.longest_poll,
            &self.last_waker,
            &self.wakes,
            &self.self_wakes,
            &self.waker_clones,
        ];
        zeroed.into_iter().for_each(|counter| counter.set(0));
        self.since.set(self.created.get());
        let flags = self.flags.load(Ordering::Relaxed);
        // Ordering: pairs with the Acquire in `counts`: who sees the flag sees the counts.
        self.flags.store(flags | COUNTED, Ordering::Release);
    }

    /// Whether the counts are those of this task. For the poller.
    #[inline]
    pub(crate) fn has_counts(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & COUNTED != 0
    }

    /// The counts, as far as they have begun. For readers.
    pub(super) fn counts(&self) -> Counts {
        // Ordering: pairs with the Release in `begin_counts`.
        if self.flags.load(Ordering::Acquire) & COUNTED == 0 {
            return Counts::default();
        }
        Counts {
            polls: self.polls.get(),
            busy: self.busy.get(),
            scheduled: self.scheduled.get(),
            longest_poll: self.longest_poll.get(),
            wakes: self.wakes.get(),
            self_wakes: self.self_wakes.get(),
            waker_clones: self.waker_clones.get(),
        }
    }

    /// The stamp of `since`, or of the task's beginning. For readers.
    pub(super) fn stamp(&self) -> u64 {
        // Ordering: pairs with the Release in `begin_counts`.
        if self.flags.load(Ordering::Acquire) & COUNTED == 0 {
            return self.created.get();
        }
        self.since.get()
    }

    /// Drops what the record owns. The caller alone has it.
    pub(super) fn clear(&self) {
        // The caller alone has the record, so no read-modify-write is needed to take the name out.
        let name = self.name.load(Ordering::Relaxed);
        if !name.is_null() {
            self.name.store(ptr::null_mut(), Ordering::Relaxed);
            // SAFETY: from `Box::into_raw` in `fill`; taken out, so dropped once; no reader has
            // the record pinned but the caller.
            drop(unsafe { Box::from_raw(name) });
        }
        self.id.set(0);
    }

    /// The place of the spawn.
    pub(crate) fn location(&self) -> &'static Location<'static> {
        // SAFETY: called on records that belong or belonged to a task only. `fill` stored a `&'static`
        // reference then, and nothing else is ever stored.
        unsafe { &*self.location.load(Ordering::Relaxed) }
    }

    /// A poll ended at `stamp`, and what it adds follows. 0, for a task that no worker polls: it
    /// follows, and the stamp after it.
    #[inline]
    pub(crate) fn begin_to_count(&self, stamp: u64) {
        self.since.set(stamp);
        // Ordering: pairs with the Acquire fence in `capture.rs`: who sees what follows sees that
        // the stamp has changed.
        fence(Ordering::Release);
    }

    /// All that a poll adds is added.
    #[inline]
    pub(crate) fn end_counting(&self, stamp: u64) {
        // Ordering: pairs with the Acquire fence in `capture.rs`: who sees the stamp sees the counts.
        fence(Ordering::Release);
        self.since.set(stamp);
    }

    /// Notes that a task which no worker polls runs, or no longer does.
    pub(crate) fn set_running(&self, running: bool) {
        let counted = self.flags.load(Ordering::Relaxed) & COUNTED;
        let running = if running { RUNNING } else { 0 };
        // Ordering: keeps what `begin_counts` published visible to the Acquire in `counts`.
        self.flags.store(counted | running, Ordering::Release);
    }

    pub(crate) fn is_running(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & RUNNING != 0
    }

    /// Counts a poll, and how long the task had waited for it, in the task's own histograms, if
    /// somebody looks at the task.
    #[inline]
    pub(crate) fn count_watched(&self, busy: u64, waited: u64) {
        let watch = self.watch.load(Ordering::Relaxed);
        if watch != 0 {
            watch::record(u32::from(watch) - 1, self.id.get(), busy, waited);
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
            kind: AtomicU8::new(0),
            flags: AtomicU8::new(0),
            watch: AtomicU8::new(0),
            longest_poll_at: AtomicU32::new(0),
            longest_poll: Counter::new(0),
            since: Counter::new(0),
            polls: Counter::new(0),
            busy: Counter::new(0),
            scheduled: Counter::new(0),
            last_waker: Counter::new(0),
            wakes: Counter::new(0),
            self_wakes: Counter::new(0),
            waker_clones: Counter::new(0),
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

impl RecordTable {
    /// The record of a slot handed out by [`take_slots`](RecordTable::take_slots).
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &TaskRecord {
        self.entry(slot)
    }

    /// The record in `slot` and the id of its task, if that has not completed. The record may be
    /// another's the next moment: the id in it tells.
    #[inline]
    pub(crate) fn live(&self, slot: u32) -> Option<(u64, &TaskRecord)> {
        let record = self.entry(slot);
        let is_live = self.is_live_owner(record.owner.load(Ordering::Relaxed));
        // 0: it has completed since.
        let id = record.id.published();
        (is_live && id != 0).then_some((id, record))
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

    /// Bytes in records that were ever used.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.slots().end) * size_of::<TaskRecord>() as u64
    }
}

impl Pin<'_> {
    pub(crate) fn record(&self) -> &TaskRecord {
        self.entry
    }

    /// The header of the task's cell. `None` for `block_on`.
    pub(crate) fn header(&self) -> Option<&Header> {
        // SAFETY: the pin keeps the cell, and a header is never borrowed mutably.
        self.cell().map(|cell| unsafe { cell.as_ref() })
    }

    /// The task's own poll times and waits for its turn, kept from the first call on.
    pub(super) fn watch(&self) -> Option<Watched> {
        let record = self.record();
        if !matches!(record.kind(), TaskKind::Task | TaskKind::Local) {
            return None;
        }
        let (watch, watched) = watch::request(record.id.get());
        let number = u8::try_from(watch + 1).expect("there are few watches");
        record.watch.store(number, Ordering::Relaxed);
        Some(watched)
    }

    pub(crate) fn name(&self) -> Option<Arc<str>> {
        let name = self.record().name.load(Ordering::Relaxed);
        // SAFETY: `fill` stored null or a box, which `clear` frees only when nobody has the
        // record pinned.
        unsafe { name.as_ref() }.cloned()
    }
}

#[cfg(all(test, not(zokio_loom)))]
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
    fn readers_against_a_churning_table_see_only_whole_tasks() {
        let table = RecordTable::new();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let churning = scope.spawn(|| {
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
            churning.join().unwrap();
        });
    }
}

//! Pins against the end of tasks under loom: exactly one of reader and completer frees the record,
//! and the scheduler's reference to the cell with it.

use std::alloc::alloc;
use std::future::Ready;
use std::panic::Location;

use super::*;
use crate::task::Id;
use crate::task::raw;
use crate::telemetry::TaskKind;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// loom's atomics are not valid as zeroes.
pub(super) fn fill_chunk(records: *mut Entry, len: usize) {
    for index in 0..len {
        // SAFETY: the chunk has this length and is the caller's.
        unsafe { records.add(index).write(Entry::for_calibration()) };
    }
}

type Task = Ready<()>;

/// A cell, for its state's references. Nobody runs it, and its runtime is never looked at.
struct Cell(NonNull<Header>);

impl Cell {
    /// A task's cell has a scheduler's reference and a join handle's, which the model keeps.
    fn new(slot: u32) -> Cell {
        // SAFETY: a cell is not empty.
        let memory = NonNull::new(unsafe { alloc(raw::layout::<Task>()) }).unwrap();
        let future = std::future::ready(());
        let identity = raw::Identity {
            id: Id::next(),
            slot,
            now: 0,
            location: std::panic::Location::caller(),
            shared: NonNull::dangling().as_ptr(),
        };
        // SAFETY: the memory is ours, of this layout.
        Cell(unsafe { raw::place(memory, future, identity) })
    }

    /// Drops the completer's reference, and thereby the model's is the last.
    fn assert_one_reference_is_left(self) {
        // SAFETY: the model's reference keeps the cell.
        assert!(unsafe { self.0.as_ref() }.state.drop_ref());
        // SAFETY: that was the last one; nothing in the cell needs dropping.
        unsafe { dealloc(self.0.as_ptr().cast(), raw::layout::<Task>()) };
    }
}

/// A table with one record, and what its users write: loom reports those that are not one after
/// another.
struct Model {
    table: RecordTable,
    content: UnsafeCell<u32>,
}

const SLOT: u32 = 0;

impl Model {
    /// With a task in the record.
    fn new() -> (Arc<Model>, Cell) {
        let model = Model {
            table: RecordTable::new(),
            content: UnsafeCell::new(0),
        };
        assert_eq!(model.table.take_slot(), SLOT);
        let cell = model.publish(1);
        (Arc::new(model), cell)
    }

    /// A task begins in the record.
    fn publish(&self, content: u32) -> Cell {
        let cell = Cell::new(SLOT);
        self.write(content);
        let task = NewTask {
            cell: Some(cell.0),
            id: u64::from(content),
            kind: TaskKind::Task,
            location: Location::caller(),
            name: None,
            parent: 0,
            created: 0,
        };
        self.table.publish(SLOT, task);
        cell
    }

    /// The task ends: what the scheduler does then. True: its record is free.
    fn end(&self, cell: &Cell) -> bool {
        let free = self.table.retire(SLOT);
        // SAFETY: the completer has one reference.
        assert!(!unsafe { cell.0.as_ref() }.state.drop_ref(), "the handle's");
        free
    }

    fn write(&self, content: u32) {
        // SAFETY: loom checks that nobody accesses it meanwhile.
        self.content.with_mut(|value| unsafe { *value = content });
    }

    /// Reads the record, if it can be pinned, from its beginning to its end.
    fn look(&self) -> Option<u32> {
        let pin = self.table.pin(SLOT)?;
        // SAFETY: loom checks that nobody writes meanwhile.
        let content = self.content.with(|value| unsafe { *value });
        assert_eq!(u64::from(content), pin.entry.id.get());
        assert!(pin.cell().is_some());
        drop(pin);
        Some(content)
    }

    /// The slot is free once: given back by the reader, or left to the completer by `retire`.
    fn assert_slot_is_free(&self, retired: bool) {
        let free = &self.table.free.lock().slots;
        let given_back: &[u32] = if retired { &[] } else { &[SLOT] };
        assert_eq!(free.as_slice(), given_back);
        assert_eq!(self.table.entry(SLOT).owner.load(Ordering::Relaxed), 0);
    }
}

fn looking(model: &Arc<Model>) -> thread::JoinHandle<Option<u32>> {
    let model = model.clone();
    thread::spawn(move || model.look())
}

#[test]
fn loom_pin_against_retire_frees_once() {
    loom::model(|| {
        let (model, cell) = Model::new();
        let reader = looking(&model);
        let retired = model.end(&cell);
        if retired {
            // The slot's next user.
            model.write(7);
        }
        reader.join().unwrap();
        model.assert_slot_is_free(retired);
        cell.assert_one_reference_is_left();
    });
}

#[test]
fn loom_two_readers_against_retire_free_once() {
    loom::model(|| {
        let (model, cell) = Model::new();
        let readers = [looking(&model), looking(&model)];
        let retired = model.end(&cell);
        for reader in readers {
            reader.join().unwrap();
        }
        model.assert_slot_is_free(retired);
        cell.assert_one_reference_is_left();
    });
}

/// A record that is retired and begins again: a reader sees one task or the other, whole.
#[test]
fn loom_reader_of_a_reused_record_sees_a_whole_task() {
    loom::model(|| {
        let (model, first) = Model::new();
        let reader = looking(&model);
        let free = model.end(&first);
        let second = free.then(|| model.publish(2));
        let seen = reader.join().unwrap();
        assert!(matches!(seen, None | Some(1)) || second.is_some());
        if let Some(second) = second {
            assert!(model.end(&second), "nobody looks any more");
            second.assert_one_reference_is_left();
        }
        model.assert_slot_is_free(free);
        first.assert_one_reference_is_left();
    });
}

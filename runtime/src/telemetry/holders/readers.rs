//! Readers: which tasks have a lock for reading, and where they took it.
//!
//! A lock may have any number of readers, so each guard has an entry of its own in a process-wide
//! table ([`Leaked`]), from when it is made until it is dropped. Free entries are kept by the thread:
//! the one that was given back last is taken next, so that noting a read writes to a line that no
//! other processor has. (A word in the lock would be written by all of them, and was measurably
//! slower.) An entry may be given back on another thread than the one that has taken it; a thread
//! that gets many gives them on.
//!
//! An entry is cleared before the lock is given back, and written after it was taken: what a reader of
//! the table finds there has the lock, or had it a moment ago. A guard that was forgotten stays, and
//! so does its hold on the lock; but should the lock be dropped all the same, which a borrowed guard
//! then no longer prevents, another one at its address seems to have that reader. As with a [`Holder`](super::Holder), a guard that was moved is shown
//! with the task that took it.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::MAY_MOVE;
use super::cell::{Taken, Taker};
use super::leaked::{Empty, Leaked};
use crate::telemetry::current;

/// Entries that a thread takes from the table, and gives back to it, at once.
const BATCH: usize = 32;
/// The most that it keeps.
const KEPT_MAX: usize = 2 * BATCH;

/// What is noted of one guard.
#[derive(Debug)]
struct Entry {
    /// The address that wait notes name the lock by; 0: no guard's.
    resource: AtomicU64,
    reader: Taker,
}

impl Empty for Entry {
    const EMPTY: Entry = Entry {
        resource: AtomicU64::new(0),
        reader: Taker::new(),
    };
}

static TABLE: Leaked<Entry> = Leaked::new();

/// The free entries of a thread but for the one in `NEXT`.
struct Kept(RefCell<Vec<&'static Entry>>);

/// In place of an entry: there is none.
static NONE: Entry = Entry::EMPTY;

thread_local! {
    /// The entry that was given back last, or `NONE`. Without a destructor, so that it is reached by
    /// one load. `None` before and after the thread has its `KEPT`, whose destructor takes it out.
    static NEXT: Cell<Option<&'static Entry>> = const { Cell::new(None) };
    static KEPT: Kept = const { Kept(RefCell::new(Vec::new())) };
}

/// A free entry.
#[inline]
fn take() -> &'static Entry {
    match NEXT.replace(Some(&NONE)) {
        Some(entry) if !ptr::eq(entry, &NONE) => entry,
        _ => take_kept(),
    }
}

#[cold]
fn take_kept() -> &'static Entry {
    let kept = KEPT.try_with(|kept| {
        let mut free = kept.0.borrow_mut();
        if free.is_empty() {
            TABLE.take_into(&mut free, BATCH);
        }
        free.pop().expect("some were taken")
    });
    kept.unwrap_or_else(|_| {
        NEXT.set(None);
        TABLE.take()
    })
}

#[inline]
fn give_back(entry: &'static Entry) {
    match NEXT.replace(Some(entry)) {
        Some(other) if ptr::eq(other, &NONE) => {}
        other => keep(other),
    }
}

/// Keeps what the last one given back has displaced. `None`: nothing, but there may be no `KEPT`.
#[cold]
fn keep(displaced: Option<&'static Entry>) {
    let kept = KEPT.try_with(|kept| {
        let mut free = kept.0.borrow_mut();
        if free.len() >= KEPT_MAX {
            TABLE.give_back_all(free.drain(BATCH..));
        }
        free.extend(displaced);
    });
    if kept.is_err() {
        TABLE.give_back_all(NEXT.take().into_iter());
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let next = NEXT.take().filter(|entry| !ptr::eq(*entry, &NONE));
        let free = self.0.get_mut().drain(..);
        TABLE.give_back_all(free.chain(next));
    }
}

/// That a task has a lock for reading: part of the guard. `None`: it is no task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading(Option<&'static Entry>);

impl Reading {
    /// The task being polled on this thread has the lock that notes name by `resource`, since that
    /// place.
    #[inline]
    pub(crate) fn taken(resource: *const (), place: &'static Location<'static>) -> Reading {
        Reading::taken_with(0, resource, place)
    }

    /// As [`taken`](Reading::taken), by an owned guard.
    #[inline]
    pub(crate) fn taken_to_move(resource: *const (), place: &'static Location<'static>) -> Reading {
        Reading::taken_with(MAY_MOVE, resource, place)
    }

    #[inline]
    fn taken_with(mark: u64, resource: *const (), place: &'static Location<'static>) -> Reading {
        let task = current::get().task;
        if task == 0 {
            return Reading(None);
        }
        let entry = take();
        let place = ptr::from_ref(place).cast_mut();
        // Ordering: pairs with the Acquire fence in `read`: who sees this reader sees that the one
        // before has gone from the entry, and that the task waits for the lock no more.
        fence(Ordering::Release);
        entry.reader.store(task | mark, place);
        // Ordering: pairs with the Acquire in `of`: who sees the lock's name sees the reader.
        entry
            .resource
            .store(resource.addr() as u64, Ordering::Release);
        Reading(Some(entry))
    }

    /// The guard is about to give the lock back.
    #[inline]
    pub(crate) fn end(self) {
        let Some(entry) = self.0 else { return };
        entry.resource.store(0, Ordering::Relaxed);
        give_back(entry);
    }
}

/// Where a reader is noted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownReader {
    /// What wait notes name the lock by.
    pub(crate) resource: u64,
    entry: &'static Entry,
}

impl KnownReader {
    /// The reader, if the lock still has one there.
    pub(crate) fn read(&self) -> Option<Taken> {
        // Ordering: Acquire pairs with the Release store in `taken_with`: the reader is not older than
        // the lock's name.
        if self.entry.resource.load(Ordering::Acquire) != self.resource {
            return None;
        }
        let taken = self.entry.reader.taken();
        // Ordering: Acquire pairs with the Release fence in `taken_with`: had the entry been another
        // lock's meanwhile, either that or the next reader would be seen.
        fence(Ordering::Acquire);
        let still = self.entry.resource.load(Ordering::Relaxed) == self.resource;
        // Ordering: as above; and what the caller looks at next is not older than the reader.
        fence(Ordering::Acquire);
        (still && self.entry.reader.taken() == taken).then_some(taken)
    }
}

/// The readers of all locks, in no order.
pub(crate) fn readers() -> impl Iterator<Item = KnownReader> {
    let known = |entry: &'static Entry| KnownReader {
        // Ordering: pairs with the Release in `taken_with`.
        resource: entry.resource.load(Ordering::Acquire),
        entry,
    };
    TABLE.all().map(known).filter(|known| known.resource != 0)
}

#[cfg(all(test, not(zokio_loom)))]
mod tests {
    use super::*;
    use crate::sync::test_util::{fresh_task, polling};

    fn tasks(resource: *const ()) -> Vec<u64> {
        let resource = resource.addr() as u64;
        let of_lock = readers().filter(|known| known.resource == resource);
        let taken = of_lock.filter_map(|known| known.read());
        let mut tasks: Vec<u64> = taken.map(|taken| taken.task).collect();
        tasks.sort_unstable();
        tasks
    }

    #[test]
    fn each_reader_is_named_until_its_guard_goes() {
        let lock = 0;
        let at = ptr::from_ref(&lock).cast();
        let (one, two) = (fresh_task(), fresh_task());
        let read = |task| {
            let _polling = polling(task);
            Reading::taken(at, Location::caller())
        };
        let guards = [read(one), read(two), read(one)];
        assert_eq!(tasks(at), [one, one, two]);
        guards[0].end();
        assert_eq!(tasks(at), [one, two]);
        guards[1].end();
        guards[2].end();
        assert_eq!(tasks(at), []);
    }

    #[test]
    fn place_and_kind_of_guard_are_told() {
        let lock = 0;
        let at = ptr::from_ref(&lock).cast();
        let _polling = polling(fresh_task());
        let place = Location::caller();
        let guard = Reading::taken_to_move(at, place);
        let known = readers().find(|known| known.resource == at.addr() as u64);
        let taken = known.unwrap().read().unwrap();
        assert_eq!((taken.place, taken.may_move), (Some(place), true));
        guard.end();
        assert!(known.unwrap().read().is_none());
    }

    #[test]
    fn what_is_no_task_is_not_named() {
        let lock = 0;
        let at = ptr::from_ref(&lock).cast();
        Reading::taken(at, Location::caller()).end();
        assert_eq!(tasks(at), []);
    }

    #[test]
    fn entries_that_another_thread_gives_back_are_used_again() {
        const ROUNDS: usize = 50;
        let lock = 0;
        let at = ptr::from_ref(&lock).cast::<()>().addr();
        let taken = || {
            let _polling = polling(fresh_task());
            let guards =
                (0..1000).map(|_| Reading::taken(ptr::without_provenance(at), Location::caller()));
            guards.collect::<Vec<_>>()
        };
        let entries = || TABLE.all().count();
        taken().into_iter().for_each(Reading::end);
        let before = entries();
        for _ in 0..ROUNDS {
            let guards = taken();
            std::thread::spawn(|| guards.into_iter().for_each(Reading::end))
                .join()
                .unwrap();
        }
        // Other tests take some meanwhile; 50,000 would be missed.
        assert!(entries() - before < 1000 * ROUNDS / 2);
    }
}

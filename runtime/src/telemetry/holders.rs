//! Holders: which task holds a lock that others wait for, and where it took it.
//!
//! A lock has a [`Holder`], in which the task that takes it stores its id and the place. Readers must
//! not touch memory that may go away, so they look at cells of a process-wide table instead
//! ([`cell`]): the first task that ever waits for a lock gives it one, and from then on the holder
//! stores these there too. A lock that nobody has waited for has no cell; taking it is three stores'
//! worth of telemetry.
//!
//! What several may have a part of has no holder, but those who took from it: the takers of a
//! semaphore's permits are remembered ([`Takers`]), and a guard for reading notes its task
//! ([`Reading`]).
//!
//! Non-goal: that a guard stays with the task that has taken it. One that was moved to another task
//! is shown as held by the task that took it. An owned guard is made to be moved, so its holder is
//! marked as not exact.
//!
//! # Why a cell names no task that does not hold the lock
//!
//! The holder clears its word, gives the lock back by a read-modify-write, and then looks for a
//! cell to clear. A waiter puts the cell in place, reads the word, stores what it read into the
//! cell, which was empty, and reads the word again. If the holder does not see the cell, the waiter
//! comes later and finds the word cleared. If it does, either it clears what the waiter has stored,
//! or it came before the store, and then the waiter's second look finds the word cleared and takes
//! its store back. (A processor that moves the holder's look before its store, or the waiter's second
//! look before its own, may leave a name in the cell until the lock is next taken. A fence would cost
//! every unlock more than that is worth.)
//!
//! The place is stored before the name, and never cleared: it means nothing without a name.

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use super::current;

mod cell;
mod leaked;
mod readers;
mod takers;

use cell::Cell;
pub(crate) use cell::{CellView, HeldBy, Known, Taken, all};
pub(crate) use readers::{KnownReader, Reading, readers};
pub(crate) use takers::Takers;

/// In the word with the holder's id, which is below 2^53: the guard is one that is easily moved.
const MAY_MOVE: u64 = 1 << 63;

/// In place of an id: what has taken the lock is no task, but a thread or a `block_on`.
const NO_TASK: u64 = 1 << 62;

/// What a lock remembers of the task that holds it.
#[derive(Debug)]
pub(crate) struct Holder {
    /// 0: nobody. Or `NO_TASK`. With `MAY_MOVE`.
    task: AtomicU64,
    /// Where the latest to take the lock did so.
    place: AtomicPtr<Location<'static>>,
    /// Null, or a cell of the table that is this lock's until it is dropped.
    cell: AtomicPtr<Cell>,
}

/// The task that held a lock until now, on the way from [`Holder::release`] to
/// [`Holder::released`].
#[derive(Debug, Clone, Copy)]
#[must_use = "to be passed to `released`, once the lock is free"]
pub(crate) struct Former(u64);

impl Holder {
    /// Of a lock that is free.
    pub(crate) const fn new() -> Holder {
        Holder {
            task: AtomicU64::new(0),
            place: AtomicPtr::new(ptr::null_mut()),
            cell: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The task being polled on this thread has taken the lock at that place; without one it is the
    /// thread that has.
    #[inline]
    pub(crate) fn taken(&self, place: &'static Location<'static>) {
        self.taken_with(0, place);
    }

    /// As [`taken`](Holder::taken), by an owned guard.
    #[inline]
    pub(crate) fn taken_to_move(&self, place: &'static Location<'static>) {
        self.taken_with(MAY_MOVE, place);
    }

    #[inline]
    fn taken_with(&self, mark: u64, place: &'static Location<'static>) {
        let task = match current::get().task {
            0 => NO_TASK,
            task => task,
        };
        self.hold(task | mark, ptr::from_ref(place).cast_mut());
    }

    #[inline]
    fn hold(&self, task: u64, place: *mut Location<'static>) {
        self.place.store(place, Ordering::Relaxed);
        self.task.store(task, Ordering::Relaxed);
        if let Some(cell) = self.cell() {
            cell.hold(task, place);
        }
    }

    /// The task being polled on this thread has the only end of a channel now, which is easily moved.
    /// To be called again and again: a change alone costs stores.
    #[inline]
    pub(crate) fn used(&self) {
        let task = current::get().task;
        if task != 0 && self.task.load(Ordering::Relaxed) != task | MAY_MOVE {
            self.hold(task | MAY_MOVE, ptr::null_mut());
        }
    }

    /// The holder is about to give the lock back.
    #[inline]
    pub(crate) fn release(&self) -> Former {
        let task = self.task.load(Ordering::Relaxed);
        if task != 0 {
            self.task.store(0, Ordering::Relaxed);
        }
        Former(task)
    }

    /// The former holder has given the lock back.
    #[inline]
    pub(crate) fn released(&self, former: Former) {
        if former.0 == 0 {
            return;
        }
        if let Some(cell) = self.cell() {
            // Another may have taken the lock meanwhile: its name stays.
            cell.let_go(former.0);
        }
    }

    /// A task waits for the lock, which its notes name by `resource`. Makes the holder visible.
    pub(crate) fn waited_for(&self, resource: *const ()) {
        let cell = self.cell().unwrap_or_else(|| cell::give(&self.cell));
        cell.name(resource);
        let task = self.task.load(Ordering::Relaxed);
        if task == 0 || cell.is_held_by(task) {
            return;
        }
        let place = self.place.load(Ordering::Relaxed);
        if cell.hold_if_free(task, place) && self.task.load(Ordering::Relaxed) != task {
            cell.let_go(task);
        }
    }

    #[inline]
    fn cell(&self) -> Option<&'static Cell> {
        cell::of(&self.cell)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        cell::take_back(&mut self.cell);
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests {
    use super::*;
    use crate::sync::test_util::{fresh_task, polling};

    fn view_of(resource: *const ()) -> Option<CellView> {
        let resource = resource.addr() as u64;
        all().find(|known| known.resource == resource)?.read()
    }

    fn holder_of(resource: *const ()) -> Option<u64> {
        view_of(resource)?.holder.map(|holder| holder.task)
    }

    fn address<T>(of: &T) -> *const () {
        ptr::from_ref(of).cast()
    }

    #[test]
    fn holder_shows_once_somebody_waits() {
        let holder = Holder::new();
        let task = fresh_task();
        {
            let _polling = polling(task);
            holder.taken(Location::caller());
        }
        assert_eq!(holder_of(address(&holder)), None);
        holder.waited_for(address(&holder));
        assert_eq!(holder_of(address(&holder)), Some(task));
    }

    #[test]
    fn a_thread_holds_without_a_name() {
        let holder = Holder::new();
        let is_held = || view_of(address(&holder)).map(|view| view.is_held);
        holder.taken_to_move(Location::caller());
        holder.waited_for(address(&holder));
        assert_eq!((holder_of(address(&holder)), is_held()), (None, Some(true)));
        let former = holder.release();
        holder.released(former);
        assert_eq!(is_held(), Some(false));
    }

    #[test]
    fn holder_goes_with_the_release_and_the_next_shows_at_once() {
        let holder = Holder::new();
        let (one, two) = (fresh_task(), fresh_task());
        {
            let _polling = polling(one);
            holder.taken(Location::caller());
        }
        holder.waited_for(address(&holder));
        let former = holder.release();
        holder.released(former);
        assert_eq!(holder_of(address(&holder)), None);
        let _polling = polling(two);
        holder.taken(Location::caller());
        assert_eq!(holder_of(address(&holder)), Some(two));
    }

    #[test]
    fn late_release_leaves_the_next_holder() {
        let holder = Holder::new();
        let (one, two) = (fresh_task(), fresh_task());
        {
            let _polling = polling(one);
            holder.taken(Location::caller());
        }
        holder.waited_for(address(&holder));
        let former = holder.release();
        {
            let _polling = polling(two);
            holder.taken(Location::caller());
        }
        holder.released(former);
        assert_eq!(holder_of(address(&holder)), Some(two));
    }

    #[test]
    fn holder_by_an_owned_guard_is_not_exact_until_the_next() {
        let holder = Holder::new();
        let exact = || view_of(address(&holder))?.holder.map(|holder| holder.exact);
        holder.waited_for(address(&holder));
        let _polling = polling(fresh_task());
        holder.taken_to_move(Location::caller());
        assert_eq!(exact(), Some(false));
        let former = holder.release();
        holder.released(former);
        assert_eq!(exact(), None);
        holder.taken(Location::caller());
        assert_eq!(exact(), Some(true));
    }

    #[test]
    fn the_place_is_that_of_the_latest_to_take_the_lock() {
        let holder = Holder::new();
        let place = || {
            let holder = view_of(address(&holder))?.holder?;
            holder.place.map(Location::line)
        };
        let _polling = polling(fresh_task());
        let first = Location::caller();
        let second = Location::caller();
        holder.taken(first);
        holder.waited_for(address(&holder));
        assert_eq!(place(), Some(first.line()));
        let former = holder.release();
        holder.released(former);
        assert_eq!(place(), None, "nobody holds it");
        holder.taken(second);
        assert_eq!(place(), Some(second.line()));
    }

    #[test]
    fn a_receiver_is_the_holder_from_its_first_use_on() {
        let receiver = Holder::new();
        receiver.waited_for(address(&receiver));
        for task in [fresh_task(), fresh_task()] {
            let _polling = polling(task);
            receiver.used();
            receiver.used();
            assert_eq!(holder_of(address(&receiver)), Some(task));
        }
    }

    #[test]
    fn nothing_is_held_outside_of_a_task() {
        let holder = Holder::new();
        holder.taken(Location::caller());
        holder.waited_for(address(&holder));
        assert_eq!(holder_of(address(&holder)), None);
    }

    #[test]
    fn cell_of_a_dropped_lock_names_it_no_more() {
        let holder = Box::new(Holder::new());
        let at = address(&*holder);
        let _polling = polling(fresh_task());
        holder.taken(Location::caller());
        holder.waited_for(at);
        drop(holder);
        assert_eq!(holder_of(at), None);
    }
}

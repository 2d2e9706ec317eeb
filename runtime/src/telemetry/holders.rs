//! Holders: which task holds a lock that others wait for.
//!
//! A lock has a [`Holder`], in which the task that takes it stores its id. Readers must not touch
//! memory that may go away, so they look at cells of a process-wide table instead: the first task
//! that ever waits for a lock gives it one, and from then on the holder stores its id there too. A
//! lock that nobody has waited for has no cell; taking it is two stores' worth of telemetry.
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

#![expect(unsafe_code, reason = "type-stable cells that are never freed")]

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

use parking_lot::Mutex;

use super::current;

/// In the word with the holder's id, which is below 2^53: the guard is one that is easily moved.
const MAY_MOVE: u64 = 1 << 63;

/// What a lock remembers of the task that holds it.
#[derive(Debug)]
pub(crate) struct Holder {
    /// 0: nobody, or no task. With `MAY_MOVE`.
    task: AtomicU64,
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
            cell: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The task being polled on this thread has taken the lock.
    #[inline]
    pub(crate) fn taken(&self) {
        self.taken_with(0);
    }

    /// As [`taken`](Holder::taken), by an owned guard.
    #[inline]
    pub(crate) fn taken_to_move(&self) {
        self.taken_with(MAY_MOVE);
    }

    #[inline]
    fn taken_with(&self, mark: u64) {
        let task = current::get().task;
        if task == 0 {
            return;
        }
        let task = task | mark;
        self.task.store(task, Ordering::Relaxed);
        if let Some(cell) = self.cell() {
            // Ordering: Release pairs with the Acquire fence in `Cell::read`: who sees this holder
            // does not see the name of a lock that had the cell before.
            cell.task.store(task, Ordering::Release);
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
            let _ = cell
                .task
                .compare_exchange(former.0, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// A task waits for the lock, which its notes name by `resource`. Makes the holder visible.
    pub(crate) fn waited_for(&self, resource: *const ()) {
        let cell = self.cell().unwrap_or_else(|| self.give_cell());
        let resource = resource.addr() as u64;
        if cell.resource.load(Ordering::Relaxed) != resource {
            // Ordering: Release pairs with the first Acquire in `Cell::read`: who sees the lock's
            // name sees no holder of a lock that had the cell before.
            cell.resource.store(resource, Ordering::Release);
        }
        let task = self.task.load(Ordering::Relaxed);
        if task == 0 || cell.task.load(Ordering::Relaxed) == task {
            return;
        }
        // Ordering: Release as in `taken`; Acquire keeps the second look at the word behind the
        // first half of this.
        let stored = cell
            .task
            .compare_exchange(0, task, Ordering::AcqRel, Ordering::Relaxed);
        if stored.is_ok() && self.task.load(Ordering::Relaxed) != task {
            let _ = cell
                .task
                .compare_exchange(task, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    #[inline]
    fn cell(&self) -> Option<&'static Cell> {
        // Ordering: Acquire pairs with the Release in `give_cell`.
        let cell = self.cell.load(Ordering::Acquire);
        // SAFETY: null, or a cell of the table, which are leaked.
        unsafe { cell.as_ref() }
    }

    #[cold]
    fn give_cell(&self) -> &'static Cell {
        let new = TABLE.lock().take();
        // Ordering: Release pairs with the Acquire in `cell`, and here with another's.
        match self.cell.compare_exchange(
            ptr::null_mut(),
            ptr::from_ref(new).cast_mut(),
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => new,
            Err(theirs) => {
                TABLE.lock().free.push(new);
                // SAFETY: not null, hence a cell of the table, which are leaked.
                unsafe { &*theirs }
            }
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let cell = *self.cell.get_mut();
        // SAFETY: null, or a cell of the table, which are leaked.
        if let Some(cell) = unsafe { cell.as_ref() } {
            cell.resource.store(0, Ordering::Relaxed);
            cell.task.store(0, Ordering::Relaxed);
            TABLE.lock().free.push(cell);
        }
    }
}

/// One lock's holder, for readers.
#[derive(Debug)]
struct Cell {
    /// The address that wait notes name the lock by; 0: no lock's.
    resource: AtomicU64,
    /// 0: nobody, or no task. With `MAY_MOVE`.
    task: AtomicU64,
}

impl Cell {
    const fn new() -> Cell {
        Cell {
            resource: AtomicU64::new(0),
            task: AtomicU64::new(0),
        }
    }

    fn read(&self) -> Option<(u64, u64)> {
        // Ordering: Acquire pairs with the Release in `Holder::waited_for`.
        let resource = self.resource.load(Ordering::Acquire);
        let task = self.task.load(Ordering::Relaxed);
        // Ordering: Acquire pairs with the Release in `taken` and `waited_for`: the look that
        // follows is not older than the holder.
        fence(Ordering::Acquire);
        let still = self.resource.load(Ordering::Relaxed) == resource;
        (still && resource != 0 && task != 0).then_some((resource, task))
    }
}

const CHUNK: usize = 256;

/// Cells are leaked when first needed: as many as locks have been waited for at a time.
struct Table {
    chunks: Vec<&'static [Cell; CHUNK]>,
    free: Vec<&'static Cell>,
}

static TABLE: Mutex<Table> = Mutex::new(Table {
    chunks: Vec::new(),
    free: Vec::new(),
});

impl Table {
    fn take(&mut self) -> &'static Cell {
        if self.free.is_empty() {
            let chunk: &'static [Cell; CHUNK] = Box::leak(Box::new([const { Cell::new() }; CHUNK]));
            self.chunks.push(chunk);
            self.free.extend(chunk);
        }
        self.free.pop().expect("a chunk was just added")
    }
}

/// Who holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldBy {
    pub(crate) task: u64,
    /// Whether it is the task that took it for certain.
    pub(crate) exact: bool,
}

/// Calls `f` with the resource and the holder of every lock that is held and has been waited for.
pub(crate) fn for_each(mut f: impl FnMut(u64, HeldBy)) {
    let chunks = TABLE.lock().chunks.clone();
    for cell in chunks.into_iter().flatten() {
        if let Some((resource, task)) = cell.read() {
            let exact = task & MAY_MOVE == 0;
            let task = task & !MAY_MOVE;
            f(resource, HeldBy { task, exact });
        }
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests {
    use super::*;
    use crate::sync::test_util::{fresh_task, polling};

    fn holder_of(resource: *const ()) -> Option<u64> {
        let mut found = None;
        for_each(|at, held_by| {
            if at == resource.addr() as u64 {
                found = Some(held_by.task);
            }
        });
        found
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
            holder.taken();
        }
        assert_eq!(holder_of(address(&holder)), None);
        holder.waited_for(address(&holder));
        assert_eq!(holder_of(address(&holder)), Some(task));
    }

    #[test]
    fn holder_goes_with_the_release_and_the_next_shows_at_once() {
        let holder = Holder::new();
        let (one, two) = (fresh_task(), fresh_task());
        {
            let _polling = polling(one);
            holder.taken();
        }
        holder.waited_for(address(&holder));
        let former = holder.release();
        holder.released(former);
        assert_eq!(holder_of(address(&holder)), None);
        let _polling = polling(two);
        holder.taken();
        assert_eq!(holder_of(address(&holder)), Some(two));
    }

    #[test]
    fn late_release_leaves_the_next_holder() {
        let holder = Holder::new();
        let (one, two) = (fresh_task(), fresh_task());
        {
            let _polling = polling(one);
            holder.taken();
        }
        holder.waited_for(address(&holder));
        let former = holder.release();
        {
            let _polling = polling(two);
            holder.taken();
        }
        holder.released(former);
        assert_eq!(holder_of(address(&holder)), Some(two));
    }

    #[test]
    fn holder_by_an_owned_guard_is_not_exact_until_the_next() {
        let holder = Holder::new();
        let exact = || {
            let mut found = None;
            for_each(|at, held_by| {
                if at == address(&holder).addr() as u64 {
                    found = Some(held_by.exact);
                }
            });
            found
        };
        holder.waited_for(address(&holder));
        let _polling = polling(fresh_task());
        holder.taken_to_move();
        assert_eq!(exact(), Some(false));
        let former = holder.release();
        holder.released(former);
        assert_eq!(exact(), None);
        holder.taken();
        assert_eq!(exact(), Some(true));
    }

    #[test]
    fn nothing_is_held_outside_of_a_task() {
        let holder = Holder::new();
        holder.taken();
        holder.waited_for(address(&holder));
        assert_eq!(holder_of(address(&holder)), None);
    }

    #[test]
    fn cell_of_a_dropped_lock_names_it_no_more() {
        let holder = Box::new(Holder::new());
        let at = address(&*holder);
        let _polling = polling(fresh_task());
        holder.taken();
        holder.waited_for(at);
        drop(holder);
        assert_eq!(holder_of(at), None);
    }
}

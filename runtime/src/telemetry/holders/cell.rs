//! Cells: what readers see of the holder of a lock, and of those who took from a semaphore.
//!
//! A cell belongs to one lock or semaphore at a time, from the first wait for it until it is dropped.
//! Cells are never freed, so a reader may look at any time; whose a cell is, it looks at before and
//! after.
//!
//! # Who took permits
//!
//! Several tasks take permits at the same time, so the latest takers are kept in a ring that nobody
//! locks: a taker may overwrite another's place in it. What a place holds is a task, a location and
//! the exclusive or of both, stored one after another: if they do not fit together, two takers met
//! there, and the location is not told.

#![expect(unsafe_code, reason = "type-stable cells that are never freed")]

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

use super::leaked::{Empty, Leaked};
use super::{MAY_MOVE, NO_TASK};

/// Takers that are remembered.
pub(super) const TAKERS: usize = 4;

type Place = *mut Location<'static>;

/// One that took permits.
#[derive(Debug)]
pub(super) struct Taker {
    /// 0: nobody, or no task. With `MAY_MOVE`.
    task: AtomicU64,
    place: AtomicPtr<Location<'static>>,
    check: AtomicU64,
}

impl Taker {
    pub(super) const fn new() -> Taker {
        Taker {
            task: AtomicU64::new(0),
            place: AtomicPtr::new(ptr::null_mut()),
            check: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(super) fn store(&self, task: u64, place: Place) {
        self.task.store(task, Ordering::Relaxed);
        self.place.store(place, Ordering::Relaxed);
        self.check
            .store(task ^ place.addr() as u64, Ordering::Relaxed);
    }

    /// The task, and the location if it is known to belong to it.
    pub(super) fn load(&self) -> (u64, Place) {
        let task = self.task.load(Ordering::Relaxed);
        let place = self.place.load(Ordering::Relaxed);
        let fits = self.check.load(Ordering::Relaxed) == task ^ place.addr() as u64;
        (task, if fits { place } else { ptr::null_mut() })
    }

    pub(super) fn taken(&self) -> Taken {
        let (task, place) = self.load();
        Taken {
            task: task & !MAY_MOVE,
            may_move: task & MAY_MOVE != 0,
            // SAFETY: null or a `&'static` reference, nothing else is stored.
            place: unsafe { place.as_ref() },
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Cell {
    /// The address that wait notes name the lock by; 0: no lock's.
    resource: AtomicU64,
    /// 0: nobody. Or `NO_TASK`. With `MAY_MOVE`.
    task: AtomicU64,
    /// Where `task` took the lock.
    place: AtomicPtr<Location<'static>>,
    takers: [Taker; TAKERS],
    /// Where the next taker goes.
    next: AtomicU32,
    /// Since the latest taker, permits have come back: they may be its.
    given_back: AtomicBool,
    /// Somebody has waited for several permits at once.
    many: AtomicBool,
    /// Permits that there are, in all, plus 1; 0: nobody counts them.
    total_plus_one: AtomicU64,
}

impl Empty for Cell {
    const EMPTY: Cell = Cell {
        resource: AtomicU64::new(0),
        task: AtomicU64::new(0),
        place: AtomicPtr::new(ptr::null_mut()),
        takers: [const { Taker::new() }; TAKERS],
        next: AtomicU32::new(0),
        given_back: AtomicBool::new(false),
        many: AtomicBool::new(false),
        total_plus_one: AtomicU64::new(0),
    };
}

impl Cell {
    /// The cell is that of the lock which wait notes name by `resource`.
    pub(super) fn name(&self, resource: *const ()) {
        let resource = resource.addr() as u64;
        if self.resource.load(Ordering::Relaxed) != resource {
            // Ordering: Release pairs with the first Acquire in `read`: who sees the lock's name
            // sees nothing of a lock that had the cell before.
            self.resource.store(resource, Ordering::Release);
        }
    }

    #[inline]
    pub(super) fn hold(&self, task: u64, place: Place) {
        self.place.store(place, Ordering::Relaxed);
        // Ordering: Release pairs with the Acquire fence in `read`: who sees this holder does not
        // see the name of a lock that had the cell before.
        self.task.store(task, Ordering::Release);
    }

    pub(super) fn is_held_by(&self, task: u64) -> bool {
        self.task.load(Ordering::Relaxed) == task
    }

    pub(super) fn hold_if_free(&self, task: u64, place: Place) -> bool {
        // Ordering: Release as in `hold`; Acquire keeps the caller's second look at the lock's word
        // behind the first half of this.
        let held = self
            .task
            .compare_exchange(0, task, Ordering::AcqRel, Ordering::Relaxed);
        if held.is_ok() {
            // A holder that comes meanwhile has stored its own.
            let _ = self.place.compare_exchange(
                ptr::null_mut(),
                place,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
        held.is_ok()
    }

    pub(super) fn let_go(&self, task: u64) {
        let _ = self
            .task
            .compare_exchange(task, 0, Ordering::Relaxed, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn push(&self, task: u64, place: &'static Location<'static>) {
        self.push_raw(task, ptr::from_ref(place).cast_mut());
        self.keep();
    }

    pub(super) fn push_raw(&self, task: u64, place: Place) {
        // Not a read-modify-write: of two that meet here one is forgotten.
        let next = self.next.load(Ordering::Relaxed);
        self.next.store(next.wrapping_add(1), Ordering::Relaxed);
        self.takers[next as usize % TAKERS].store(task, place);
    }

    /// Of what the latest has taken nothing has come back.
    pub(super) fn keep(&self) {
        self.given_back.store(false, Ordering::Relaxed);
    }

    pub(super) fn give_back(&self) {
        self.given_back.store(true, Ordering::Relaxed);
    }

    /// The latest taker.
    pub(super) fn newest(&self) -> (u64, Place) {
        let next = self.next.load(Ordering::Relaxed);
        self.takers[next.wrapping_sub(1) as usize % TAKERS].load()
    }

    pub(super) fn set_total(&self, total: usize) {
        let total = (total as u64).saturating_add(1);
        self.total_plus_one.store(total, Ordering::Relaxed);
    }

    pub(super) fn set_many(&self) {
        self.many.store(true, Ordering::Relaxed);
    }

    fn clear(&self) {
        self.resource.store(0, Ordering::Relaxed);
        self.task.store(0, Ordering::Relaxed);
        self.place.store(ptr::null_mut(), Ordering::Relaxed);
        for taker in &self.takers {
            taker.store(0, ptr::null_mut());
        }
        self.next.store(0, Ordering::Relaxed);
        self.given_back.store(false, Ordering::Relaxed);
        self.many.store(false, Ordering::Relaxed);
        self.total_plus_one.store(0, Ordering::Relaxed);
    }

    /// What it says, if it is that lock's.
    fn read(&self, resource: u64) -> Option<CellView> {
        // Ordering: Acquire pairs with the Release in `name`.
        if self.resource.load(Ordering::Acquire) != resource {
            return None;
        }
        let holder = self.task.load(Ordering::Relaxed);
        // Ordering: Acquire pairs with the Release in `hold`: the place is not older than the name.
        fence(Ordering::Acquire);
        let place = self.place.load(Ordering::Relaxed);
        let held_by = HeldBy {
            task: holder & !MAY_MOVE,
            exact: holder & MAY_MOVE == 0,
            // SAFETY: null or a `&'static` reference, nothing else is stored.
            place: unsafe { place.as_ref() },
        };
        let view = CellView {
            holder: Some(held_by).filter(|held_by| !matches!(held_by.task, 0 | NO_TASK)),
            is_held: holder != 0,
            takers: self.takers(),
            given_back: self.given_back.load(Ordering::Relaxed),
            many: self.many.load(Ordering::Relaxed),
            total: self.total_plus_one.load(Ordering::Relaxed).checked_sub(1),
        };
        // Ordering: Acquire pairs with the Release in `hold` and `hold_if_free`: the look that
        // follows is not older than the holder.
        fence(Ordering::Acquire);
        let still = self.resource.load(Ordering::Relaxed) == resource;
        still.then_some(view)
    }

    /// Those who took, the latest first.
    fn takers(&self) -> Vec<Taken> {
        let next = self.next.load(Ordering::Relaxed);
        let known = (next as usize).min(TAKERS) as u32;
        let taken = |back: u32| {
            let at = next.wrapping_sub(back) as usize % TAKERS;
            self.takers[at].taken()
        };
        (1..=known).map(taken).collect()
    }
}

/// Who holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldBy {
    pub(crate) task: u64,
    /// Whether it is the task that took it for certain.
    pub(crate) exact: bool,
    /// Where it took it.
    pub(crate) place: Option<&'static Location<'static>>,
}

/// Who took permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// 0: no task.
    pub(crate) task: u64,
    /// By something that is made to be moved to another task.
    pub(crate) may_move: bool,
    pub(crate) place: Option<&'static Location<'static>>,
}

impl From<Taken> for HeldBy {
    fn from(taken: Taken) -> HeldBy {
        HeldBy {
            task: taken.task,
            exact: !taken.may_move,
            place: taken.place,
        }
    }
}

/// What a cell says.
#[derive(Debug, Clone)]
pub(crate) struct CellView {
    pub(crate) holder: Option<HeldBy>,
    /// By a task or by something else.
    pub(crate) is_held: bool,
    /// The latest first.
    pub(crate) takers: Vec<Taken>,
    /// Since the latest of them, permits have come back.
    pub(crate) given_back: bool,
    /// Somebody has waited for several permits at once.
    pub(crate) many: bool,
    pub(crate) total: Option<u64>,
}

/// The cell that a lock has been given.
#[inline]
pub(super) fn of(place: &AtomicPtr<Cell>) -> Option<&'static Cell> {
    // Ordering: Acquire pairs with the Release in `give`.
    let cell = place.load(Ordering::Acquire);
    // SAFETY: null, or a cell of the table, which are leaked.
    unsafe { cell.as_ref() }
}

/// Gives a lock a cell, or finds that another has done so meanwhile.
#[cold]
pub(super) fn give(place: &AtomicPtr<Cell>) -> &'static Cell {
    let new = TABLE.take();
    // Ordering: Release pairs with the Acquire in `of`, and here with another's.
    match place.compare_exchange(
        ptr::null_mut(),
        ptr::from_ref(new).cast_mut(),
        Ordering::AcqRel,
        Ordering::Acquire,
    ) {
        Ok(_) => new,
        Err(theirs) => {
            TABLE.give_back(new);
            // SAFETY: not null, hence a cell of the table, which are leaked.
            unsafe { &*theirs }
        }
    }
}

/// A lock is dropped: its cell is free for another.
#[inline]
pub(super) fn take_back(place: &mut AtomicPtr<Cell>) {
    // SAFETY: null, or a cell of the table, which are leaked.
    if let Some(cell) = unsafe { place.get_mut().as_ref() } {
        cell.clear();
        TABLE.give_back(cell);
    }
}

static TABLE: Leaked<Cell> = Leaked::new();

/// Every lock and semaphore that has been waited for.
pub(crate) fn all() -> impl Iterator<Item = Known> {
    let known = |cell: &'static Cell| Known {
        resource: cell.resource.load(Ordering::Relaxed),
        cell,
    };
    TABLE.all().map(known).filter(|known| known.resource != 0)
}

/// Where it is told of a lock or semaphore who has it, for as long as that lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// What wait notes name it by.
    pub(crate) resource: u64,
    cell: &'static Cell,
}

impl Known {
    /// What is known of it now. `None`: it is no more.
    pub(crate) fn read(&self) -> Option<CellView> {
        self.cell.read(self.resource)
    }
}

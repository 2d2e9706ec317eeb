//! Memory for task cells.
//!
//! A task that is spawned on one worker and completes on another makes a general allocator move
//! memory between threads, and costs it 8 to 16 bytes of bookkeeping a cell. Here cells are cut
//! out of slabs by size class (every 8 bytes), with no bytes in between, and free ones are kept in
//! chains that pass between workers as a whole ("magazines": Bonwick and Adams, "Magazines and
//! Vmem", USENIX 2001).
//!
//! - A worker has two chains a class of at most [`BATCH`] cells ([`Magazines`]) and uses them
//!   without a lock. Two, so that a worker that allocates and frees by turns at the edge of one
//!   does not go to the depot each time.
//! - The runtime's [`CellPool`] has a depot a class, under a lock, that gives and takes whole
//!   chains. Threads that are no workers go to the depot for every cell.
//!
//! Cells that are too large or need a stricter alignment come from the global allocator. Slabs are
//! given back when the runtime ends, which is after its last cell is gone.
//!
//! # No cell is handed out twice, none is lost
//!
//! | a cell is            | owned by                     | leaves it by                             |
//! |----------------------|------------------------------|------------------------------------------|
//! | not cut              | the depot's slab             | `cut`, under the lock                    |
//! | in use               | its task                     | `free`, by whoever drops the last reference |
//! | in a magazine        | the worker that has the core | `allocate`; with its whole chain, to the depot |
//! | in a depot           | the depot                    | `allocate`, `reload`, under the lock     |
//!
//! A cell is in one of these places at a time, since each move takes it out of one owner's chain
//! before it puts it into another's, and each owner is exclusive: a task's memory is freed once, by
//! the last reference; a magazine belongs to a core, which one thread has at a time; a depot is
//! under its lock. A cell that is freed on a worker goes to that worker's magazine, wherever it was
//! allocated, and one that is freed elsewhere to the depot: no thread touches another's magazine,
//! so there is no remote free. Moves between threads go through the lock (or, with a core, through
//! whatever handed that over), so what the one wrote into a cell comes before what the other does.
//!
//! Built with `--cfg zokio_sanitize`, everything comes from the global allocator, so that a
//! sanitizer knows of each cell.

#![expect(unsafe_code, reason = "chains of free memory, threaded through itself")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{self, NonNull};

use crate::loom::Mutex;

/// Cells that pass between a worker and a depot at once.
const BATCH: u32 = if cfg!(zokio_loom) { 2 } else { 64 };
/// The smallest cell: a header, and a word of future or output.
const SMALLEST: usize = 72;
/// The largest cell that is pooled.
const LARGEST: usize = 384;
const STEP: usize = 8;
const CLASSES: usize = (LARGEST - SMALLEST) / STEP + 1;
const SLAB: Layout = match Layout::from_size_align(32 * 1024, 64) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};

/// The class of a layout; `None`: it is not pooled.
const fn class_of(layout: Layout) -> Option<usize> {
    if cfg!(zokio_sanitize) || layout.align() > STEP || layout.size() > LARGEST {
        return None;
    }
    Some(layout.size().saturating_sub(SMALLEST).div_ceil(STEP))
}

const fn cell_size(class: usize) -> usize {
    SMALLEST + class * STEP
}

/// A free cell's first word.
struct Free {
    next: *mut Free,
}

/// Free cells of one class, threaded through themselves.
struct Chain {
    head: *mut Free,
    len: u32,
}

// SAFETY: a chain owns the memory of its cells, which nobody else points to.
unsafe impl Send for Chain {}

impl Chain {
    const EMPTY: Chain = Chain {
        head: ptr::null_mut(),
        len: 0,
    };

    /// # Safety
    ///
    /// The caller gives up the memory of a cell of the chain's class, aligned to [`STEP`].
    #[inline]
    unsafe fn push(&mut self, cell: NonNull<u8>) {
        let free: *mut Free = cell.as_ptr().cast();
        // SAFETY: by the contract the memory is ours, aligned, and larger than a word.
        unsafe { free.write(Free { next: self.head }) };
        self.head = free;
        self.len += 1;
    }

    #[inline]
    fn pop(&mut self) -> Option<NonNull<u8>> {
        let free = NonNull::new(self.head)?;
        // SAFETY: what `head` points to was written by `push`, and has been in the chain since.
        self.head = unsafe { free.as_ref() }.next;
        self.len -= 1;
        Some(free.cast())
    }
}

/// A worker's free cells.
pub(crate) struct Magazines {
    classes: Box<[Magazine; CLASSES]>,
}

struct Magazine {
    loaded: Chain,
    /// Empty or full, but for what `swap` leaves.
    previous: Chain,
}

impl Magazines {
    pub(crate) fn new() -> Magazines {
        const EMPTY: Magazine = Magazine {
            loaded: Chain::EMPTY,
            previous: Chain::EMPTY,
        };
        Magazines {
            classes: Box::new([EMPTY; CLASSES]),
        }
    }

    /// Memory for a cell, from this worker of the pool's runtime.
    #[inline]
    pub(crate) fn allocate(&mut self, pool: &CellPool, layout: Layout) -> NonNull<u8> {
        let Some(class) = class_of(layout) else {
            return allocate(layout);
        };
        let magazine = &mut self.classes[class];
        match magazine.loaded.pop() {
            Some(cell) => cell,
            None => magazine.reload(&pool.depots[class], class),
        }
    }

    /// Takes a cell's memory back.
    ///
    /// # Safety
    ///
    /// `cell` is from this pool, allocated with this layout, and nobody uses it any more.
    #[inline]
    pub(crate) unsafe fn free(&mut self, pool: &CellPool, cell: NonNull<u8>, layout: Layout) {
        let Some(class) = class_of(layout) else {
            // SAFETY: by the contract; such layouts come from the global allocator.
            return unsafe { dealloc(cell.as_ptr(), layout) };
        };
        let magazine = &mut self.classes[class];
        if magazine.loaded.len == BATCH {
            magazine.unload(&pool.depots[class]);
        }
        // SAFETY: by the contract; slabs are cut at multiples of `STEP`.
        unsafe { magazine.loaded.push(cell) };
    }
}

impl Magazine {
    #[cold]
    fn reload(&mut self, depot: &Mutex<Depot>, class: usize) -> NonNull<u8> {
        std::mem::swap(&mut self.loaded, &mut self.previous);
        if self.loaded.len == 0 {
            self.loaded = depot.lock().take_chain(class);
        }
        self.loaded.pop().expect("a depot gives at least one cell")
    }

    #[cold]
    fn unload(&mut self, depot: &Mutex<Depot>) {
        std::mem::swap(&mut self.loaded, &mut self.previous);
        if self.loaded.len == BATCH {
            let full = std::mem::replace(&mut self.loaded, Chain::EMPTY);
            depot.lock().full.push(full);
        }
    }
}

/// The memory of one runtime's cells.
pub(crate) struct CellPool {
    depots: Box<[Mutex<Depot>; CLASSES]>,
}

struct Depot {
    /// Chains of [`BATCH`] cells.
    full: Vec<Chain>,
    /// Cells of threads that are no workers: fewer than [`BATCH`].
    loose: Chain,
    slabs: Vec<NonNull<u8>>,
    /// Bytes of the last slab that have been cells.
    used: usize,
}

// SAFETY: a depot owns its slabs; the cells cut from them are handed out one owner at a time.
unsafe impl Send for Depot {}

impl CellPool {
    pub(crate) fn new() -> CellPool {
        let empty = |_| {
            Mutex::new(Depot {
                full: Vec::new(),
                loose: Chain::EMPTY,
                slabs: Vec::new(),
                used: SLAB.size(),
            })
        };
        CellPool {
            depots: Box::new(std::array::from_fn(empty)),
        }
    }

    /// Memory for a cell, from a thread that is no worker of the runtime.
    pub(crate) fn allocate(&self, layout: Layout) -> NonNull<u8> {
        match class_of(layout) {
            None => allocate(layout),
            Some(class) => self.depots[class].lock().take_one(class),
        }
    }

    /// As [`Magazines::free`], from a thread that is no worker of the runtime.
    ///
    /// # Safety
    ///
    /// As [`Magazines::free`].
    pub(crate) unsafe fn free(&self, cell: NonNull<u8>, layout: Layout) {
        let Some(class) = class_of(layout) else {
            // SAFETY: as in `Magazines::free`.
            return unsafe { dealloc(cell.as_ptr(), layout) };
        };
        let mut depot = self.depots[class].lock();
        // SAFETY: as in `Magazines::free`.
        unsafe { depot.loose.push(cell) };
        if depot.loose.len == BATCH {
            let full = std::mem::replace(&mut depot.loose, Chain::EMPTY);
            depot.full.push(full);
        }
    }

    /// Bytes of slabs.
    #[cfg(all(test, not(any(zokio_sanitize, zokio_loom))))]
    pub(crate) fn bytes(&self) -> u64 {
        let slabs = |depot: &Mutex<Depot>| depot.lock().slabs.len();
        (self.depots.iter().map(slabs).sum::<usize>() * SLAB.size()) as u64
    }
}

impl Depot {
    fn take_chain(&mut self, class: usize) -> Chain {
        if let Some(full) = self.full.pop() {
            return full;
        }
        if self.loose.len > 0 {
            return std::mem::replace(&mut self.loose, Chain::EMPTY);
        }
        let mut fresh = Chain::EMPTY;
        // What is left of a slab first: a new one is not begun for the rest of a chain.
        while fresh.len < BATCH && (fresh.len == 0 || self.has_room(class)) {
            let cell = self.cut(class);
            // SAFETY: freshly cut, at a multiple of `STEP`.
            unsafe { fresh.push(cell) };
        }
        fresh
    }

    fn take_one(&mut self, class: usize) -> NonNull<u8> {
        if self.loose.len == 0
            && let Some(full) = self.full.pop()
        {
            self.loose = full;
        }
        self.loose.pop().unwrap_or_else(|| self.cut(class))
    }

    fn has_room(&self, class: usize) -> bool {
        self.used + cell_size(class) <= SLAB.size()
    }

    /// Cuts a cell off the last slab, or a new one.
    fn cut(&mut self, class: usize) -> NonNull<u8> {
        if !self.has_room(class) {
            self.slabs.push(allocate(SLAB));
            self.used = 0;
        }
        let slab = self.slabs.last().expect("it has room");
        // SAFETY: `used` and a cell more are within the slab.
        let cell = unsafe { slab.add(self.used) };
        self.used += cell_size(class);
        cell
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        for slab in &self.slabs {
            // SAFETY: allocated in `cut` with this layout; the pool's runtime has no cell left.
            unsafe { dealloc(slab.as_ptr(), SLAB) };
        }
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: cells and slabs are not empty.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

#[cfg(all(test, not(any(zokio_sanitize, zokio_loom))))]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    #[test]
    fn classes_hold_their_sizes_and_no_more_than_seven_bytes_are_lost() {
        for size in SMALLEST..=LARGEST {
            let class = class_of(layout(size)).unwrap();
            assert!(cell_size(class) >= size && cell_size(class) < size + STEP);
        }
        assert_eq!(class_of(layout(8)), Some(0));
        assert_eq!(class_of(layout(LARGEST + 1)), None);
        assert_eq!(class_of(Layout::from_size_align(128, 16).unwrap()), None);
    }

    #[test]
    fn live_cells_never_overlap() {
        let pool = CellPool::new();
        let mut magazines = Magazines::new();
        let mut starts: Vec<usize> = (0..2000)
            .map(|i| {
                let cell = if i % 3 == 0 {
                    pool.allocate(layout(96))
                } else {
                    magazines.allocate(&pool, layout(96))
                };
                cell.addr().get()
            })
            .collect();
        starts.sort_unstable();
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 96));
        assert!(starts.iter().all(|start| start % STEP == 0));
    }

    #[test]
    fn memory_freed_by_one_worker_is_used_by_another() {
        let pool = CellPool::new();
        let (mut maker, mut taker) = (Magazines::new(), Magazines::new());
        let cells: Vec<_> = (0..10 * BATCH)
            .map(|_| maker.allocate(&pool, layout(80)))
            .collect();
        let known: HashSet<_> = cells.iter().copied().collect();
        for cell in cells {
            // SAFETY: allocated above with this layout, freed once.
            unsafe { taker.free(&pool, cell, layout(80)) };
        }
        let before = pool.bytes();
        // All but the two magazines that the other one keeps.
        let again: Vec<_> = (0..7 * BATCH)
            .map(|_| maker.allocate(&pool, layout(80)))
            .collect();
        // But for fresh ones that the maker had left.
        let reused = again.iter().filter(|cell| known.contains(cell)).count();
        assert!(reused as u32 > 6 * BATCH);
        assert_eq!(pool.bytes(), before);
    }

    #[test]
    fn other_threads_and_workers_share_memory_both_ways() {
        let pool = CellPool::new();
        let mut magazines = Magazines::new();
        let from_outside: Vec<_> = (0..2 * BATCH).map(|_| pool.allocate(layout(72))).collect();
        for cell in from_outside {
            // SAFETY: allocated above with this layout, freed once.
            unsafe { pool.free(cell, layout(72)) };
        }
        let before = pool.bytes();
        let cells: Vec<_> = (0..2 * BATCH)
            .map(|_| magazines.allocate(&pool, layout(72)))
            .collect();
        let distinct: HashSet<_> = cells.iter().collect();
        assert_eq!(distinct.len(), cells.len());
        assert_eq!(pool.bytes(), before);
    }

    #[test]
    fn worker_at_the_edge_of_a_magazine_does_not_go_to_the_depot_each_time() {
        let pool = CellPool::new();
        let mut magazines = Magazines::new();
        let cells: Vec<_> = (0..BATCH)
            .map(|_| magazines.allocate(&pool, layout(72)))
            .collect();
        // While this thread holds the depot's lock, going there would deadlock.
        let depot = pool.depots[0].lock();
        for cell in cells {
            // SAFETY: allocated above with this layout, freed once.
            unsafe { magazines.free(&pool, cell, layout(72)) };
        }
        for _ in 0..1000 {
            let cell = magazines.allocate(&pool, layout(72));
            // SAFETY: allocated in the line above with this layout, freed once.
            unsafe { magazines.free(&pool, cell, layout(72)) };
        }
        drop(depot);
    }

    #[test]
    fn large_and_strictly_aligned_cells_come_from_the_global_allocator() {
        let pool = CellPool::new();
        let mut magazines = Magazines::new();
        for odd in [layout(4096), Layout::from_size_align(128, 64).unwrap()] {
            let cell = magazines.allocate(&pool, odd);
            assert_eq!(cell.addr().get() % odd.align(), 0);
            // SAFETY: allocated in the line above with this layout, freed once.
            unsafe { pool.free(cell, odd) };
        }
        assert_eq!(pool.bytes(), 0);
    }
}

#[cfg(all(test, zokio_loom))]
mod loom_tests;

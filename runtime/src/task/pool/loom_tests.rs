//! The memory of cells under loom: no cell is handed out twice, and none is lost. Two cells pass at
//! once here.

use std::collections::HashMap;
use std::sync::Mutex as StdMutex;

use super::*;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

const LAYOUT: Layout = match Layout::from_size_align(SMALLEST, STEP) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};

/// A pool and, for each cell that it ever gave, what its users write there. loom reports users
/// that are not one after another.
struct Model {
    pool: CellPool,
    /// By address. Not loom's lock, which would put all users into an order.
    cells: StdMutex<HashMap<usize, Arc<UnsafeCell<bool>>>>,
}

struct Cell(NonNull<u8>);

// SAFETY: a cell's memory is its holder's.
unsafe impl Send for Cell {}

impl Model {
    fn new() -> Arc<Model> {
        Arc::new(Model {
            pool: CellPool::new(),
            cells: StdMutex::default(),
        })
    }

    fn set_used(&self, cell: &Cell, used: bool) {
        let known = {
            let mut cells = self.cells.lock().unwrap();
            let entry = cells.entry(cell.0.addr().get());
            entry
                .or_insert_with(|| Arc::new(UnsafeCell::new(false)))
                .clone()
        };
        // SAFETY: loom checks that nobody accesses it meanwhile.
        let before = known.with_mut(|state| unsafe { std::mem::replace(&mut *state, used) });
        assert_ne!(before, used, "handed out or freed twice");
    }

    fn allocate(&self, magazines: &mut Magazines) -> Cell {
        let cell = Cell(magazines.allocate(&self.pool, LAYOUT));
        self.set_used(&cell, true);
        cell
    }

    fn free(&self, magazines: &mut Magazines, cell: Cell) {
        self.set_used(&cell, false);
        // SAFETY: the cell is from this pool, with this layout, and given up here.
        unsafe { magazines.free(&self.pool, cell.0, LAYOUT) };
    }

    fn allocate_elsewhere(&self) -> Cell {
        let cell = Cell(self.pool.allocate(LAYOUT));
        self.set_used(&cell, true);
        cell
    }

    fn free_elsewhere(&self, cell: Cell) {
        self.set_used(&cell, false);
        // SAFETY: as in `free`.
        unsafe { self.pool.free(cell.0, LAYOUT) };
    }

    /// All cells that were ever cut are in a chain again.
    fn assert_none_is_lost(&self, workers: &[Magazines]) {
        let class = class_of(LAYOUT).unwrap();
        let depot = self.pool.depots[class].lock();
        let cut = match depot.slabs.len() {
            0 => 0,
            slabs => (slabs - 1) * (SLAB.size() / SMALLEST) + depot.used / SMALLEST,
        };
        let in_workers = workers.iter().map(|worker| {
            let magazine = &worker.classes[class];
            magazine.loaded.len + magazine.previous.len
        });
        let in_depot = depot.full.iter().map(|chain| chain.len).sum::<u32>() + depot.loose.len;
        assert_eq!((in_workers.sum::<u32>() + in_depot) as usize, cut);
    }
}

/// A thread that is no worker frees what a worker allocated, while that one allocates more than
/// its magazines have.
#[test]
fn loom_free_elsewhere_while_a_worker_allocates() {
    loom::model(|| {
        let model = Model::new();
        let mut worker = Magazines::new();
        let cells: Vec<Cell> = (0..2).map(|_| model.allocate(&mut worker)).collect();
        let other = {
            let model = model.clone();
            thread::spawn(move || {
                for cell in cells {
                    model.free_elsewhere(cell);
                }
            })
        };
        let mine: Vec<Cell> = (0..3).map(|_| model.allocate(&mut worker)).collect();
        other.join().unwrap();
        for cell in mine {
            model.free(&mut worker, cell);
        }
        model.assert_none_is_lost(&[worker]);
    });
}

/// Tasks that are spawned on one worker and end on another: chains pass as a whole.
#[test]
fn loom_cells_of_one_worker_are_freed_by_another_while_it_allocates() {
    loom::model(|| {
        let model = Model::new();
        let mut maker = Magazines::new();
        let cells: Vec<Cell> = (0..5).map(|_| model.allocate(&mut maker)).collect();
        let other = {
            let model = model.clone();
            thread::spawn(move || {
                let mut taker = Magazines::new();
                for cell in cells {
                    model.free(&mut taker, cell);
                }
                taker
            })
        };
        let mine: Vec<Cell> = (0..3).map(|_| model.allocate(&mut maker)).collect();
        let taker = other.join().unwrap();
        for cell in mine {
            model.free(&mut maker, cell);
        }
        model.assert_none_is_lost(&[maker, taker]);
    });
}

/// Threads that are no workers spawn and end tasks against a worker that does.
#[test]
fn loom_threads_elsewhere_and_a_worker_share_no_cell() {
    loom::model(|| {
        let model = Model::new();
        let mut worker = Magazines::new();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let model = model.clone();
                thread::spawn(move || {
                    let cell = model.allocate_elsewhere();
                    model.free_elsewhere(cell);
                })
            })
            .collect();
        let mine: Vec<Cell> = (0..2).map(|_| model.allocate(&mut worker)).collect();
        for cell in mine {
            model.free(&mut worker, cell);
        }
        for other in others {
            other.join().unwrap();
        }
        model.assert_none_is_lost(&[worker]);
    });
}

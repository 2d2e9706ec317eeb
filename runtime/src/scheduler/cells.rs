//! Memory of tasks: cells, their record slots, and how long the runtime lives for them.
//!
//! Cells point to their `Shared`, so it lives until the last cell is freed. Counting
//! cells in one shared counter would cost a contended write a spawn, so each worker counts those
//! that it allocates and frees; only when the runtime has been shut down, and no worker is left, is
//! the sum moved to the shared counter, whose arrival at zero releases the cells' share of the
//! `Arc` ([`Shared::free_cell`]).

#![expect(
    unsafe_code,
    reason = "the cells' share of the `Arc`, released by count"
)]

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{CELLS_BIAS, Shared, worker};
use crate::runtime::context;

impl Shared {
    /// A free record slot and memory for a cell, which is counted.
    pub(super) fn take_slot_and_cell(self: &Arc<Shared>, layout: Layout) -> (u32, NonNull<u8>) {
        let cached = context::with_core_of(self, |worker, core| {
            worker.remote().cells.add(1);
            let memory = core.magazines.allocate(&self.pool, layout);
            (core.take_slot(&self.records), memory)
        });
        cached.unwrap_or_else(|| {
            if self.cells.fetch_add(1, Ordering::Relaxed) == 0 {
                // Spawned after the runtime's end, when the cells' share had been given back.
                let _ = Arc::into_raw(self.clone());
            }
            (self.records.take_slot(), self.pool.allocate(layout))
        })
    }

    pub(crate) fn give_slot(&self, slot: u32) {
        let cached = context::with_core_of(self, |_, core| self.keep_slot(core, slot));
        if cached.is_none() {
            self.records.give_slots(std::iter::once(slot));
        }
    }

    /// Gives a slot back to this thread's worker, or beyond it if that has many.
    #[inline]
    pub(super) fn keep_slot(&self, core: &mut worker::Core, slot: u32) {
        core.free_slots.push(slot);
        if core.free_slots.len() > 2 * worker::SLOT_BATCH {
            let keep = core.free_slots.len() - worker::SLOT_BATCH;
            self.records.give_slots(core.free_slots.drain(keep..));
        }
    }

    /// Frees a cell's memory and counts it.
    ///
    /// # Safety
    ///
    /// `shared` is the pointer in a cell of this layout, which nobody uses any more.
    pub(crate) unsafe fn free_cell(shared: NonNull<Shared>, cell: NonNull<u8>, layout: Layout) {
        // SAFETY: the cell is still counted, so the cells' share is still there.
        let this = unsafe { shared.as_ref() };
        let on_worker = context::with_core_of(this, |worker, core| {
            // SAFETY: a cell is allocated by its runtime's pool; by the contract it is unused.
            unsafe { core.magazines.free(&this.pool, cell, layout) };
            worker.remote().cells.add(1u64.wrapping_neg());
        });
        if on_worker.is_some() {
            // The worker's thread keeps the runtime alive.
            return;
        }
        // SAFETY: as above.
        unsafe { this.pool.free(cell, layout) };
        // Ordering: Release orders this thread's last use before the drop; Acquire, in the thread
        // that drops, pairs with the Release of all the others.
        if this.cells.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: the share made by `into_raw`: one was made for each time that the count left
            // zero, and this is the one time that it has come back.
            drop(unsafe { Arc::from_raw(shared.as_ptr()) });
        }
    }

    /// Moves the workers' counts of cells to the shared counter. No worker counts any more.
    pub(super) fn settle_cells(self: &Arc<Shared>) {
        let by_workers: u64 = self
            .remotes
            .iter()
            .fold(0, |sum, remote| sum.wrapping_add(remote.cells.get()));
        let change = by_workers as i64 - CELLS_BIAS;
        // Ordering: as in `free_cell`.
        if self.cells.fetch_add(change, Ordering::AcqRel) + change == 0 {
            // SAFETY: the share made by `into_raw` in `new`; no cell is left to use it.
            unsafe { Arc::decrement_strong_count(Arc::as_ptr(self)) };
        }
    }
}

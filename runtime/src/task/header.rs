//! The head of every task cell, the same for all futures.

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::task::Waker;

use super::raw::Vtable;
use super::state::State;
use crate::scheduler::Shared;
use crate::telemetry::{Counter, SpawnPlace, WorkerMark};

/// No worker: a task not yet polled, a wake from a thread that is none.
pub(crate) const NO_WORKER: u16 = u16::MAX;

/// What every task cell begins with.
#[repr(C)]
pub(crate) struct Header {
    // What a wake and a poll write comes first and lies together: cells are aligned to eight bytes
    // only, and a line less between two processors is worth it.
    pub(crate) state: State,
    /// Stamp of the wake that scheduled it. Written by that wake's maker.
    pub(crate) scheduled_at: Counter,
    /// The task's record in its runtime's table, while it is not complete.
    pub(crate) slot: u32,
    /// The worker that polled it last. Written by the holder of the right to run.
    pub(crate) worker: WorkerMark,
    /// The worker on which the wake that scheduled it was made. Written by that wake's maker.
    pub(crate) woken_on: WorkerMark,
    pub(crate) vtable: &'static Vtable,
    pub(crate) id: u64,
    pub(crate) place: SpawnPlace,
    /// Who awaits the task; access follows the JOIN_WAKER bit of the state.
    pub(crate) join_waker: UnsafeCell<Option<Waker>>,
    /// The runtime, which outlives all its cells.
    pub(crate) shared: NonNull<Shared>,
}

/// Size of the header, telemetry included, in bytes.
#[cfg(not(zokio_loom))]
const _: () = assert!(size_of::<Header>() <= 64 && align_of::<Header>() <= 8);

//! The twin without telemetry: whose poll it is, which `task::id` and timers ask for, and no more.

use std::cell::Cell;

use super::origin::Origin;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Current {
    /// The task's id, 0 when no task of ours is being polled.
    pub(crate) task: u64,
    /// Whether it is a spawned task rather than the future given to `block_on`.
    pub(crate) spawned: bool,
}

impl Current {
    pub(crate) fn task(id: u64, _: u32, _: u64) -> Current {
        Current {
            task: id,
            spawned: true,
        }
    }

    pub(crate) fn outside(_: Outside) -> Current {
        Current::NONE
    }

    pub(crate) fn ended(_: u64) -> Current {
        Current::NONE
    }

    const NONE: Current = Current {
        task: 0,
        spawned: false,
    };
}

/// Who makes wakes while no task is polled: nobody asks.
pub(crate) enum Outside {
    Thread,
    Driver,
    Timer,
}

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current::NONE) };
}

pub(crate) fn get() -> Current {
    // The cell has no destructor, so the key is reachable for as long as the thread runs.
    CURRENT.with(Cell::get)
}

#[inline]
pub(crate) fn origin() -> Origin {
    Origin::THREAD
}

pub(crate) fn spawned_task() -> Option<u64> {
    let current = get();
    current.spawned.then_some(current.task)
}

#[inline]
pub(crate) fn count_self_wake(_: u64) {}

#[inline]
pub(crate) fn take_self_wakes() -> u64 {
    0
}

#[inline]
pub(crate) fn give_self_wakes(_: u64) {}

#[inline]
pub(crate) fn note_exhausted() {}

#[inline]
pub(crate) fn take_exhausted() -> bool {
    false
}

/// What a poll has counted for its end: nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noted {
    pub(crate) self_wakes: u64,
    pub(crate) exhausted: bool,
}

#[inline]
pub(crate) fn take_noted() -> Noted {
    Noted {
        self_wakes: 0,
        exhausted: false,
    }
}

#[inline]
pub(crate) fn give_noted(_: Noted) {}

/// A poll by a worker.
pub(crate) type Polling = Restore;

/// Sets back the task from before, also when the poll panics.
pub(crate) struct Restore(Current);

impl Restore {
    pub(crate) fn enter(current: Current) -> Restore {
        Restore(CURRENT.replace(current))
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

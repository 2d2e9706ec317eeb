//! The task that this thread is polling, as the leaf futures see it.

use std::cell::Cell;

use super::origin::Origin;

/// The task being polled on this thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Current {
    /// The task's id, 0 when no task of ours is being polled.
    pub(crate) task: u64,
    /// The low bits of the task's poll count: tells the latest poll from earlier ones.
    pub(crate) poll: u32,
    /// When the poll began, in raw ticks.
    pub(crate) began: u64,
    /// Whether it is a spawned task rather than the future given to `block_on`.
    pub(crate) spawned: bool,
    /// Who makes the wakes that are made on this thread now, where that is not the task.
    pub(crate) outside: Outside,
}

/// Who makes wakes while no task is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outside {
    /// The thread.
    Thread,
    /// The driver, for events of the system.
    Driver,
    /// The driver, for timers.
    Timer,
    /// A task that has just ended, whose id stands in for the beginning of its poll.
    Ended,
}

impl Current {
    /// A spawned task, at the poll of that number.
    pub(crate) fn task(id: u64, poll: u32, began: u64) -> Current {
        Current {
            task: id,
            poll,
            began,
            spawned: true,
            outside: Outside::Thread,
        }
    }

    /// No task, and wakes that are made by `outside`.
    pub(crate) fn outside(outside: Outside) -> Current {
        Current {
            outside,
            ..Current::NONE
        }
    }

    /// No task any more: one has ended.
    pub(crate) fn ended(id: u64) -> Current {
        Current {
            began: id,
            ..Current::outside(Outside::Ended)
        }
    }

    const NONE: Current = Current {
        task: 0,
        poll: 0,
        began: 0,
        spawned: false,
        outside: Outside::Thread,
    };
}

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current::NONE) };
    static SELF_WAKES: Cell<u64> = const { Cell::new(0) };
    static EXHAUSTED: Cell<bool> = const { Cell::new(false) };
}

/// The task being polled on this thread; `task` is 0 outside of one.
#[inline]
pub(crate) fn get() -> Current {
    // The cell has no destructor, so the key is reachable for as long as the thread runs.
    CURRENT.with(Cell::get)
}

/// Makes `current` the task being polled and returns the one before it (nested `block_on`).
pub(crate) fn replace(current: Current) -> Current {
    CURRENT.with(|c| c.replace(current))
}

/// Who makes the wakes that are made on this thread now.
#[inline]
pub(crate) fn origin() -> Origin {
    let current = get();
    if current.task != 0 {
        return Origin::task(current.task);
    }
    match current.outside {
        Outside::Thread => Origin::THREAD,
        Outside::Driver => Origin::DRIVER,
        Outside::Timer => Origin::TIMER,
        Outside::Ended => Origin::task(current.began),
    }
}

/// The id of the spawned task being polled on this thread.
pub(crate) fn spawned_task() -> Option<u64> {
    let current = get();
    current.spawned.then_some(current.task)
}

/// Counts a wake of task `id` if the task itself makes it.
#[inline]
pub(crate) fn count_self_wake(id: u64) {
    if get().task == id {
        SELF_WAKES.with(|n| n.set(n.get() + 1));
    }
}

/// The self-wakes of the poll that ends.
#[inline]
pub(crate) fn take_self_wakes() -> u64 {
    SELF_WAKES.with(Cell::take)
}

/// Puts back self-wakes taken before a poll within another one: they are the outer poll's.
#[inline]
pub(crate) fn give_self_wakes(wakes: u64) {
    SELF_WAKES.with(|n| n.set(wakes));
}

/// Notes that an operation was refused for want of budget.
pub(crate) fn note_exhausted() {
    EXHAUSTED.with(|e| e.set(true));
}

/// Whether that has been noted since the last call.
#[inline]
pub(crate) fn take_exhausted() -> bool {
    EXHAUSTED.with(|e| e.replace(false))
}

/// Sets back what [`replace`] returned, also when the poll panics.
pub(crate) struct Restore(Current);

impl Restore {
    /// Makes `current` the task being polled until the guard is dropped.
    pub(crate) fn enter(current: Current) -> Restore {
        Restore(replace(current))
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        replace(self.0);
    }
}

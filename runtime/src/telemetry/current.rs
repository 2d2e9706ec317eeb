//! The task that this thread is polling, as the leaf futures see it.

use std::cell::Cell;
use std::ptr;
use std::task::Waker;

use super::origin::Origin;
use crate::task;

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

/// What is known of the task being polled, and what its poll counts for its end. Each word is
/// stored and loaded alone: a load of words that were just stored one by one waits for all of them.
struct Local {
    task: Cell<u64>,
    // Of no meaning while no task is polled, but that `Outside::Ended` has `began`.
    poll: Cell<u32>,
    began: Cell<u64>,
    spawned: Cell<bool>,
    /// Of no meaning while a task is polled.
    outside: Cell<Outside>,
    /// Self-wakes, and [`EXHAUSTED`].
    noted: Cell<u64>,
}

/// Among what a poll has counted: an operation was refused for want of budget.
const EXHAUSTED: u64 = 1 << 63;

/// What a poll has counted for its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noted {
    /// How often the task woke itself.
    pub(crate) self_wakes: u64,
    /// Whether an operation was refused for want of budget.
    pub(crate) exhausted: bool,
}

impl Local {
    /// No task is polled, and wakes are the thread's.
    #[inline]
    fn is_at_rest(&self) -> bool {
        self.task.get() == 0 && self.outside.get() == Outside::Thread
    }

    #[inline]
    fn get(&self) -> Current {
        Current {
            task: self.task.get(),
            poll: self.poll.get(),
            began: self.began.get(),
            spawned: self.spawned.get(),
            outside: self.outside.get(),
        }
    }

    #[inline]
    fn set(&self, current: Current) {
        self.task.set(current.task);
        self.poll.set(current.poll);
        self.began.set(current.began);
        self.spawned.set(current.spawned);
        self.outside.set(current.outside);
    }
}

thread_local! {
    // Without a destructor, so that it is reachable for as long as the thread runs.
    static LOCAL: Local = const {
        Local {
            task: Cell::new(0),
            poll: Cell::new(0),
            began: Cell::new(0),
            spawned: Cell::new(false),
            outside: Cell::new(Outside::Thread),
            noted: Cell::new(0),
        }
    };
}

thread_local! {
    /// What the waker of the root that is polled on this thread points to.
    static ROOT: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// While it lives, a root is polled on this thread; the one before is again when it is dropped.
pub(super) struct RootWaker(*const ());

impl RootWaker {
    pub(super) fn enter(waker: &Waker) -> RootWaker {
        RootWaker(ROOT.replace(waker.data()))
    }
}

impl Drop for RootWaker {
    fn drop(&mut self) {
        ROOT.set(self.0);
    }
}

impl Current {
    /// Whether it is the task's own waker and none of something inside of it, which polls its parts one
    /// by one and has a waker for each.
    pub(super) fn owns(self, waker: &Waker) -> bool {
        match self.spawned {
            true => task::is_of(waker, self.task),
            false => ptr::eq(waker.data(), ROOT.get()),
        }
    }
}

/// The task being polled on this thread; `task` is 0 outside of one, and then `poll`, `began` and
/// `spawned` say nothing.
#[inline]
pub(crate) fn get() -> Current {
    LOCAL.with(Local::get)
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
#[inline]
pub(crate) fn spawned_task() -> Option<u64> {
    let current = get();
    (current.task != 0 && current.spawned).then_some(current.task)
}

/// Counts a wake of task `id` if the task itself makes it.
#[inline]
pub(crate) fn count_self_wake(id: u64) {
    LOCAL.with(|local| {
        if local.task.get() == id {
            local.noted.set(local.noted.get() + 1);
        }
    });
}

/// What the poll that ends has counted.
#[inline]
pub(crate) fn take_noted() -> Noted {
    let noted = LOCAL.with(|local| local.noted.take());
    Noted {
        self_wakes: noted & !EXHAUSTED,
        exhausted: noted & EXHAUSTED != 0,
    }
}

/// Puts back what was taken before polls within another one.
pub(crate) fn give_noted(noted: Noted) {
    let exhausted = if noted.exhausted { EXHAUSTED } else { 0 };
    LOCAL.with(|local| local.noted.set(exhausted | noted.self_wakes));
}

/// The self-wakes of the poll that ends.
#[inline]
pub(crate) fn take_self_wakes() -> u64 {
    LOCAL.with(|local| {
        let noted = local.noted.get();
        local.noted.set(noted & EXHAUSTED);
        noted & !EXHAUSTED
    })
}

/// Puts back self-wakes taken before a poll within another one: they are the outer poll's.
#[inline]
pub(crate) fn give_self_wakes(wakes: u64) {
    LOCAL.with(|local| local.noted.set(local.noted.get() & EXHAUSTED | wakes));
}

/// Notes that an operation was refused for want of budget.
pub(crate) fn note_exhausted() {
    LOCAL.with(|local| local.noted.set(local.noted.get() | EXHAUSTED));
}

/// Whether that has been noted since the last call.
#[inline]
pub(crate) fn take_exhausted() -> bool {
    LOCAL.with(|local| {
        let noted = local.noted.get();
        local.noted.set(noted & !EXHAUSTED);
        noted & EXHAUSTED != 0
    })
}

/// A poll by a worker, whose thread is at rest between them; also when the poll panics.
pub(crate) struct Polling(());

impl Polling {
    /// Makes `current` the task being polled until the guard is dropped.
    #[inline]
    pub(crate) fn enter(current: Current) -> Polling {
        LOCAL.with(|local| {
            debug_assert!(local.is_at_rest());
            local.set(current);
        });
        Polling(())
    }
}

impl Drop for Polling {
    #[inline]
    fn drop(&mut self) {
        LOCAL.with(|local| local.task.set(0));
    }
}

/// Sets back what was before, also when the poll panics. `None`: no task, as it mostly is.
pub(crate) struct Restore(Option<Current>);

impl Restore {
    /// Makes `current` the task being polled until the guard is dropped.
    #[inline]
    pub(crate) fn enter(current: Current) -> Restore {
        LOCAL.with(|local| {
            let before = (!local.is_at_rest()).then(|| local.get());
            local.set(current);
            Restore(before)
        })
    }
}

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        LOCAL.with(|local| match self.0 {
            None => {
                local.task.set(0);
                local.outside.set(Outside::Thread);
            }
            Some(before) => local.set(before),
        });
    }
}

//! The part of a local set that other threads reach: tasks that they have woken, and whom to wake
//! for them. Both under one lock, so that nothing is missed between a look at the one and a change
//! of the other.

use std::collections::VecDeque;
use std::task::Waker;

use parking_lot::{Condvar, Mutex};

use crate::task::raw::Runnable;

/// Woken tasks of one set on their way to its thread. It outlives the set where wakers of its tasks
/// do, and holds nothing by then.
pub(crate) struct LocalQueue {
    state: Mutex<State>,
    /// A task has been pushed. Only a set that is being dropped waits for it.
    arrived: Condvar,
}

struct State {
    tasks: VecDeque<Runnable>,
    /// Who polls the set; taken by whoever wakes it.
    waker: Option<Waker>,
}

impl LocalQueue {
    pub(super) fn new() -> LocalQueue {
        LocalQueue {
            state: Mutex::new(State {
                tasks: VecDeque::new(),
                waker: None,
            }),
            arrived: Condvar::new(),
        }
    }

    /// Adds a task and wakes whoever polls the set. From any thread.
    pub(super) fn push(&self, task: Runnable) {
        let waker = {
            let mut state = self.state.lock();
            state.tasks.push_back(task);
            self.arrived.notify_one();
            state.waker.take()
        };
        wake(waker);
    }

    /// Wakes whoever polls the set.
    pub(super) fn wake(&self) {
        let waker = self.state.lock().waker.take();
        wake(waker);
    }

    /// Makes `waker` the one to wake, and moves the tasks behind those in `into`.
    pub(super) fn begin_turn(&self, waker: &Waker, into: &mut VecDeque<Runnable>) {
        // Cloned and dropped outside of the lock, since both are the user's code.
        let mut clone = None;
        loop {
            let mut state = self.state.lock();
            let known = state.waker.as_ref().is_some_and(|w| w.will_wake(waker));
            if known || clone.is_some() {
                into.append(&mut state.tasks);
                let before = if known {
                    None
                } else {
                    std::mem::replace(&mut state.waker, clone)
                };
                drop(state);
                drop(before);
                return;
            }
            drop(state);
            clone = Some(waker.clone());
        }
    }

    /// Moves the tasks behind those in `into`.
    pub(super) fn take(&self, into: &mut VecDeque<Runnable>) {
        into.append(&mut self.state.lock().tasks);
    }

    /// Whether a set waits for a task. It is woken by that, and goes on waiting.
    #[cfg(all(test, not(zokio_loom)))]
    pub(super) fn has_waiter(&self) -> bool {
        self.arrived.notify_one()
    }

    /// As [`take`](LocalQueue::take), but waits until there is one.
    pub(super) fn wait(&self, into: &mut VecDeque<Runnable>) {
        let mut state = self.state.lock();
        while state.tasks.is_empty() {
            self.arrived.wait(&mut state);
        }
        into.append(&mut state.tasks);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

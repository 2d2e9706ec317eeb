//! Which tasks of a join set have completed.
//!
//! Each task has a waker of the set's as its join waker. Woken, it puts the task's key into a list,
//! in the order of completion, and wakes whoever polls the set: list and waker are under one lock, so
//! that a completion between a look at the list and the change of the waker is not missed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

use parking_lot::Mutex;

/// The keys of completed tasks of one set.
pub(super) struct Completed {
    state: Mutex<State>,
}

struct State {
    keys: VecDeque<usize>,
    /// Who polls the set; taken by whoever wakes it.
    waker: Option<Waker>,
}

impl Completed {
    pub(super) fn new() -> Arc<Completed> {
        Arc::new(Completed {
            state: Mutex::new(State {
                keys: VecDeque::new(),
                waker: None,
            }),
        })
    }

    /// The waker of the task with that key.
    pub(super) fn waker(self: &Arc<Completed>, key: usize) -> Waker {
        Waker::from(Arc::new(TaskWaker {
            key,
            completed: self.clone(),
        }))
    }

    /// The key of the task that completed the longest ago.
    pub(super) fn pop(&self) -> Option<usize> {
        self.state.lock().keys.pop_front()
    }

    /// As [`pop`](Completed::pop); `Pending`: `waker` is woken when there is one.
    pub(super) fn poll_pop(&self, waker: &Waker) -> Poll<usize> {
        // Cloned and dropped outside of the lock, since both are the user's code.
        let mut clone = None;
        loop {
            let mut state = self.state.lock();
            if let Some(key) = state.keys.pop_front() {
                return Poll::Ready(key);
            }
            if state.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
                return Poll::Pending;
            }
            if clone.is_some() {
                let before = std::mem::replace(&mut state.waker, clone);
                drop(state);
                drop(before);
                return Poll::Pending;
            }
            drop(state);
            clone = Some(waker.clone());
        }
    }

    /// Forgets what has completed and who waits.
    pub(super) fn clear(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.keys.clear();
            state.waker.take()
        };
        drop(waker);
    }
}

/// Notes the completion of one task.
struct TaskWaker {
    key: usize,
    completed: Arc<Completed>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waker = {
            let mut state = self.completed.state.lock();
            state.keys.push_back(self.key);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Counts wakes, and looks at the list when it is woken or dropped.
    struct Nosy {
        completed: Arc<Completed>,
        looks: Arc<AtomicUsize>,
    }

    impl Nosy {
        fn waker(completed: &Arc<Completed>, looks: &Arc<AtomicUsize>) -> Waker {
            Waker::from(Arc::new(Nosy {
                completed: completed.clone(),
                looks: looks.clone(),
            }))
        }

        fn look(&self) {
            let _ = self.completed.state.lock().keys.len();
            self.looks.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Wake for Nosy {
        fn wake(self: Arc<Self>) {
            self.look();
        }
    }

    impl Drop for Nosy {
        fn drop(&mut self) {
            self.look();
        }
    }

    #[test]
    fn keys_come_in_the_order_of_completion() {
        let completed = Completed::new();
        for key in [2, 0, 1] {
            completed.waker(key).wake();
        }
        let keys = [(); 4].map(|()| completed.pop());
        assert_eq!(keys, [Some(2), Some(0), Some(1), None]);
    }

    #[test]
    fn whoever_waits_is_woken_once_and_outside_of_the_lock() {
        let (completed, looks) = (Completed::new(), Arc::default());
        let waiting = Nosy::waker(&completed, &looks);
        assert_eq!(completed.poll_pop(&waiting), Poll::Pending);
        completed.waker(7).wake_by_ref();
        completed.waker(8).wake_by_ref();
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        assert_eq!(completed.poll_pop(&waiting), Poll::Ready(7));
    }

    #[test]
    fn waker_that_is_replaced_is_dropped_outside_of_the_lock() {
        let (completed, looks) = (Completed::new(), Arc::default());
        let first = Nosy::waker(&completed, &looks);
        assert_eq!(completed.poll_pop(&first), Poll::Pending);
        drop(first);
        assert_eq!(completed.poll_pop(Waker::noop()), Poll::Pending);
        assert_eq!(looks.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn waker_that_is_cleared_is_dropped_outside_of_the_lock() {
        let (completed, looks) = (Completed::new(), Arc::default());
        let first = Nosy::waker(&completed, &looks);
        assert_eq!(completed.poll_pop(&first), Poll::Pending);
        drop(first);
        completed.waker(3).wake_by_ref();
        completed.clear();
        assert_eq!(completed.pop(), None);
        assert_eq!(looks.load(Ordering::Relaxed), 2, "woken, and dropped");
    }
}

//! Who sleeps and who wakes: see `idle.md` beside this file for the protocol and its proof.

use crate::loom::Mutex;
use crate::loom::atomic::{AtomicUsize, Ordering, fence};

const SEARCHING_ONE: usize = 1;
const SEARCHING_MASK: usize = 0xffff;
const AWAKE_SHIFT: u32 = 16;
const AWAKE_ONE: usize = 1 << AWAKE_SHIFT;

/// The workers that are awake, searching, asleep.
#[derive(Debug)]
pub(crate) struct Idle {
    /// Searching workers in the low half word, awake ones above.
    state: AtomicUsize,
    workers: usize,
    /// The workers asleep; the last to go is the first to be woken (its cache is warmest).
    sleepers: Mutex<Vec<u16>>,
}

impl Idle {
    /// All `workers` awake, none searching.
    pub(crate) fn new(workers: usize) -> Idle {
        Idle {
            state: AtomicUsize::new(workers << AWAKE_SHIFT),
            workers,
            sleepers: Mutex::new(Vec::with_capacity(workers)),
        }
    }

    fn enough_awake(&self, state: usize) -> bool {
        state & SEARCHING_MASK != 0 || state >> AWAKE_SHIFT == self.workers
    }

    /// To be called after work has become visible. `Some`: wake this worker; it counts as awake
    /// and searching from now on.
    #[inline]
    pub(crate) fn worker_to_wake(&self) -> Option<u16> {
        // Ordering: pairs with the fence in `after_going_to_sleep`: either the work is seen there
        // or the sleeper here.
        fence(Ordering::SeqCst);
        if self.enough_awake(self.state.load(Ordering::Relaxed)) {
            return None;
        }
        self.pop_sleeper()
    }

    /// Whether a worker sleeps and none searches, as far as this thread knows already.
    #[inline]
    pub(crate) fn may_need_waking(&self) -> bool {
        !self.enough_awake(self.state.load(Ordering::Relaxed))
    }

    /// Whether a worker sleeps, as far as this thread knows already.
    #[inline]
    pub(crate) fn any_sleeps(&self) -> bool {
        self.state.load(Ordering::Relaxed) >> AWAKE_SHIFT < self.workers
    }

    #[cold]
    fn pop_sleeper(&self) -> Option<u16> {
        let mut sleepers = self.sleepers.lock();
        if self.enough_awake(self.state.load(Ordering::Relaxed)) {
            return None;
        }
        let worker = sleepers.pop()?;
        self.state
            .fetch_add(AWAKE_ONE | SEARCHING_ONE, Ordering::Relaxed);
        Some(worker)
    }

    /// A worker has run out of work. True: it may search. At most half the workers do.
    pub(crate) fn begin_search(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        if 2 * (state & SEARCHING_MASK) >= self.workers {
            return false;
        }
        self.state.fetch_add(SEARCHING_ONE, Ordering::Relaxed);
        true
    }

    /// A searching worker has found work. True: it was the last one, so another should be woken
    /// if there may be more work.
    pub(crate) fn end_search(&self) -> bool {
        let before = self.state.fetch_sub(SEARCHING_ONE, Ordering::Relaxed);
        before & SEARCHING_MASK == 1
    }

    /// A worker goes to sleep. It must look at all queues once more, after
    /// [`after_going_to_sleep`](Idle::after_going_to_sleep).
    pub(crate) fn go_to_sleep(&self, worker: u16, searching: bool) {
        let mut sleepers = self.sleepers.lock();
        let gone = AWAKE_ONE + if searching { SEARCHING_ONE } else { 0 };
        self.state.fetch_sub(gone, Ordering::Relaxed);
        sleepers.push(worker);
    }

    /// Between [`go_to_sleep`](Idle::go_to_sleep) and the last look at the queues.
    pub(crate) fn after_going_to_sleep(&self) {
        // Ordering: pairs with the fence in `worker_to_wake`.
        fence(Ordering::SeqCst);
    }

    /// A worker has returned from sleep. True: it was chosen by
    /// [`worker_to_wake`](Idle::worker_to_wake) and counts as searching; false: it woke by
    /// itself (an event, a timer, shutdown) and counts as awake.
    pub(crate) fn wake_up(&self, worker: u16) -> bool {
        let mut sleepers = self.sleepers.lock();
        let Some(place) = sleepers.iter().position(|w| *w == worker) else {
            return true;
        };
        sleepers.remove(place);
        self.state.fetch_add(AWAKE_ONE, Ordering::Relaxed);
        false
    }

    /// Whether a worker is on the list, so that nobody has chosen it.
    pub(crate) fn is_asleep(&self, worker: u16) -> bool {
        self.sleepers.lock().contains(&worker)
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests {
    use super::*;

    #[test]
    fn at_most_half_the_workers_search() {
        let idle = Idle::new(4);
        assert!(idle.begin_search());
        assert!(idle.begin_search());
        assert!(!idle.begin_search());
        assert!(!idle.end_search());
        assert!(idle.end_search());
    }

    #[test]
    fn a_single_worker_may_search() {
        assert!(Idle::new(1).begin_search());
    }

    #[test]
    fn nobody_is_woken_while_somebody_searches() {
        let idle = Idle::new(3);
        idle.go_to_sleep(2, false);
        assert!(idle.begin_search());
        assert_eq!(idle.worker_to_wake(), None);
        assert!(idle.end_search());
        assert_eq!(idle.worker_to_wake(), Some(2));
        assert_eq!(
            idle.worker_to_wake(),
            None,
            "the woken one counts as searching"
        );
    }

    #[test]
    fn worker_woken_by_itself_is_asleep_no_more() {
        let idle = Idle::new(2);
        idle.go_to_sleep(1, false);
        assert!(!idle.wake_up(1));
        assert_eq!(idle.worker_to_wake(), None);
        assert!(!idle.is_asleep(1));
    }

    #[test]
    fn worker_woken_by_another_returns_searching() {
        let idle = Idle::new(2);
        idle.go_to_sleep(1, false);
        assert_eq!(idle.worker_to_wake(), Some(1));
        assert!(idle.wake_up(1));
        assert!(idle.end_search());
    }
}

#[cfg(all(test, zokio_loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    /// A push against the last searcher going to sleep: either the sleeper sees the work or the
    /// pusher sees the sleeper.
    #[test]
    fn loom_push_against_the_last_searcher_parking_is_never_lost() {
        loom::model(|| {
            let idle = Arc::new(Idle::new(2));
            let queue = Arc::new(AtomicUsize::new(0));
            // Worker 1 sleeps; worker 0 is searching and about to sleep.
            assert!(idle.begin_search());
            idle.go_to_sleep(1, false);
            let pusher = {
                let (idle, queue) = (idle.clone(), queue.clone());
                thread::spawn(move || {
                    queue.store(1, Ordering::Relaxed);
                    idle.worker_to_wake().is_some()
                })
            };
            idle.go_to_sleep(0, true);
            idle.after_going_to_sleep();
            let woken = queue.load(Ordering::Relaxed) == 1;
            assert!(
                pusher.join().unwrap() || woken,
                "work is queued and everybody sleeps"
            );
        });
    }

    /// Two pushes and one sleeper: it is woken once.
    #[test]
    fn loom_two_pushes_wake_a_sleeper_once() {
        loom::model(|| {
            let idle = Arc::new(Idle::new(2));
            idle.go_to_sleep(1, false);
            let other = {
                let idle = idle.clone();
                thread::spawn(move || idle.worker_to_wake())
            };
            let here = idle.worker_to_wake();
            let there = other.join().unwrap();
            assert_eq!(
                usize::from(here.is_some()) + usize::from(there.is_some()),
                1
            );
        });
    }

    /// Worker 0 may not search since worker 1 does; worker 1 finds other work; a push comes from
    /// outside. Worker 0 sees it, or the pusher or worker 1 sees worker 0 asleep.
    #[test]
    fn loom_push_against_a_worker_that_may_not_search_is_never_lost() {
        loom::model(|| {
            let idle = Arc::new(Idle::new(2));
            let queue = Arc::new(AtomicUsize::new(0));
            assert!(idle.begin_search());
            let searcher = {
                let idle = idle.clone();
                thread::spawn(move || idle.end_search() && idle.worker_to_wake().is_some())
            };
            let pusher = {
                let (idle, queue) = (idle.clone(), queue.clone());
                thread::spawn(move || {
                    queue.store(1, Ordering::Relaxed);
                    idle.worker_to_wake().is_some()
                })
            };
            let searching = idle.begin_search();
            idle.go_to_sleep(0, searching);
            idle.after_going_to_sleep();
            let seen = queue.load(Ordering::Relaxed) == 1;
            let woken = [searcher.join().unwrap(), pusher.join().unwrap()];
            assert!(
                seen || woken.contains(&true),
                "work is queued and worker 0 sleeps"
            );
        });
    }
}

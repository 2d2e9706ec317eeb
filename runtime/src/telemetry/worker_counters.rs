//! What one worker counts. Only the thread that holds the worker's core writes; anybody reads.
//!
//! A worker is always in exactly one [`WorkerState`]; a change of state adds the time since the
//! last change to the state that ends. Reader and writer agree on (state, since, times) by a
//! sequence lock, so the times of the four states sum to wall time exactly, at any moment. No time ever
//! runs back: a state does not end before the moment that a reader has told of, though the counters of
//! their processors be apart.

use std::panic::Location;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

use super::clock;
use super::counter::Counter;
use super::histogram::Histogram;
use super::snapshot::{CurrentTask, Lag, Lags, LongestPoll, WorkerSnapshot, WorkerState};

mod longest;

use longest::LongestPolls;

const STATES: [WorkerState; 4] = [
    WorkerState::Busy,
    WorkerState::Searching,
    WorkerState::Parked,
    WorkerState::Detached,
];

/// By so much the counters of two processors are not apart.
const ANEW_NS: u64 = 1_000_000_000;

/// Where a task waited for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queued {
    Lifo,
    Injector,
    Local,
}

/// Waits for one cause.
#[derive(Debug, Default)]
struct LagCounter {
    count: Counter,
    ticks: Counter,
}

/// One worker's counters, on cache lines of their own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct WorkerCounters {
    // Written at each poll.
    pub(crate) polls: Counter,
    current_task: AtomicU64,
    current_since: AtomicU64,
    pub(crate) lifo_hits: Counter,
    pub(crate) local_wakes: Counter,
    /// Tasks enqueued here at the end of a poll in which they were woken.
    pub(crate) reschedules: Counter,
    pub(crate) local_spawns: Counter,
    pub(crate) queue_depth_max: Counter,
    pub(crate) poll_time: Histogram,
    pub(crate) wake_to_poll: Histogram,

    // Written when the worker changes its state.
    sequence: AtomicU32,
    state: AtomicU8,
    since: Counter,
    /// The latest moment that a reader has told of: a state that it saw does not end before. Written by
    /// readers.
    told_until: AtomicU64,
    /// The number of the thread that runs the worker; 0: none does.
    thread: AtomicU32,
    /// Ticks by state, in the order of `STATES`.
    ticks: [Counter; 4],
    /// Odd while the worker is parked.
    pub(crate) parks_and_unparks: Counter,
    pub(crate) noop_unparks: Counter,
    pub(crate) steal_attempts: Counter,
    pub(crate) steal_sweeps: Counter,
    pub(crate) steal_sweeps_won: Counter,
    pub(crate) steals: Counter,
    pub(crate) injector_takes: Counter,
    /// Times that the local queue was full, and tasks moved to the injector then.
    pub(crate) spills: Counter,
    pub(crate) overflows: Counter,
    pub(crate) budget_yields: Counter,
    pub(crate) unpark_latency: Histogram,
    /// By `Queued`.
    lags: [LagCounter; 3],
    longest_polls: LongestPolls,
    /// Tasks taken from each worker.
    pub(crate) stolen_from: Box<[Counter]>,
    /// Tasks polled here, woken on another thread than that of the worker which polled them
    /// before: counted for that worker.
    pub(crate) remote_wakes_of: Box<[Counter]>,
}

impl WorkerCounters {
    /// Counters of one of `workers` workers, detached since now.
    pub(crate) fn new(workers: usize) -> WorkerCounters {
        let by_worker = || (0..workers).map(|_| Counter::new(0)).collect();
        WorkerCounters {
            polls: Counter::new(0),
            current_task: AtomicU64::new(0),
            current_since: AtomicU64::new(0),
            lifo_hits: Counter::new(0),
            local_wakes: Counter::new(0),
            reschedules: Counter::new(0),
            local_spawns: Counter::new(0),
            queue_depth_max: Counter::new(0),
            poll_time: Histogram::new(),
            wake_to_poll: Histogram::new(),
            sequence: AtomicU32::new(0),
            state: AtomicU8::new(WorkerState::Detached as u8),
            since: Counter::new(clock::raw()),
            told_until: AtomicU64::new(0),
            thread: AtomicU32::new(0),
            ticks: [const { Counter::new(0) }; 4],
            parks_and_unparks: Counter::new(0),
            noop_unparks: Counter::new(0),
            steal_attempts: Counter::new(0),
            steal_sweeps: Counter::new(0),
            steal_sweeps_won: Counter::new(0),
            steals: Counter::new(0),
            injector_takes: Counter::new(0),
            spills: Counter::new(0),
            overflows: Counter::new(0),
            budget_yields: Counter::new(0),
            unpark_latency: Histogram::new(),
            lags: Default::default(),
            longest_polls: LongestPolls::new(),
            stolen_from: by_worker(),
            remote_wakes_of: by_worker(),
        }
    }

    /// Ends the worker's state now and begins `state`; the stamp of now.
    pub(crate) fn change_state(&self, state: WorkerState) -> u64 {
        self.change_state_at(state, clock::raw_ordered)
    }

    fn change_state_at(&self, state: WorkerState, now: impl FnOnce() -> u64) -> u64 {
        let old = self.state.load(Ordering::Relaxed);
        if old == state as u8 {
            return now();
        }
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(1), Ordering::Relaxed);
        // The clock is read after readers have been told to wait, so that none of them sees the old
        // state at a later time than that of its end.
        // Ordering: pairs with the fence in `read_times`; SeqCst, so that the store is seen before the
        // clock is read.
        fence(Ordering::SeqCst);
        let now = now();
        let mut since = self.since.get();
        // Counters of different processors may be apart by some ticks: a reader may have told of a
        // moment that is still to come here, or the worker has moved to another thread. Time then
        // stands still for a moment.
        let mut told = since.max(self.told_until.load(Ordering::Relaxed));
        if told > now && told - now > clock::ns_to_ticks(ANEW_NS) {
            // The counter has begun anew: what was before is lost.
            self.told_until.store(0, Ordering::Relaxed);
            (since, told) = (since.min(now), now);
        }
        let stamp = now.max(told);
        self.ticks[old as usize].add(stamp - since);
        self.since.set(stamp);
        self.state.store(state as u8, Ordering::Relaxed);
        // Ordering: pairs with the Acquire load in `read_times`.
        self.sequence
            .store(sequence.wrapping_add(2), Ordering::Release);
        now
    }

    /// Notes the thread that runs the worker from here on; 0: none.
    pub(crate) fn set_thread(&self, thread: u32) {
        self.thread.store(thread, Ordering::Relaxed);
    }

    /// The number of the thread that runs the worker.
    pub(crate) fn thread(&self) -> Option<u32> {
        Some(self.thread.load(Ordering::Relaxed)).filter(|thread| *thread != 0)
    }

    /// Whether the worker's state is another than busy. For the worker itself.
    #[inline]
    pub(crate) fn state_is_not_busy(&self) -> bool {
        self.state.load(Ordering::Relaxed) != WorkerState::Busy as u8
    }

    /// Counts a wait that another worker has slept through for `ticks`.
    pub(crate) fn count_lag(&self, queued: Queued, ticks: u64) {
        let lag = &self.lags[queued as usize];
        lag.count.add(1);
        lag.ticks.add(ticks);
    }

    /// Since when the worker has been asleep, as far as this thread can tell at once.
    pub(crate) fn asleep_since(&self) -> Option<u64> {
        // Ordering: pairs with the Release store at the end of `change_state`.
        let before = self.sequence.load(Ordering::Acquire);
        let state = self.state.load(Ordering::Relaxed);
        let since = self.since.get();
        // Ordering: pairs with the fence in `change_state`.
        fence(Ordering::Acquire);
        let whole = before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before;
        (whole && state == WorkerState::Parked as u8).then_some(since)
    }

    /// Keeps a poll of a millisecond or more, if it is one of the longest.
    pub(crate) fn note_long_poll(
        &self,
        task: u64,
        location: &'static Location<'static>,
        ns: u64,
        ended_at: u64,
    ) {
        self.longest_polls.note(task, location, ns, ended_at);
    }

    /// The longest polls, in no order.
    pub(super) fn longest_polls(&self, worker: u16) -> Vec<LongestPoll> {
        self.longest_polls.read(worker)
    }

    fn lag(&self, queued: Queued) -> Lag {
        let lag = &self.lags[queued as usize];
        Lag {
            count: lag.count.get(),
            total_ns: clock::ticks_to_ns(lag.ticks.get()),
        }
    }

    /// Notes the task being polled. Three plain stores: the task is taken back first, so that a
    /// reader never sees one task with another's time.
    #[inline]
    pub(crate) fn begin_poll(&self, task: u64, stamp: u64) {
        self.current_task.store(0, Ordering::Relaxed);
        // Ordering: pairs with the Acquire fence in `current`: a reader that sees the new time
        // sees the old task gone.
        fence(Ordering::Release);
        self.current_since.store(stamp, Ordering::Relaxed);
        // Ordering: pairs with the Acquire load in `current`.
        self.current_task.store(task, Ordering::Release);
    }

    /// Notes that no task is being polled.
    #[inline]
    pub(crate) fn end_polls(&self) {
        self.current_task.store(0, Ordering::Relaxed);
    }

    /// The task being polled and the stamp of the poll's beginning.
    pub(crate) fn current(&self) -> Option<(u64, u64)> {
        for _ in 0..64 {
            // Ordering: pairs with the Release store in `begin_poll`.
            let task = self.current_task.load(Ordering::Acquire);
            let since = self.current_since.load(Ordering::Relaxed);
            // Ordering: pairs with the Release fence in `begin_poll`.
            fence(Ordering::Acquire);
            if self.current_task.load(Ordering::Relaxed) == task {
                return (task != 0).then_some((task, since));
            }
        }
        None
    }

    /// Time that the worker has been busy up to now, in nanoseconds.
    pub(crate) fn busy_ns(&self) -> u64 {
        clock::ticks_to_ns(self.read_times().2[0])
    }

    /// The worker's state and the stamp of its beginning.
    pub(crate) fn state_since(&self) -> (WorkerState, u64) {
        let (state, since, ..) = self.read_times();
        (state, since)
    }

    /// State, since when, and ticks by state up to `now`.
    fn read_times(&self) -> (WorkerState, u64, [u64; 4], u64) {
        for attempt in 1u32.. {
            // Ordering: pairs with the Release store at the end of `change_state`.
            let before = self.sequence.load(Ordering::Acquire);
            let state = self.state.load(Ordering::Relaxed);
            let since = self.since.get();
            let mut ticks = [0, 1, 2, 3].map(|i: usize| self.ticks[i].get());
            let now = clock::raw_ordered().max(since);
            self.told_until.fetch_max(now, Ordering::Relaxed);
            // Ordering: pairs with the fence in `change_state_at`: either the change is seen here, or the
            // moment that this look is of is seen there.
            fence(Ordering::SeqCst);
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                ticks[state as usize] += now - since;
                return (STATES[state as usize], since, ticks, now);
            }
            if attempt.is_multiple_of(64) {
                // The writer has been preempted between two stores.
                std::thread::yield_now();
            }
        }
        unreachable!("the writer finishes sooner")
    }

    /// The values at this moment. `stolen_from`, `remote_wakes` and the queue's depth come from
    /// elsewhere too: the scheduler fills them in.
    pub(crate) fn snapshot(&self, index: u16) -> WorkerSnapshot {
        let (state, since, ticks, _now) = self.read_times();
        let [busy_ns, searching_ns, parked_ns, detached_ns] = ticks.map(clock::ticks_to_ns);
        let parks_and_unparks = self.parks_and_unparks.get();
        let stolen_from: Vec<u64> = self.stolen_from.iter().map(Counter::get).collect();
        WorkerSnapshot {
            index,
            state,
            state_since_ns: clock::stamp_to_ns(since),
            polls: self.polls.get(),
            busy_ns,
            searching_ns,
            parked_ns,
            detached_ns,
            parks: parks_and_unparks.div_ceil(2),
            unparks: parks_and_unparks / 2,
            noop_unparks: self.noop_unparks.get(),
            steal_attempts: self.steal_attempts.get(),
            steal_sweeps: self.steal_sweeps.get(),
            steal_sweeps_won: self.steal_sweeps_won.get(),
            steals: self.steals.get(),
            stolen_tasks: stolen_from.iter().sum(),
            stolen_from,
            lifo_hits: self.lifo_hits.get(),
            injector_takes: self.injector_takes.get(),
            overflows: self.overflows.get(),
            spills: self.spills.get(),
            lags: Lags {
                lifo: self.lag(Queued::Lifo),
                injector: self.lag(Queued::Injector),
                queue: self.lag(Queued::Local),
            },
            unpark_latency: self.unpark_latency.snapshot(),
            local_spawns: self.local_spawns.get(),
            local_wakes: self.local_wakes.get(),
            remote_wakes: 0,
            budget_yields: self.budget_yields.get(),
            queue_depth: 0,
            queue_depth_max: self.queue_depth_max.get(),
            poll_time: self.poll_time.snapshot(),
            wake_to_poll: self.wake_to_poll.snapshot(),
            current_task: self.current().map(|(id, since)| CurrentTask {
                id,
                since_ns: clock::stamp_to_ns(since),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_four_states_sum_to_wall_time() {
        let begin = clock::raw();
        let counters = WorkerCounters::new(1);
        for state in STATES.iter().cycle().take(17) {
            counters.change_state(*state);
        }
        let (_, _, ticks, now) = counters.read_times();
        let total: u64 = ticks.iter().sum();
        assert!(total <= now - begin);
        // All that is missing is the time between `begin` and the counters' creation.
        let created = now - total;
        assert!(created >= begin);
    }

    #[test]
    fn change_to_the_same_state_keeps_its_beginning() {
        let counters = WorkerCounters::new(1);
        let stamp = clock::raw();
        counters.change_state_at(WorkerState::Busy, || stamp);
        counters.change_state_at(WorkerState::Busy, || stamp + 1000);
        assert_eq!(counters.read_times().1, stamp);
    }

    #[test]
    fn times_of_a_state_never_run_back_for_a_reader() {
        let counters = WorkerCounters::new(1);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                for state in STATES.iter().cycle().take(1_000_000) {
                    counters.change_state(*state);
                }
                done.store(true, Ordering::Relaxed);
            });
            let mut last = [0; 4];
            while !done.load(Ordering::Relaxed) {
                let ticks = counters.read_times().2;
                let back = (0..4).find(|&i| ticks[i] < last[i]);
                assert_eq!(back, None, "{last:?} to {ticks:?}");
                last = ticks;
            }
            worker.join().unwrap();
        });
    }

    #[test]
    fn time_goes_on_when_the_counter_has_begun_anew() {
        let counters = WorkerCounters::new(1);
        let second = clock::ns_to_ticks(1_000_000_000);
        counters.change_state_at(WorkerState::Busy, || 100 * second);
        let detached = counters.ticks[3].get();
        counters.change_state_at(WorkerState::Parked, || 5);
        counters.change_state_at(WorkerState::Busy, || 5 + second);
        let ticks = [0, 2, 3].map(|state: usize| counters.ticks[state].get());
        assert_eq!(ticks, [0, second, detached]);
    }

    #[test]
    fn readers_never_pair_a_task_with_the_time_of_another() {
        let counters = WorkerCounters::new(1);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                for i in 1..200_000u64 {
                    counters.begin_poll(i, i * 7);
                }
                done.store(true, Ordering::Relaxed);
            });
            while !done.load(Ordering::Relaxed) {
                if let Some((task, since)) = counters.current() {
                    assert_eq!(since, task * 7);
                }
            }
            worker.join().unwrap();
        });
    }
}

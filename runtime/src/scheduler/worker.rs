//! A worker: the loop that runs tasks, looks for more, and sleeps.
//!
//! The *core* is what makes a thread the worker: local queue, turns, stamps. It normally stays with
//! one thread; `block_in_place` puts it back for another thread to take ([`hand_over`]). Whoever
//! has the core is the only writer of the worker's counters.
//!
//! Time is stamped once a poll: the end of a poll is the beginning of the next one. After anything
//! else that takes time (the driver, searching, sleeping) a fresh stamp is taken.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::ptr;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use crossbeam_deque::{Stealer, Worker as Deque};

use super::countdown::Countdown;
use super::times::Times;
use super::{Remote, Shared, hooks};
use crate::driver::Turn;
use crate::runtime::heat::{self, Heat};
use crate::runtime::{Config, Handle, context};
use crate::task::coop::{self, Budget};
use crate::task::header::NO_WORKER;
use crate::task::pool::Magazines;
use crate::task::raw::Runnable;
use crate::task::state::{AfterPoll, View};
use crate::telemetry::{
    self, Origin, Outcome, Queued, RecordTable, SiteTotals, TaskRecord, WorkerState, clock,
    current, thread_sample, trace,
};

mod counts;

pub(crate) use counts::count_pending;
use counts::{EndedPoll, count_poll_end, count_wakes_at_once};

/// Record slots that a worker takes and gives back at once.
pub(crate) const SLOT_BATCH: usize = 64;

/// While a worker lingers: looks at queues for one look at the driver, which is a system call.
const LOOKS_A_DRIVER_TURN: usize = 64;

/// What makes a thread the worker.
pub(crate) struct Core {
    index: u16,
    pub(super) queue: Deque<Runnable>,
    /// What was just stolen, before it can be stolen again: its length is the number stolen.
    pub(super) staging: Deque<Runnable>,
    /// Turns until it looks at the driver, and at the injector before its own queue.
    until_driver: Countdown,
    pub(super) until_injector: Countdown,
    pub(super) lifo_streak: u8,
    /// The worker is running the driver: tasks that it wakes are enqueued, and others woken, in
    /// one go afterwards.
    pub(crate) in_driver: bool,
    searching: bool,
    /// Polls when the worker last woke up, to tell a wake-up that led to nothing.
    polls_at_unpark: Option<u64>,
    random: u64,
    pub(crate) free_slots: Vec<u32>,
    /// Whether to stay awake for a while when there is nothing to do.
    heat: Heat,
    /// Memory for the tasks that are spawned here.
    pub(crate) magazines: Magazines,
    /// The task in whose poll the core was handed over, and when poll and handing over began.
    handed_over_in: Option<(u64, Range<u64>)>,
}

impl Core {
    pub(super) fn new(index: u16, seed: u64, config: &Config) -> Core {
        Core {
            index,
            queue: Deque::new_fifo(),
            staging: Deque::new_fifo(),
            until_driver: Countdown::to_driver(config.event_interval),
            until_injector: Countdown::to_injector(config.global_queue_interval),
            lifo_streak: 0,
            in_driver: false,
            searching: false,
            polls_at_unpark: None,
            random: ((seed << 16) + u64::from(index) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            free_slots: Vec::new(),
            heat: Heat::default(),
            magazines: Magazines::new(),
            handed_over_in: None,
        }
    }

    /// A free record slot.
    #[inline]
    pub(super) fn take_slot(&mut self, records: &RecordTable) -> u32 {
        self.free_slots.pop().unwrap_or_else(|| {
            records.take_slots(&mut self.free_slots, SLOT_BATCH);
            self.free_slots.pop().expect("some were taken")
        })
    }

    pub(super) fn stealer(&self) -> Stealer<Runnable> {
        self.queue.stealer()
    }

    /// A random number below `n` (xorshift64; Marsaglia, "Xorshift RNGs", 2003).
    pub(super) fn random_below(&mut self, n: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        ((self.random >> 32) as usize * n) >> 32
    }
}

/// A thread in a worker's loop, as the rest of the crate reaches it through the thread's context.
pub(crate) struct WorkerContext<'a> {
    shared: &'a Arc<Shared>,
    remote: &'a Remote,
    index: u16,
    /// The record of the task being polled.
    slot: Cell<u32>,
    /// The end of the latest poll, or of what came after it.
    stamp: Cell<u64>,
    /// The core was handed over during the poll.
    handed_over: Cell<bool>,
    /// A hook of the user's runs in which the worker is neither in a poll nor free to go.
    in_hook: Cell<bool>,
    /// Where the task that is polled next has waited for its turn.
    pub(super) queued: Cell<Queued>,
    pub(super) times: Times,
    /// Polls are more than that: see `run_watched`.
    watched: bool,
    /// `None` while the core is elsewhere. Never borrowed across user code.
    core: RefCell<Option<Box<Core>>>,
}

impl<'a> WorkerContext<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, core: Box<Core>) -> WorkerContext<'a> {
        WorkerContext {
            shared,
            remote: &shared.remotes[usize::from(core.index)],
            index: core.index,
            slot: Cell::new(0),
            stamp: Cell::new(0),
            handed_over: Cell::new(false),
            in_hook: Cell::new(false),
            queued: Cell::new(Queued::Local),
            times: Times::new(),
            watched: hooks::polls_are_watched(&shared.config),
            core: RefCell::new(Some(core)),
        }
    }

    pub(crate) fn shared(&self) -> &'a Arc<Shared> {
        self.shared
    }

    pub(crate) fn index(&self) -> u16 {
        self.index
    }

    pub(crate) fn remote(&self) -> &'a Remote {
        self.remote
    }

    /// Calls `f` with the core, unless it is elsewhere.
    #[inline]
    pub(crate) fn with_core<R>(&self, f: impl FnOnce(&mut Core) -> R) -> Option<R> {
        self.core.borrow_mut().as_deref_mut().map(f)
    }

    /// Gives the core away.
    pub(super) fn take_core(&self) -> Option<Box<Core>> {
        self.core.borrow_mut().take()
    }

    /// The end of the latest poll, or of what came after it.
    pub(super) fn stamp(&self) -> u64 {
        self.stamp.get()
    }

    /// A local task has been polled, in a future that is no task's.
    pub(super) fn end_local_poll(&self, stamp: u64) {
        self.stamp.set(stamp);
    }

    /// By whoever has the core.
    fn change_state(&self, state: WorkerState) {
        self.stamp.set(self.remote().counters.change_state(state));
    }

    /// It is this thread that runs the worker.
    fn name_thread(&self) {
        self.remote()
            .counters
            .set_thread(thread_sample::current_thread());
        *self.remote().thread.lock() = Some(thread::current().id());
    }

    /// A thread begins to run the worker.
    pub(super) fn attach(&self) {
        self.name_thread();
        self.change_state(WorkerState::Busy);
        let poll = self.with_core(|core| core.handed_over_in.take()).flatten();
        if let Some((task, Range { start, end })) = poll {
            self.remote().ring.poll_handed_over(task, start, end);
        }
    }

    /// No thread runs the worker any more.
    pub(super) fn detach(&self) {
        self.remote().counters.end_polls();
        self.remote().counters.set_thread(0);
        self.change_state(WorkerState::Detached);
    }

    /// The future given to `block_on` is about to be polled: the worker is busy, with no task.
    pub(super) fn begin_root(&self) {
        if !telemetry::is_enabled() {
            return;
        }
        self.remote().counters.end_polls();
        self.with_core(|_| {
            if self.remote().counters.state_is_not_busy() {
                self.change_state(WorkerState::Busy);
            }
        });
    }

    /// After something that took time and was no task.
    pub(super) fn stamp_now(&self) {
        self.stamp.set(clock::raw());
    }

    /// The worker needs its free record slots no more.
    pub(super) fn give_back_slots(&self, core: &mut Core) {
        self.shared.records().give_slots(core.free_slots.drain(..));
    }

    // ---- the loop -------------------------------------------------------------------------

    /// Runs tasks until the runtime shuts down or the core is lost.
    fn run(&self) {
        self.attach();
        while !self.shared.is_shutdown() && self.turn() {}
    }

    /// One task, or one sleep. False: the core is gone.
    fn turn(&self) -> bool {
        let Some(next) = self.with_core(|core| self.find_task(core)) else {
            return false;
        };
        match next {
            Some(runnable) => self.run_task(runnable),
            None if self.linger() => {}
            None => self.park(|| false),
        }
        self.run_driver_if_due()
    }

    /// A look at the driver is due.
    #[inline]
    pub(super) fn tune_driver_interval(&self, until_driver: &mut Countdown) {
        until_driver.tune(self.stamp.get(), &self.times.driver_interval);
    }

    /// Looks at the driver if it is its turn. False: the core is gone.
    #[inline]
    pub(super) fn run_driver_if_due(&self) -> bool {
        let due = self.with_core(|core| {
            let is_over = core.until_driver.is_over();
            if is_over {
                self.tune_driver_interval(&mut core.until_driver);
            }
            is_over
        });
        if due == Some(true) {
            self.run_driver();
        }
        due.is_some()
    }

    /// A task from anywhere.
    pub(super) fn find_task(&self, core: &mut Core) -> Option<Runnable> {
        core.until_driver.step();
        core.until_injector.step();
        let runnable = match self.next_task(core) {
            Some(runnable) => runnable,
            None => {
                self.remote().counters.end_polls();
                self.change_state(WorkerState::Searching);
                self.search(core)?
            }
        };
        if core.searching {
            self.end_search(core);
        }
        if self.remote().counters.state_is_not_busy() {
            self.change_state(WorkerState::Busy);
        }
        Some(runnable)
    }

    fn search(&self, core: &mut Core) -> Option<Runnable> {
        if self.shared.remotes.len() == 1 {
            return None;
        }
        if !core.searching && !self.shared.idle.begin_search() {
            return None;
        }
        core.searching = true;
        self.steal(core)
    }

    /// While the pool runs jobs: stays awake for a moment, if that has been worth it, since a job is
    /// mostly short and a task waits for it. While this worker counts as searching, whoever
    /// enqueues a task wakes nobody for it. True: there may be work.
    fn linger(&self) -> bool {
        if !self.shared.blocking.has_jobs_under_way() {
            return false;
        }
        let worth_it = self.with_core(|core| core.searching && core.heat.is_worth_it());
        if worth_it != Some(true) {
            return false;
        }
        let found = heat::look_around(|round| {
            if round.is_multiple_of(LOOKS_A_DRIVER_TURN) {
                self.run_driver();
            }
            let own = self.with_core(|core| self.depth(core) > 0);
            own == Some(true) || self.shared.has_visible_work()
        });
        // What the driver brought is no reason to wait for jobs.
        self.with_core(|core| {
            let elsewhere = found && self.depth(core) == 0;
            core.heat.learn(elsewhere);
        });
        found
    }

    fn end_search(&self, core: &mut Core) {
        core.searching = false;
        if self.shared.idle.end_search() {
            // The last searcher has found work: there may be more.
            self.shared.wake_a_worker();
        }
    }

    // ---- a poll ---------------------------------------------------------------------------

    /// Polls a task once and does what its state then asks for.
    pub(super) fn run_task(&self, runnable: Runnable) {
        if self.watched {
            self.run_watched(runnable);
        } else {
            self.run_once(runnable);
        }
    }

    #[inline]
    pub(super) fn run_once(&self, runnable: Runnable) {
        let (seen, more_wakes) = runnable.header().state.begin_poll();
        if seen.is_special() {
            self.run_special(runnable, seen, more_wakes);
        } else {
            self.run_ordinary(runnable, seen, more_wakes, Runnable::poll);
        }
    }

    /// Drops a task that was cancelled, and traces one that was asked to be before it is polled.
    #[cold]
    fn run_special(&self, runnable: Runnable, seen: View, more_wakes: u64) {
        if seen.is_cancelled() {
            self.end_of_task();
            self.shared.cancel(runnable);
            self.stamp_now();
            return;
        }
        let header = runnable.header();
        let begin = self.stamp.get();
        self.with_core(|_| self.remote().counters.begin_poll(header.id, begin));
        let traced = trace::poll(self.shared, &runnable);
        // The time of the trace is not the task's.
        self.stamp_now();
        let took = self.stamp.get().saturating_sub(begin);
        header.scheduled_at.set(header.scheduled_at.get() + took);
        // With the wakes that came of the trace, which the poll answers.
        let (seen, more) = header.state.begin_poll();
        self.run_ordinary(runnable, seen, more_wakes + more, |task| match traced {
            Poll::Ready(outcome) => Poll::Ready(outcome),
            Poll::Pending => task.poll(),
        });
    }

    #[inline(always)]
    fn run_ordinary(
        &self,
        runnable: Runnable,
        seen: View,
        more_wakes: u64,
        poll: impl FnOnce(&Runnable) -> Poll<Outcome>,
    ) {
        let header = runnable.header();
        let record = self.shared.records().get(header.slot);
        record.prefetch();
        let is_first = header.worker.get() == NO_WORKER;
        // What the injector brought may have been woken after the stamp was taken, if this thread lost
        // its processor in between: that time is not the task's.
        let begin = self.stamp.get().max(header.scheduled_at.get());
        self.slot.set(header.slot);
        let waited = self.count_poll_begin(header, record, begin);
        if more_wakes > 0 {
            count_wakes_at_once(record, more_wakes);
        }
        // Of a task polled for the first time the record's lines are still on their way here.
        let number = match is_first {
            true => 1,
            false => record.polls.get() as u32,
        };
        let polled = {
            let _current =
                current::Polling::enter(current::Current::task(header.id, number, begin));
            let _budget = coop::enter(Budget::initial());
            poll(&runnable)
        };
        let end = clock::raw();
        self.stamp.set(end);
        let noted = current::take_noted();
        let ended = EndedPoll {
            begin,
            end,
            busy: end.saturating_sub(begin),
            waited,
            is_first,
        };
        let counted = telemetry::is_enabled() && self.has_core_still(record);
        if counted {
            self.count_worker_poll(header, record, &ended, noted.exhausted);
        }
        match polled {
            Poll::Ready(outcome) if is_first && !record.has_counts() => {
                self.end_of_task();
                let totals = SiteTotals::of_first_poll(ended.busy, waited, outcome);
                self.finish(runnable, &totals, outcome);
            }
            Poll::Ready(outcome) => {
                count_poll_end(record, &ended, noted.self_wakes);
                self.end_of_task();
                let totals = SiteTotals::of(record, outcome);
                self.finish(runnable, &totals, outcome);
            }
            Poll::Pending => {
                if is_first {
                    record.ensure_counts();
                }
                count_poll_end(record, &ended, noted.self_wakes);
                // Of a task that is complete nobody can ask.
                if counted {
                    record.count_watched(ended.busy, waited);
                }
                let clones = header.state.view().clones();
                count_pending(record, seen.wakes(), clones, is_first);
                match header.state.after_poll(seen, clones) {
                    AfterPoll::Idle => {}
                    AfterPoll::Scheduled => {
                        record.note_waker(Origin::during_poll(header.id, noted.self_wakes));
                        self.reschedule(runnable, end);
                    }
                    AfterPoll::Cancelled => {
                        self.end_of_task();
                        self.shared.cancel(runnable);
                    }
                }
            }
        }
    }

    fn finish(&self, runnable: Runnable, totals: &SiteTotals, outcome: Outcome) {
        if outcome == Outcome::Panicked {
            self.shared.task_panicked();
        }
        self.shared.finish(runnable, totals, outcome);
    }

    /// What runs now, destructors for one, is no poll of the task any more.
    fn end_of_task(&self) {
        if telemetry::is_enabled() {
            self.with_core(|_| self.remote().counters.end_polls());
        }
    }

    /// Enqueues a task that was woken during its poll, behind all others.
    fn reschedule(&self, runnable: Runnable, stamp: u64) {
        let header = runnable.header();
        header.scheduled_at.set(stamp);
        header.woken_on.set(self.index);
        let mut runnable = Some(runnable);
        self.with_core(|core| {
            self.remote().counters.reschedules.add(1);
            self.push_back(core, runnable.take().expect("called once"));
            if self.depth(core) > 1 {
                // This worker will not come to it at once.
                self.shared.wake_a_worker_if_any_sleeps();
            }
        });
        if let Some(runnable) = runnable {
            // The core was lost during the poll.
            self.shared.inject(runnable);
        }
    }

    /// Whether the core is here after a poll, in which it may have been handed over. If not, the
    /// worker's counters are not this thread's to write.
    #[inline]
    fn has_core_still(&self, record: &TaskRecord) -> bool {
        if !self.handed_over.take() {
            return true;
        }
        record.set_running(false);
        self.with_core(|_| ()).is_some()
    }

    // ---- driver and sleep -----------------------------------------------------------------

    /// Looks at the driver if nobody else does.
    pub(super) fn run_driver(&self) {
        let Some((begin, turn)) = self.look_at_driver() else {
            return;
        };
        let end = self.stamp.get();
        let (events, timers) = (turn.events as u32, turn.timers as u32);
        self.with_core(|_| self.remote().ring.driver(begin, end, events, timers));
    }

    /// As [`run_driver`](WorkerContext::run_driver), for which nothing is recorded. Gives the stamp of
    /// its beginning, too.
    fn look_at_driver(&self) -> Option<(u64, Turn)> {
        let mut driver = self.shared.driver.try_lock()?;
        let begin = clock::raw();
        let turn = self.in_driver(1, || {
            let turn = driver.park(&self.shared.driver_handle, Some(Duration::ZERO));
            drop(driver);
            turn
        });
        self.stamp_now();
        Some((begin, turn))
    }

    /// Runs a turn of the driver: what it wakes is enqueued here, and another worker woken once if
    /// that is more than `own`, what this one can run at a time.
    fn in_driver(&self, own: u64, turn: impl FnOnce() -> Turn) -> Turn {
        self.with_core(|core| core.in_driver = true);
        let turn = turn();
        let woken = self.with_core(|core| {
            core.in_driver = false;
            self.depth(core)
        });
        if woken.is_some_and(|tasks| tasks > own) {
            self.shared.wake_a_worker();
        }
        turn
    }

    /// Sleeps until there is something to do, the runtime shuts down, or `stop` says so.
    pub(super) fn park(&self, stop: impl Fn() -> bool) {
        let shared = self.shared;
        let counters = &self.remote().counters;
        let gone = self.with_core(|core| {
            let searching = std::mem::take(&mut core.searching);
            if core.polls_at_unpark == Some(counters.polls.get()) {
                counters.noop_unparks.add(1);
            }
            counters.end_polls();
            counters.parks_and_unparks.add(1);
            self.change_state(WorkerState::Parked);
            shared.idle.go_to_sleep(self.index, searching)
        });
        if gone.is_none() {
            return;
        }
        shared.idle.after_going_to_sleep();
        if shared.has_visible_work() {
            shared.wake_a_worker();
        }
        let begin = self.stamp.get();
        self.in_hook(|| shared.config.hooks.before_park());
        let mut found = Turn::default();
        let chosen = self.sleep(&stop, &mut found);
        self.in_hook(|| shared.config.hooks.after_unpark());
        self.with_core(|core| {
            core.searching = chosen;
            counters.parks_and_unparks.add(1);
            core.polls_at_unpark = Some(counters.polls.get());
            self.change_state(WorkerState::Searching);
            let (events, timers) = (found.events as u32, found.timers as u32);
            let end = self.stamp.get();
            self.remote().ring.park(begin, end, events, timers);
            if chosen {
                self.count_unpark(begin);
            }
        });
    }

    /// Calls a hook in which the core stays here, whatever it does. Hooks do not unwind.
    pub(super) fn in_hook(&self, hook: impl FnOnce()) {
        self.in_hook.set(true);
        hook();
        self.in_hook.set(false);
    }

    /// Counts how long it took from the decision to wake this worker to here, which ends the sleep
    /// that began at that stamp.
    fn count_unpark(&self, parked_at: u64) {
        let chosen_at = self.remote().chosen_at.get();
        // If the worker woke by itself at the same time, the decision may not be noted yet.
        if chosen_at >= parked_at {
            let ticks = self.stamp.get().saturating_sub(chosen_at);
            self.remote().counters.unpark_latency.record(ticks);
        }
    }

    /// Sleeps, again after wake-ups for nothing. True: another thread chose this worker for work,
    /// and it counts as searching. Adds what the driver found meanwhile to `found`.
    fn sleep(&self, stop: &impl Fn() -> bool, found: &mut Turn) -> bool {
        let shared = self.shared;
        // Also before the first sleep: the hook may have spawned.
        let is_over = || {
            let has_work = self.with_core(|core| self.depth(core) > 0) == Some(true);
            has_work || stop() || shared.is_shutdown()
        };
        if is_over() && !shared.is_shutdown() {
            // A hook that ends each sleep before it begins must not keep the driver from its turn.
            found.add(self.look_at_driver().unwrap_or_default().1);
        }
        loop {
            if !is_over() {
                found.add(self.sleep_once());
            }
            if is_over() {
                return shared.idle.wake_up(self.index);
            }
            if !shared.idle.is_asleep(self.index) {
                return true;
            }
        }
    }

    fn sleep_once(&self) -> Turn {
        let parker = &self.remote().parker;
        let Some(mut driver) = self.shared.driver.try_lock() else {
            parker.park();
            return Turn::default();
        };
        // With an eager handover another thread is to wait in the driver meanwhile.
        let own = u64::from(!self.shared.config.eager_handoff);
        self.in_driver(own, || {
            let mut turn = Turn::default();
            parker.park_in(|| turn = driver.park(&self.shared.driver_handle, None));
            drop(driver);
            turn
        })
    }

    /// Cancels what is in this worker's queues. Dropping a future may enqueue others here.
    pub(super) fn drain(&self) {
        loop {
            let next =
                self.with_core(|core| self.remote().take_lifo().or_else(|| core.queue.pop()));
            let Some(Some(runnable)) = next else {
                break;
            };
            self.end_of_task();
            self.shared.cancel(runnable);
        }
    }
}

thread_local! {
    /// The runtime in a worker's loop of which this thread is, also in what runs within a poll.
    static LOOP_OF: Cell<*const Shared> = const { Cell::new(ptr::null()) };
}

/// Whether this thread is in a worker's loop of that runtime.
pub(super) fn is_in_loop_of(shared: &Shared) -> bool {
    ptr::eq(LOOP_OF.get(), shared)
}

/// A worker's thread: runs the worker whose core is in place, until shutdown.
pub(crate) fn run(shared: &Arc<Shared>, index: usize) {
    LOOP_OF.set(Arc::as_ptr(shared));
    run_core(shared, index);
    LOOP_OF.set(ptr::null());
}

fn run_core(shared: &Arc<Shared>, index: usize) {
    let Some(core) = shared.remotes[index].core.lock().take() else {
        return;
    };
    let handle = Handle::from_shared(shared.clone());
    let _entered = context::enter_runtime(&handle, true);
    let _at_rest = current::Restore::enter(current::Current::outside(current::Outside::Thread));
    let worker = WorkerContext::new(shared, core);
    let in_context = context::set_worker(&worker);
    worker.run();
    if worker.with_core(|_| ()).is_none() {
        // Handed over in `block_in_place`, and another thread took it.
        return;
    }
    worker.drain();
    if let Some(mut core) = worker.take_core() {
        worker.detach();
        worker.give_back_slots(&mut core);
        drop(core);
        // Tasks dropped from here on must not find this worker.
        drop(in_context);
        shared.core_left();
    }
}

/// What `block_in_place` gets back from [`hand_over`]; dropping it takes the core back, if no
/// thread has taken it.
pub(crate) struct HandedOver<'a> {
    worker: &'a WorkerContext<'a>,
    current: (u64, u64),
}

/// Puts the worker's core in its place and has a blocking thread take it. `None`: this thread has
/// no core, or the system refuses a thread, or the task is only being traced, which is no poll that
/// could be booked elsewhere, or it is a hook that blocks and no poll; then the worker blocks.
pub(crate) fn hand_over<'a>(worker: &'a WorkerContext<'a>) -> Option<HandedOver<'a>> {
    if trace::is_on() || worker.in_hook.get() {
        return None;
    }
    let mut core = worker.take_core()?;
    let remote = worker.remote();
    let current = remote.counters.current().unwrap_or_default();
    let (task, since) = current;
    if task != 0 {
        // No worker shows it from here on, but it runs all the same.
        let record = worker.shared.records().get(worker.slot.get());
        record.ensure_counts();
        record.since.set(since);
        record.set_running(true);
        worker.handed_over.set(true);
        core.handed_over_in = Some((task, since..clock::raw()));
    }
    remote.counters.end_polls();
    *remote.core.lock() = Some(core);
    let handed_over = HandedOver { worker, current };
    let (shared, index) = (worker.shared.clone(), usize::from(worker.index));
    shared.thread_entered();
    let started = worker.shared.blocking.run_worker(worker.shared, move || {
        run(&shared, index);
        shared.thread_left();
    });
    if started.is_err() {
        worker.shared.thread_left();
        return None;
    }
    Some(handed_over)
}

impl Drop for HandedOver<'_> {
    fn drop(&mut self) {
        let Some(mut core) = self.worker.remote().core.lock().take() else {
            return;
        };
        core.handed_over_in = None;
        *self.worker.core.borrow_mut() = Some(core);
        // Another thread may have run it, and handed it over in turn.
        self.worker.name_thread();
        let (task, since) = self.current;
        if task != 0 {
            self.worker.remote().counters.begin_poll(task, since);
        }
    }
}

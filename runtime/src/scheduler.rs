//! The scheduler: what all threads share of one runtime.
//!
//! One `Shared` serves both flavours: a current-thread runtime is one with a single worker whose
//! thread is that of `block_on`. How a task lives and who sleeps and who wakes is told in
//! `scheduler/idle.md`.
//!
//! **Shutdown.** The flag is raised and everybody woken; each worker leaves its loop and cancels
//! what is in its queues. The last one cancels all tasks in the record table and what their
//! destructors enqueue, and then *closes* the runtime. A task spawned later is cancelled on the spot.
//! What was just being enqueued goes to a thread of its own ([`Shared::reap`]), since a wake may be
//! made under a lock that the task's destructor takes. A task polled by a thread that lost its
//! worker to `block_in_place` is cancelled there, when its poll ends.
//!
//! **Lifetime.** Cells point to their `Shared`, so it lives until the last cell is freed. Counting
//! cells in one shared counter would cost a contended write a spawn, so each worker counts those
//! that it allocates and frees; only when the runtime has been shut down, and no worker is left, is
//! the sum moved to the shared counter, whose arrival at zero releases the cells' share of the
//! `Arc` ([`Shared::free_cell`]).

#![expect(
    unsafe_code,
    reason = "the cells' share of the `Arc`, released by count"
)]

use std::alloc::Layout;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering, fence};
use std::thread::ThreadId;

use crossbeam_deque::{Injector, Steal, Stealer};
use parking_lot::{Condvar, Mutex};

use crate::driver::{Driver, DriverHandle};
use crate::runtime::blocking::BlockingPool;
use crate::runtime::metrics::PollHistogram;
use crate::runtime::{self, Config, RuntimeFlavor, Seeds, context};
use crate::task::header::{Header, NO_WORKER};
use crate::task::pool::CellPool;
use crate::task::raw::{self, Identity, LocalFuture, Runnable, TaskRef};
use crate::task::{Id, JoinHandle};
use crate::telemetry::{
    self, Counter, NewTask, Outcome, RecordTable, SharedSites, SiteTotals, TaskKind,
    WorkerCounters, WorkerSites, clock, current,
};

pub(crate) mod current_thread;
mod hooks;
mod idle;
mod lifo;
mod parker;
mod queues;
mod tally;
pub(crate) mod worker;

use idle::Idle;
use lifo::LifoSlot;
use parker::{Parker, Unpark};
use tally::Tally;
use worker::Core;

/// Futures above this size are boxed when they are spawned, so that a cell stays small.
pub(crate) const BOX_FUTURE_ABOVE: usize = 16 * 1024;

/// What threads other than a worker's own see of it.
#[repr(align(128))]
pub(crate) struct Remote {
    stealer: Stealer<Runnable>,
    lifo: LifoSlot<Header>,
    parker: Parker,
    /// The worker's core while no thread runs it.
    core: Mutex<Option<Box<Core>>>,
    pub(crate) counters: WorkerCounters,
    pub(crate) sites: WorkerSites,
    /// Tasks finished here, and of those by how.
    pub(crate) finished: Finished,
    /// Poll times in the buckets that the user asked for.
    pub(crate) poll_histogram: Option<PollHistogram>,
    /// The thread that runs the worker, or did so last.
    pub(crate) thread: Mutex<Option<ThreadId>>,
    /// Cells allocated minus cells freed by this worker.
    cells: Tally,
}

/// Finished tasks.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    pub(crate) all: Counter,
    pub(crate) panicked: Counter,
    pub(crate) cancelled: Counter,
}

impl Finished {
    fn count(&self, outcome: Outcome, add: impl Fn(&Counter, u64)) {
        add(&self.all, 1);
        match outcome {
            Outcome::Completed => {}
            Outcome::Panicked => add(&self.panicked, 1),
            Outcome::Cancelled => add(&self.cancelled, 1),
        }
    }
}

/// Whether a task was enqueued before the runtime's end.
#[derive(PartialEq, Eq)]
enum Injected {
    InTime,
    AfterClose,
}

/// Counts of threads that are no workers of this runtime.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Elsewhere {
    /// Tasks that went to the injector when they were spawned.
    pub(crate) spawned: Counter,
    /// What was spawned and never was in a worker's queue: blocking work, local tasks, and tasks that
    /// came after the runtime's end.
    pub(crate) unqueued: Counter,
    /// Of those, the ones that have finished; counted before they are in `finished`.
    pub(crate) unqueued_finished: Counter,
    /// Woken tasks that went to the injector.
    pub(crate) injected_wakes: Counter,
    /// Polls of futures given to `block_on` that ended for want of budget.
    pub(crate) budget_yields: Counter,
    pub(crate) finished: Finished,
    pub(crate) sites: Mutex<SharedSites>,
    /// Polls of local tasks.
    pub(crate) polls: Counter,
}

/// All that the threads of one runtime share.
pub(crate) struct Shared {
    pub(crate) id: runtime::Id,
    /// As the user named it, or `runtime-N`.
    pub(crate) name: Arc<str>,
    pub(crate) is_named: bool,
    pub(crate) flavor: RuntimeFlavor,
    pub(crate) config: Config,
    pub(crate) started: u64,
    pub(crate) remotes: Box<[Remote]>,
    injector: Injector<Runnable>,
    idle: Idle,
    driver: Mutex<Driver>,
    driver_handle: DriverHandle,
    records: RecordTable,
    pool: CellPool,
    pub(crate) blocking: BlockingPool,
    pub(crate) elsewhere: Elsewhere,
    shutdown: AtomicBool,
    closed: AtomicBool,
    draining: Mutex<()>,
    /// Cores still in use.
    cores: AtomicUsize,
    /// Threads in a worker's loop, and who waits for them to leave.
    threads: Mutex<usize>,
    threads_left: Condvar,
    /// Threads that wait for the core of a current-thread runtime.
    core_waiters: Mutex<Vec<Arc<current_thread::RootWaker>>>,
    /// Cells, those counted by workers not included until `settle_cells`.
    cells: AtomicI64,
    /// The runtime is a [`LocalRuntime`](crate::runtime::LocalRuntime).
    local: AtomicBool,
}

/// Keeps `Shared::cells` away from zero until the workers' counts have been added.
const CELLS_BIAS: i64 = 1 << 48;

impl Shared {
    /// A runtime's shared state, with one core a worker in its place.
    pub(crate) fn new(
        name: Option<String>,
        flavor: RuntimeFlavor,
        config: Config,
        driver: (Driver, DriverHandle),
        blocking: BlockingPool,
    ) -> Arc<Shared> {
        let id = runtime::Id::next();
        let workers = config.workers;
        let remotes = (0..workers)
            .map(|index| {
                let seed = config.seeds.as_ref().map_or(id.as_u64(), Seeds::next);
                let core = Core::new(index as u16, seed);
                Remote {
                    stealer: core.stealer(),
                    lifo: LifoSlot::new(),
                    parker: Parker::default(),
                    core: Mutex::new(Some(Box::new(core))),
                    counters: WorkerCounters::new(workers),
                    sites: WorkerSites::new(),
                    finished: Finished::default(),
                    poll_histogram: config.poll_histogram.map(PollHistogram::new),
                    thread: Mutex::new(None),
                    cells: Tally::default(),
                }
            })
            .collect();
        let shared = Arc::new(Shared {
            id,
            is_named: name.is_some(),
            name: name.unwrap_or_else(|| format!("runtime-{id}")).into(),
            flavor,
            config,
            started: clock::raw(),
            remotes,
            injector: Injector::new(),
            idle: Idle::new(workers),
            driver: Mutex::new(driver.0),
            driver_handle: driver.1,
            records: RecordTable::new(),
            pool: CellPool::new(),
            blocking,
            elsewhere: Elsewhere::default(),
            shutdown: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            draining: Mutex::new(()),
            cores: AtomicUsize::new(workers),
            threads: Mutex::new(0),
            threads_left: Condvar::new(),
            core_waiters: Mutex::new(Vec::new()),
            cells: AtomicI64::new(CELLS_BIAS),
            local: AtomicBool::new(false),
        });
        // The cells' share, released in `free_cell` or `settle_cells`.
        let _ = Arc::into_raw(shared.clone());
        shared
    }

    pub(crate) fn driver_handle(&self) -> &DriverHandle {
        &self.driver_handle
    }

    pub(crate) fn records(&self) -> &RecordTable {
        &self.records
    }

    pub(crate) fn injector_depth(&self) -> usize {
        self.injector.len()
    }

    /// Whether the runtime has been shut down and all its tasks are gone.
    pub(crate) fn has_ended(&self) -> bool {
        // Ordering: pairs with the Release in `close`.
        self.closed.load(Ordering::Acquire)
    }

    /// Says that the runtime is a local one, when it is built.
    pub(crate) fn mark_local(&self) {
        self.local.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_local(&self) -> bool {
        self.local.load(Ordering::Relaxed)
    }

    // ---- spawning -------------------------------------------------------------------------

    /// Spawns a future.
    pub(crate) fn spawn<F>(
        self: &Arc<Shared>,
        future: F,
        name: Option<Arc<str>>,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if size_of::<F>() > BOX_FUTURE_ABOVE {
            self.spawn_sized(Box::pin(future), name, location)
        } else {
            self.spawn_sized(future, name, location)
        }
    }

    #[inline]
    fn spawn_sized<F>(
        self: &Arc<Shared>,
        future: F,
        name: Option<Arc<str>>,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (runnable, handle) = self.new_task(future, TaskKind::Task, name, location);
        if self.has_ended() {
            self.elsewhere.unqueued.add_shared(1);
            self.cancel_unqueued(runnable);
        } else {
            if self.config.hooks.tasks.watch_spawns() {
                self.call_spawn_hook(&runnable);
            }
            self.enqueue_new(runnable);
        }
        handle
    }

    /// Allocates a task with its record. It has to be enqueued.
    pub(crate) fn new_task<F>(
        self: &Arc<Shared>,
        future: F,
        kind: TaskKind,
        name: Option<Arc<str>>,
        location: &'static Location<'static>,
    ) -> (Runnable, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let now = clock::raw();
        let (slot, memory) = self.take_slot_and_cell(raw::layout::<F>());
        let identity = self.identity(slot, now, location);
        // SAFETY: the memory has this layout and is nobody else's.
        let cell = unsafe { raw::place(memory, future, identity) };
        self.publish(cell, identity, kind, name);
        // SAFETY: a new cell is scheduled, and nobody else has the right to run it.
        let runnable = unsafe { Runnable::new(cell) };
        // SAFETY: a new cell has a join handle's reference, and this is its output type.
        let handle = unsafe { JoinHandle::new(TaskRef::from_counted(cell)) };
        (runnable, handle)
    }

    /// As [`new_task`](Shared::new_task), for a task of a local set of this thread.
    pub(crate) fn new_local_task<F>(
        self: &Arc<Shared>,
        future: LocalFuture<F>,
        name: Option<Arc<str>>,
        location: &'static Location<'static>,
    ) -> (Runnable, JoinHandle<F::Output>)
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let now = clock::raw();
        let (slot, memory) = self.take_slot_and_cell(raw::layout::<LocalFuture<F>>());
        let identity = self.identity(slot, now, location);
        // SAFETY: the memory has this layout and is nobody else's.
        let cell = unsafe { raw::place_local(memory, future, identity) };
        self.publish(cell, identity, TaskKind::Local, name);
        // SAFETY: as in `new_task`.
        let runnable = unsafe { Runnable::new(cell) };
        // SAFETY: as in `new_task`. The output need not be `Send`: then the handle is not either.
        let handle = unsafe { JoinHandle::new(TaskRef::from_counted(cell)) };
        (runnable, handle)
    }

    #[inline]
    fn identity(
        self: &Arc<Shared>,
        slot: u32,
        now: u64,
        location: &'static Location<'static>,
    ) -> Identity {
        Identity {
            id: Id::next(),
            slot,
            now,
            location,
            shared: Arc::as_ptr(self),
        }
    }

    /// Makes the record of a new task.
    #[inline]
    fn publish(
        &self,
        cell: NonNull<Header>,
        identity: Identity,
        kind: TaskKind,
        name: Option<Arc<str>>,
    ) {
        let parent = current::spawned_task().unwrap_or(0);
        let task = NewTask {
            cell: Some(cell),
            id: identity.id.as_u64(),
            kind,
            location: identity.location,
            name,
            parent,
            created: identity.now,
        };
        self.records.publish(identity.slot, task);
    }

    /// A free record slot and memory for a cell, which is counted.
    fn take_slot_and_cell(self: &Arc<Shared>, layout: Layout) -> (u32, NonNull<u8>) {
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
        let cached = context::with_core_of(self, |worker, core| {
            core.free_slots.push(slot);
            if core.free_slots.len() > 2 * worker::SLOT_BATCH {
                let keep = core.free_slots.len() - worker::SLOT_BATCH;
                worker
                    .shared()
                    .records
                    .give_slots(core.free_slots.drain(keep..));
            }
        });
        if cached.is_none() {
            self.records.give_slots(std::iter::once(slot));
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
    fn settle_cells(self: &Arc<Shared>) {
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

    // ---- enqueueing -----------------------------------------------------------------------

    /// Enqueues a new task.
    #[inline]
    fn enqueue_new(&self, runnable: Runnable) {
        let mut runnable = Some(runnable);
        context::with_core_of(self, |worker, core| {
            worker.remote().counters.local_spawns.add(1);
            worker.push_woken(core, runnable.take().expect("called once"));
        });
        if let Some(runnable) = runnable {
            self.elsewhere.spawned.add_shared(1);
            self.inject_new(runnable);
        }
    }

    /// Enqueues a task that has been woken, on this thread's worker. Without one the task is handed
    /// back, to be [injected](Shared::inject).
    #[inline]
    pub(crate) fn schedule(&self, runnable: Runnable) -> Result<(), Runnable> {
        let header = runnable.header();
        header.scheduled_at.set(clock::raw());
        let mut runnable = Some(runnable);
        context::with_core_of(self, |worker, core| {
            let runnable = runnable.take().expect("called once");
            let header = runnable.header();
            header.woken_on.set(worker.index());
            worker.remote().counters.local_wakes.add(1);
            worker.push_woken(core, runnable);
        });
        let Some(runnable) = runnable else {
            return Ok(());
        };
        let header = runnable.header();
        header.woken_on.set(NO_WORKER);
        Err(runnable)
    }

    /// Enqueues a woken task where all workers find it, from any thread, also under a lock of the
    /// user's.
    pub(crate) fn inject(&self, runnable: Runnable) {
        self.elsewhere.injected_wakes.add_shared(1);
        self.inject_new(runnable);
    }

    fn inject_new(&self, runnable: Runnable) {
        let shared = runnable.header().shared;
        if self.push_injected(runnable) == Injected::AfterClose {
            // SAFETY: the caller keeps the runtime: by a reference to the cell, an `Arc`, or as
            // one of its threads.
            unsafe { Shared::reap(shared) };
        }
    }

    fn push_injected(&self, runnable: Runnable) -> Injected {
        self.injector.push(runnable);
        // The fence in there also orders the push before the look at `closed`: pairs with the
        // one in `close`.
        self.wake_a_worker();
        if self.closed.load(Ordering::Relaxed) {
            Injected::AfterClose
        } else {
            Injected::InTime
        }
    }

    /// Cancels what was enqueued after the end, on a thread that holds no lock. If the system
    /// refuses a thread, the tasks stay in the queue until something else drains it.
    ///
    /// # Safety
    ///
    /// `shared` is the pointer in a live cell.
    #[cold]
    unsafe fn reap(shared: NonNull<Shared>) {
        // SAFETY: made by `Arc::as_ptr`; the cells' share is a count, held as the cell is live.
        unsafe { Arc::increment_strong_count(shared.as_ptr()) };
        // SAFETY: the count that was just added.
        let shared = unsafe { Arc::from_raw(shared.as_ptr().cast_const()) };
        let reaper = std::thread::Builder::new().name("zokio-reaper".to_owned());
        let _ = reaper.spawn(move || {
            let handle = runtime::Handle::from_shared(shared.clone());
            let _current = context::set_handle(&handle);
            shared.drain_injector();
        });
    }

    /// Work has appeared: wakes a worker if nobody would come for it.
    #[inline]
    pub(crate) fn wake_a_worker(&self) {
        if let Some(worker) = self.idle.worker_to_wake() {
            self.unpark(usize::from(worker));
        }
    }

    /// As [`wake_a_worker`](Shared::wake_a_worker), for work that is in this worker's own queue and
    /// will be run by it at the latest: no fence while everybody is awake.
    #[inline]
    pub(crate) fn wake_a_worker_if_any_sleeps(&self) {
        if self.idle.may_need_waking() {
            self.wake_a_worker();
        }
    }

    pub(crate) fn unpark(&self, worker: usize) {
        match self.remotes[worker].parker.unpark() {
            Unpark::Done => {}
            Unpark::Driver => self.driver_handle.unpark(),
        }
    }

    /// Whether there is work that a worker could take from others.
    fn has_visible_work(&self) -> bool {
        !self.injector.is_empty() || self.has_queued_work()
    }

    /// Whether a worker's queue has a task.
    fn has_queued_work(&self) -> bool {
        self.remotes.iter().any(|r| !r.stealer.is_empty())
    }

    // ---- finishing ------------------------------------------------------------------------

    /// A task's future is gone: closes its books, then publishes the output.
    pub(crate) fn finish(&self, runnable: Runnable, totals: &SiteTotals, outcome: Outcome) {
        let watch = self.config.hooks.tasks.watch_ends();
        let meta = watch.then(|| self.meta_of(&runnable));
        self.finish_quietly(runnable, totals, outcome);
        if let Some(meta) = meta {
            self.config.hooks.tasks.terminated(&meta);
        }
    }

    /// As [`finish`](Shared::finish), for a task that hooks are not told of.
    pub(crate) fn finish_quietly(&self, runnable: Runnable, totals: &SiteTotals, outcome: Outcome) {
        let slot = runnable.header().slot;
        let location = self.records.get(slot).location();
        // In this order, so that no reader finds a task among the finished and the live ones.
        let is_free = self.records.retire(slot);
        if telemetry::is_enabled() {
            self.book(location, totals, outcome);
        }
        if is_free {
            self.give_slot(slot);
        }
        runnable.complete();
    }

    /// As [`cancel`](Shared::cancel), for what was never in a worker's queue.
    pub(crate) fn cancel_unqueued(self: &Arc<Shared>, runnable: Runnable) {
        let _current = context::set_handle_to(self);
        self.elsewhere.unqueued_finished.add_shared(1);
        self.cancel(runnable);
    }

    /// Adds a finished task to the totals.
    fn book(&self, location: &'static Location<'static>, totals: &SiteTotals, outcome: Outcome) {
        let booked = context::with_core_of(self, |worker, _| {
            let remote = worker.remote();
            remote.finished.count(outcome, Counter::add);
            remote.sites.add(location, totals)
        });
        if booked.is_none() {
            self.elsewhere.finished.count(outcome, Counter::add_shared);
        }
        if booked != Some(true) {
            self.elsewhere
                .sites
                .lock()
                .entry(location)
                .or_default()
                .add(totals);
        }
    }

    /// Drops a task's future in place of polling it.
    pub(crate) fn cancel(&self, runnable: Runnable) {
        let (totals, outcome) = self.drop_future(&runnable);
        self.finish(runnable, &totals, outcome);
    }

    /// As [`cancel`](Shared::cancel), but for the end of the books.
    pub(crate) fn drop_future(&self, runnable: &Runnable) -> (SiteTotals, Outcome) {
        let outcome = {
            // Destructors see the task that they belong to.
            let _current = current::Restore::enter(current::Current::task(
                runnable.header().id,
                0,
                clock::raw(),
            ));
            runnable.cancel()
        };
        current::take_self_wakes();
        let totals = SiteTotals::of(self.records.get(runnable.header().slot), outcome);
        (totals, outcome)
    }

    // ---- shutdown -------------------------------------------------------------------------

    pub(crate) fn is_shutdown(&self) -> bool {
        // Ordering: pairs with the Release in `begin_shutdown`.
        self.shutdown.load(Ordering::Acquire)
    }

    /// Asks all workers to leave. Returns at once.
    pub(crate) fn begin_shutdown(&self) {
        // Ordering: pairs with the Acquire in `is_shutdown`.
        if !self.shutdown.swap(true, Ordering::AcqRel) {
            (0..self.remotes.len()).for_each(|worker| self.unpark(worker));
        }
    }

    /// A worker's core is no longer used; its queues are empty. The last one closes the runtime.
    pub(crate) fn core_left(self: &Arc<Shared>) {
        // Ordering: AcqRel orders all workers' doings before the closing by the last.
        if self.cores.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }

    /// A core whose thread could not be started leaves.
    pub(crate) fn abandon_core(self: &Arc<Shared>, worker: usize) {
        drop(self.remotes[worker].core.lock().take());
        self.core_left();
    }

    fn close(self: &Arc<Shared>) {
        self.drain_injector();
        self.cancel_all();
        // What destructors have enqueued meanwhile.
        self.drain_injector();
        // Ordering: pairs with the Acquire in `has_ended`.
        self.closed.store(true, Ordering::Release);
        // Ordering: pairs with the fence between push and look in `push_injected`: a task is
        // either seen by this drain or by its pusher to be too late.
        fence(Ordering::SeqCst);
        self.drain_injector();
        self.driver.lock().shutdown(&self.driver_handle);
        self.settle_cells();
    }

    /// Cancels all tasks in the record table. A record that a reader has pinned is come back to.
    fn cancel_all(&self) {
        let mut left: Vec<u32> = self.records.slots().collect();
        while !left.is_empty() {
            left.retain(|slot| match self.records.pin(*slot) {
                None => self.records.is_live(*slot),
                Some(pin) => {
                    let runnable = pin.cell().and_then(raw::cancel_pinned);
                    drop(pin);
                    if let Some(runnable) = runnable {
                        self.cancel(runnable);
                    }
                    false
                }
            });
            if !left.is_empty() {
                std::thread::yield_now();
            }
        }
    }

    /// Cancels everything in the injector. Dropping a future may enqueue others: they are left to
    /// the outermost drain, so that a long chain of tasks does not become a deep stack.
    fn drain_injector(&self) {
        while let Some(draining) = self.draining.try_lock() {
            loop {
                match self.injector.steal() {
                    Steal::Success(runnable) => self.cancel(runnable),
                    Steal::Retry => {}
                    Steal::Empty => break,
                }
            }
            drop(draining);
            // Ordering: pairs with itself in a thread that found the lock taken: either it finds
            // the lock free or this thread the task.
            fence(Ordering::SeqCst);
            if self.injector.is_empty() {
                break;
            }
        }
    }

    /// Counts the spawn of a local task, which is the runtime's own if that is a local one.
    pub(crate) fn count_local_spawn(&self, own: bool) {
        if !own {
            self.elsewhere.unqueued.add_shared(1);
            return;
        }
        let on_worker = context::with_core_of(self, |worker, _| {
            worker.remote().counters.local_spawns.add(1);
        });
        if on_worker.is_none() {
            self.elsewhere.spawned.add_shared(1);
        }
    }

    /// Counts a poll of a local task on this thread, which may be a worker's.
    pub(crate) fn count_local_poll(&self, waited: u64, poll: std::ops::Range<u64>) -> u64 {
        let ns = clock::ns_between(poll.start, poll.end);
        let exhausted = current::take_exhausted();
        let on_worker = context::with_core_of(self, |worker, _| {
            let counters = &worker.remote().counters;
            counters.polls.add(1);
            counters.poll_time.record(ns);
            let waited = clock::ns_between(poll.start.saturating_sub(waited), poll.start);
            counters.wake_to_poll.record(waited);
            counters.budget_yields.add(u64::from(exhausted));
        });
        if on_worker.is_none() {
            self.elsewhere.polls.add_shared(1);
        }
        ns
    }

    /// Counts a thread that runs a worker's loop.
    pub(crate) fn thread_entered(&self) {
        *self.threads.lock() += 1;
    }

    pub(crate) fn thread_left(&self) {
        *self.threads.lock() -= 1;
        self.threads_left.notify_all();
    }

    /// Waits until no thread runs a worker's loop, at most until `deadline`.
    pub(crate) fn wait_for_threads(&self, deadline: Option<std::time::Instant>) {
        // A worker's thread that drops the runtime (in `block_in_place`) does not wait for itself.
        let is_own = |worker: Option<&worker::WorkerContext<'_>>| {
            worker.is_some_and(|w| std::ptr::eq(&raw const **w.shared(), self))
        };
        let own = usize::from(context::with_worker(is_own));
        let mut threads = self.threads.lock();
        while *threads > own {
            match deadline {
                None => self.threads_left.wait(&mut threads),
                Some(deadline) => {
                    if self
                        .threads_left
                        .wait_until(&mut threads, deadline)
                        .timed_out()
                    {
                        return;
                    }
                }
            }
        }
    }
}

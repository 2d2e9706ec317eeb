//! The scheduler: what all threads share of one runtime.
//!
//! One `Shared` serves both flavours: a current-thread runtime is one with a single worker whose
//! thread is that of `block_on`. How a task lives and who sleeps and who wakes is told in
//! `scheduler/idle.md`.
//!
//! How long a runtime lives is told in `cells`, how it ends in `shutdown`.

#![expect(
    unsafe_code,
    reason = "new cells, and those that are handed on under their runtime's care"
)]

use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering, fence};
use std::thread::ThreadId;

use crossbeam_deque::{Injector, Stealer};
use parking_lot::{Condvar, Mutex};

use crate::driver::{Driver, DriverHandle};
use crate::runtime::blocking::BlockingPool;
use crate::runtime::metrics::PollHistogram;
use crate::runtime::{self, Config, RuntimeFlavor, Seeds, context};
use crate::task::header::{Header, NO_WORKER};
use crate::task::pool::CellPool;
use crate::task::raw::{self, Identity, LocalFuture, Runnable, TaskRef};
use crate::task::{Id, JoinHandle, Spawned};
use crate::telemetry::trace::Questions;
use crate::telemetry::{
    Counter, NewTask, Outcome, RecordTable, Ring, SharedSites, TaskKind, WorkerCounters,
    WorkerSites, clock, current,
};

mod cells;
mod countdown;
pub(crate) mod current_thread;
mod finish;
mod hooks;
mod idle;
mod lifo;
mod parker;
mod queues;
mod shutdown;
mod tally;
mod times;
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
    /// Stamp of the latest decision to wake the worker. Written by whoever has taken it from the
    /// list of sleepers, before it is woken.
    chosen_at: Counter,
    pub(crate) counters: WorkerCounters,
    pub(crate) ring: Ring,
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
    pub(crate) fn count(&self, outcome: Outcome, add: impl Fn(&Counter, u64)) {
        // Ordering: pairs with the last Acquire fence in `capture::ended`: who sees that a task has ended
        // sees that it was spawned.
        fence(Ordering::Release);
        add(&self.all, 1);
        let how = match outcome {
            Outcome::Completed => return,
            Outcome::Panicked => &self.panicked,
            Outcome::Cancelled => &self.cancelled,
        };
        // Ordering: pairs with the Acquire fence in `capture::ended`: who sees how a task ended sees that it did.
        fence(Ordering::Release);
        add(how, 1);
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
    /// What snapshots have said of sites, with the tasks spawned in place of the finished. Only
    /// readers take this lock.
    #[cfg_attr(
        not(feature = "telemetry"),
        expect(dead_code, reason = "there are no totals")
    )]
    pub(crate) told_of_sites: Mutex<SharedSites>,
    /// The futures of tasks from before this stamp are in `told_of_sites` with their size.
    #[cfg_attr(
        not(feature = "telemetry"),
        expect(dead_code, reason = "there are no totals")
    )]
    pub(crate) sites_sized_until: Counter,
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
    /// Who has asked tasks where they wait.
    #[cfg_attr(not(feature = "telemetry"), expect(dead_code, reason = "nobody asks"))]
    pub(crate) questions: Questions,
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
        clock::begin();
        let remotes = (0..workers)
            .map(|index| {
                let seed = config.seeds.as_ref().map_or(id.as_u64(), Seeds::next);
                let core = Core::new(index as u16, seed, &config);
                Remote {
                    stealer: core.stealer(),
                    lifo: LifoSlot::new(),
                    parker: Parker::default(),
                    core: Mutex::new(Some(Box::new(core))),
                    chosen_at: Counter::new(0),
                    counters: WorkerCounters::new(workers),
                    ring: Ring::new(config.flight_recorder_bytes),
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
            questions: Questions::default(),
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
    ) -> Spawned<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (runnable, handle) = if size_of::<F>() > BOX_FUTURE_ABOVE {
            self.new_boxed_task(Box::pin(future), name, location)
        } else {
            self.new_task(future, TaskKind::Task, name, location)
        };
        if self.has_ended() {
            self.elsewhere.unqueued.add_shared(1);
            self.cancel_unqueued(runnable);
        } else {
            if self.config.hooks.tasks.watch_spawns() {
                self.call_spawn_hook(&runnable);
            }
            self.enqueue_new(runnable, location);
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
    ) -> (Runnable, Spawned<F::Output>)
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
        let handle = unsafe { Spawned::new(TaskRef::from_counted(cell)) };
        (runnable, handle)
    }

    /// As [`new_task`](Shared::new_task), for a large future.
    fn new_boxed_task<F>(
        self: &Arc<Shared>,
        future: Pin<Box<F>>,
        name: Option<Arc<str>>,
        location: &'static Location<'static>,
    ) -> (Runnable, Spawned<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let now = clock::raw();
        let (slot, memory) = self.take_slot_and_cell(raw::layout::<Pin<Box<F>>>());
        let identity = self.identity(slot, now, location);
        // SAFETY: the memory has this layout and is nobody else's.
        let cell = unsafe { raw::place_boxed(memory, future, identity) };
        self.publish(cell, identity, TaskKind::Task, name);
        // SAFETY: as in `new_task`.
        let runnable = unsafe { Runnable::new(cell) };
        // SAFETY: as in `new_task`.
        let handle = unsafe { Spawned::new(TaskRef::from_counted(cell)) };
        (runnable, handle)
    }

    /// As [`new_task`](Shared::new_task), for a task of a local set of this thread. `S` is the future
    /// as the user gave it.
    pub(crate) fn new_local_task<F, S>(
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
        let cell = unsafe { raw::place_local::<F, S>(memory, future, identity) };
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

    // ---- enqueueing -----------------------------------------------------------------------

    /// Enqueues a new task.
    #[inline]
    fn enqueue_new(&self, runnable: Runnable, location: &'static Location<'static>) {
        let mut runnable = Some(runnable);
        context::with_core_of(self, |worker, core| {
            let runnable = runnable.take().expect("called once");
            let header = runnable.header();
            let remote = worker.remote();
            // It has been scheduled since it was spawned, and by this worker.
            header.woken_on.set(worker.index());
            remote.counters.local_spawns.add(1);
            remote
                .ring
                .spawn(header.id, header.scheduled_at.get(), location);
            worker.push_woken(core, runnable);
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
        let now = clock::raw();
        runnable.header().scheduled_at.set(now);
        let record = self.records.get(runnable.header().slot);
        record.note_waker(current::origin());
        let mut runnable = Some(runnable);
        context::with_core_of(self, |worker, core| {
            let runnable = runnable.take().expect("called once");
            let header = runnable.header();
            header.woken_on.set(worker.index());
            worker.remote().counters.local_wakes.add(1);
            worker.remote().ring.wake(header.id, now, core.in_driver);
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

    /// Work has appeared: wakes a worker if nobody would come for it.
    #[inline]
    pub(crate) fn wake_a_worker(&self) {
        if let Some(worker) = self.idle.worker_to_wake() {
            let worker = usize::from(worker);
            self.remotes[worker].chosen_at.set(clock::raw());
            self.unpark(worker);
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
}

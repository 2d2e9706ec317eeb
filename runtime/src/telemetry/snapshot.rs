//! What telemetry shows, as plain values.
//!
//! A [`Snapshot`] is one runtime at one moment: no references into the runtime, no locks held, no
//! wire format. Durations are nanoseconds (`_ns`), counts are totals since the runtime was built.
//! Everything else (gRPC, Prometheus, the console) is made from these types.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use crate::runtime::RuntimeFlavor;

/// What a capture is to contain.
#[derive(Debug, Clone, Copy)]
pub struct CaptureOptions {
    pub(super) tasks: bool,
    pub(super) spawn_sites: bool,
}

impl Default for CaptureOptions {
    fn default() -> CaptureOptions {
        CaptureOptions::new()
    }
}

impl CaptureOptions {
    /// Everything.
    pub fn new() -> CaptureOptions {
        CaptureOptions {
            tasks: true,
            spawn_sites: true,
        }
    }

    /// Whether the live tasks are to be listed. Aggregates cover them in any case.
    pub fn tasks(mut self, tasks: bool) -> CaptureOptions {
        self.tasks = tasks;
        self
    }

    /// Whether the spawn sites are to be listed. Without them and without tasks, a capture costs the
    /// same however many tasks there are.
    pub fn spawn_sites(mut self, spawn_sites: bool) -> CaptureOptions {
        self.spawn_sites = spawn_sites;
        self
    }
}

/// Where a task is found again: see [`tasks_at`](super::tasks_at).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskPlace {
    /// The task's id.
    pub id: u64,
    pub(super) slot: u32,
}

/// What a [`TaskScan`](super::TaskScan) tells beside the tasks.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Scanned {
    /// As [`Snapshot::spawn_sites`]; empty unless the scan was made for it.
    pub spawn_sites: Vec<SpawnSiteSnapshot>,
    /// As [`Snapshot::permits`]; empty unless the scan was made with waits.
    pub permits: Vec<PermitsSnapshot>,
}

/// Some tasks at one moment: see [`tasks_at`](super::tasks_at).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TasksSeen {
    /// Those that are alive, in the order in which they were asked for.
    pub tasks: Vec<TaskSnapshot>,
    /// Who took permits of the semaphores that these tasks wait for.
    pub permits: Vec<PermitsSnapshot>,
}

/// How some tasks are related to all others: see [`RelationScan`](super::RelationScan).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TaskRelations {
    /// By id of those whose children were asked for: how many live tasks it has spawned.
    pub children: HashMap<u64, u64>,
    /// By id: the names of those asked for that are alive and have one.
    pub names: HashMap<u64, Arc<str>>,
    /// Those asked for by name that are alive.
    pub places: Vec<TaskPlace>,
}

/// One runtime at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// The runtime's id, unique in the process.
    pub runtime_id: u64,
    /// The runtime's name as given to [`Builder::name`](crate::runtime::Builder::name), or
    /// `runtime-N`.
    pub name: Arc<str>,
    /// Multi-thread or current-thread.
    pub flavor: RuntimeFlavor,
    /// Whether the runtime has been shut down.
    pub ended: bool,
    /// When the snapshot was taken: nanoseconds on telemetry's monotonic clock, which starts
    /// with the process's first runtime.
    pub taken_at_ns: u64,
    /// When the runtime was built, on the same clock.
    pub started_at_ns: u64,
    /// One entry a worker, by index.
    pub workers: Vec<WorkerSnapshot>,
    /// Polls of local tasks by threads that are none of the runtime's workers. With those of the
    /// workers they are the polls of all spawn sites.
    pub polls_elsewhere: u64,
    /// Aggregates by the place of the `spawn` call, finished tasks included. Empty if the capture was
    /// asked to leave them out.
    pub spawn_sites: Vec<SpawnSiteSnapshot>,
    /// The live tasks, unordered. Empty if the capture was asked to leave them out.
    pub tasks: Vec<TaskSnapshot>,
    /// The longest polls of a millisecond or more, the longest first: of each worker the eight
    /// tasks with the longest ones, one poll a task.
    pub longest_polls: Vec<LongestPoll>,
    /// Who took permits of the semaphores that tasks wait for. Empty if the capture was asked to leave
    /// out the tasks.
    pub permits: Vec<PermitsSnapshot>,
    /// The channels with the most messages in them, the longest first. See [`BacklogSnapshot`].
    pub backlogs: Vec<BacklogSnapshot>,
    /// Tasks in the injector (the queue shared by all workers).
    pub injector_depth: u64,
    /// Tasks spawned and not yet finished.
    pub alive_tasks: u64,
    /// Tasks ever spawned.
    pub spawned_tasks: u64,
    /// Tasks that have finished, however they ended.
    pub completed_tasks: u64,
    /// Of the finished, those that panicked.
    pub panicked_tasks: u64,
    /// Of the finished, those that were cancelled before they completed.
    pub cancelled_tasks: u64,
    /// The pool of blocking threads.
    pub blocking: BlockingSnapshot,
    /// The I/O driver.
    pub driver: DriverSnapshot,
    /// The timers.
    pub timers: TimersSnapshot,
    /// What telemetry itself costs.
    pub overhead: OverheadSnapshot,
}

/// What a worker is doing. The times in these states sum to the worker's wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkerState {
    /// Running tasks.
    Busy,
    /// Looking for work: the injector, other workers' queues, the drivers.
    Searching,
    /// Asleep, on its own or in the I/O driver.
    Parked,
    /// A current-thread runtime between two calls of `block_on`, or a worker whose thread has
    /// not started or has ended.
    Detached,
}

impl WorkerState {
    /// The state in lower case: `busy`, `searching`, `parked`, `detached`.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkerState::Busy => "busy",
            WorkerState::Searching => "searching",
            WorkerState::Parked => "parked",
            WorkerState::Detached => "detached",
        }
    }
}

/// One worker at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WorkerSnapshot {
    /// The worker's index, from 0.
    pub index: u16,
    /// What it is doing.
    pub state: WorkerState,
    /// Since when, on telemetry's clock.
    pub state_since_ns: u64,
    /// Polls of spawned tasks.
    pub polls: u64,
    /// Time spent running tasks and the queues between them.
    pub busy_ns: u64,
    /// Time spent looking for work.
    pub searching_ns: u64,
    /// Time spent asleep.
    pub parked_ns: u64,
    /// Time without a thread.
    pub detached_ns: u64,
    /// Times it went to sleep.
    pub parks: u64,
    /// Times it was woken from sleep (by another thread, an event or a timer).
    pub unparks: u64,
    /// Wake-ups that found nothing to do.
    pub noop_unparks: u64,
    /// Looks at one other worker's queue.
    pub steal_attempts: u64,
    /// Rounds over all other workers' queues that began when at least one of them had a task.
    pub steal_sweeps: u64,
    /// Of those rounds, the ones that brought a task.
    pub steal_sweeps_won: u64,
    /// Looks that brought at least one task.
    pub steals: u64,
    /// Tasks taken from other workers.
    pub stolen_tasks: u64,
    /// Tasks taken from each worker, by the victim's index.
    pub stolen_from: Vec<u64>,
    /// Tasks run from the LIFO slot.
    pub lifo_hits: u64,
    /// Tasks taken from the injector.
    pub injector_takes: u64,
    /// Tasks moved to the injector because the local queue was full.
    pub overflows: u64,
    /// Times that this happened.
    pub spills: u64,
    /// Time that tasks waited for their turn although another worker slept, by where they were.
    pub lags: Lags,
    /// How long it took from the decision to wake this worker to its first look for work.
    pub unpark_latency: HistogramSnapshot,
    /// Tasks spawned from this worker.
    pub local_spawns: u64,
    /// Wakes made on this worker that scheduled a task.
    pub local_wakes: u64,
    /// Wakes, made elsewhere, of tasks that last ran on this worker.
    pub remote_wakes: u64,
    /// Polls that ended because the cooperative budget was used up.
    pub budget_yields: u64,
    /// Tasks in the local queue, the LIFO slot included.
    pub queue_depth: u64,
    /// The deepest the local queue has been.
    pub queue_depth_max: u64,
    /// How long polls take.
    pub poll_time: HistogramSnapshot,
    /// How long a runnable task waits from its wake to its poll.
    pub wake_to_poll: HistogramSnapshot,
    /// The task being polled.
    pub current_task: Option<CurrentTask>,
}

/// Time that tasks waited for their turn although another worker slept: work was there, and who
/// could have done it did not come.
///
/// Counted when a task is polled that has waited for 100 µs or more: that part of its wait in which
/// the worker slept that has slept the longest by then. Exact as far as it goes, and a lower bound:
/// workers that slept for a part of the wait and are awake by then are not looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lags {
    /// In the LIFO slot, behind the task that woke it, where others take it only as a last resort.
    pub lifo: Lag,
    /// In the injector. Of the tasks that a worker takes from it at once only the eldest counts
    /// here; the others go to its queue.
    pub injector: Lag,
    /// In a worker's queue: nobody was woken for it, or came late.
    pub queue: Lag,
}

/// Waits for one cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lag {
    /// How many waits.
    pub count: u64,
    /// How long they took together.
    pub total_ns: u64,
}

impl Lags {
    /// All of them together.
    pub fn total(&self) -> Lag {
        let all = [self.lifo, self.injector, self.queue];
        Lag {
            count: all.iter().map(|lag| lag.count).sum(),
            total_ns: all.iter().map(|lag| lag.total_ns).sum(),
        }
    }
}

/// The task that a worker is polling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CurrentTask {
    /// The task's id.
    pub id: u64,
    /// When the poll began, on telemetry's clock.
    pub since_ns: u64,
}

/// A log-linear histogram of durations: bucket bounds grow by at most one eighth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistogramSnapshot {
    /// Number of values.
    pub count: u64,
    /// Sum of all values, exact.
    pub sum_ns: u64,
    /// The largest value, exact.
    pub max_ns: u64,
    /// The non-empty buckets in ascending order: exclusive upper bound, number of values.
    pub buckets: Vec<(u64, u64)>,
}

impl HistogramSnapshot {
    /// An upper bound of the value at quantile `q` (0 to 1), at most one eighth too high and
    /// never above the maximum; 0 for an empty histogram.
    pub fn quantile_ns(&self, q: f64) -> u64 {
        if self.count == 0 {
            return 0;
        }
        let rank = (q.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for &(upper, n) in &self.buckets {
            seen += n;
            if seen >= rank {
                return (upper - 1).min(self.max_ns);
            }
        }
        self.max_ns
    }

    /// Values of at most `bound_ns`, as a cumulative Prometheus bucket wants them. Exact when
    /// `bound_ns` is a power of two minus one, from 15 on, or lies on a bucket's bound; else the
    /// bucket that it falls into is left out.
    pub fn count_at_most(&self, bound_ns: u64) -> u64 {
        self.buckets
            .iter()
            .take_while(|(upper, _)| *upper - 1 <= bound_ns)
            .map(|(_, n)| n)
            .sum()
    }

    /// Adds another histogram's values to this one.
    pub fn merge(&mut self, other: &HistogramSnapshot) {
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
        let mut merged = Vec::with_capacity(self.buckets.len().max(other.buckets.len()));
        let (mut a, mut b) = (
            self.buckets.iter().peekable(),
            other.buckets.iter().peekable(),
        );
        loop {
            match (a.peek(), b.peek()) {
                (Some(&&(ua, na)), Some(&&(ub, nb))) if ua == ub => {
                    merged.push((ua, na + nb));
                    a.next();
                    b.next();
                }
                (Some(&&x), Some(&&y)) if x.0 < y.0 => {
                    merged.push(x);
                    a.next();
                }
                (Some(_), Some(&&y)) | (None, Some(&&y)) => {
                    merged.push(y);
                    b.next();
                }
                (Some(&&x), None) => {
                    merged.push(x);
                    a.next();
                }
                (None, None) => break,
            }
        }
        self.buckets = merged;
    }
}

/// All tasks spawned at one place.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SpawnSiteSnapshot {
    /// The place of the `spawn` call.
    pub location: &'static Location<'static>,
    /// Tasks ever spawned here.
    pub spawned: u64,
    /// Tasks of those not yet finished.
    pub alive: u64,
    /// Polls of all of them, finished ones included. Work on the blocking pool counts none.
    pub polls: u64,
    /// Time in those polls, and for blocking work its run time.
    pub busy_ns: u64,
    /// Time between wake and poll.
    pub scheduled_ns: u64,
    /// Tasks that panicked.
    pub panicked: u64,
    /// Tasks that were cancelled.
    pub cancelled: u64,
    /// How long polls take on the workers, one bucket a power of two. A poll of a millisecond or
    /// more counts for itself; of the shorter ones one in 64 is looked at and counts for all.
    /// `max_ns` is that of the polls looked at.
    pub poll_time: HistogramSnapshot,
    /// How long the tasks wait from a wake to its poll, by the same sample of one in 64.
    pub wake_to_poll: HistogramSnapshot,
    /// The longest poll of all, exact.
    pub longest_poll_ns: u64,
    /// When it ended, on telemetry's clock, and its task: known if it took a millisecond or more.
    pub longest_poll_end: Option<(u64, u64)>,
    /// Polls of a millisecond or more.
    pub long_polls: u64,
    /// Polls of ten milliseconds or more.
    pub slow_polls: u64,
    /// Time that tasks have waited for their turn while polls of this site of a millisecond or more
    /// kept their worker. Summed up when the waiting task is polled, so of tasks that another worker
    /// took meanwhile nothing is counted, and of a wait across many such polls the last eight.
    pub delayed_others_ns: u64,
    /// Bytes of the largest future spawned here (for blocking work, closure). Futures above 16 KiB
    /// are boxed by the runtime; this is their size before.
    pub future_bytes: u64,
}

/// What sort of task it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskKind {
    /// Spawned with `spawn`.
    Task,
    /// Spawned with `spawn_local`.
    Local,
    /// Spawned with `spawn_blocking`.
    Blocking,
    /// The future given to `block_on`.
    BlockOn,
}

impl TaskKind {
    /// The kind in lower case: `task`, `local`, `blocking`, `block_on`.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskKind::Task => "task",
            TaskKind::Local => "local",
            TaskKind::Blocking => "blocking",
            TaskKind::BlockOn => "block_on",
        }
    }
}

/// What a task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// Being polled.
    Busy,
    /// Woken, waiting to be polled.
    Scheduled,
    /// Waiting for a wake.
    Idle,
    /// Finished.
    Done,
}

impl TaskState {
    /// The state in lower case: `busy`, `scheduled`, `idle`, `done`.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskState::Busy => "busy",
            TaskState::Scheduled => "scheduled",
            TaskState::Idle => "idle",
            TaskState::Done => "done",
        }
    }
}

/// One task at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskSnapshot {
    /// The task's id: never 0, never used again in this process.
    pub id: u64,
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// What sort of task it is.
    pub kind: TaskKind,
    /// What it is doing.
    pub state: TaskState,
    /// Where it was spawned.
    pub location: &'static Location<'static>,
    /// The task that spawned it.
    pub parent: Option<u64>,
    /// Bytes that its future (for blocking work, its closure) takes; `None` for `block_on`, whose
    /// future is the caller's.
    pub future_bytes: Option<u64>,
    /// The worker that polled it last.
    pub worker: Option<u16>,
    /// When it was spawned, on telemetry's clock.
    pub created_at_ns: u64,
    /// Since when it is in its state, on telemetry's clock.
    pub state_since_ns: u64,
    /// Times it was polled.
    pub polls: u64,
    /// Time being polled, the current poll included.
    pub busy_ns: u64,
    /// Time woken and waiting for its poll, the current wait included.
    pub scheduled_ns: u64,
    /// Time waiting for a wake: all the rest since its creation.
    pub idle_ns: u64,
    /// The longest poll.
    pub longest_poll_ns: u64,
    /// Calls of `wake` and `wake_by_ref` on its wakers.
    pub wakes: u64,
    /// Of those, made by the task itself while it was polled.
    pub self_wakes: u64,
    /// Wakers cloned.
    pub waker_clones: u64,
    /// Wakers dropped (also by `wake`, which consumes its waker). Clones minus drops is the
    /// number of live wakers.
    pub waker_drops: u64,
    /// When the longest poll ended, on telemetry's clock, to about eight milliseconds; `None`
    /// before the first poll has ended.
    pub longest_poll_at_ns: Option<u64>,
    /// When it was last woken, on telemetry's clock.
    pub last_wake_ns: Option<u64>,
    /// Who woke it then; `None` if nobody has, and for `block_on`.
    pub last_waker: Option<LastWaker>,
    /// What it waits for, most recent first. Several for a task in `select!` or `join!`: of those that
    /// began in one poll first what somebody holds, then what comes from outside, and timers last.
    pub waits: Vec<Wait>,
}

/// Who woke a task last: whoever made the wake that scheduled it. Wakes of a task that is scheduled
/// already leave no trace here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastWaker {
    /// What sort of thing it was.
    pub kind: WakerKind,
    /// The task, blocking work or `block_on` that made the wake; it may have ended since.
    pub task: Option<u64>,
    /// The worker on whose thread the wake was made.
    pub worker: Option<u16>,
}

/// What wakes tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WakerKind {
    /// A task: another one, or the task itself.
    Task,
    /// The I/O driver, for an event.
    Driver,
    /// A timer.
    Timer,
    /// A thread that runs no task of zokio's.
    Thread,
    /// Somebody else, while the task was being polled.
    DuringPoll,
}

impl WakerKind {
    /// The kind in lower case: `task`, `driver`, `timer`, `thread`, `during_poll`.
    pub fn as_str(self) -> &'static str {
        match self {
            WakerKind::Task => "task",
            WakerKind::Driver => "driver",
            WakerKind::Timer => "timer",
            WakerKind::Thread => "thread",
            WakerKind::DuringPoll => "during_poll",
        }
    }
}

/// A long poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LongestPoll {
    /// The worker that it kept.
    pub worker: u16,
    /// The task, which may have ended since.
    pub task: u64,
    /// Where the task was spawned.
    pub location: &'static Location<'static>,
    /// How long it took.
    pub duration_ns: u64,
    /// When it ended, on telemetry's clock.
    pub ended_at_ns: u64,
}

/// One task, in more detail.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskDetail {
    /// What a snapshot says of it.
    pub task: TaskSnapshot,
    /// Its own poll times, kept from the first call of [`task_detail`](super::task_detail) for this task on; `None`
    /// for tasks that no worker polls.
    pub poll_time: Option<HistogramSnapshot>,
    /// How long it waited from each wake to the poll that answered it, kept and `None` as
    /// [`poll_time`](TaskDetail::poll_time) is.
    pub wake_to_poll: Option<HistogramSnapshot>,
    /// The live tasks that it spawned, the eldest first; 32 at most.
    pub children: Vec<TaskSnapshot>,
    /// How many live tasks it spawned, in all.
    pub children_count: u64,
    /// The name of the task that woke it last, if that is alive and has one.
    pub last_waker_name: Option<Arc<str>>,
}

/// Something that a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// The kind of thing: `mutex`, `mpsc`, `sleep`, `tcp`, `join`…
    pub kind: &'static str,
    /// The operation on it: `lock`, `recv`, `accept`…
    pub operation: &'static str,
    /// Identifies the resource among the live ones; 0 if it has no identity of its own.
    pub resource: u64,
    /// How many of the resource's things any of which ends the wait: the tasks of a `join_set`. 1
    /// else.
    pub count: u32,
    /// The place of the `.await` (or of the library that polled on the user's behalf), where the
    /// operation can know it.
    pub location: Option<&'static Location<'static>>,
    /// Since when, on telemetry's clock.
    pub since_ns: u64,
    /// Whether the task touched this wait in its latest poll. A wait that it did not touch may
    /// be a left-over of a branch no longer polled.
    pub current: bool,
    /// The task that has taken the lock, if it is a mutex or a read-write lock, and it was a task that
    /// took it. Of several readers that a writer waits for it is one, and
    /// [`PermitsSnapshot::acquired_by`] tells more; who waits to read waits for no reader, but behind a
    /// writer. The task that is joined, if it is a join. The task that received last, if it is a
    /// bounded channel without room.
    pub holder: Option<u64>,
    /// Whether the wait cannot end before the holder lets go. False without a holder, if it has the lock by an
    /// owned guard, which may be another task's by now, and for the receiver of a channel, which may
    /// be too.
    pub holder_is_exact: bool,
    /// Whether the wait's end wakes the task by its own waker. If not, something that polls its parts one
    /// by one, like `FuturesUnordered`, waits: other parts may wait for what zokio does not know. Only
    /// for locks, permits, room in a channel and joins; true else.
    pub own_waker: bool,
    /// Where the holder took the lock. `None` if that is not known: without a holder, if it is no
    /// lock, and if a library took it.
    pub held_at: Option<&'static Location<'static>>,
    /// Where the resource was made. `None` if it does not remember that (sockets, timers, joins).
    pub created_at: Option<&'static Location<'static>>,
    /// What the resource has room for, when the wait began: messages of a bounded channel (that of a
    /// `broadcast` too), bytes of a `duplex`, tasks of a barrier, permits of a semaphore that there
    /// are in all, whoever has them, readers of a read-write lock. `None` if it has no such bound.
    pub capacity: Option<u64>,
    /// How much of that is taken, as far as the wait itself tells it: a task that waits to send waits
    /// for a full channel, one that waits to receive for an empty one, and while somebody waits for
    /// permits there are none to be had.
    pub used: Option<u64>,
    /// Whether it is a mutex that nobody has, neither a task nor a thread: it has been handed to the
    /// one that came first, who has not looked yet.
    pub unclaimed: bool,
}

/// Who took permits of a semaphore, or has a read-write lock for reading. It is known for those that
/// tasks wait for, or have waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermitsSnapshot {
    /// As in [`Wait::resource`].
    pub resource: u64,
    /// Permits that there are now, whoever has them; those that were forgotten are not among them.
    /// `None`: unknown, or it is a lock.
    pub total: Option<u64>,
    /// The last few that took from it, the latest first. Permits can be moved, so these need not be
    /// the ones that have them now. Of a lock, a few of its readers, in no order.
    pub acquired_by: Vec<Acquirer>,
    /// Whether the latest of them has not given back what it took, for certain: nothing has come back
    /// since, and nobody waits for more than one permit.
    pub latest_holds: bool,
}

/// One that took permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acquirer {
    /// The task; it may have finished since. 0: it was no task.
    pub task: u64,
    /// Where it took them.
    pub location: Option<&'static Location<'static>>,
    /// By an owned permit, which is made to be moved to another task.
    pub owned: bool,
}

/// An `mpsc` channel in which 1,024 messages lie or more. It is known of up to 1,024 of them in the
/// process. It is told with the runtime in which it was sent to latest; one that was sent to by a mere
/// thread, with all.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BacklogSnapshot {
    /// As in [`Wait::resource`].
    pub resource: u64,
    /// Where the channel was made.
    pub created_at: &'static Location<'static>,
    /// Messages that it has room for; `None`: it has no bound.
    pub capacity: Option<u64>,
    /// Messages in it, to within some hundred: it is noted when it has changed by 256, and looked at once
    /// in 256.
    pub messages: u64,
    /// Messages that were ever received from it, as of the same look, to within a hundred.
    pub received: u64,
    /// The task that received latest, if it was a task; it may have finished since.
    pub receiver: Option<u64>,
    /// The latest known of the tasks that sent, if it was a task; it may have finished since.
    pub sender: Option<u64>,
}

/// The pool that runs `spawn_blocking` work and file operations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockingSnapshot {
    /// Threads that exist now.
    pub threads: u64,
    /// Of those, waiting for work.
    pub idle_threads: u64,
    /// The most threads allowed.
    pub max_threads: u64,
    /// Jobs waiting for a thread.
    pub queue_depth: u64,
    /// Jobs ever finished.
    pub completed: u64,
    /// Time spent running jobs, the current ones not included.
    pub busy_ns: u64,
    /// How long jobs waited for a thread.
    pub queue_time: HistogramSnapshot,
    /// How long jobs ran.
    pub run_time: HistogramSnapshot,
}

/// The I/O driver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriverSnapshot {
    /// Sources (sockets, pipes…) registered now.
    pub sources: u64,
    /// Calls into the operating system for events.
    pub polls: u64,
    /// Readiness events received.
    pub events: u64,
    /// How long a turn of the driver takes, the sleep before it left out: taking the events from the
    /// system, firing timers, waking tasks.
    pub turn_time: HistogramSnapshot,
}

/// The timers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimersSnapshot {
    /// Timers waiting now.
    pub armed: u64,
    /// Timers that fired.
    pub fired: u64,
    /// Timers dropped or moved before they fired.
    pub cancelled: u64,
    /// How late timers fired after their deadline.
    pub lateness: HistogramSnapshot,
}

/// What telemetry costs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct OverheadSnapshot {
    /// Whether telemetry is compiled in (feature `telemetry`). If not, all that is not known without
    /// it reads 0 or empty.
    pub enabled: bool,
    /// Nanoseconds added to a poll, measured when the process's first runtime was built.
    pub poll_overhead_ns: f64,
    /// Nanoseconds that one read of the clock takes, measured likewise.
    pub clock_read_ns: f64,
    /// Bytes of memory in task records.
    pub record_bytes: u64,
    /// Wakes and waker clones in the whole process that are in no task's count, since a task had
    /// more than 4,096 of them between two polls.
    pub unattributed_events: u64,
}

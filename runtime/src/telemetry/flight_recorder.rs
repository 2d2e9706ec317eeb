//! What workers did lately, as plain values: see [`dump`](super::dump).
//!
//! Times are nanoseconds on the clock of [`now_ns`](super::now_ns).

use std::panic::Location;
use std::sync::Arc;

use super::snapshot::TaskKind;

/// What the workers of a runtime did lately.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FlightRecording {
    /// The runtime's id, unique in the process.
    pub runtime_id: u64,
    /// The runtime's name, or `runtime-N`.
    pub runtime_name: Arc<str>,
    /// When it was read.
    pub taken_at_ns: u64,
    /// From when on events were asked for. Those that had not ended by then are there.
    pub from_ns: u64,
    /// One for each worker, in their order.
    pub lanes: Vec<FlightLane>,
    /// The tasks that occur, by id.
    pub tasks: Vec<FlightTask>,
}

impl FlightRecording {
    /// What is known of a task that occurs.
    pub fn task(&self, id: u64) -> Option<&FlightTask> {
        let at = self.tasks.binary_search_by_key(&id, |task| task.id).ok()?;
        self.tasks.get(at)
    }
}

/// What one worker did.
///
/// Its events are ordered by their beginnings. Polls, sleeps and looks at the driver do not overlap;
/// what takes no time lies within them or between them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FlightLane {
    /// Index of the worker.
    pub worker: u16,
    /// What happened, oldest first.
    pub events: Vec<FlightEvent>,
    /// Events that the worker has ever recorded.
    pub recorded: u64,
    /// Of those, the ones that were overwritten by later ones before they were read.
    pub overwritten: u64,
    /// From when on nothing has been overwritten. If that is later than
    /// [`from_ns`](FlightRecording::from_ns), the lane begins there.
    pub complete_since_ns: u64,
    /// Bytes that the worker may record in; 0: nothing is recorded.
    pub capacity_bytes: u64,
}

/// Something that a worker did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlightEvent {
    /// When it began.
    pub at_ns: u64,
    /// How long it took; up to now, if it is under way. 0 for what takes no time.
    pub duration_ns: u64,
    /// What it was.
    pub kind: FlightEventKind,
}

impl FlightEvent {
    /// When it ended.
    pub fn end_ns(&self) -> u64 {
        self.at_ns.saturating_add(self.duration_ns)
    }
}

/// What a worker did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlightEventKind {
    /// It polled a task.
    Poll {
        /// The task.
        task: u64,
        /// How many polls: short ones of the same task, right after one another, are one event.
        polls: u32,
        /// The wake or spawn before the first of them was made by a thread that is no worker of the
        /// runtime.
        from_outside: bool,
        /// How the poll went on.
        end: PollEnd,
    },
    /// A task was woken. Wakes of a task that is being polled or has been woken already are not
    /// recorded, nor are those by threads that are no workers of the runtime.
    Wake {
        /// The task that was woken.
        task: u64,
        /// By whom.
        by: WakeSource,
    },
    /// A task was spawned.
    Spawn {
        /// The new task.
        task: u64,
        /// By whom.
        by: WakeSource,
    },
    /// A task has ended.
    Complete {
        /// The task.
        task: u64,
        /// How it ended.
        outcome: TaskOutcome,
    },
    /// Tasks were taken from another worker's queue. The time is that of the search's beginning.
    Steal {
        /// The other worker.
        victim: u16,
        /// How many tasks were taken.
        tasks: u64,
    },
    /// It slept, perhaps in the driver.
    Park {
        /// Events that the operating system told it of meanwhile.
        io_events: u32,
        /// Timers that it fired meanwhile.
        timers: u32,
        /// It sleeps still.
        under_way: bool,
    },
    /// It looked whether there are events or timers.
    Driver {
        /// Events that the operating system told of.
        io_events: u32,
        /// Timers that were fired.
        timers: u32,
    },
}

impl FlightEventKind {
    /// The task that it happened to.
    pub fn task(&self) -> Option<u64> {
        match *self {
            FlightEventKind::Poll { task, .. }
            | FlightEventKind::Wake { task, .. }
            | FlightEventKind::Spawn { task, .. }
            | FlightEventKind::Complete { task, .. } => Some(task),
            FlightEventKind::Steal { .. }
            | FlightEventKind::Park { .. }
            | FlightEventKind::Driver { .. } => None,
        }
    }

    /// Whether it is something that takes time.
    pub fn is_span(&self) -> bool {
        matches!(
            self,
            FlightEventKind::Poll { .. }
                | FlightEventKind::Park { .. }
                | FlightEventKind::Driver { .. }
        )
    }
}

/// How a poll went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PollEnd {
    /// It is over.
    Ended,
    /// It is under way.
    UnderWay,
    /// It went on on a thread that is no worker any more
    /// ([`block_in_place`](crate::task::block_in_place)).
    HandedOver,
}

/// Who woke or spawned a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WakeSource {
    /// The task that was being polled on the same worker.
    Task(u64),
    /// The driver: I/O is ready, or a timer has fired.
    Driver,
    /// Something else on the worker's thread: the future given to `block_on`, a destructor, a hook.
    Other,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskOutcome {
    /// Its future was ready.
    Completed,
    /// It panicked.
    Panicked,
    /// It was cancelled.
    Cancelled,
}

impl TaskOutcome {
    /// In lower case: `completed`, `panicked`, `cancelled`.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskOutcome::Completed => "completed",
            TaskOutcome::Panicked => "panicked",
            TaskOutcome::Cancelled => "cancelled",
        }
    }
}

/// A task that occurs in a recording.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FlightTask {
    /// Its id.
    pub id: u64,
    /// Its name, if it has one and is alive.
    pub name: Option<Arc<str>>,
    /// What sort of task it is, if it is alive.
    pub kind: Option<TaskKind>,
    /// Where it was spawned, if it is alive or its spawn or its end is in the recording.
    pub location: Option<&'static Location<'static>>,
}

//! Who woke a task, whom it has spawned, and what single polls took.

use super::{Location, TaskState};

/// Who woke a task last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LastWaker {
    pub(crate) kind: WakerKind,
    pub(crate) task: Option<u64>,
    /// Empty: no name, or the task has ended.
    pub(crate) task_name: String,
    /// The worker on whose thread the wake was made.
    pub(crate) worker: Option<u32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum WakerKind {
    #[default]
    Unknown,
    Task,
    Driver,
    Timer,
    Thread,
    DuringPoll,
}

impl WakerKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            WakerKind::Unknown => "unknown",
            WakerKind::Task => "task",
            WakerKind::Driver => "driver",
            WakerKind::Timer => "timer",
            WakerKind::Thread => "thread",
            WakerKind::DuringPoll => "during_poll",
        }
    }
}

impl LastWaker {
    /// Who it was, in words.
    pub(crate) fn who(&self) -> String {
        let who = match (self.kind, self.task) {
            (_, Some(id)) if self.task_name.is_empty() => format!("task {id}"),
            (_, Some(id)) => format!("task {id} {}", self.task_name),
            (WakerKind::Driver, None) => "the I/O driver".into(),
            (WakerKind::Timer, None) => "a timer".into(),
            (WakerKind::Thread, None) => "a thread outside of the runtime".into(),
            (WakerKind::DuringPoll, None) => "somebody while it was polled".into(),
            (WakerKind::Unknown | WakerKind::Task, None) => "somebody".into(),
        };
        match self.worker {
            Some(worker) => format!("{who} (worker {worker})"),
            None => who,
        }
    }
}

/// Live tasks that a task has spawned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Children {
    pub(crate) count: u64,
    /// Some of them, in the details of a task.
    pub(crate) first: Vec<Child>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) id: u64,
    /// Empty: no name.
    pub(crate) name: String,
    pub(crate) state: TaskState,
    pub(crate) location: Location,
}

/// One of the longest polls since the runtime was built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LongestPoll {
    pub(crate) worker: u32,
    pub(crate) task: u64,
    /// Empty: no name, or the task has ended.
    pub(crate) task_name: String,
    pub(crate) location: Location,
    pub(crate) duration_ns: u64,
    pub(crate) ended_at_ns: u64,
}

/// Waits that another worker slept through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lag {
    pub(crate) count: u64,
    pub(crate) total_ns: u64,
}

/// The same, by where the tasks waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lags {
    pub(crate) lifo: Lag,
    pub(crate) injector: Lag,
    pub(crate) queue: Lag,
}

impl Lags {
    pub(crate) fn merge(&mut self, other: &Lags) {
        for (sum, lag) in [
            (&mut self.lifo, other.lifo),
            (&mut self.injector, other.injector),
            (&mut self.queue, other.queue),
        ] {
            sum.count = sum.count.saturating_add(lag.count);
            sum.total_ns = sum.total_ns.saturating_add(lag.total_ns);
        }
    }
}

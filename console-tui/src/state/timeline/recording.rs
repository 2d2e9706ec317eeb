//! What the workers did, as lanes that can be searched.

use std::collections::HashMap;

use crate::state::model::Location;

/// The recording of one runtime.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recording {
    pub(crate) runtime_id: u64,
    pub(crate) name: String,
    pub(crate) from_ns: u64,
    /// When it was taken.
    pub(crate) until_ns: u64,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) tasks: HashMap<u64, Named>,
    /// By task, then by time.
    pub(crate) causes: Vec<Cause>,
    /// Events that came and were not kept.
    pub(crate) left_off: u64,
}

/// What is known of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Empty: no name, or it has finished.
    pub(crate) name: String,
    pub(crate) location: Location,
}

/// One worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lane {
    pub(crate) worker: u32,
    /// It records nothing.
    pub(crate) off: bool,
    /// From when on nothing is missing.
    pub(crate) complete_since_ns: u64,
    /// In order, none before the end of the one before it.
    pub(crate) spans: Vec<Span>,
    /// When it took tasks of other workers; in order.
    pub(crate) steals: Vec<u64>,
}

/// Something that took time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) at_ns: u64,
    pub(crate) until_ns: u64,
    pub(crate) what: What,
    /// It was not over.
    pub(crate) under_way: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Poll {
        task: u64,
        polls: u32,
        from_outside: bool,
    },
    Park,
    Driver,
}

/// Something that led to a poll, or the poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cause {
    pub(crate) task: u64,
    pub(crate) at_ns: u64,
    pub(crate) how: How,
    pub(crate) worker: u32,
}

/// In the order in which they stand if they have the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum How {
    Spawned { by_task: u64 },
    Woken { by_task: u64, by_driver: bool },
    Polled,
}

impl Span {
    /// Time of it between two moments.
    pub(crate) fn within(&self, begin: u64, end: u64) -> u64 {
        self.until_ns.min(end).saturating_sub(self.at_ns.max(begin))
    }

    pub(crate) fn duration_ns(&self) -> u64 {
        self.until_ns.saturating_sub(self.at_ns)
    }

    /// The task that is polled.
    pub(crate) fn task(&self) -> Option<u64> {
        match self.what {
            What::Poll { task, .. } => Some(task),
            What::Park | What::Driver => None,
        }
    }

    /// One poll, not several in a row, that took this long.
    pub(crate) fn is_long_poll(&self, least_ns: u64) -> bool {
        let single = matches!(self.what, What::Poll { polls: 0..=1, .. });
        single && self.duration_ns() >= least_ns
    }
}

impl Lane {
    /// The spans that have a part between two moments.
    pub(crate) fn between(&self, begin: u64, end: u64) -> &[Span] {
        let first = self.spans.partition_point(|span| span.until_ns <= begin);
        let spans = self.spans.get(first..).unwrap_or_default();
        &spans[..spans.partition_point(|span| span.at_ns < end)]
    }

    /// Whether it took tasks of others between two moments.
    pub(crate) fn stole(&self, begin: u64, end: u64) -> bool {
        let first = self.steals.partition_point(|at| *at < begin);
        self.steals.get(first).is_some_and(|at| *at < end)
    }
}

impl Recording {
    /// How long it is: at least a nanosecond.
    pub(crate) fn width_ns(&self) -> u64 {
        self.until_ns.saturating_sub(self.from_ns).max(1)
    }

    /// What led to a poll, if that was recorded: nothing from before the task's poll before it.
    pub(crate) fn cause(&self, span: &Span) -> Option<&Cause> {
        let task = span.task()?;
        let poll = (task, span.at_ns, How::Polled);
        let before = |cause: &Cause| (cause.task, cause.at_ns, cause.how) < poll;
        let at = self.causes.partition_point(before);
        let cause = self.causes.get(at.checked_sub(1)?)?;
        (cause.task == task && cause.how != How::Polled).then_some(cause)
    }
}

//! A query over tasks that were recorded: what the server does for live ones, done here, with the
//! server's own code.

use zokio_instrumentation::{SourcePlace, TaskRow, WaitRow, select_tasks};

use super::{TaskTable, World};
use crate::sanitize;
use crate::state::model::{Location, Query, Task};

/// Rows that are selected at most, as many as a server sends.
const MAX_ROWS: u32 = 1_000;

impl World {
    /// The same moment with the rows that the query wants, all of them in one window.
    pub(crate) fn narrowed(&self, query: &Query) -> World {
        let mut world = self.clone();
        for runtime in &mut world.runtimes {
            runtime.tasks.narrow(query, runtime.summary.taken_at_ns);
        }
        world
    }
}

impl TaskTable {
    fn narrow(&mut self, query: &Query, now_ns: u64) {
        let query = sanitize::query(&Query {
            offset: 0,
            limit: MAX_ROWS,
            ..query.clone()
        });
        self.not_recorded = self.matching.saturating_sub(self.rows.len());
        // A filter that a server would refuse lets nothing through.
        let tasks = self.by_id.values();
        let (rows, matching) = select_tasks(query, tasks, now_ns).unwrap_or_default();
        self.sent = rows.iter().map(|task| task.id).collect();
        self.arrange(false);
        self.matching = matching;
        self.offset = 0;
    }
}

impl<'a> From<&'a Location> for SourcePlace<'a> {
    fn from(location: &'a Location) -> SourcePlace<'a> {
        SourcePlace {
            file: &location.file,
            line: location.line,
            column: location.column,
        }
    }
}

impl TaskRow for Task {
    fn id(&self) -> u64 {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &str {
        self.kind.as_str()
    }

    fn state(&self) -> &str {
        self.state.as_str()
    }

    fn place(&self) -> SourcePlace<'_> {
        (&self.location).into()
    }

    fn parent(&self) -> Option<u64> {
        self.parent
    }

    fn worker(&self) -> Option<u64> {
        self.worker.map(u64::from)
    }

    fn future_bytes(&self) -> Option<u64> {
        self.future_bytes
    }

    fn state_since_ns(&self) -> u64 {
        self.state_since_ns
    }

    fn busy_ns(&self) -> u64 {
        self.busy_ns
    }

    fn scheduled_ns(&self) -> u64 {
        self.scheduled_ns
    }

    fn idle_ns(&self) -> u64 {
        self.idle_ns
    }

    fn polls(&self) -> u64 {
        self.polls
    }

    fn longest_poll_ns(&self) -> u64 {
        self.longest_poll_ns
    }

    fn wakes(&self) -> u64 {
        self.wakes
    }

    fn self_wakes(&self) -> u64 {
        self.self_wakes
    }

    fn live_wakers(&self) -> u64 {
        Task::live_wakers(self)
    }

    fn waits(&self) -> impl Iterator<Item = WaitRow<'_>> {
        self.waits.iter().map(|wait| WaitRow {
            kind: &wait.kind,
            operation: &wait.operation,
            place: wait.location.as_ref().map(SourcePlace::from),
            resource: wait.resource,
            since_ns: wait.since_ns,
            holder: wait.holder,
        })
    }

    fn any_field(&self, mut holds: impl FnMut(&str, &str) -> bool) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|(name, value)| holds(name, value))
    }
}

//! The rows of one query over tasks that come one after the other.
//!
//! What is kept is bounded by the window, however many tasks come: of those that come first in the
//! query's order so many as the window's end, and some more, with what they are ordered by. A task that
//! comes after the last of them is not kept at all.

use std::cmp::Ordering;
use std::panic::Location;
use std::sync::Arc;

use zokio::telemetry::{LiveTask, TaskPlace, TaskSnapshot};
use zokio_console_proto::v1::TaskSort;

use super::{Query, compare_places, state_rank};
use crate::filter::{Matcher, total_ns};

/// Rows that are kept beyond the window's end, at least, before the last ones are sorted out.
const SURPLUS: usize = 1_024;

/// What a live task is ordered by.
#[derive(Debug, Clone)]
enum Key {
    Number(u64),
    Name(Option<Arc<str>>),
    Place(&'static Location<'static>),
    Words(&'static str, &'static str),
}

impl Key {
    /// As [`Query::compare`] does, of two keys of one query.
    fn compare(&self, other: &Key) -> Ordering {
        match (self, other) {
            (Key::Number(a), Key::Number(b)) => a.cmp(b),
            (Key::Place(a), Key::Place(b)) => compare_places((*a).into(), (*b).into()),
            (Key::Words(a, b), Key::Words(c, d)) => (a, b).cmp(&(c, d)),
            (Key::Name(a), Key::Name(b)) => {
                let (a, b) = (a.as_deref().unwrap_or(""), b.as_deref().unwrap_or(""));
                a.cmp(b)
            }
            _ => Ordering::Equal,
        }
    }
}

impl Query {
    /// Whether a task's place among the others is seen without all about it being told.
    fn is_quick(&self) -> bool {
        use TaskSort::{Busy, Id, Kind, Location, Polls, Total};
        self.filter.is_empty() && matches!(self.sort, Total | Id | Busy | Polls | Kind | Location)
    }

    /// Whether it must be known what each task waits for.
    pub(crate) fn reads_waits(&self) -> bool {
        self.wants_waits() || !self.filter.is_empty() || self.sort == TaskSort::WaitsFor
    }

    /// For a query that is quick.
    fn quick_key(&self, task: &LiveTask<'_>) -> Key {
        match self.sort {
            TaskSort::Id => Key::Number(task.place().id),
            TaskSort::Busy => Key::Number(task.busy_ns()),
            TaskSort::Polls => Key::Number(task.polls()),
            TaskSort::Kind => Key::Words(task.kind().as_str(), ""),
            TaskSort::Location => Key::Place(task.location()),
            _ => Key::Number(task.age_ns()),
        }
    }

    fn key(&self, task: &TaskSnapshot) -> Key {
        match self.sort {
            TaskSort::Total => Key::Number(total_ns(task)),
            TaskSort::Id => Key::Number(task.id),
            TaskSort::State => Key::Number(state_rank(task.state.as_str()).into()),
            TaskSort::Name => Key::Name(task.name.clone()),
            TaskSort::Busy => Key::Number(task.busy_ns),
            TaskSort::Scheduled => Key::Number(task.scheduled_ns),
            TaskSort::Idle => Key::Number(task.idle_ns),
            TaskSort::Polls => Key::Number(task.polls),
            TaskSort::Kind => Key::Words(task.kind.as_str(), ""),
            TaskSort::Location => Key::Place(task.location),
            TaskSort::Wakes => Key::Number(task.wakes),
            TaskSort::WaitsFor => {
                let first = task.waits.first();
                first.map_or(Key::Words("", ""), |w| Key::Words(w.kind, w.operation))
            }
            // The one that has been in its state for longest is the largest.
            TaskSort::Since => Key::Number(u64::MAX - task.state_since_ns),
            TaskSort::Longest => Key::Number(task.longest_poll_ns),
            TaskSort::Worker => Key::Number(task.worker.map_or(0, |worker| u64::from(worker) + 1)),
            TaskSort::Parent => Key::Number(task.parent.unwrap_or(0)),
        }
    }

    fn compare_keys(&self, a: &(Key, TaskPlace), b: &(Key, TaskPlace)) -> Ordering {
        let by_column = a.0.compare(&b.0);
        let by_column = if self.ascending {
            by_column
        } else {
            by_column.reverse()
        };
        by_column.then_with(|| a.1.id.cmp(&b.1.id))
    }
}

/// All about a task, told when somebody asks for it first.
pub(crate) struct Told<'a, 'b> {
    task: &'a LiveTask<'b>,
    snapshot: Option<Option<TaskSnapshot>>,
}

impl<'a, 'b> Told<'a, 'b> {
    pub(crate) fn new(task: &'a LiveTask<'b>) -> Told<'a, 'b> {
        Told {
            task,
            snapshot: None,
        }
    }

    /// `None`: it has ended.
    pub(crate) fn snapshot(&mut self) -> Option<&TaskSnapshot> {
        let told = self.snapshot.get_or_insert_with(|| self.task.snapshot());
        told.as_ref()
    }

    pub(crate) fn into_snapshot(mut self) -> Option<TaskSnapshot> {
        self.snapshot();
        self.snapshot.flatten()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// The first rows in the query's order, in no order, and what came since they were sorted out.
    rows: Vec<(Key, TaskPlace)>,
    /// The row at `end - 1` is the last of the first `end`.
    is_cut: bool,
    matching: usize,
}

impl Window {
    /// The next task. `filter` is the query's.
    pub(crate) fn offer(
        &mut self,
        query: &Query,
        filter: &mut Matcher<'_>,
        told: &mut Told<'_, '_>,
    ) {
        if query.limit == 0 {
            return;
        }
        let place = told.task.place();
        let key = if query.is_quick() {
            query.quick_key(told.task)
        } else {
            let Some(task) = told.snapshot().filter(|task| filter.passes(*task)) else {
                return;
            };
            query.key(task)
        };
        self.keep(query, (key, place));
    }

    fn keep(&mut self, query: &Query, row: (Key, TaskPlace)) {
        self.matching += 1;
        let end = query.end();
        if self.is_cut && query.compare_keys(&row, &self.rows[end - 1]).is_gt() {
            return;
        }
        self.rows.push(row);
        if self.rows.len() >= end.saturating_add(SURPLUS.max(end / 4)) {
            self.rows
                .select_nth_unstable_by(end - 1, |a, b| query.compare_keys(a, b));
            self.rows.truncate(end);
            self.is_cut = true;
        }
    }

    /// The window's tasks in the query's order, and how many pass the filter in all. The rows before
    /// the window are not sorted, however many there are.
    pub(crate) fn finish(mut self, query: &Query) -> (Vec<TaskPlace>, usize) {
        let rows = query.cut(&mut self.rows, |a, b| query.compare_keys(a, b));
        (
            rows.iter().map(|(_, place)| *place).collect(),
            self.matching,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use zokio::runtime::{Builder, Runtime};
    use zokio::telemetry::{Snapshot, TaskScan};
    use zokio_console_proto::{MINOR, v1};

    /// Tasks of which each has been polled another number of times, and that rest now.
    fn runtime(tasks: usize) -> Runtime {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        for n in 0..tasks {
            let rests = async move {
                for _ in 0..n * 7_919 % 11 {
                    zokio::task::yield_now().await;
                }
                if n % 3 == 0 {
                    zokio::sync::Notify::new().notified().await;
                }
                pending::<()>().await;
            };
            let name = format!("task {}", n * 31 % 17);
            let task = zokio::task::Builder::new().name(&name);
            if n % 2 == 0 {
                task.spawn_on(rests, runtime.handle()).unwrap();
            } else {
                runtime.spawn(rests);
            }
        }
        runtime.block_on(async {
            for _ in 0..20 {
                zokio::task::yield_now().await;
            }
        });
        runtime
    }

    fn assert_is_that_of_all(runtime: &Runtime, all: &Snapshot, wish: v1::TaskQuery) {
        let query = Query::new(wish.clone(), MINOR).unwrap();
        let mut filter = query.matcher(0);
        let mut window = Window::default();
        let mut scan = TaskScan::new(runtime.handle()).with_waits();
        while scan.step(7, |task| {
            window.offer(&query, &mut filter, &mut Told::new(task));
        }) {}
        let (places, matching) = window.finish(&query);
        let (rows, expected) = query.select(&all.tasks, 0);
        let found: Vec<u64> = places.iter().map(|place| place.id).collect();
        let rows: Vec<u64> = rows.iter().map(|task| task.id).collect();
        assert_eq!((found, matching), (rows, expected), "{wish:?}");
    }

    #[test]
    fn the_rows_are_those_of_a_query_over_all_tasks_at_once() {
        let runtime = runtime(60);
        let all = Snapshot::capture(runtime.handle());
        // While nothing happens, idle tasks keep their order however late it is.
        for &sort in TaskSort::ALL {
            for ascending in [false, true] {
                for (offset, limit) in [(0, 1), (0, 10), (7, 20), (50, 20), (200, 5), (0, 1_000)] {
                    for filter in ["", "name:1"] {
                        let wish = v1::TaskQuery {
                            sort: sort.into(),
                            ascending,
                            filter: filter.into(),
                            offset,
                            limit,
                        };
                        assert_is_that_of_all(&runtime, &all, wish);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_kept_is_bounded_by_the_windows_end() {
        let wish = v1::TaskQuery {
            sort: TaskSort::Busy.into(),
            offset: 5,
            limit: 20,
            ..Default::default()
        };
        let query = Query::new(wish, MINOR).unwrap();
        let runtime = runtime(1);
        let mut place = None;
        TaskScan::new(runtime.handle()).step(1_000, |task| place = Some(task.place()));
        let place = |id| {
            let mut place = place.unwrap();
            place.id = id;
            place
        };
        let busy = |id: u64| id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut window = Window::default();
        for id in 0..100_000 {
            window.keep(&query, (Key::Number(busy(id)), place(id)));
            assert!(window.rows.len() <= 25 + SURPLUS);
        }
        let mut sorted: Vec<u64> = (0..100_000).map(busy).collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let (places, matching) = window.finish(&query);
        let found: Vec<u64> = places.iter().map(|place| busy(place.id)).collect();
        assert_eq!((found.as_slice(), matching), (&sorted[5..25], 100_000));
    }
}

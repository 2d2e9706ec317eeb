//! Which tasks a viewer sees: filter, order, window.
//!
//! The cost is one pass over all tasks for the filter, a selection of the window's last row, and
//! a sort of the window alone. Nothing is allocated for a task that is not shown, unless its text
//! is not ASCII.

pub(crate) mod window;

use std::cmp::Ordering;

use zokio_console_proto::MINOR;
use zokio_console_proto::v1::{self, TaskSort};

use crate::filter::{Filter, Matcher, total_ns};
use crate::row::{SourcePlace, TaskRow};

/// The most rows a runtime's window has.
pub(crate) const MAX_ROWS: usize = 1_000;

/// The minor version from which on a filter is more than a text to look for.
const FILTER_LANGUAGE: u32 = 2;

/// A viewer's wish, checked. Equal queries are evaluated once for all viewers that have them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query {
    sort: TaskSort,
    ascending: bool,
    filter: Filter,
    offset: usize,
    limit: usize,
    resources: bool,
    chains: Chains,
}

/// Whether a viewer is told who waits for whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Chains {
    #[default]
    No,
    /// All of them, each time.
    Whole,
    /// How many there are, too, and in deltas only those that have changed.
    Counted,
}

impl Query {
    /// Checks what came over the wire, from a client of this minor version. An unknown order is the
    /// default order: a newer client may know more of them.
    pub(crate) fn new(query: v1::TaskQuery, minor: u32) -> Result<Query, String> {
        let filter = if minor < FILTER_LANGUAGE {
            Filter::plain(&query.filter)
        } else {
            Filter::parse(&query.filter)
        };
        let filter = filter.map_err(|mistake| mistake.to_string())?;
        Ok(Query {
            sort: TaskSort::try_from(query.sort).unwrap_or_default(),
            ascending: query.ascending,
            filter,
            offset: query.offset as usize,
            limit: (query.limit as usize).min(MAX_ROWS),
            resources: false,
            chains: Chains::No,
        })
    }

    /// Asks for what tasks wait for, too. `chains`: whether also for who waits for whom; `None` from
    /// those who do not know that they can say so.
    pub(crate) fn with_waits(self, resources: bool, chains: Option<bool>) -> Query {
        let chains = match (chains, resources) {
            (Some(true), _) => Chains::Counted,
            (None, true) => Chains::Whole,
            _ => Chains::No,
        };
        Query {
            resources,
            chains,
            ..self
        }
    }

    pub(crate) fn chains(&self) -> Chains {
        self.chains
    }

    pub(crate) fn wants_resources(&self) -> bool {
        self.resources
    }

    /// Whether what all tasks wait for is to be looked at.
    pub(crate) fn wants_waits(&self) -> bool {
        self.resources || self.chains != Chains::No
    }

    /// One after the window's last row.
    fn end(&self) -> usize {
        self.offset.saturating_add(self.limit)
    }

    /// What is kept for it: rows before its window, whose places a pass over all tasks keeps, and rows
    /// in it, which its views tell.
    pub(crate) fn rows(&self) -> (usize, usize) {
        match self.limit {
            0 => (0, 0),
            limit => (self.offset, limit),
        }
    }

    /// The query's filter, over tasks of this moment.
    pub(crate) fn matcher(&self, now_ns: u64) -> Matcher<'_> {
        Matcher::new(&self.filter, now_ns)
    }

    /// The rows of the window in order, and how many tasks pass the filter in all. `now_ns` is the
    /// moment of the tasks, on telemetry's clock.
    pub(crate) fn select<'a, T: TaskRow>(
        &self,
        tasks: impl IntoIterator<Item = &'a T>,
        now_ns: u64,
    ) -> (Vec<&'a T>, usize) {
        if self.limit == 0 {
            return (Vec::new(), 0);
        }
        let mut filter = Matcher::new(&self.filter, now_ns);
        let mut rows: Vec<_> = tasks.into_iter().filter(|t| filter.passes(*t)).collect();
        let matching = rows.len();
        let rows = self.cut(&mut rows, |a, b| self.compare(*a, *b));
        (rows.to_vec(), matching)
    }

    /// The window's rows in order, of all rows in any order.
    fn cut<'a, R>(&self, rows: &'a mut [R], order: impl Fn(&R, &R) -> Ordering) -> &'a mut [R] {
        let end = rows.len().min(self.end());
        if self.offset >= end {
            return &mut [];
        }
        if end < rows.len() {
            rows.select_nth_unstable_by(end - 1, &order);
        }
        let rows = &mut rows[..end];
        if self.offset > 0 {
            rows.select_nth_unstable_by(self.offset, &order);
        }
        let window = &mut rows[self.offset..];
        window.sort_unstable_by(&order);
        window
    }

    /// The order of two tasks. Equal ones are ordered by id, so that rows do not jump.
    pub(crate) fn compare(&self, a: &impl TaskRow, b: &impl TaskRow) -> Ordering {
        let by_column = match self.sort {
            TaskSort::Total => total_ns(a).cmp(&total_ns(b)),
            TaskSort::Id => a.id().cmp(&b.id()),
            TaskSort::State => state_rank(a.state()).cmp(&state_rank(b.state())),
            TaskSort::Name => a.name().cmp(b.name()),
            TaskSort::Busy => a.busy_ns().cmp(&b.busy_ns()),
            TaskSort::Scheduled => a.scheduled_ns().cmp(&b.scheduled_ns()),
            TaskSort::Idle => a.idle_ns().cmp(&b.idle_ns()),
            TaskSort::Polls => a.polls().cmp(&b.polls()),
            TaskSort::Kind => a.kind().cmp(b.kind()),
            TaskSort::Location => compare_places(a.place(), b.place()),
            TaskSort::Wakes => a.wakes().cmp(&b.wakes()),
            TaskSort::WaitsFor => waits_for(a).cmp(&waits_for(b)),
            // Who has been in its state for longest came into it first.
            TaskSort::Since => b.state_since_ns().cmp(&a.state_since_ns()),
            TaskSort::Longest => a.longest_poll_ns().cmp(&b.longest_poll_ns()),
            TaskSort::Worker => a.worker().cmp(&b.worker()),
            TaskSort::Parent => a.parent().cmp(&b.parent()),
        };
        let by_column = if self.ascending {
            by_column
        } else {
            by_column.reverse()
        };
        by_column.then_with(|| a.id().cmp(&b.id()))
    }
}

/// Evaluates a query over tasks from elsewhere, such as a recording, as the server does over live
/// ones: the rows of the window in order (at most 1,000), and how many tasks pass the filter in all.
/// `now_ns` is the moment of the tasks, on telemetry's clock.
///
/// # Errors
///
/// What is wrong with the filter, in words.
pub fn select_tasks<'a, T: TaskRow>(
    query: v1::TaskQuery,
    tasks: impl IntoIterator<Item = &'a T>,
    now_ns: u64,
) -> Result<(Vec<&'a T>, usize), String> {
    Ok(Query::new(query, MINOR)?.select(tasks, now_ns))
}

fn state_rank(state: &str) -> u8 {
    match state {
        "idle" => 1,
        "scheduled" => 2,
        "busy" => 3,
        _ => 0,
    }
}

fn compare_places(a: SourcePlace<'_>, b: SourcePlace<'_>) -> Ordering {
    if a.key() == b.key() {
        return Ordering::Equal;
    }
    a.cmp(&b)
}

fn waits_for(task: &impl TaskRow) -> (&str, &str) {
    let first = task.waits().next();
    first.map_or(("", ""), |wait| (wait.kind, wait.operation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::Location;
    use zokio::telemetry::{TaskKind, TaskSnapshot, TaskState, Wait};

    fn tasks() -> Vec<TaskSnapshot> {
        (1..=6)
            .map(|id| {
                let mut task = TaskSnapshot::empty(id, Location::caller());
                task.busy_ns = [50, 10, 40, 10, 30, 20][id as usize - 1];
                task.name = (id != 4).then(|| format!("Worker-{id}").into());
                task
            })
            .collect()
    }

    fn query(wish: v1::TaskQuery) -> Query {
        Query::new(
            v1::TaskQuery {
                limit: wish.limit.max(1),
                ..wish
            },
            MINOR,
        )
        .unwrap()
    }

    fn ids(wish: v1::TaskQuery, tasks: &[TaskSnapshot]) -> (Vec<u64>, usize) {
        let (rows, matching) = query(wish).select(tasks, 0);
        (rows.iter().map(|t| t.id).collect(), matching)
    }

    fn by(sort: TaskSort, ascending: bool, offset: u32, limit: u32) -> v1::TaskQuery {
        v1::TaskQuery {
            sort: sort.into(),
            ascending,
            offset,
            limit,
            ..Default::default()
        }
    }

    fn filtered(filter: &str, tasks: &[TaskSnapshot]) -> Vec<u64> {
        let wish = v1::TaskQuery {
            filter: filter.into(),
            ..by(TaskSort::Id, true, 0, 100)
        };
        ids(wish, tasks).0
    }

    #[test]
    fn the_largest_come_first_and_equal_ones_by_id() {
        let tasks = tasks();
        assert_eq!(
            ids(by(TaskSort::Busy, false, 0, 10), &tasks),
            (vec![1, 3, 5, 6, 2, 4], 6)
        );
        assert_eq!(
            ids(by(TaskSort::Busy, true, 0, 10), &tasks),
            (vec![2, 4, 6, 5, 3, 1], 6)
        );
    }

    #[test]
    fn who_has_been_in_its_state_for_longest_comes_first_and_who_has_no_parent_last() {
        let mut tasks = tasks();
        for task in &mut tasks {
            task.state_since_ns = 100 * task.id;
            task.parent = (task.id % 2 == 0).then_some(10 - task.id);
        }
        assert_eq!(ids(by(TaskSort::Since, false, 0, 3), &tasks).0, [1, 2, 3]);
        assert_eq!(
            ids(by(TaskSort::Parent, false, 0, 4), &tasks).0,
            [2, 4, 6, 1]
        );
    }

    #[test]
    fn a_window_is_a_cut_of_the_whole_order() {
        let tasks = tasks();
        let whole = ids(by(TaskSort::Busy, false, 0, 6), &tasks).0;
        for offset in 0..7 {
            for limit in 1..7 {
                let end = (offset + limit).min(6);
                let cut = whole.get(offset..end).unwrap_or(&[]).to_vec();
                let wish = by(TaskSort::Busy, false, offset as u32, limit as u32);
                assert_eq!(ids(wish, &tasks), (cut, 6), "{offset} {limit}");
            }
        }
        assert_eq!(
            ids(by(TaskSort::Busy, false, u32::MAX, u32::MAX), &tasks),
            (vec![], 6)
        );
    }

    #[test]
    fn no_limit_means_no_rows() {
        let none = Query::new(by(TaskSort::Total, false, 0, 0), MINOR).unwrap();
        assert_eq!(none.select(&tasks(), 0).1, 0);
    }

    #[test]
    fn the_filter_ignores_case_and_looks_everywhere() {
        let mut tasks = tasks();
        tasks[0].kind = TaskKind::Blocking;
        tasks[1].state = TaskState::Scheduled;
        tasks[2].waits = vec![Wait::new("mutex", "lock", Some(Location::caller()))];
        tasks[4].name = Some("Grüße ÄÖ".into());
        assert_eq!(filtered("wORKER", &tasks), [1, 2, 3, 6]);
        assert_eq!(filtered("blocking", &tasks), [1]);
        assert_eq!(filtered("sched", &tasks), [2]);
        assert_eq!(filtered("mutex", &tasks), [3]);
        assert_eq!(filtered("tex.lo", &tasks), [3]);
        assert_eq!(filtered("LOCK", &tasks), [1, 3]);
        assert_eq!(filtered("äö", &tasks), [5]);
        assert!(filtered("4", &tasks).contains(&4));
        assert_eq!(filtered("query.rs:", &tasks), [1, 2, 3, 4, 5, 6]);
        assert_eq!(filtered("nowhere", &tasks), [] as [u64; 0]);
    }

    #[test]
    fn a_client_from_before_the_language_looks_for_its_text_as_it_is() {
        let mut tasks = tasks();
        tasks[0].name = Some("state:idle or else".into());
        let wish = v1::TaskQuery {
            filter: "State:idle or".into(),
            ..by(TaskSort::Id, true, 0, 100)
        };
        let old = Query::new(wish.clone(), FILTER_LANGUAGE - 1).unwrap();
        assert_eq!(old.select(&tasks, 0).1, 1);
        let error = Query::new(wish, FILTER_LANGUAGE).unwrap_err();
        assert!(error.starts_with("column 14 of the filter"), "{error}");
    }

    #[test]
    fn every_order_is_total_and_stable_under_the_input_order() {
        let mut tasks = tasks();
        for &sort in TaskSort::ALL {
            let forwards = ids(by(sort, false, 0, 10), &tasks);
            tasks.reverse();
            assert_eq!(ids(by(sort, false, 0, 10), &tasks), forwards, "{sort}");
        }
    }

    #[test]
    fn a_filter_without_end_is_refused_and_an_unknown_order_is_the_default() {
        let long = v1::TaskQuery {
            filter: "x".repeat(2_000),
            ..Default::default()
        };
        assert!(
            Query::new(long, MINOR)
                .unwrap_err()
                .contains("at most 1024")
        );
        let unknown = v1::TaskQuery {
            sort: 999,
            limit: 5,
            ..Default::default()
        };
        assert_eq!(Query::new(unknown, MINOR).unwrap().sort, TaskSort::Total);
    }
}

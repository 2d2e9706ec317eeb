//! What all clients see at one moment, and how one view differs from another.
//!
//! Rows that did not change are shared between a view and the one before. So a view that a slow
//! client keeps alive costs a pointer a row, and what has changed is found by comparing pointers.

use std::cmp::Ordering;
use std::sync::Arc;

use super::rows::{self, OperationRow, ResourceRow, Row, TaskRow};
use crate::runtimes::Sample;

/// Resources without waiters that are shown.
const MAX_LINGERING: usize = 1_000;

/// See the module. Each table is in the order of its rows' ids.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) taken_at_ns: u64,
    pub(super) tasks: Table<TaskRow>,
    pub(super) resources: Table<ResourceRow>,
    pub(super) operations: Table<OperationRow>,
}

/// The rows of one sort, and how many changes led to them.
#[derive(Debug)]
pub(super) struct Table<T> {
    rows: Vec<Arc<T>>,
    /// Rows that came, changed or went since the view before.
    new_changes: u64,
    /// The same since the first view.
    all_changes: u64,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table {
            rows: Vec::new(),
            new_changes: 0,
            all_changes: 0,
        }
    }
}

impl View {
    /// The view after `before`.
    pub(super) fn new(samples: &[Sample], taken_at_ns: u64, before: &View) -> View {
        let several = samples.len() > 1;
        let mut tasks = Vec::new();
        let mut operations = Vec::new();
        for sample in samples {
            let runtime = several.then_some(&sample.label);
            for task in &sample.snapshot.tasks {
                tasks.push(TaskRow::new(task, runtime));
                operations.extend(rows::operations(task.id, &task.waits));
            }
        }
        let mut resources = rows::resources(&operations);
        resources.extend(lingering(&resources, &before.resources, taken_at_ns));
        View {
            taken_at_ns,
            tasks: Table::new(tasks, &before.tasks),
            resources: Table::new(resources, &before.resources),
            operations: Table::new(operations, &before.operations),
        }
    }
}

/// Of the resources before, those that nobody waits for any more and that are still shown.
fn lingering(
    resources: &[ResourceRow],
    before: &Table<ResourceRow>,
    now_ns: u64,
) -> Vec<ResourceRow> {
    let is_there = |old: &ResourceRow| resources.binary_search_by_key(&old.id, |r| r.id).is_ok();
    let old = before.rows.iter().filter(|old| !is_there(old));
    old.filter_map(|old| old.linger(now_ns))
        .take(MAX_LINGERING)
        .collect()
}

impl<T: Row> Table<T> {
    pub(super) fn new(mut rows: Vec<T>, before: &Table<T>) -> Table<T> {
        rows.sort_unstable_by_key(Row::id);
        // An id made by hashing could come twice.
        rows.dedup_by_key(|row| row.id());
        let mut old = before.rows.iter().peekable();
        let share = |mut row: T| {
            while old.next_if(|old| old.id() < row.id()).is_some() {}
            let Some(old) = old.next_if(|old| old.id() == row.id()) else {
                return Arc::new(row);
            };
            row.carry_on(old);
            if row == **old {
                Arc::clone(old)
            } else {
                Arc::new(row)
            }
        };
        let mut table = Table {
            rows: rows.into_iter().map(share).collect(),
            new_changes: 0,
            all_changes: 0,
        };
        let mut cursor = Cursor::default();
        while cursor.next(before, &table).is_some() {
            table.new_changes += 1;
        }
        table.all_changes = before.all_changes + table.new_changes;
        table
    }

    /// Changes between `seen` and the view before this one: what a client that was shown only the
    /// two did not see.
    pub(super) fn missed_since(&self, seen: &Table<T>) -> u64 {
        (self.all_changes - self.new_changes).saturating_sub(seen.all_changes)
    }
}

/// How a row of one view differs from that of another.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change<'a, T> {
    New(&'a T),
    Changed(&'a T),
    Gone(&'a T),
}

/// A place in the list of changes from one table to another.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    before: usize,
    after: usize,
}

impl Cursor {
    /// The next change. To be called with the same two tables each time.
    pub(super) fn next<'a, T: Row>(
        &mut self,
        before: &'a Table<T>,
        after: &'a Table<T>,
    ) -> Option<Change<'a, T>> {
        loop {
            let (old, new) = (before.rows.get(self.before), after.rows.get(self.after));
            let order = match (old, new) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.id().cmp(&new.id()),
            };
            self.before += usize::from(order.is_le());
            self.after += usize::from(order.is_ge());
            match (order, old, new) {
                (Ordering::Less, Some(old), _) => return Some(Change::Gone(old)),
                (Ordering::Greater, _, Some(new)) => return Some(Change::New(new)),
                (_, Some(old), Some(new)) if !Arc::ptr_eq(old, new) => {
                    return Some(Change::Changed(new));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::here;
    use super::*;
    use zokio::runtime::RuntimeFlavor;
    use zokio::telemetry::{Snapshot, TaskSnapshot, Wait};

    #[derive(Debug, PartialEq, Eq)]
    struct Number(u64, &'static str);

    impl Row for Number {
        fn id(&self) -> u64 {
            self.0
        }
    }

    fn table(rows: &[(u64, &'static str)], before: &Table<Number>) -> Table<Number> {
        Table::new(rows.iter().map(|&(id, v)| Number(id, v)).collect(), before)
    }

    fn changes(before: &Table<Number>, after: &Table<Number>) -> Vec<(char, u64)> {
        let mut cursor = Cursor::default();
        let next = || {
            cursor.next(before, after).map(|change| match change {
                Change::New(row) => ('+', row.0),
                Change::Changed(row) => ('~', row.0),
                Change::Gone(row) => ('-', row.0),
            })
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn rows_come_change_and_go_and_the_others_are_shared() {
        let first = table(&[(5, "a"), (2, "b"), (9, "c"), (7, "d")], &Table::default());
        assert_eq!(
            changes(&Table::default(), &first),
            [('+', 2), ('+', 5), ('+', 7), ('+', 9)]
        );
        let second = table(&[(1, "x"), (5, "A"), (7, "d"), (10, "y")], &first);
        assert_eq!(
            changes(&first, &second),
            [('+', 1), ('-', 2), ('~', 5), ('-', 9), ('+', 10)]
        );
        assert!(Arc::ptr_eq(&first.rows[2], &second.rows[2]));
        assert_eq!(changes(&second, &second), []);
        assert_eq!(changes(&second, &Table::default()).len(), 4);
    }

    #[test]
    fn what_happened_between_two_views_is_counted_as_missed() {
        let first = table(&[(1, "a")], &Table::default());
        let second = table(&[(1, "b"), (2, "a")], &first);
        let third = table(&[(1, "b")], &second);
        let fourth = table(&[(1, "c")], &third);
        assert_eq!(second.missed_since(&first), 0);
        assert_eq!(third.missed_since(&first), 2);
        assert_eq!(fourth.missed_since(&first), 3);
        assert_eq!(fourth.missed_since(&third), 0);
    }

    #[test]
    fn a_row_that_went_and_came_back_in_between_is_a_change_only_if_it_differs() {
        let first = table(&[(1, "a")], &Table::default());
        let without = table(&[], &first);
        let again = table(&[(1, "a")], &without);
        assert_eq!(changes(&first, &again), [('~', 1)]);
    }

    #[test]
    fn a_resource_is_known_since_the_earliest_wait_that_was_seen_and_a_timer_begins_anew() {
        let since = |waiters| {
            let row = |since_ns| ResourceRow {
                id: 4,
                kind: "some",
                since_ns,
                waiters,
                idle_since_ns: None,
                awaited_at: None,
            };
            let first = Table::new(vec![row(10)], &Table::default());
            let second = Table::new(vec![row(90)], &first);
            (second.rows[0].since_ns, second.new_changes)
        };
        assert_eq!(since(Some(1)), (10, 0));
        assert_eq!(since(None), (90, 1));
    }

    fn with_waits(waits: &[Wait], taken_at_ns: u64, before: &View) -> View {
        let mut snapshot = Snapshot::empty("main", RuntimeFlavor::MultiThread);
        let mut task = TaskSnapshot::empty(1, here());
        task.waits = waits.to_vec();
        snapshot.tasks.push(task);
        let sample = Sample {
            label: "main".into(),
            snapshot: Arc::new(snapshot),
            handle: None,
            findings: Arc::default(),
        };
        View::new(&[sample], taken_at_ns, before)
    }

    #[test]
    fn a_resource_that_nobody_waits_for_stays_a_while_and_a_timer_goes() {
        let mut lock = Wait::new("mutex", "lock", None);
        lock.resource = 64;
        let waits = [lock, Wait::new("sleep", "sleep", None)];
        let second = |s: u64| s * 1_000_000_000;
        let first = with_waits(&waits, second(1), &View::default());
        assert_eq!(first.resources.rows.len(), 2);
        let next = with_waits(&[], second(2), &first);
        let waiters = |view: &View| view.resources.rows.iter().map(|r| r.waiters).collect();
        let seen: Vec<_> = waiters(&next);
        assert_eq!(seen, [Some(0)]);
        // It stays the same row, and so is sent once.
        let later = with_waits(&[], second(6), &next);
        assert!(Arc::ptr_eq(
            &next.resources.rows[0],
            &later.resources.rows[0]
        ));
        let again = with_waits(&waits, second(6), &next);
        assert_eq!(again.resources.rows.len(), 2);
        assert!(
            again
                .resources
                .rows
                .iter()
                .all(|r| r.idle_since_ns.is_none())
        );
        let gone = with_waits(&[], second(7), &later);
        assert!(gone.resources.rows.is_empty());
    }

    #[test]
    fn no_more_resources_linger_than_a_client_can_bear() {
        let rows = (1..=3 * MAX_LINGERING as u64).map(|id| ResourceRow {
            id,
            kind: "oneshot",
            since_ns: 0,
            waiters: Some(1),
            idle_since_ns: None,
            awaited_at: None,
        });
        let before = Table::new(rows.collect(), &Table::default());
        assert_eq!(lingering(&[], &before, 1).len(), MAX_LINGERING);
    }
}

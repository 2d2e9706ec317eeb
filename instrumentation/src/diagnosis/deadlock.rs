//! deadlock: tasks that wait for each other in a circle, one of them at least for a lock or for room
//! in a channel. Those that only join each other are [`join_cycle`](super::join_cycle)'s. What a
//! circle is, and what proves it: [`circles`].
//!
//! An owned guard may have gone to another task, so its holder is not exact. A task that waits for a
//! lock whose guard it has handed over looks like a circle of one and is healthy. Several tasks that
//! all did so, and wait for each other's lock, are unlikely: a circle of two or more is told in spite
//! of it, but only after seconds, and not as critical.
//!
//! The task that receives from a bounded channel is a holder of that sort too: who waits for room waits
//! for it, unless the receiver has been given to a task that has not used it yet.
//!
//! Of the readers of a lock one is looked at, so a circle through another of them is not seen. Nor are
//! circles through several runtimes, permits, unbounded channels.

use super::circles::{self, Kind};
use super::finding::Finding;
use super::history::History;
use super::thresholds::Thresholds;
use super::{Reads, Rule};

pub(super) const RULE: Rule = Rule {
    kind: KIND.kind,
    reads: Reads::Tasks,
    find,
};

const KIND: Kind = Kind {
    kind: "deadlock",
    wants: |members| !circles::is_of_joins(members),
    hint: "None of these tasks can go on. Take locks in the same order everywhere, and do not wait \
           for another task while holding a lock that it needs.",
};

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    circles::find(&KIND, history, thresholds)
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Severity, Value};
    use super::super::fixtures::{MS, found, history_of, task, waiting};
    use super::*;
    use zokio::telemetry::{TaskState, Wait};

    fn circle_of_two() -> Vec<zokio::telemetry::TaskSnapshot> {
        vec![
            waiting(1, "mutex", 64, Some(2), 2_000),
            waiting(2, "mutex", 128, Some(1), 2_100),
        ]
    }

    #[test]
    fn two_tasks_that_hold_what_the_other_wants_are_found_in_one_look() {
        let history = history_of(5, circle_of_two());
        let found = found(&RULE, &history);
        assert_eq!(found.len(), 1);
        let finding = &found[0];
        assert!(finding.exact);
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.since_ns, 2_100 * MS);
        assert_eq!(finding.task.as_ref().unwrap().id, 2);
        assert_eq!(finding.resource.unwrap().id, 128);
        assert!(
            finding
                .evidence
                .contains(&("circle", Value::Text("1 -> 2 -> 1".into())))
        );
        assert!(
            finding
                .summary
                .contains("task 1 waits for a mutex held by task 2"),
            "{}",
            finding.summary
        );
    }

    #[test]
    fn a_chain_that_ends_at_a_running_task_is_healthy() {
        let mut tasks = circle_of_two();
        tasks[1] = task(2);
        tasks[1].state = TaskState::Busy;
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }

    #[test]
    fn a_chain_that_ends_at_a_sleeping_task_is_healthy() {
        let mut tasks = circle_of_two();
        tasks[1] = waiting(2, "sleep", 0, None, 2_100);
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }

    #[test]
    fn a_way_out_through_another_branch_is_no_deadlock() {
        let mut tasks = circle_of_two();
        let timeout = waiting(2, "sleep", 0, None, 2_100).waits.remove(0);
        tasks[1].waits.push(timeout);
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }

    #[test]
    fn a_waker_that_no_note_explains_is_a_way_out() {
        let mut tasks = circle_of_two();
        tasks[0].waker_clones = 2;
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }

    #[test]
    fn a_part_that_waits_by_a_waker_of_its_own_says_nothing_of_the_others() {
        let mut tasks = vec![waiting(1, "mutex", 64, Some(1), 2_000)];
        tasks[0].waits[0].own_waker = false;
        assert!(found(&RULE, &history_of(500, tasks)).is_empty());
    }

    #[test]
    fn owned_guards_are_believed_after_a_while_if_there_are_several() {
        let mut tasks = circle_of_two();
        tasks[0].waits[0].holder_is_exact = false;
        assert!(found(&RULE, &history_of(5, tasks.clone())).is_empty());
        let found = found(&RULE, &history_of(8, tasks));
        assert!(!found[0].exact);
        assert_eq!(found[0].severity, Severity::Warning);
    }

    #[test]
    fn a_task_that_handed_its_guard_over_and_locks_again_is_healthy() {
        let mut tasks = vec![waiting(1, "mutex", 64, Some(1), 2_000)];
        tasks[0].waits[0].holder_is_exact = false;
        assert!(found(&RULE, &history_of(500, tasks)).is_empty());
    }

    #[test]
    fn tasks_that_ran_a_moment_ago_may_be_torn_apart_by_the_look() {
        let mut tasks = circle_of_two();
        tasks[0].state_since_ns = 4_900 * MS;
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }

    #[test]
    fn a_task_that_locks_twice_is_a_circle_of_its_own() {
        let history = history_of(5, vec![waiting(1, "mutex", 64, Some(1), 2_000)]);
        let found = found(&RULE, &history);
        assert!(
            found[0].summary.contains("which it holds itself"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn a_join_of_a_task_that_needs_our_lock_is_a_circle() {
        let tasks = vec![
            waiting(1, "join", 2, Some(2), 2_000),
            waiting(2, "mutex", 64, Some(1), 2_000),
        ];
        let found = found(&RULE, &history_of(5, tasks));
        assert!(
            found[0]
                .summary
                .contains("task 1 waits for the end of task 2"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn tasks_behind_a_circle_are_counted_and_no_circle_of_their_own() {
        let mut tasks = circle_of_two();
        tasks.push(waiting(3, "mutex", 64, Some(2), 2_000));
        tasks.push(waiting(4, "join", 3, Some(3), 2_000));
        let found = found(&RULE, &history_of(5, tasks));
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .evidence
                .contains(&("stuck_behind", Value::Number(2)))
        );
    }

    #[test]
    fn two_circles_are_two_findings() {
        let mut tasks = circle_of_two();
        tasks.push(waiting(3, "rwlock", 256, Some(4), 2_000));
        tasks.push(waiting(4, "rwlock", 512, Some(3), 2_000));
        assert_eq!(found(&RULE, &history_of(5, tasks)).len(), 2);
    }

    /// Task 1 reads and wants to read again, behind task 2, which wants to write.
    fn reads_twice() -> Vec<zokio::telemetry::TaskSnapshot> {
        let mut tasks = vec![
            waiting(1, "rwlock", 64, None, 2_100),
            waiting(2, "rwlock", 64, Some(1), 2_000),
        ];
        tasks[0].waits[0].operation = "read";
        tasks[1].waits[0].operation = "write";
        tasks
    }

    #[test]
    fn one_that_reads_again_behind_a_writer_that_waits_for_it_is_found() {
        let found = found(&RULE, &history_of(5, reads_twice()));
        assert_eq!(found.len(), 1);
        assert!(found[0].exact);
        assert!(
            found[0].summary.contains("lock behind task 2"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn behind_a_writer_that_may_give_up_or_where_few_may_read_nobody_is_stuck() {
        let mut tasks = reads_twice();
        let timeout = Wait::new("timeout", "wait", None);
        tasks[1].waits.push(timeout);
        tasks[1].waker_clones = 2;
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
        let mut tasks = reads_twice();
        tasks[0].waits[0].capacity = Some(2);
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
        // Which of two writers comes first is not known.
        let mut tasks = reads_twice();
        tasks.push(waiting(3, "rwlock", 64, None, 1_900));
        tasks[2].waits[0].operation = "write";
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }
}

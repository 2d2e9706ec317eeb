//! guard-not-polled: a lock was handed to a future that its task does not poll, and others wait for it.
//!
//! A future that waits for a mutex keeps its place in the queue when its task turns to something else:
//! in a branch of `select!` that lost and is kept, or in a stream of buffered futures. When its turn
//! comes the lock is its, and it neither takes nor gives it back until it is polled. If what the task
//! does meanwhile needs the lock, too, it never is.
//!
//! Proof: nobody has the mutex, though tasks wait for it, so it was handed to the one that came first.
//! That is one whose task has been idle since long, and has not touched it in its latest poll: it was
//! woken for the lock, and did something else. One that waits without being a task of this runtime may
//! have come first, so one look is not enough.
//!
//! Not seen: a guard that such a future has taken already (its task holds the lock, and whether it
//! polls the part that does is not known), read-write locks, semaphores.

use std::collections::HashMap;

use zokio::telemetry::{TaskSnapshot, TaskState, Wait};

use super::finding::{Culprit, Finding, Resource, Severity, Subject, duration};
use super::history::History;
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::nanos::nanos;

pub(super) const RULE: Rule = Rule {
    kind: "guard-not-polled",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "The lock is handed to the future, which nobody polls, so nobody can take it. Drop the \
                    future before its task awaits something else (give it to select! by value, or spawn \
                    it), or let that be done by another task.";

type Waiter<'a> = (&'a TaskSnapshot, &'a Wait);

/// Those that wait for a mutex that nobody has.
struct Queue<'a> {
    first: Waiter<'a>,
    /// Of those that were touched in their task's latest poll, the longest wait.
    longest: Option<Waiter<'a>>,
    waiters: u64,
}

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let mut queues: HashMap<u64, Queue<'_>> = HashMap::new();
    for trace in history.tasks() {
        let task = &trace.now;
        for wait in task.waits.iter().filter(|wait| wait.unclaimed) {
            queues
                .entry(wait.resource)
                .or_insert(Queue {
                    first: (task, wait),
                    longest: None,
                    waiters: 0,
                })
                .note((task, wait));
        }
    }
    let now_ns = history.now_ns();
    let waited_before = now_ns.saturating_sub(nanos(thresholds.unpolled_waited));
    let turned_before = now_ns.saturating_sub(nanos(thresholds.unpolled_idle));
    let is_unpolled = |queue: &&Queue<'_>| {
        let (task, wait) = queue.first;
        !wait.current && task.state == TaskState::Idle && task.state_since_ns <= turned_before
    };
    queues
        .values()
        .filter(is_unpolled)
        .filter_map(|queue| Some((queue, queue.longest?)))
        .filter(|(_, (_, wait))| wait.since_ns <= waited_before)
        .map(|(queue, longest)| finding(queue, longest, now_ns))
        .collect()
}

impl<'a> Queue<'a> {
    fn note(&mut self, waiter: Waiter<'a>) {
        let since = |waiter: Waiter<'_>| waiter.1.since_ns;
        if since(waiter) < since(self.first) {
            self.first = waiter;
        }
        if waiter.1.current {
            self.waiters += 1;
            if self
                .longest
                .is_none_or(|longest| since(waiter) < since(longest))
            {
                self.longest = Some(waiter);
            }
        }
    }
}

fn finding(queue: &Queue<'_>, (waiter, waiting): Waiter<'_>, now_ns: u64) -> Finding {
    let (task, wait) = queue.first;
    let mut now = task.waits.iter().filter(|now| now.current).peekable();
    let waits_for_some = now.peek().is_some();
    let severity = if waits_for_some && now.all(|now| now.resource == wait.resource) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let subject = Subject::Resource(wait.resource);
    let mut finding = Finding::new(RULE.kind, severity, subject, waiting.since_ns);
    let waited_ns = now_ns.saturating_sub(waiting.since_ns);
    let culprit = Culprit::of(task);
    let who = if waiter.id == task.id {
        "it waits for again".to_owned()
    } else {
        format!("{} waits for", Culprit::of(waiter))
    };
    finding.summary = format!(
        "{culprit} was handed a mutex that {who} since {}, and does not poll the future that asked for it",
        duration(waited_ns)
    );
    let meanwhile = task.waits.iter().find(|now| now.current);
    let meanwhile_at = meanwhile.and_then(|now| now.location);
    for place in [
        wait.location,
        meanwhile_at,
        waiting.location,
        wait.created_at,
    ] {
        place.into_iter().for_each(|place| finding.place(place));
    }
    // Through a library's future no place may be known.
    finding.place(task.location);
    finding.task = Some(culprit);
    finding.resource = Some(Resource::of(wait));
    finding.number("waiters", queue.waiters);
    finding.number("waited_ns", waited_ns);
    finding.number("not_polled_ns", now_ns.saturating_sub(task.state_since_ns));
    if let Some(now) = meanwhile {
        finding.text(
            "meanwhile",
            format!("waits for {}.{}", now.kind, now.operation),
        );
    }
    finding.hint = HINT;
    finding
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, history_of, waiting};
    use super::*;

    /// Task 1 asked for the lock, then turned to a sleep; task 2 waits for the lock as well.
    fn tasks() -> Vec<TaskSnapshot> {
        let mut unpolled = waiting(1, "mutex", 64, None, 2_000);
        let sleeps = waiting(1, "sleep", 0, None, 2_100).waits.remove(0);
        unpolled.waits[0].current = false;
        unpolled.waits.insert(0, sleeps);
        let mut tasks = vec![unpolled, waiting(2, "mutex", 64, None, 2_200)];
        for wait in tasks.iter_mut().flat_map(|task| &mut task.waits) {
            wait.unclaimed = wait.kind == "mutex";
        }
        tasks
    }

    #[test]
    fn a_lock_that_was_handed_to_a_future_that_nobody_polls_is_found() {
        let found = found(&RULE, &history_of(5, tasks()));
        assert_eq!(found.len(), 1);
        let finding = &found[0];
        assert!(!finding.exact && finding.severity == Severity::Warning);
        assert!(
            finding
                .summary
                .starts_with("task 1 was handed a mutex that task 2 waits for since 2.8 s"),
            "{}",
            finding.summary
        );
        assert_eq!(finding.resource.unwrap().id, 64);
    }

    #[test]
    fn a_task_that_waits_for_the_same_lock_again_does_so_for_ever() {
        let mut tasks = tasks();
        let again = tasks.remove(1).waits.remove(0);
        tasks[0].waits[0] = again;
        let found = found(&RULE, &history_of(5, tasks));
        assert_eq!(found[0].severity, Severity::Critical);
        assert!(found[0].summary.contains("it waits for again"));
    }

    #[test]
    fn a_lock_that_somebody_has_was_not_handed_over() {
        let mut tasks = tasks();
        for wait in tasks.iter_mut().flat_map(|task| &mut task.waits) {
            wait.unclaimed = false;
        }
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }

    #[test]
    fn who_came_first_and_polls_will_take_it() {
        let mut tasks = tasks();
        tasks[1].waits[0].since_ns = 1_900_000_000;
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }

    #[test]
    fn a_task_that_was_woken_or_ran_a_moment_ago_may_have_its_turn() {
        let mut woken = tasks();
        woken[0].state = TaskState::Scheduled;
        assert!(found(&RULE, &history_of(5, woken)).is_empty());
        let mut ran = tasks();
        ran[0].state_since_ns = 4_800_000_000;
        assert!(found(&RULE, &history_of(5, ran)).is_empty());
    }

    #[test]
    fn without_anybody_who_waits_it_harms_nobody() {
        let mut tasks = tasks();
        tasks.truncate(1);
        assert!(found(&RULE, &history_of(5, tasks)).is_empty());
    }
}

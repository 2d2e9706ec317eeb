//! blocked-worker: a poll that does not return, and whose thread sleeps: `thread::sleep`, blocking
//! I/O, a lock of the standard library. A `block_on` is a [kind of its own](runtime_in_runtime).
//!
//! Proof: the watchdog's look at the thread. A thread whose state nobody knows (stacks are switched
//! off, another operating system) is counted here.

use super::finding::Finding;
use super::history::History;
use super::long_polls::{self, Kind};
use super::thresholds::Thresholds;
use super::{Reads, Rule, runtime_in_runtime};

pub(super) const RULE: Rule = Rule {
    kind: KIND.kind,
    reads: Reads::Counters,
    find,
};

const KIND: Kind = Kind {
    kind: "blocked-worker",
    // A stopped thread is a debugger's or a job control's doing.
    wants: |stack| {
        let state = stack.thread_state;
        let sleeps = state.starts_with("off-cpu") || state == "unknown";
        sleeps && !runtime_in_runtime::is_one(&stack.frames)
    },
    frames: |frames| frames,
    what: "blocked in",
    hint: "Other tasks of this worker do not run meanwhile. Use zokio's own sleep, I/O or lock, or \
           move the call into spawn_blocking or block_in_place.",
};

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    long_polls::find(&KIND, history, thresholds)
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Severity, Value};
    use super::super::fixtures::{MS, found, long_poll, snapshot_at};
    use super::*;

    fn at(now_ms: u64, polls: Vec<crate::watchdog::LongPoll>) -> Vec<Finding> {
        let mut history = History::default();
        history.note_counters(&snapshot_at(now_ms));
        history.note_long_polls(polls);
        found(&RULE, &history)
    }

    #[test]
    fn a_sleeping_thread_in_a_poll_is_found_with_function_and_line() {
        let found = at(1_300, vec![long_poll(7, 1_000, "off-cpu")]);
        assert_eq!(found.len(), 1);
        let finding = &found[0];
        assert!(finding.exact && finding.severity == Severity::Warning);
        assert_eq!(
            (&*finding.locations[0].file, finding.locations[0].line),
            ("src/app.rs", 7)
        );
        assert!(
            finding.summary.contains("app::query") && finding.summary.contains("300 ms"),
            "{}",
            finding.summary
        );
        assert_eq!(finding.task.as_ref().unwrap().id, 7);
        assert_eq!((finding.worker, finding.since_ns), (Some(0), 1_000 * MS));
    }

    #[test]
    fn a_second_makes_it_critical() {
        let found = at(2_500, vec![long_poll(7, 1_000, "off-cpu (device)")]);
        assert_eq!(found[0].severity, Severity::Critical);
    }

    #[test]
    fn polls_under_the_threshold_are_no_finding() {
        assert!(at(1_099, vec![long_poll(7, 1_000, "off-cpu")]).is_empty());
    }

    #[test]
    fn a_poll_that_ended_is_told_for_two_seconds() {
        let mut poll = long_poll(7, 1_000, "off-cpu");
        poll.ended_at_ns = Some(1_200 * MS);
        assert_eq!(at(3_200, vec![poll.clone()]).len(), 1);
        assert!(at(3_201, vec![poll]).is_empty());
    }

    #[test]
    fn polls_in_one_function_are_one_finding() {
        let polls = vec![
            long_poll(7, 1_000, "off-cpu"),
            long_poll(8, 1_100, "off-cpu"),
        ];
        let found = at(1_300, polls);
        assert_eq!(found.len(), 1);
        assert!(found[0].evidence.contains(&("polls", Value::Number(2))));
    }

    #[test]
    fn a_thread_that_computes_or_was_stopped_is_not_blocked() {
        assert!(at(1_300, vec![long_poll(7, 1_000, "on-cpu")]).is_empty());
        assert!(at(1_300, vec![long_poll(7, 1_000, "stopped")]).is_empty());
    }

    #[test]
    fn a_poll_that_ended_before_its_thread_was_looked_at_proves_nothing() {
        let mut poll = long_poll(7, 1_000, "unknown");
        poll.stack = crate::watchdog::Stack::missed();
        assert!(at(1_300, vec![poll]).is_empty());
    }

    #[test]
    fn names_are_waited_for_but_not_for_ever() {
        let mut poll = long_poll(7, 1_000, "off-cpu");
        poll.stack.frames = [].into();
        poll.stack.known = crate::watchdog::Known::Unnamed;
        assert!(at(2_900, vec![poll.clone()]).is_empty());
        assert_eq!(at(3_000, vec![poll]).len(), 1);
    }

    #[test]
    fn without_a_stack_the_place_is_that_of_the_spawn() {
        let mut poll = long_poll(7, 1_000, "unknown");
        poll.stack = crate::watchdog::Stack::unknown("stacks are switched off");
        let found = at(1_300, vec![poll]);
        assert!(found[0].locations[0].file.ends_with("fixtures.rs"));
        assert!(
            found[0]
                .evidence
                .iter()
                .any(|(name, _)| *name == "no_stack")
        );
    }
}

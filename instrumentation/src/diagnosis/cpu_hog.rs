//! cpu-hog: a poll that does not return, and whose thread computes.
//!
//! Proof: the watchdog's look at the thread. A thread that the operating system keeps from running
//! looks the same, so on an overloaded machine the time in the poll need not be its own.

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
    kind: "cpu-hog",
    wants: |stack| stack.thread_state == "on-cpu" && !runtime_in_runtime::is_one(&stack.frames),
    frames: |frames| frames,
    what: "computing in",
    hint: "Other tasks of this worker do not run meanwhile. Split the work with yield_now, or move \
           it into spawn_blocking or onto threads of its own.",
};

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    long_polls::find(&KIND, history, thresholds)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, long_poll, snapshot_at};
    use super::*;

    #[test]
    fn lines_of_one_function_are_one_finding() {
        let mut history = History::default();
        let mut polls = [1_000, 1_050].map(|began| long_poll(7, began, "on-cpu"));
        std::sync::Arc::make_mut(&mut polls[1].stack.frames)[1].line = 9;
        history.note_counters(&snapshot_at(1_300));
        history.note_long_polls(polls.into());
        let found = found(&RULE, &history);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].locations[0].line, 7);
    }

    #[test]
    fn a_computing_thread_is_found_and_a_sleeping_one_is_not() {
        let mut history = History::default();
        let polls = ["on-cpu", "off-cpu", "unknown"].map(|state| long_poll(7, 1_000, state));
        history.note_counters(&snapshot_at(1_300));
        history.note_long_polls(polls.into());
        let found = found(&RULE, &history);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].summary.contains("computing in app::query"),
            "{}",
            found[0].summary
        );
    }
}

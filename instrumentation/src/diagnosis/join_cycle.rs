//! join-cycle: tasks that wait for each other's end. What proves it: [`circles`].
//!
//! A circle that leads through a lock as well is a [`deadlock`](super::deadlock).

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
    kind: "join-cycle",
    wants: |members| members.len() > 1 && circles::is_of_joins(members),
    hint: "None of these tasks can end before another one does. Let one of them have no handle of \
           the others: join them from the task that spawned them.",
};

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    circles::find(&KIND, history, thresholds)
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Severity, Value};
    use super::super::fixtures::{found, history_of, waiting};
    use super::super::{deadlock, self_join};
    use super::*;

    fn joins(id: u64, joined: u64) -> zokio::telemetry::TaskSnapshot {
        waiting(id, "join", joined, Some(joined), 2_000 + id)
    }

    #[test]
    fn tasks_that_join_each_other_are_found_in_one_look_and_told_once() {
        let history = history_of(5, vec![joins(1, 2), joins(2, 3), joins(3, 1)]);
        let found_here = found(&RULE, &history);
        assert_eq!(found_here.len(), 1);
        let finding = &found_here[0];
        assert!(finding.exact && finding.severity == Severity::Critical);
        let circle = Value::Text("1 -> 2 -> 3 -> 1".into());
        assert!(finding.evidence.contains(&("circle", circle)));
        assert!(
            finding.summary.contains("waits for the end of task 2"),
            "{}",
            finding.summary
        );
        assert!(found(&deadlock::RULE, &history).is_empty());
        assert!(found(&self_join::RULE, &history).is_empty());
    }

    #[test]
    fn a_chain_of_joins_that_ends_is_healthy() {
        let last = waiting(3, "sleep", 0, None, 2_000);
        let history = history_of(5, vec![joins(1, 2), joins(2, 3), last]);
        assert!(found(&RULE, &history).is_empty());
        // The task that is joined has just finished.
        assert!(found(&RULE, &history_of(5, vec![joins(1, 2)])).is_empty());
    }

    #[test]
    fn a_circle_with_a_lock_in_it_is_a_deadlock() {
        let locked = waiting(2, "mutex", 64, Some(1), 2_000);
        let history = history_of(5, vec![joins(1, 2), locked]);
        assert!(found(&RULE, &history).is_empty());
        assert_eq!(found(&deadlock::RULE, &history).len(), 1);
    }
}

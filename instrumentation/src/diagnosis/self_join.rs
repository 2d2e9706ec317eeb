//! self-join: a task that waits for its own end. What proves it: [`circles`].

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
    kind: "self-join",
    wants: |members| members.len() == 1 && circles::is_of_joins(members),
    hint: "A task cannot end while it waits for its end. It was given its own handle, in a list of \
           all handles for example: leave its own out.",
};

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    circles::find(&KIND, history, thresholds)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, history_of, waiting};
    use super::*;

    #[test]
    fn a_task_that_joins_itself_is_found_in_one_look() {
        let alone = waiting(1, "join", 1, Some(1), 2_000);
        let found = found(&RULE, &history_of(5, vec![alone]));
        assert!(found[0].exact);
        assert_eq!(found[0].summary, "task 1 waits for its own end");
    }

    #[test]
    fn with_a_timeout_around_it_goes_on() {
        let mut alone = waiting(1, "join", 1, Some(1), 2_000);
        let timeout = waiting(1, "sleep", 0, None, 2_000).waits.remove(0);
        alone.waits.push(timeout);
        assert!(found(&RULE, &history_of(5, vec![alone])).is_empty());
    }

    #[test]
    fn a_lock_that_the_task_itself_has_is_no_join() {
        let locked = waiting(1, "mutex", 64, Some(1), 2_000);
        assert!(found(&RULE, &history_of(5, vec![locked])).is_empty());
    }
}

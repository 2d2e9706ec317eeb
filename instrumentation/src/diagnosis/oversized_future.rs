//! oversized-future: a large future is moved into a task.
//!
//! Proof: the size of the largest future that was spawned there. One look tells.

use super::finding::{Finding, Severity, Subject};
use super::history::History;
use super::thresholds::Thresholds;
use super::{Reads, Rule};

pub(super) const RULE: Rule = Rule {
    kind: "oversized-future",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "All that lives across an await is in the future: it is copied when the task is \
                    spawned, and kept as long as the task. Box large buffers (vec! instead of an \
                    array), Box::pin large inner futures, or drop what is large before the await.";

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    history
        .sites()
        .filter(|site| site.now().future_bytes > thresholds.future_bytes)
        .map(|site| {
            let now = site.now();
            let subject = Subject::Spawn(site.location.into());
            let mut finding =
                Finding::new(RULE.kind, Severity::Info, subject, site.first_seen_ns());
            finding.exact = true;
            finding.summary = format!(
                "the largest future spawned at {}:{} takes {} KiB",
                site.location.file(),
                site.location.line(),
                now.future_bytes / 1_024
            );
            finding.place(site.location);
            finding.number("future_bytes", now.future_bytes);
            finding.number("spawned", now.spawned);
            finding.number("alive", now.alive);
            finding.hint = HINT;
            finding
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, history_of_sites, site};
    use super::*;

    fn history(future_bytes: u64) -> History {
        let mut site = site();
        (site.spawned, site.future_bytes) = (1, future_bytes);
        history_of_sites([site])
    }

    #[test]
    fn a_future_of_more_than_16_kib_is_found_at_once() {
        let found = found(&RULE, &history(65_536));
        assert_eq!(found.len(), 1);
        assert!(found[0].exact && found[0].severity == Severity::Info);
        assert!(
            found[0].summary.ends_with("takes 64 KiB"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn a_future_of_16_kib_is_healthy() {
        assert!(found(&RULE, &history(16_384)).is_empty());
        assert_eq!(found(&RULE, &history(16_385)).len(), 1);
    }
}

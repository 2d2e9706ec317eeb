//! panic-loop: tasks of one place panic again and again.
//!
//! Proof, over a few looks: there were new panics between most of them, and several in all. What is
//! healthy and looks alike: many tasks that fail at once, for one cause, and then no more.

use super::finding::{Finding, Severity, Subject};
use super::history::History;
use super::sites::SiteTrace;
use super::thresholds::Thresholds;
use super::{Reads, Rule};

pub(super) const RULE: Rule = Rule {
    kind: "panic-loop",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "A task that panics is gone, and what it had begun with it; who starts it anew \
                    meets the same fault. The JoinHandle's error has the message of the panic, and \
                    the program's standard error the place.";

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    history
        .sites()
        .filter_map(|site| finding(site, thresholds))
        .collect()
}

fn finding(site: &SiteTrace, thresholds: &Thresholds) -> Option<Finding> {
    let looks = site.last(thresholds.panic_looks)?;
    let steps = looks.windows(2);
    let with_panics = steps.filter(|step| step[1].panicked > step[0].panicked);
    let quiet = looks.len() - 1 - with_panics.count();
    let goes_on = looks.len() > 1 && quiet <= thresholds.panic_quiet_looks;
    let (change, elapsed_ns) = site.change(thresholds.panic_looks)?;
    if !goes_on || change.panicked < thresholds.panics {
        return None;
    }
    let subject = Subject::Spawn(site.location.into());
    let since_ns = change.taken_at_ns.saturating_sub(elapsed_ns);
    let mut finding = Finding::new(RULE.kind, Severity::Warning, subject, since_ns);
    // The window is proof enough.
    finding.exact = true;
    finding.summary = format!(
        "tasks spawned at {}:{} panic again and again: {} of late, {} in all",
        site.location.file(),
        site.location.line(),
        change.panicked,
        site.now().panicked
    );
    finding.place(site.location);
    finding.number("panicked", change.panicked);
    finding.number("spawned", change.spawned);
    finding.number("panicked_ever", site.now().panicked);
    finding.number("window_ns", elapsed_ns);
    finding.hint = HINT;
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, history_of_sites, site};
    use super::*;

    /// Looks, a second apart, at which so many tasks have panicked.
    fn history(panicked: &[u64]) -> History {
        history_of_sites(panicked.iter().map(|&panicked| {
            let mut site = site();
            (site.spawned, site.panicked) = (1_000, panicked);
            site
        }))
    }

    #[test]
    fn panics_between_all_looks_are_found() {
        let found = found(&RULE, &history(&[3, 5, 7, 9]));
        assert_eq!(found.len(), 1);
        let summary = &found[0].summary;
        assert!(summary.contains("6 of late, 9 in all"), "{summary}");
    }

    #[test]
    fn a_pause_between_two_panics_changes_nothing() {
        assert_eq!(found(&RULE, &history(&[0, 5, 5, 9])).len(), 1);
    }

    #[test]
    fn many_that_fail_at_once_are_healthy() {
        assert!(found(&RULE, &history(&[0, 500, 500, 500])).is_empty());
    }

    #[test]
    fn a_panic_now_and_then_is_healthy() {
        assert!(found(&RULE, &history(&[0, 1, 2, 3])).is_empty());
    }

    #[test]
    fn three_looks_are_not_enough() {
        assert!(found(&RULE, &history(&[0, 50, 100])).is_empty());
    }
}

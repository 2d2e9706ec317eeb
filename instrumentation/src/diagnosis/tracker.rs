//! Which findings are shown: neither flickering nor lingering.
//!
//! A finding appears at once if one look proves it, else when it holds in enough looks in a row. It
//! goes when it has been absent for a few; meanwhile it stays as it was seen last.

use super::finding::Finding;
use super::thresholds::Thresholds;

/// The findings of one runtime.
#[derive(Debug, Default)]
pub(super) struct Tracker(Vec<Tracked>);

#[derive(Debug)]
struct Tracked {
    finding: Finding,
    /// Looks in a row that found it, up to when it is shown.
    held: u32,
    /// Looks in a row, the latest among them, that did not.
    absent: u32,
    shown: bool,
}

impl Tracker {
    /// What a look has found of one kind.
    pub(super) fn update(
        &mut self,
        kind: &'static str,
        mut found: Vec<Finding>,
        thresholds: &Thresholds,
    ) {
        for tracked in self.0.iter_mut().filter(|t| t.finding.kind == kind) {
            tracked.absent += 1;
        }
        found.sort_by_key(|f| (f.since_ns, f.task.as_ref().map(|t| t.id)));
        for finding in found {
            self.hold(finding, thresholds);
        }
        self.0.retain(|t| {
            let patience = if t.shown { thresholds.looks_to_go } else { 1 };
            t.absent < patience
        });
        self.limit(kind, thresholds.max_findings_of_a_kind);
    }

    fn hold(&mut self, mut finding: Finding, thresholds: &Thresholds) {
        let exact = finding.exact;
        let same = |t: &&mut Tracked| {
            (t.finding.kind, &t.finding.subject) == (finding.kind, &finding.subject)
        };
        let tracked = match self.0.iter_mut().find(same) {
            Some(tracked) => {
                finding.since_ns = finding.since_ns.min(tracked.finding.since_ns);
                tracked.finding = finding;
                tracked
            }
            None => {
                self.0.push(Tracked {
                    finding,
                    held: 0,
                    absent: 0,
                    shown: false,
                });
                self.0.last_mut().expect("it was just added")
            }
        };
        tracked.absent = 0;
        tracked.held = tracked.held.saturating_add(1);
        tracked.shown |= exact || tracked.held >= thresholds.looks_to_appear;
    }

    /// Keeps the oldest of a kind: what came first is more likely the cause.
    fn limit(&mut self, kind: &'static str, most: usize) {
        let mut seen = 0;
        self.0.retain(|t| {
            seen += usize::from(t.finding.kind == kind);
            t.finding.kind != kind || seen <= most
        });
    }

    /// What is to be told, the worst first, then in the order of the table.
    pub(super) fn shown(&self) -> Vec<Finding> {
        let rank = |finding: &Finding| {
            super::RULES
                .iter()
                .position(|rule| rule.kind == finding.kind)
        };
        let mut shown: Vec<_> = self
            .0
            .iter()
            .filter(|t| t.shown)
            .map(|t| t.finding.clone())
            .collect();
        shown.sort_by_key(|f| (std::cmp::Reverse(f.severity), rank(f), f.since_ns));
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Severity, Subject};
    use super::*;

    fn finding(subject: u64, exact: bool) -> Finding {
        Finding {
            exact,
            ..Finding::new("deadlock", Severity::Warning, Subject::Task(subject), 10)
        }
    }

    /// The numbers of findings shown after each look that found it or did not.
    fn shown(exact: bool, looks: &[bool]) -> Vec<usize> {
        let mut tracker = Tracker::default();
        looks
            .iter()
            .map(|found| {
                let found = found.then(|| finding(1, exact)).into_iter().collect();
                tracker.update("deadlock", found, &Thresholds::default());
                tracker.shown().len()
            })
            .collect()
    }

    #[test]
    fn an_exact_finding_appears_at_once_and_others_at_the_second_look() {
        assert_eq!(shown(true, &[true, true]), [1, 1]);
        assert_eq!(shown(false, &[true, true]), [0, 1]);
    }

    #[test]
    fn a_finding_seen_now_and_then_never_appears() {
        let looks = [true, false, true, false, true, false];
        assert_eq!(shown(false, &looks), [0; 6]);
    }

    #[test]
    fn a_shown_finding_bridges_a_gap_and_goes_after_three() {
        let looks = [true, true, false, true, false, false, false, true];
        assert_eq!(shown(false, &looks), [0, 1, 1, 1, 1, 1, 0, 0]);
    }

    #[test]
    fn the_beginning_is_that_of_the_first_look() {
        let mut tracker = Tracker::default();
        for since_ns in [10, 500] {
            let found = Finding {
                since_ns,
                ..finding(1, true)
            };
            tracker.update("deadlock", vec![found], &Thresholds::default());
        }
        assert_eq!(tracker.shown()[0].since_ns, 10);
    }

    #[test]
    fn another_kind_does_not_age() {
        let mut tracker = Tracker::default();
        tracker.update("deadlock", vec![finding(1, true)], &Thresholds::default());
        for _ in 0..10 {
            tracker.update("cpu-hog", vec![], &Thresholds::default());
        }
        assert_eq!(tracker.shown().len(), 1);
    }

    #[test]
    fn there_are_only_so_many_of_a_kind_and_the_oldest_stay() {
        let mut tracker = Tracker::default();
        let thresholds = Thresholds::default();
        for _ in 0..2 {
            let found = (0..100).map(|task| finding(task, true)).collect();
            tracker.update("deadlock", found, &thresholds);
        }
        let shown = tracker.shown();
        assert_eq!(shown.len(), thresholds.max_findings_of_a_kind);
        assert_eq!(shown[0].subject, Subject::Task(0));
    }
}

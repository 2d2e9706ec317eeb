//! Findings as the server sent them, and which of them is looked at.

use std::cmp::Reverse;

use super::model::Location;
use crate::format;

/// How bad it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    #[default]
    Unknown,
    Info,
    Warning,
    Critical,
}

impl Severity {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Severity::Unknown => "unknown",
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// Something that is wrong with the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Within a runtime the same for the same thing, also when it is found again later.
    pub(crate) id: u64,
    pub(crate) kind: String,
    pub(crate) severity: Severity,
    pub(crate) summary: String,
    /// The most telling place first.
    pub(crate) locations: Vec<Location>,
    pub(crate) task: Option<Culprit>,
    pub(crate) resource: Option<Resource>,
    pub(crate) worker: Option<u32>,
    pub(crate) since_ns: u64,
    pub(crate) evidence: Vec<(String, Value)>,
    pub(crate) hint: String,
}

/// The task that is to blame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Culprit {
    pub(crate) id: u64,
    /// Empty: no name.
    pub(crate) name: String,
    /// Where it was spawned.
    pub(crate) location: Option<Location>,
}

/// The thing that is waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) kind: String,
    pub(crate) id: u64,
}

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u64),
    Text(String),
}

impl Finding {
    /// The pieces of evidence, each as a name and a value in words.
    pub(crate) fn evidence_in_words(&self) -> Vec<String> {
        self.evidence
            .iter()
            .map(|(name, value)| match value {
                Value::Number(ns) if name.ends_with("_ns") => {
                    let name = name.trim_end_matches("_ns");
                    format!("{name} {}", format::duration(*ns))
                }
                Value::Number(number) => format!("{name} {number}"),
                Value::Text(text) => format!("{name} {text}"),
            })
            .collect()
    }

    /// The worst first, then the oldest.
    pub(crate) fn rank(&self) -> (Reverse<Severity>, u64) {
        (Reverse(self.severity), self.since_ns)
    }
}

/// Which finding of the list is selected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FindingsView {
    pub(crate) selected: usize,
}

impl FindingsView {
    /// The selected row of a list of that length: a list that got shorter has its last selected.
    pub(crate) fn row(self, len: usize) -> usize {
        self.selected.min(len.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_among_the_evidence_are_told_as_times() {
        let finding = Finding {
            evidence: vec![
                ("poll_ns".into(), Value::Number(1_500_000_000)),
                ("polls".into(), Value::Number(3)),
                ("circle".into(), Value::Text("1 -> 1".into())),
            ],
            ..Finding::default()
        };
        assert_eq!(
            finding.evidence_in_words(),
            ["poll 1.50s", "polls 3", "circle 1 -> 1"]
        );
    }

    #[test]
    fn the_worst_come_first() {
        let with = |severity, since_ns| Finding {
            severity,
            since_ns,
            ..Finding::default()
        };
        let mut list = [
            with(Severity::Info, 1),
            with(Severity::Critical, 9),
            with(Severity::Critical, 3),
            with(Severity::Unknown, 0),
        ];
        list.sort_by_key(Finding::rank);
        let order: Vec<_> = list.iter().map(|f| f.since_ns).collect();
        assert_eq!(order, [3, 9, 1, 0]);
    }

    #[test]
    fn the_selection_follows_a_list_that_shrinks() {
        let view = FindingsView { selected: 7 };
        assert_eq!((view.row(3), view.row(0), view.row(20)), (2, 0, 7));
    }
}

//! What a finding says.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::Location;
use std::sync::Arc;

use zokio::telemetry::{TaskSnapshot, Wait};

use crate::stacks::Frame;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Worth a look: it may be meant.
    Info,
    /// It costs the program something.
    Warning,
    /// A part of the program stands still.
    Critical,
}

/// A place in a source file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A number or a text that belongs to the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u64),
    Text(String),
}

/// The task that is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Culprit {
    pub(crate) id: u64,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) spawned_at: Option<&'static Location<'static>>,
}

/// The thing that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) kind: &'static str,
    pub(crate) id: u64,
}

/// What a finding is about: in two looks it is the same finding if kind and subject are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Task(u64),
    /// A function, by its name, or else where tasks are spawned.
    Function(String),
    Spawn(Place),
    Resource(u64),
    Runtime,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: &'static str,
    pub(crate) severity: Severity,
    pub(crate) summary: String,
    /// Where to look, the most telling place first.
    pub(crate) locations: Vec<Place>,
    pub(crate) task: Option<Culprit>,
    pub(crate) resource: Option<Resource>,
    pub(crate) worker: Option<u16>,
    /// Since when, on telemetry's clock.
    pub(crate) since_ns: u64,
    pub(crate) evidence: Vec<(&'static str, Value)>,
    pub(crate) hint: &'static str,
    pub(crate) subject: Subject,
    /// Whether one look proves it.
    pub(crate) exact: bool,
}

impl Finding {
    /// A number that stands for kind and subject.
    pub(crate) fn id(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.kind, &self.subject).hash(&mut hasher);
        hasher.finish()
    }

    /// A finding without proof and places.
    pub(crate) fn new(
        kind: &'static str,
        severity: Severity,
        subject: Subject,
        since_ns: u64,
    ) -> Finding {
        Finding {
            kind,
            severity,
            summary: String::new(),
            locations: Vec::new(),
            task: None,
            resource: None,
            worker: None,
            since_ns,
            evidence: Vec::new(),
            hint: "",
            subject,
            exact: false,
        }
    }

    pub(super) fn number(&mut self, name: &'static str, number: u64) {
        self.evidence.push((name, Value::Number(number)));
    }

    pub(super) fn text(&mut self, name: &'static str, text: impl Into<String>) {
        self.evidence.push((name, Value::Text(text.into())));
    }

    /// Adds a place that is not there yet.
    pub(super) fn place(&mut self, place: impl Into<Place>) {
        let place = place.into();
        if !self.locations.contains(&place) {
            self.locations.push(place);
        }
    }
}

impl Culprit {
    pub(super) fn of(task: &TaskSnapshot) -> Culprit {
        Culprit {
            id: task.id,
            name: task.name.clone(),
            spawned_at: Some(task.location),
        }
    }
}

/// `task 7 "name"`.
impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        match &self.name {
            Some(name) => write!(f, " {name:?}"),
            None => Ok(()),
        }
    }
}

impl Resource {
    pub(super) fn of(wait: &Wait) -> Resource {
        Resource {
            kind: wait.kind,
            id: wait.resource,
        }
    }
}

impl From<&Location<'_>> for Place {
    fn from(location: &Location<'_>) -> Place {
        Place {
            file: location.file().to_owned(),
            line: location.line(),
            column: location.column(),
        }
    }
}

impl From<&Frame> for Place {
    fn from(frame: &Frame) -> Place {
        Place {
            file: frame.file.clone(),
            line: frame.line,
            column: frame.column,
        }
    }
}

/// `1.3 s`, `140 ms`.
pub(super) fn duration(ns: u64) -> String {
    if ns >= 1_000_000_000 {
        format!("{:.1} s", ns as f64 / 1e9)
    } else {
        format!("{} ms", ns / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_that_of_kind_and_subject_alone() {
        let finding = |kind, task, since_ns| {
            Finding::new(kind, Severity::Info, Subject::Task(task), since_ns).id()
        };
        assert_eq!(finding("deadlock", 1, 5), finding("deadlock", 1, 6));
        assert_ne!(finding("deadlock", 1, 5), finding("deadlock", 2, 5));
        assert_ne!(finding("deadlock", 1, 5), finding("cpu-hog", 1, 5));
    }

    #[test]
    fn durations_are_told_in_seconds_from_one_on() {
        assert_eq!(duration(999_999_999), "999 ms");
        assert_eq!(duration(1_260_000_000), "1.3 s");
    }
}

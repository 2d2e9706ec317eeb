//! `check`: what is wrong with the program, for people and for CI.
//!
//! Watches for a while and collects every finding that the server shows meanwhile, also those that
//! have gone again by the end.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use zokio::time::Instant;

use crate::connection::{self, Session};
use crate::error::ConsoleError;
use crate::format;
use crate::nanos::nanos;
use crate::recording::{Player, Source, Tape};
use crate::state::findings::{Culprit, Finding, Severity, Value};
use crate::state::model::{Query, Update};
use crate::state::world::{Runtime, World};

/// Between two updates that are asked for; findings change once a second.
const INTERVAL: Duration = Duration::from_millis(250);

/// The kind of the finding that tells of tasks which the given filter leaves.
pub(crate) const FILTERED: &str = "filtered-tasks";

/// Tasks of such a finding that are named.
const NAMED: u32 = 5;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// With the ids of their runtimes.
    findings: Vec<(u64, Finding)>,
    /// By the program's clock.
    last_ns: u64,
    watched: Duration,
}

/// Watches for `time`, and at least until the first update. Tasks that `filter` leaves are a finding,
/// too.
pub(crate) async fn watch(
    session: &mut Session,
    time: Duration,
    filter: Option<&str>,
) -> Result<Report, ConsoleError> {
    session.check_filter(filter.unwrap_or(""))?;
    let query = Query {
        filter: filter.unwrap_or("").to_owned(),
        limit: filter.map_or(0, |_| NAMED),
        ..Query::default()
    };
    let mut world = World::default();
    let began = Instant::now();
    let mut report = Report::default();
    let mut stream = session
        .subscribe(connection::request(&query, INTERVAL))
        .await?;
    loop {
        let update = session.next(&mut stream).await?;
        if let Some(filter) = filter {
            world.apply(update.clone(), 0);
            for runtime in &world.runtimes {
                report.note_tasks(filter, runtime);
            }
        }
        report.note(update);
        let left = time.saturating_sub(began.elapsed());
        if left.is_zero() {
            break;
        }
        // The last updates come at the end of the time, not after it.
        if left < INTERVAL {
            zokio::time::sleep(left).await;
        }
    }
    report.watched = began.elapsed();
    report.findings.sort_by_key(|(_, finding)| finding.rank());
    Ok(report)
}

/// Collects every finding of a recording.
///
/// They are those that the server told while it was recorded: what the rules read (places in the
/// code as the compiler knows them, all tasks once a second) is not in a recording.
pub(crate) fn recorded(tape: &mut Tape<impl Source>, filter: Option<&str>) -> Report {
    let mut report = Report::default();
    let mut player = Player::default();
    while player.step(&mut tape.source) {
        let world = player.world();
        report.last_ns = world.taken_at_ns;
        for runtime in &world.runtimes {
            for finding in &runtime.findings {
                report.note_finding(runtime.summary.id, finding.clone());
            }
        }
        if let Some(filter) = filter {
            let query = Query {
                filter: filter.to_owned(),
                ..Query::default()
            };
            for runtime in &world.narrowed(&query).runtimes {
                report.note_tasks(filter, runtime);
            }
        }
    }
    let (start_ns, end_ns) = tape.span_ns();
    report.watched = Duration::from_nanos(end_ns - start_ns);
    report.findings.sort_by_key(|(_, finding)| finding.rank());
    report
}

impl Report {
    /// Adds what is new in an update; what is known is replaced.
    fn note(&mut self, update: Update) {
        self.last_ns = update.taken_at_ns;
        for runtime in update.runtimes {
            for finding in runtime.findings {
                self.note_finding(runtime.summary.id, finding);
            }
        }
    }

    /// Tasks that the filter has left: one finding a runtime, the moment with most of them.
    fn note_tasks(&mut self, filter: &str, runtime: &Runtime) {
        let matching = runtime.tasks.matching;
        let found =
            |(of, finding): &&(u64, Finding)| *of == runtime.summary.id && finding.kind == FILTERED;
        let known = self.findings.iter().find(found);
        let most = known.and_then(|(_, finding)| match finding.evidence.first() {
            Some((_, Value::Number(most))) => Some(*most),
            _ => None,
        });
        if matching == 0 || most.is_some_and(|most| most >= matching as u64) {
            return;
        }
        let first = runtime.tasks.id_at(0).and_then(|id| runtime.tasks.get(id));
        let mut evidence = vec![("tasks".to_owned(), Value::Number(matching as u64))];
        let rows = runtime.tasks.rows.iter().take(NAMED as usize);
        let ids: Vec<String> = rows.map(u64::to_string).collect();
        evidence.push(("ids".to_owned(), Value::Text(ids.join(" "))));
        let finding = Finding {
            // The server's ids are hashes; this one stands beside them.
            id: u64::MAX,
            kind: FILTERED.to_owned(),
            severity: Severity::Warning,
            summary: format!(
                "{matching} tasks of {} pass the filter {filter}",
                runtime.summary.name
            ),
            locations: first
                .map(|task| task.location.clone())
                .into_iter()
                .collect(),
            task: first.map(|task| Culprit {
                id: task.id,
                name: task.name.clone(),
                location: Some(task.location.clone()),
            }),
            resource: None,
            worker: None,
            since_ns: runtime.summary.taken_at_ns,
            evidence,
            hint: "look at them: zokio-console snapshot --tasks with the same filter".to_owned(),
        };
        self.note_finding(runtime.summary.id, finding);
    }

    fn note_finding(&mut self, runtime: u64, mut finding: Finding) {
        let same = |(of, known): &&mut (u64, Finding)| (*of, known.id) == (runtime, finding.id);
        match self.findings.iter_mut().find(same) {
            Some((_, known)) => {
                finding.since_ns = finding.since_ns.min(known.since_ns);
                *known = finding;
            }
            None => self.findings.push((runtime, finding)),
        }
    }

    /// Whether something was found that is to be denied: of these kinds, or any if none is named.
    pub(crate) fn is_denied(&self, kinds: &[String]) -> bool {
        self.findings
            .iter()
            .any(|(_, finding)| kinds.is_empty() || kinds.contains(&finding.kind))
    }

    /// Writes it as text or as one JSON object.
    pub(crate) fn print(&self, json: bool, out: &mut impl Write) -> Result<(), ConsoleError> {
        let text = if json {
            let object = serde_json::to_string(&Json::new(self));
            object.map_err(|error| ConsoleError::Output(error.into()))? + "\n"
        } else {
            self.text()
        };
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(ConsoleError::Output)
    }

    fn text(&self) -> String {
        let watched = format::duration(nanos(self.watched));
        let mut out = match self.findings.len() {
            0 => format!("nothing found in {watched}\n"),
            1 => format!("1 finding in {watched}\n"),
            n => format!("{n} findings in {watched}\n"),
        };
        for (_, finding) in &self.findings {
            self.describe(finding, &mut out);
        }
        out
    }

    fn describe(&self, finding: &Finding, out: &mut String) {
        let severity = finding.severity.as_str();
        let since = format::duration(self.last_ns.saturating_sub(finding.since_ns));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n{severity} {}: {}", finding.kind, finding.summary);
        for location in &finding.locations {
            let _ = writeln!(out, "  at    {location}");
        }
        let evidence = finding.evidence_in_words();
        let _ = writeln!(out, "  since {since}; {}", evidence.join(", "));
        let _ = writeln!(out, "  try   {}", finding.hint);
    }
}

/// The object of `check --json`. Stable: fields are only added.
#[derive(Debug, Serialize)]
struct Json<'a> {
    duration_ns: u64,
    findings: Vec<JsonFinding<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct JsonFinding<'a> {
    kind: &'a str,
    severity: &'static str,
    summary: &'a str,
    locations: Vec<String>,
    task: Option<JsonTask<'a>>,
    resource: Option<JsonResource<'a>>,
    worker: Option<u32>,
    since_ns: u64,
    evidence: Evidence<'a>,
    hint: &'a str,
}

#[derive(Debug, Serialize)]
struct JsonTask<'a> {
    id: u64,
    name: Option<&'a str>,
    location: Option<String>,
}

#[derive(Debug, Serialize)]
struct JsonResource<'a> {
    kind: &'a str,
    id: u64,
}

/// An object of names and numbers or texts, in their order.
#[derive(Debug)]
struct Evidence<'a>(&'a [(String, Value)]);

impl Serialize for Evidence<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            match value {
                Value::Number(number) => map.serialize_entry(name, number)?,
                Value::Text(text) => map.serialize_entry(name, text)?,
            }
        }
        map.end()
    }
}

impl<'a> Json<'a> {
    fn new(report: &'a Report) -> Json<'a> {
        Json {
            duration_ns: nanos(report.watched),
            findings: report
                .findings
                .iter()
                .map(|(_, f)| JsonFinding::new(f))
                .collect(),
        }
    }
}

impl<'a> JsonFinding<'a> {
    pub(super) fn new(finding: &'a Finding) -> JsonFinding<'a> {
        JsonFinding {
            kind: &finding.kind,
            severity: finding.severity.as_str(),
            summary: &finding.summary,
            locations: finding.locations.iter().map(ToString::to_string).collect(),
            task: finding.task.as_ref().map(|task| JsonTask {
                id: task.id,
                name: Some(task.name.as_str()).filter(|name| !name.is_empty()),
                location: task.location.as_ref().map(ToString::to_string),
            }),
            resource: finding.resource.as_ref().map(|resource| JsonResource {
                kind: &resource.kind,
                id: resource.id,
            }),
            worker: finding.worker,
            since_ns: finding.since_ns,
            evidence: Evidence(&finding.evidence),
            hint: &finding.hint,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize;
    use crate::state::fixtures;

    fn report() -> Report {
        let mut report = Report {
            watched: Duration::from_secs(5),
            ..Report::default()
        };
        let query = Query::default();
        report.note(sanitize::update(fixtures::snapshot(30, &query)));
        report.note(sanitize::update(fixtures::snapshot(31, &query)));
        report.findings.sort_by_key(|(_, finding)| finding.rank());
        report
    }

    #[test]
    fn the_object_keeps_its_form() {
        let text = serde_json::to_string_pretty(&Json::new(&report())).unwrap();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_text_reads_well() {
        insta::assert_snapshot!(report().text());
    }

    #[test]
    fn nothing_found_says_so_in_both_forms() {
        let none = Report::default();
        assert_eq!(none.text(), "nothing found in 0\n");
        let mut out = Vec::new();
        none.print(true, &mut out).unwrap();
        assert_eq!(out, b"{\"duration_ns\":0,\"findings\":[]}\n");
    }

    #[test]
    fn only_denied_kinds_count_if_any_is_named() {
        let report = report();
        assert!(report.is_denied(&[]));
        assert!(report.is_denied(&["deadlock".into()]));
        assert!(!report.is_denied(&["imbalance".into()]));
        assert!(!Report::default().is_denied(&[]));
    }

    #[test]
    fn a_finding_that_changes_stays_one_and_keeps_its_beginning() {
        let mut report = report();
        let (runtime, mut later) = report.findings[0].clone();
        let began = later.since_ns;
        later.since_ns += 5;
        later.locations.clear();
        report.note_finding(runtime, later);
        assert_eq!(report.findings.len(), 2);
        assert_eq!(report.findings[0].1.since_ns, began);
        assert!(report.findings[0].1.locations.is_empty());
        let other = report.findings[0].1.clone();
        report.note_finding(runtime + 1, other);
        assert_eq!(report.findings.len(), 3);
    }

    #[test]
    fn tasks_that_the_filter_leaves_are_one_finding_at_their_most() {
        let mut world = World::default();
        let query = Query {
            limit: NAMED,
            ..Query::default()
        };
        world.apply(sanitize::update(fixtures::snapshot(30, &query)), 0);
        let runtime = &mut world.runtimes[0];
        let mut report = Report::default();
        for (matching, told) in [(0, None), (3, Some(3)), (9, Some(9)), (4, Some(9))] {
            runtime.tasks.matching = matching;
            report.note_tasks("idle>5s", runtime);
            let found = report
                .findings
                .first()
                .map(|(_, f)| f.evidence[0].1.clone());
            assert_eq!(found, told.map(Value::Number));
        }
        assert_eq!(report.findings.len(), 1);
        assert!(report.is_denied(&[FILTERED.into()]));
        let (_, finding) = &report.findings[0];
        assert!(finding.summary.starts_with("9 tasks of "), "{finding:?}");
        assert!(finding.task.is_some() && !finding.locations.is_empty());
    }

    #[test]
    fn some_of_many_filtered_tasks_are_named() {
        let mut world = World::default();
        let query = Query {
            limit: 20,
            ..Query::default()
        };
        world.apply(sanitize::update(fixtures::snapshot(30, &query)), 0);
        assert_eq!(world.runtimes[0].tasks.rows.len(), 20);
        let mut report = Report::default();
        report.note_tasks("idle>5s", &world.runtimes[0]);
        let (_, finding) = &report.findings[0];
        let (_, ids) = &finding.evidence[1];
        assert!(
            matches!(ids, Value::Text(ids) if ids.split(' ').count() == NAMED as usize),
            "{ids:?}"
        );
    }

    #[test]
    fn a_finding_that_has_gone_is_told() {
        let mut report = report();
        let found = report.findings.len();
        report.note(Update::default());
        assert_eq!(report.findings.len(), found);
    }
}

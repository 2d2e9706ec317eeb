//! From rows to the client's messages.

use std::panic::Location;
use std::time::{SystemTime, UNIX_EPOCH};

use prost_types::{Duration, Timestamp};
use zokio::telemetry::{TaskDetail, TaskKind, now_ns};
use zokio_console_proto::tokio_console::common::field::{Name, Value};
use zokio_console_proto::tokio_console::common::metadata;
use zokio_console_proto::tokio_console::common::register_metadata::NewMetadata;
use zokio_console_proto::tokio_console::common::{
    Attribute, Field, Id, MetaId, Metadata, PollStats, RegisterMetadata,
};
use zokio_console_proto::tokio_console::resources::resource;
use zokio_console_proto::tokio_console::tasks::task_details::PollTimesHistogram;
use zokio_console_proto::tokio_console::{async_ops, common, resources, tasks};
use zokio_console_proto::v1::TaskField;

use super::histogram;
use super::rows::{OperationRow, ResourceRow, TaskRow, is_timer};
use crate::encode::{clip, clip_start};
use crate::nanos::nanos;

const TASKS: u64 = 1;
const RESOURCES: u64 = 2;
const OPERATIONS: u64 = 3;

/// Telemetry's clock at a moment of the wall clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchor {
    unix_ns: u64,
    clock_ns: u64,
}

impl Anchor {
    pub(super) fn now() -> Anchor {
        let clock_ns = now_ns();
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Anchor {
            unix_ns: nanos(unix),
            clock_ns,
        }
    }

    /// A moment on telemetry's clock, for the wire.
    pub(super) fn timestamp(self, at_ns: u64) -> Timestamp {
        let unix_ns = i128::from(self.unix_ns) + i128::from(at_ns) - i128::from(self.clock_ns);
        Timestamp {
            seconds: unix_ns.div_euclid(NS_PER_S) as i64,
            nanos: unix_ns.rem_euclid(NS_PER_S) as i32,
        }
    }
}

const NS_PER_S: i128 = 1_000_000_000;

fn duration(ns: u64) -> Duration {
    Duration {
        seconds: (ns / 1_000_000_000) as i64,
        nanos: (ns % 1_000_000_000) as i32,
    }
}

/// All that rows refer to. Small, and sent with each update: so a client cannot be without it, and
/// an update is never so small that h2 counts it against the client (see `sampler`).
pub(super) fn all_metadata() -> RegisterMetadata {
    let entry = |id, name: &str, target: &str, fields: &[&str]| NewMetadata {
        id: Some(MetaId { id }),
        metadata: Some(Metadata {
            name: name.to_owned(),
            target: target.to_owned(),
            module_path: module_path!().to_owned(),
            location: None,
            kind: metadata::Kind::Span.into(),
            level: metadata::Level::Trace.into(),
            field_names: fields.iter().map(|&f| f.to_owned()).collect(),
        }),
    };
    RegisterMetadata {
        metadata: vec![
            entry(TASKS, "runtime.spawn", "zokio::task", &TASK_FIELDS),
            entry(
                RESOURCES,
                "runtime.resource",
                "zokio",
                &["waiters", "await.location"],
            ),
            entry(
                OPERATIONS,
                "runtime.resource.async_op",
                "zokio",
                &["await.location", "current"],
            ),
        ],
    }
}

const TASK_FIELDS: [&str; 6] = [
    "task.id",
    "task.name",
    "kind",
    "size.bytes",
    "parent",
    "runtime",
];

fn field(name: &str, value: Value) -> Field {
    // By name, so that nothing depends on the order in the metadata.
    Field {
        name: Some(Name::StrName(name.to_owned())),
        value: Some(value),
        metadata_id: None,
    }
}

fn attribute(name: &str, value: Value) -> Attribute {
    Attribute {
        field: Some(field(name, value)),
        unit: None,
    }
}

fn location(location: &Location<'_>) -> common::Location {
    common::Location {
        file: Some(clip_start(location.file())),
        module_path: None,
        line: Some(location.line()),
        column: Some(location.column()),
    }
}

/// A task that is new to the client, with the fields of the spans that it is in now. The client takes
/// fields in once, and spans come and go: so they are told as what they were at first.
pub(super) fn task(row: &TaskRow, spans: &[TaskField]) -> tasks::Task {
    let kind = match row.kind {
        TaskKind::Blocking => tasks::task::Kind::Blocking,
        _ => tasks::task::Kind::Spawn,
    };
    let mut fields = vec![
        field("task.id", Value::U64Val(row.id)),
        field("kind", Value::StrVal(row.kind.as_str().to_owned())),
    ];
    fields.extend(
        row.name
            .as_deref()
            .map(|name| field("task.name", Value::StrVal(clip(name)))),
    );
    fields.extend(
        row.future_bytes
            .map(|n| field("size.bytes", Value::U64Val(n))),
    );
    fields.extend(row.parent.map(|id| field("parent", Value::U64Val(id))));
    fields.extend(
        row.runtime
            .as_deref()
            .map(|name| field("runtime", Value::StrVal(clip(name)))),
    );
    fields.extend(spans.iter().map(|at_first| {
        let name = format!("first.{}", at_first.name);
        field(&name, Value::StrVal(at_first.value.clone()))
    }));
    tasks::Task {
        id: Some(Id { id: row.id }),
        metadata: Some(MetaId { id: TASKS }),
        kind: kind.into(),
        fields,
        parents: Vec::new(),
        location: Some(location(row.location)),
    }
}

/// What changes about a task, or, with the moment when it was last seen, what became of it.
pub(super) fn task_stats(row: &TaskRow, gone_ns: Option<u64>, anchor: Anchor) -> tasks::Stats {
    let ended = gone_ns.map(|seen_ns| row.ended(seen_ns));
    let row = ended.as_ref().unwrap_or(row);
    let at = |ns| anchor.timestamp(ns);
    tasks::Stats {
        created_at: Some(at(row.created_at_ns)),
        dropped_at: gone_ns.map(|ns| at(ns.max(row.created_at_ns))),
        wakes: row.wakes,
        waker_clones: row.waker_clones,
        waker_drops: row.waker_drops,
        last_wake: Some(at(row.last_wake_ns)),
        poll_stats: Some(PollStats {
            polls: row.polls,
            first_poll: None,
            last_poll_started: row.poll_started_ns.map(at),
            last_poll_ended: row.poll_ended_ns.map(at),
            busy_time: Some(duration(row.busy_ns)),
        }),
        self_wakes: row.self_wakes,
        scheduled_time: Some(duration(row.scheduled_ns)),
    }
}

pub(super) fn resource(row: &ResourceRow) -> resources::Resource {
    let kind = if is_timer(row.kind) {
        resource::kind::Kind::Known(resource::kind::Known::Timer.into())
    } else {
        resource::kind::Kind::Other(clip(row.kind))
    };
    resources::Resource {
        id: Some(Id { id: row.id }),
        metadata: Some(MetaId { id: RESOURCES }),
        concrete_type: clip(row.kind),
        kind: Some(resource::Kind { kind: Some(kind) }),
        location: None,
        parent_resource_id: None,
        is_internal: false,
    }
}

pub(super) fn resource_stats(
    row: &ResourceRow,
    gone_ns: Option<u64>,
    anchor: Anchor,
) -> resources::Stats {
    let mut attributes = Vec::new();
    if let Some(waiters) = row.waiters {
        let waiters = if gone_ns.is_some() { 0 } else { waiters };
        attributes.push(attribute("waiters", Value::U64Val(waiters)));
    }
    attributes.extend(row.awaited_at.map(await_location));
    resources::Stats {
        created_at: Some(anchor.timestamp(row.since_ns)),
        dropped_at: gone_ns.map(|ns| {
            let last_ns = row.idle_since_ns.unwrap_or(ns);
            anchor.timestamp(last_ns.max(row.since_ns))
        }),
        attributes,
    }
}

fn await_location(place: &Location<'_>) -> Attribute {
    let file = clip_start(place.file());
    let text = format!("{file}:{}:{}", place.line(), place.column());
    attribute("await.location", Value::DebugVal(text))
}

pub(super) fn operation(row: &OperationRow) -> async_ops::AsyncOp {
    async_ops::AsyncOp {
        id: Some(Id { id: row.id }),
        metadata: Some(MetaId { id: OPERATIONS }),
        source: clip(&format!("{}::{}", row.kind, row.operation)),
        parent_async_op_id: None,
        resource_id: Some(Id { id: row.resource }),
    }
}

/// Of its polls only the one that began the wait is known; there was that one at least.
pub(super) fn operation_stats(
    row: &OperationRow,
    gone_ns: Option<u64>,
    anchor: Anchor,
) -> async_ops::Stats {
    let began = anchor.timestamp(row.since_ns);
    let mut attributes = Vec::new();
    attributes.extend(row.location.map(await_location));
    if !row.current {
        attributes.push(attribute("current", Value::BoolVal(false)));
    }
    async_ops::Stats {
        created_at: Some(began),
        dropped_at: gone_ns.map(|ns| anchor.timestamp(ns.max(row.since_ns))),
        task_id: Some(Id { id: row.task }),
        poll_stats: Some(PollStats {
            polls: 1,
            first_poll: Some(began),
            last_poll_started: Some(began),
            last_poll_ended: Some(began),
            busy_time: Some(duration(0)),
        }),
        attributes,
    }
}

pub(super) fn task_details(detail: &TaskDetail, now_ns: u64, anchor: Anchor) -> tasks::TaskDetails {
    let poll_time = detail.poll_time.as_ref().and_then(histogram::encode);
    tasks::TaskDetails {
        task_id: Some(Id { id: detail.task.id }),
        now: Some(anchor.timestamp(now_ns)),
        poll_times_histogram: poll_time.map(PollTimesHistogram::Histogram),
        scheduled_times_histogram: detail.wake_to_poll.as_ref().and_then(histogram::encode),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::here;
    use super::*;
    use zokio::telemetry::TaskSnapshot;

    const ANCHOR: Anchor = Anchor {
        unix_ns: 5_000_000_000,
        clock_ns: 1_000,
    };

    fn row() -> TaskRow {
        let mut task = TaskSnapshot::empty(7, here());
        (task.created_at_ns, task.busy_ns) = (2_000, 1_500_000_000);
        task.state_since_ns = 2_500;
        TaskRow::new(&task, None)
    }

    fn value<'a>(task: &'a tasks::Task, name: &str) -> Option<&'a Value> {
        let named = |f: &&Field| f.name == Some(Name::StrName(name.to_owned()));
        task.fields.iter().find(named)?.value.as_ref()
    }

    #[test]
    fn moments_before_and_after_the_anchor_are_on_the_wall_clock() {
        let at = |ns| {
            let Timestamp { seconds, nanos } = ANCHOR.timestamp(ns);
            (seconds, nanos)
        };
        assert_eq!(at(1_000), (5, 0));
        assert_eq!(at(999), (4, 999_999_999));
        assert_eq!(at(2_000_001_000), (7, 0));
    }

    #[test]
    fn fields_come_by_name_and_those_that_are_unknown_not_at_all() {
        let mut row = row();
        let sent = task(&row, &[]);
        assert_eq!(value(&sent, "task.id"), Some(&Value::U64Val(7)));
        assert_eq!(
            value(&sent, "kind"),
            Some(&Value::StrVal("task".to_owned()))
        );
        assert_eq!(sent.fields.len(), 2);
        row.name = Some("crawler".into());
        row.future_bytes = Some(1_024);
        row.parent = Some(3);
        row.runtime = Some("main".into());
        let sent = task(&row, &[]);
        assert_eq!(value(&sent, "size.bytes"), Some(&Value::U64Val(1_024)));
        assert_eq!(
            value(&sent, "task.name"),
            Some(&Value::StrVal("crawler".to_owned()))
        );
        assert_eq!(sent.fields.len(), TASK_FIELDS.len());
    }

    #[test]
    fn fields_of_spans_are_told_as_those_at_first() {
        let id = TaskField {
            name: "id".to_owned(),
            value: "eve".to_owned(),
        };
        let sent = task(&row(), &[id]);
        assert_eq!(
            value(&sent, "first.id"),
            Some(&Value::StrVal("eve".to_owned()))
        );
        assert_eq!(value(&sent, "task.id"), Some(&Value::U64Val(7)));
    }

    #[test]
    fn a_place_has_file_line_and_column_and_no_module() {
        let place = task(&row(), &[]).location.unwrap();
        // With a module the client would leave the file out.
        assert_eq!(place.module_path, None);
        assert!(place.file.unwrap().ends_with("rows.rs"));
        assert!(place.line.unwrap() > 0 && place.column.unwrap() > 0);
    }

    #[test]
    fn kinds_are_those_of_the_runtime() {
        let mut row = row();
        for (kind, text, sent) in [
            (TaskKind::Task, "task", tasks::task::Kind::Spawn),
            (TaskKind::Local, "local", tasks::task::Kind::Spawn),
            (TaskKind::Blocking, "blocking", tasks::task::Kind::Blocking),
            (TaskKind::BlockOn, "block_on", tasks::task::Kind::Spawn),
        ] {
            row.kind = kind;
            let task = task(&row, &[]);
            assert_eq!(task.kind(), sent);
            assert_eq!(value(&task, "kind"), Some(&Value::StrVal(text.to_owned())));
        }
    }

    #[test]
    fn stats_have_what_the_client_panics_without() {
        for gone in [None, Some(0), Some(9_000)] {
            let stats = task_stats(&row(), gone, ANCHOR);
            assert!(stats.created_at.is_some() && stats.last_wake.is_some());
            let busy = stats.poll_stats.unwrap().busy_time.unwrap();
            assert_eq!((busy.seconds, busy.nanos), (1, 500_000_000));
            assert_eq!(stats.dropped_at.is_some(), gone.is_some());
            if let (Some(dropped), Some(created)) = (stats.dropped_at, stats.created_at) {
                assert!((dropped.seconds, dropped.nanos) >= (created.seconds, created.nanos));
            }
        }
    }
}

//! What the client makes of the updates: it keeps what it was sent and makes out the rest, by the
//! same rules as the stock one.

#![allow(dead_code, reason = "not every test binary needs all of it")]

use std::collections::HashMap;

use prost_types::{Duration, Timestamp};
use zokio_console_proto::tokio_console::common::field::{Name, Value};
use zokio_console_proto::tokio_console::common::{Attribute, Field};
use zokio_console_proto::tokio_console::instrument::Update;
use zokio_console_proto::tokio_console::resources::resource::kind::Kind;
use zokio_console_proto::tokio_console::{async_ops, resources, tasks};

/// All that the client has.
#[derive(Default)]
pub(crate) struct Picture {
    /// Nanoseconds of Unix time.
    pub(crate) now: i64,
    pub(crate) targets: HashMap<u64, String>,
    pub(crate) tasks: HashMap<u64, Task>,
    pub(crate) resources: HashMap<u64, Resource>,
    pub(crate) operations: HashMap<u64, Operation>,
    pub(crate) dropped: u64,
}

pub(crate) struct Task {
    pub(crate) id: u64,
    pub(crate) task: tasks::Task,
    pub(crate) stats: tasks::Stats,
}

pub(crate) struct Resource {
    pub(crate) id: u64,
    pub(crate) resource: resources::Resource,
    pub(crate) stats: resources::Stats,
}

pub(crate) struct Operation {
    pub(crate) operation: async_ops::AsyncOp,
    pub(crate) stats: async_ops::Stats,
}

impl Picture {
    /// Takes an update in; panics where the stock client would, or would leave something out.
    pub(crate) fn apply(&mut self, update: Update) {
        let now = unix_ns(
            update
                .now
                .expect("without it the client's clock stands still"),
        );
        assert!(now >= self.now, "time runs backwards");
        self.now = now;
        for meta in update.new_metadata.unwrap_or_default().metadata {
            let target = meta.metadata.expect("metadata").target;
            self.targets.insert(meta.id.expect("an id").id, target);
        }
        self.apply_tasks(update.task_update.unwrap_or_default());
        self.apply_resources(update.resource_update.unwrap_or_default());
        self.apply_operations(update.async_op_update.unwrap_or_default());
    }

    fn apply_tasks(&mut self, update: tasks::TaskUpdate) {
        let mut stats = update.stats_update;
        for task in update.new_tasks {
            let id = task.id.expect("an id").id;
            assert!(
                self.targets
                    .contains_key(&task.metadata.expect("metadata").id)
            );
            let stats = stats
                .remove(&id)
                .expect("stats of a new task in the same update");
            check_stats(&stats);
            self.tasks.insert(id, Task { id, task, stats });
        }
        for (id, stats) in stats {
            let task = self.tasks.get_mut(&id);
            let task = task.expect("stats of a task that was sent");
            check_stats(&stats);
            task.stats = stats;
        }
        self.dropped += update.dropped_events;
    }

    fn apply_resources(&mut self, update: resources::ResourceUpdate) {
        let mut stats = update.stats_update;
        for resource in update.new_resources {
            let id = resource.id.expect("an id").id;
            assert!(
                self.targets
                    .contains_key(&resource.metadata.expect("metadata").id)
            );
            assert!(resource.kind.as_ref().is_some_and(|k| k.kind.is_some()));
            let stats = stats.remove(&id).expect("stats of a new resource");
            self.resources.insert(
                id,
                Resource {
                    id,
                    resource,
                    stats,
                },
            );
        }
        for (id, stats) in stats {
            self.resources
                .get_mut(&id)
                .expect("a resource that was sent")
                .stats = stats;
        }
    }

    fn apply_operations(&mut self, update: async_ops::AsyncOpUpdate) {
        let mut stats = update.stats_update;
        for operation in update.new_async_ops {
            let id = operation.id.expect("an id").id;
            assert!(
                self.targets
                    .contains_key(&operation.metadata.expect("metadata").id)
            );
            assert!(operation.resource_id.is_some());
            let stats = stats.remove(&id).expect("stats of a new operation");
            self.operations.insert(id, Operation { operation, stats });
        }
        for (id, stats) in stats {
            self.operations
                .get_mut(&id)
                .expect("an operation that was sent")
                .stats = stats;
        }
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Task> {
        self.tasks.values().find(|t| t.name() == name)
    }

    pub(crate) fn of_kind(&self, kind: &str) -> Option<&Task> {
        let is = |task: &&Task| task.field("kind").as_deref() == Some(kind);
        self.tasks.values().find(is)
    }

    pub(crate) fn resource(&self, concrete_type: &str) -> Option<&Resource> {
        let of_type = |r: &&Resource| r.resource.concrete_type == concrete_type;
        self.resources.values().find(of_type)
    }

    pub(crate) fn operations_on(&self, resource: u64) -> impl Iterator<Item = &Operation> {
        let on = move |o: &&Operation| o.operation.resource_id.map(|id| id.id) == Some(resource);
        self.operations.values().filter(on)
    }
}

impl Task {
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        text(self.task.fields.iter(), name)
    }

    pub(crate) fn name(&self) -> &str {
        let named = |f: &&Field| f.name == Some(Name::StrName("task.name".to_owned()));
        match self
            .task
            .fields
            .iter()
            .find(named)
            .and_then(|f| f.value.as_ref())
        {
            Some(Value::StrVal(name)) => name,
            _ => "",
        }
    }

    pub(crate) fn polls(&self) -> u64 {
        self.stats.poll_stats.expect("poll stats").polls
    }

    fn stamps(&self) -> (Option<i64>, Option<i64>, Option<i64>) {
        let polls = self.stats.poll_stats.expect("poll stats");
        let ns = |at: Option<Timestamp>| at.map(unix_ns);
        (
            ns(polls.last_poll_started),
            ns(polls.last_poll_ended),
            ns(self.stats.last_wake),
        )
    }

    pub(crate) fn state(&self) -> &'static str {
        let (started, ended, woken) = self.stamps();
        if self.stats.dropped_at.is_some() {
            "done"
        } else if started > ended {
            "running"
        } else if woken > started {
            "scheduled"
        } else {
            "idle"
        }
    }

    pub(crate) fn has_lost_its_waker(&self) -> bool {
        let (started, ended, woken) = self.stamps();
        let awakened = self.polls() == 0 || woken > started;
        self.stats.dropped_at.is_none()
            && self
                .stats
                .waker_clones
                .saturating_sub(self.stats.waker_drops)
                == 0
            && started <= ended
            && !awakened
            && !matches!(self.field("kind").as_deref(), Some("blocking" | "block_on"))
    }

    /// Of a task that is done.
    pub(crate) fn total_ns(&self) -> i64 {
        unix_ns(self.stats.dropped_at.expect("done"))
            - unix_ns(self.stats.created_at.expect("created"))
    }

    pub(crate) fn busy_ns(&self) -> i64 {
        duration_ns(self.stats.poll_stats.expect("poll stats").busy_time)
    }

    pub(crate) fn idle_ns(&self) -> i64 {
        self.total_ns() - self.busy_ns() - duration_ns(self.stats.scheduled_time)
    }
}

impl Resource {
    pub(crate) fn kind(&self) -> &str {
        match self.resource.kind.as_ref().and_then(|k| k.kind.as_ref()) {
            Some(Kind::Known(0)) => "Timer",
            Some(Kind::Other(other)) => other,
            other => panic!("the client knows no {other:?}"),
        }
    }

    pub(crate) fn attribute(&self, name: &str) -> String {
        attribute(&self.stats.attributes, name)
    }
}

impl Operation {
    pub(crate) fn attribute(&self, name: &str) -> String {
        attribute(&self.stats.attributes, name)
    }
}

/// The client panics otherwise.
fn check_stats(stats: &tasks::Stats) {
    let created = stats.created_at.expect("the client panics without");
    let polls = stats.poll_stats.expect("the client panics without");
    assert!(duration_ns(polls.busy_time) >= 0);
    assert!(duration_ns(stats.scheduled_time) >= 0);
    if let Some(dropped) = stats.dropped_at {
        assert!(unix_ns(dropped) >= unix_ns(created));
    }
}

fn attribute(attributes: &[Attribute], name: &str) -> String {
    text(attributes.iter().filter_map(|a| a.field.as_ref()), name).unwrap_or_default()
}

fn text<'a>(mut fields: impl Iterator<Item = &'a Field>, name: &str) -> Option<String> {
    let named = |f: &&Field| f.name == Some(Name::StrName(name.to_owned()));
    Some(match fields.find(named)?.value.as_ref()? {
        Value::DebugVal(text) | Value::StrVal(text) => text.clone(),
        Value::U64Val(n) => n.to_string(),
        Value::I64Val(n) => n.to_string(),
        Value::BoolVal(b) => b.to_string(),
    })
}

fn unix_ns(at: Timestamp) -> i64 {
    assert!((0..1_000_000_000).contains(&at.nanos));
    at.seconds * 1_000_000_000 + i64::from(at.nanos)
}

fn duration_ns(duration: Option<Duration>) -> i64 {
    let Duration { seconds, nanos } = duration.expect("a duration");
    assert!(seconds >= 0 && nanos >= 0, "the client panics");
    seconds * 1_000_000_000 + i64::from(nanos)
}

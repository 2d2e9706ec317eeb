//! The table of what tasks wait for, and the resource that is looked at.
//!
//! The server sums up over all tasks and sends the resources with the most waiters.

use std::cmp::Ordering;

use super::Screen;
use super::columns::{ColumnInfo, number, text};
use super::list::ListView;
use super::model::{LinkWait, Resource, ResourceKey};
use super::world::Runtime;

/// One column of the table, and what to sort by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ResourceColumn {
    Kind,
    Operation,
    Id,
    #[default]
    Waiters,
    Oldest,
    First,
    Location,
    Taken,
    Holder,
    CreatedAt,
}

use ResourceColumn as C;

/// Rows that the waiters of a resource have at least.
const FEWEST_WAITERS: usize = 4;

/// All columns, in their order on the screen.
pub(crate) static COLUMNS: [ColumnInfo<C, C>; 10] = [
    text(
        C::Kind,
        "Kind",
        Some(C::Kind),
        10,
        0,
        9,
        "mutex, mpsc, sleep, tcp and so on",
    ),
    text(
        C::Operation,
        "Operation",
        Some(C::Operation),
        11,
        0,
        2,
        "what the longest waiter wants of it",
    ),
    number(
        C::Id,
        "Resource",
        C::Id,
        9,
        4,
        "tells it from others of its kind; -: all without an identity",
    ),
    number(
        C::Waiters,
        "Waiters",
        C::Waiters,
        8,
        10,
        "tasks that wait for it",
    ),
    number(C::Oldest, "Oldest", C::Oldest, 7, 8, "the longest wait"),
    number(
        C::Taken,
        "Taken",
        C::Taken,
        7,
        1,
        "how much of its room is taken: messages, permits, bytes",
    ),
    number(
        C::Holder,
        "Holder",
        C::Holder,
        8,
        6,
        "has the lock, is joined or receives; ?: it may have passed it on",
    ),
    text(
        C::First,
        "Longest waiter",
        None,
        14,
        1,
        3,
        "the task that has waited longest",
    ),
    text(
        C::Location,
        "Waits at",
        Some(C::Location),
        12,
        2,
        7,
        "where it waits",
    ),
    text(
        C::CreatedAt,
        "Made at",
        Some(C::CreatedAt),
        12,
        2,
        0,
        "where it was made",
    ),
];

/// The table as the user has set it.
pub(crate) type ResourcesView = ListView<ResourceColumn, ResourceKey>;

/// The resources in their order.
pub(crate) fn sorted<'a>(view: &ResourcesView, runtime: &'a Runtime) -> Vec<&'a Resource> {
    let mut resources: Vec<_> = runtime.resources.iter().collect();
    resources.sort_by(|a, b| {
        let order = compare(view.sort, a, b);
        let order = if view.ascending {
            order
        } else {
            order.reverse()
        };
        order
            .then_with(|| a.oldest_since_ns.cmp(&b.oldest_since_ns))
            .then_with(|| a.key.cmp(&b.key))
    });
    resources
}

fn compare(column: ResourceColumn, a: &Resource, b: &Resource) -> Ordering {
    match column {
        C::Kind => a.key.kind.cmp(&b.key.kind),
        C::Operation => a.operation.cmp(&b.operation),
        C::Id => a.key.id.cmp(&b.key.id),
        C::Waiters | C::First => a.waiters.cmp(&b.waiters),
        // The oldest wait is the one that began first.
        C::Oldest => b.oldest_since_ns.cmp(&a.oldest_since_ns),
        C::Location => a.location.cmp(&b.location),
        C::Taken => a.used.cmp(&b.used),
        C::Holder => a.holding().cmp(&b.holding()),
        C::CreatedAt => a.created_at.cmp(&b.created_at),
    }
}

/// The keys of the rows, in order.
pub(crate) fn keys(view: &ResourcesView, runtime: &Runtime) -> Vec<ResourceKey> {
    sorted(view, runtime)
        .into_iter()
        .map(|resource| resource.key.clone())
        .collect()
}

/// The resource whose waiters are shown.
#[derive(Debug, Clone)]
pub(crate) struct OpenResource {
    pub(crate) runtime_id: u64,
    /// The last that is known of it.
    pub(crate) resource: Resource,
    /// Nobody waits for it any more, or many others have more waiters.
    pub(crate) gone: bool,
    /// The telemetry clock when `resource` was true.
    pub(crate) taken_at_ns: u64,
    /// Its waiters, in the order of their waits.
    pub(crate) waiters: ListView<(), u64>,
    /// The screen that it was opened from.
    pub(super) from: Screen,
}

impl OpenResource {
    pub(super) fn new(runtime: &Runtime, resource: &Resource, from: Screen) -> OpenResource {
        OpenResource {
            runtime_id: runtime.summary.id,
            resource: resource.clone(),
            gone: false,
            taken_at_ns: runtime.rows_at_ns(),
            waiters: ListView::default(),
            from,
        }
    }

    /// What is known of it from a chain; who waits for it is told by the next update.
    pub(super) fn of_wait(runtime: &Runtime, wait: &LinkWait) -> OpenResource {
        let operation = match wait.resource {
            0 => wait.operation.clone(),
            _ => String::new(),
        };
        let resource = Resource {
            key: ResourceKey {
                kind: wait.kind.clone(),
                id: wait.resource,
                operation,
            },
            operation: wait.operation.clone(),
            oldest_since_ns: wait.since_ns,
            location: wait.location.clone(),
            ..Resource::default()
        };
        OpenResource::new(runtime, &resource, Screen::Waits)
    }

    pub(super) fn refresh(&mut self, runtime: &Runtime, rows: usize) {
        let known = runtime
            .resources
            .iter()
            .find(|resource| resource.key == self.resource.key);
        self.gone = known.is_none();
        if let Some(resource) = known {
            self.resource = resource.clone();
            self.taken_at_ns = runtime.rows_at_ns();
            let rows = rows.saturating_sub(self.facts_height(rows));
            self.waiters.follow(&self.tasks(), rows);
        }
    }

    /// Lines below the waiters, on a screen with so many rows: none if that left few for the waiters.
    pub(crate) fn facts_height(&self, rows: usize) -> usize {
        let facts = self.resource.facts().len();
        if facts == 0 || facts + 1 + FEWEST_WAITERS > rows {
            0
        } else {
            // A line between.
            facts + 1
        }
    }

    /// The ids of its first waiters.
    pub(super) fn tasks(&self) -> Vec<u64> {
        let waiters = self.resource.first_waiters.iter();
        waiters.map(|waiter| waiter.task).collect()
    }
}

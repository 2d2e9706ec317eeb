//! A task as a query looks at it: live in a snapshot, or from elsewhere, such as a recording.

use std::fmt;
use std::panic::Location;

use zokio::telemetry::TaskSnapshot;

use crate::tracing_layer;

/// What a query knows of a task. Meanings and units are those of the message `Task` of the protocol.
pub trait TaskRow {
    /// The task's id.
    fn id(&self) -> u64;
    /// Its name; empty if it has none.
    fn name(&self) -> &str;
    /// `task`, `local`, `blocking`, `block_on`.
    fn kind(&self) -> &str;
    /// `busy`, `scheduled`, `idle`, `done`.
    fn state(&self) -> &str;
    /// Where it was spawned.
    fn place(&self) -> SourcePlace<'_>;
    /// The task that spawned it.
    fn parent(&self) -> Option<u64>;
    /// The worker that polled it last.
    fn worker(&self) -> Option<u64>;
    /// Bytes that its future takes, if that is known.
    fn future_bytes(&self) -> Option<u64>;
    /// Since when it is in its state, on telemetry's clock.
    fn state_since_ns(&self) -> u64;
    /// Time being polled.
    fn busy_ns(&self) -> u64;
    /// Time woken and waiting for a poll.
    fn scheduled_ns(&self) -> u64;
    /// Time waiting for a wake.
    fn idle_ns(&self) -> u64;
    /// Times it was polled.
    fn polls(&self) -> u64;
    /// The longest poll.
    fn longest_poll_ns(&self) -> u64;
    /// Times it was woken.
    fn wakes(&self) -> u64;
    /// Of those, by itself while it was polled.
    fn self_wakes(&self) -> u64;
    /// Wakers that exist now.
    fn live_wakers(&self) -> u64;
    /// What it waits for, the most recent first.
    fn waits(&self) -> impl Iterator<Item = WaitRow<'_>>;
    /// Its fields, those of the `tracing` spans that it is in: whether something holds of any of
    /// them, told by name and value.
    fn any_field(&self, holds: impl FnMut(&str, &str) -> bool) -> bool;
}

/// One wait of a task.
#[derive(Debug, Clone, Copy)]
pub struct WaitRow<'a> {
    /// `mutex`, `sleep`…
    pub kind: &'a str,
    /// `lock`, `recv`…
    pub operation: &'a str,
    /// Where it waits, if that is known.
    pub place: Option<SourcePlace<'a>>,
    /// What it waits for; 0: it has no identity of its own.
    pub resource: u64,
    /// Since when, on telemetry's clock.
    pub since_ns: u64,
    /// The task that has the lock, or that is joined.
    pub holder: Option<u64>,
}

/// A place in a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourcePlace<'a> {
    /// The file, as the compiler was given it.
    pub file: &'a str,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

/// See [`SourcePlace::key`].
pub(crate) type PlaceKey = (*const str, u32, u32);

impl SourcePlace<'_> {
    /// What tells it from other places that live as long: cheaper to compare than the text.
    pub(crate) fn key(self) -> PlaceKey {
        (self.file, self.line, self.column)
    }
}

impl fmt::Display for SourcePlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl<'a> From<&'a Location<'_>> for SourcePlace<'a> {
    fn from(location: &'a Location<'_>) -> SourcePlace<'a> {
        SourcePlace {
            file: location.file(),
            line: location.line(),
            column: location.column(),
        }
    }
}

impl TaskRow for TaskSnapshot {
    fn id(&self) -> u64 {
        self.id
    }

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("")
    }

    fn kind(&self) -> &str {
        self.kind.as_str()
    }

    fn state(&self) -> &str {
        self.state.as_str()
    }

    fn place(&self) -> SourcePlace<'_> {
        self.location.into()
    }

    fn parent(&self) -> Option<u64> {
        self.parent
    }

    fn worker(&self) -> Option<u64> {
        self.worker.map(u64::from)
    }

    fn future_bytes(&self) -> Option<u64> {
        self.future_bytes
    }

    fn state_since_ns(&self) -> u64 {
        self.state_since_ns
    }

    fn busy_ns(&self) -> u64 {
        self.busy_ns
    }

    fn scheduled_ns(&self) -> u64 {
        self.scheduled_ns
    }

    fn idle_ns(&self) -> u64 {
        self.idle_ns
    }

    fn polls(&self) -> u64 {
        self.polls
    }

    fn longest_poll_ns(&self) -> u64 {
        self.longest_poll_ns
    }

    fn wakes(&self) -> u64 {
        self.wakes
    }

    fn self_wakes(&self) -> u64 {
        self.self_wakes
    }

    fn live_wakers(&self) -> u64 {
        self.waker_clones.saturating_sub(self.waker_drops)
    }

    fn waits(&self) -> impl Iterator<Item = WaitRow<'_>> {
        self.waits.iter().map(|wait| WaitRow {
            kind: wait.kind,
            operation: wait.operation,
            place: wait.location.map(SourcePlace::from),
            resource: wait.resource,
            since_ns: wait.since_ns,
            holder: wait.holder,
        })
    }

    fn any_field(&self, mut holds: impl FnMut(&str, &str) -> bool) -> bool {
        let fields = tracing_layer::fields_of(self.id);
        fields.iter().any(|field| holds(&field.name, &field.value))
    }
}

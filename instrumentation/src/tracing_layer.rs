//! A layer for `tracing-subscriber` that keeps the last events of each task, and the spans it is in.

mod fields;
mod spans;
mod store;

use std::sync::{Arc, Mutex};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;
use zokio::telemetry::now_ns;
use zokio_console_proto::v1::{TaskEvent, TaskField};

use fields::Fields;
use spans::{Span, Spans};
use store::Store;

/// Of the whole process, as the ids of tasks are.
static STORE: Store = Store::new();
static SPANS: Spans = Spans::new();

/// Spans around an event whose fields are kept with it.
const MAX_SPANS: usize = 8;

/// What a task told `tracing` lately, the oldest first.
pub(crate) fn events_of(task: u64) -> Vec<TaskEvent> {
    STORE.of(task)
}

/// The fields of the spans that a task is in.
pub(crate) fn fields_of(task: u64) -> Vec<TaskField> {
    SPANS.of(task)
}

/// A layer for `tracing-subscriber`: keeps the last events of each zokio task, with the fields of the
/// spans around them, and the spans that the task is in, for those who look at the task.
///
/// ```
/// use tracing_subscriber::filter::LevelFilter;
/// use tracing_subscriber::layer::{Layer, SubscriberExt};
/// use zokio_instrumentation::TaskEvents;
///
/// let layer = TaskEvents::new().with_filter(LevelFilter::INFO);
/// let subscriber = tracing_subscriber::registry().with(layer);
/// // tracing::subscriber::set_global_default(subscriber)
/// # drop(subscriber);
/// ```
///
/// Kept are the last 16 events of a task, of 2,048 tasks: those that told something last, whether they
/// still run or not. Of an event there are at most 16 fields, its own first, and half a kilobyte of
/// texts; the rest is cut off. Events outside of a spawned task are not kept.
///
/// The fields of the spans that a task is in are fields of the task, with the names of the spans as
/// one more, `span`. A task is in a span from when it enters it, as an instrumented future does, until
/// the span is closed. Kept are the last 8 spans of a task, of 16,384 tasks; shown are at most 16
/// fields and a kilobyte of texts, the newest span's first.
///
/// An event costs the formatting of its fields, an allocation for each and a lock that it shares with
/// one task in 64; nothing is formatted under the lock. Entering a span costs a lock that it shares
/// with one task in 512. What should not be kept is best left to a filter as above. A field whose
/// `Debug` or `Display` panics is kept as a note of that, unless panics abort the program.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct TaskEvents;

impl TaskEvents {
    /// The layer. All layers share what is kept, so a program needs one.
    pub fn new() -> TaskEvents {
        TaskEvents
    }
}

impl<S> Layer<S> for TaskEvents
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().replace(Arc::new(Span {
            name: attributes.metadata().name(),
            fields: Mutex::new(fields),
        }));
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let Some(task) = zokio::task::try_id() else {
            return;
        };
        let Some(span) = context.span(id) else { return };
        if let Some(span) = span.extensions().get::<Arc<Span>>() {
            SPANS.enter(task.as_u64(), span);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        // Formatted before the span is locked: what a field formats may use the span.
        let mut recorded = Fields::default();
        values.record(&mut recorded);
        if let Some(span) = span.extensions().get::<Arc<Span>>() {
            span.fields().take_over(recorded);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(task) = zokio::task::try_id() else {
            return;
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let scope = context.event_scope(event);
        for span in scope.into_iter().flatten().take(MAX_SPANS) {
            if let Some(around) = span.extensions().get::<Arc<Span>>() {
                fields.add(&around.fields());
            }
        }
        let metadata = event.metadata();
        let event = TaskEvent {
            at_ns: now_ns(),
            level: metadata.level().as_str().to_owned(),
            target: fields::clipped_value(metadata.target()),
            message: fields.message,
            fields: fields.named,
        };
        STORE.push(task.as_u64(), event);
    }
}

#[cfg(test)]
mod tests;

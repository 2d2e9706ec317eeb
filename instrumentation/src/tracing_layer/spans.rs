//! The spans that each task is in, within bounds.
//!
//! A task is in a span from when it enters it until the span is closed: a future that is
//! instrumented leaves its span after each poll, and is in it all the same. The fields belong to the
//! span; what is kept here of a task only points to them, and points to nothing once the span is closed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use zokio_console_proto::v1::TaskField;

use super::fields::{self, Fields};

/// Fields of a task that are told.
pub(super) const MAX_FIELDS: usize = 16;

/// Bytes of all their texts.
pub(super) const MAX_BYTES: usize = 1_024;

/// Spans of a task that are kept, those that it entered last.
pub(super) const SPANS_OF_A_TASK: usize = 8;

/// Tasks whose spans are kept.
const MAX_TASKS: usize = SHARDS * TASKS_OF_A_SHARD;

const SHARDS: usize = 512;
const TASKS_OF_A_SHARD: usize = 32;

/// The field that holds the names of the spans, the outermost first, with colons between them.
const NAMES: &str = "span";

/// What is known of a span. It lives as long as the span is open.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) name: &'static str,
    pub(super) fields: Mutex<Fields>,
}

impl Span {
    pub(super) fn fields(&self) -> MutexGuard<'_, Fields> {
        self.fields.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each shard has a lock of its own, which is held to look a task up and to copy pointers.
pub(super) struct Spans {
    /// Whether any task was ever in a span: if not, no lock is taken to find that out.
    used: AtomicBool,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug)]
struct Shard {
    tasks: BTreeMap<u64, Entered>,
    /// Counts the entries into spans.
    clock: u64,
}

impl Shard {
    const fn new() -> Shard {
        Shard {
            tasks: BTreeMap::new(),
            clock: 0,
        }
    }
}

/// The spans that a task entered, the first one first.
#[derive(Debug, Default)]
struct Entered {
    spans: Vec<Weak<Span>>,
    /// When it entered one last.
    last: u64,
}

impl Entered {
    fn is_in_none(&self) -> bool {
        self.spans.iter().all(|span| span.strong_count() == 0)
    }
}

impl Spans {
    pub(super) const fn new() -> Spans {
        const { assert!(MAX_TASKS == 16_384) };
        Spans {
            used: AtomicBool::new(false),
            shards: [const { Mutex::new(Shard::new()) }; SHARDS],
        }
    }

    /// The task has entered a span. If there is no room for the task, one goes that is in no span any
    /// more, or else the one that has entered none for the longest time.
    pub(super) fn enter(&self, task: u64, span: &Arc<Span>) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        let mut shard = self.shard(task);
        shard.clock += 1;
        let now = shard.clock;
        let is_new = !shard.tasks.contains_key(&task);
        let mut gone = None;
        if is_new && shard.tasks.len() >= TASKS_OF_A_SHARD {
            let rank = |entered: &Entered| (!entered.is_in_none(), entered.last);
            let first = shard.tasks.iter().min_by_key(|(_, entered)| rank(entered));
            let first = first.map(|(task, _)| *task);
            gone = first.and_then(|task| shard.tasks.remove(&task));
        }
        let entered = shard.tasks.entry(task).or_default();
        entered.last = now;
        let is_this = |had: &Weak<Span>| std::ptr::eq(had.as_ptr(), Arc::as_ptr(span));
        if !entered.spans.iter().any(is_this) {
            entered.spans.retain(|span| span.strong_count() > 0);
            if entered.spans.len() >= SPANS_OF_A_TASK {
                entered.spans.remove(0);
            }
            entered.spans.push(Arc::downgrade(span));
        }
        drop(shard);
        drop(gone);
    }

    /// The fields of the spans that a task is in: their names as one field, then theirs, those of
    /// the span entered last first. Of two of one name the newer span's counts.
    pub(super) fn of(&self, task: u64) -> Vec<TaskField> {
        if !self.used.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let shard = self.shard(task);
        let Some(entered) = shard.tasks.get(&task) else {
            return Vec::new();
        };
        let spans: Vec<_> = entered.spans.iter().filter_map(Weak::upgrade).collect();
        drop(shard);
        if spans.is_empty() {
            return Vec::new();
        }
        let names: Vec<_> = spans.iter().map(|span| span.name).collect();
        let mut told = Told::default();
        told.put(NAMES, &fields::clipped_value(&names.join(":")));
        for span in spans.iter().rev() {
            for field in &span.fields().named {
                told.put(&field.name, &field.value);
            }
        }
        told.fields
    }

    fn shard(&self, task: u64) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[(task % SHARDS as u64) as usize];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fields, as far as there is room.
#[derive(Default)]
struct Told {
    fields: Vec<TaskField>,
    bytes: usize,
}

impl Told {
    fn put(&mut self, name: &str, value: &str) {
        let bytes = name.len() + value.len();
        let fits = self.fields.len() < MAX_FIELDS && self.bytes + bytes <= MAX_BYTES;
        if fits && !self.fields.iter().any(|had| had.name == name) {
            self.bytes += bytes;
            self.fields.push(TaskField {
                name: name.to_owned(),
                value: value.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(name: &'static str) -> Arc<Span> {
        Arc::new(Span {
            name,
            fields: Mutex::default(),
        })
    }

    fn names(spans: &Spans, task: u64) -> String {
        let fields = spans.of(task);
        fields.first().map_or(String::new(), |f| f.value.clone())
    }

    #[test]
    fn the_spans_that_a_task_entered_last_are_kept() {
        let spans = Spans::new();
        let open: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
            .map(span)
            .into();
        for span in &open {
            spans.enter(1, span);
            spans.enter(1, &open[9]);
        }
        assert_eq!(names(&spans, 1), "c:d:e:f:g:h:i:j");
    }

    #[test]
    fn tasks_that_are_in_no_span_any_more_make_room_first() {
        let spans = Spans::new();
        let open = span("open");
        let closed = span("closed");
        let in_shard = |n: usize| 1 + (n * SHARDS) as u64;
        for n in 0..TASKS_OF_A_SHARD {
            spans.enter(in_shard(n), if n == 20 { &closed } else { &open });
        }
        drop(closed);
        spans.enter(in_shard(0), &open);
        for n in 0..2 {
            spans.enter(in_shard(TASKS_OF_A_SHARD + n), &open);
        }
        // The 21st was in none; after it the second had entered one the longest time ago.
        let gone: Vec<_> = (0..TASKS_OF_A_SHARD + 2)
            .filter(|n| names(&spans, in_shard(*n)).is_empty())
            .collect();
        assert_eq!(gone, [1, 20]);
        let shard = spans.shard(1);
        assert_eq!(shard.tasks.len(), TASKS_OF_A_SHARD);
    }
}

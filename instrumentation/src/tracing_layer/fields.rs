//! Fields of events and spans as texts, within bounds.

use std::fmt::{self, Debug, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::field::{Field, Visit};

use super::TaskField;

/// Fields of an event that are kept.
const MAX_FIELDS: usize = 16;

/// Bytes of a name, and of a value or a message.
const MAX_NAME_BYTES: usize = 64;
const MAX_VALUE_BYTES: usize = 256;

/// Bytes of all texts of an event or a span.
const MAX_BYTES: usize = 512;

/// A value of which fewer bytes would be left is left out.
const LEAST_ROOM: usize = 16;

/// The fields of an event or a span. The message is apart.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) message: String,
    pub(super) named: Vec<TaskField>,
    bytes: usize,
}

impl Fields {
    /// Adds the fields of a span around, as far as there is room.
    pub(super) fn add(&mut self, around: &Fields) {
        for field in &around.named {
            self.put(field.clone());
        }
    }

    /// Takes over values that were recorded later: the newer of two counts.
    pub(super) fn take_over(&mut self, later: Fields) {
        for field in later.named {
            if let Some(at) = self.named.iter().position(|f| f.name == field.name) {
                self.bytes -= bytes(&self.named.remove(at));
            }
            self.put(field);
        }
    }

    /// Adds a field; its value is cut off if there is little room.
    fn put(&mut self, mut field: TaskField) {
        let room = MAX_BYTES.saturating_sub(self.bytes + field.name.len());
        if self.named.len() >= MAX_FIELDS || room < field.value.len().min(LEAST_ROOM) {
            return;
        }
        if field.value.len() > room {
            field.value = formatted(&format_args!("{}", field.value), room);
        }
        self.bytes += bytes(&field);
        self.named.push(field);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = formatted(value, MAX_VALUE_BYTES);
            self.bytes += self.message.len();
        } else if self.named.len() < MAX_FIELDS {
            let value = formatted(value, MAX_VALUE_BYTES);
            self.put(TaskField {
                name: clipped_name(field.name()),
                value,
            });
        }
    }
}

fn bytes(field: &TaskField) -> usize {
    field.name.len() + field.value.len()
}

pub(super) fn clipped_name(text: &str) -> String {
    formatted(&format_args!("{text}"), MAX_NAME_BYTES)
}

pub(super) fn clipped_value(text: &str) -> String {
    formatted(&format_args!("{text}"), MAX_VALUE_BYTES)
}

/// The beginning of a value's text. The program's own code makes it, which may panic.
fn formatted(value: &dyn Debug, max: usize) -> String {
    let mut out = Clipped {
        text: String::new(),
        max,
    };
    let written = catch_unwind(AssertUnwindSafe(|| write!(out, "{value:?}")));
    match written {
        // An error says that it was cut off, or that it is the value's own: there is no more of it.
        Ok(Ok(()) | Err(_)) => out.text,
        Err(_) => "(it panicked when it was formatted)".to_owned(),
    }
}

/// Ends the formatting when there is enough.
struct Clipped {
    text: String,
    max: usize,
}

impl Write for Clipped {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = self.max.saturating_sub(self.text.len());
        if more.len() <= room {
            self.text.push_str(more);
            return Ok(());
        }
        let end = more.floor_char_boundary(room.saturating_sub('…'.len_utf8()));
        self.text.push_str(&more[..end]);
        self.text.push('…');
        Err(fmt::Error)
    }
}

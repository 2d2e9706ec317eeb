//! What the unit tests look at wait notes with.

use std::future::Future;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use super::spawned;
use crate::telemetry::current::{Current, Restore};
use crate::telemetry::waits::{self, NoteView};

/// A task id that no other test uses: ids are below 2^53, and no runtime gets this far.
pub(crate) fn fresh_task() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 52);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Makes this thread poll the task `task` until the guard is dropped.
pub(crate) fn polling(task: u64) -> Restore {
    Restore::enter(Current {
        task,
        poll: 1,
        began: 7,
        spawned: true,
        outside: crate::telemetry::current::Outside::Thread,
    })
}

/// The notes of the task `task`.
pub(crate) fn notes_of(task: u64) -> Vec<NoteView> {
    let mut found = Vec::new();
    waits::for_each(|note| {
        if note.task == task {
            found.push(note);
        }
    });
    found
}

/// Asserts that a future notes `kind` and `operation` with the line of its `.await` while it is
/// pending, and nothing after it was dropped.
#[track_caller]
pub(crate) fn assert_notes<F: Future>(
    future: F,
    await_line: &'static Location<'static>,
    kind: &str,
    operation: &str,
) {
    let task = fresh_task();
    let _polling = polling(task);
    let mut future = spawned(future);
    future.assert_pending();
    let notes = notes_of(task);
    assert_eq!(notes.len(), 1, "one note while pending");
    assert_eq!(
        (notes[0].point.kind(), notes[0].point.operation()),
        (kind, operation)
    );
    assert_ne!(notes[0].resource, 0, "the resource is named");
    let location = notes[0].location.expect("the place of the await");
    assert_eq!(
        (location.file(), location.line()),
        (await_line.file(), await_line.line())
    );
    drop(future);
    assert!(notes_of(task).is_empty(), "no note after the wait");
}

/// An `.await` and the line it stands on.
macro_rules! awaiting {
    ($future:expr) => {
        (async { $future.await }, ::std::panic::Location::caller())
    };
}
pub(crate) use awaiting;

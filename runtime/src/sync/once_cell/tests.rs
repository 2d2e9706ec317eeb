//! What the cell tells of its waits.

use std::future::{pending, ready};

use super::*;
use crate::sync::test_util::{assert_notes, awaiting, fresh_task, notes_of, polling, spawned};

#[test]
fn pending_calls_note_the_await_and_forget_it() {
    let cell = OnceCell::<i32>::new();
    let mut making = spawned(cell.get_or_init(pending));
    making.assert_pending();
    let (future, line) = awaiting!(cell.get_or_init(|| ready(1)));
    assert_notes(future, line, "once_cell", "get_or_init");
    let (future, line) = awaiting!(cell.get_or_try_init(|| ready(Ok::<_, ()>(1))));
    assert_notes(future, line, "once_cell", "get_or_try_init");
}

#[test]
fn call_that_makes_the_value_notes_nothing_itself() {
    let cell = OnceCell::<i32>::new();
    let task = fresh_task();
    let _polling = polling(task);
    let mut making = spawned(cell.get_or_init(pending));
    making.assert_pending();
    assert!(notes_of(task).is_empty());
}

#[test]
fn note_names_the_cell_and_ends_when_the_turn_has_come() {
    let cell = OnceCell::new();
    let making = {
        let mut making = spawned(cell.get_or_init(pending));
        making.assert_pending();
        making
    };
    let task = fresh_task();
    let _polling = polling(task);
    let mut waiting = spawned(cell.get_or_init(|| ready(1)));
    waiting.assert_pending();
    let resource = ptr::from_ref(&cell).addr() as u64;
    assert_eq!(notes_of(task)[0].resource, resource);
    drop(making);
    waiting.assert_ready();
    assert!(notes_of(task).is_empty());
}

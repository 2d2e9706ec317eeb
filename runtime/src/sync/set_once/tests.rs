//! What the cell tells of its waits.

use super::*;
use crate::sync::test_util::{assert_notes, awaiting, fresh_task, notes_of, polling, spawned};

#[test]
fn pending_wait_notes_the_await_and_forgets_it() {
    let cell = SetOnce::<i32>::new();
    let (future, line) = awaiting!(cell.wait());
    assert_notes(future, line, "set_once", "wait");
}

#[test]
fn note_names_the_cell_and_ends_when_it_is_set() {
    let cell = SetOnce::new();
    let task = fresh_task();
    let _polling = polling(task);
    let mut wait = spawned(cell.wait());
    wait.assert_pending();
    let resource = ptr::from_ref(&cell).addr() as u64;
    assert_eq!(notes_of(task)[0].resource, resource);
    cell.set(1).unwrap();
    wait.assert_ready();
    assert!(notes_of(task).is_empty());
}

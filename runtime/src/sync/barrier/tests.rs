//! What the barrier tells of its waits.

use super::*;
use crate::sync::test_util::{assert_notes, awaiting, fresh_task, notes_of, polling, spawned};

#[test]
fn pending_wait_notes_the_await_and_forgets_it() {
    let barrier = Barrier::new(2);
    let (future, line) = awaiting!(barrier.wait());
    assert_notes(future, line, "barrier", "wait");
}

#[test]
fn note_names_the_barrier_and_ends_with_the_round() {
    let barrier = Barrier::new(2);
    let task = fresh_task();
    let _polling = polling(task);
    let mut wait = spawned(barrier.wait());
    wait.assert_pending();
    let resource = ptr::from_ref(&barrier).addr() as u64;
    assert_eq!(notes_of(task)[0].resource, resource);
    spawned(barrier.wait()).assert_ready();
    wait.assert_ready();
    assert!(notes_of(task).is_empty());
}

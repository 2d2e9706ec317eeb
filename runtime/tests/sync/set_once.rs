use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use zokio::sync::{SetOnce, SetOnceError};

use crate::support::{OnDrop, now, polled, run};

#[test]
fn value_that_is_set_is_there_at_once() {
    let cell = SetOnce::new();
    assert_eq!((cell.initialized(), cell.get()), (false, None));
    assert_eq!(cell.set(1), Ok(()));
    assert_eq!((cell.initialized(), cell.get()), (true, Some(&1)));
    assert_eq!(*now(cell.wait()), 1);
}

#[test]
fn second_set_gets_its_value_back() {
    let cell = SetOnce::from(1);
    assert_eq!(cell.set(2), Err(SetOnceError(2)));
    assert_eq!(cell.get(), Some(&1));
}

#[test]
fn set_wakes_all_that_wait() {
    let cell = SetOnce::new();
    let mut waits: Vec<_> = (0..50).map(|_| polled(cell.wait()).pending()).collect();
    cell.set(3).unwrap();
    for wait in &mut waits {
        assert_eq!(*wait.assert_woken(), 3);
    }
}

#[test]
fn wait_made_before_the_set_and_polled_after_it_is_ready() {
    let cell = SetOnce::new();
    let wait = cell.wait();
    cell.set(3).unwrap();
    assert_eq!(*now(wait), 3);
}

#[test]
fn cancelled_wait_is_not_woken() {
    let cell = SetOnce::new();
    let wait = polled(cell.wait()).pending();
    let mut other = polled(cell.wait()).pending();
    drop(wait);
    cell.set(1).unwrap();
    other.assert_woken();
}

#[test]
fn statics_empty_and_with_a_value() {
    static EMPTY: SetOnce<u32> = SetOnce::const_new();
    static FULL: SetOnce<u32> = SetOnce::const_new_with(1);
    let value = run(async {
        zokio::spawn(async { EMPTY.set(20) });
        *EMPTY.wait().await
    });
    assert_eq!(value, 20);
    assert_eq!(FULL.get(), Some(&1));
}

#[test]
fn set_on_another_thread_ends_the_wait() {
    let cell = Arc::new(SetOnce::new());
    let setting = {
        let cell = cell.clone();
        thread::spawn(move || cell.set(String::from("here")))
    };
    assert_eq!(run(cell.wait()), "here");
    setting.join().unwrap().unwrap();
}

#[test]
fn of_many_sets_one_succeeds_and_the_others_find_the_value() {
    for _ in 0..20 {
        let cell = Arc::new(SetOnce::new());
        let threads: Vec<_> = (0..4)
            .map(|i| {
                let cell = cell.clone();
                thread::spawn(move || {
                    let set = cell.set(i).is_ok();
                    assert!(cell.get().is_some());
                    set
                })
            })
            .collect();
        let sets = threads
            .into_iter()
            .filter_map(|t| t.join().unwrap().then_some(()));
        assert_eq!(sets.count(), 1);
    }
}

#[test]
fn into_inner_gives_the_value() {
    assert_eq!(SetOnce::from(1).into_inner(), Some(1));
    assert_eq!(SetOnce::<i32>::new().into_inner(), None);
}

#[test]
fn value_is_dropped_once_with_the_cell() {
    let (value, count) = OnDrop::new();
    let cell = SetOnce::new();
    assert!(cell.set(value).is_ok());
    drop(cell);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn new_with_clone_eq_default_and_debug() {
    let cell = SetOnce::new_with(Some(1));
    assert_eq!(cell, cell.clone());
    assert_ne!(cell, SetOnce::new_with(None));
    assert_eq!(SetOnce::<i32>::default(), SetOnce::new());
    assert_eq!(format!("{cell:?}"), "SetOnce { value: Some(1) }");
}

#[test]
fn error_text() {
    let error = SetOnceError(1);
    assert_eq!(error.to_string(), "SetOnceError");
    assert_eq!(format!("{error:?}"), "SetOnceError(1)");
    let _: &dyn std::error::Error = &error;
}

#[test]
fn wait_crosses_threads() {
    fn check(_: impl Future + Send) {}
    check(SetOnce::<i32>::new().wait());
}

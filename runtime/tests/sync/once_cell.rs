use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use zokio::sync::{Notify, OnceCell, SetError, oneshot};

use crate::support::{OnDrop, now, polled, run};

#[test]
fn first_call_makes_the_value_and_later_ones_find_it() {
    let cell = OnceCell::new();
    assert_eq!(*now(cell.get_or_init(|| ready(1))), 1);
    assert_eq!(*now(cell.get_or_init(|| ready(2))), 1);
}

#[test]
fn f_is_not_called_when_the_value_is_there() {
    let cell = OnceCell::from(1);
    let value = now(cell.get_or_init(|| -> std::future::Ready<i32> { panic!("called") }));
    assert_eq!(*value, 1);
}

#[test]
fn f_is_not_called_before_the_first_poll() {
    let calls = AtomicUsize::new(0);
    let cell = OnceCell::<i32>::new();
    let call = cell.get_or_init(|| {
        calls.fetch_add(1, Ordering::Relaxed);
        ready(1)
    });
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert!(!cell.initialized());
    now(call);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn static_cell_is_made_on_first_use() {
    static CELL: OnceCell<u32> = OnceCell::const_new();
    assert_eq!(CELL.get(), None);
    assert_eq!(*run(async { CELL.get_or_init(|| async { 5 }).await }), 5);
    assert_eq!(CELL.get(), Some(&5));
}

#[test]
fn static_cell_may_have_its_value_from_the_start() {
    static CELL: OnceCell<u32> = OnceCell::const_new_with(1);
    assert!(CELL.initialized());
    assert_eq!(*now(CELL.get_or_init(|| ready(2))), 1);
    assert_eq!(CELL.set(3), Err(SetError::AlreadyInitializedError(3)));
}

#[test]
fn others_wait_while_the_value_is_being_made() {
    let cell = OnceCell::new();
    let (tx, rx) = oneshot::channel();
    let mut maker = polled(cell.get_or_init(|| async { rx.await.unwrap() })).pending();
    let mut other = polled(cell.get_or_init(|| ready(0))).pending();
    tx.send(7).unwrap();
    assert_eq!(*maker.assert_woken(), 7);
    assert_eq!(*other.assert_woken(), 7);
}

#[test]
fn all_that_wait_find_the_value() {
    let cell = OnceCell::new();
    let notify = Notify::new();
    let mut maker = polled(cell.get_or_init(|| async {
        notify.notified().await;
        1
    }))
    .pending();
    let mut others: Vec<_> = (0..50)
        .map(|_| polled(cell.get_or_init(|| ready(2))).pending())
        .collect();
    notify.notify_one();
    maker.assert_ready();
    for other in &mut others {
        assert_eq!(*other.assert_woken(), 1);
    }
}

#[test]
fn cancelled_initialisation_lets_the_next_try() {
    let cell = OnceCell::new();
    let maker = polled(cell.get_or_init(pending)).pending();
    let mut second = polled(cell.get_or_init(|| ready(2))).pending();
    let mut third = polled(cell.get_or_init(|| ready(3))).pending();
    drop(maker);
    assert_eq!(*second.assert_woken(), 2);
    assert_eq!(*third.assert_woken(), 2);
}

#[test]
fn cancelled_wait_leaves_the_queue() {
    let cell = OnceCell::new();
    let maker = polled(cell.get_or_init(pending)).pending();
    let waiting = polled(cell.get_or_init(|| ready(2))).pending();
    let mut last = polled(cell.get_or_init(|| ready(3))).pending();
    drop(waiting);
    drop(maker);
    assert_eq!(*last.assert_woken(), 3);
}

#[test]
fn cancelled_initialisation_drops_its_future_before_another_tries() {
    let cell = OnceCell::<usize>::new();
    let (dropped, count) = OnDrop::new();
    let maker = polled(cell.get_or_init(|| async move {
        let _dropped = dropped;
        pending().await
    }))
    .pending();
    let seen = count.clone();
    let mut next =
        polled(cell.get_or_init(|| async move { seen.load(Ordering::SeqCst) })).pending();
    drop(maker);
    assert_eq!(*next.assert_ready(), 1);
}

#[test]
fn future_is_dropped_when_its_value_is_made() {
    let cell = OnceCell::new();
    let (dropped, count) = OnDrop::new();
    let mut call = polled(cell.get_or_init(|| async move {
        let _dropped = dropped;
        1
    }));
    call.assert_ready();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn panic_of_f_lets_the_next_try() {
    let cell = OnceCell::new();
    let call = cell.get_or_init(|| -> std::future::Ready<i32> { panic!("f") });
    assert!(catch_unwind(AssertUnwindSafe(|| now(call))).is_err());
    assert!(!cell.initialized());
    assert_eq!(*now(cell.get_or_init(|| ready(1))), 1);
}

#[test]
fn panic_of_the_future_lets_the_next_try_at_once() {
    let cell = OnceCell::new();
    let mut call = polled(cell.get_or_init(|| async { panic!("future") }));
    assert!(catch_unwind(AssertUnwindSafe(|| call.poll().is_ready())).is_err());
    // The call that panicked has not been dropped.
    assert_eq!(*now(cell.get_or_init(|| ready(1))), 1);
    drop(call);
    assert_eq!(cell.get(), Some(&1));
}

#[test]
#[should_panic(expected = "`async fn` resumed after completion")]
fn polling_a_finished_call_panics() {
    let cell = OnceCell::new();
    let mut call = polled(cell.get_or_init(|| ready(1)));
    call.assert_ready();
    let _ = call.poll();
}

#[test]
fn failure_is_returned_and_leaves_the_cell_empty() {
    let cell = OnceCell::<i32>::new();
    assert_eq!(now(cell.get_or_try_init(|| ready(Err("no")))), Err("no"));
    assert_eq!(cell.get(), None);
    assert_eq!(now(cell.get_or_try_init(|| ready(Ok::<_, ()>(1)))), Ok(&1));
}

#[test]
fn failure_lets_the_next_try() {
    let cell = OnceCell::new();
    let (tx, rx) = oneshot::channel::<()>();
    let mut failing =
        polled(cell.get_or_try_init(|| async { rx.await.map(|()| 0).map_err(|_| "gone") }))
            .pending();
    let mut next = polled(cell.get_or_try_init(|| ready(Ok::<_, ()>(2)))).pending();
    drop(tx);
    assert_eq!(failing.assert_woken(), Err("gone"));
    assert_eq!(next.assert_woken(), Ok(&2));
}

#[test]
fn value_that_was_there_is_ok_for_a_call_that_may_fail() {
    let cell = OnceCell::from(1);
    assert_eq!(now(cell.get_or_try_init(|| ready(Err(())))), Ok(&1));
}

#[test]
fn set_sets_an_empty_cell_once() {
    let cell = OnceCell::new();
    assert_eq!(cell.set(1), Ok(()));
    assert_eq!(cell.set(2), Err(SetError::AlreadyInitializedError(2)));
    assert_eq!(cell.get(), Some(&1));
}

#[test]
fn set_is_refused_while_the_value_is_being_made() {
    let cell = OnceCell::new();
    let maker = polled(cell.get_or_init(pending)).pending();
    let error = cell.set(1).unwrap_err();
    assert!(error.is_initializing_err() && !error.is_already_init_err());
    drop(maker);
    assert_eq!(cell.set(1), Ok(()));
}

#[test]
fn set_error_texts() {
    let there = SetError::AlreadyInitializedError(1);
    let making = SetError::InitializingError(1);
    assert!(there.is_already_init_err() && !there.is_initializing_err());
    assert_eq!(there.to_string(), "AlreadyInitializedError");
    assert_eq!(making.to_string(), "InitializingError");
    assert_eq!(format!("{there:?}"), "AlreadyInitializedError(1)");
    let _: &dyn std::error::Error = &making;
}

#[test]
fn get_mut_changes_the_value() {
    let mut cell = OnceCell::new();
    assert_eq!(cell.get_mut(), None);
    cell.set(1).unwrap();
    *cell.get_mut().unwrap() += 1;
    assert_eq!(cell.get(), Some(&2));
}

#[test]
fn take_leaves_a_cell_that_can_be_used_again() {
    let mut cell = OnceCell::from(1);
    assert_eq!(cell.take(), Some(1));
    assert_eq!(cell.take(), None);
    assert_eq!(*now(cell.get_or_init(|| ready(2))), 2);
}

#[test]
fn into_inner_gives_the_value() {
    assert_eq!(OnceCell::from(1).into_inner(), Some(1));
    assert_eq!(OnceCell::<i32>::new().into_inner(), None);
}

#[test]
fn value_is_dropped_once_with_the_cell() {
    let (value, count) = OnDrop::new();
    let cell = OnceCell::new();
    assert!(cell.set(value).is_ok());
    assert_eq!(count.load(Ordering::SeqCst), 0);
    drop(cell);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn new_with_clone_eq_default_and_debug() {
    let cell = OnceCell::new_with(Some(1));
    assert_eq!(cell, cell.clone());
    assert_ne!(cell, OnceCell::new_with(None));
    assert_eq!(OnceCell::<i32>::default(), OnceCell::new());
    assert_eq!(format!("{cell:?}"), "OnceCell { value: Some(1) }");
    assert_eq!(
        format!("{:?}", OnceCell::<i32>::new()),
        "OnceCell { value: None }"
    );
}

#[test]
fn tasks_on_several_threads_share_one_initialisation() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let runtime = zokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let cell = Arc::new(OnceCell::new());
        let tasks: Vec<_> = (0..50)
            .map(|i| {
                let cell = cell.clone();
                zokio::spawn(async move {
                    *cell
                        .get_or_init(|| async move {
                            zokio::task::yield_now().await;
                            CALLS.fetch_add(1, Ordering::Relaxed);
                            i
                        })
                        .await
                })
            })
            .collect();
        let mut values = Vec::new();
        for task in tasks {
            values.push(task.await.unwrap());
        }
        assert!(values.iter().all(|v| *v == values[0]));
    });
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
}

#[test]
fn futures_cross_threads() {
    fn check(_: impl Future + Send) {}
    let cell = OnceCell::<i32>::new();
    check(cell.get_or_init(|| ready(1)));
    check(cell.get_or_try_init(|| ready(Ok::<_, ()>(1))));
}

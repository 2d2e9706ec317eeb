//! `worker_index`: which thread is which worker.

use std::sync::{Arc, mpsc};
use std::thread;

use zokio::runtime::{Handle, worker_index};
use zokio::sync::oneshot;
use zokio::task;

use crate::support::{both, current, multi};

#[test]
fn tasks_see_the_index_of_their_worker() {
    let runtime = multi(2);
    let index = runtime.block_on(runtime.spawn(async { worker_index() }));
    assert!(index.unwrap().is_some_and(|index| index < 2));
    let single = multi(1);
    let index = single.block_on(single.spawn(async { worker_index() }));
    assert_eq!(index.unwrap(), Some(0));
}

#[test]
fn future_of_block_on_is_on_no_worker_of_a_multi_thread_runtime() {
    assert_eq!(multi(1).block_on(async { worker_index() }), None);
}

#[test]
fn future_of_block_on_is_on_the_worker_of_a_current_thread_runtime() {
    assert_eq!(current().block_on(async { worker_index() }), Some(0));
}

#[test]
fn blocking_threads_are_no_workers() {
    for runtime in both() {
        let index = runtime.block_on(runtime.spawn_blocking(worker_index));
        assert_eq!(index.unwrap(), None);
    }
}

#[test]
fn threads_of_no_runtime_are_no_workers_even_when_entered() {
    assert_eq!(worker_index(), None);
    let runtime = current();
    let _guard = runtime.enter();
    assert_eq!(worker_index(), None);
}

#[test]
fn handle_s_block_on_is_on_no_worker() {
    let runtime = current();
    assert_eq!(runtime.handle().block_on(async { worker_index() }), None);
}

#[test]
fn worker_is_known_in_block_in_place() {
    let runtime = multi(1);
    let nested = runtime.block_on(runtime.spawn(async {
        task::block_in_place(|| Handle::current().block_on(async { worker_index() }))
    }));
    assert_eq!(nested.unwrap(), None);
}

#[test]
fn second_thread_in_block_on_of_a_current_thread_runtime_is_no_worker() {
    let runtime = Arc::new(current());
    let (driving, drives) = mpsc::channel();
    let (end, ends) = oneshot::channel::<()>();
    let first = thread::spawn({
        let runtime = runtime.clone();
        move || {
            runtime.block_on(async move {
                driving.send(worker_index()).unwrap();
                ends.await.unwrap();
            });
        }
    });
    assert_eq!(drives.recv().unwrap(), Some(0));
    assert_eq!(runtime.block_on(async { worker_index() }), None);
    end.send(()).unwrap();
    first.join().unwrap();
    assert_eq!(runtime.block_on(async { worker_index() }), Some(0));
}

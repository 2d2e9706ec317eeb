//! What was wrong once, each reduced to a load that shows it: snapshots are taken all the while, and no
//! number may run back.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use zokio::runtime::Runtime;
use zokio::{task, time};

use crate::{alone, multi, watcher};

/// Runs a load on two workers, watched.
fn watched<F: Future<Output = ()>>(load: impl FnOnce() -> F) {
    let _alone = alone();
    let runtime: Runtime = multi(2);
    let stop = AtomicBool::new(false);
    let watched = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watcher::watch(runtime.handle(), &stop, false));
        runtime.block_on(load());
        stop.store(true, Ordering::SeqCst);
        watching.join().unwrap()
    });
    assert!(watched.unwrap_or_else(|why| panic!("{why}")) > 0);
}

#[test]
fn totals_of_a_site_do_not_fall_while_its_tasks_complete() {
    watched(|| async {
        for _ in 0..40 {
            let tasks: Vec<_> = (0..50)
                .map(|_| task::spawn(async { task::yield_now().await }))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        }
    });
}

#[test]
fn a_first_poll_seen_late_is_a_poll_and_no_wake() {
    watched(|| async {
        for _ in 0..300 {
            let task = task::spawn(async {
                std::thread::sleep(Duration::from_micros(20));
                task::yield_now().await;
                std::thread::sleep(Duration::from_micros(20));
            });
            task.await.unwrap();
        }
    });
}

#[test]
fn the_time_of_a_poll_is_counted_once_when_it_ends() {
    watched(|| async {
        let tasks = (0..8).map(|_| {
            task::spawn(async {
                for _ in 0..400 {
                    std::thread::sleep(Duration::from_micros(5));
                    task::yield_now().await;
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

#[test]
fn the_clock_begins_with_the_first_runtime_and_not_with_the_first_look() {
    let _alone = alone();
    let runtime = multi(1);
    let task = runtime.spawn(std::future::pending::<()>());
    let snapshot = crate::capture(&runtime);
    assert!(snapshot.started_at_ns > 0 && snapshot.tasks[0].created_at_ns > snapshot.started_at_ns);
    task.abort();
}

#[test]
fn handles_that_are_dropped_are_no_wakers_for_a_moment() {
    watched(|| async {
        let tasks: Vec<_> = (0..4)
            .map(|_| task::spawn(std::future::pending::<()>()))
            .collect();
        let aborts: Vec<_> = tasks.iter().map(task::JoinHandle::abort_handle).collect();
        for _ in 0..20_000 {
            for abort in &aborts {
                drop(abort.clone());
            }
        }
        for task in tasks {
            drop(time::timeout(Duration::from_micros(1), task).await);
        }
        aborts.iter().for_each(task::AbortHandle::abort);
    });
}

#[test]
fn wakes_from_elsewhere_are_neither_lost_nor_counted_twice_in_between() {
    watched(|| async {
        let notify = std::sync::Arc::new(zokio::sync::Notify::new());
        let waiting = std::sync::Arc::clone(&notify);
        let task = task::spawn(async move {
            for _ in 0..2_000 {
                waiting.notified().await;
            }
        });
        while !task.is_finished() {
            notify.notify_one();
            task::yield_now().await;
        }
    });
}

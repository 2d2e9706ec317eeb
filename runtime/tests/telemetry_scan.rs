//! Looks at all tasks in slices, and at some of them again.

#![cfg(feature = "telemetry")]

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;

use zokio::runtime::{Builder, Runtime};
use zokio::sync::{Mutex, Notify};
use zokio::task::JoinHandle;
use zokio::telemetry::{RelationScan, Snapshot, TaskPlace, TaskScan, WaitBook, tasks_at};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn idle(runtime: &Runtime, n: usize) -> Vec<JoinHandle<()>> {
    let spawn = |_| runtime.spawn(pending::<()>());
    (0..n).map(spawn).collect()
}

fn ids(tasks: &[JoinHandle<()>]) -> Vec<u64> {
    tasks.iter().map(|task| task.id().as_u64()).collect()
}

fn run(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..1_000 {
            zokio::task::yield_now().await;
        }
    });
}

/// Where all tasks are.
fn places(runtime: &Runtime) -> HashMap<u64, TaskPlace> {
    let mut places = HashMap::new();
    let mut scan = TaskScan::new(runtime.handle());
    while scan.step(1_000, |task| {
        places.insert(task.place().id, task.place());
    }) {}
    places
}

#[test]
fn tasks_that_live_all_the_time_go_by_once_while_others_come_and_go() {
    let runtime = runtime();
    let stay = idle(&runtime, 3_000);
    let mut others = idle(&runtime, 500);
    run(&runtime);
    let mut seen: HashMap<u64, u32> = HashMap::new();
    let mut scan = TaskScan::new(runtime.handle());
    while scan.step(97, |task| *seen.entry(task.place().id).or_default() += 1) {
        for task in others.drain(..10.min(others.len())) {
            task.abort();
        }
        others.extend(idle(&runtime, 7));
        run(&runtime);
    }
    for id in ids(&stay) {
        assert_eq!(seen.get(&id), Some(&1), "task {id}");
    }
    assert!(seen.values().all(|&times| times == 1), "{seen:?}");
}

#[test]
fn the_sites_of_a_scan_are_those_of_a_snapshot() {
    let runtime = runtime();
    let tasks = idle(&runtime, 300);
    run(&runtime);
    tasks[..100].iter().for_each(JoinHandle::abort);
    run(&runtime);
    let mut scan = TaskScan::new(runtime.handle()).with_spawn_sites();
    while scan.step(64, |_| {}) {}
    let mut told = scan.finish().spawn_sites;
    let mut whole = Snapshot::capture(runtime.handle()).spawn_sites;
    told.sort_by_key(|site| site.location);
    whole.sort_by_key(|site| site.location);
    let counts = |sites: &[zokio::telemetry::SpawnSiteSnapshot]| -> Vec<_> {
        let count = |s: &zokio::telemetry::SpawnSiteSnapshot| (s.location, s.spawned, s.alive);
        sites.iter().map(count).collect()
    };
    assert_eq!(counts(&told), counts(&whole));
    assert_eq!(told.iter().map(|site| site.alive).sum::<u64>(), 200);
}

#[test]
fn tasks_are_found_again_until_they_end_and_not_their_successors() {
    let runtime = runtime();
    let tasks = idle(&runtime, 3);
    run(&runtime);
    let places = places(&runtime);
    let order: Vec<TaskPlace> = ids(&tasks).iter().rev().map(|id| places[id]).collect();
    let look = || {
        let seen = tasks_at(runtime.handle(), &order, &mut WaitBook::new()).tasks;
        seen.iter().map(|task| task.id).collect::<Vec<_>>()
    };
    assert_eq!(look(), order.iter().map(|p| p.id).collect::<Vec<_>>());
    tasks[1].abort();
    run(&runtime);
    // They take the places of those that have ended.
    let _successors = idle(&runtime, 10);
    run(&runtime);
    assert_eq!(look(), [order[0].id, order[2].id]);
}

#[test]
fn a_book_knows_old_waits_and_new_ones_among_many() {
    let runtime = runtime();
    let (lock, gate) = (Arc::new(Mutex::new(())), Arc::new(Notify::new()));
    let held = runtime.block_on(Arc::clone(&lock).lock_owned());
    // More notes than are looked at each time.
    let crowd: Vec<_> = (0..20_000)
        .map(|_| {
            let gate = Arc::clone(&gate);
            runtime.spawn(async move { gate.notified().await })
        })
        .collect();
    let waiter = {
        let (lock, gate) = (Arc::clone(&lock), Arc::clone(&gate));
        runtime.spawn(async move {
            drop(lock.lock().await);
            gate.notified().await;
        })
    };
    run(&runtime);
    let place = places(&runtime)[&waiter.id().as_u64()];
    let mut book = WaitBook::new();
    book.renew([place.id]);
    let mut kinds = || {
        let seen = tasks_at(runtime.handle(), &[place], &mut book).tasks;
        let waits = seen[0].waits.iter().map(|wait| wait.kind);
        let kinds = waits.collect::<Vec<_>>();
        book.renew([place.id]);
        kinds
    };
    assert_eq!(kinds(), ["mutex"]);
    drop(held);
    run(&runtime);
    kinds();
    assert_eq!(kinds(), ["notify"]);
    drop(crowd);
}

#[test]
fn relations_tell_children_and_names() {
    let runtime = runtime();
    let parent = runtime.spawn(async {
        for _ in 0..5 {
            zokio::spawn(pending::<()>());
        }
        pending::<()>().await;
    });
    let named = zokio::task::Builder::new().name("clerk");
    let named = named.spawn_on(pending::<()>(), runtime.handle()).unwrap();
    run(&runtime);
    let (parent, named) = (parent.id().as_u64(), named.id().as_u64());
    let mut scan = RelationScan::new(runtime.handle(), [parent], [named]);
    while scan.step(2) {}
    let found = scan.finish();
    assert_eq!(found.children[&parent], 5);
    assert_eq!(&*found.names[&named], "clerk");
    let places: Vec<u64> = found.places.iter().map(|place| place.id).collect();
    assert_eq!(places, [named]);
}

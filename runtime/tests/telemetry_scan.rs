//! Looks at all tasks in slices: whoever lives throughout goes by once, whatever else happens.

#![cfg(feature = "telemetry")]

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use zokio::runtime::{Builder, Handle, Runtime};
use zokio::sync::{Mutex, Notify};
use zokio::task::{self, JoinHandle};
use zokio::telemetry::{
    RelationScan, Snapshot, TaskPlace, TaskScan, TaskSnapshot, WaitBook, tasks_at,
};

fn current() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn rests(runtime: &Runtime) -> JoinHandle<()> {
    runtime.spawn(pending())
}

/// Lets all tasks of a current-thread runtime run that can.
fn settle(runtime: &Runtime) {
    runtime.block_on(async {
        let metrics = Handle::current().metrics();
        let mut yields = 0;
        // What was spawned from outside comes from the injector in batches.
        while yields < 1_000 || metrics.global_queue_depth() > 0 {
            task::yield_now().await;
            yields += 1;
        }
    });
}

fn ids<T>(tasks: &[JoinHandle<T>]) -> HashSet<u64> {
    tasks.iter().map(|task| task.id().as_u64()).collect()
}

/// How often each task goes by in one scan in slices; `between` is called after each.
fn times_seen(runtime: &Runtime, slice: usize, mut between: impl FnMut()) -> HashMap<u64, usize> {
    let mut seen = HashMap::new();
    let mut scan = TaskScan::new(runtime.handle());
    while scan.step(slice, |task| *seen.entry(task.place().id).or_default() += 1) {
        between();
    }
    seen
}

fn assert_each_once(seen: &HashMap<u64, usize>, throughout: &HashSet<u64>) {
    for id in throughout {
        assert_eq!(seen.get(id), Some(&1), "task {id} lives throughout");
    }
    assert_eq!(seen.values().max(), Some(&1), "none goes by twice");
    assert!(!seen.contains_key(&0));
}

fn places(runtime: &Runtime) -> Vec<TaskPlace> {
    let mut places = Vec::new();
    TaskScan::new(runtime.handle()).step(usize::MAX, |task| places.push(task.place()));
    places
}

#[test]
fn tasks_that_live_throughout_go_by_once_while_others_come_and_go_between_slices() {
    let runtime = current();
    let mut short: Vec<_> = (0..40).map(|_| rests(&runtime)).collect();
    let mut long = Vec::new();
    for _ in 0..40 {
        long.push(rests(&runtime));
        short.push(rests(&runtime));
    }
    let throughout = ids(&long);
    let mut ended = HashSet::new();
    let mut newer = Vec::new();
    let seen = times_seen(&runtime, 7, || {
        // Some end before they go by and some after, and their slots are taken again.
        for _ in 0..5 {
            let task = match short.len() % 2 {
                0 => short.pop(),
                _ => (!short.is_empty()).then(|| short.remove(0)),
            };
            if let Some(task) = task {
                ended.insert(task.id().as_u64());
                task.abort();
            }
        }
        settle(&runtime);
        // From within, where slots that have become free are at hand.
        newer.extend(runtime.block_on(async { [0; 7].map(|_| task::spawn(pending::<()>())) }));
    });
    assert_each_once(&seen, &throughout);
    let newer = ids(&newer);
    assert!(newer.iter().any(|id| seen.contains_key(id)), "in old slots");
    assert!(newer.iter().any(|id| !seen.contains_key(id)));
    assert!(ended.iter().any(|id| seen.contains_key(id)));
    assert!(ended.iter().any(|id| !seen.contains_key(id)));
}

#[test]
fn tasks_that_live_throughout_go_by_once_while_workers_spawn_and_end_others() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let long: Vec<_> = (0..100).map(|_| rests(&runtime)).collect();
    let throughout = ids(&long);
    let done = Arc::new(AtomicBool::new(false));
    let churns = (0..2).map(|_| {
        let done = Arc::clone(&done);
        runtime.spawn(async move {
            let mut spawned = 0;
            while !done.load(Ordering::Relaxed) {
                let tasks = [0; 8].map(|_| task::spawn(task::yield_now()));
                for task in tasks {
                    task.await.unwrap();
                    spawned += 1;
                }
            }
            spawned
        })
    });
    let churns: Vec<JoinHandle<usize>> = churns.collect();
    for round in 0..100 {
        let seen = times_seen(&runtime, 1 + round % 13, || {});
        assert_each_once(&seen, &throughout);
    }
    done.store(true, Ordering::Relaxed);
    for churn in churns {
        assert!(runtime.block_on(churn).unwrap() > 0);
    }
}

#[test]
fn a_scan_in_slices_tells_of_sites_and_figures_what_one_snapshot_tells() {
    let runtime = current();
    let tasks: Vec<_> = (0..30)
        .map(|n| {
            runtime.spawn(async move {
                for _ in 0..n {
                    task::yield_now().await;
                }
                if n % 3 > 0 {
                    pending().await
                }
            })
        })
        .collect();
    rests(&runtime);
    settle(&runtime);
    let at_once = Snapshot::capture(runtime.handle());
    let told: HashMap<u64, &TaskSnapshot> = at_once.tasks.iter().map(|t| (t.id, t)).collect();
    let mut scan = TaskScan::new(runtime.handle()).with_spawn_sites();
    let mut seen = 0;
    while scan.step(4, |task| {
        let told = told[&task.place().id];
        assert_eq!((task.polls(), task.busy_ns()), (told.polls, told.busy_ns));
        assert_eq!((task.kind(), task.location()), (told.kind, told.location));
        seen += 1;
    }) {}
    assert_eq!(seen, told.len());
    assert_eq!(seen, 21);
    let sites = scan.finish().spawn_sites;
    let figures = |sites: &[zokio::telemetry::SpawnSiteSnapshot]| {
        let figures = |s: &zokio::telemetry::SpawnSiteSnapshot| {
            let tasks = (s.alive, s.spawned, s.polls, s.busy_ns);
            (s.location.line(), tasks, s.longest_poll_ns)
        };
        let mut all: Vec<_> = sites.iter().map(figures).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(figures(&sites), figures(&at_once.spawn_sites));
    assert_eq!(sites.iter().map(|site| site.alive).sum::<u64>(), 21);
    drop(tasks);
}

#[test]
fn a_scan_that_is_not_over_tells_sites_that_a_later_one_makes_whole() {
    let runtime = current();
    for _ in 0..50 {
        let kept = [1_u64; 4];
        runtime.spawn(async move {
            pending::<()>().await;
            assert_eq!(kept.len(), 4);
        });
    }
    settle(&runtime);
    let mut scan = TaskScan::new(runtime.handle()).with_spawn_sites();
    assert!(scan.step(10, |_| {}));
    let part = scan.finish().spawn_sites;
    assert_eq!(part.iter().map(|site| site.alive).sum::<u64>(), 10);
    for _ in 0..2 {
        let mut scan = TaskScan::new(runtime.handle()).with_spawn_sites();
        assert!(!scan.step(usize::MAX, |_| {}));
        let whole = scan.finish().spawn_sites;
        let [site] = &whole[..] else {
            panic!("one site: {whole:?}");
        };
        assert_eq!((site.alive, site.polls), (50, 50));
        let task = &Snapshot::capture(runtime.handle()).tasks[0];
        assert_eq!(Some(site.future_bytes), task.future_bytes);
    }
}

#[test]
fn a_place_is_its_tasks_alone() {
    let runtime = current();
    let tasks: Vec<_> = (0..10).map(|_| rests(&runtime)).collect();
    settle(&runtime);
    let mut places = places(&runtime);
    places.sort_by_key(|place| std::cmp::Reverse(place.id));
    let gone = [places[2], places[7]];
    for task in &tasks {
        if gone.iter().any(|place| place.id == task.id().as_u64()) {
            task.abort();
        }
    }
    settle(&runtime);
    // From within, where slots that have become free are at hand.
    let others = runtime.block_on(async { [0; 10].map(|_| task::spawn(pending::<()>())) });
    settle(&runtime);
    let seen = tasks_at(runtime.handle(), &places, &mut WaitBook::new()).tasks;
    let seen: Vec<u64> = seen.iter().map(|task| task.id).collect();
    let expected = places.iter().filter(|place| !gone.contains(place));
    assert_eq!(seen, expected.map(|place| place.id).collect::<Vec<_>>());
    drop(others);
}

#[test]
fn what_tasks_wait_for_is_told_of_places_as_in_a_snapshot() {
    let runtime = current();
    let lock = Arc::new(Mutex::new(()));
    let notify = Arc::new(Notify::new());
    let holds = {
        let (lock, notify) = (Arc::clone(&lock), Arc::clone(&notify));
        runtime.spawn(async move {
            let _guard = lock.lock().await;
            notify.notified().await;
            pending::<()>().await;
        })
    };
    settle(&runtime);
    let waits = {
        let lock = Arc::clone(&lock);
        runtime.spawn(async move { drop(lock.lock().await) })
    };
    settle(&runtime);
    let of = |book: &mut WaitBook| {
        let seen = tasks_at(runtime.handle(), &places(&runtime), book);
        let waits = seen.tasks.into_iter().flat_map(|task| {
            let waits = task.waits.into_iter();
            waits.map(move |wait| (task.id, wait.kind, wait.holder))
        });
        let mut waits: Vec<_> = waits.collect();
        waits.sort_unstable();
        waits
    };
    let mut book = WaitBook::new();
    book.renew([holds.id().as_u64(), waits.id().as_u64()]);
    let holder = Some(holds.id().as_u64());
    let expected = [
        (holds.id().as_u64(), "notify", None),
        (waits.id().as_u64(), "mutex", holder),
    ];
    assert_eq!(of(&mut book), expected);
    assert_eq!(of(&mut WaitBook::new()), expected);
    notify.notify_one();
    settle(&runtime);
    assert_eq!(of(&mut book), expected[1..], "it waits for nothing known");
    holds.abort();
    settle(&runtime);
    assert_eq!(of(&mut book), []);
}

#[test]
fn who_holds_a_lock_is_told_as_of_when_its_waiter_goes_by() {
    let runtime = current();
    let mutex = Arc::new(Mutex::new(()));
    let locks = |until: &Arc<Notify>| {
        let (mutex, until) = (Arc::clone(&mutex), Arc::clone(until));
        let task = runtime.spawn(async move {
            let _guard = mutex.lock().await;
            until.notified().await;
        });
        settle(&runtime);
        task.id().as_u64()
    };
    let ends: [Arc<Notify>; 3] = Default::default();
    let [first, second, third] = ends.each_ref().map(locks);
    let mut scan = TaskScan::new(runtime.handle()).with_waits();
    ends[0].notify_one();
    settle(&runtime);
    let mut holders = HashMap::new();
    scan.step(usize::MAX, |task| {
        for wait in task.snapshot().into_iter().flat_map(|task| task.waits) {
            holders.insert(task.place().id, wait.holder);
        }
    });
    assert!(!holders.contains_key(&first));
    assert_eq!(holders[&third], Some(second));
}

#[test]
fn a_book_knows_old_waits_and_new_ones_among_many() {
    let runtime = current();
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
    settle(&runtime);
    let mut all = places(&runtime).into_iter();
    let place = all.find(|place| place.id == waiter.id().as_u64()).unwrap();
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
    settle(&runtime);
    kinds();
    assert_eq!(kinds(), ["notify"]);
    drop(crowd);
}

#[test]
fn relations_are_found_in_slices() {
    let runtime = current();
    let parent = runtime.spawn(async {
        for n in 0..20 {
            let name = format!("child {n}");
            let child = task::Builder::new().name(&name).spawn(pending::<()>());
            drop(child.unwrap());
        }
        pending::<()>().await;
    });
    rests(&runtime);
    settle(&runtime);
    let parent = parent.id().as_u64();
    let children = Snapshot::capture(runtime.handle()).tasks;
    let child = children
        .iter()
        .find(|t| t.name.as_deref() == Some("child 7"));
    let child = child.unwrap().id;
    let mut scan = RelationScan::new(runtime.handle(), [parent, child, u64::MAX], [child, parent]);
    while scan.step(3) {}
    let found = scan.finish();
    let counted = [(parent, 20), (child, 0), (u64::MAX, 0)];
    assert_eq!(found.children, HashMap::from(counted));
    assert_eq!(found.names.len(), 1);
    assert_eq!(found.names[&child].as_ref(), "child 7");
    let mut alive: Vec<u64> = found.places.iter().map(|place| place.id).collect();
    alive.sort_unstable();
    assert_eq!(alive, [parent, child]);
    assert!(!RelationScan::new(runtime.handle(), [], []).step(1));
}

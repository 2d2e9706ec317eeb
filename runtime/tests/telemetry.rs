//! What telemetry says is what happened: workloads of known shape must be reported exactly.

#![cfg(feature = "telemetry")]

use std::future::pending;
use std::panic::Location;
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

use zokio::runtime::{Builder, Runtime};
use zokio::sync::{Mutex, oneshot};
use zokio::task;
use zokio::telemetry::{
    self, CaptureOptions, Snapshot, SpawnSiteSnapshot, TaskKind, TaskSnapshot, TaskState,
    WorkerState,
};

fn multi(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap()
}

fn current() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn both() -> [Runtime; 2] {
    [multi(2), current()]
}

fn capture(runtime: &Runtime) -> Snapshot {
    Snapshot::capture(runtime.handle())
}

fn worker_polls(snapshot: &Snapshot) -> u64 {
    snapshot.workers.iter().map(|w| w.polls).sum()
}

fn site_at(snapshot: &Snapshot, line: u32) -> &SpawnSiteSnapshot {
    let here =
        |site: &&SpawnSiteSnapshot| site.location.file() == file!() && site.location.line() == line;
    snapshot
        .spawn_sites
        .iter()
        .find(here)
        .expect("the site is in the books")
}

fn named<'a>(snapshot: &'a Snapshot, name: &str) -> &'a TaskSnapshot {
    let found = snapshot
        .tasks
        .iter()
        .find(|t| t.name.as_deref() == Some(name));
    found.unwrap_or_else(|| panic!("no task {name}"))
}

/// Waits until `condition` holds for a snapshot of the runtime.
fn eventually(runtime: &Runtime, what: &str, condition: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let snapshot = capture(runtime);
        if condition(&snapshot) {
            return snapshot;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn polls_by_worker_and_by_spawn_site_agree_with_what_was_done() {
    for runtime in both() {
        let line = line!() + 3;
        runtime.block_on(async {
            let spawn = |i: u64| {
                zokio::spawn(async move {
                    for _ in 0..i {
                        task::yield_now().await;
                    }
                })
            };
            let handles: Vec<_> = (0..100).map(spawn).collect();
            for handle in handles {
                handle.await.unwrap();
            }
        });
        let snapshot = capture(&runtime);
        // A task that yields i times is polled i + 1 times.
        let expected = (0..100).map(|i| i + 1).sum::<u64>();
        let site = site_at(&snapshot, line);
        assert_eq!((site.spawned, site.alive, site.polls), (100, 0, expected));
        assert_eq!(worker_polls(&snapshot), expected);
        let counted: u64 = snapshot.workers.iter().map(|w| w.poll_time.count).sum();
        let waited: u64 = snapshot.workers.iter().map(|w| w.wake_to_poll.count).sum();
        assert_eq!((counted, waited), (expected, expected));
        assert_eq!(
            (snapshot.spawned_tasks, snapshot.completed_tasks),
            (100, 100)
        );
        assert_eq!(snapshot.alive_tasks, 0);
    }
}

#[test]
fn live_and_finished_tasks_together_close_the_books() {
    let runtime = multi(2);
    runtime.block_on(async {
        for i in 0..50 {
            zokio::spawn(async move {
                task::yield_now().await;
                if i % 2 == 0 {
                    pending::<()>().await;
                }
            });
        }
    });
    eventually(&runtime, "25 tasks left", |s| {
        let at_rest = s.workers.iter().all(|w| w.state == WorkerState::Parked);
        s.alive_tasks == 25 && worker_polls(s) == 100 && at_rest
    });
    // Parts of that one may be from before all was done.
    let snapshot = capture(&runtime);
    let by_site: u64 = snapshot.spawn_sites.iter().map(|s| s.polls).sum();
    assert_eq!(by_site, 100);
    assert_eq!(worker_polls(&snapshot), 100);
    let live: u64 = snapshot
        .tasks
        .iter()
        .filter(|t| t.kind == TaskKind::Task)
        .map(|t| t.polls)
        .sum();
    assert_eq!(live, 50);
}

#[test]
fn outcomes_are_counted_by_runtime_and_by_site() {
    for runtime in both() {
        let line = line!() + 3;
        runtime.block_on(async {
            let spawn = |i: u32| {
                zokio::spawn(async move {
                    match i {
                        0..3 => panic!("as planned"),
                        3..5 => pending::<()>().await,
                        _ => {}
                    }
                })
            };
            let handles: Vec<_> = (0..10).map(spawn).collect();
            for _ in 0..20 {
                task::yield_now().await;
            }
            for handle in handles {
                handle.abort();
                let _ = handle.await;
            }
        });
        let snapshot = capture(&runtime);
        let site = site_at(&snapshot, line);
        // What aborted before its first poll is cancelled too, on two workers.
        assert_eq!(
            site.panicked + site.cancelled + (10 - site.panicked - site.cancelled),
            10
        );
        assert_eq!(snapshot.panicked_tasks, site.panicked);
        assert_eq!(snapshot.cancelled_tasks, site.cancelled);
        assert!(site.panicked <= 3 && site.cancelled >= 2);
        assert_eq!(snapshot.completed_tasks, 10);
    }
}

#[test]
fn times_of_a_worker_sum_to_its_wall_time() {
    let begin = telemetry::now_ns();
    for runtime in both() {
        runtime.block_on(async {
            for _ in 0..100 {
                zokio::spawn(async { task::yield_now().await })
                    .await
                    .unwrap();
            }
        });
        let before = telemetry::now_ns();
        let snapshot = capture(&runtime);
        let after = telemetry::now_ns();
        for worker in &snapshot.workers {
            let sum = worker.busy_ns + worker.searching_ns + worker.parked_ns + worker.detached_ns;
            // Counters are made while the runtime is built, before it is begun.
            let (least, most) = (before - snapshot.started_at_ns, after - begin);
            assert!(
                sum + 10 >= least && sum <= most + 10,
                "{sum} not in {least}..{most}"
            );
        }
    }
}

#[test]
fn current_thread_worker_is_detached_between_block_ons() {
    let runtime = current();
    assert_eq!(capture(&runtime).workers[0].state, WorkerState::Detached);
    runtime.block_on(async {
        let inside = Snapshot::capture(&zokio::runtime::Handle::current());
        assert_eq!(inside.workers[0].state, WorkerState::Busy);
    });
    assert_eq!(capture(&runtime).workers[0].state, WorkerState::Detached);
}

#[test]
fn running_task_is_shown_on_its_worker_and_as_busy() {
    let runtime = multi(1);
    let (entered_tx, entered_rx) = mpsc::channel();
    let (go_tx, go_rx) = mpsc::channel::<()>();
    let handle = runtime.spawn(async move {
        entered_tx.send(()).unwrap();
        let _ = go_rx.recv();
    });
    entered_rx.recv().unwrap();
    let snapshot = capture(&runtime);
    let task = snapshot
        .tasks
        .iter()
        .find(|t| t.kind == TaskKind::Task)
        .unwrap();
    let current = snapshot.workers[0].current_task.expect("a task runs");
    assert_eq!(current.id, task.id);
    assert_eq!(
        (task.state, task.state_since_ns),
        (TaskState::Busy, current.since_ns)
    );
    assert!(task.busy_ns > 0 && task.waits.is_empty());
    drop(go_tx);
    runtime.block_on(handle).unwrap();
}

#[test]
fn scheduled_task_is_shown_as_scheduled_behind_a_running_one() {
    let runtime = multi(1);
    let (entered_tx, entered_rx) = mpsc::channel();
    let (go_tx, go_rx) = mpsc::channel::<()>();
    runtime.spawn(async move {
        entered_tx.send(()).unwrap();
        let _ = go_rx.recv();
    });
    entered_rx.recv().unwrap();
    let _guard = runtime.enter();
    let waiting = task::Builder::new()
        .name("waiting")
        .spawn(async {})
        .unwrap();
    let snapshot = capture(&runtime);
    let task = named(&snapshot, "waiting");
    assert_eq!((task.state, task.polls), (TaskState::Scheduled, 0));
    assert!(task.scheduled_ns > 0 && task.idle_ns < task.scheduled_ns);
    assert_eq!(snapshot.injector_depth, 1);
    drop(go_tx);
    runtime.block_on(waiting).unwrap();
}

#[test]
fn waits_name_resource_operation_and_line() {
    for runtime in both() {
        let lock = std::sync::Arc::new(Mutex::new(()));
        let held = runtime.block_on(lock.clone().lock_owned());
        let waiter = lock.clone();
        let _guard = runtime.enter();
        let mut line = 0;
        let at = &mut line;
        let (tx, rx) = oneshot::channel::<u32>();
        let locking = task::Builder::new()
            .name("locking")
            .spawn(async move {
                let _locked = waiter.lock().await;
                rx.await
            })
            .unwrap();
        *at = line!() - 4;
        runtime.block_on(async {
            for _ in 0..50 {
                task::yield_now().await;
            }
        });
        let snapshot = eventually(&runtime, "the task waits", |s| {
            !named(s, "locking").waits.is_empty()
        });
        let task = named(&snapshot, "locking");
        let wait = task.waits[0];
        assert_eq!(
            (wait.kind, wait.operation, wait.current),
            ("mutex", "lock", true)
        );
        let place = wait.location.expect("lock() is a named future");
        assert_eq!((place.file(), place.line()), (file!(), line));
        assert_eq!(task.state, TaskState::Idle);
        assert_eq!(task.waker_clones - task.waker_drops, 1);
        drop(held);
        runtime.block_on(async {
            for _ in 0..50 {
                task::yield_now().await;
            }
        });
        let snapshot = eventually(&runtime, "it waits for the channel", |s| {
            named(s, "locking")
                .waits
                .first()
                .is_some_and(|w| w.kind == "oneshot")
        });
        assert_eq!(named(&snapshot, "locking").waits.len(), 1);
        tx.send(3).unwrap();
        assert_eq!(runtime.block_on(locking).unwrap().unwrap(), 3);
    }
}

#[test]
fn wait_behind_a_reference_has_no_place_rather_than_one_in_the_standard_library() {
    let runtime = current();
    let _guard = runtime.enter();
    let (_tx, mut rx) = oneshot::channel::<()>();
    task::Builder::new()
        .name("behind")
        .spawn(async move {
            let received = (&mut rx).await;
            rx.close();
            received
        })
        .unwrap();
    runtime.block_on(async { task::yield_now().await });
    let snapshot = capture(&runtime);
    let wait = named(&snapshot, "behind").waits[0];
    assert_eq!((wait.kind, wait.location), ("oneshot", None));
}

#[test]
fn join_and_sleep_are_waits_too() {
    for runtime in both() {
        let _guard = runtime.enter();
        let sleeper = zokio::spawn(zokio::time::sleep(Duration::from_secs(3600)));
        let abort = sleeper.abort_handle();
        let joiner = zokio::spawn(async move { sleeper.await.unwrap_err().is_cancelled() });
        runtime.block_on(async {
            for _ in 0..50 {
                task::yield_now().await;
            }
        });
        let snapshot = eventually(&runtime, "both wait", |s| {
            let kinds: Vec<&str> = s
                .tasks
                .iter()
                .flat_map(|t| t.waits.iter().map(|w| w.kind))
                .collect();
            kinds.contains(&"sleep") && kinds.contains(&"join")
        });
        assert_eq!(snapshot.timers.armed, 1);
        abort.abort();
        assert!(runtime.block_on(joiner).unwrap());
        assert_eq!(capture(&runtime).timers.armed, 0);
    }
}

#[test]
fn wakes_and_self_wakes_are_counted_exactly() {
    for runtime in both() {
        let _guard = runtime.enter();
        let (tx, rx) = oneshot::channel::<()>();
        let task = task::Builder::new()
            .name("counted")
            .spawn(async move {
                for _ in 0..7 {
                    task::yield_now().await;
                }
                rx.await.unwrap();
                pending::<()>().await;
            })
            .unwrap();
        let turn = async || {
            for _ in 0..50 {
                task::yield_now().await;
            }
        };
        runtime.block_on(turn());
        let snapshot = eventually(&runtime, "it waits", |s| {
            !named(s, "counted").waits.is_empty()
        });
        let seen = named(&snapshot, "counted");
        assert_eq!((seen.polls, seen.wakes, seen.self_wakes), (8, 7, 7));
        tx.send(()).unwrap();
        runtime.block_on(turn());
        let snapshot = eventually(&runtime, "it was woken", |s| {
            let task = named(s, "counted");
            task.polls == 9 && task.state == TaskState::Idle
        });
        let seen = named(&snapshot, "counted");
        assert_eq!((seen.wakes, seen.self_wakes), (8, 7));
        assert_eq!(seen.waker_clones, seen.waker_drops, "it has no live waker");
        assert!(seen.last_wake_ns.is_some());
        task.abort();
    }
}

#[test]
fn more_wakes_than_the_state_word_holds_are_still_counted_when_the_task_makes_them() {
    let runtime = current();
    let _guard = runtime.enter();
    let mut polled = false;
    task::Builder::new()
        .name("storm")
        .spawn(std::future::poll_fn(move |cx| {
            if !polled {
                polled = true;
                (0..10_000).for_each(|_| cx.waker().wake_by_ref());
            }
            std::task::Poll::<()>::Pending
        }))
        .unwrap();
    runtime.block_on(async {
        for _ in 0..10 {
            task::yield_now().await;
        }
    });
    let snapshot = capture(&runtime);
    let seen = named(&snapshot, "storm");
    assert_eq!(
        (seen.polls, seen.wakes, seen.self_wakes),
        (2, 10_000, 10_000)
    );
}

#[test]
fn busy_time_of_a_task_covers_what_it_burned() {
    let runtime = multi(1);
    let line = line!() + 1;
    let handle = runtime.spawn(async {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
    });
    runtime.block_on(handle).unwrap();
    let snapshot = capture(&runtime);
    let site = site_at(&snapshot, line);
    assert!(site.busy_ns >= 20_000_000, "{}", site.busy_ns);
    let worker = &snapshot.workers[0];
    assert!(worker.busy_ns >= site.busy_ns);
    assert!(worker.poll_time.max_ns >= 20_000_000);
    // The clock converts ticks; it may be off by parts in ten thousand.
    assert!(worker.poll_time.sum_ns.abs_diff(site.busy_ns) < 10_000);
}

#[test]
fn steals_are_counted_by_victim_and_equal_the_tasks_that_moved() {
    let runtime = multi(2);
    let (tx, rx) = mpsc::channel();
    runtime.spawn(async move {
        // All of these are in this worker's queue; it blocks until one of them has run elsewhere.
        let (ran_tx, ran_rx) = mpsc::channel();
        for _ in 0..100 {
            let ran = ran_tx.clone();
            zokio::spawn(async move {
                let _ = ran.send(std::thread::current().id());
            });
        }
        let thief = ran_rx.recv().unwrap();
        assert_ne!(thief, std::thread::current().id());
        tx.send(()).unwrap();
    });
    rx.recv().unwrap();
    let snapshot = eventually(&runtime, "all done", |s| s.alive_tasks == 0);
    let stolen: u64 = snapshot.workers.iter().map(|w| w.stolen_tasks).sum();
    assert!(stolen > 0);
    for (thief, worker) in snapshot.workers.iter().enumerate() {
        assert_eq!(worker.stolen_from[thief], 0, "nobody steals from itself");
        assert_eq!(worker.stolen_from.iter().sum::<u64>(), worker.stolen_tasks);
        assert!(worker.steals <= worker.steal_attempts);
        assert!(worker.steals <= worker.stolen_tasks);
    }
}

#[test]
fn parents_names_kinds_and_locations_are_reported() {
    let runtime = multi(1);
    let (tx, rx) = mpsc::channel();
    let _guard = runtime.enter();
    let line = line!() + 3;
    let parent = task::Builder::new()
        .name("parent")
        .spawn(async move {
            let child = task::Builder::new()
                .name("child")
                .spawn(pending::<()>())
                .unwrap();
            tx.send((task::id().to_string(), child.id().to_string()))
                .unwrap();
            pending::<()>().await;
        })
        .unwrap();
    let (parent_id, child_id) = rx.recv().unwrap();
    let snapshot = eventually(&runtime, "both idle", |s| {
        s.tasks
            .iter()
            .filter(|t| t.state == TaskState::Idle)
            .count()
            == 2
    });
    let (p, c) = (named(&snapshot, "parent"), named(&snapshot, "child"));
    assert_eq!((p.id.to_string(), c.id.to_string()), (parent_id, child_id));
    assert_eq!((p.parent, c.parent), (None, Some(p.id)));
    assert_eq!((p.kind, p.location.line()), (TaskKind::Task, line));
    parent.abort();
}

#[test]
fn blocking_work_has_a_record_and_the_pool_is_counted() {
    let runtime = current();
    let (entered_tx, entered_rx) = mpsc::channel();
    let (go_tx, go_rx) = mpsc::channel::<()>();
    let line = line!() + 1;
    let handle = runtime.spawn_blocking(move || {
        entered_tx.send(()).unwrap();
        let _ = go_rx.recv();
    });
    entered_rx.recv().unwrap();
    let snapshot = capture(&runtime);
    let task = &snapshot.tasks[0];
    assert_eq!(
        (task.kind, task.state),
        (TaskKind::Blocking, TaskState::Busy)
    );
    assert_eq!(
        (snapshot.blocking.threads, snapshot.blocking.idle_threads),
        (1, 0)
    );
    drop(go_tx);
    runtime.block_on(handle).unwrap();
    let snapshot = capture(&runtime);
    let site = site_at(&snapshot, line);
    assert_eq!((site.spawned, site.alive, site.polls), (1, 0, 0));
    assert!(site.busy_ns > 0);
    assert_eq!(snapshot.blocking.completed, 1);
}

#[test]
fn block_on_has_a_record_of_its_own_kind_while_it_lasts() {
    for runtime in both() {
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            task::yield_now().await;
            let snapshot = Snapshot::capture(&handle);
            let root: Vec<_> = snapshot
                .tasks
                .iter()
                .filter(|t| t.kind == TaskKind::BlockOn)
                .collect();
            assert_eq!(root.len(), 1);
            assert_eq!((root[0].state, root[0].polls), (TaskState::Busy, 2));
            assert_eq!(root[0].location.file(), file!());
            assert_eq!(snapshot.alive_tasks, 0, "it is no spawned task");
        });
        assert!(capture(&runtime).tasks.is_empty());
    }
}

#[test]
fn capture_without_tasks_leaves_them_out_and_keeps_the_sums() {
    let runtime = multi(1);
    let handle = runtime.spawn(pending::<()>());
    let options = CaptureOptions::new().tasks(false);
    let snapshot = Snapshot::capture_with(runtime.handle(), options);
    assert!(snapshot.tasks.is_empty());
    assert_eq!(
        (snapshot.alive_tasks, snapshot.spawn_sites[0].alive),
        (1, 1)
    );
    handle.abort();
}

#[test]
fn a_task_tells_the_size_of_its_future_and_block_on_none() {
    let runtime = current();
    let (gate, opened) = mpsc::channel::<()>();
    let small = runtime.spawn(pending::<()>());
    let large = [7u8; 3_000];
    runtime.spawn(async move {
        pending::<()>().await;
        std::hint::black_box(large);
    });
    let waiting = runtime.spawn_blocking(move || opened.recv());
    let handle = runtime.handle().clone();
    let tasks = runtime.block_on(async move { Snapshot::capture(&handle).tasks });
    let bytes = |kind| {
        let of_kind = tasks.iter().filter(|t| t.kind == kind);
        let mut bytes: Vec<_> = of_kind.map(|t| t.future_bytes).collect();
        bytes.sort_unstable();
        bytes
    };
    let spawned = bytes(TaskKind::Task);
    assert_eq!(
        spawned[0],
        Some(size_of::<std::future::Pending<()>>() as u64)
    );
    assert!(
        spawned[1].is_some_and(|n| (3_000..4_000).contains(&n)),
        "{spawned:?}"
    );
    assert!(bytes(TaskKind::Blocking)[0].is_some_and(|n| n < 200));
    assert_eq!(bytes(TaskKind::BlockOn), [None]);
    drop(gate);
    runtime.block_on(waiting).unwrap().unwrap_err();
    small.abort();
}

#[test]
fn a_task_seen_idle_has_the_wakers_that_it_left_behind() {
    let runtime = multi(2);
    let (to, mut from) = zokio::sync::mpsc::channel(1);
    let receiver = runtime.spawn(async move { while from.recv().await.is_some() {} });
    let sender = runtime.spawn(async move { while to.send(()).await.is_ok() {} });
    let mut idle = 0;
    for _ in 0..500 {
        for task in capture(&runtime).tasks {
            if task.state == TaskState::Idle {
                idle += 1;
                assert!(task.waker_clones > task.waker_drops, "{task:?}");
            }
        }
    }
    assert!(idle > 0, "tasks that pass messages wait now and then");
    receiver.abort();
    sender.abort();
}

#[test]
fn task_detail_keeps_poll_times_from_the_first_look_on() {
    let runtime = current();
    let handle = runtime.spawn(async {
        loop {
            task::yield_now().await;
        }
    });
    let id = handle.id().to_string().parse().unwrap();
    let first = telemetry::task_detail(runtime.handle(), id).unwrap();
    assert_eq!(first.poll_time.unwrap().count, 0);
    assert_eq!(first.wake_to_poll.unwrap().count, 0);
    runtime.block_on(async {
        for _ in 0..5 {
            task::yield_now().await;
        }
    });
    let second = telemetry::task_detail(runtime.handle(), id).unwrap();
    assert_eq!(second.poll_time.unwrap().count, second.task.polls);
    assert_eq!(second.wake_to_poll.unwrap().count, second.task.polls);
    assert!(second.task.polls > 0);
    assert!(telemetry::task_detail(runtime.handle(), u64::MAX).is_none());
}

#[test]
fn ended_runtime_says_so() {
    for runtime in both() {
        let handle = runtime.handle().clone();
        runtime.spawn(pending::<()>());
        assert!(!Snapshot::capture(&handle).ended);
        drop(runtime);
        let snapshot = Snapshot::capture(&handle);
        assert!(snapshot.ended && snapshot.tasks.is_empty());
        assert_eq!((snapshot.alive_tasks, snapshot.cancelled_tasks), (0, 1));
        assert!(
            snapshot
                .workers
                .iter()
                .all(|w| w.state == WorkerState::Detached)
        );
    }
}

#[test]
fn snapshots_taken_while_everything_moves_never_run_back() {
    let runtime = multi(2);
    let handle = runtime.handle().clone();
    let (stop_tx, stop_rx) = mpsc::channel::<()>();
    let watcher = std::thread::spawn(move || {
        let mut last = Snapshot::capture(&handle);
        let mut seen = 0;
        while stop_rx.try_recv() == Err(mpsc::TryRecvError::Empty) {
            let next = Snapshot::capture(&handle);
            assert!(next.taken_at_ns >= last.taken_at_ns);
            assert!(next.spawned_tasks >= last.spawned_tasks);
            assert!(next.completed_tasks >= last.completed_tasks);
            for (old, new) in last.workers.iter().zip(&next.workers) {
                assert!(new.polls >= old.polls && new.busy_ns >= old.busy_ns);
                assert!(new.parked_ns >= old.parked_ns && new.searching_ns >= old.searching_ns);
            }
            for task in &next.tasks {
                assert!(task.waker_clones >= task.waker_drops);
                assert!(task.busy_ns <= next.taken_at_ns);
            }
            (last, seen) = (next, seen + 1);
        }
        seen
    });
    runtime.block_on(async {
        for _ in 0..50 {
            let spawn = |_| zokio::spawn(async { task::yield_now().await });
            let handles: Vec<_> = (0..200).map(spawn).collect();
            for handle in handles {
                handle.await.unwrap();
            }
        }
    });
    drop(stop_tx);
    assert!(watcher.join().unwrap() > 0);
    let snapshot = capture(&runtime);
    assert_eq!(worker_polls(&snapshot), 50 * 200 * 2);
}

#[test]
fn overhead_is_measured() {
    let snapshot = capture(&current());
    assert!(snapshot.overhead.enabled && telemetry::is_enabled());
    assert!(snapshot.overhead.clock_read_ns > 0.0);
    assert!(snapshot.overhead.poll_overhead_ns > snapshot.overhead.clock_read_ns);
    let _here = Location::caller();
}

/// Blocks in place when dropped, as cleaning up does.
struct BlocksWhenDropped;

impl Drop for BlocksWhenDropped {
    fn drop(&mut self) {
        task::block_in_place(|| {});
    }
}

#[test]
fn blocking_in_the_destructor_of_a_cancelled_task_is_no_business_of_the_task_before() {
    let runtime = multi(1);
    runtime.block_on(async {
        let notify = std::sync::Arc::new(zokio::sync::Notify::new());
        let polled = notify.clone();
        let before = task::Builder::new().name("before").spawn(async move {
            loop {
                polled.notified().await;
            }
        });
        let guarded = zokio::spawn(async {
            let _guard = BlocksWhenDropped;
            pending::<()>().await;
        });
        let waker = zokio::spawn(async move {
            // Both are idle by now. The one woken last runs first.
            task::yield_now().await;
            guarded.abort();
            notify.notify_one();
            guarded.await
        });
        assert!(waker.await.unwrap().unwrap_err().is_cancelled());
        drop(before);
    });
    let snapshot = capture(&runtime);
    assert_eq!(named(&snapshot, "before").state, TaskState::Idle);
    assert_eq!(named(&snapshot, "before").polls, 2);
}

#[test]
fn self_wakes_of_a_poll_are_not_those_of_what_blocks_in_it() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let inner = Arc::new(Builder::new_current_thread().build().unwrap());
    // The task must not be the one that drops it.
    let _inner = inner.clone();
    let (_keep, kept) = zokio::sync::oneshot::channel::<()>();
    let mut polls = 0;
    let task = runtime.spawn(async move {
        std::future::poll_fn(move |cx| {
            polls += 1;
            if polls > 3 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            task::block_in_place(|| {
                inner.block_on(async { zokio::spawn(async {}).await.unwrap() });
            });
            Poll::Pending
        })
        .await;
        let _ = kept.await;
    });
    let id = task.id().as_u64();
    let seen = loop {
        let seen = zokio::telemetry::task_snapshot(runtime.handle(), id).unwrap();
        if seen.polls == 4 && seen.state == TaskState::Idle {
            break seen;
        }
        std::thread::yield_now();
    };
    assert_eq!((seen.wakes, seen.self_wakes), (3, 3));
}

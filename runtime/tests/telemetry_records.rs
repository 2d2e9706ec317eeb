//! Who woke a task, how long single polls took and whom they kept waiting: as it happened.

#![cfg(feature = "telemetry")]

use std::future::pending;
use std::hint::black_box;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use zokio::io::AsyncReadExt;
use zokio::net::{TcpListener, TcpStream};
use zokio::runtime::{Builder, Runtime};
use zokio::sync::{Notify, oneshot};
use zokio::task;
use zokio::telemetry::{
    Snapshot, SpawnSiteSnapshot, TaskSnapshot, TaskState, WakerKind, WorkerState,
};

fn multi(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

fn current() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn capture(runtime: &Runtime) -> Snapshot {
    Snapshot::capture(runtime.handle())
}

fn named<'a>(snapshot: &'a Snapshot, name: &str) -> &'a TaskSnapshot {
    let found = snapshot
        .tasks
        .iter()
        .find(|t| t.name.as_deref() == Some(name));
    found.unwrap_or_else(|| panic!("no task {name}"))
}

fn site_at(snapshot: &Snapshot, line: u32) -> &SpawnSiteSnapshot {
    let here =
        |site: &&SpawnSiteSnapshot| site.location.file() == file!() && site.location.line() == line;
    let site = snapshot.spawn_sites.iter().find(here);
    site.expect("the site is in the books")
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
        thread::yield_now();
    }
}

fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        black_box(start);
    }
}

/// Spawns a task that waits for `wait` and then for ever, and says what woke it.
fn woken_by(
    runtime: &Runtime,
    wait: impl Future<Output = ()> + Send + 'static,
    wake: impl FnOnce(),
) -> (WakerKind, Option<u64>) {
    let task = task::Builder::new().name("waits").spawn_on(
        async move {
            wait.await;
            pending::<()>().await;
        },
        runtime.handle(),
    );
    drop(task.unwrap());
    wake();
    let woken = |s: &Snapshot| {
        let task = named(s, "waits");
        task.polls >= 2 && task.state == TaskState::Idle
    };
    let snapshot = eventually(runtime, "woken", woken);
    let waker = named(&snapshot, "waits").last_waker.unwrap();
    (waker.kind, waker.task)
}

#[test]
fn a_task_that_was_not_woken_has_no_waker() {
    let runtime = multi(1);
    let task = task::Builder::new()
        .name("new")
        .spawn_on(pending::<()>(), runtime.handle());
    drop(task.unwrap());
    let snapshot = eventually(&runtime, "polled", |s| named(s, "new").polls == 1);
    assert_eq!(named(&snapshot, "new").last_waker, None);
}

#[test]
fn a_thread_a_timer_and_the_driver_are_told_apart() {
    let runtime = multi(2);
    let (sender, receiver) = oneshot::channel::<()>();
    let (idle, until) = mpsc::channel::<()>();
    let waits = async move {
        idle.send(()).unwrap();
        drop(receiver.await);
    };
    let by_thread = woken_by(&runtime, waits, || {
        until.recv().unwrap();
        // Sent once the task is idle, or the wake would come during its poll.
        eventually(&runtime, "idle", |s| {
            named(s, "waits").state == TaskState::Idle
        });
        sender.send(()).unwrap();
    });
    assert_eq!(by_thread, (WakerKind::Thread, None));

    let runtime = multi(2);
    let by_timer = woken_by(
        &runtime,
        async { zokio::time::sleep(Duration::from_millis(20)).await },
        || {},
    );
    assert_eq!(by_timer, (WakerKind::Timer, None));

    let runtime = multi(2);
    let (listener, mut client) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        (listener, client)
    });
    let (mut server, _) = runtime.block_on(listener.accept()).unwrap();
    let reads = async move { drop(client.read_u8().await) };
    let by_driver = woken_by(&runtime, reads, || {
        eventually(&runtime, "idle", |s| {
            named(s, "waits").state == TaskState::Idle
        });
        runtime.block_on(async {
            use zokio::io::AsyncWriteExt;
            server.write_u8(1).await.unwrap();
        });
    });
    assert_eq!(by_driver, (WakerKind::Driver, None));
}

#[test]
fn the_waking_task_is_named_also_when_it_ends_by_that() {
    let runtime = current();
    runtime.block_on(async {
        let ready = std::sync::Arc::new(Notify::new());
        let waits = std::sync::Arc::clone(&ready);
        let waiter = task::Builder::new().name("waiter").spawn(async move {
            waits.notified().await;
            pending::<()>().await;
        });
        task::yield_now().await;
        let notifier = zokio::spawn(async move {
            ready.notify_one();
            pending::<()>().await;
        });
        let ends = zokio::spawn(async { task::yield_now().await });
        let ended = ends.id();
        let joiner = task::Builder::new().name("joiner").spawn(async move {
            ends.await.unwrap();
            pending::<()>().await;
        });
        for _ in 0..8 {
            task::yield_now().await;
        }
        let snapshot = Snapshot::capture(&zokio::runtime::Handle::current());
        let waker = |name| named(&snapshot, name).last_waker.unwrap();
        let id = |id: task::Id| Some(id.to_string().parse::<u64>().unwrap());
        assert_eq!(waker("waiter").task, id(notifier.id()));
        assert_eq!(waker("joiner").task, id(ended));
        assert_eq!(waker("joiner").kind, WakerKind::Task);
        drop((waiter, joiner));
    });
}

#[test]
fn a_task_that_yields_is_its_own_waker() {
    let runtime = current();
    runtime.block_on(async {
        let task = task::Builder::new().name("yields").spawn(async {
            task::yield_now().await;
            pending::<()>().await;
        });
        for _ in 0..4 {
            task::yield_now().await;
        }
        let snapshot = Snapshot::capture(&zokio::runtime::Handle::current());
        let seen = named(&snapshot, "yields");
        assert_eq!(seen.last_waker.unwrap().task, Some(seen.id));
        drop(task);
    });
}

#[test]
fn a_long_poll_is_known_with_its_task_and_its_time() {
    let runtime = current();
    let before = zokio::telemetry::now_ns();
    let line = line!() + 2;
    let id = runtime.block_on(async {
        let task = zokio::spawn(async {
            compute(Duration::from_millis(12));
            pending::<()>().await;
        });
        task::yield_now().await;
        task::yield_now().await;
        task.id().to_string().parse::<u64>().unwrap()
    });
    let snapshot = capture(&runtime);
    let now = snapshot.taken_at_ns;
    let site = site_at(&snapshot, line);
    assert_eq!((site.long_polls, site.slow_polls), (1, 1));
    assert!(site.longest_poll_ns >= 12_000_000);
    let (ended_at, task) = site.longest_poll_end.unwrap();
    assert_eq!(task, id);
    assert!((before..=now).contains(&ended_at));
    assert!(site.poll_time.count >= 1 && site.poll_time.max_ns >= 12_000_000);
    let longest = &snapshot.longest_polls[0];
    assert_eq!((longest.task, longest.location), (id, site.location));
    let task = snapshot.tasks.iter().find(|t| t.id == id).unwrap();
    // To about eight milliseconds.
    let at = task.longest_poll_at_ns.unwrap();
    assert!(ended_at.abs_diff(at) < 9_000_000, "{ended_at} {at}");
    assert_eq!(task.longest_poll_ns, site.longest_poll_ns);
}

#[test]
fn whoever_waits_behind_a_long_poll_is_laid_to_its_site() {
    let runtime = current();
    let line = line!() + 2;
    runtime.block_on(async {
        let hog = zokio::spawn(async { compute(Duration::from_millis(5)) });
        let others: Vec<_> = (0..10).map(|_| zokio::spawn(async {})).collect();
        hog.await.unwrap();
        for other in others {
            other.await.unwrap();
        }
    });
    let snapshot = capture(&runtime);
    let site = site_at(&snapshot, line);
    // Ten others were there before it began or spawned a moment before.
    let others = &snapshot
        .spawn_sites
        .iter()
        .find(|s| s.spawned == 10)
        .unwrap();
    assert!(site.delayed_others_ns > 0, "{site:?}");
    assert!(site.delayed_others_ns <= others.scheduled_ns + 1_000);
    assert!(site.delayed_others_ns >= 9 * 5_000_000, "{site:?}");
    assert_eq!(others.delayed_others_ns, 0);
}

#[test]
fn one_poll_in_64_stands_for_all() {
    let runtime = current();
    let line = line!() + 2;
    runtime.block_on(async {
        let task = zokio::spawn(async {
            for _ in 0..32_000 {
                task::yield_now().await;
            }
        });
        task.await.unwrap();
    });
    let snapshot = capture(&runtime);
    let site = site_at(&snapshot, line);
    assert_eq!(site.polls, 32_001);
    let near = 16_000..=48_000;
    assert!(near.contains(&site.poll_time.count), "{:?}", site.poll_time);
    assert!(near.contains(&site.wake_to_poll.count));
}

#[test]
fn the_largest_future_of_a_site_is_known_also_if_it_is_boxed() {
    let runtime = current();
    let line = line!() + 3;
    runtime.block_on(async {
        for large in [false, true] {
            let spawn = || zokio::spawn(holds::<20_000>(large));
            spawn().await.unwrap();
            let local = task::LocalSet::new();
            let task = local.spawn_local(holds::<30_000>(large));
            local.run_until(task).await.unwrap();
        }
    });
    let snapshot = capture(&runtime);
    let bytes = site_at(&snapshot, line).future_bytes;
    assert!((20_000..21_000).contains(&bytes), "{bytes}");
    let bytes = site_at(&snapshot, line + 3).future_bytes;
    assert!((30_000..31_000).contains(&bytes), "{bytes}");
}

async fn holds<const BYTES: usize>(fill: bool) {
    let bytes = [u8::from(fill); BYTES];
    task::yield_now().await;
    black_box(bytes);
}

#[test]
fn a_task_captive_in_the_lifo_slot_is_counted_while_another_worker_sleeps() {
    let runtime = multi(2);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        eventually(&runtime, "all sleep", |s| {
            s.workers.iter().all(|w| w.state == WorkerState::Parked)
        });
        runtime
            .block_on(runtime.spawn(async {
                let captive = zokio::spawn(async {});
                compute(Duration::from_millis(5));
                drop(captive);
            }))
            .unwrap();
        let snapshot = eventually(&runtime, "all over", |s| s.alive_tasks == 0);
        let lifo = snapshot.workers.iter().map(|w| w.lags.lifo);
        let (count, ns) = lifo.fold((0, 0), |sum, lag| (sum.0 + lag.count, sum.1 + lag.total_ns));
        // A worker that is just going to sleep may take it.
        if count > 0 {
            assert!(ns >= 100_000 * count, "{ns}");
            return;
        }
        assert!(Instant::now() < deadline, "it was never captive");
    }
}

#[test]
fn a_runtime_of_one_worker_lags_behind_nobody() {
    let runtime = current();
    runtime.block_on(async {
        let captive = zokio::spawn(async {});
        compute(Duration::from_millis(2));
        captive.await.unwrap();
    });
    assert_eq!(capture(&runtime).workers[0].lags.total().count, 0);
}

#[test]
fn waking_a_worker_takes_time_that_is_measured() {
    let runtime = multi(2);
    for _ in 0..20 {
        eventually(&runtime, "all sleep", |s| {
            s.workers.iter().all(|w| w.state == WorkerState::Parked)
        });
        runtime.block_on(runtime.spawn(async {})).unwrap();
    }
    let snapshot = capture(&runtime);
    let woken: u64 = snapshot
        .workers
        .iter()
        .map(|w| w.unpark_latency.count)
        .sum();
    let unparks: u64 = snapshot.workers.iter().map(|w| w.unparks).sum();
    assert!((1..=unparks).contains(&woken), "{woken} of {unparks}");
}

#[test]
fn jobs_of_the_pool_tell_how_long_they_waited_and_ran() {
    let runtime = multi(1);
    let (go, wait) = mpsc::channel::<()>();
    let first = runtime.spawn_blocking(move || wait.recv().unwrap());
    let second = runtime.spawn_blocking(|| {});
    eventually(&runtime, "one waits", |s| s.blocking.queue_depth == 1);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(5) {
        thread::yield_now();
    }
    go.send(()).unwrap();
    runtime.block_on(async {
        first.await.unwrap();
        second.await.unwrap();
    });
    let snapshot = eventually(&runtime, "counted", |s| s.blocking.run_time.count == 2);
    let pool = &snapshot.blocking;
    assert_eq!(pool.queue_time.count, 2);
    assert!(pool.queue_time.max_ns >= 5_000_000, "{pool:?}");
    assert!(pool.run_time.max_ns >= 5_000_000, "{pool:?}");
}

#[test]
fn each_turn_of_the_driver_is_timed_without_its_sleep() {
    let runtime = current();
    let begin = Instant::now();
    let time = Duration::from_millis(30);
    runtime.block_on(async { zokio::time::sleep(time).await });
    let driver = capture(&runtime).driver;
    let awake = begin.elapsed() - Duration::from_millis(29);
    assert!(driver.polls >= 1);
    assert_eq!(driver.turn_time.count, driver.polls);
    assert!(
        u128::from(driver.turn_time.sum_ns) < awake.as_nanos(),
        "{driver:?}"
    );
}

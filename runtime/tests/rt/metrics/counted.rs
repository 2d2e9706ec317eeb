//! What telemetry counts.

use std::future::{pending, poll_fn};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use zokio::net::UdpSocket;
use zokio::runtime::Builder;
use zokio::sync::{Notify, oneshot};
use zokio::task;

use crate::support::{both, current, multi};

/// Uses the processor for that long.
fn burn(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[test]
fn spawned_tasks_are_counted_wherever_they_come_from() {
    for runtime in both() {
        let metrics = runtime.metrics();
        assert_eq!(metrics.spawned_tasks_count(), 0);
        let outside = runtime.spawn(async {
            zokio::spawn(async {}).await.unwrap();
        });
        runtime.block_on(outside).unwrap();
        assert_eq!(metrics.spawned_tasks_count(), 2);
    }
}

#[test]
fn blocking_work_is_neither_spawned_nor_alive() {
    for runtime in both() {
        let metrics = runtime.metrics();
        let (end, ends) = mpsc::channel::<()>();
        let job = runtime.spawn_blocking(move || ends.recv());
        let counts = || (metrics.spawned_tasks_count(), metrics.num_alive_tasks());
        assert_eq!(counts(), (0, 0));
        let task = runtime.spawn(pending::<()>());
        assert_eq!(counts(), (1, 1));
        end.send(()).unwrap();
        runtime.block_on(job).unwrap().unwrap();
        assert_eq!(counts(), (1, 1));
        task.abort();
        runtime.block_on(task).unwrap_err();
        assert_eq!(counts(), (1, 0));
    }
}

#[test]
fn what_comes_after_the_end_is_not_spawned() {
    for runtime in both() {
        let (metrics, handle) = (runtime.metrics(), runtime.handle().clone());
        drop(runtime);
        drop(handle.spawn(async {}));
        drop(handle.spawn_blocking(|| ()));
        assert_eq!(metrics.spawned_tasks_count(), 0);
        assert_eq!(metrics.num_alive_tasks(), 0);
        assert_eq!(metrics.remote_schedule_count(), 0);
    }
}

#[test]
fn spawn_from_outside_is_a_remote_schedule() {
    for runtime in both() {
        let metrics = runtime.metrics();
        for number in 1..=3 {
            drop(runtime.spawn(pending::<()>()));
            assert_eq!(metrics.remote_schedule_count(), number);
        }
    }
}

#[test]
fn wake_from_outside_is_a_remote_schedule() {
    let runtime = current();
    let metrics = runtime.metrics();
    let (tx, rx) = oneshot::channel();
    let task = runtime.spawn(rx);
    runtime.block_on(async { task::yield_now().await });
    assert_eq!(metrics.remote_schedule_count(), 1);
    tx.send(()).unwrap();
    assert_eq!(metrics.remote_schedule_count(), 2);
    runtime.block_on(task).unwrap().unwrap();
}

#[test]
fn spawn_and_wakes_on_the_worker_are_local_schedules() {
    let runtime = current();
    let metrics = runtime.metrics();
    runtime.block_on(async {
        let notify = std::sync::Arc::new(Notify::new());
        let notified = notify.clone();
        let task = zokio::spawn(async move { notified.notified().await });
        assert_eq!(metrics.worker_local_schedule_count(0), 1);
        task::yield_now().await;
        notify.notify_one();
        assert_eq!(metrics.worker_local_schedule_count(0), 2);
        task.await.unwrap();
    });
    assert_eq!(metrics.worker_local_schedule_count(0), 2);
    assert_eq!(metrics.remote_schedule_count(), 0);
}

#[test]
fn each_yield_is_a_local_schedule() {
    let runtime = current();
    let metrics = runtime.metrics();
    runtime.block_on(async {
        let task = zokio::spawn(async {
            for _ in 0..5 {
                task::yield_now().await;
            }
        });
        task.await.unwrap();
    });
    assert_eq!(metrics.worker_local_schedule_count(0), 6);
}

#[test]
fn each_poll_of_a_task_is_counted() {
    let runtime = current();
    let metrics = runtime.metrics();
    runtime.block_on(async {
        let task = zokio::spawn(async {
            for _ in 0..5 {
                task::yield_now().await;
            }
        });
        task.await.unwrap();
    });
    assert_eq!(metrics.worker_poll_count(0), 6);
}

#[test]
fn polls_of_all_workers_are_those_of_all_tasks() {
    let runtime = multi(2);
    let metrics = runtime.metrics();
    runtime.block_on(async {
        let spawn = |_| zokio::spawn(async { task::yield_now().await });
        let tasks: Vec<_> = (0..50).map(spawn).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let polls: u64 = (0..2).map(|worker| metrics.worker_poll_count(worker)).sum();
    assert_eq!(polls, 100);
}

/// Uses up the budget of one poll and a little more.
async fn use_up_budget() {
    for _ in 0..130 {
        task::consume_budget().await;
    }
}

#[test]
fn task_that_uses_up_its_budget_is_forced_to_yield() {
    for runtime in both() {
        let metrics = runtime.metrics();
        assert_eq!(metrics.budget_forced_yield_count(), 0);
        runtime.block_on(runtime.spawn(use_up_budget())).unwrap();
        assert_eq!(metrics.budget_forced_yield_count(), 1);
    }
}

#[test]
fn future_of_block_on_that_uses_up_its_budget_is_forced_to_yield() {
    for runtime in both() {
        runtime.block_on(use_up_budget());
        assert_eq!(runtime.metrics().budget_forced_yield_count(), 1);
        runtime.handle().block_on(use_up_budget());
        assert_eq!(runtime.metrics().budget_forced_yield_count(), 2);
    }
}

#[test]
fn sources_are_counted_when_they_come_and_when_they_go() {
    for runtime in both() {
        let metrics = runtime.metrics();
        let counts = || {
            let registered = metrics.io_driver_fd_registered_count();
            (registered, metrics.io_driver_fd_deregistered_count())
        };
        assert_eq!(counts(), (0, 0));
        runtime.block_on(async {
            let first = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let second = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            assert_eq!(counts(), (2, 0));
            drop(first);
            assert_eq!(counts(), (2, 1));
            drop(second);
            assert_eq!(counts(), (2, 2));
        });
    }
}

#[test]
fn events_of_sources_are_counted() {
    for runtime in both() {
        let metrics = runtime.metrics();
        let before = metrics.io_driver_ready_count();
        runtime.block_on(async {
            let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let address = receiver.local_addr().unwrap();
            let received = zokio::spawn(async move { receiver.recv(&mut [0]).await });
            task::yield_now().await;
            sender.send_to(&[1], address).await.unwrap();
            received.await.unwrap().unwrap();
            // Only an event tells it: nothing has been tried on it yet.
            sender.writable().await.unwrap();
        });
        assert!(metrics.io_driver_ready_count() > before);
    }
}

#[test]
fn runtime_without_io_has_no_sources() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { zokio::time::sleep(Duration::from_millis(1)).await });
    let metrics = runtime.metrics();
    assert_eq!(metrics.io_driver_fd_registered_count(), 0);
    assert_eq!(metrics.io_driver_fd_deregistered_count(), 0);
    assert_eq!(metrics.io_driver_ready_count(), 0);
}

#[test]
fn busy_time_covers_tasks_and_the_future_of_block_on() {
    let runtime = current();
    let metrics = runtime.metrics();
    runtime.block_on(async {
        burn(Duration::from_millis(2));
        zokio::spawn(async { burn(Duration::from_millis(2)) })
            .await
            .unwrap();
    });
    // A little less: two clocks.
    assert!(metrics.worker_total_busy_duration(0) > Duration::from_micros(3900));
}

#[test]
fn busy_time_stands_still_while_nobody_drives_the_runtime() {
    let runtime = current();
    let metrics = runtime.metrics();
    runtime.block_on(async { burn(Duration::from_micros(100)) });
    let busy = metrics.worker_total_busy_duration(0);
    burn(Duration::from_micros(100));
    assert_eq!(metrics.worker_total_busy_duration(0), busy);
}

#[test]
fn count_of_parks_and_unparks_is_odd_while_the_worker_sleeps() {
    let runtime = multi(1);
    let metrics = runtime.metrics();
    // With nothing to do, it goes to sleep.
    while metrics.worker_park_unpark_count(0).is_multiple_of(2) {
        thread::yield_now();
    }
    let (sleeping, parks) = (
        metrics.worker_park_unpark_count(0),
        metrics.worker_park_count(0),
    );
    assert_eq!(parks, sleeping / 2 + 1);
    let within = metrics.clone();
    let awake = runtime.spawn(async move { within.worker_park_unpark_count(0) });
    let awake = runtime.block_on(awake).unwrap();
    assert!(
        awake.is_multiple_of(2) && awake > sleeping,
        "{sleeping}, then {awake}"
    );
}

#[test]
fn count_of_parks_and_unparks_is_even_between_two_block_ons() {
    let runtime = current();
    let metrics = runtime.metrics();
    let (tx, rx) = oneshot::channel();
    let sender = thread::spawn({
        let metrics = metrics.clone();
        move || {
            while metrics.worker_park_count(0) == 0 {
                thread::yield_now();
            }
            tx.send(()).unwrap();
        }
    });
    runtime.block_on(rx).unwrap();
    sender.join().unwrap();
    let count = metrics.worker_park_unpark_count(0);
    assert_eq!(count, 2 * metrics.worker_park_count(0));
}

#[test]
fn wake_up_that_leads_to_no_poll_is_a_noop() {
    let (parked, parks) = mpsc::channel();
    let runtime = Builder::new_current_thread()
        .on_thread_park(move || {
            // Nobody listens at the end.
            let _ = parked.send(());
        })
        .build()
        .unwrap();
    let metrics = runtime.metrics();
    let (give, given) = mpsc::channel::<Waker>();
    let waking = thread::spawn(move || {
        for waker in given {
            parks.recv().unwrap();
            waker.wake();
        }
    });
    let mut polls = 0;
    runtime.block_on(poll_fn(|cx| {
        polls += 1;
        if polls == 4 {
            return Poll::Ready(());
        }
        give.send(cx.waker().clone()).unwrap();
        Poll::Pending
    }));
    drop(give);
    waking.join().unwrap();
    // Three sleeps; the last two after a wake-up for the future of `block_on` alone.
    assert_eq!(metrics.worker_park_count(0), 3);
    assert_eq!(metrics.worker_noop_count(0), 2);
}

#[test]
fn stolen_tasks_and_thefts_are_counted_for_the_thief() {
    let runtime = multi(2);
    let metrics = runtime.metrics();
    let victim = runtime.spawn(async {
        let (ran, has_run) = mpsc::channel();
        for _ in 0..64 {
            let ran = ran.clone();
            zokio::spawn(async move { ran.send(()).is_ok() });
        }
        // This worker runs none of them before another has.
        has_run.recv().unwrap();
        zokio::runtime::worker_index().unwrap()
    });
    let victim = runtime.block_on(victim).unwrap();
    let thief = 1 - victim;
    assert!(metrics.worker_steal_count(thief) >= 1);
    assert!(metrics.worker_steal_operations(thief) >= 1);
    assert!(metrics.worker_steal_operations(thief) <= metrics.worker_steal_count(thief));
}

#[test]
fn current_thread_worker_steals_nothing_and_overflows_never() {
    let runtime = current();
    let metrics = runtime.metrics();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..1000).map(|_| zokio::spawn(async {})).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(metrics.worker_steal_count(0), 0);
    assert_eq!(metrics.worker_steal_operations(0), 0);
    assert_eq!(metrics.worker_overflow_count(0), 0);
}

#[test]
fn each_time_that_a_queue_is_full_is_counted_once() {
    let runtime = multi(1);
    let metrics = runtime.metrics();
    let spawner = runtime.spawn(async {
        for _ in 0..1000 {
            zokio::spawn(async {});
        }
    });
    runtime.block_on(spawner).unwrap();
    let overflows = metrics.worker_overflow_count(0);
    // A queue has room for 256 and gives up half of that; one task is in the LIFO slot.
    assert_eq!(overflows, (1000 - 1 - 256_u64).div_ceil(128));
    let moved = zokio::telemetry::Snapshot::capture(runtime.handle()).workers[0].overflows;
    assert_eq!(moved, overflows * 128);
}

#[test]
fn mean_poll_time_is_that_of_all_polls() {
    let runtime = current();
    let metrics = runtime.metrics();
    assert_eq!(metrics.worker_mean_poll_time(0), Duration::ZERO);
    runtime.block_on(async {
        zokio::spawn(async { burn(Duration::from_millis(1)) })
            .await
            .unwrap();
        zokio::spawn(async {}).await.unwrap();
    });
    let mean = metrics.worker_mean_poll_time(0);
    let snapshot = zokio::telemetry::Snapshot::capture(runtime.handle());
    let poll_time = &snapshot.workers[0].poll_time;
    assert_eq!(poll_time.count, 2);
    assert_eq!(mean, Duration::from_nanos(poll_time.sum_ns / 2));
    assert!(mean > Duration::from_micros(490), "{mean:?}");
}

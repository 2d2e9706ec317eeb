//! The flight recorder tells what workers did, in order, and nothing else.

#![cfg(feature = "telemetry")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use zokio::runtime::{Builder, Runtime};
use zokio::sync::oneshot;
use zokio::task;
use zokio::telemetry::{
    self, FlightEventKind, FlightLane, FlightRecording, PollEnd, Snapshot, TaskOutcome, WakeSource,
    WorkerState,
};

/// Remembers all that these tests do.
const EVERYTHING: usize = 64 << 20;

fn multi(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .flight_recorder(EVERYTHING)
        .enable_all()
        .build()
        .unwrap()
}

fn current() -> Runtime {
    Builder::new_current_thread()
        .flight_recorder(EVERYTHING)
        .enable_all()
        .build()
        .unwrap()
}

fn dump(runtime: &Runtime) -> FlightRecording {
    telemetry::dump(runtime.handle(), Duration::from_secs(3_600))
}

fn id_of(id: task::Id) -> u64 {
    id.to_string().parse().unwrap()
}

fn kinds(lane: &FlightLane) -> Vec<FlightEventKind> {
    lane.events.iter().map(|event| event.kind).collect()
}

fn assert_in_order(recording: &FlightRecording) {
    for lane in &recording.lanes {
        let (mut begin, mut end) = (0, 0);
        for event in &lane.events {
            assert!(event.at_ns >= begin, "time runs back: {event:?}");
            begin = event.at_ns;
            if event.kind.is_span() {
                assert!(event.at_ns >= end, "overlap: {event:?}");
                end = event.end_ns();
            } else {
                assert_eq!(event.duration_ns, 0);
            }
        }
    }
}

/// Waits until all workers sleep.
fn rest(runtime: &Runtime) -> Snapshot {
    loop {
        let snapshot = Snapshot::capture(runtime.handle());
        let asleep = |worker: &telemetry::WorkerSnapshot| worker.state == WorkerState::Parked;
        if snapshot.alive_tasks == 0 && snapshot.workers.iter().all(asleep) {
            return snapshot;
        }
        std::thread::yield_now();
    }
}

#[test]
fn one_task_waking_another_is_told_step_by_step() {
    let runtime = current();
    let (waiter, waker) = runtime.block_on(async {
        let (send, receive) = oneshot::channel::<()>();
        let waiter = task::Builder::new()
            .name("waiter")
            .spawn(async move { receive.await.unwrap() })
            .unwrap();
        let waker = zokio::spawn(async move { send.send(()).unwrap() });
        let ids = (id_of(waiter.id()), id_of(waker.id()));
        waiter.await.unwrap();
        waker.await.unwrap();
        ids
    });
    let recording = dump(&runtime);
    assert_in_order(&recording);
    let poll = |task| FlightEventKind::Poll {
        task,
        polls: 1,
        from_outside: false,
        end: PollEnd::Ended,
    };
    let spawn = |task| FlightEventKind::Spawn {
        task,
        by: WakeSource::Other,
    };
    let complete = |task| FlightEventKind::Complete {
        task,
        outcome: TaskOutcome::Completed,
    };
    let woken = FlightEventKind::Wake {
        task: waiter,
        by: WakeSource::Task(waker),
    };
    let events = kinds(&recording.lanes[0]);
    let of_tasks = |kind: &FlightEventKind| kind.task().is_some();
    let of_tasks: Vec<_> = events.into_iter().filter(of_tasks).collect();
    assert_eq!(
        of_tasks,
        [
            spawn(waiter),
            spawn(waker),
            poll(waiter),
            poll(waker),
            woken,
            complete(waker),
            poll(waiter),
            complete(waiter),
        ]
    );
    for id in [waiter, waker] {
        let location = recording.task(id).unwrap().location.unwrap();
        assert!(location.file().ends_with("flight_recorder.rs"));
    }
}

#[test]
fn live_tasks_have_their_names() {
    let runtime = current();
    let (_keep, receive) = oneshot::channel::<()>();
    let id = runtime.block_on(async {
        let task = task::Builder::new().name("waiter").spawn(receive).unwrap();
        task::yield_now().await;
        id_of(task.id())
    });
    let recording = dump(&runtime);
    let task = recording.task(id).unwrap();
    assert_eq!(task.name.as_deref(), Some("waiter"));
    assert_eq!(task.kind, Some(telemetry::TaskKind::Task));
}

#[test]
fn recording_agrees_with_the_counters() {
    let runtime = multi(3);
    runtime.block_on(async {
        let burst = || async {
            let children: Vec<_> = (0..100)
                .map(|n| {
                    zokio::spawn(async move {
                        for _ in 0..n % 5 {
                            task::yield_now().await;
                        }
                    })
                })
                .collect();
            for child in children {
                child.await.unwrap();
            }
        };
        let bursts: Vec<_> = (0..20).map(|_| zokio::spawn(burst())).collect();
        for burst in bursts {
            burst.await.unwrap();
        }
        zokio::time::sleep(Duration::from_millis(1)).await;
    });
    let snapshot = rest(&runtime);
    let recording = dump(&runtime);
    assert_in_order(&recording);
    for (lane, worker) in recording.lanes.iter().zip(&snapshot.workers) {
        assert_eq!(lane.overwritten, 0);
        let (mut polls, mut spawns, mut wakes, mut steals, mut parks) = (0, 0, 0, 0, 0);
        for event in &lane.events {
            match event.kind {
                FlightEventKind::Poll { polls: n, .. } => polls += u64::from(n),
                FlightEventKind::Spawn { .. } => spawns += 1,
                FlightEventKind::Wake { .. } => wakes += 1,
                FlightEventKind::Steal { tasks, victim } => {
                    assert!(victim < 3 && victim != lane.worker);
                    steals += tasks;
                }
                FlightEventKind::Park { .. } => parks += 1,
                _ => {}
            }
        }
        assert_eq!(polls, worker.polls);
        assert_eq!(spawns, worker.local_spawns);
        assert_eq!(wakes, worker.local_wakes);
        assert_eq!(steals, worker.stolen_tasks);
        assert_eq!(parks, worker.parks);
    }
    let ends = recording.lanes.iter().flat_map(kinds);
    let ends = ends.filter(|kind| matches!(kind, FlightEventKind::Complete { .. }));
    assert_eq!(ends.count() as u64, snapshot.completed_tasks);
}

#[test]
fn sums_of_polls_are_the_time_in_them() {
    let runtime = current();
    runtime.block_on(async {
        let yielding = || async {
            for _ in 0..1_000 {
                task::yield_now().await;
            }
        };
        let tasks = [zokio::spawn(yielding()), zokio::spawn(yielding())];
        for task in tasks {
            task.await.unwrap();
        }
    });
    let snapshot = Snapshot::capture(runtime.handle());
    let recording = dump(&runtime);
    let polls = recording.lanes[0].events.iter();
    let polls = polls.filter(|event| matches!(event.kind, FlightEventKind::Poll { .. }));
    let (count, ns) = polls.fold((0, 0), |(count, ns), event| {
        (count + 1, ns + event.duration_ns)
    });
    // Each conversion to nanoseconds rounds.
    let rounding = count + snapshot.workers[0].polls;
    assert!(ns.abs_diff(snapshot.workers[0].poll_time.sum_ns) <= rounding);
}

#[test]
fn task_that_only_yields_takes_few_events() {
    let runtime = current();
    runtime.block_on(async {
        let yielding = zokio::spawn(async {
            for _ in 0..10_000 {
                task::yield_now().await;
            }
        });
        yielding.await.unwrap();
    });
    let recording = dump(&runtime);
    // The driver has its turn after 61 ticks, and an event has room for 100 µs of polls, which are few
    // with a sanitizer's eye on each.
    let polls_an_event = if cfg!(zokio_sanitize) { 2 } else { 10 };
    assert!(recording.lanes[0].recorded < 10_000 / polls_an_event);
}

#[test]
fn ends_of_tasks_are_told() {
    let runtime = current();
    let (panicked, cancelled) = runtime.block_on(async {
        let panicked = zokio::spawn(async { std::panic::resume_unwind(Box::new(())) });
        let cancelled = zokio::spawn(std::future::pending::<()>());
        let ids = (id_of(panicked.id()), id_of(cancelled.id()));
        task::yield_now().await;
        cancelled.abort();
        assert!(panicked.await.unwrap_err().is_panic());
        assert!(cancelled.await.unwrap_err().is_cancelled());
        ids
    });
    let recording = dump(&runtime);
    assert_in_order(&recording);
    let events = kinds(&recording.lanes[0]);
    for (task, outcome) in [
        (panicked, TaskOutcome::Panicked),
        (cancelled, TaskOutcome::Cancelled),
    ] {
        assert!(events.contains(&FlightEventKind::Complete { task, outcome }));
    }
}

#[test]
fn wakes_from_outside_are_told_by_the_poll() {
    let runtime = multi(1);
    let (send, receive) = oneshot::channel::<()>();
    let (say, waits) = mpsc::channel();
    let task = runtime.spawn(async move {
        task::yield_now().await;
        say.send(()).unwrap();
        receive.await.unwrap();
    });
    let id = id_of(task.id());
    waits.recv().unwrap();
    while telemetry::task_snapshot(runtime.handle(), id)
        .is_some_and(|task| task.state != telemetry::TaskState::Idle)
    {
        std::thread::yield_now();
    }
    send.send(()).unwrap();
    runtime.block_on(task).unwrap();
    rest(&runtime);
    let polls = kinds(&dump(&runtime).lanes[0]);
    let outside = |kind: &FlightEventKind| match kind {
        FlightEventKind::Poll {
            from_outside,
            polls,
            ..
        } => Some((*from_outside, *polls)),
        _ => None,
    };
    let outside: Vec<_> = polls.iter().filter_map(outside).collect();
    // Spawned from outside and yielded, woken from outside. Polls that take long, as under a sanitizer,
    // are not folded; then the one after the yield is an event of its own, and not from outside.
    let folded = [(true, 2), (true, 1)];
    let apart = [(true, 1), (false, 1), (true, 1)];
    assert!(outside == folded || outside == apart, "{outside:?}");
}

#[test]
fn timers_and_io_wake_from_the_driver() {
    let runtime = current();
    let sleeper = runtime.block_on(async {
        let sleeper = zokio::spawn(zokio::time::sleep(Duration::from_millis(2)));
        let id = id_of(sleeper.id());
        sleeper.await.unwrap();
        id
    });
    let recording = dump(&runtime);
    assert_in_order(&recording);
    let events = kinds(&recording.lanes[0]);
    let woken = FlightEventKind::Wake {
        task: sleeper,
        by: WakeSource::Driver,
    };
    assert!(events.contains(&woken));
    let timers = events.iter().map(|kind| match kind {
        FlightEventKind::Park { timers, .. } | FlightEventKind::Driver { timers, .. } => *timers,
        _ => 0,
    });
    assert_eq!(timers.sum::<u32>(), 1);
}

#[test]
fn poll_and_sleep_under_way_are_shown() {
    let runtime = multi(2);
    let (end, ended) = mpsc::channel::<()>();
    let (say, runs) = mpsc::channel();
    let task = runtime.spawn(async move {
        say.send(()).unwrap();
        let _ = ended.recv();
    });
    runs.recv().unwrap();
    let under_way = |recording: &FlightRecording| {
        let lanes = recording.lanes.iter();
        let last = lanes.filter_map(|lane| kinds(lane).last().copied());
        let mut last: Vec<_> = last.collect();
        last.sort_by_key(|kind| kind.task());
        last
    };
    let poll = FlightEventKind::Poll {
        task: id_of(task.id()),
        polls: 1,
        from_outside: false,
        end: PollEnd::UnderWay,
    };
    let park = FlightEventKind::Park {
        io_events: 0,
        timers: 0,
        under_way: true,
    };
    while under_way(&dump(&runtime)) != [park, poll] {
        std::thread::yield_now();
    }
    drop(end);
}

#[test]
fn poll_that_hands_its_worker_over_ends_there() {
    let runtime = multi(1);
    let (other, blocked) = runtime.block_on(async {
        let blocked = zokio::spawn(async {
            task::block_in_place(|| {
                let (say, said) = mpsc::channel();
                let other = zokio::spawn(async move { say.send(()).unwrap() });
                said.recv().unwrap();
                id_of(other.id())
            })
        });
        let id = id_of(blocked.id());
        (blocked.await.unwrap(), id)
    });
    rest(&runtime);
    let recording = dump(&runtime);
    assert_in_order(&recording);
    let polls = recording.lanes[0].events.iter();
    let polls = polls.filter(|event| matches!(event.kind, FlightEventKind::Poll { .. }));
    let polls: Vec<_> = polls
        .map(|event| match event.kind {
            FlightEventKind::Poll { task, end, .. } => (task, end),
            _ => unreachable!(),
        })
        .collect();
    assert_eq!(
        polls,
        [(blocked, PollEnd::HandedOver), (other, PollEnd::Ended)]
    );
}

#[test]
fn local_tasks_are_told_where_they_are_polled_on_a_worker() {
    let runtime = current();
    let set = task::LocalSet::new();
    let id = set.block_on(&runtime, async {
        let local = task::spawn_local(async { task::yield_now().await });
        let id = id_of(local.id());
        local.await.unwrap();
        id
    });
    let recording = dump(&runtime);
    assert_in_order(&recording);
    let events = kinds(&recording.lanes[0]);
    let of_task = |kind: &&FlightEventKind| kind.task() == Some(id);
    let names = events.iter().filter(of_task).map(|kind| match kind {
        FlightEventKind::Spawn { .. } => "spawn",
        FlightEventKind::Poll { .. } => "poll",
        FlightEventKind::Complete { .. } => "complete",
        _ => "other",
    });
    let names: Vec<_> = names.collect();
    assert_eq!(names.first(), Some(&"spawn"));
    assert_eq!(names.last(), Some(&"complete"));
    assert!(names.contains(&"poll") && !names.contains(&"other"));
}

#[test]
fn local_task_that_yields_is_not_woken_from_outside_again() {
    let runtime = current();
    let set = task::LocalSet::new();
    let (send, receive) = oneshot::channel::<()>();
    let id = set.block_on(&runtime, async {
        let local = task::spawn_local(async {
            receive.await.unwrap();
            task::yield_now().await;
        });
        let id = id_of(local.id());
        task::yield_now().await;
        std::thread::spawn(|| send.send(()).unwrap())
            .join()
            .unwrap();
        local.await.unwrap();
        id
    });
    let events = kinds(&dump(&runtime).lanes[0]);
    let outside = events.iter().filter_map(|kind| match kind {
        FlightEventKind::Poll {
            task, from_outside, ..
        } if *task == id => Some(*from_outside),
        _ => None,
    });
    let outside: Vec<_> = outside.collect();
    // Spawned, woken by the thread, and then by itself: folded, or an event of its own.
    let folded = [false, true];
    let apart = [false, true, false];
    assert!(outside == folded || outside == apart, "{outside:?}");
    let polls = events.iter().filter_map(|kind| match kind {
        FlightEventKind::Poll { task, polls, .. } if *task == id => Some(*polls),
        _ => None,
    });
    assert_eq!(polls.sum::<u32>(), 3);
}

#[test]
fn recorder_that_is_off_says_so() {
    let runtime = Builder::new_current_thread()
        .flight_recorder(0)
        .build()
        .unwrap();
    runtime.block_on(async { zokio::spawn(async {}).await.unwrap() });
    let lane = &dump(&runtime).lanes[0];
    assert_eq!((lane.recorded, lane.capacity_bytes), (0, 0));
}

#[test]
fn only_what_ended_lately_is_shown() {
    let runtime = current();
    runtime.block_on(async { zokio::spawn(async {}).await.unwrap() });
    let recording = telemetry::dump(runtime.handle(), Duration::ZERO);
    assert_eq!(recording.lanes[0].events, []);
    assert!(recording.tasks.is_empty() && recording.lanes[0].recorded > 0);
}

#[test]
fn recording_is_whole_while_workers_write_over_it() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .flight_recorder(24 * 64)
        .build()
        .unwrap();
    let done = std::sync::Arc::new(AtomicBool::new(false));
    for _ in 0..8 {
        let done = done.clone();
        runtime.spawn(async move {
            while !done.load(Ordering::Relaxed) {
                zokio::spawn(async {}).await.unwrap();
                task::yield_now().await;
            }
        });
    }
    for _ in 0..300 {
        let recording = dump(&runtime);
        assert_in_order(&recording);
        for task in &recording.tasks {
            if let Some(location) = task.location {
                assert!(location.file().ends_with(".rs"));
            }
        }
    }
    done.store(true, Ordering::Relaxed);
}

//! What the stock tokio-console needs, asked for over real sockets by a client of the same schema.

#[path = "serving/client.rs"]
mod client;
#[path = "tokio_console/picture.rs"]
mod picture;

use std::future::pending;
use std::sync::Arc;

use prost::Message as _;
use tonic::{Code, Streaming};
use zokio::runtime::Runtime;
use zokio::sync::{Mutex, Notify, oneshot};
use zokio::telemetry::{Snapshot, TaskSnapshot, TaskState};
use zokio_console_proto::MAX_MESSAGE_BYTES;
use zokio_console_proto::tokio_console::common::Id;
use zokio_console_proto::tokio_console::instrument::instrument_client::InstrumentClient;
use zokio_console_proto::tokio_console::instrument::{
    InstrumentRequest, PauseRequest, ResumeRequest, State, StateRequest, TaskDetailsRequest,
    Temporality, Update,
};
use zokio_console_proto::tokio_console::tasks::TaskDetails;
use zokio_console_proto::tokio_console::tasks::task_details::PollTimesHistogram;
use zokio_instrumentation::{Guard, builder};

use client::{Channel, channel, run, runtime};
use picture::Picture;

type Client = InstrumentClient<Channel>;

fn serve(runtime: &Runtime) -> Guard {
    builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .publish_interval(std::time::Duration::from_millis(50))
        .start()
        .expect("a server")
}

async fn connect(guard: &Guard) -> Client {
    connect_with_window(guard, 64 * 1024).await
}

async fn connect_with_window(guard: &Guard, window: u32) -> Client {
    let (channel, origin) = channel(guard.addr(), window).await;
    InstrumentClient::with_origin(channel, origin)
}

async fn watch(client: &mut Client) -> Streaming<Update> {
    let request = InstrumentRequest {};
    client.watch_updates(request).await.unwrap().into_inner()
}

async fn watch_state(client: &mut Client) -> Streaming<State> {
    let request = StateRequest {};
    client.watch_state(request).await.unwrap().into_inner()
}

async fn details(client: &mut Client, id: u64) -> Result<Streaming<TaskDetails>, tonic::Status> {
    let request = TaskDetailsRequest {
        id: Some(Id { id }),
    };
    client
        .watch_task_details(request)
        .await
        .map(tonic::Response::into_inner)
}

/// Reads updates until the picture is as wanted.
async fn until(
    updates: &mut Streaming<Update>,
    picture: &mut Picture,
    wanted: impl Fn(&Picture) -> bool,
) {
    while !wanted(picture) {
        picture.apply(updates.message().await.unwrap().expect("no end"));
    }
}

#[track_caller]
fn spawn<F>(runtime: &Runtime, name: &str, future: F) -> zokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let builder = zokio::task::Builder::new().name(name);
    builder.spawn_on(future, runtime.handle()).unwrap()
}

/// Waits until all tasks of the runtime are idle.
fn all_idle(runtime: &Runtime) {
    let idle = |task: &TaskSnapshot| task.state == TaskState::Idle;
    while !Snapshot::capture(runtime.handle()).tasks.iter().all(idle) {
        std::thread::yield_now();
    }
}

#[test]
fn tasks_have_what_the_client_shows_and_lints() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    let mutex = Arc::new(Mutex::new(()));
    let held = runtime.block_on(Arc::clone(&mutex).lock_owned());
    let line = line!() + 1;
    spawn(&runtime, "patient", async move {
        drop(mutex.lock().await);
    });
    run(&runtime, async {
        let mut client = connect(&guard).await;
        let mut updates = watch(&mut client).await;
        let mut picture = Picture::default();
        let is_idle = |p: &Picture| p.named("patient").is_some_and(|t| t.state() == "idle");
        until(&mut updates, &mut picture, is_idle).await;
        let task = picture.named("patient").unwrap();
        assert_ne!(task.id, 0);
        assert_eq!(task.field("task.id"), Some(task.id.to_string()));
        assert_eq!(task.field("kind").as_deref(), Some("task"));
        assert!(task.field("size.bytes").unwrap().parse::<u64>().unwrap() > 0);
        let place = task.task.location.clone().unwrap();
        assert_eq!(
            (place.file.as_deref(), place.line),
            (Some(file!()), Some(line))
        );
        assert_eq!(place.module_path, None);
        // A task that waits for a lock has not lost its waker, nor woken itself.
        assert!(!task.has_lost_its_waker());
        assert_eq!(task.stats.waker_clones - task.stats.waker_drops, 1);
        assert_eq!(task.stats.self_wakes, 0);
        assert!(task.stats.last_wake.is_some());
        assert_eq!(
            picture.targets[&task.task.metadata.unwrap().id],
            "zokio::task"
        );
    });
    drop(held);
}

#[test]
fn running_idle_and_done_are_told_apart() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let running = spawn(&runtime, "running", async move {
        zokio::task::yield_now().await;
        let _ = gate.recv();
    });
    run(&runtime, async {
        let mut client = connect(&guard).await;
        let mut updates = watch(&mut client).await;
        let mut picture = Picture::default();
        let is = |state: &'static str| {
            move |p: &Picture| p.named("running").is_some_and(|t| t.state() == state)
        };
        until(&mut updates, &mut picture, is("running")).await;
        assert!(!picture.named("running").unwrap().has_lost_its_waker());
        go.send(()).unwrap();
        running.await.unwrap();
        until(&mut updates, &mut picture, is("done")).await;
        let task = picture.named("running").unwrap();
        // It does not run on after its end, and its times add up.
        assert!(task.busy_ns() > 0 && task.idle_ns() >= 0);
        assert!(task.total_ns() >= task.busy_ns());
    });
}

#[test]
fn kinds_are_told_apart_and_blocking_work_is_running() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let blocking = runtime.spawn_blocking(move || gate.recv().is_ok());
    run(&runtime, async {
        let mut client = connect(&guard).await;
        let mut updates = watch(&mut client).await;
        let mut picture = Picture::default();
        until(&mut updates, &mut picture, |p| {
            p.of_kind("blocking")
                .is_some_and(|t| t.state() == "running")
        })
        .await;
        let task = picture.of_kind("blocking").unwrap();
        assert_eq!(task.task.kind, 1, "BLOCKING");
        let root = picture.of_kind("block_on").unwrap();
        assert_eq!((root.task.kind, root.field("size.bytes")), (0, None));
        go.send(()).unwrap();
        assert!(blocking.await.unwrap());
    });
}

#[test]
fn a_new_client_is_sent_everything_and_a_second_one_as_well() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    for n in 0..20 {
        spawn(&runtime, &format!("t{n}"), pending::<()>());
    }
    run(&runtime, async {
        for _ in 0..3 {
            // A connection of its own each time, as after a reconnect.
            let mut client = connect(&guard).await;
            let mut updates = watch(&mut client).await;
            let first = updates.message().await.unwrap().unwrap();
            assert_eq!(first.new_metadata.as_ref().unwrap().metadata.len(), 3);
            let mut picture = Picture::default();
            picture.apply(first);
            assert_eq!(
                picture
                    .tasks
                    .values()
                    .filter(|t| t.name().starts_with('t'))
                    .count(),
                20
            );
        }
    });
}

#[test]
fn several_clients_see_the_same_and_one_that_leaves_harms_none() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    let wake = Arc::new(Notify::new());
    let theirs = Arc::clone(&wake);
    spawn(&runtime, "counted", async move {
        loop {
            theirs.notified().await;
        }
    });
    run(&runtime, async {
        let mut all = Vec::new();
        for _ in 0..5 {
            let mut client = connect(&guard).await;
            let updates = watch(&mut client).await;
            all.push((updates, Picture::default()));
        }
        let polls = |p: &Picture| p.named("counted").map_or(0, |t| t.polls());
        for (updates, picture) in &mut all {
            until(updates, picture, |p| polls(p) >= 1).await;
        }
        all.remove(2);
        let before = polls(&all[0].1);
        wake.notify_one();
        for (updates, picture) in &mut all {
            until(updates, picture, |p| polls(p) == before + 1).await;
        }
    });
}

#[test]
fn a_task_that_ends_is_done_and_then_forgotten() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    let (to, from) = oneshot::channel::<()>();
    let task = spawn(&runtime, "short", from);
    run(&runtime, async {
        let mut client = connect(&guard).await;
        let mut updates = watch(&mut client).await;
        let mut picture = Picture::default();
        until(&mut updates, &mut picture, |p| p.named("short").is_some()).await;
        let id = picture.named("short").unwrap().id;
        to.send(()).unwrap();
        task.await.unwrap().unwrap();
        until(&mut updates, &mut picture, |p| {
            p.named("short").unwrap().state() == "done"
        })
        .await;
        for _ in 0..3 {
            let update = updates.message().await.unwrap().unwrap();
            assert!(!update.task_update.unwrap().stats_update.contains_key(&id));
        }
        let mut late = connect(&guard).await;
        let first = watch(&mut late).await.message().await.unwrap().unwrap();
        assert!(!first.task_update.unwrap().stats_update.contains_key(&id));
    });
}

#[test]
fn forty_thousand_tasks_arrive_in_messages_that_the_client_accepts() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    let gate = Arc::new(Notify::new());
    for _ in 0..40_000 {
        let gate = Arc::clone(&gate);
        runtime.spawn(async move { gate.notified().await });
    }
    all_idle(&runtime);
    run(&runtime, async {
        let mut client = connect_with_window(&guard, 4 * 1024 * 1024).await;
        let mut updates = watch(&mut client).await;
        let mut picture = Picture::default();
        while picture.tasks.len() < 40_000 {
            let update = updates.message().await.unwrap().expect("no end");
            assert!(update.encoded_len() < MAX_MESSAGE_BYTES);
            assert!(update.task_update.as_ref().unwrap().new_tasks.len() <= 2_000);
            picture.apply(update);
        }
        let idle = picture.tasks.values().filter(|t| t.state() == "idle");
        assert_eq!(idle.count(), 40_000);
        let mut tasks = picture.tasks.values();
        assert!(!tasks.any(picture::Task::has_lost_its_waker));
        // All of them wait for one thing.
        let mut resources = picture.resources.values();
        assert!(resources.any(|r| r.attribute("waiters") == "40000"));
    });
}

#[test]
fn of_tasks_that_nothing_happens_to_nothing_is_sent() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    for n in 0..100 {
        spawn(&runtime, &format!("t{n}"), pending::<()>());
    }
    all_idle(&runtime);
    run(&runtime, async {
        let mut client = connect(&guard).await;
        let mut updates = watch(&mut client).await;
        let first = updates.message().await.unwrap().unwrap();
        let stats = first.task_update.unwrap().stats_update;
        assert!(stats.len() >= 100);
        for _ in 0..3 {
            let next = updates.message().await.unwrap().unwrap();
            // Those of this client's connection.
            assert!(next.task_update.unwrap().stats_update.len() < 10);
        }
    });
}

#[test]
fn a_client_that_reads_slowly_misses_changes_and_is_told_how_many() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    for n in 0..200 {
        spawn(
            &runtime,
            &format!("{n}{}", "x".repeat(250)),
            pending::<()>(),
        );
    }
    spawn(&runtime, "busy", async {
        loop {
            zokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    });
    run(&runtime, async {
        // The first message does not fit: few others are made before the client reads.
        let mut slow = connect_with_window(&guard, 256).await;
        let mut stalled = watch(&mut slow).await;
        let mut picture = Picture::default();
        let mut quick = connect(&guard).await;
        let mut updates = watch(&mut quick).await;
        let (mut seen, mut polls) = (Picture::default(), 0);
        for _ in 0..6 {
            let more = |p: &Picture| p.named("busy").is_some_and(|t| t.polls() > polls);
            until(&mut updates, &mut seen, more).await;
            polls = seen.named("busy").unwrap().polls();
        }
        assert_eq!(seen.dropped, 0);
        until(&mut stalled, &mut picture, |p| p.dropped > 0).await;
        until(&mut stalled, &mut picture, |p| {
            p.named("busy").is_some_and(|t| t.polls() >= polls)
        })
        .await;
        assert!(picture.tasks.len() > 200);
    });
}

#[test]
fn pause_and_resume_are_answered_told_to_all_and_obeyed() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    run(&runtime, async {
        let mut client = connect(&guard).await;
        let mut updates = watch(&mut client).await;
        let mut state = watch_state(&mut client).await;
        let mut other = watch_state(&mut connect(&guard).await).await;
        for state in [&mut state, &mut other] {
            let now = state.message().await.unwrap().unwrap();
            assert_eq!(now.temporality(), Temporality::Live);
        }
        updates.message().await.unwrap().unwrap();
        client.pause(PauseRequest {}).await.unwrap();
        for state in [&mut state, &mut other] {
            let now = state.message().await.unwrap().unwrap();
            assert_eq!(now.temporality(), Temporality::Paused);
        }
        // What was under way arrives, and then nothing.
        let silence = std::time::Duration::from_millis(300);
        while let Ok(update) = zokio::time::timeout(silence, updates.message()).await {
            update.unwrap().unwrap();
        }
        // One that connects now is told, and shown what there is.
        let mut late = connect(&guard).await;
        let now = watch_state(&mut late)
            .await
            .message()
            .await
            .unwrap()
            .unwrap();
        assert_eq!(now.temporality(), Temporality::Paused);
        watch(&mut late).await.message().await.unwrap().unwrap();
        client.resume(ResumeRequest {}).await.unwrap();
        let now = state.message().await.unwrap().unwrap();
        assert_eq!(now.temporality(), Temporality::Live);
        updates.message().await.unwrap().unwrap();
    });
}

#[test]
fn the_state_stream_stays_open_while_nothing_changes() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    run(&runtime, async {
        let mut client = connect(&guard).await;
        let mut state = watch_state(&mut client).await;
        state.message().await.unwrap().unwrap();
        let mut updates = watch(&mut client).await;
        let mut next = std::pin::pin!(state.message());
        for _ in 0..5 {
            updates.message().await.unwrap().unwrap();
            let ended = zokio::time::timeout(std::time::Duration::ZERO, next.as_mut()).await;
            assert!(ended.is_err(), "the client would connect anew");
        }
    });
}

#[test]
fn details_have_both_histograms_of_the_task_alone_and_end_with_it() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    let wake = Arc::new(Notify::new());
    let theirs = Arc::clone(&wake);
    let task = spawn(&runtime, "watched", async move {
        for _ in 0..3 {
            theirs.notified().await;
        }
    });
    let id = task.id().to_string().parse().unwrap();
    run(&runtime, async {
        let mut client = connect(&guard).await;
        let mut stream = details(&mut client, id).await.unwrap();
        let first = stream.message().await.unwrap().unwrap();
        assert_eq!(first.task_id, Some(Id { id }));
        assert!(first.now.is_some());
        for n in 1..=2 {
            wake.notify_one();
            let update = stream.message().await.unwrap().unwrap();
            let Some(PollTimesHistogram::Histogram(polls)) = update.poll_times_histogram else {
                panic!("no histogram: {update:?}");
            };
            let waits = update.scheduled_times_histogram.unwrap();
            for histogram in [polls, waits] {
                let read: hdrhistogram::Histogram<u64> =
                    hdrhistogram::serialization::Deserializer::new()
                        .deserialize(&mut &*histogram.raw_histogram)
                        .unwrap();
                assert!((n..=n + 1).contains(&read.len()), "{}", read.len());
                assert!(read.max() > 0 && histogram.high_outliers == 0);
            }
        }
        wake.notify_one();
        task.await.unwrap();
        while stream.message().await.unwrap().is_some() {}
        let gone = details(&mut client, id).await.unwrap_err();
        assert_eq!(gone.code(), Code::NotFound);
        let unknown = details(&mut client, u64::MAX).await.unwrap_err();
        assert_eq!(unknown.code(), Code::NotFound);
        let nothing = client
            .watch_task_details(TaskDetailsRequest { id: None })
            .await;
        assert_eq!(nothing.unwrap_err().code(), Code::InvalidArgument);
    });
}

#[test]
fn resources_and_operations_are_what_tasks_wait_for() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    let mutex = Arc::new(Mutex::new(()));
    let held = runtime.block_on(Arc::clone(&mutex).lock_owned());
    let (first, second) = (Arc::clone(&mutex), mutex);
    let line = line!() + 1;
    let one = spawn(&runtime, "one", async move { drop(first.lock().await) });
    let two = spawn(&runtime, "two", async move { drop(second.lock().await) });
    spawn(&runtime, "sleeper", async {
        zokio::time::sleep(std::time::Duration::from_secs(3_600)).await;
    });
    run(&runtime, async {
        let mut client = connect(&guard).await;
        let mut updates = watch(&mut client).await;
        let mut picture = Picture::default();
        until(&mut updates, &mut picture, |p| {
            let lock = p.resource("mutex");
            lock.is_some_and(|r| r.attribute("waiters") == "2") && p.resource("sleep").is_some()
        })
        .await;
        let lock = picture.resource("mutex").unwrap();
        let waiters: Vec<_> = picture.operations_on(lock.id).collect();
        assert_eq!(waiters.len(), 2);
        for operation in &waiters {
            assert_eq!(operation.operation.source, "mutex::lock");
            let task = &picture.tasks[&operation.stats.task_id.unwrap().id];
            assert!(["one", "two"].contains(&task.name()));
            let place = operation.attribute("await.location");
            let place = place.strip_prefix(file!()).unwrap().to_owned();
            let at = place[1..]
                .split(':')
                .next()
                .unwrap()
                .parse::<u32>()
                .unwrap();
            assert!((line..line + 4).contains(&at), "{place}");
            assert!(operation.stats.created_at.is_some() && operation.stats.poll_stats.is_some());
        }
        let timer = picture.resource("sleep").unwrap();
        assert_eq!(timer.kind(), "Timer");
        assert_eq!(picture.operations_on(timer.id).count(), 1);
        let lock = lock.id;
        drop(held);
        one.await.unwrap();
        two.await.unwrap();
        until(&mut updates, &mut picture, |p| {
            p.resources[&lock].attribute("waiters") == "0"
                && p.operations_on(lock).all(|o| o.stats.dropped_at.is_some())
        })
        .await;
    });
}

#[test]
fn tasks_of_several_runtimes_say_whose_they_are() {
    let (one, two) = (runtime("one"), runtime("two"));
    let guard = serve(&one);
    guard.attach(two.handle()).unwrap();
    spawn(&one, "here", pending::<()>());
    spawn(&two, "there", pending::<()>());
    run(&one, async {
        let mut client = connect(&guard).await;
        let mut updates = watch(&mut client).await;
        let mut picture = Picture::default();
        until(&mut updates, &mut picture, |p| p.named("there").is_some()).await;
        let runtime = |name| picture.named(name).unwrap().field("runtime");
        assert_eq!(runtime("here").as_deref(), Some("one"));
        assert_eq!(runtime("there").as_deref(), Some("two"));
    });
}

#[test]
fn the_guard_ends_the_streams() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    run(&runtime, async {
        let mut client = connect(&guard).await;
        let mut updates = watch(&mut client).await;
        let mut state = watch_state(&mut client).await;
        updates.message().await.unwrap().unwrap();
        let ending = std::thread::spawn(move || drop(guard));
        while updates.message().await.unwrap().is_some() {}
        while state.message().await.unwrap().is_some() {}
        drop((updates, state, client));
        ending.join().unwrap();
    });
}

#[test]
fn both_consoles_are_served_at_once() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    run(&runtime, async {
        let mut theirs = connect(&guard).await;
        let mut updates = watch(&mut theirs).await;
        let mut ours = client::console(guard.addr()).await;
        let request = zokio_console_proto::v1::SubscribeRequest {
            major: zokio_console_proto::MAJOR,
            ..Default::default()
        };
        let mut views = ours.subscribe(request).await.unwrap().into_inner();
        for _ in 0..3 {
            updates.message().await.unwrap().unwrap();
            views.message().await.unwrap().unwrap();
        }
    });
}

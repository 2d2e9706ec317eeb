//! Ids of local sets, what a task's panic does to a set or a local runtime, and hooks on tasks.

use std::future::pending;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use zokio::runtime::{Builder, LocalOptions, LocalRuntime, UnhandledPanic};
use zokio::task::{self, LocalSet};

use super::support::{Drops, assert_panics_here, caught, current};

const SET_ENDED: &str =
    "a spawned task panicked and the LocalSet is configured to shutdown on unhandled panic";
const RUNTIME_ENDED: &str =
    "a spawned task panicked and the runtime is configured to shut down on unhandled panic";

fn ending_set() -> LocalSet {
    let mut set = LocalSet::new();
    set.unhandled_panic(UnhandledPanic::ShutdownRuntime);
    set
}

fn local(configure: impl FnOnce(&mut Builder)) -> LocalRuntime {
    let mut builder = Builder::new_current_thread();
    configure(&mut builder);
    builder.build_local(LocalOptions::default()).unwrap()
}

#[test]
fn id_of_a_set_stays_and_is_no_other_s() {
    let (first, second) = (LocalSet::new(), LocalSet::new());
    let runtime = current();
    let ids = [first.id(), second.id(), runtime.handle().id()];
    assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2]);
    assert_eq!(first.id(), ids[0]);
}

#[test]
fn panic_ends_a_set_that_is_to_end_and_run_until_panics() {
    let set = ending_set();
    let drops = Drops::default();
    let guard = drops.guard();
    let runtime = current();
    let caught = caught(|| {
        set.block_on(&runtime, async {
            task::spawn_local(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            task::spawn_local(async { std::panic::panic_any("the end") });
            pending::<()>().await;
        })
    });
    assert_eq!(caught.message, SET_ENDED);
    assert_eq!(drops.count(), 1, "other tasks are dropped at once");
}

#[test]
fn panic_of_a_task_makes_an_awaited_set_panic() {
    let set = ending_set();
    set.spawn_local(async { std::panic::panic_any("the end") });
    assert_eq!(caught(|| current().block_on(set)).message, SET_ENDED);
}

#[test]
fn set_that_has_ended_panics_again_and_cancels_what_is_spawned() {
    let (set, runtime) = (ending_set(), current());
    let panics = set.spawn_local(async { std::panic::panic_any("the end") });
    assert_eq!(
        caught(|| set.block_on(&runtime, pending::<()>())).message,
        SET_ENDED
    );
    assert_eq!(
        caught(|| set.block_on(&runtime, pending::<()>())).message,
        SET_ENDED
    );
    let late = set.spawn_local(async {});
    assert!(runtime.block_on(late).unwrap_err().is_cancelled());
    assert!(runtime.block_on(panics).unwrap_err().is_panic());
}

#[test]
fn root_that_is_ready_when_the_set_has_ended_is_heard() {
    let (set, runtime) = (ending_set(), current());
    set.spawn_local(async { std::panic::panic_any("the end") });
    assert_eq!(
        caught(|| set.block_on(&runtime, pending::<()>())).message,
        SET_ENDED
    );
    assert_eq!(set.block_on(&runtime, async { 5 }), 5);
}

#[test]
fn panic_in_a_set_that_runs_within_its_own_task_ends_it() {
    let set = Rc::new(ending_set());
    let inner = set.clone();
    let runtime = current();
    let caught = caught(|| {
        set.block_on(&runtime, async move {
            task::spawn_local(async move {
                inner
                    .run_until(async {
                        task::spawn_local(async { std::panic::panic_any("the end") });
                        pending::<()>().await;
                    })
                    .await;
            });
            pending::<()>().await;
        })
    });
    assert_eq!(caught.message, SET_ENDED);
}

#[test]
fn ignoring_panics_is_the_default_and_may_be_asked_for() {
    let mut set = LocalSet::new();
    set.unhandled_panic(UnhandledPanic::ShutdownRuntime)
        .unhandled_panic(UnhandledPanic::Ignore);
    let panics = set.spawn_local(async { std::panic::panic_any("ignored") });
    assert!(set.block_on(&current(), panics).unwrap_err().is_panic());
}

#[test]
fn unhandled_panic_cannot_be_changed_once_there_are_tasks() {
    let mut set = LocalSet::new();
    set.spawn_local(async {});
    assert_panics_here!(
        "Unhandled Panic behavior modified after starting LocalSet",
        || set.unhandled_panic(UnhandledPanic::Ignore).id().as_u64()
    );
}

#[test]
fn panic_of_a_local_task_ends_a_local_runtime_that_is_to_end() {
    let runtime = local(|builder| {
        builder.unhandled_panic(UnhandledPanic::ShutdownRuntime);
    });
    let drops = Drops::default();
    let guard = drops.guard();
    let caught = caught(|| {
        runtime.block_on(async {
            task::spawn_local(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            task::spawn_local(async { std::panic::panic_any("the end") });
            pending::<()>().await;
        })
    });
    assert_eq!((caught.message.as_str(), drops.count()), (RUNTIME_ENDED, 1));
    let late = runtime.spawn_local(async {});
    assert!(late.is_finished());
}

#[test]
fn panic_of_a_spawned_task_ends_the_local_tasks_of_a_local_runtime_too() {
    let runtime = local(|builder| {
        builder.unhandled_panic(UnhandledPanic::ShutdownRuntime);
    });
    let drops = Drops::default();
    let guard = drops.guard();
    let caught = caught(|| {
        runtime.block_on(async {
            task::spawn_local(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            zokio::spawn(async { std::panic::panic_any("the end") });
            pending::<()>().await;
        })
    });
    assert_eq!((caught.message.as_str(), drops.count()), (RUNTIME_ENDED, 1));
}

type Events = Arc<Mutex<Vec<(&'static str, String)>>>;

fn note(events: &Events, what: &'static str) -> impl Fn(&zokio::runtime::TaskMeta<'_>) + use<> {
    let events = events.clone();
    move |meta| {
        let event = (what, meta.id().to_string());
        events.lock().unwrap().push(event);
    }
}

fn watch(builder: &mut Builder, events: &Events) {
    builder
        .on_task_spawn(note(events, "spawn"))
        .on_before_task_poll(note(events, "before"))
        .on_after_task_poll(note(events, "after"))
        .on_task_terminate(note(events, "end"));
}

#[test]
fn hooks_are_called_for_local_tasks_of_a_local_runtime() {
    let events = Events::default();
    let runtime = local(|builder| watch(builder, &events));
    let id = runtime.block_on(async {
        let task = task::spawn_local(task::yield_now());
        let id = task.id().to_string();
        task.await.unwrap();
        id
    });
    let expected = ["spawn", "before", "after", "before", "end", "after"];
    assert_eq!(
        *events.lock().unwrap(),
        expected.map(|what| (what, id.clone()))
    );
}

#[test]
fn end_hook_is_called_for_local_tasks_that_are_cancelled() {
    let events = Events::default();
    let runtime = local(|builder| watch(builder, &events));
    let id = runtime.spawn_local(pending::<()>()).id().to_string();
    drop(runtime);
    assert_eq!(
        *events.lock().unwrap(),
        ["spawn", "end"].map(|what| (what, id.clone()))
    );
}

#[test]
fn hooks_are_not_called_for_tasks_of_a_local_set() {
    let events = Events::default();
    let mut builder = Builder::new_current_thread();
    watch(&mut builder, &events);
    let runtime = builder.build().unwrap();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        task::spawn_local(async {}).await.unwrap();
        task::spawn_local(pending::<()>());
    });
    drop(set);
    assert_eq!(*events.lock().unwrap(), []);
}

#[test]
fn alive_tasks_are_a_local_runtime_s_and_not_a_local_set_s() {
    let runtime = LocalRuntime::new().unwrap();
    runtime.block_on(async {
        task::spawn_local(pending::<()>());
        assert_eq!(runtime.metrics().num_alive_tasks(), 1);
    });
    let runtime = current();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        task::spawn_local(pending::<()>());
        assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    });
    drop(set);
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
}

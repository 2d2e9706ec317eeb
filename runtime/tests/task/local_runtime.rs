//! `LocalRuntime`.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use zokio::runtime::{Builder, Handle, LocalOptions, LocalRuntime, RuntimeFlavor};
use zokio::sync::oneshot;
use zokio::task::{self, JoinHandle, LocalSet};

use super::support::{Defer, Drops, assert_panics_here, current, text};

const ELSEWHERE: &str = "Local tasks can only be spawned on a LocalRuntime from the thread the \
    runtime was created on";

fn local() -> LocalRuntime {
    LocalRuntime::new().unwrap()
}

#[test]
fn block_on_returns_the_output_of_its_future() {
    assert_eq!(local().block_on(async { Rc::new(7) }), Rc::new(7));
}

#[test]
fn spawn_local_works_in_block_on_without_a_set() {
    let output = local().block_on(async {
        let shared = Rc::new(3);
        task::spawn_local(async move { *shared }).await.unwrap()
    });
    assert_eq!(output, 3);
}

#[test]
fn spawn_local_works_in_local_tasks() {
    let output = local().block_on(async {
        task::spawn_local(async { task::spawn_local(async { Rc::new(2) }).await.unwrap() })
            .await
            .unwrap()
    });
    assert_eq!(*output, 2);
}

#[test]
fn spawn_local_works_in_spawned_tasks_too() {
    let output = local().block_on(async {
        let spawned = zokio::spawn(async { task::spawn_local(async { 4 }) });
        spawned.await.unwrap().await.unwrap()
    });
    assert_eq!(output, 4);
}

#[test]
fn spawn_local_works_under_an_enter_guard() {
    let runtime = local();
    let task = {
        let _entered = runtime.enter();
        task::spawn_local(async { Rc::new(5) })
    };
    assert_eq!(*runtime.block_on(task).unwrap(), 5);
}

#[test]
fn spawn_local_on_the_runtime_runs_at_the_next_block_on() {
    let runtime = local();
    let ran = Rc::new(Cell::new(false));
    let inner = ran.clone();
    let task = runtime.spawn_local(async move { inner.set(true) });
    assert!(!ran.get());
    runtime.block_on(task).unwrap();
    assert!(ran.get());
}

#[test]
fn tasks_go_on_in_the_next_block_on() {
    let runtime = local();
    let (send, receive) = oneshot::channel();
    let task = runtime.block_on(async { task::spawn_local(async { receive.await.unwrap() }) });
    send.send(6).unwrap();
    assert_eq!(runtime.block_on(task).unwrap(), 6);
}

#[test]
fn local_and_spawned_tasks_run_side_by_side() {
    local().block_on(async {
        let (send, receive) = oneshot::channel();
        let local = task::spawn_local(async { receive.await.unwrap() });
        zokio::spawn(async move { send.send(8).unwrap() });
        assert_eq!(local.await.unwrap(), 8);
    });
}

#[test]
fn wake_from_another_thread_reaches_a_local_task() {
    local().block_on(async {
        let (send, receive) = oneshot::channel();
        let local = task::spawn_local(async { receive.await.unwrap() });
        task::yield_now().await;
        thread::spawn(move || send.send(9).unwrap());
        assert_eq!(local.await.unwrap(), 9);
    });
}

#[test]
fn spawn_local_from_another_thread_panics() {
    let runtime = local();
    let handle = runtime.handle().clone();
    let other = thread::spawn(move || {
        let _entered = handle.enter();
        assert_panics_here!(ELSEWHERE, || task::spawn_local(async {}));
    });
    other.join().unwrap();
}

#[test]
fn spawn_local_in_blocking_work_panics() {
    let runtime = local();
    let error = runtime.block_on(async {
        let blocking = task::spawn_blocking(|| drop(task::spawn_local(async {})));
        blocking.await.unwrap_err()
    });
    assert_eq!(text(&*error.into_panic()), ELSEWHERE);
}

#[test]
fn spawn_blocking_runs_elsewhere() {
    let runtime = local();
    let here = thread::current().id();
    let there = runtime.spawn_blocking(|| thread::current().id());
    assert_ne!(runtime.block_on(there).unwrap(), here);
}

#[test]
fn dropping_the_runtime_drops_local_tasks_on_its_thread() {
    let drops = Drops::default();
    let runtime = local();
    let guard = (drops.guard(), Rc::new(()));
    let task = runtime.spawn_local(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    runtime.block_on(task::yield_now());
    drop(runtime);
    assert_eq!(drops.thread(), Some(thread::current().id()));
    assert!(current().block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn dropping_the_runtime_drops_spawned_tasks() {
    let drops = Drops::default();
    let runtime = local();
    let guard = drops.guard();
    runtime.handle().spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    runtime.block_on(task::yield_now());
    drop(runtime);
    assert_eq!(drops.count(), 1);
}

#[test]
fn destructors_of_local_tasks_are_in_the_runtime() {
    let runtime = local();
    let id = runtime.handle().id();
    let seen = Rc::new(Cell::new(None));
    let inner = seen.clone();
    let on_drop = Defer(move || inner.set(Handle::try_current().ok().map(|h| h.id())));
    runtime.spawn_local(async move {
        let _on_drop = on_drop;
        pending::<()>().await;
    });
    runtime.block_on(task::yield_now());
    drop(runtime);
    assert_eq!(seen.get(), Some(id));
}

#[test]
fn destructor_that_spawns_during_the_drop_gets_a_cancelled_task() {
    let runtime = local();
    let spawned: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let inner = spawned.clone();
    let on_drop = Defer(move || {
        *inner.borrow_mut() = Some(task::spawn_local(async {}));
    });
    runtime.spawn_local(async move {
        let _on_drop = on_drop;
        pending::<()>().await;
    });
    runtime.block_on(task::yield_now());
    drop(runtime);
    let task = spawned.take().unwrap();
    assert!(current().block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn shutdown_background_drops_tasks_and_is_allowed_within_a_runtime() {
    let drops = Drops::default();
    current().block_on(async {
        let runtime = local();
        let guard = drops.guard();
        runtime.spawn_local(async move { drop(guard) });
        runtime.shutdown_background();
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn shutdown_timeout_waits_for_blocking_work() {
    let runtime = local();
    let drops = Drops::default();
    let guard = drops.guard();
    let (started, has_started) = std::sync::mpsc::channel();
    runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        drop(guard);
    });
    has_started.recv().unwrap();
    runtime.shutdown_timeout(Duration::from_secs(60));
    assert_eq!(drops.count(), 1);
}

#[test]
fn two_local_runtimes_of_one_thread_are_told_apart() {
    let (first, second) = (local(), local());
    let in_first = {
        let _entered = first.enter();
        task::spawn_local(async { Handle::current().id() })
    };
    let in_second = {
        let _entered = second.enter();
        task::spawn_local(async { Handle::current().id() })
    };
    assert_eq!(first.block_on(in_first).unwrap(), first.handle().id());
    assert_eq!(second.block_on(in_second).unwrap(), second.handle().id());
}

#[test]
fn local_set_runs_within_a_local_runtime() {
    local().block_on(async {
        let set = LocalSet::new();
        let task = set.spawn_local(async { Rc::new(1) });
        assert_eq!(*set.run_until(task).await.unwrap(), 1);
    });
}

#[test]
fn spawn_local_in_a_local_set_within_a_local_runtime_goes_to_the_runtime() {
    local().block_on(async {
        let set = LocalSet::new();
        let task = set
            .run_until(async { task::spawn_local(async { 1 }) })
            .await;
        drop(set);
        assert_eq!(task.await.unwrap(), 1);
    });
}

#[test]
fn yielding_local_task_does_not_starve_spawned_ones_and_timers() {
    local().block_on(async {
        task::spawn_local(async {
            loop {
                task::yield_now().await;
            }
        });
        zokio::spawn(async {}).await.unwrap();
        zokio::time::sleep(Duration::from_millis(1)).await;
    });
}

#[test]
fn timers_work_with_a_paused_clock() {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build_local(LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        let task = task::spawn_local(zokio::time::sleep(Duration::from_secs(86_400)));
        task.await.unwrap();
    });
}

#[test]
fn block_in_place_is_refused() {
    let caught = super::support::caught(|| {
        local().block_on(async { task::block_in_place(|| {}) });
    });
    assert_eq!(
        caught.message,
        "can call blocking only when running on the multi-threaded runtime"
    );
}

#[test]
fn block_on_within_a_runtime_panics_at_the_caller() {
    let runtime = local();
    let caught =
        super::support::caught(|| current().block_on(async { runtime.block_on(async {}) }));
    assert!(
        caught
            .message
            .starts_with("Cannot start a runtime from within a runtime.")
    );
    assert!(caught.file.ends_with("local_runtime.rs"));
}

#[test]
fn builder_of_the_other_flavour_is_refused() {
    let caught =
        super::support::caught(|| Builder::new_multi_thread().build_local(LocalOptions::default()));
    assert_eq!(
        caught.message,
        "multi_thread is not supported for LocalRuntime"
    );
}

#[test]
fn handle_and_metrics_are_those_of_a_current_thread_runtime() {
    let runtime = local();
    assert_eq!(
        runtime.handle().runtime_flavor(),
        RuntimeFlavor::CurrentThread
    );
    assert_eq!(runtime.metrics().num_workers(), 1);
    assert!(format!("{runtime:?}").starts_with("LocalRuntime"));
}

#[test]
fn panic_in_a_local_task_is_given_to_its_handle() {
    local().block_on(async {
        let task = task::spawn_local(async { std::panic::panic_any("local") });
        assert!(task.await.unwrap_err().is_panic());
    });
}

#[test]
fn runtime_made_in_a_task_of_another_thread_s_runtime_stays_apart() {
    let ids = thread::spawn(|| {
        let runtime = local();
        let id = runtime.block_on(async { Handle::current().id() });
        (id, runtime.handle().id())
    });
    let (seen, own) = ids.join().unwrap();
    assert_eq!(seen, own);
}

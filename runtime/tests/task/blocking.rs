//! `spawn_blocking` and `block_in_place`.

use std::sync::mpsc;
use std::thread;

use zokio::runtime::{Builder, Handle};
use zokio::sync::oneshot;
use zokio::task::{self, LocalSet, coop};

use super::support::{assert_panics_here, both, caught, current, multi, text};

const REFUSED: &str = "can call blocking only when running on the multi-threaded runtime";
const NO_RUNTIME: &str =
    "there is no reactor running, must be called from the context of a zokio runtime";

#[test]
fn block_in_place_in_a_current_thread_runtime_panics_at_the_caller() {
    current().block_on(async {
        assert_panics_here!(REFUSED, || task::block_in_place(|| {}));
    });
}

#[test]
fn block_in_place_in_a_task_of_a_current_thread_runtime_panics() {
    let error = current().block_on(async {
        zokio::spawn(async { task::block_in_place(|| {}) })
            .await
            .unwrap_err()
    });
    assert_eq!(text(&*error.into_panic()), REFUSED);
}

#[test]
fn block_in_place_in_a_local_task_panics_at_the_caller() {
    let set = LocalSet::new();
    set.block_on(&multi(), async {
        let task = task::spawn_local(async {
            assert_panics_here!(REFUSED, || task::block_in_place(|| {}));
        });
        task.await.unwrap();
    });
}

#[test]
fn block_in_place_in_the_root_of_a_local_set_panics_at_the_caller() {
    let set = LocalSet::new();
    set.block_on(&multi(), async {
        assert_panics_here!(REFUSED, || task::block_in_place(|| {}));
    });
}

#[test]
fn block_in_place_is_allowed_again_after_a_local_set() {
    multi().block_on(async {
        let set = LocalSet::new();
        set.run_until(async {}).await;
        set.await;
        assert_eq!(task::block_in_place(|| 1), 1);
    });
}

#[test]
fn block_in_place_in_a_destructor_of_a_local_set_s_task_is_refused() {
    multi().block_on(async {
        let set = LocalSet::new();
        let on_drop = super::support::Defer(|| task::block_in_place(|| {}));
        let task = set.spawn_local(async move {
            let _on_drop = on_drop;
            std::future::pending::<()>().await;
        });
        set.run_until(task::yield_now()).await;
        drop(set);
        assert_eq!(text(&*task.await.unwrap_err().into_panic()), REFUSED);
        assert_eq!(task::block_in_place(|| 1), 1);
    });
}

#[test]
fn block_in_place_in_block_on_of_a_multi_thread_runtime_runs() {
    assert_eq!(multi().block_on(async { task::block_in_place(|| 2) }), 2);
}

#[test]
fn block_in_place_in_blocking_work_runs() {
    for runtime in both() {
        let work = runtime.spawn_blocking(|| task::block_in_place(|| 3));
        assert_eq!(runtime.block_on(work).unwrap(), 3);
    }
}

#[test]
fn block_in_place_stays_on_its_thread() {
    multi().block_on(async {
        let task = zokio::spawn(async {
            let before = thread::current().id();
            let within = task::block_in_place(|| thread::current().id());
            (before, within)
        });
        let (before, within) = task.await.unwrap();
        assert_eq!(before, within);
    });
}

#[test]
fn block_in_place_passes_a_panic_on_and_the_worker_goes_on() {
    multi().block_on(async {
        let task =
            zokio::spawn(async { task::block_in_place(|| std::panic::panic_any("in place")) });
        assert_eq!(text(&*task.await.unwrap_err().into_panic()), "in place");
        zokio::spawn(async {}).await.unwrap();
    });
}

#[test]
fn block_in_place_nests() {
    multi().block_on(async {
        let task = zokio::spawn(async { task::block_in_place(|| task::block_in_place(|| 4)) });
        assert_eq!(task.await.unwrap(), 4);
    });
}

#[test]
fn block_in_place_lets_a_nested_block_on_wait_for_other_tasks() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let task = zokio::spawn(async {
            let (send, receive) = oneshot::channel();
            zokio::spawn(async move { send.send(5).unwrap() });
            task::block_in_place(|| Handle::current().block_on(receive)).unwrap()
        });
        assert_eq!(task.await.unwrap(), 5);
    });
}

#[test]
fn block_in_place_has_no_budget_and_gives_the_task_s_back() {
    multi().block_on(async {
        let task = zokio::spawn(async {
            while coop::has_budget_remaining() {
                coop::consume_budget().await;
            }
            let within = task::block_in_place(coop::has_budget_remaining);
            (within, coop::has_budget_remaining())
        });
        assert_eq!(task.await.unwrap(), (true, false));
    });
}

#[test]
fn block_in_place_keeps_task_id_and_runtime() {
    multi().block_on(async {
        let task = zokio::spawn(async {
            let within = task::block_in_place(|| (task::id(), Handle::current().id()));
            assert_eq!(within, (task::id(), Handle::current().id()));
        });
        task.await.unwrap();
    });
}

#[test]
fn spawn_blocking_outside_of_a_runtime_panics_at_the_caller() {
    assert_panics_here!(NO_RUNTIME, || drop(task::spawn_blocking(|| {})));
}

#[test]
fn spawn_outside_of_a_runtime_panics_at_the_caller() {
    assert_panics_here!(NO_RUNTIME, || drop(zokio::spawn(async {})));
}

#[test]
fn spawn_blocking_is_in_the_runtime_and_may_spawn() {
    for runtime in both() {
        let id = runtime.handle().id();
        runtime.block_on(async move {
            let task = task::spawn_blocking(|| (Handle::current().id(), zokio::spawn(async { 6 })));
            let (within, task) = task.await.unwrap();
            assert_eq!((within, task.await.unwrap()), (id, 6));
        });
    }
}

#[test]
fn spawn_blocking_may_block_on_a_future_of_its_runtime() {
    for runtime in both() {
        let work = runtime.spawn_blocking(|| {
            let task = zokio::spawn(async { 7 });
            Handle::current().block_on(task).unwrap()
        });
        assert_eq!(runtime.block_on(work).unwrap(), 7);
    }
}

#[test]
fn spawn_blocking_from_a_local_task_runs_elsewhere() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let here = thread::current().id();
        let task = task::spawn_local(async {
            task::spawn_blocking(|| thread::current().id())
                .await
                .unwrap()
        });
        assert_ne!(task.await.unwrap(), here);
    });
}

#[test]
fn runtime_waits_for_blocking_work_that_has_begun_when_it_is_dropped() {
    let runtime = current();
    let (started, has_started) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let (done, is_done) = mpsc::channel();
    runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        wait.recv().unwrap();
        done.send(()).unwrap();
    });
    has_started.recv().unwrap();
    go.send(()).unwrap();
    drop(runtime);
    assert!(is_done.try_recv().is_ok());
}

#[test]
fn block_on_in_a_task_panics_at_the_caller() {
    let runtime = multi();
    let caught = caught(|| runtime.block_on(async { Handle::current().block_on(async {}) }));
    assert!(
        caught
            .message
            .starts_with("Cannot start a runtime from within a runtime.")
    );
    assert!(caught.file.ends_with("blocking.rs"));
}

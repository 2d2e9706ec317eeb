//! `Builder::unhandled_panic`.

use std::future::pending;
use std::sync::{Arc, mpsc};
use std::thread;

use zokio::runtime::{Builder, Runtime, UnhandledPanic};
use zokio::{spawn, task};

use crate::support::{assert_panics_here, panic_of};

const TEXT: &str =
    "a spawned task panicked and the runtime is configured to shut down on unhandled panic";

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .unhandled_panic(UnhandledPanic::ShutdownRuntime)
        .build()
        .unwrap()
}

/// A runtime that has been shut down by a panic.
fn shut_down() -> Runtime {
    let runtime = runtime();
    runtime.spawn(async { panic!("boom") });
    let panic = panic_of(|| runtime.block_on(pending::<()>()));
    assert_eq!(panic.text, TEXT);
    runtime
}

#[test]
fn panic_of_a_task_panics_block_on_in_the_caller_s_line() {
    let runtime = runtime();
    runtime.spawn(async { panic!("boom") });
    assert_panics_here!(TEXT, || runtime.block_on(pending::<()>()));
}

#[test]
fn panic_of_a_task_cancels_all_others_and_drops_them() {
    struct OnDrop(mpsc::Sender<()>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    let runtime = runtime();
    let (dropped, drops) = mpsc::channel();
    let other = |later| {
        let guard = OnDrop(dropped.clone());
        runtime.spawn(async move {
            let _guard = guard;
            if later {
                pending::<()>().await;
            }
            loop {
                task::yield_now().await;
            }
        })
    };
    let others = [other(true), other(false)];
    runtime.spawn(async { panic!("boom") });
    let behind = other(true);
    panic_of(|| runtime.block_on(pending::<()>()));
    assert_eq!(drops.try_iter().count(), 3);
    for task in others.into_iter().chain([behind]) {
        let error = crate::support::current().block_on(task).unwrap_err();
        assert!(error.is_cancelled());
    }
}

#[test]
fn no_other_task_runs_after_the_panic() {
    let runtime = runtime();
    let (ran, runs) = mpsc::channel();
    runtime.spawn(async { panic!("boom") });
    runtime.spawn(async move { ran.send(()).unwrap() });
    panic_of(|| runtime.block_on(pending::<()>()));
    assert!(runs.try_recv().is_err());
}

#[test]
fn join_handle_of_the_task_has_its_panic_all_the_same() {
    let runtime = runtime();
    let task = runtime.spawn(async { std::panic::panic_any("boom") });
    panic_of(|| runtime.block_on(pending::<()>()));
    let error = crate::support::current().block_on(task).unwrap_err();
    assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "boom");
}

#[test]
fn awaiting_the_join_handle_does_not_handle_the_panic() {
    let runtime = runtime();
    let panic =
        panic_of(|| runtime.block_on(async { spawn(async { panic!("boom") }).await.is_err() }));
    assert_eq!(panic.text, TEXT);
}

#[test]
fn block_on_panics_whenever_it_is_called_again() {
    let runtime = shut_down();
    assert_panics_here!(TEXT, || runtime.block_on(async {}));
    assert_panics_here!(TEXT, || runtime.block_on(async {}));
}

#[test]
fn what_is_spawned_afterwards_is_cancelled() {
    let runtime = shut_down();
    let task = runtime.spawn(async {});
    let error = crate::support::current().block_on(task).unwrap_err();
    assert!(error.is_cancelled());
}

#[test]
fn runtime_is_dropped_as_any_other_afterwards() {
    let runtime = shut_down();
    assert!(zokio::telemetry::Snapshot::capture(runtime.handle()).ended);
    drop(runtime);
    shut_down().shutdown_background();
}

#[test]
fn other_threads_in_block_on_panic_too() {
    let runtime = Arc::new(runtime());
    let (driving, drives) = mpsc::channel();
    let first = thread::spawn({
        let runtime = runtime.clone();
        move || {
            panic_of(|| {
                runtime.block_on(async move {
                    driving.send(()).unwrap();
                    pending::<()>().await;
                })
            })
        }
    });
    drives.recv().unwrap();
    let (waiting, waits) = mpsc::channel();
    let second = thread::spawn({
        let runtime = runtime.clone();
        move || {
            panic_of(|| {
                runtime.block_on(async move {
                    waiting.send(()).unwrap();
                    pending::<()>().await;
                })
            })
        }
    });
    waits.recv().unwrap();
    runtime.spawn(async { panic!("boom") });
    assert_eq!(first.join().unwrap().text, TEXT);
    assert_eq!(second.join().unwrap().text, TEXT);
}

#[test]
fn panic_in_blocking_work_shuts_nothing_down() {
    let runtime = runtime();
    let failed = runtime.block_on(runtime.spawn_blocking(|| panic!("boom")));
    assert!(failed.unwrap_err().is_panic());
    assert_eq!(
        runtime.block_on(async { spawn(async { 1 }).await.unwrap() }),
        1
    );
}

#[test]
fn panic_in_the_future_of_block_on_shuts_nothing_down() {
    let runtime = runtime();
    assert_eq!(
        panic_of(|| runtime.block_on(async { panic!("own") })).text,
        "own"
    );
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

#[test]
fn panic_while_a_cancelled_task_is_dropped_shuts_nothing_down() {
    struct PanicsOnDrop;
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let runtime = runtime();
    let guard = PanicsOnDrop;
    let task = runtime.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    runtime.block_on(async { task::yield_now().await });
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_panic());
}

#[test]
fn ignored_panic_goes_to_the_join_handle_and_nowhere_else() {
    let runtime = Builder::new_current_thread()
        .unhandled_panic(UnhandledPanic::Ignore)
        .build()
        .unwrap();
    let failing = runtime.spawn(async { panic!("boom") });
    let other = runtime.spawn(async { 2 });
    runtime.block_on(async {
        assert!(failing.await.unwrap_err().is_panic());
        assert_eq!(other.await.unwrap(), 2);
    });
}

//! `task::Builder`: each way to spawn, with a name.

use std::rc::Rc;

use zokio::task::{self, Builder, LocalSet};

use super::support::{assert_panics_here, both, current, multi};

const NO_RUNTIME: &str =
    "there is no reactor running, must be called from the context of a zokio runtime";

#[test]
fn spawn_runs_on_the_current_runtime() {
    for runtime in both() {
        let output = runtime.block_on(async {
            Builder::new()
                .name("named")
                .spawn(async { 1 })
                .unwrap()
                .await
                .unwrap()
        });
        assert_eq!(output, 1);
    }
}

#[test]
fn spawn_needs_no_name() {
    current().block_on(async {
        assert_eq!(Builder::new().spawn(async { 2 }).unwrap().await.unwrap(), 2);
    });
}

#[test]
fn spawn_on_needs_no_current_runtime() {
    let runtime = multi();
    let task = Builder::new()
        .name("on")
        .spawn_on(async { 3 }, runtime.handle())
        .unwrap();
    assert_eq!(runtime.block_on(task).unwrap(), 3);
}

#[test]
fn spawn_local_runs_on_the_current_set() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let number = Rc::new(4);
        let task = Builder::new()
            .name("local")
            .spawn_local(async move { *number });
        assert_eq!(task.unwrap().await.unwrap(), 4);
    });
}

#[test]
fn spawn_local_on_runs_on_the_given_set() {
    let set = LocalSet::new();
    let number = Rc::new(5);
    let task = Builder::new()
        .name("local on")
        .spawn_local_on(async move { *number }, &set)
        .unwrap();
    assert_eq!(set.block_on(&current(), task).unwrap(), 5);
}

#[test]
fn spawn_blocking_runs_on_the_current_runtime_s_pool() {
    current().block_on(async {
        let work = Builder::new().name("blocking").spawn_blocking(|| 6);
        assert_eq!(work.unwrap().await.unwrap(), 6);
    });
}

#[test]
fn spawn_blocking_on_runs_on_the_given_runtime_s_pool() {
    let runtime = current();
    let work = Builder::new()
        .name("blocking on")
        .spawn_blocking_on(|| 7, runtime.handle())
        .unwrap();
    assert_eq!(runtime.block_on(work).unwrap(), 7);
}

#[test]
fn spawn_outside_of_a_runtime_panics_at_the_caller() {
    assert_panics_here!(NO_RUNTIME, || drop(Builder::new().spawn(async {})));
}

#[test]
fn spawn_blocking_outside_of_a_runtime_panics_at_the_caller() {
    assert_panics_here!(NO_RUNTIME, || drop(Builder::new().spawn_blocking(|| {})));
}

#[test]
fn spawn_local_outside_of_a_set_panics_at_the_caller() {
    assert_panics_here!(
        "`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`",
        || drop(Builder::new().spawn_local(async {}))
    );
}

#[test]
fn name_lives_no_longer_than_the_call() {
    current().block_on(async {
        let task = {
            let name = String::from("short-lived");
            Builder::new().name(&name).spawn(async { 8 }).unwrap()
        };
        assert_eq!(task.await.unwrap(), 8);
    });
}

#[test]
fn builder_may_be_configured_in_steps() {
    current().block_on(async {
        let builder = Builder::new();
        let builder = builder.name("steps");
        assert_eq!(format!("{builder:?}"), "Builder { name: Some(\"steps\") }");
        assert_eq!(builder.spawn(async { 9 }).unwrap().await.unwrap(), 9);
        let work = task::spawn_blocking(|| 10);
        assert_eq!(work.await.unwrap(), 10);
    });
}

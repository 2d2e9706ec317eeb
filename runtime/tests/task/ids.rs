//! Task ids.

use std::collections::HashSet;

use zokio::runtime::LocalRuntime;
use zokio::task::{self, LocalSet};

use super::support::{assert_panics_here, both, current, multi};

const OUTSIDE: &str = "Can't get a task id when not inside a task";

#[test]
fn id_inside_is_that_of_the_handle() {
    for runtime in both() {
        runtime.block_on(async {
            let task = zokio::spawn(async { task::id() });
            let id = task.id();
            assert_eq!(task.await.unwrap(), id);
        });
    }
}

#[test]
fn abort_handle_and_join_handle_agree_on_the_id() {
    current().block_on(async {
        let task = zokio::spawn(async {});
        assert_eq!(task.abort_handle().id(), task.id());
        assert_eq!(task.abort_handle().clone().id(), task.id());
    });
}

#[test]
fn id_stays_the_same_from_poll_to_poll() {
    multi().block_on(async {
        let task = zokio::spawn(async {
            let first = task::id();
            for _ in 0..20 {
                task::yield_now().await;
                assert_eq!(task::id(), first);
            }
            first
        });
        let id = task.id();
        assert_eq!(task.await.unwrap(), id);
    });
}

#[test]
fn id_outside_of_a_runtime_panics_at_the_caller() {
    assert_eq!(task::try_id(), None);
    assert_panics_here!(OUTSIDE, || task::id().to_string());
}

#[test]
fn id_in_block_on_panics() {
    for runtime in both() {
        runtime.block_on(async { assert_eq!(task::try_id(), None) });
        let caught = super::support::caught(|| runtime.block_on(async { task::id() }));
        assert_eq!(caught.message, OUTSIDE);
        assert!(caught.file.ends_with("ids.rs"));
    }
}

#[test]
fn blocking_work_has_an_id() {
    current().block_on(async {
        let work = task::spawn_blocking(task::id);
        let id = work.id();
        assert_eq!(work.await.unwrap(), id);
    });
}

#[test]
fn local_task_has_an_id_and_the_set_s_root_has_none() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        assert_eq!(task::try_id(), None);
        let task = task::spawn_local(async { task::id() });
        let id = task.id();
        assert_eq!(task.await.unwrap(), id);
        assert_eq!(task::try_id(), None);
    });
}

#[test]
fn local_runtime_s_root_has_no_id() {
    let runtime = LocalRuntime::new().unwrap();
    runtime.block_on(async { assert_eq!(task::try_id(), None) });
}

#[test]
fn id_in_a_set_that_is_polled_in_a_local_task_is_the_inner_one_and_then_the_outer_one() {
    let outer = LocalSet::new();
    outer.block_on(&current(), async {
        let task = task::spawn_local(async {
            let own = task::id();
            let set = LocalSet::new();
            let inner = set.spawn_local(async { task::id() });
            let inner_id = inner.id();
            assert_eq!(set.run_until(inner).await.unwrap(), inner_id);
            assert_eq!(task::id(), own);
            (own, inner_id)
        });
        let id = task.id();
        let (own, inner) = task.await.unwrap();
        assert!(own == id && own != inner);
    });
}

#[test]
fn ids_of_all_kinds_of_tasks_are_unique() {
    let set = LocalSet::new();
    set.block_on(&multi(), async {
        let mut ids = HashSet::new();
        for _ in 0..100 {
            assert!(ids.insert(zokio::spawn(async {}).id()));
            assert!(ids.insert(task::spawn_local(async {}).id()));
            assert!(ids.insert(task::spawn_blocking(|| {}).id()));
        }
    });
}

#[test]
fn id_in_a_destructor_after_an_abort_is_the_task_s() {
    current().block_on(async {
        let (send, receive) = std::sync::mpsc::channel();
        let on_drop = super::support::Defer(move || send.send(task::try_id()).unwrap());
        let task = zokio::spawn(async move {
            let _on_drop = on_drop;
            std::future::pending::<()>().await;
        });
        task::yield_now().await;
        let id = task.id();
        task.abort();
        let _ = task.await;
        assert_eq!(receive.recv().unwrap(), Some(id));
    });
}

#[test]
fn id_in_the_destructor_of_a_completed_future_is_the_task_s() {
    current().block_on(async {
        let (send, receive) = std::sync::mpsc::channel();
        let on_drop = super::support::Defer(move || send.send(task::try_id()).unwrap());
        let task = zokio::spawn(async move {
            let _on_drop = on_drop;
            task::yield_now().await;
        });
        let id = task.id();
        task.await.unwrap();
        assert_eq!(receive.recv().unwrap(), Some(id));
    });
}

#[test]
fn display_is_a_number_and_debug_wraps_it() {
    current().block_on(async {
        let id = zokio::spawn(async {}).id();
        assert!(id.to_string().parse::<u64>().is_ok());
        assert_eq!(format!("{id:?}"), format!("Id({id})"));
    });
}

#[test]
fn ids_are_compared_hashed_and_copied() {
    current().block_on(async {
        let (first, second) = (zokio::spawn(async {}).id(), zokio::spawn(async {}).id());
        let copy = first;
        assert!(copy == first && first != second && first < second);
        assert_eq!(HashSet::from([first, second, copy]).len(), 2);
    });
}

/// Sends the id of the task that it is dropped in.
struct TellsId(std::sync::mpsc::Sender<Option<task::Id>>);

impl Drop for TellsId {
    fn drop(&mut self) {
        let _ = self.0.send(task::try_id());
    }
}

#[test]
fn id_in_the_destructor_of_an_output_that_nobody_wants_is_the_task_s() {
    for runtime in both() {
        let (tell, told) = std::sync::mpsc::channel();
        let task = runtime.spawn(async { TellsId(tell) });
        let id = task.id();
        drop(task);
        runtime.block_on(task::yield_now());
        assert_eq!(told.recv(), Ok(Some(id)));
    }
}

#[test]
fn id_in_the_destructor_of_an_output_dropped_with_its_handle_is_the_task_s() {
    for runtime in both() {
        let (tell, told) = std::sync::mpsc::channel();
        let id = runtime.block_on(async {
            let task = zokio::spawn(async { TellsId(tell) });
            while !task.is_finished() {
                task::yield_now().await;
            }
            task.id()
        });
        assert_eq!(told.recv(), Ok(Some(id)));
        assert_eq!(task::try_id(), None);
    }
}

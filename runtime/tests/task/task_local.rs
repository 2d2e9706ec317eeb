//! Task locals across tasks, threads and local sets. What `task_local!` expands to is tested with
//! the other macros.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;

use zokio::task::futures::TaskLocalFuture;
use zokio::task::{self, JoinSet, LocalSet};

use super::support::{Defer, assert_panics_here, both, caught, current, multi, poll_once};

zokio::task_local! {
    static NUMBER: u32;
    static SHARED: Rc<Cell<u32>>;
    static WORD: RefCell<String>;
}

const UNSET: &str = "cannot access a task-local storage value without setting it first";

#[test]
fn future_has_tokio_s_path() {
    fn check<F: Future>(_: &TaskLocalFuture<u32, F>) {}
    check(&NUMBER.scope(1, async {}));
}

#[test]
fn value_follows_its_future_across_yields_and_workers() {
    multi().block_on(async {
        let tasks: JoinSet<()> = (0..20)
            .map(|n| {
                NUMBER.scope(n, async move {
                    for _ in 0..50 {
                        assert_eq!(NUMBER.get(), n);
                        task::yield_now().await;
                    }
                })
            })
            .collect();
        assert_eq!(tasks.join_all().await.len(), 20);
    });
}

#[test]
fn spawned_task_does_not_inherit_the_value() {
    for runtime in both() {
        runtime.block_on(NUMBER.scope(1, async {
            let inherited = zokio::spawn(async { NUMBER.try_get() });
            assert!(inherited.await.unwrap().is_err());
        }));
    }
}

#[test]
fn local_tasks_have_values_of_their_own() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let first = Rc::new(Cell::new(1));
        let task = task::spawn_local(SHARED.scope(first.clone(), async {
            task::yield_now().await;
            SHARED.with(|shared| shared.set(shared.get() + 1));
        }));
        assert!(SHARED.try_with(|_| ()).is_err());
        task.await.unwrap();
        assert_eq!(first.get(), 2);
    });
}

#[test]
fn value_of_the_root_is_not_set_in_local_tasks_of_the_set_around_it() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        NUMBER
            .scope(1, async {
                let task = task::spawn_local(async { NUMBER.try_get().is_err() });
                assert!(task.await.unwrap());
            })
            .await;
    });
}

#[test]
fn value_is_set_in_destructors_of_a_future_that_is_aborted() {
    current().block_on(async {
        let (send, receive) = std::sync::mpsc::channel();
        let on_drop = Defer(move || send.send(NUMBER.try_get()).unwrap());
        let task = zokio::spawn(NUMBER.scope(7, async move {
            let _on_drop = on_drop;
            pending::<()>().await;
        }));
        task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(receive.recv().unwrap(), Ok(7));
    });
}

#[test]
fn value_is_gone_after_a_panic_in_its_scope() {
    let mut scope = Box::pin(NUMBER.scope(1, async { std::panic::panic_any("scoped") }));
    let payload = super::support::caught_payload(|| poll_once(scope.as_mut()).is_ready());
    assert_eq!(super::support::text(&*payload), "scoped");
    assert!(NUMBER.try_get().is_err());
}

#[test]
fn sync_scope_sets_and_restores() {
    NUMBER.sync_scope(1, || {
        assert_eq!(NUMBER.get(), 1);
        NUMBER.sync_scope(2, || assert_eq!(NUMBER.get(), 2));
        assert_eq!(NUMBER.get(), 1);
    });
    assert!(NUMBER.try_get().is_err());
}

#[test]
fn sync_scope_restores_after_a_panic() {
    NUMBER.sync_scope(1, || {
        let scope = || NUMBER.sync_scope(2, || std::panic::panic_any("sync"));
        let payload = super::support::caught_payload::<()>(scope);
        assert_eq!(super::support::text(&*payload), "sync");
        assert_eq!(NUMBER.get(), 1);
    });
}

#[test]
fn with_and_get_outside_of_a_scope_panic_at_the_caller() {
    assert_panics_here!(UNSET, || NUMBER.with(|_| ()));
    assert_panics_here!(UNSET, || NUMBER.get());
}

#[test]
fn entering_a_scope_while_the_value_is_borrowed_panics_at_the_caller() {
    let expected = "cannot enter a task-local scope while the task-local storage is borrowed";
    NUMBER.sync_scope(1, || {
        NUMBER.with(|_| {
            assert_panics_here!(expected, || NUMBER.sync_scope(2, || ()));
        });
        assert_eq!(NUMBER.get(), 1);
    });
}

#[test]
fn polling_a_scope_while_the_value_is_borrowed_panics() {
    let caught = caught(|| {
        NUMBER.sync_scope(1, || {
            NUMBER.with(|_| poll_once(pin!(NUMBER.scope(2, async {}))).is_ready())
        })
    });
    let expected = "cannot enter a task-local scope while the task-local storage is borrowed";
    assert_eq!(caught.message, expected);
}

#[test]
fn values_with_interior_mutability_are_changed_in_place() {
    current().block_on(WORD.scope(RefCell::default(), async {
        for part in ["one ", "word"] {
            WORD.with(|word| word.borrow_mut().push_str(part));
            task::yield_now().await;
        }
        WORD.with(|word| assert_eq!(*word.borrow(), "one word"));
    }));
}

#[test]
fn value_is_taken_from_a_future_that_was_never_polled() {
    let mut scope = Box::pin(NUMBER.scope(3, async {}));
    assert_eq!(scope.as_mut().take_value(), Some(3));
    assert_eq!(scope.as_mut().take_value(), None);
}

#[test]
fn value_taken_in_the_middle_is_unset_for_the_rest() {
    current().block_on(async {
        let mut scope = Box::pin(NUMBER.scope(4, async {
            assert_eq!(NUMBER.get(), 4);
            task::yield_now().await;
            NUMBER.try_get().is_err()
        }));
        assert!(super::support::poll_here(scope.as_mut()).await.is_pending());
        assert_eq!(scope.as_mut().take_value(), Some(4));
        assert!(scope.await);
    });
}

#[test]
fn value_is_kept_beyond_completion_and_dropped_with_the_future() {
    let shared = Rc::new(Cell::new(0));
    let mut scope = Box::pin(SHARED.scope(shared.clone(), async {}));
    assert!(poll_once(scope.as_mut()).is_ready());
    assert_eq!(Rc::strong_count(&shared), 2);
    drop(scope);
    assert_eq!(Rc::strong_count(&shared), 1);
}

#[test]
fn two_scopes_polled_in_turn_keep_their_values() {
    current().block_on(async {
        let count = |n| {
            NUMBER.scope(n, async move {
                for _ in 0..5 {
                    assert_eq!(NUMBER.get(), n);
                    task::yield_now().await;
                }
            })
        };
        zokio::join!(count(1), count(2));
    });
}

//! `yield_now`.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::Context;

use zokio::task::{self, LocalSet};

use super::support::{Wakes, both, current, poll_here};

#[test]
fn yield_now_is_pending_once() {
    current().block_on(async {
        let mut yielding = pin!(task::yield_now());
        assert!(poll_here(yielding.as_mut()).await.is_pending());
        assert!(poll_here(yielding.as_mut()).await.is_ready());
    });
}

#[test]
fn yield_now_wakes_whoever_polls_it_outside_of_a_runtime() {
    let (wakes, waker) = Wakes::new();
    let mut yielding = pin!(task::yield_now());
    assert!(
        yielding
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert_eq!(wakes.count(), 1);
}

#[test]
fn yielding_tasks_take_turns() {
    current().block_on(async {
        let log = Arc::new(Mutex::new(Vec::new()));
        let tasks = ["a", "b"].map(|name| {
            let log = log.clone();
            zokio::spawn(async move {
                for _ in 0..3 {
                    log.lock().unwrap().push(name);
                    task::yield_now().await;
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*log.lock().unwrap(), ["a", "b", "a", "b", "a", "b"]);
    });
}

#[test]
fn yielding_local_tasks_take_turns() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let log = Rc::new(RefCell::new(Vec::new()));
        let tasks = ["a", "b", "c"].map(|name| {
            let log = log.clone();
            task::spawn_local(async move {
                for _ in 0..2 {
                    log.borrow_mut().push(name);
                    task::yield_now().await;
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*log.borrow(), ["a", "b", "c", "a", "b", "c"]);
    });
}

#[test]
fn yielding_takes_nothing_from_the_budget() {
    for runtime in both() {
        runtime.block_on(async {
            let task = zokio::spawn(async {
                for _ in 0..1000 {
                    task::yield_now().await;
                }
                task::coop::has_budget_remaining()
            });
            assert!(task.await.unwrap());
        });
    }
}

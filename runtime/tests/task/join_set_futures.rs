//! `JoinSet::shutdown` and `JoinSet::join_all`.

use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;

use zokio::task::{self, JoinSet};

use super::support::{Drops, both, caught, current, poll_once};

#[test]
fn shutdown_cancels_and_empties_the_set() {
    for runtime in both() {
        let drops = Drops::default();
        runtime.block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..10 {
                let guard = drops.guard();
                set.spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
            }
            set.shutdown().await;
            assert!(set.is_empty());
            assert_eq!(drops.count(), 10);
        });
    }
}

#[test]
fn shutdown_of_an_empty_set_is_ready_at_once() {
    let mut set: JoinSet<()> = JoinSet::new();
    assert!(poll_once(pin!(set.shutdown())).is_ready());
}

#[test]
fn shutdown_ignores_panics() {
    current().block_on(async {
        let mut set = JoinSet::<()>::new();
        set.spawn(async { std::panic::panic_any("ignored") });
        set.spawn(async {
            let _bomb = super::support::Bomb;
            pending::<()>().await;
        });
        task::yield_now().await;
        set.shutdown().await;
        assert!(set.is_empty());
    });
}

#[test]
fn shutdown_that_is_never_polled_aborts_nothing() {
    current().block_on(async {
        let mut set = JoinSet::new();
        let handle = set.spawn(async {
            task::yield_now().await;
            1
        });
        drop(set.shutdown());
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
        assert!(handle.is_finished());
    });
}

#[test]
fn shutdown_waits_for_blocking_work_that_has_begun() {
    current().block_on(async {
        let ended = Arc::new(AtomicBool::new(false));
        let (go, wait) = mpsc::channel();
        let (started, has_started) = mpsc::channel();
        let mut set = JoinSet::new();
        let inner = ended.clone();
        set.spawn_blocking(move || {
            started.send(()).unwrap();
            wait.recv().unwrap();
            inner.store(true, Ordering::SeqCst);
        });
        has_started.recv().unwrap();
        {
            let mut shutdown = pin!(set.shutdown());
            let pending = super::support::poll_here(shutdown.as_mut()).await;
            assert!(pending.is_pending());
            go.send(()).unwrap();
            shutdown.await;
        }
        assert!(ended.load(Ordering::SeqCst) && set.is_empty());
    });
}

#[test]
fn set_is_used_on_after_its_shutdown() {
    current().block_on(async {
        let mut set = JoinSet::new();
        set.spawn(pending());
        set.shutdown().await;
        set.spawn(async { 2 });
        assert_eq!(set.join_all().await, [2]);
    });
}

#[test]
fn dropped_shutdown_leaves_aborted_tasks_in_the_set() {
    current().block_on(async {
        let mut set = JoinSet::<()>::new();
        set.spawn(pending());
        assert!(
            super::support::poll_here(pin!(set.shutdown()))
                .await
                .is_pending()
        );
        assert_eq!(set.len(), 1);
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn join_all_returns_outputs_in_the_order_of_completion() {
    let runtime = zokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut set = JoinSet::new();
        for n in 0..3 {
            set.spawn(async move {
                zokio::time::sleep(std::time::Duration::from_secs(3 - n)).await;
                n
            });
        }
        assert_eq!(set.join_all().await, [2, 1, 0]);
    });
}

#[test]
fn join_all_of_an_empty_set_is_ready_with_nothing() {
    let set: JoinSet<()> = JoinSet::new();
    assert_eq!(poll_once(pin!(set.join_all())), Poll::Ready(vec![]));
}

#[test]
fn join_all_passes_a_panic_on_and_aborts_the_others() {
    let runtime = current();
    let drops = Drops::default();
    let guard = drops.guard();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async {
            let mut set = JoinSet::<()>::new();
            set.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            set.spawn(async { std::panic::panic_any(17u8) });
            set.join_all().await
        })
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&17u8));
    runtime.block_on(task::yield_now());
    assert_eq!(drops.count(), 1);
}

#[test]
fn join_all_panics_with_the_text_of_a_cancellation() {
    let caught = caught(|| {
        current().block_on(async {
            let mut set = JoinSet::<()>::new();
            let handle = set.spawn(pending());
            handle.abort();
            set.join_all().await;
        })
    });
    assert!(caught.message.starts_with("task "), "{caught:?}");
    assert!(caught.message.ends_with(" was cancelled"), "{caught:?}");
    assert!(caught.file.ends_with("join_set_futures.rs"), "{caught:?}");
}

#[test]
fn dropped_join_all_aborts_all() {
    current().block_on(async {
        let drops = Drops::default();
        let guard = drops.guard();
        let mut set = JoinSet::new();
        set.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        task::yield_now().await;
        {
            let joining = pin!(set.join_all());
            assert!(super::support::poll_here(joining).await.is_pending());
        }
        task::yield_now().await;
        assert_eq!(drops.count(), 1);
    });
}

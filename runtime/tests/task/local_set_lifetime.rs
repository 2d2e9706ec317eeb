//! `LocalSet`: what is dropped when, and what is left of a set after it.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use zokio::sync::oneshot;
use zokio::task::{self, AbortHandle, JoinHandle, LocalSet};

use super::support::{Bomb, Defer, Drops, both, current, log, multi};

#[test]
fn dropping_the_set_drops_tasks_that_wait() {
    for runtime in both() {
        let (set, drops) = (LocalSet::new(), Drops::default());
        let guard = drops.guard();
        let task = set.spawn_local(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        set.block_on(&runtime, task::yield_now());
        drop(set);
        assert_eq!(drops.count(), 1);
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    }
}

#[test]
fn dropping_the_set_drops_tasks_that_never_ran() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let guard = drops.guard();
    let task = set.spawn_local(async move { drop(guard) });
    drop(set);
    assert_eq!(drops.count(), 1);
    assert!(current().block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn dropping_the_set_drops_tasks_that_were_woken_and_not_run() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let (send, receive) = oneshot::channel::<()>();
    let guard = drops.guard();
    let task = set.spawn_local(async move {
        let _guard = guard;
        receive.await.unwrap();
        pending::<()>().await;
    });
    set.block_on(&current(), task::yield_now());
    send.send(()).unwrap();
    drop(set);
    assert_eq!(drops.count(), 1);
    assert!(task.is_finished());
}

#[test]
fn completed_task_keeps_its_output_beyond_the_set() {
    let (runtime, set) = (current(), LocalSet::new());
    let task = set.spawn_local(async { Rc::new(4) });
    set.block_on(&runtime, task::yield_now());
    drop(set);
    assert_eq!(*runtime.block_on(task).unwrap(), 4);
}

#[test]
fn unwanted_output_is_dropped_when_the_task_completes() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let guard = drops.guard();
    drop(set.spawn_local(async move { guard }));
    set.block_on(&current(), task::yield_now());
    assert_eq!(drops.count(), 1);
}

#[test]
fn dropped_handle_detaches_a_local_task() {
    let (set, log) = (LocalSet::new(), log());
    let inner = log.clone();
    drop(set.spawn_local(async move {
        task::yield_now().await;
        inner.borrow_mut().push("ran on");
    }));
    current().block_on(set);
    assert_eq!(*log.borrow(), ["ran on"]);
}

#[test]
fn destructor_that_spawns_on_the_dropped_set_gets_a_cancelled_task() {
    let set = LocalSet::new();
    let spawned: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let (inner, drops) = (spawned.clone(), Drops::default());
    let guard = drops.guard();
    let mut future = Some(async move { drop(guard) });
    let on_drop = Defer(move || {
        *inner.borrow_mut() = future.take().map(task::spawn_local);
    });
    set.spawn_local(async move {
        let _on_drop = on_drop;
        pending::<()>().await;
    });
    set.block_on(&current(), task::yield_now());
    drop(set);
    assert_eq!(drops.count(), 1);
    let task = spawned.take().expect("the destructor has run");
    assert!(current().block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn destructor_that_wakes_another_task_of_the_dropped_set_harms_nobody() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let (send, receive) = oneshot::channel::<()>();
    let mut send = Some(send);
    let on_drop = Defer(move || drop(send.take()));
    let (first, second) = (drops.guard(), drops.guard());
    set.spawn_local(async move {
        let _guards = (first, on_drop);
        pending::<()>().await;
    });
    set.spawn_local(async move {
        let _guard = second;
        let _ = receive.await;
        pending::<()>().await;
    });
    set.block_on(&current(), task::yield_now());
    drop(set);
    assert_eq!(drops.count(), 2);
}

#[test]
fn destructor_that_aborts_another_task_of_the_dropped_set_harms_nobody() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let other = drops.guard();
    let target = set.spawn_local(async move {
        let _guard = other;
        pending::<()>().await;
    });
    let target = target.abort_handle();
    let on_drop = Defer(move || target.abort());
    set.spawn_local(async move {
        let _on_drop = on_drop;
        pending::<()>().await;
    });
    set.block_on(&current(), task::yield_now());
    drop(set);
    assert_eq!(drops.count(), 1);
}

#[test]
fn destructor_that_panics_does_not_keep_others_from_being_dropped() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let bombed = set.spawn_local(async {
        let _bomb = Bomb;
        pending::<()>().await;
    });
    let guard = drops.guard();
    set.spawn_local(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    set.block_on(&current(), task::yield_now());
    drop(set);
    assert_eq!(drops.count(), 1);
    assert!(current().block_on(bombed).unwrap_err().is_panic());
}

#[test]
fn task_local_set_inside_its_own_task_is_dropped_with_it() {
    let (outer, drops) = (LocalSet::new(), Drops::default());
    let guard = drops.guard();
    outer.spawn_local(async move {
        let inner = LocalSet::new();
        inner.spawn_local(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        inner.await;
    });
    outer.block_on(&current(), task::yield_now());
    assert_eq!(drops.count(), 0);
    drop(outer);
    assert_eq!(drops.count(), 1);
}

#[test]
fn enter_guard_may_outlive_its_set_and_spawns_cancelled_tasks() {
    let set = LocalSet::new();
    let _guard = set.enter();
    drop(set);
    let task = task::spawn_local(async {});
    assert!(task.is_finished());
    assert!(current().block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn waker_kept_beyond_the_set_may_be_woken_and_dropped() {
    let set = LocalSet::new();
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    let inner = kept.clone();
    set.spawn_local(poll_fn(move |cx| {
        *inner.borrow_mut() = Some(cx.waker().clone());
        Poll::<()>::Pending
    }));
    set.block_on(&current(), task::yield_now());
    drop(set);
    let waker = kept.take().unwrap();
    waker.wake_by_ref();
    drop(waker.clone());
    waker.wake();
}

#[test]
fn abort_handle_kept_beyond_the_set_may_be_used() {
    let set = LocalSet::new();
    let handle: AbortHandle = set.spawn_local(pending::<()>()).abort_handle();
    drop(set);
    assert!(handle.is_finished());
    handle.abort();
}

#[test]
fn set_outlives_the_runtime_that_it_ran_in() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let guard = drops.guard();
    let (send, receive) = oneshot::channel();
    for runtime in both() {
        set.block_on(&runtime, async {
            task::spawn_local(async {}).await.unwrap();
        });
    }
    let task = set.block_on(&current(), async {
        task::spawn_local(async move {
            let _guard = guard;
            receive.await.unwrap()
        })
    });
    assert_eq!(drops.count(), 0, "a runtime's end leaves local tasks alone");
    send.send(3).unwrap();
    assert_eq!(set.block_on(&multi(), task).unwrap(), 3);
}

#[test]
fn tasks_of_a_set_are_dropped_on_its_thread_after_the_runtime_is_gone() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let guard = drops.guard();
    set.block_on(&multi(), async {
        task::spawn_local(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        task::yield_now().await;
    });
    assert_eq!(drops.count(), 0);
    drop(set);
    assert_eq!(drops.thread(), Some(std::thread::current().id()));
}

#[test]
fn set_made_and_spawned_on_outside_of_any_runtime_runs_in_one() {
    let set = LocalSet::new();
    let tasks: Vec<_> = (0..3).map(|n| set.spawn_local(async move { n })).collect();
    let runtime = current();
    set.block_on(&runtime, async {
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
    });
}

#[test]
fn set_in_a_thread_local_is_dropped_with_the_thread() {
    thread_local! {
        static SET: LocalSet = LocalSet::new();
    }
    let drops = Drops::default();
    let guard = drops.guard();
    let thread = std::thread::spawn(move || {
        SET.with(|set| {
            set.spawn_local(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            set.block_on(&current(), task::yield_now());
        });
        std::thread::current().id()
    });
    let thread = thread.join().unwrap();
    assert_eq!((drops.count(), drops.thread()), (1, Some(thread)));
}

// Leaks on purpose, which a sanitizer reports.
#[cfg(not(zokio_sanitize))]
#[test]
fn forgotten_set_leaks_its_tasks_and_harms_nobody() {
    let set = LocalSet::new();
    let (send, receive) = oneshot::channel::<()>();
    let task = set.spawn_local(receive);
    set.block_on(&current(), task::yield_now());
    std::mem::forget(set);
    send.send(()).unwrap();
    assert!(!task.is_finished());
}

#[test]
fn future_of_a_completed_task_is_dropped_before_the_joiner_goes_on() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let drops = Drops::default();
        let guard = drops.guard();
        let task = task::spawn_local(async move {
            let _guard = guard;
            task::yield_now().await;
        });
        task.await.unwrap();
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn destructors_of_local_tasks_see_their_task_s_id() {
    let set = LocalSet::new();
    let seen = Rc::new(Cell::new(None));
    let inner = seen.clone();
    let on_drop = Defer(move || inner.set(task::try_id()));
    let task = set.spawn_local(async move {
        let _on_drop = on_drop;
        pending::<()>().await;
    });
    set.block_on(&current(), task::yield_now());
    let id = task.id();
    drop(set);
    assert_eq!(seen.get(), Some(id));
}

#[test]
fn ten_thousand_local_tasks_come_and_go() {
    let (set, runtime) = (LocalSet::new(), current());
    let count = Rc::new(Cell::new(0));
    for _ in 0..10 {
        let count = count.clone();
        set.block_on(&runtime, async {
            let tasks: Vec<_> = (0..1000)
                .map(|_| {
                    let count = count.clone();
                    task::spawn_local(async move {
                        task::yield_now().await;
                        count.set(count.get() + 1);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    }
    assert_eq!(count.get(), 10_000);
}

/// A waker that wakes another one when it is dropped.
struct WakesOnDrop(Waker);

impl Wake for WakesOnDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for WakesOnDrop {
    fn drop(&mut self) {
        self.0.wake_by_ref();
    }
}

#[test]
fn waker_of_whoever_polls_the_set_may_wake_a_task_of_it_when_it_is_dropped() {
    let set = LocalSet::new();
    let polls = Rc::new(Cell::new(0));
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    let (inner, counted) = (kept.clone(), polls.clone());
    set.spawn_local(poll_fn(move |cx| {
        counted.set(counted.get() + 1);
        *inner.borrow_mut() = Some(cx.waker().clone());
        Poll::<()>::Pending
    }));
    let mut running = Box::pin(set.run_until(pending::<()>()));
    assert!(super::support::poll_once(running.as_mut()).is_pending());
    let nosy = Waker::from(Arc::new(WakesOnDrop(kept.take().unwrap())));
    let polled = running.as_mut().poll(&mut Context::from_waker(&nosy));
    assert!(polled.is_pending());
    drop(nosy);
    // The set's own clone is dropped for the one that replaces it.
    for _ in 0..2 {
        assert!(super::support::poll_once(running.as_mut()).is_pending());
    }
    assert_eq!(polls.get(), 2);
}

#[test]
fn polling_a_run_until_after_it_was_ready_panics() {
    let set = LocalSet::new();
    let mut running = Box::pin(set.run_until(async {}));
    assert!(super::support::poll_once(running.as_mut()).is_ready());
    let caught = super::support::caught(|| {
        let mut cx = Context::from_waker(Waker::noop());
        running.as_mut().poll(&mut cx)
    });
    assert_eq!(caught.message, "`async fn` resumed after completion");
}

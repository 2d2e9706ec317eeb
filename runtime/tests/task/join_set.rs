//! `JoinSet`: spawning, joining, aborting, detaching.

use std::cell::Cell;
use std::collections::HashSet;
use std::future::{Future, pending, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Wake, Waker};

use zokio::sync::{Notify, oneshot};
use zokio::task::{self, JoinSet, LocalSet};

use super::support::{Drops, Wakes, assert_panics_here, both, current, multi, text};

const NO_RUNTIME: &str =
    "there is no reactor running, must be called from the context of a zokio runtime";

#[test]
fn new_set_is_empty() {
    let set: JoinSet<()> = JoinSet::new();
    assert!(set.is_empty());
    assert_eq!((set.len(), JoinSet::<()>::default().len()), (0, 0));
}

#[test]
fn all_outputs_are_joined() {
    for runtime in both() {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            for n in 0..100 {
                set.spawn(async move { n });
            }
            let mut seen = HashSet::new();
            while let Some(output) = set.join_next().await {
                assert!(seen.insert(output.unwrap()));
            }
            assert_eq!(seen.len(), 100);
        });
    }
}

#[test]
fn joining_an_empty_set_gives_none_at_once() {
    let mut set: JoinSet<()> = JoinSet::new();
    assert!(matches!(
        super::support::poll_once(pin!(set.join_next())),
        Poll::Ready(None)
    ));
    assert!(set.try_join_next().is_none());
    assert!(set.try_join_next_with_id().is_none());
}

#[test]
fn len_counts_tasks_until_they_are_joined() {
    current().block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async {});
        set.spawn(async {});
        assert_eq!((set.len(), set.is_empty()), (2, false));
        task::yield_now().await;
        assert_eq!(set.len(), 2, "complete, but not joined");
        set.join_next().await.unwrap().unwrap();
        assert_eq!(set.len(), 1);
        set.join_next().await.unwrap().unwrap();
        assert!(set.is_empty() && set.join_next().await.is_none());
    });
}

#[test]
fn tasks_are_joined_in_the_order_of_their_completion() {
    current().block_on(async {
        let mut set = JoinSet::new();
        let mut gates = Vec::new();
        for n in 0..4 {
            let (send, receive) = oneshot::channel::<()>();
            gates.push(Some(send));
            set.spawn(async move {
                receive.await.unwrap();
                n
            });
        }
        task::yield_now().await;
        for n in [2, 0, 3, 1] {
            gates[n].take().unwrap().send(()).unwrap();
            task::yield_now().await;
        }
        for n in [2, 0, 3, 1] {
            assert_eq!(set.join_next().await.unwrap().unwrap(), n);
        }
    });
}

#[test]
fn task_that_completed_before_it_was_waited_for_is_joined() {
    current().block_on(async {
        let mut set = JoinSet::new();
        let handle = set.spawn(async { 1 });
        while !handle.is_finished() {
            task::yield_now().await;
        }
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
    });
}

#[test]
fn completion_wakes_who_waits() {
    let runtime = current();
    let mut set = JoinSet::new();
    let (send, receive) = oneshot::channel::<()>();
    set.spawn_on(async move { receive.await.unwrap() }, runtime.handle());
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    assert!(set.poll_join_next(&mut cx).is_pending());
    runtime.block_on(task::yield_now());
    assert_eq!(wakes.count(), 0);
    send.send(()).unwrap();
    runtime.block_on(task::yield_now());
    assert_eq!(wakes.count(), 1);
    assert!(matches!(
        set.poll_join_next(&mut cx),
        Poll::Ready(Some(Ok(())))
    ));
    assert!(matches!(set.poll_join_next(&mut cx), Poll::Ready(None)));
}

#[test]
fn only_the_waker_of_the_latest_poll_is_woken() {
    let runtime = current();
    let mut set = JoinSet::new();
    set.spawn_on(async {}, runtime.handle());
    let ((first, one), (second, two)) = (Wakes::new(), Wakes::new());
    assert!(
        set.poll_join_next(&mut Context::from_waker(&one))
            .is_pending()
    );
    assert!(
        set.poll_join_next(&mut Context::from_waker(&two))
            .is_pending()
    );
    runtime.block_on(task::yield_now());
    assert_eq!((first.count(), second.count()), (0, 1));
}

#[test]
fn dropped_join_next_has_taken_nothing() {
    current().block_on(async {
        let mut set = JoinSet::new();
        let gate = Rc::new(Notify::new());
        let (send, receive) = oneshot::channel();
        set.spawn(async move { receive.await.unwrap() });
        for _ in 0..5 {
            zokio::select! {
                biased;
                _ = set.join_next() => unreachable!("it waits for the sender"),
                () = ready(()) => {}
            }
        }
        drop(gate);
        assert_eq!(set.len(), 1);
        send.send(5).unwrap();
        assert_eq!(set.join_next().await.unwrap().unwrap(), 5);
    });
}

#[test]
fn join_next_dropped_after_its_wake_leaves_the_task_in_the_set() {
    let runtime = current();
    let mut set = JoinSet::new();
    set.spawn_on(async { 7 }, runtime.handle());
    {
        let mut joining = Box::pin(set.join_next());
        assert!(super::support::poll_once(joining.as_mut()).is_pending());
        runtime.block_on(task::yield_now());
    }
    assert_eq!(set.len(), 1);
    assert_eq!(set.try_join_next().unwrap().unwrap(), 7);
}

#[test]
fn ids_come_with_the_outputs() {
    current().block_on(async {
        let mut set = JoinSet::new();
        let ids: Vec<_> = (0..3)
            .map(|n| (set.spawn(async move { n }).id(), n))
            .collect();
        for (id, n) in ids {
            assert_eq!(set.join_next_with_id().await.unwrap().unwrap(), (id, n));
        }
    });
}

#[test]
fn ids_of_failed_tasks_are_in_their_errors() {
    current().block_on(async {
        let mut set = JoinSet::<()>::new();
        let panics = set.spawn(async { std::panic::panic_any("it") }).id();
        let error = set.join_next_with_id().await.unwrap().unwrap_err();
        assert_eq!((error.id(), error.is_panic()), (panics, true));
        let handle = set.spawn(pending());
        handle.abort();
        let error = set.join_next_with_id().await.unwrap().unwrap_err();
        assert_eq!((error.id(), error.is_cancelled()), (handle.id(), true));
    });
}

#[test]
fn poll_join_next_with_id_gives_the_id() {
    let runtime = current();
    let mut set = JoinSet::new();
    let id = set.spawn_on(async { 1 }, runtime.handle()).id();
    runtime.block_on(task::yield_now());
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Some(Ok(joined))) = set.poll_join_next_with_id(&mut cx) else {
        panic!("the task is complete");
    };
    assert_eq!(joined, (id, 1));
}

#[test]
fn try_join_next_takes_only_what_has_completed() {
    current().block_on(async {
        let mut set = JoinSet::new();
        let (send, receive) = oneshot::channel();
        set.spawn(async move { receive.await.unwrap() });
        set.spawn(async { 2 });
        assert!(set.try_join_next().is_none());
        task::yield_now().await;
        assert_eq!(set.try_join_next().unwrap().unwrap(), 2);
        assert!(set.try_join_next().is_none());
        send.send(1).unwrap();
        task::yield_now().await;
        assert_eq!(set.try_join_next().unwrap().unwrap(), 1);
        assert!(set.is_empty());
    });
}

#[test]
fn try_join_next_with_id_gives_the_id() {
    current().block_on(async {
        let mut set = JoinSet::new();
        let id = set.spawn(async { 4 }).id();
        task::yield_now().await;
        assert_eq!(set.try_join_next_with_id().unwrap().unwrap(), (id, 4));
    });
}

#[test]
fn try_join_next_needs_no_budget() {
    current().block_on(async {
        let mut set = JoinSet::new();
        (0..500).for_each(|_| drop(set.spawn(async {})));
        for _ in 0..20 {
            task::yield_now().await;
        }
        let mut joined = 0;
        while set.try_join_next().is_some() {
            joined += 1;
        }
        assert_eq!(joined, 500);
    });
}

#[test]
fn join_next_yields_when_the_budget_is_spent() {
    current().block_on(async {
        let mut set = JoinSet::new();
        (0..200).for_each(|_| drop(set.spawn(async {})));
        for _ in 0..10 {
            task::yield_now().await;
        }
        let mut joined = 0;
        task::yield_now().await;
        std::future::poll_fn(|cx| {
            while set.poll_join_next(cx).is_ready() {
                joined += 1;
            }
            Poll::Ready(())
        })
        .await;
        assert_eq!((joined, set.len()), (128, 72));
        while set.join_next().await.is_some() {}
    });
}

#[test]
fn dropping_the_set_aborts_its_tasks() {
    let runtime = current();
    let drops = Drops::default();
    runtime.block_on(async {
        let mut set = JoinSet::new();
        for _ in 0..3 {
            let guard = drops.guard();
            set.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
        }
        task::yield_now().await;
        drop(set);
        task::yield_now().await;
    });
    assert_eq!(drops.count(), 3);
}

#[test]
fn dropping_the_set_drops_outputs_that_nobody_took() {
    current().block_on(async {
        let drops = Drops::default();
        let mut set = JoinSet::new();
        let guard = drops.guard();
        set.spawn(async move { guard });
        task::yield_now().await;
        assert_eq!(drops.count(), 0);
        drop(set);
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn detached_tasks_run_on() {
    current().block_on(async {
        let mut set = JoinSet::new();
        let (send, receive) = oneshot::channel();
        set.spawn(async move {
            task::yield_now().await;
            send.send(6).unwrap();
        });
        set.detach_all();
        assert!(set.is_empty() && set.join_next().await.is_none());
        drop(set);
        assert_eq!(receive.await.unwrap(), 6);
    });
}

#[test]
fn set_is_used_on_after_its_tasks_were_detached() {
    current().block_on(async {
        let mut set = JoinSet::new();
        let gate = std::sync::Arc::new(Notify::new());
        for _ in 0..3 {
            let gate = gate.clone();
            set.spawn(async move {
                gate.notified().await;
                "old"
            });
        }
        task::yield_now().await;
        set.detach_all();
        let (send, receive) = oneshot::channel();
        set.spawn(async move { receive.await.unwrap() });
        gate.notify_waiters();
        task::yield_now().await;
        assert!(
            set.try_join_next().is_none(),
            "completions of old tasks do not count"
        );
        send.send("new").unwrap();
        assert_eq!(set.join_next().await.unwrap().unwrap(), "new");
        assert!(set.is_empty());
    });
}

#[test]
fn detaching_completed_tasks_drops_their_outputs() {
    current().block_on(async {
        let drops = Drops::default();
        let mut set = JoinSet::new();
        let guard = drops.guard();
        set.spawn(async move { guard });
        task::yield_now().await;
        set.detach_all();
        assert_eq!(drops.count(), 1);
        assert!(set.try_join_next().is_none());
    });
}

#[test]
fn abort_all_leaves_the_tasks_to_be_joined() {
    for runtime in both() {
        runtime.block_on(async {
            let mut set = JoinSet::<()>::new();
            (0..5).for_each(|_| drop(set.spawn(pending())));
            set.abort_all();
            assert_eq!(set.len(), 5);
            for _ in 0..5 {
                assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
            }
            assert!(set.is_empty());
        });
    }
}

#[test]
fn abort_all_leaves_completed_tasks_as_they_are() {
    current().block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async { 3 });
        task::yield_now().await;
        set.abort_all();
        assert_eq!(set.join_next().await.unwrap().unwrap(), 3);
    });
}

#[test]
fn abort_handle_of_one_task_aborts_that_one() {
    current().block_on(async {
        let mut set = JoinSet::new();
        let stuck = set.spawn(pending::<i32>());
        set.spawn(async { 1 });
        task::yield_now().await;
        stuck.abort();
        let mut results = Vec::new();
        while let Some(result) = set.join_next().await {
            results.push(result.map_err(|error| error.is_cancelled()));
        }
        results.sort();
        assert_eq!(results, [Ok(1), Err(true)]);
    });
}

#[test]
fn panic_in_a_task_is_joined_as_an_error() {
    current().block_on(async {
        let mut set = JoinSet::<()>::new();
        set.spawn(async { std::panic::panic_any("in the set") });
        let error = set.join_next().await.unwrap().unwrap_err();
        assert_eq!(text(&*error.into_panic()), "in the set");
    });
}

#[test]
fn spawn_blocking_runs_functions() {
    for runtime in both() {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            (0..4).for_each(|n| drop(set.spawn_blocking(move || n)));
            let mut outputs = set.join_all().await;
            outputs.sort();
            assert_eq!(outputs, [0, 1, 2, 3]);
        });
    }
}

#[test]
fn spawn_on_and_spawn_blocking_on_work_outside_of_a_runtime() {
    let runtime = multi();
    let mut set = JoinSet::new();
    set.spawn_on(async { 1 }, runtime.handle());
    set.spawn_blocking_on(|| 2, runtime.handle());
    let mut outputs = runtime.block_on(set.join_all());
    outputs.sort();
    assert_eq!(outputs, [1, 2]);
}

#[test]
fn spawn_local_spawns_on_the_current_set() {
    let local = LocalSet::new();
    local.block_on(&current(), async {
        let mut set = JoinSet::new();
        let number = Rc::new(5);
        set.spawn_local(async move { number });
        assert_eq!(*set.join_next().await.unwrap().unwrap(), 5);
    });
}

#[test]
fn spawn_local_on_spawns_on_a_set_that_is_not_running() {
    let local = LocalSet::new();
    let mut set = JoinSet::new();
    let ran = Rc::new(Cell::new(false));
    let inner = ran.clone();
    set.spawn_local_on(async move { inner.set(true) }, &local);
    assert!(!ran.get() && set.try_join_next().is_none());
    local.block_on(&current(), async {
        set.join_next().await.unwrap().unwrap();
    });
    assert!(ran.get());
}

#[test]
fn dropping_the_local_set_first_cancels_the_tasks_of_the_join_set() {
    let local = LocalSet::new();
    let mut set = JoinSet::new();
    set.spawn_local_on(pending::<Rc<()>>(), &local);
    drop(local);
    assert!(set.try_join_next().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn spawning_after_the_runtime_s_end_gives_cancelled_tasks() {
    let runtime = current();
    let handle = runtime.handle().clone();
    drop(runtime);
    let mut set = JoinSet::new();
    set.spawn_on(async {}, &handle);
    assert!(set.try_join_next().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn set_outlives_the_runtime_and_joins_what_was_cancelled() {
    let runtime = multi();
    let mut set = JoinSet::<()>::new();
    set.spawn_on(pending(), runtime.handle());
    drop(runtime);
    assert!(set.try_join_next().unwrap().unwrap_err().is_cancelled());
}

#[test]
fn spawn_outside_of_a_runtime_panics_at_the_caller() {
    let mut set = JoinSet::new();
    assert_panics_here!(NO_RUNTIME, || drop(set.spawn(async {})));
    assert!(set.is_empty());
}

#[test]
fn spawn_blocking_outside_of_a_runtime_panics_at_the_caller() {
    let mut set = JoinSet::new();
    assert_panics_here!(NO_RUNTIME, || drop(set.spawn_blocking(|| {})));
}

#[test]
fn spawn_local_outside_of_a_set_panics_at_the_caller() {
    let mut set = JoinSet::new();
    assert_panics_here!(
        "`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`",
        || drop(set.spawn_local(async {}))
    );
}

#[test]
fn iterators_are_collected_and_extend_a_set() {
    current().block_on(async {
        let mut set: JoinSet<_> = (0..5).map(|n| async move { n }).collect();
        set.extend((5..10).map(|n| async move { n }));
        assert_eq!(set.len(), 10);
        let mut outputs = set.join_all().await;
        outputs.sort();
        assert_eq!(outputs, (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn debug_output_shows_the_length() {
    current().block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async {});
        assert_eq!(format!("{set:?}"), "JoinSet { len: 1 }");
    });
}

#[test]
fn keys_of_joined_tasks_are_used_again() {
    multi().block_on(async {
        let mut set = JoinSet::new();
        let (mut spawned, mut joined) = (0u64, 0u64);
        for round in 0..2000u64 {
            set.spawn(async move { round });
            spawned += round;
            if set.len() > 8 {
                joined += set.join_next().await.unwrap().unwrap();
            }
        }
        while let Some(output) = set.join_next().await {
            joined += output.unwrap();
        }
        assert_eq!(joined, spawned);
    });
}

#[test]
fn set_may_be_sent_to_another_task() {
    multi().block_on(async {
        let mut set = JoinSet::new();
        set.spawn(async { 1 });
        let joined = zokio::spawn(async move { set.join_next().await.unwrap().unwrap() });
        assert_eq!(joined.await.unwrap(), 1);
    });
}

#[test]
fn build_task_spawns_with_a_name() {
    let local = LocalSet::new();
    let runtime = current();
    let handle = runtime.handle().clone();
    local.block_on(&runtime, async {
        let mut set = JoinSet::new();
        set.build_task().name("a").spawn(async { 1 }).unwrap();
        set.build_task()
            .name("b")
            .spawn_on(async { 2 }, &handle)
            .unwrap();
        set.build_task().name("c").spawn_local(async { 3 }).unwrap();
        set.build_task()
            .name("d")
            .spawn_local_on(async { 4 }, &local)
            .unwrap();
        set.build_task().name("e").spawn_blocking(|| 5).unwrap();
        set.build_task().spawn_blocking_on(|| 6, &handle).unwrap();
        let mut outputs = set.join_all().await;
        outputs.sort();
        assert_eq!(outputs, [1, 2, 3, 4, 5, 6]);
    });
}

#[test]
fn waiting_task_is_dropped_with_its_set() {
    let runtime = current();
    let drops = Drops::default();
    let guard = drops.guard();
    runtime.block_on(async {
        let joining = zokio::spawn(async move {
            let mut set = JoinSet::<()>::new();
            set.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            set.join_next().await
        });
        task::yield_now().await;
        task::yield_now().await;
        joining.abort();
        assert!(joining.await.unwrap_err().is_cancelled());
        task::yield_now().await;
    });
    assert_eq!(drops.count(), 1);
}

#[test]
fn many_sets_wait_at_once() {
    multi().block_on(async {
        let sets = (0..20).map(|_| {
            let mut set: JoinSet<_> = (0..20)
                .map(|n| async move {
                    task::yield_now().await;
                    n
                })
                .collect();
            async move {
                let mut sum = 0;
                while let Some(output) = set.join_next().await {
                    sum += output.unwrap();
                }
                sum
            }
        });
        let all: JoinSet<u32> = sets.collect();
        assert_eq!(all.join_all().await, vec![190; 20]);
    });
}

#[test]
fn joining_does_not_borrow_what_its_tasks_use() {
    fn check<F: Future + Send>(_: &F) {}
    let mut set: JoinSet<String> = JoinSet::new();
    check(&set.join_next());
    check(&set.join_next_with_id());
    check(&set.shutdown());
    check(&set.join_all());
}

/// Panics when woken.
struct Panicking;

impl Wake for Panicking {
    fn wake(self: std::sync::Arc<Self>) {
        panic!("woken");
    }
}

#[test]
fn task_is_in_the_set_although_the_waker_panics_that_its_end_wakes() {
    let mut set = JoinSet::new();
    let ended = {
        let runtime = current();
        set.spawn_on(pending::<u8>(), runtime.handle());
        let waker = Waker::from(std::sync::Arc::new(Panicking));
        let polled = set.poll_join_next(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        let other = current();
        let ended = other.handle().clone();
        drop(other);
        // What is spawned on a runtime that has ended is cancelled, and complete, at once.
        let spawn = || set.spawn_on(async { 2 }, &ended);
        assert_eq!(super::support::caught(spawn).message, "woken");
        assert_eq!(set.len(), 2);
        ended
    };
    set.spawn_on(async { 3 }, &ended);
    for left in [2, 1, 0] {
        assert!(set.try_join_next().unwrap().unwrap_err().is_cancelled());
        assert_eq!(set.len(), left);
    }
}

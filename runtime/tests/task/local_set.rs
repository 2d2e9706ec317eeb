//! `LocalSet`: running tasks that are not `Send`.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use zokio::sync::{Notify, mpsc, oneshot};
use zokio::task::{self, LocalSet};

use super::support::{Wakes, assert_panics_here, both, current, log, multi, poll_once};

const OUTSIDE: &str =
    "`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`";

#[test]
fn run_until_returns_the_output_of_its_future() {
    for runtime in both() {
        let set = LocalSet::new();
        assert_eq!(runtime.block_on(set.run_until(async { 7 })), 7);
    }
}

#[test]
fn block_on_runs_tasks_that_are_not_send() {
    for runtime in both() {
        let set = LocalSet::new();
        let number = Rc::new(5);
        let output = set.block_on(&runtime, async move {
            task::spawn_local(async move { *number }).await.unwrap()
        });
        assert_eq!(output, 5);
    }
}

#[test]
fn output_of_a_local_task_need_not_be_send() {
    let set = LocalSet::new();
    let output = set.block_on(&current(), async {
        task::spawn_local(async { Rc::new(3) }).await.unwrap()
    });
    assert_eq!(*output, 3);
}

#[test]
fn tasks_run_in_the_order_of_their_spawn() {
    let (set, log) = (LocalSet::new(), log());
    for name in ["a", "b"] {
        let log = log.clone();
        set.spawn_local(async move { log.borrow_mut().push(name) });
    }
    let inner = log.clone();
    set.block_on(&current(), async move {
        let log = inner.clone();
        task::spawn_local(async move { log.borrow_mut().push("c") })
            .await
            .unwrap();
    });
    assert_eq!(*log.borrow(), ["a", "b", "c"]);
}

#[test]
fn task_spawned_before_the_set_is_driven_waits_for_it() {
    let set = LocalSet::new();
    let ran = Rc::new(Cell::new(false));
    let inner = ran.clone();
    let task = set.spawn_local(async move { inner.set(true) });
    assert!(!ran.get() && !task.is_finished());
    set.block_on(&current(), async move { task.await.unwrap() });
    assert!(ran.get());
}

#[test]
fn spawned_task_does_not_run_before_the_spawner_yields() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let ran = Rc::new(Cell::new(false));
        let inner = ran.clone();
        let task = task::spawn_local(async move { inner.set(true) });
        assert!(!ran.get());
        task.await.unwrap();
        assert!(ran.get());
    });
}

#[test]
fn tasks_left_by_one_run_until_go_on_in_the_next() {
    let (runtime, set) = (current(), LocalSet::new());
    let (send, receive) = oneshot::channel();
    let task = set.spawn_local(async move { receive.await.unwrap() });
    set.block_on(&runtime, task::yield_now());
    assert!(!task.is_finished());
    send.send(4).unwrap();
    assert_eq!(set.block_on(&runtime, task).unwrap(), 4);
}

#[test]
fn run_until_does_not_wait_for_tasks_of_the_set() {
    let set = LocalSet::new();
    let never = set.spawn_local(pending::<()>());
    set.block_on(&current(), async {});
    assert!(!never.is_finished());
}

#[test]
fn awaiting_the_set_waits_for_all_of_its_tasks() {
    for runtime in both() {
        let (set, count) = (LocalSet::new(), Rc::new(Cell::new(0)));
        for _ in 0..5 {
            let count = count.clone();
            set.spawn_local(async move {
                task::yield_now().await;
                count.set(count.get() + 1);
            });
        }
        runtime.block_on(set);
        assert_eq!(count.get(), 5);
    }
}

#[test]
fn awaiting_a_set_without_tasks_is_ready_at_once() {
    let mut set = LocalSet::new();
    assert!(poll_once(pin!(&mut set)).is_ready());
}

#[test]
fn awaiting_the_set_waits_for_tasks_that_its_tasks_spawn() {
    let (set, ran) = (LocalSet::new(), Rc::new(Cell::new(false)));
    let inner = ran.clone();
    set.spawn_local(async move {
        task::spawn_local(async move {
            task::yield_now().await;
            inner.set(true);
        });
    });
    current().block_on(set);
    assert!(ran.get());
}

#[test]
fn set_that_is_awaited_may_be_used_again() {
    let (runtime, mut set) = (current(), LocalSet::new());
    for round in 1..4 {
        let task = set.spawn_local(async move { round });
        runtime.block_on(&mut set);
        assert_eq!(runtime.block_on(task).unwrap(), round);
    }
}

#[test]
fn spawn_local_outside_of_a_set_panics_at_the_caller() {
    assert_panics_here!(OUTSIDE, || task::spawn_local(async {}));
}

#[test]
fn spawn_local_in_a_runtime_without_a_set_panics_at_the_caller() {
    assert_panics_here!(OUTSIDE, || {
        current().block_on(async { task::spawn_local(async {}).await })
    });
}

#[test]
fn spawn_local_in_a_spawned_task_is_outside_of_the_set() {
    let set = LocalSet::new();
    let error = set.block_on(&multi(), async {
        let spawned = zokio::spawn(async {
            task::spawn_local(async {});
        });
        spawned.await.unwrap_err()
    });
    assert_eq!(super::support::text(&*error.into_panic()), OUTSIDE);
}

#[test]
fn spawn_works_in_a_local_task_and_reaches_the_runtime() {
    for runtime in both() {
        let set = LocalSet::new();
        let output = set.block_on(&runtime, async {
            let task = task::spawn_local(async { zokio::spawn(async { 6 }).await.unwrap() });
            task.await.unwrap()
        });
        assert_eq!(output, 6);
    }
}

#[test]
fn enter_makes_the_set_current_and_its_guard_ends_that() {
    let set = LocalSet::new();
    let guard = set.enter();
    let task = task::spawn_local(async { 9 });
    drop(guard);
    assert_panics_here!(OUTSIDE, || task::spawn_local(async {}));
    assert_eq!(set.block_on(&current(), task).unwrap(), 9);
}

#[test]
fn enter_guards_nest() {
    let (outer, inner) = (LocalSet::new(), LocalSet::new());
    let _outer = outer.enter();
    let (in_inner, in_outer);
    {
        let _inner = inner.enter();
        in_inner = task::spawn_local(async { "inner" });
    }
    in_outer = task::spawn_local(async { "outer" });
    let runtime = current();
    assert_eq!(inner.block_on(&runtime, in_inner).unwrap(), "inner");
    assert_eq!(outer.block_on(&runtime, in_outer).unwrap(), "outer");
}

#[test]
fn spawn_under_an_enter_guard_wakes_whoever_polls_the_set() {
    let set = LocalSet::new();
    let (wakes, waker) = Wakes::new();
    let mut running = Box::pin(set.run_until(pending::<()>()));
    let mut cx = Context::from_waker(&waker);
    assert!(running.as_mut().poll(&mut cx).is_pending());
    assert_eq!(wakes.count(), 0);
    let guard = set.enter();
    let task = task::spawn_local(async {});
    drop(guard);
    assert_eq!(wakes.count(), 1);
    assert!(running.as_mut().poll(&mut cx).is_pending());
    assert!(task.is_finished());
}

#[test]
fn spawn_on_the_set_from_outside_wakes_whoever_polls_it() {
    let set = LocalSet::new();
    let (wakes, waker) = Wakes::new();
    let mut running = Box::pin(set.run_until(pending::<()>()));
    let mut cx = Context::from_waker(&waker);
    assert!(running.as_mut().poll(&mut cx).is_pending());
    let task = set.spawn_local(async {});
    assert_eq!(wakes.count(), 1);
    assert!(running.as_mut().poll(&mut cx).is_pending());
    assert!(task.is_finished());
}

#[test]
fn tasks_that_only_wait_do_not_wake_whoever_polls_the_set() {
    let set = LocalSet::new();
    let (wakes, waker) = Wakes::new();
    set.spawn_local(pending::<()>());
    let mut running = Box::pin(set.run_until(pending::<()>()));
    let mut cx = Context::from_waker(&waker);
    assert!(running.as_mut().poll(&mut cx).is_pending());
    assert!(running.as_mut().poll(&mut cx).is_pending());
    assert_eq!(wakes.count(), 0);
}

#[test]
fn a_poll_of_the_set_runs_a_bounded_number_of_tasks_and_asks_for_more() {
    let set = LocalSet::new();
    let (wakes, waker) = Wakes::new();
    let count = Rc::new(Cell::new(0));
    for _ in 0..200 {
        let count = count.clone();
        set.spawn_local(async move { count.set(count.get() + 1) });
    }
    let mut running = Box::pin(set.run_until(pending::<()>()));
    let mut cx = Context::from_waker(&waker);
    assert!(running.as_mut().poll(&mut cx).is_pending());
    assert_eq!((count.get(), wakes.count()), (61, 1));
    for _ in 0..3 {
        assert!(running.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!((count.get(), wakes.count()), (200, 3));
}

#[test]
fn local_task_that_yields_for_ever_does_not_keep_the_root_from_its_turn() {
    for runtime in both() {
        let set = LocalSet::new();
        set.spawn_local(async {
            loop {
                task::yield_now().await;
            }
        });
        set.block_on(&runtime, async {
            for _ in 0..10 {
                task::yield_now().await;
            }
        });
    }
}

#[test]
fn local_task_that_yields_for_ever_does_not_keep_others_of_the_runtime_from_their_turn() {
    let set = LocalSet::new();
    set.spawn_local(async {
        loop {
            task::yield_now().await;
        }
    });
    let output = set.block_on(&current(), async {
        zokio::spawn(async { 8 }).await.unwrap()
    });
    assert_eq!(output, 8);
}

#[test]
fn local_task_that_spends_its_budget_leaves_the_turn_to_others() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let (send, mut receive) = mpsc::unbounded_channel();
        (0..1000).for_each(|n| send.send(n).unwrap());
        let done = Rc::new(Cell::new(false));
        let (seen, inner) = (Rc::new(Cell::new(None)), done.clone());
        let reader = task::spawn_local(async move {
            for _ in 0..1000 {
                receive.recv().await.unwrap();
            }
            inner.set(true);
        });
        let seen_there = seen.clone();
        task::spawn_local(async move { seen_there.set(Some(done.get())) });
        reader.await.unwrap();
        assert_eq!(seen.get(), Some(false));
    });
}

#[test]
fn each_local_task_has_a_budget_of_its_own() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        for _ in 0..3 {
            let spent = task::spawn_local(poll_fn(|cx| {
                let mut units = 0;
                while let Poll::Ready(unit) = task::coop::poll_proceed(cx) {
                    unit.made_progress();
                    units += 1;
                }
                Poll::Ready(units)
            }));
            assert_eq!(spent.await.unwrap(), 128);
        }
    });
}

#[test]
fn panic_in_a_local_task_is_given_to_its_handle_and_the_set_goes_on() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let error = task::spawn_local(async { std::panic::panic_any("local") })
            .await
            .unwrap_err();
        assert!(error.is_panic());
        assert_eq!(task::spawn_local(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn panic_of_the_root_leaves_the_set_usable() {
    let (runtime, set) = (current(), LocalSet::new());
    let task = set.spawn_local(async { 2 });
    let caught = super::support::caught(|| set.block_on(&runtime, async { panic!("root") }));
    assert_eq!(caught.message, "root");
    assert_panics_here!(OUTSIDE, || task::spawn_local(async {}));
    assert_eq!(set.block_on(&runtime, task).unwrap(), 2);
}

#[test]
fn abort_of_a_waiting_local_task_cancels_it() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let task = task::spawn_local(pending::<()>());
        task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn abort_before_the_first_poll_keeps_a_local_task_from_running() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let ran = Rc::new(Cell::new(false));
        let inner = ran.clone();
        let task = task::spawn_local(async move { inner.set(true) });
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!ran.get());
    });
}

#[test]
fn local_task_that_aborts_itself_ends_at_its_next_await() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let (send, receive) = oneshot::channel::<task::AbortHandle>();
        let passed = Rc::new(Cell::new(false));
        let inner = passed.clone();
        let task = task::spawn_local(async move {
            receive.await.unwrap().abort();
            inner.set(true);
            pending::<()>().await;
        });
        send.send(task.abort_handle()).unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(passed.get());
    });
}

#[test]
fn local_tasks_talk_to_one_another() {
    let set = LocalSet::new();
    let sum = set.block_on(&current(), async {
        let (send, mut receive) = mpsc::channel(1);
        task::spawn_local(async move {
            for n in 0..100 {
                send.send(Rc::new(n)).await.unwrap();
            }
        });
        let mut sum = 0;
        while let Some(n) = receive.recv().await {
            sum += *n;
        }
        sum
    });
    assert_eq!(sum, 4950);
}

#[test]
fn local_tasks_use_timers_of_the_runtime() {
    let runtime = zokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        let task = task::spawn_local(async {
            zokio::time::sleep(Duration::from_secs(3600)).await;
            "late"
        });
        assert_eq!(task.await.unwrap(), "late");
    });
}

#[test]
fn two_sets_in_one_task_run_side_by_side() {
    let (first, second) = (LocalSet::new(), LocalSet::new());
    let (a, b) = (Rc::new(Notify::new()), Rc::new(Notify::new()));
    let (a2, b2) = (a.clone(), b.clone());
    let ping = first.run_until(async move {
        task::spawn_local(async move {
            a2.notify_one();
            b2.notified().await;
        })
        .await
        .unwrap();
    });
    let pong = second.run_until(async move {
        task::spawn_local(async move {
            a.notified().await;
            b.notify_one();
        })
        .await
        .unwrap();
    });
    current().block_on(async { zokio::join!(ping, pong) });
}

#[test]
fn run_until_nests_in_a_task_of_another_set() {
    let outer = LocalSet::new();
    let output = outer.block_on(&current(), async {
        task::spawn_local(async {
            let inner = LocalSet::new();
            let within =
                inner.run_until(async { task::spawn_local(async { Rc::new(1) }).await.unwrap() });
            let within = *within.await;
            let after = *task::spawn_local(async { Rc::new(10) }).await.unwrap();
            within + after
        })
        .await
        .unwrap()
    });
    assert_eq!(output, 11);
}

#[test]
fn two_run_untils_of_one_set_take_turns() {
    let set = LocalSet::new();
    current().block_on(async {
        let one = set.run_until(async { task::spawn_local(async { 1 }).await.unwrap() });
        let two = set.run_until(async { task::spawn_local(async { 2 }).await.unwrap() });
        assert_eq!(zokio::join!(one, two), (1, 2));
    });
}

#[test]
fn select_drops_a_run_until_and_keeps_its_tasks() {
    let set = LocalSet::new();
    let runtime = current();
    let (send, receive) = oneshot::channel();
    let task = set.spawn_local(async move { receive.await.unwrap() });
    runtime.block_on(async {
        zokio::select! {
            biased;
            () = set.run_until(pending()) => unreachable!("it never ends"),
            () = async {} => {}
        }
    });
    send.send(5).unwrap();
    assert_eq!(set.block_on(&runtime, task).unwrap(), 5);
}

#[test]
fn large_local_future_is_boxed_and_runs() {
    let set = LocalSet::new();
    let output = set.block_on(&current(), async {
        let large = [7u8; 64 * 1024];
        let task = task::spawn_local(async move {
            task::yield_now().await;
            large.iter().map(|n| usize::from(*n)).sum::<usize>()
        });
        task.await.unwrap()
    });
    assert_eq!(output, 7 * 64 * 1024);
}

#[test]
fn block_on_of_a_set_within_a_runtime_panics_at_the_caller() {
    let (outer, inner) = (current(), current());
    let set = LocalSet::new();
    let caught = super::support::caught(|| {
        outer.block_on(async {
            set.block_on(&inner, async {});
        })
    });
    assert!(
        caught
            .message
            .starts_with("Cannot start a runtime from within a runtime.")
    );
    assert!(caught.file.ends_with("local_set.rs"));
}

#[test]
fn debug_output_names_the_types() {
    let set = LocalSet::default();
    assert_eq!(
        format!("{set:?} {:?}", set.enter()),
        "LocalSet LocalEnterGuard"
    );
}

#[test]
fn set_polled_by_its_own_task_wakes_whoever_polls_it_too() {
    let set = Rc::new(LocalSet::new());
    let (end, ended) = oneshot::channel::<()>();
    let own = set.clone();
    set.spawn_local(async move { own.run_until(ended).await.unwrap() });
    let (send, receive) = oneshot::channel();
    let task = set.spawn_local(receive);
    let (wakes, waker) = Wakes::new();
    let mut driven = pin!(set.run_until(task));
    let mut cx = Context::from_waker(&waker);
    assert!(driven.as_mut().poll(&mut cx).is_pending());
    let before = wakes.count();
    send.send(7).unwrap();
    assert!(wakes.count() > before, "nobody polls the set");
    let runtime = current();
    assert_eq!(runtime.block_on(driven).unwrap(), Ok(7));
    end.send(()).unwrap();
    runtime.block_on(set.run_until(task::yield_now()));
}

#[test]
fn guard_made_in_a_turn_and_dropped_after_it_hides_no_wake() {
    let set = LocalSet::new();
    let guard = Cell::new(None);
    let (send, receive) = oneshot::channel::<()>();
    let task = set.spawn_local(receive);
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    let future = async {
        guard.set(Some(set.enter()));
        pending::<()>().await;
    };
    assert!(pin!(set.run_until(future)).poll(&mut cx).is_pending());
    drop(guard.take());
    let before = wakes.count();
    send.send(()).unwrap();
    assert!(wakes.count() > before, "nobody polls the set");
    drop(task);
}

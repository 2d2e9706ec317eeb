//! `JoinHandle` and `AbortHandle`: awaiting, aborting in each state of a task, detaching.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};

use zokio::sync::oneshot;
use zokio::task;

use super::support::{
    Bomb, Defer, Drops, Wakes, assert_panics_here, both, current, multi, poll_here, text,
};

#[test]
fn awaiting_gives_the_output() {
    for runtime in both() {
        assert_eq!(
            runtime.block_on(runtime.spawn(async { "out" })).unwrap(),
            "out"
        );
    }
}

#[test]
fn output_waits_until_it_is_awaited() {
    current().block_on(async {
        let task = zokio::spawn(async { String::from("kept") });
        while !task.is_finished() {
            task::yield_now().await;
        }
        assert_eq!(task.await.unwrap(), "kept");
    });
}

#[test]
fn handle_may_be_awaited_by_reference() {
    current().block_on(async {
        let mut task = zokio::spawn(async { 3 });
        assert_eq!((&mut task).await.unwrap(), 3);
    });
}

#[test]
fn awaiting_is_cancel_safe() {
    current().block_on(async {
        let (send, receive) = oneshot::channel();
        let mut task = zokio::spawn(async move { receive.await.unwrap() });
        for _ in 0..3 {
            zokio::select! {
                biased;
                _ = &mut task => unreachable!("it waits for the sender"),
                () = async {} => {}
            }
        }
        send.send(9).unwrap();
        assert_eq!(task.await.unwrap(), 9);
    });
}

#[test]
fn polling_after_completion_panics() {
    current().block_on(async {
        let mut task = zokio::spawn(async {});
        (&mut task).await.unwrap();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert_panics_here!("JoinHandle polled after completion", || {
            Pin::new(&mut task).poll(&mut cx).is_ready()
        });
    });
}

#[test]
fn only_the_waker_of_the_latest_poll_is_woken() {
    let runtime = current();
    let (send, receive) = oneshot::channel::<()>();
    let mut task = pin!(runtime.spawn(async move { receive.await.unwrap() }));
    let ((first, one), (second, two)) = (Wakes::new(), Wakes::new());
    for waker in [&one, &two] {
        assert!(
            task.as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
    }
    send.send(()).unwrap();
    runtime.block_on(task::yield_now());
    assert_eq!((first.count(), second.count()), (0, 1));
}

#[test]
fn waker_kept_by_a_handle_is_dropped_with_it() {
    let runtime = current();
    let mut task = Box::pin(runtime.spawn(pending::<()>()));
    let (wakes, waker) = Wakes::new();
    assert!(
        task.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    assert_eq!(Arc::strong_count(&wakes), 2);
    drop(task);
    assert_eq!(Arc::strong_count(&wakes), 1);
}

#[test]
fn dropped_handle_detaches_the_task() {
    for runtime in both() {
        runtime.block_on(async {
            let (send, receive) = oneshot::channel();
            drop(zokio::spawn(async move {
                task::yield_now().await;
                send.send(1).unwrap();
            }));
            assert_eq!(receive.await.unwrap(), 1);
        });
    }
}

#[test]
fn output_of_a_detached_task_is_dropped_when_it_completes() {
    current().block_on(async {
        let drops = Drops::default();
        let guard = drops.guard();
        drop(zokio::spawn(async move { guard }));
        assert_eq!(drops.count(), 0);
        task::yield_now().await;
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn output_of_a_completed_task_is_dropped_with_its_handle() {
    current().block_on(async {
        let drops = Drops::default();
        let guard = drops.guard();
        let task = zokio::spawn(async move { guard });
        task::yield_now().await;
        assert_eq!((task.is_finished(), drops.count()), (true, 0));
        drop(task);
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn abort_handle_does_not_keep_the_output() {
    current().block_on(async {
        let drops = Drops::default();
        let guard = drops.guard();
        let task = zokio::spawn(async move { guard });
        let abort = task.abort_handle();
        task::yield_now().await;
        drop(task);
        assert_eq!(drops.count(), 1);
        assert!(abort.is_finished());
    });
}

#[test]
fn is_finished_becomes_true_with_completion() {
    current().block_on(async {
        let (send, receive) = oneshot::channel();
        let task = zokio::spawn(async move { receive.await.unwrap() });
        let abort = task.abort_handle();
        task::yield_now().await;
        assert!(!task.is_finished() && !abort.is_finished());
        send.send(()).unwrap();
        task::yield_now().await;
        assert!(task.is_finished() && abort.is_finished());
    });
}

#[test]
fn is_finished_is_false_between_abort_and_cancellation() {
    current().block_on(async {
        let task = zokio::spawn(pending::<()>());
        task::yield_now().await;
        task.abort();
        assert!(!task.is_finished(), "nothing has run since");
        task::yield_now().await;
        assert!(task.is_finished());
    });
}

#[test]
fn is_finished_is_true_after_a_panic() {
    current().block_on(async {
        let task = zokio::spawn(async { std::panic::panic_any("finished") });
        task::yield_now().await;
        assert!(task.is_finished());
        assert!(task.await.unwrap_err().is_panic());
    });
}

#[test]
fn abort_of_a_task_that_was_never_polled_drops_its_future_unpolled() {
    for runtime in both() {
        let drops = Drops::default();
        runtime.block_on(async {
            let guard = drops.guard();
            let ran = Arc::new(AtomicBool::new(false));
            let inner = ran.clone();
            let task = task::Builder::new();
            let task = task
                .spawn(async move {
                    let _guard = guard;
                    inner.store(true, Ordering::SeqCst);
                    pending::<()>().await;
                })
                .unwrap();
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
        assert_eq!(drops.count(), 1);
    }
}

#[test]
fn abort_of_a_scheduled_task_cancels_before_its_turn() {
    current().block_on(async {
        let (send, receive) = oneshot::channel::<()>();
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = polls.clone();
        let task = zokio::spawn(async move {
            let mut receive = pin!(receive);
            poll_fn(move |cx| {
                counted.fetch_add(1, Ordering::SeqCst);
                receive.as_mut().poll(cx)
            })
            .await
        });
        task::yield_now().await;
        send.send(()).unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(polls.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn task_that_completes_in_the_poll_in_which_it_is_aborted_stays_completed() {
    current().block_on(async {
        let (send, receive) = oneshot::channel::<task::AbortHandle>();
        let task = zokio::spawn(async move {
            receive.await.unwrap().abort();
            "completed"
        });
        send.send(task.abort_handle()).unwrap();
        assert_eq!(task.await.unwrap(), "completed");
    });
}

#[test]
fn abort_of_a_finished_task_keeps_its_output() {
    current().block_on(async {
        let task = zokio::spawn(async { 4 });
        task::yield_now().await;
        task.abort();
        task.abort_handle().abort();
        assert_eq!(task.await.unwrap(), 4);
    });
}

#[test]
fn abort_of_a_panicked_task_keeps_its_panic() {
    current().block_on(async {
        let task = zokio::spawn(async { std::panic::panic_any("first") });
        task::yield_now().await;
        task.abort();
        assert_eq!(text(&*task.await.unwrap_err().into_panic()), "first");
    });
}

#[test]
fn abort_twice_is_as_once() {
    current().block_on(async {
        let drops = Drops::default();
        let guard = drops.guard();
        let task = zokio::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        task::yield_now().await;
        task.abort();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn abort_drops_the_future_before_the_joiner_goes_on() {
    for runtime in both() {
        runtime.block_on(async {
            let drops = Drops::default();
            let guard = drops.guard();
            let task = zokio::spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            task::yield_now().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(drops.count(), 1);
        });
    }
}

#[test]
fn abort_wakes_who_awaits_the_task() {
    multi().block_on(async {
        let task = zokio::spawn(pending::<()>());
        let abort = task.abort_handle();
        let joiner = zokio::spawn(task);
        abort.abort();
        assert!(joiner.await.unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn abort_runs_destructors_outside_of_the_caller_s_stack() {
    current().block_on(async {
        let drops = Drops::default();
        let guard = drops.guard();
        let task = zokio::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        task::yield_now().await;
        task.abort();
        assert_eq!(drops.count(), 0);
        let _ = task.await;
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn panic_in_a_destructor_after_an_abort_is_the_task_s_panic() {
    for runtime in both() {
        runtime.block_on(async {
            let (started, has_started) = oneshot::channel();
            let task = zokio::spawn(async {
                let _bomb = Bomb;
                started.send(()).unwrap();
                pending::<()>().await;
            });
            has_started.await.unwrap();
            task.abort();
            let error = task.await.unwrap_err();
            assert!(error.is_panic());
            assert_eq!(text(&*error.into_panic()), "bomb");
        });
    }
}

#[test]
fn panic_in_a_destructor_of_a_detached_task_harms_nobody() {
    for runtime in both() {
        runtime.block_on(async {
            let (started, has_started) = oneshot::channel();
            let task = zokio::spawn(async {
                let _bomb = Bomb;
                started.send(()).unwrap();
                pending::<()>().await;
            });
            has_started.await.unwrap();
            let abort = task.abort_handle();
            drop(task);
            abort.abort();
            while !abort.is_finished() {
                task::yield_now().await;
            }
            zokio::spawn(async {}).await.unwrap();
        });
    }
}

#[test]
fn panic_in_the_destructor_of_an_unwanted_output_harms_nobody() {
    current().block_on(async {
        drop(zokio::spawn(async { Bomb }));
        task::yield_now().await;
        zokio::spawn(async {}).await.unwrap();
    });
}

#[test]
fn destructor_that_aborts_its_own_task_harms_nobody() {
    current().block_on(async {
        let (send, receive) = oneshot::channel::<task::AbortHandle>();
        let task = zokio::spawn(async move {
            let own = receive.await.unwrap();
            let _on_drop = Defer(move || own.abort());
            pending::<()>().await;
        });
        send.send(task.abort_handle()).unwrap();
        task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn abort_of_the_awaited_task_from_a_third_thread() {
    multi().block_on(async {
        let task = zokio::spawn(pending::<()>());
        let abort = task.abort_handle();
        std::thread::spawn(move || abort.abort());
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn aborting_the_awaiting_task_leaves_the_awaited_one_running() {
    current().block_on(async {
        let (send, receive) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let awaited = zokio::spawn(async move {
            receive.await.unwrap();
            done.send(()).unwrap();
        });
        let awaiting = zokio::spawn(awaited);
        task::yield_now().await;
        awaiting.abort();
        assert!(awaiting.await.unwrap_err().is_cancelled());
        send.send(()).unwrap();
        is_done.await.unwrap();
    });
}

#[test]
fn abort_handle_outlives_the_runtime() {
    let runtime = multi();
    let task = runtime.spawn(pending::<()>());
    let abort = task.abort_handle();
    drop(runtime);
    abort.abort();
    assert!(abort.is_finished() && task.is_finished());
}

#[test]
fn handle_awaited_after_the_runtime_s_end_is_cancelled() {
    let runtime = multi();
    let task = runtime.spawn(pending::<()>());
    drop(runtime);
    assert!(current().block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn output_survives_the_runtime_s_end() {
    let runtime = current();
    let task = runtime.spawn(async { 8 });
    runtime.block_on(task::yield_now());
    drop(runtime);
    assert_eq!(current().block_on(task).unwrap(), 8);
}

#[test]
fn blocking_work_that_has_begun_cannot_be_aborted() {
    current().block_on(async {
        let (go, wait) = mpsc::channel();
        let (started, has_started) = mpsc::channel();
        let work = task::spawn_blocking(move || {
            started.send(()).unwrap();
            wait.recv().unwrap();
            "done"
        });
        has_started.recv().unwrap();
        work.abort();
        go.send(()).unwrap();
        assert_eq!(work.await.unwrap(), "done");
    });
}

#[test]
fn blocking_work_that_has_not_begun_is_aborted() {
    let runtime = zokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (go, wait) = mpsc::channel::<()>();
        let first = task::spawn_blocking(move || wait.recv().unwrap());
        let ran = Arc::new(AtomicBool::new(false));
        let inner = ran.clone();
        let second = task::spawn_blocking(move || inner.store(true, Ordering::SeqCst));
        second.abort();
        go.send(()).unwrap();
        first.await.unwrap();
        assert!(second.await.unwrap_err().is_cancelled());
        assert!(!ran.load(Ordering::SeqCst));
    });
}

#[test]
fn joining_takes_part_in_cooperative_scheduling() {
    current().block_on(async {
        let mut tasks: Vec<_> = (0..129).map(|_| zokio::spawn(async {})).collect();
        for _ in 0..10 {
            task::yield_now().await;
        }
        assert!(tasks.iter().all(|task| task.is_finished()));
        let ready = Cell::new(0);
        for task in &mut tasks {
            let polled = poll_here(pin!(task)).await;
            ready.set(ready.get() + usize::from(polled.is_ready()));
        }
        assert_eq!(ready.get(), 128);
    });
}

#[test]
fn debug_output_shows_the_id() {
    current().block_on(async {
        let task = zokio::spawn(async {});
        let id = task.id();
        assert_eq!(format!("{task:?}"), format!("JoinHandle {{ id: {id:?} }}"));
        let abort = task.abort_handle();
        assert_eq!(
            format!("{abort:?}"),
            format!("AbortHandle {{ id: {id:?} }}")
        );
    });
}

#[test]
fn join_of_a_task_that_panics_before_its_first_await() {
    for runtime in both() {
        let error = runtime.block_on(async {
            zokio::spawn(async { std::panic::panic_any("early") })
                .await
                .unwrap_err()
        });
        assert_eq!(text(&*error.into_panic()), "early");
    }
}

#[test]
fn future_that_panicked_is_dropped() {
    current().block_on(async {
        let drops = Drops::default();
        let guard = drops.guard();
        let task = zokio::spawn(async move {
            let _guard = guard;
            task::yield_now().await;
            std::panic::panic_any("dropped");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn wake_after_completion_does_nothing() {
    current().block_on(async {
        let (send, receive) = oneshot::channel();
        let mut send = Some(send);
        let task = zokio::spawn(poll_fn(move |cx| {
            if let Some(send) = send.take() {
                send.send(cx.waker().clone()).unwrap();
            }
            Poll::Ready(())
        }));
        task.await.unwrap();
        let waker = receive.await.unwrap();
        waker.wake_by_ref();
        waker.wake();
        task::yield_now().await;
    });
}

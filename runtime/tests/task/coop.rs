//! Cooperative scheduling: the budget of a poll.

use std::cell::Cell;
use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use zokio::sync::{Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use zokio::task::{self, coop};

use super::support::{Wakes, both, current, poll_here};

/// How often `operation` is ready in one poll of a fresh task, at most `limit` times.
fn turns<F, O>(limit: usize, mut operation: F) -> usize
where
    F: FnMut(&mut Context<'_>) -> Poll<O>,
{
    current().block_on(async {
        task::yield_now().await;
        let mut done = 0;
        poll_fn(|cx| {
            while done < limit && operation(cx).is_ready() {
                done += 1;
            }
            Poll::Ready(())
        })
        .await;
        done
    })
}

/// Polls a future that is made anew each time.
fn once<F: Future>(future: F, cx: &mut Context<'_>) -> Poll<F::Output> {
    pin!(future).poll(cx)
}

#[test]
fn budget_is_128_operations_a_poll() {
    let units = turns(1000, |cx| {
        coop::poll_proceed(cx).map(|unit| unit.made_progress())
    });
    assert_eq!(units, 128);
}

#[test]
fn outside_of_a_task_there_is_no_budget() {
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        let Poll::Ready(unit) = coop::poll_proceed(&mut cx) else {
            panic!("there is no limit");
        };
        unit.made_progress();
    }
    assert!(coop::has_budget_remaining());
}

#[test]
fn unit_is_given_back_unless_progress_was_made() {
    let units = turns(1000, |cx| coop::poll_proceed(cx).map(drop));
    assert_eq!(units, 1000);
}

#[test]
fn budget_is_full_again_at_the_next_poll() {
    for runtime in both() {
        runtime.block_on(async {
            let task = zokio::spawn(async {
                for _ in 0..3 {
                    let mut units = 0;
                    poll_fn(|cx| {
                        while let Poll::Ready(unit) = coop::poll_proceed(cx) {
                            unit.made_progress();
                            units += 1;
                        }
                        Poll::Ready(())
                    })
                    .await;
                    assert_eq!(units, 128);
                    task::yield_now().await;
                }
            });
            task.await.unwrap();
        });
    }
}

#[test]
fn refused_operation_wakes_the_task() {
    current().block_on(async {
        poll_fn(|_| {
            let (wakes, waker) = Wakes::new();
            let mut cx = Context::from_waker(&waker);
            for _ in 0..128 {
                let Poll::Ready(unit) = coop::poll_proceed(&mut cx) else {
                    panic!("there is budget left");
                };
                unit.made_progress();
            }
            assert_eq!(wakes.count(), 0);
            assert!(coop::poll_proceed(&mut cx).is_pending());
            assert_eq!(wakes.count(), 1);
            Poll::Ready(())
        })
        .await;
    });
}

#[test]
fn has_budget_remaining_says_when_it_is_spent() {
    current().block_on(async {
        let mut units = 0;
        while coop::has_budget_remaining() {
            coop::cooperative(ready(())).await;
            units += 1;
        }
        assert_eq!(units, 128);
        task::yield_now().await;
        assert!(coop::has_budget_remaining());
    });
}

#[test]
fn consume_budget_yields_when_none_is_left() {
    current().block_on(async {
        let ran = Rc::new(Cell::new(0));
        let set = task::LocalSet::new();
        let inner = ran.clone();
        set.spawn_local(async move {
            loop {
                inner.set(inner.get() + 1);
                task::yield_now().await;
            }
        });
        set.run_until(async {
            task::yield_now().await;
            let before = ran.get();
            for _ in 0..128 {
                coop::consume_budget().await;
            }
            assert_eq!(ran.get(), before, "it did not yield yet");
            task::consume_budget().await;
            assert!(ran.get() > before);
        })
        .await;
    });
}

#[test]
fn task_with_ready_operations_only_leaves_the_turn_to_others() {
    current().block_on(async {
        let greedy = zokio::spawn(async {
            let semaphore = Semaphore::new(1);
            loop {
                drop(semaphore.acquire().await.unwrap());
            }
        });
        zokio::spawn(async {}).await.unwrap();
        greedy.abort();
        assert!(greedy.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn bounded_receive_takes_budget() {
    let (send, mut receive) = mpsc::channel(1000);
    (0..1000).for_each(|n| send.try_send(n).unwrap());
    assert_eq!(turns(1000, |cx| receive.poll_recv(cx)), 128);
}

#[test]
fn unbounded_receive_takes_budget() {
    let (send, mut receive) = mpsc::unbounded_channel();
    (0..1000).for_each(|n| send.send(n).unwrap());
    assert_eq!(turns(1000, |cx| receive.poll_recv(cx)), 128);
}

#[test]
fn bounded_send_takes_budget() {
    let (send, _receive) = mpsc::channel(1000);
    assert_eq!(turns(1000, |cx| once(send.send(1), cx)), 128);
}

#[test]
fn semaphore_takes_budget() {
    let semaphore = Semaphore::new(1);
    assert_eq!(turns(1000, |cx| once(semaphore.acquire(), cx)), 128);
}

#[test]
fn mutex_takes_budget() {
    let mutex = Mutex::new(());
    assert_eq!(turns(1000, |cx| once(mutex.lock(), cx)), 128);
}

#[test]
fn rwlock_takes_budget_of_readers_and_writers() {
    let lock = RwLock::new(());
    assert_eq!(turns(1000, |cx| once(lock.read(), cx)), 128);
    assert_eq!(turns(1000, |cx| once(lock.write(), cx)), 128);
}

#[test]
fn oneshot_takes_budget() {
    let mut receivers: Vec<_> = (0..200)
        .map(|n| {
            let (send, receive) = oneshot::channel();
            send.send(n).unwrap();
            receive
        })
        .collect();
    let turns = turns(200, |cx| once(receivers.pop().expect("there are 200"), cx));
    assert_eq!(turns, 128);
}

#[test]
fn broadcast_receive_takes_budget() {
    let (send, mut receive) = broadcast::channel(1024);
    (0..1000).for_each(|n| drop(send.send(n)));
    assert_eq!(turns(1000, |cx| once(receive.recv(), cx)), 128);
}

#[test]
fn watch_change_takes_budget() {
    let (send, mut receive) = watch::channel(0);
    let turns = turns(1000, |cx| {
        send.send_replace(1);
        once(receive.changed(), cx)
    });
    assert_eq!(turns, 128);
}

#[test]
fn notified_takes_budget() {
    let notify = Notify::new();
    let turns = turns(1000, |cx| {
        notify.notify_one();
        once(notify.notified(), cx)
    });
    assert_eq!(turns, 128);
}

#[test]
fn operation_that_waits_takes_nothing() {
    let (_send, mut receive) = mpsc::channel::<()>(1);
    let mut waited = 0;
    let units = turns(1000, |cx| {
        if waited < 500 {
            waited += 1;
            assert!(receive.poll_recv(cx).is_pending());
        }
        coop::poll_proceed(cx).map(|unit| unit.made_progress())
    });
    assert_eq!(units, 128);
}

#[test]
fn unconstrained_future_has_no_limit() {
    let (send, mut receive) = mpsc::unbounded_channel();
    (0..1000).for_each(|n| send.send(n).unwrap());
    current().block_on(async {
        let polls = Rc::new(Cell::new(0));
        let counted = polls.clone();
        let mut reading = pin!(task::unconstrained(async {
            for _ in 0..1000 {
                receive.recv().await.unwrap();
            }
        }));
        poll_fn(|cx| {
            counted.set(counted.get() + 1);
            reading.as_mut().poll(cx)
        })
        .await;
        assert_eq!(polls.get(), 1);
    });
}

#[test]
fn unconstrained_future_leaves_the_task_s_budget_alone() {
    current().block_on(async {
        task::unconstrained(async {
            for _ in 0..1000 {
                coop::consume_budget().await;
            }
        })
        .await;
        let mut units = 0;
        while coop::has_budget_remaining() {
            coop::consume_budget().await;
            units += 1;
        }
        assert_eq!(units, 128);
    });
}

#[test]
fn unconstrained_future_runs_though_the_task_s_budget_is_spent() {
    current().block_on(async {
        while coop::has_budget_remaining() {
            coop::consume_budget().await;
        }
        let mutex = Mutex::new(1);
        assert!(poll_here(pin!(mutex.lock())).await.is_pending());
        assert!(
            poll_here(pin!(coop::unconstrained(mutex.lock())))
                .await
                .is_ready()
        );
        assert!(!coop::has_budget_remaining());
    });
}

#[test]
fn unconstrained_is_undone_when_its_future_panics() {
    current().block_on(async {
        let mut panics = pin!(task::unconstrained(async {
            std::panic::panic_any("within")
        }));
        poll_fn(|cx| {
            let payload = super::support::caught_payload(|| panics.as_mut().poll(cx).is_ready());
            assert_eq!(super::support::text(&*payload), "within");
            Poll::Ready(())
        })
        .await;
        let mut units = 0;
        while coop::has_budget_remaining() {
            coop::consume_budget().await;
            units += 1;
        }
        assert_eq!(units, 128);
    });
}

#[test]
fn cooperative_takes_a_unit_for_a_ready_future_only() {
    let units = turns(1000, |cx| once(coop::cooperative(ready(())), cx));
    assert_eq!(units, 128);
    let mut waited = 0;
    let units = turns(1000, |cx| {
        if waited < 500 {
            waited += 1;
            assert!(once(coop::cooperative(std::future::pending::<()>()), cx).is_pending());
        }
        once(coop::cooperative(ready(())), cx)
    });
    assert_eq!(units, 128);
}

#[test]
fn cooperative_does_not_poll_its_future_without_budget() {
    current().block_on(async {
        while coop::has_budget_remaining() {
            coop::consume_budget().await;
        }
        let polled = Cell::new(false);
        let future = poll_fn(|_| {
            polled.set(true);
            Poll::Ready(())
        });
        assert!(
            poll_here(pin!(coop::cooperative(future)))
                .await
                .is_pending()
        );
        assert!(!polled.get());
    });
}

#[test]
fn spawned_task_does_not_share_the_budget_of_its_spawner() {
    current().block_on(async {
        while coop::has_budget_remaining() {
            coop::consume_budget().await;
        }
        let remaining = zokio::spawn(async { coop::has_budget_remaining() });
        assert!(remaining.await.unwrap());
    });
}

#[test]
fn blocking_work_has_no_budget() {
    current().block_on(async {
        let work = task::spawn_blocking(|| {
            let mut cx = Context::from_waker(Waker::noop());
            (0..1000)
                .map(|_| coop::poll_proceed(&mut cx).map(|unit| unit.made_progress()))
                .all(|poll| poll.is_ready())
        });
        assert!(work.await.unwrap());
    });
}

#[test]
fn wrappers_are_unpin_as_their_futures_are() {
    fn check<F: Unpin>(_: &F) {}
    check(&coop::cooperative(ready(())));
    check(&coop::unconstrained(ready(())));
    let boxed: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async {});
    check(&coop::unconstrained(boxed));
}

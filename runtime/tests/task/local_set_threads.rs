//! `LocalSet` and other threads: whoever wakes or aborts, futures stay on their thread.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Poll, Waker};
use std::thread;

use zokio::sync::oneshot;
use zokio::task::{self, LocalSet};

use super::support::{Drops, both, current, multi};

/// Panics if it is dropped or looked at on another thread than the one that made it.
struct Here(thread::ThreadId, Rc<()>);

impl Here {
    fn new() -> Here {
        Here(thread::current().id(), Rc::new(()))
    }

    fn check(&self) {
        assert_eq!(self.0, thread::current().id());
        assert_eq!(Rc::strong_count(&self.1), 1);
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.check();
    }
}

#[test]
fn wake_from_another_thread_runs_the_task_on_its_own() {
    for runtime in both() {
        let set = LocalSet::new();
        let (send, receive) = oneshot::channel();
        let sender = set.block_on(&runtime, async move {
            let task = task::spawn_local(async move {
                let here = Here::new();
                let number = receive.await.unwrap();
                here.check();
                number
            });
            task::yield_now().await;
            let sender = thread::spawn(move || send.send(5).unwrap());
            assert_eq!(task.await.unwrap(), 5);
            sender
        });
        sender.join().unwrap();
    }
}

#[test]
fn wake_by_a_task_on_a_worker_runs_the_local_task_on_its_thread() {
    let set = LocalSet::new();
    set.block_on(&multi(), async {
        for _ in 0..50 {
            let (send, receive) = oneshot::channel();
            let here = Here::new();
            let local = task::spawn_local(async move {
                let number: i32 = receive.await.unwrap();
                here.check();
                number
            });
            zokio::spawn(async move { send.send(1).unwrap() });
            assert_eq!(local.await.unwrap(), 1);
        }
    });
}

#[test]
fn abort_from_another_thread_drops_the_future_on_its_own() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let guard = drops.guard();
    set.block_on(&multi(), async move {
        let task = task::spawn_local(async move {
            let _here = (guard, Here::new());
            pending::<()>().await;
        });
        task::yield_now().await;
        let handle = task.abort_handle();
        thread::spawn(move || handle.abort()).join().unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(drops.thread(), Some(thread::current().id()));
}

#[test]
fn abort_from_a_worker_drops_the_future_on_its_own_thread() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let guard = drops.guard();
    set.block_on(&multi(), async move {
        let task = task::spawn_local(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let handle = task.abort_handle();
        zokio::spawn(async move { handle.abort() }).await.unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(drops.thread(), Some(thread::current().id()));
}

#[test]
fn abort_from_another_thread_while_nobody_drives_the_set_waits_for_its_thread() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let guard = drops.guard();
    let task = set.spawn_local(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    set.block_on(&current(), task::yield_now());
    let handle = task.abort_handle();
    thread::spawn(move || handle.abort()).join().unwrap();
    assert_eq!((drops.count(), task.is_finished()), (0, false));
    drop(set);
    assert_eq!(drops.thread(), Some(thread::current().id()));
}

#[test]
fn joiner_on_a_worker_is_woken_by_a_local_task() {
    let set = LocalSet::new();
    set.block_on(&multi(), async {
        let local = task::spawn_local(async {
            task::yield_now().await;
            11
        });
        let joiner = zokio::spawn(local);
        assert_eq!(joiner.await.unwrap().unwrap(), 11);
    });
}

#[test]
fn handle_dropped_on_another_thread_leaves_the_output_to_the_set_s() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let guard = drops.guard();
    let task = set.spawn_local(async move { guard });
    thread::spawn(move || drop(task)).join().unwrap();
    set.block_on(&current(), task::yield_now());
    assert_eq!(drops.thread(), Some(thread::current().id()));
}

/// A local task's waker, from inside it.
fn waker_of_a_task(set: &LocalSet, runtime: &zokio::runtime::Runtime, drops: &Drops) -> Waker {
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    let (inner, guard) = (kept.clone(), (drops.guard(), Here::new()));
    set.spawn_local(async move {
        let _guard = guard;
        poll_fn(|cx| {
            *inner.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
        .await;
    });
    set.block_on(runtime, task::yield_now());
    kept.take().unwrap()
}

#[test]
fn waker_may_be_the_last_of_a_task_on_another_thread() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let runtime = current();
    let waker = waker_of_a_task(&set, &runtime, &drops);
    drop(set);
    drop(runtime);
    assert_eq!(drops.count(), 1);
    thread::spawn(move || waker.wake()).join().unwrap();
}

#[test]
fn waker_of_a_task_may_be_used_on_another_thread_after_the_set_s_thread_ended() {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let (set, drops) = (LocalSet::new(), Drops::default());
        send.send(waker_of_a_task(&set, &current(), &drops))
            .unwrap();
    })
    .join()
    .unwrap();
    let waker = receive.recv().unwrap();
    waker.wake_by_ref();
    waker.wake();
}

#[test]
fn sets_dropped_while_others_wake_and_abort_drop_every_future_on_their_thread() {
    let runtime = current();
    for _ in 0..300 {
        let (set, drops) = (LocalSet::new(), Drops::default());
        let wakers: Vec<Waker> = (0..2)
            .map(|_| waker_of_a_task(&set, &runtime, &drops))
            .collect();
        let guard = drops.guard();
        let aborted = set.spawn_local(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        set.block_on(&runtime, task::yield_now());
        let aborted = aborted.abort_handle();
        let start = Arc::new(Barrier::new(3));
        let waking = {
            let start = start.clone();
            thread::spawn(move || {
                start.wait();
                wakers.iter().for_each(Waker::wake_by_ref);
            })
        };
        let aborting = {
            let start = start.clone();
            thread::spawn(move || {
                start.wait();
                aborted.abort();
            })
        };
        start.wait();
        drop(set);
        assert_eq!(drops.count(), 3);
        assert_eq!(drops.thread(), Some(thread::current().id()));
        waking.join().unwrap();
        aborting.join().unwrap();
    }
}

#[test]
fn wakes_from_many_threads_strand_no_local_task() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let done = Rc::new(Cell::new(0));
        let mut senders = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..200 {
            let (send, receive) = oneshot::channel::<()>();
            senders.push(send);
            let done = done.clone();
            tasks.push(task::spawn_local(async move {
                receive.await.unwrap();
                done.set(done.get() + 1);
            }));
        }
        let half = senders.split_off(100);
        let threads = [senders, half].map(|senders| {
            thread::spawn(move || {
                for send in senders {
                    send.send(()).unwrap();
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(done.get(), 200);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn runtime_that_ends_while_a_local_task_is_woken_leaves_it_to_the_set() {
    for _ in 0..50 {
        let (set, drops) = (LocalSet::new(), Drops::default());
        let runtime = multi();
        let waker = {
            let _entered = runtime.enter();
            waker_of_a_task_in(&set, &drops)
        };
        let waking = thread::spawn(move || waker.wake());
        drop(runtime);
        waking.join().unwrap();
        assert_eq!(drops.count(), 0);
        drop(set);
        assert_eq!(drops.thread(), Some(thread::current().id()));
    }
}

/// As `waker_of_a_task`, polled by hand in whatever runtime is current.
fn waker_of_a_task_in(set: &LocalSet, drops: &Drops) -> Waker {
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    let (inner, guard) = (kept.clone(), drops.guard());
    set.spawn_local(async move {
        let _guard = guard;
        poll_fn(|cx| {
            *inner.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
        .await;
    });
    let mut running = Box::pin(set.run_until(pending::<()>()));
    assert!(super::support::poll_once(running.as_mut()).is_pending());
    kept.take().unwrap()
}

#[test]
fn task_woken_many_times_before_its_turn_runs_once() {
    let (set, drops) = (LocalSet::new(), Drops::default());
    let polls = Rc::new(Cell::new(0));
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    let (counted, inner, guard) = (polls.clone(), kept.clone(), drops.guard());
    set.spawn_local(async move {
        let _guard = guard;
        poll_fn(|cx| {
            counted.set(counted.get() + 1);
            *inner.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
        .await;
    });
    let runtime = current();
    set.block_on(&runtime, task::yield_now());
    let waker = kept.take().unwrap();
    thread::spawn(move || (0..100).for_each(|_| waker.wake_by_ref()))
        .join()
        .unwrap();
    set.block_on(&runtime, task::yield_now());
    assert_eq!(polls.get(), 2);
}

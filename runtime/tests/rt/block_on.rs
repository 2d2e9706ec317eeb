//! `Runtime::block_on` and `Handle::block_on`: what they drive, where they may be called.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use zokio::io::{AsyncReadExt, AsyncWriteExt};
use zokio::net::{TcpListener, TcpStream};
use zokio::runtime::{Handle, Runtime};
use zokio::sync::{Notify, oneshot};
use zokio::time::sleep;
use zokio::{spawn, task};

use crate::support::{assert_panics_here, both, current, multi, panic_of};

const NESTED: &str = "Cannot start a runtime from within a runtime.";

/// A connection to itself over which a byte goes.
async fn echo() -> u8 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, server) = zokio::join!(TcpStream::connect(address), listener.accept());
    let (mut client, (mut server, _)) = (client.unwrap(), server.unwrap());
    client.write_all(&[7]).await.unwrap();
    server.read_u8().await.unwrap()
}

#[test]
fn nested_block_on_panics_in_the_caller_s_line() {
    for (runtime, other) in both().into_iter().zip(both()) {
        runtime.block_on(async {
            assert_panics_here!(NESTED, || other.block_on(async {}));
            assert_panics_here!(NESTED, || other.handle().block_on(async {}));
            assert_panics_here!(NESTED, || Handle::current().block_on(async {}));
        });
        drop(other);
    }
}

#[test]
fn nested_block_on_in_a_task_panics_in_the_caller_s_line() {
    for runtime in both() {
        let checked = runtime.block_on(runtime.spawn(async {
            assert_panics_here!(NESTED, || Handle::current().block_on(async {}));
        }));
        checked.unwrap();
    }
}

#[test]
fn nested_block_on_panics_with_tokio_s_text() {
    let ours = current().block_on(async { panic_of(|| Handle::current().block_on(async {})) });
    let theirs = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let theirs = theirs
        .block_on(async { panic_of(|| tokio::runtime::Handle::current().block_on(async {})) });
    assert_eq!(ours.text, theirs.text);
}

#[test]
fn blocking_on_a_channel_within_a_runtime_panics_in_the_caller_s_line() {
    const TEXT: &str = "Cannot block the current thread from within a runtime.";
    for runtime in both() {
        runtime.block_on(async {
            let (_tx, rx) = oneshot::channel::<()>();
            assert_panics_here!(TEXT, || rx.blocking_recv());
        });
    }
}

#[test]
fn panic_in_the_future_is_the_caller_s_and_harms_nothing_else() {
    for runtime in both() {
        let waiting = runtime.spawn(async { task::yield_now().await });
        let panic = panic_of(|| runtime.block_on(async { panic!("mine") }));
        assert_eq!(panic.text, "mine");
        runtime.block_on(waiting).unwrap();
        assert!(Handle::try_current().is_err());
    }
}

#[test]
fn future_need_not_be_send_nor_static() {
    for runtime in both() {
        let local = Rc::new(Cell::new(0));
        let borrowed = &local;
        runtime.block_on(async {
            task::yield_now().await;
            borrowed.set(3);
        });
        assert_eq!(local.get(), 3);
    }
}

#[test]
fn large_future_runs() {
    for runtime in both() {
        let room = [3u8; 100_000];
        let sum = runtime.block_on(async move {
            task::yield_now().await;
            room.iter().map(|byte| u64::from(*byte)).sum::<u64>()
        });
        assert_eq!(sum, 300_000);
    }
}

#[test]
fn future_that_never_finds_its_budget_used_up_by_itself_lets_others_run() {
    for runtime in both() {
        runtime.block_on(async {
            let other = spawn(async {});
            while !other.is_finished() {
                task::consume_budget().await;
            }
        });
    }
}

#[test]
fn runtime_drives_timers_and_sockets_of_its_future() {
    for runtime in both() {
        let byte = runtime.block_on(async {
            sleep(Duration::from_millis(1)).await;
            echo().await
        });
        assert_eq!(byte, 7);
    }
}

#[test]
fn tasks_of_a_current_thread_runtime_rest_between_two_block_ons() {
    let runtime = current();
    let (step, steps) = mpsc::channel();
    let task = runtime.spawn(async move {
        for number in 0..3 {
            step.send(number).unwrap();
            task::yield_now().await;
        }
    });
    assert!(steps.try_recv().is_err());
    runtime.block_on(task).unwrap();
    assert_eq!(steps.iter().collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn handle_s_block_on_uses_timers_and_sockets_of_a_multi_thread_runtime() {
    let runtime = multi(1);
    let handle = runtime.handle().clone();
    let thread = thread::spawn(move || {
        handle.block_on(async {
            sleep(Duration::from_millis(1)).await;
            let task = spawn(echo());
            task.await.unwrap() + echo().await
        })
    });
    assert_eq!(thread.join().unwrap(), 14);
}

/// Has another thread drive a current-thread runtime while `f` runs.
fn while_driven<R>(f: impl FnOnce(&Handle) -> R) -> R {
    let runtime = current();
    let handle = runtime.handle().clone();
    let (end, ends) = oneshot::channel::<()>();
    let driver = thread::spawn(move || runtime.block_on(ends));
    let result = f(&handle);
    end.send(()).unwrap();
    driver.join().unwrap().unwrap();
    result
}

#[test]
fn handle_s_block_on_uses_a_current_thread_runtime_that_another_thread_drives() {
    let byte = while_driven(|handle| {
        handle.block_on(async {
            sleep(Duration::from_millis(1)).await;
            let task = spawn(echo());
            task.await.unwrap() + echo().await
        })
    });
    assert_eq!(byte, 14);
}

#[test]
fn handle_s_block_on_does_not_drive_a_current_thread_runtime() {
    let runtime = current();
    let task = runtime.spawn(async { 1 });
    runtime.handle().block_on(async { task::yield_now().await });
    assert!(!task.is_finished());
    assert_eq!(runtime.block_on(task).unwrap(), 1);
}

#[test]
fn handle_s_block_on_in_a_blocking_thread_drives_its_future() {
    for runtime in both() {
        let byte = runtime.block_on(async {
            let handle = Handle::current();
            task::spawn_blocking(move || handle.block_on(echo()))
                .await
                .unwrap()
        });
        assert_eq!(byte, 7);
    }
}

#[test]
fn runtime_s_block_on_is_allowed_in_a_blocking_thread_of_another() {
    for (outer, inner) in both().into_iter().zip(both()) {
        let byte = outer.block_on(async {
            task::spawn_blocking(move || inner.block_on(echo()))
                .await
                .unwrap()
        });
        assert_eq!(byte, 7);
    }
}

#[test]
fn runtime_s_block_on_is_allowed_in_block_in_place() {
    let outer = multi(1);
    let byte =
        outer.block_on(outer.spawn(async { task::block_in_place(|| current().block_on(echo())) }));
    assert_eq!(byte.unwrap(), 7);
}

/// A thread in `block_on` of this runtime until told to end; it drives when the function returns.
fn driver_of(runtime: &Arc<Runtime>) -> (oneshot::Sender<()>, thread::JoinHandle<()>) {
    let (end, ends) = oneshot::channel::<()>();
    let (driving, drives) = mpsc::channel();
    let runtime = runtime.clone();
    let thread = thread::spawn(move || {
        runtime.block_on(async move {
            driving.send(()).unwrap();
            ends.await.unwrap();
        });
    });
    drives.recv().unwrap();
    (end, thread)
}

#[test]
fn second_thread_takes_over_when_the_driving_one_leaves() {
    let runtime = Arc::new(current());
    let (end, driver) = driver_of(&runtime);
    let (waiting, waits) = mpsc::channel();
    let second = thread::spawn({
        let runtime = runtime.clone();
        move || {
            runtime.block_on(async move {
                waiting.send(()).unwrap();
                // Needs the driver for longer than the first thread is there.
                sleep(Duration::from_millis(20)).await;
                echo().await
            })
        }
    });
    waits.recv().unwrap();
    end.send(()).unwrap();
    driver.join().unwrap();
    assert_eq!(second.join().unwrap(), 7);
}

#[test]
fn threads_that_wait_for_the_driver_finish_by_the_work_of_the_driving_one() {
    let runtime = Arc::new(current());
    let (end, driver) = driver_of(&runtime);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let runtime = runtime.clone();
            thread::spawn(move || {
                runtime.block_on(async { spawn(echo()).await.unwrap() + echo().await })
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 14);
    }
    end.send(()).unwrap();
    driver.join().unwrap();
}

#[test]
fn tasks_go_on_when_a_panic_takes_the_driving_thread_away() {
    let runtime = Arc::new(current());
    let notify = Arc::new(Notify::new());
    let task = runtime.spawn({
        let notify = notify.clone();
        async move {
            notify.notified().await;
            9
        }
    });
    let unwound = panic_of(|| {
        runtime.block_on(async {
            task::yield_now().await;
            panic!("gone")
        })
    });
    assert_eq!(unwound.text, "gone");
    notify.notify_one();
    assert_eq!(runtime.block_on(task).unwrap(), 9);
}

#[test]
fn wake_between_two_polls_of_the_future_is_not_lost() {
    for runtime in both() {
        let mut polls = 0;
        runtime.block_on(poll_fn(|cx| {
            polls += 1;
            if polls == 1000 {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            if polls % 2 == 0 {
                waker.wake();
            } else {
                spawn(async move { waker.wake() });
            }
            Poll::Pending
        }));
        assert_eq!(polls, 1000);
    }
}

#[test]
fn future_is_dropped_within_its_runtime() {
    struct SpawnsOnDrop(mpsc::Sender<()>);
    impl Drop for SpawnsOnDrop {
        fn drop(&mut self) {
            let done = self.0.clone();
            spawn(async move { done.send(()).unwrap() });
        }
    }
    for runtime in both() {
        let (done, is_done) = mpsc::channel();
        let spawns = SpawnsOnDrop(done);
        runtime.block_on(async move {
            let mut unfinished = Box::pin(async move {
                let _spawns = spawns;
                pending::<()>().await;
            });
            let polled = poll_fn(|cx| Poll::Ready(unfinished.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
            drop(unfinished);
            task::yield_now().await;
        });
        runtime.block_on(async { task::yield_now().await });
        is_done.recv().unwrap();
    }
}

#[test]
fn root_that_yields_waits_for_each_task_once() {
    current().block_on(async {
        let polls = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let polls = polls.clone();
            spawn(async move {
                loop {
                    polls.fetch_add(1, Ordering::Relaxed);
                    task::yield_now().await;
                }
            });
        }
        for yields in 1..=200 {
            task::yield_now().await;
            assert_eq!(polls.load(Ordering::Relaxed), 3 * yields);
        }
    });
}

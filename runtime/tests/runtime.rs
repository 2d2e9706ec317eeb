//! Runtimes: spawning, joining, aborting, blocking, shutting down.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;

use zokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use zokio::task;

fn multi(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap()
}

fn current() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn both() -> [Runtime; 2] {
    [multi(2), current()]
}

/// Sets a flag when dropped.
struct OnDrop(Arc<AtomicUsize>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn failing(text: &'static str) {
    std::panic::panic_any(text);
}

fn panic_text(error: zokio::task::JoinError) -> String {
    *error
        .into_panic()
        .downcast::<&'static str>()
        .map(|s| Box::new(s.to_string()))
        .unwrap()
}

#[test]
fn block_on_returns_the_output_of_its_future() {
    for runtime in both() {
        assert_eq!(runtime.block_on(async { 7 }), 7);
    }
}

#[test]
fn spawned_task_runs_and_its_handle_gives_the_output() {
    for runtime in both() {
        let output = runtime.block_on(async { zokio::spawn(async { "done" }).await.unwrap() });
        assert_eq!(output, "done");
    }
}

#[test]
fn ten_thousand_tasks_spawned_by_one_task_all_run() {
    for runtime in both() {
        let count = Arc::new(AtomicUsize::new(0));
        let seen = count.clone();
        runtime.block_on(async move {
            let spawner = zokio::spawn(async move {
                let spawn = |_| {
                    let count = count.clone();
                    zokio::spawn(async move {
                        task::yield_now().await;
                        count.fetch_add(1, Ordering::Relaxed);
                    })
                };
                let handles: Vec<_> = (0..10_000).map(spawn).collect();
                for handle in handles {
                    handle.await.unwrap();
                }
            });
            spawner.await.unwrap();
        });
        assert_eq!(seen.load(Ordering::Relaxed), 10_000);
    }
}

#[test]
fn tasks_spawned_from_outside_run_on_a_multi_thread_runtime_without_block_on() {
    let runtime = multi(2);
    let (tx, rx) = mpsc::channel();
    for i in 0..1000 {
        let tx = tx.clone();
        runtime.spawn(async move { tx.send(i).unwrap() });
    }
    let mut all: Vec<i32> = (0..1000).map(|_| rx.recv().unwrap()).collect();
    all.sort();
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
}

#[test]
fn current_thread_runtime_runs_tasks_in_the_order_of_their_spawn() {
    let runtime = current();
    let order = Arc::new(parking_lot::Mutex::new(Vec::new()));
    runtime.block_on(async {
        let spawn = |i| {
            let order = order.clone();
            zokio::spawn(async move { order.lock().push(i) })
        };
        let handles: Vec<_> = (0..10).map(spawn).collect();
        for handle in handles {
            handle.await.unwrap();
        }
    });
    assert_eq!(*order.lock(), (0..10).collect::<Vec<_>>());
}

#[test]
fn panic_in_a_task_is_caught_and_given_to_the_handle() {
    for runtime in both() {
        let error =
            runtime.block_on(async { zokio::spawn(async { failing("boom") }).await.unwrap_err() });
        assert!(error.is_panic() && !error.is_cancelled());
        assert!(
            error.to_string().contains("panicked with message \"boom\""),
            "{error}"
        );
        assert_eq!(panic_text(error), "boom");
    }
}

#[test]
fn panic_while_dropping_a_future_is_given_to_the_handle() {
    struct PanicOnDrop;
    impl Drop for PanicOnDrop {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    for runtime in both() {
        let error = runtime.block_on(async {
            let bomb = PanicOnDrop;
            zokio::spawn(async move {
                let _bomb = bomb;
            })
            .await
            .unwrap_err()
        });
        assert_eq!(panic_text(error), "dropped");
    }
}

#[test]
fn panic_while_dropping_an_unwanted_output_harms_nobody() {
    struct PanicOnDrop;
    impl Drop for PanicOnDrop {
        fn drop(&mut self) {
            panic!("output dropped");
        }
    }
    for runtime in both() {
        runtime.block_on(async {
            drop(zokio::spawn(async { PanicOnDrop }));
            task::yield_now().await;
            assert_eq!(zokio::spawn(async { 1 }).await.unwrap(), 1);
        });
    }
}

#[test]
fn abort_of_an_idle_task_drops_its_future_and_cancels_its_handle() {
    for runtime in both() {
        let drops = Arc::new(AtomicUsize::new(0));
        let guard = OnDrop(drops.clone());
        let error = runtime.block_on(async {
            let handle = zokio::spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            task::yield_now().await;
            handle.abort();
            handle.await.unwrap_err()
        });
        assert!(error.is_cancelled());
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn abort_before_the_first_poll_cancels() {
    let runtime = current();
    let polled = Arc::new(AtomicBool::new(false));
    let seen = polled.clone();
    let handle = runtime.spawn(async move { polled.store(true, Ordering::SeqCst) });
    handle.abort();
    assert!(runtime.block_on(handle).unwrap_err().is_cancelled());
    assert!(!seen.load(Ordering::SeqCst));
}

#[test]
fn abort_during_a_poll_takes_effect_at_its_end() {
    let runtime = multi(2);
    let (entered_tx, entered_rx) = mpsc::channel();
    let (go_tx, go_rx) = mpsc::channel();
    let handle = runtime.spawn(async move {
        entered_tx.send(()).unwrap();
        go_rx.recv().unwrap();
        pending::<()>().await;
    });
    entered_rx.recv().unwrap();
    handle.abort();
    assert!(!handle.is_finished());
    go_tx.send(()).unwrap();
    assert!(runtime.block_on(handle).unwrap_err().is_cancelled());
}

#[test]
fn abort_of_a_finished_task_changes_nothing() {
    for runtime in both() {
        runtime.block_on(async {
            let handle = zokio::spawn(async { 5 });
            while !handle.is_finished() {
                task::yield_now().await;
            }
            handle.abort();
            assert_eq!(handle.await.unwrap(), 5);
        });
    }
}

#[test]
fn abort_handle_aborts_after_the_join_handle_is_gone() {
    for runtime in both() {
        let drops = Arc::new(AtomicUsize::new(0));
        let guard = OnDrop(drops.clone());
        runtime.block_on(async {
            let handle = zokio::spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            let abort = handle.abort_handle();
            drop(handle);
            let same = abort.clone();
            assert_eq!(same.id(), abort.id());
            abort.abort();
            while !same.is_finished() {
                task::yield_now().await;
            }
        });
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn dropping_the_runtime_drops_every_task() {
    for runtime in both() {
        let drops = Arc::new(AtomicUsize::new(0));
        runtime.block_on(async {
            for _ in 0..100 {
                let guard = OnDrop(drops.clone());
                zokio::spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
            }
            task::yield_now().await;
        });
        drop(runtime);
        assert_eq!(drops.load(Ordering::SeqCst), 100);
    }
}

#[test]
fn dropping_the_runtime_drops_a_long_chain_of_tasks_without_a_deep_stack() {
    for runtime in both() {
        let drops = Arc::new(AtomicUsize::new(0));
        let last = runtime.block_on(async {
            // Each task holds the sender that wakes the one before it.
            let mut next: Option<zokio::sync::oneshot::Sender<()>> = None;
            for _ in 0..20_000 {
                let (tx, rx) = zokio::sync::oneshot::channel();
                let (held, guard) = (next.replace(tx), OnDrop(drops.clone()));
                zokio::spawn(async move {
                    let _kept = (held, guard);
                    let _ = rx.await;
                    pending::<()>().await;
                });
            }
            for _ in 0..10 {
                task::yield_now().await;
            }
            next
        });
        drop(runtime);
        drop(last);
        assert_eq!(drops.load(Ordering::SeqCst), 20_000);
    }
}

#[test]
fn spawn_after_shutdown_gives_a_cancelled_handle() {
    for runtime in both() {
        let handle = runtime.handle().clone();
        drop(runtime);
        let join = handle.spawn(async {});
        let error = current().block_on(join).unwrap_err();
        assert!(error.is_cancelled());
        let blocking = handle.spawn_blocking(|| ());
        assert!(current().block_on(blocking).unwrap_err().is_cancelled());
    }
}

#[test]
fn spawn_from_a_destructor_during_shutdown_is_cancelled_and_dropped() {
    struct SpawnOnDrop(Arc<AtomicUsize>);
    impl Drop for SpawnOnDrop {
        fn drop(&mut self) {
            let guard = OnDrop(self.0.clone());
            zokio::spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
        }
    }
    for runtime in both() {
        let drops = Arc::new(AtomicUsize::new(0));
        let bomb = SpawnOnDrop(drops.clone());
        runtime.block_on(async {
            zokio::spawn(async move {
                let _bomb = bomb;
                pending::<()>().await;
            });
            task::yield_now().await;
        });
        drop(runtime);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn waker_kept_beyond_the_runtime_may_be_woken_and_dropped() {
    for runtime in both() {
        let slot: Arc<parking_lot::Mutex<Option<Waker>>> = Arc::default();
        let shared = slot.clone();
        let handle = runtime.spawn(poll_fn(move |cx| {
            *shared.lock() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }));
        runtime.block_on(async {
            while slot.lock().is_none() {
                task::yield_now().await;
            }
        });
        drop(runtime);
        let waker = slot.lock().take().unwrap();
        waker.wake_by_ref();
        let another = waker.clone();
        waker.wake();
        drop(another);
        assert!(current().block_on(handle).unwrap_err().is_cancelled());
    }
}

#[test]
fn two_block_ons_at_once_share_a_current_thread_runtime() {
    let runtime = Arc::new(current());
    let barrier = Arc::new(Barrier::new(2));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (runtime, barrier) = (runtime.clone(), barrier.clone());
            std::thread::spawn(move || {
                barrier.wait();
                for _ in 0..200 {
                    let output = runtime.block_on(async {
                        zokio::spawn(async {
                            task::yield_now().await;
                            3
                        })
                        .await
                        .unwrap()
                    });
                    assert_eq!(output, 3);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn block_on_wakes_from_another_thread() {
    for runtime in both() {
        let (tx, rx) = zokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || tx.send(9).unwrap());
        assert_eq!(runtime.block_on(rx).unwrap(), 9);
        thread.join().unwrap();
    }
}

#[test]
#[should_panic(expected = "Cannot start a runtime from within a runtime")]
fn block_on_within_a_runtime_panics() {
    let runtime = current();
    runtime.block_on(async { Handle::current().block_on(async {}) });
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn spawn_outside_of_a_runtime_panics() {
    zokio::spawn(async {});
}

#[test]
fn try_current_outside_of_a_runtime_says_so() {
    let error = Handle::try_current().unwrap_err();
    assert!(error.is_missing_context());
}

#[test]
#[should_panic(expected = "Cannot drop a runtime in a context where blocking is not allowed")]
fn dropping_a_runtime_within_another_panics() {
    let outer = current();
    let inner = multi(1);
    outer.block_on(async move { drop(inner) });
}

#[test]
fn shutdown_background_is_allowed_within_a_runtime() {
    let outer = current();
    let inner = multi(1);
    outer.block_on(async move { inner.shutdown_background() });
}

#[test]
#[should_panic(expected = "Worker threads cannot be set to 0")]
fn zero_workers_are_refused() {
    Builder::new_multi_thread().worker_threads(0);
}

#[test]
fn runtime_name_with_a_nul_is_refused() {
    let error = Builder::new_multi_thread()
        .name("a\0b")
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("NUL"));
}

#[test]
fn thread_name_with_a_nul_is_refused() {
    let error = Builder::new_multi_thread()
        .thread_name("a\0b")
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("NUL"));
}

#[test]
fn names_and_flavors_are_reported() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .name("shop")
        .build()
        .unwrap();
    assert_eq!(runtime.handle().name(), Some("shop"));
    assert_eq!(runtime.handle().label(), "shop");
    assert_eq!(
        runtime.handle().runtime_flavor(),
        RuntimeFlavor::MultiThread
    );
    let unnamed = current();
    assert_eq!(unnamed.handle().name(), None);
    let label = format!("runtime-{}", unnamed.handle().id());
    assert_eq!(unnamed.handle().label(), label);
}

#[test]
fn enter_makes_the_runtime_current_and_leaves_it_when_dropped() {
    let runtime = current();
    {
        let _guard = runtime.enter();
        assert_eq!(Handle::current().id(), runtime.handle().id());
    }
    assert!(Handle::try_current().is_err());
}

#[test]
fn spawn_blocking_runs_off_the_workers_and_may_block_on() {
    for runtime in both() {
        let output = runtime.block_on(async {
            let handle = Handle::current();
            task::spawn_blocking(move || handle.block_on(async { 11 }))
                .await
                .unwrap()
        });
        assert_eq!(output, 11);
    }
}

#[test]
fn spawn_blocking_that_panics_gives_the_panic() {
    let error = current().block_on(task_panic());
    assert_eq!(panic_text(error), "blocked");
}

async fn task_panic() -> zokio::task::JoinError {
    task::spawn_blocking(|| failing("blocked"))
        .await
        .unwrap_err()
}

#[test]
fn blocking_pool_never_has_more_threads_than_allowed() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    runtime.block_on(async {
        let spawn = |_| {
            let (running, most) = (running.clone(), most.clone());
            task::spawn_blocking(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
            })
        };
        let handles: Vec<_> = (0..200).map(spawn).collect();
        for handle in handles {
            handle.await.unwrap();
        }
    });
    assert!(most.load(Ordering::SeqCst) <= 2);
    assert!(runtime.metrics().num_blocking_threads() <= 2);
}

#[test]
fn blocking_job_still_queued_at_shutdown_is_cancelled() {
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let (entered_tx, entered_rx) = mpsc::channel();
    let (go_tx, go_rx) = mpsc::channel::<()>();
    let running = runtime.spawn_blocking(move || {
        entered_tx.send(()).unwrap();
        let _ = go_rx.recv();
        1
    });
    let queued = runtime.spawn_blocking(|| 2);
    entered_rx.recv().unwrap();
    runtime.shutdown_background();
    assert!(current().block_on(queued).unwrap_err().is_cancelled());
    drop(go_tx);
    assert_eq!(current().block_on(running).unwrap(), 1);
}

#[test]
fn block_in_place_hands_the_worker_to_another_thread() {
    let runtime = multi(1);
    runtime.block_on(async {
        zokio::spawn(async {
            let (tx, rx) = mpsc::channel();
            zokio::spawn(async move { tx.send(5).unwrap() });
            // The only worker blocks; the other task runs all the same.
            let value = task::block_in_place(|| rx.recv().unwrap());
            assert_eq!(value, 5);
            // And the task goes on.
            task::yield_now().await;
            zokio::spawn(async {}).await.unwrap();
        })
        .await
        .unwrap();
    });
}

#[test]
fn block_on_nests_through_block_in_place() {
    let runtime = multi(1);
    let output = runtime.block_on(async {
        zokio::spawn(async {
            task::block_in_place(|| {
                Handle::current().block_on(async {
                    task::block_in_place(|| {
                        Handle::current()
                            .block_on(async { zokio::spawn(async { 21 }).await.unwrap() })
                    })
                })
            })
        })
        .await
        .unwrap()
    });
    assert_eq!(output, 21);
}

#[test]
#[should_panic(expected = "can call blocking only when running on the multi-threaded runtime")]
fn block_in_place_in_a_current_thread_runtime_panics() {
    current().block_on(async { task::block_in_place(|| ()) });
}

#[test]
fn block_in_place_outside_of_a_runtime_just_runs() {
    assert_eq!(task::block_in_place(|| 3), 3);
}

#[test]
fn many_block_in_places_at_once_all_return() {
    let runtime = multi(2);
    runtime.block_on(async {
        let spawn = |i| {
            zokio::spawn(async move {
                task::yield_now().await;
                let doubled = task::block_in_place(|| i * 2);
                task::yield_now().await;
                doubled
            })
        };
        let handles: Vec<_> = (0..100usize).map(spawn).collect();
        for (i, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.await.unwrap(), i * 2);
        }
    });
}

#[test]
fn task_id_is_known_inside_a_task_and_not_in_block_on() {
    for runtime in both() {
        runtime.block_on(async {
            assert!(task::try_id().is_none());
            let handle = zokio::spawn(async { task::id() });
            let id = handle.id();
            assert_eq!(handle.await.unwrap(), id);
        });
    }
}

#[test]
fn large_future_is_boxed_and_runs() {
    let runtime = multi(1);
    let output = runtime.block_on(async {
        let data = [1u8; 64 * 1024];
        zokio::spawn(async move {
            task::yield_now().await;
            data.iter().map(|b| *b as usize).sum::<usize>()
        })
        .await
        .unwrap()
    });
    assert_eq!(output, 64 * 1024);
}

#[test]
fn a_thousand_runtimes_come_and_go() {
    for i in 0..1000 {
        let runtime = if i % 10 == 0 { multi(2) } else { current() };
        runtime.block_on(async { zokio::spawn(async {}).await.unwrap() });
    }
    if let Ok(threads) = std::fs::read_dir("/proc/self/task") {
        // Other tests of this binary have threads too: tens, not thousands.
        assert!(threads.count() < 200);
    }
}

#[test]
fn hooks_are_called_on_each_thread() {
    let (started, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (a, b) = (started.clone(), stopped.clone());
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .on_thread_start(move || {
            a.fetch_add(1, Ordering::SeqCst);
        })
        .on_thread_stop(move || {
            b.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    runtime.block_on(async { zokio::spawn(async {}).await.unwrap() });
    drop(runtime);
    assert_eq!(
        stopped.load(Ordering::SeqCst),
        started.load(Ordering::SeqCst)
    );
    assert_eq!(started.load(Ordering::SeqCst), 2);
}

#[test]
fn shutdown_timeout_does_not_wait_longer_for_a_stuck_blocking_job() {
    let runtime = current();
    let (go_tx, go_rx) = mpsc::channel::<()>();
    let (entered_tx, entered_rx) = mpsc::channel();
    runtime.spawn_blocking(move || {
        entered_tx.send(()).unwrap();
        let _ = go_rx.recv();
    });
    entered_rx.recv().unwrap();
    runtime.shutdown_timeout(Duration::from_millis(10));
    drop(go_tx);
}

#[test]
fn wakes_from_many_threads_strand_no_task() {
    let runtime = multi(2);
    let done = Arc::new(AtomicUsize::new(0));
    let mut wakers = Vec::new();
    for _ in 0..16 {
        let (tx, rx) = mpsc::channel::<Waker>();
        let done = done.clone();
        let mut polls = 0;
        runtime.spawn(poll_fn(move |cx| {
            polls += 1;
            if polls == 500 {
                done.fetch_add(1, Ordering::SeqCst);
                return Poll::Ready(());
            }
            tx.send(cx.waker().clone()).unwrap();
            Poll::Pending
        }));
        wakers.push(rx);
    }
    let threads: Vec<_> = wakers
        .into_iter()
        .map(|rx| {
            std::thread::spawn(move || {
                for waker in rx {
                    waker.wake_by_ref();
                    waker.wake();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(done.load(Ordering::SeqCst), 16);
}

#[test]
fn root_future_that_yields_for_ever_does_not_keep_timers_and_tasks_from_their_turn() {
    for runtime in both() {
        runtime.block_on(async {
            let sleeping = zokio::spawn(zokio::time::sleep(Duration::from_millis(1)));
            while !sleeping.is_finished() {
                task::yield_now().await;
            }
        });
    }
}

/// A mutex locked by a task's destructor, and held by whoever wakes the task: HTTP/2
/// implementations do this.
#[test]
fn wake_under_a_lock_that_the_destructor_takes_does_not_deadlock_at_shutdown() {
    struct Shared {
        lock: parking_lot::Mutex<Option<Waker>>,
        drops: AtomicUsize,
    }
    struct LocksOnDrop(Arc<Shared>);
    impl Drop for LocksOnDrop {
        fn drop(&mut self) {
            // Wakes the other task under the lock.
            if let Some(waker) = self.0.lock.lock().take() {
                waker.wake();
            }
            self.0.drops.fetch_add(1, Ordering::SeqCst);
        }
    }
    for runtime in both() {
        let shared = Arc::new(Shared {
            lock: parking_lot::Mutex::new(None),
            drops: AtomicUsize::new(0),
        });
        for _ in 0..20 {
            let (guard, shared) = (LocksOnDrop(shared.clone()), shared.clone());
            runtime.spawn(async move {
                let _guard = guard;
                poll_fn::<(), _>(|cx| {
                    let mut waker = shared.lock.lock();
                    if let Some(other) = waker.replace(cx.waker().clone()) {
                        other.wake();
                    }
                    Poll::Pending
                })
                .await;
            });
        }
        runtime.block_on(async {
            for _ in 0..10 {
                task::yield_now().await;
            }
        });
        drop(runtime);
        assert_eq!(shared.drops.load(Ordering::SeqCst), 20);
    }
}

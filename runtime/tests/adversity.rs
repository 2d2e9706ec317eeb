//! Programs that do what they should not, and moments that are badly chosen: the runtime goes on,
//! and what it shows stays true.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;
#[cfg(feature = "telemetry")]
use std::time::Instant;

use zokio::runtime::{Builder, Handle, Runtime};
#[cfg(feature = "telemetry")]
use zokio::telemetry::{Snapshot, TaskKind, TaskState};

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `f` on a thread of its own, and fails if it does not end.
fn within_patience<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    let (tx, rx) = mpsc::channel();
    std::thread::spawn(move || tx.send(f()));
    rx.recv_timeout(PATIENCE).expect("it ends")
}

fn multi(workers: usize) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).enable_all();
    builder
}

fn current() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn future_that_uses_up_the_thread_s_park_token_is_still_woken() {
    within_patience(|| {
        multi(1).build().unwrap().block_on(async {
            let done = Arc::new(AtomicBool::new(false));
            let mut first = true;
            std::future::poll_fn(|cx| {
                if done.load(Ordering::SeqCst) {
                    return Poll::Ready(());
                }
                if std::mem::take(&mut first) {
                    let (waker, done) = (cx.waker().clone(), done.clone());
                    let wake = move || {
                        done.store(true, Ordering::SeqCst);
                        waker.wake();
                    };
                    std::thread::spawn(wake).join().unwrap();
                    // The wake has left a token; this takes it.
                    std::thread::park();
                }
                Poll::Pending
            })
            .await;
        });
    });
}

#[test]
fn blocked_on_thread_takes_over_when_the_driving_one_ends_and_another_panics() {
    within_patience(|| {
        let runtime = Arc::new(current());
        let (end, ended) = zokio::sync::oneshot::channel::<()>();
        let (started_tx, started_rx) = mpsc::channel();
        let drive = |f: Box<dyn FnOnce(&Runtime) + Send>| {
            let runtime = runtime.clone();
            std::thread::spawn(move || catch_unwind(AssertUnwindSafe(|| f(&runtime))).is_ok())
        };
        let started = started_tx.clone();
        let first = drive(Box::new(move |runtime| {
            runtime.block_on(async {
                started.send(()).unwrap();
                let _ = ended.await;
            });
        }));
        started_rx.recv().unwrap();
        let second = drive(Box::new(move |runtime| {
            runtime.block_on(async {
                started_tx.send(()).unwrap();
                zokio::time::sleep(Duration::from_millis(20)).await;
            });
        }));
        started_rx.recv().unwrap();
        let third = drive(Box::new(|runtime| {
            runtime.block_on(async { panic!("as planned") })
        }));
        assert!(!third.join().unwrap());
        end.send(()).unwrap();
        assert!(first.join().unwrap() && second.join().unwrap());
    });
}

#[test]
fn endless_keep_alive_keeps_threads() {
    let runtime = multi(1).thread_keep_alive(Duration::MAX).build().unwrap();
    for _ in 0..3 {
        runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
    }
    assert!(runtime.metrics().num_blocking_threads() >= 1);
}

#[test]
fn blocking_job_is_not_stranded_behind_workers_that_just_start() {
    within_patience(|| {
        for _ in 0..100 {
            let runtime = multi(2).max_blocking_threads(1).build().unwrap();
            runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
        }
    });
}

#[test]
fn runtime_dropped_by_a_panic_in_its_own_task_does_not_wait_for_itself() {
    within_patience(|| {
        let runtime = multi(1).build().unwrap();
        let handle = runtime.handle().clone();
        let task = handle.spawn(async move {
            let _runtime = runtime;
            panic!("as planned");
        });
        assert!(current().block_on(task).unwrap_err().is_panic());
    });
}

#[test]
fn runtime_dropped_in_its_own_blocking_thread_does_not_wait_for_itself() {
    within_patience(|| {
        let runtime = multi(1).build().unwrap();
        let handle = runtime.handle().clone();
        let (tx, rx) = mpsc::channel();
        handle.spawn_blocking(move || {
            drop(runtime);
            tx.send(()).unwrap();
        });
        rx.recv().unwrap();
    });
}

#[test]
fn task_spawned_in_the_park_hook_runs() {
    within_patience(|| {
        let handle = Arc::new(Mutex::<Option<Handle>>::default());
        let (tx, rx) = mpsc::channel();
        let known = handle.clone();
        let runtime = multi(1)
            .on_thread_park(move || {
                if let Some(handle) = known.lock().unwrap().take() {
                    let tx = tx.clone();
                    handle.spawn(async move { tx.send(()).unwrap() });
                }
            })
            .build()
            .unwrap();
        *handle.lock().unwrap() = Some(runtime.handle().clone());
        runtime.block_on(async { zokio::spawn(async {}).await.unwrap() });
        rx.recv().unwrap();
    });
}

#[test]
fn panicking_hooks_take_no_worker_down() {
    within_patience(|| {
        let runtime = multi(1)
            .on_thread_start(|| panic!("as planned"))
            .on_thread_park(|| panic!("as planned"))
            .build()
            .unwrap();
        runtime.block_on(async {
            for _ in 0..3 {
                zokio::spawn(async {}).await.unwrap();
            }
        });
    });
}

#[test]
fn future_dropped_by_a_late_spawn_may_enter_a_runtime() {
    struct EntersOnDrop(Arc<Runtime>, Arc<AtomicUsize>);
    impl Drop for EntersOnDrop {
        fn drop(&mut self) {
            let _entered = self.0.enter();
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let guard = EntersOnDrop(Arc::new(current()), drops.clone());
    let runtime = current();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _entered = handle.enter();
    let task = zokio::spawn(async move {
        let _guard = guard;
    });
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    assert!(current().block_on(task).unwrap_err().is_cancelled());
}

#[cfg(feature = "telemetry")]
#[test]
fn time_of_the_root_future_is_busy_time_without_a_task() {
    let runtime = Builder::new_current_thread()
        .event_interval(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        zokio::spawn(async {
            loop {
                zokio::task::yield_now().await;
            }
        });
        zokio::time::sleep(Duration::from_millis(1)).await;
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(30) {
            std::hint::spin_loop();
        }
        let snapshot = Snapshot::capture(&Handle::current());
        let worker = &snapshot.workers[0];
        assert_eq!(
            worker.current_task, None,
            "the root is polled, not the task"
        );
        assert!(worker.busy_ns >= 30_000_000, "{}", worker.busy_ns);
    });
}

#[cfg(feature = "telemetry")]
#[test]
fn task_in_block_in_place_is_shown_as_busy() {
    let runtime = multi(2).build().unwrap();
    let (entered_tx, entered_rx) = mpsc::channel();
    let (go_tx, go_rx) = mpsc::channel::<()>();
    let task = runtime.spawn(async move {
        zokio::task::block_in_place(|| {
            entered_tx.send(()).unwrap();
            let _ = go_rx.recv();
        });
        std::future::pending::<()>().await;
    });
    entered_rx.recv().unwrap();
    let shown = |runtime: &Runtime| {
        let snapshot = Snapshot::capture(runtime.handle());
        snapshot
            .tasks
            .into_iter()
            .find(|t| t.kind == TaskKind::Task)
            .unwrap()
    };
    assert_eq!(shown(&runtime).state, TaskState::Busy);
    drop(go_tx);
    let deadline = Instant::now() + PATIENCE;
    while shown(&runtime).state != TaskState::Idle {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    task.abort();
}

#[cfg(feature = "telemetry")]
#[test]
fn two_snapshots_at_once_each_show_every_task() {
    let runtime = current();
    let _tasks: Vec<_> = (0..2000)
        .map(|_| runtime.spawn(std::future::pending::<()>()))
        .collect();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(Snapshot::capture(runtime.handle()).tasks.len(), 2000);
                }
            });
        }
    });
}

#[test]
fn waker_that_panics_in_the_driver_takes_no_worker_down() {
    struct Panicking;
    impl std::task::Wake for Panicking {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("as planned"));
        }
    }
    within_patience(|| {
        for runtime in [multi(1).build().unwrap(), current()] {
            runtime.block_on(async {
                let waker = std::task::Waker::from(Arc::new(Panicking));
                let mut sleep = Box::pin(zokio::time::sleep(Duration::from_millis(1)));
                let mut cx = std::task::Context::from_waker(&waker);
                assert!(sleep.as_mut().poll(&mut cx).is_pending());
                zokio::time::sleep(Duration::from_millis(5)).await;
                zokio::spawn(async {}).await.unwrap();
            });
        }
    });
}

#[test]
fn runtime_dropped_in_block_in_place_on_its_own_worker_does_not_wait_for_itself() {
    within_patience(|| {
        let runtime = multi(1).build().unwrap();
        let handle = runtime.handle().clone();
        let (tx, rx) = mpsc::channel();
        handle.spawn(async move {
            zokio::task::block_in_place(|| drop(runtime));
            tx.send(()).unwrap();
        });
        rx.recv().unwrap();
    });
}

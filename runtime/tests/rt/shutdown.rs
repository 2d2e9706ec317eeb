//! The end of a runtime: what it waits for, what becomes of what was under way, what fails after.

use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use zokio::net::{TcpListener, TcpStream, UdpSocket};
use zokio::runtime::{Builder, Handle, Runtime, is_rt_shutdown_err};
use zokio::task;
use zokio::time::sleep;

use crate::support::{both, both_builders, current, multi, panic_of};

const IN_ASYNC: &str = "Cannot drop a runtime in a context where blocking is not allowed. This \
    happens when a runtime is dropped from within an asynchronous context.";
const GONE: &str = "A zokio context was found, but it is being shutdown.";

/// A blocking job that has begun and runs until the sender is used or dropped; then it sets the flag.
fn started_job(runtime: &Runtime) -> (mpsc::Sender<()>, Arc<AtomicBool>) {
    let (end, ends) = mpsc::channel::<()>();
    let (began, begun) = mpsc::channel();
    let done = Arc::new(AtomicBool::new(false));
    let flag = done.clone();
    runtime.spawn_blocking(move || {
        began.send(()).unwrap();
        let _ = ends.recv();
        flag.store(true, Ordering::SeqCst);
    });
    begun.recv().unwrap();
    (end, done)
}

// ---- waiting --------------------------------------------------------------------------------

#[test]
fn drop_waits_for_blocking_work_that_has_begun() {
    for runtime in both() {
        let (end, done) = started_job(&runtime);
        let dropper = thread::spawn(move || drop(runtime));
        assert!(!done.load(Ordering::SeqCst));
        end.send(()).unwrap();
        dropper.join().unwrap();
        assert!(done.load(Ordering::SeqCst));
    }
}

#[test]
fn shutdown_background_does_not_wait_for_blocking_work() {
    for runtime in both() {
        let (end, done) = started_job(&runtime);
        runtime.shutdown_background();
        assert!(!done.load(Ordering::SeqCst));
        drop(end);
    }
}

#[test]
fn shutdown_timeout_of_zero_does_not_wait_either() {
    for runtime in both() {
        let (end, done) = started_job(&runtime);
        runtime.shutdown_timeout(Duration::ZERO);
        assert!(!done.load(Ordering::SeqCst));
        drop(end);
    }
}

#[test]
fn shutdown_timeout_gives_up_on_blocking_work() {
    for runtime in both() {
        let (end, done) = started_job(&runtime);
        runtime.shutdown_timeout(Duration::from_millis(1));
        assert!(!done.load(Ordering::SeqCst));
        drop(end);
    }
}

#[test]
fn shutdown_timeout_returns_as_soon_as_all_is_done() {
    for runtime in both() {
        let (end, done) = started_job(&runtime);
        end.send(()).unwrap();
        // Longer than any test may take.
        runtime.shutdown_timeout(Duration::from_secs(1 << 30));
        assert!(done.load(Ordering::SeqCst));
    }
}

#[test]
fn shutdown_timeout_without_bound_is_accepted() {
    for runtime in both() {
        let (end, done) = started_job(&runtime);
        end.send(()).unwrap();
        runtime.shutdown_timeout(Duration::MAX);
        assert!(done.load(Ordering::SeqCst));
    }
}

#[test]
fn blocking_work_in_the_queue_is_cancelled_and_never_runs() {
    for mut builder in crate::support::both_builders() {
        let runtime = builder.max_blocking_threads(1).build().unwrap();
        let (end, _) = started_job(&runtime);
        let ran = Arc::new(AtomicBool::new(false));
        let flag = ran.clone();
        let queued = runtime.spawn_blocking(move || flag.store(true, Ordering::SeqCst));
        runtime.shutdown_background();
        assert!(current().block_on(queued).unwrap_err().is_cancelled());
        drop(end);
        assert!(!ran.load(Ordering::SeqCst));
    }
}

#[test]
fn queued_blocking_work_is_dropped_within_its_runtime() {
    struct AsksOnDrop(mpsc::Sender<zokio::runtime::Id>);
    impl Drop for AsksOnDrop {
        fn drop(&mut self) {
            self.0.send(Handle::current().id()).unwrap();
        }
    }
    for mut builder in crate::support::both_builders() {
        let runtime = builder.max_blocking_threads(1).build().unwrap();
        let id = runtime.handle().id();
        let (end, _) = started_job(&runtime);
        let (tell, told) = mpsc::channel();
        let asks = AsksOnDrop(tell);
        runtime.spawn_blocking(move || drop(asks));
        runtime.shutdown_background();
        assert_eq!(told.recv().unwrap(), id);
        drop(end);
    }
}

// ---- where a runtime may be dropped -----------------------------------------------------------

#[test]
fn drop_within_a_runtime_panics() {
    for outer in both() {
        for inner in both() {
            let panic = outer.block_on(async move { panic_of(|| drop(inner)) });
            assert_eq!(panic.text, IN_ASYNC);
        }
    }
}

#[test]
fn drop_within_a_task_panics() {
    for (outer, inner) in both().into_iter().zip(both()) {
        let task = outer.spawn(async move { panic_of(|| drop(inner)) });
        assert_eq!(outer.block_on(task).unwrap().text, IN_ASYNC);
    }
}

#[test]
fn drop_within_a_runtime_panics_with_tokio_s_text() {
    let theirs = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let panic = current().block_on(async {
        let outer = tokio::runtime::Builder::new_current_thread().build();
        thread::spawn(move || outer.unwrap().block_on(async { panic_of(|| drop(theirs)) }))
    });
    assert_eq!(panic.join().unwrap().text, IN_ASYNC);
}

#[test]
fn shutdown_timeout_within_a_runtime_panics() {
    for (outer, inner) in both().into_iter().zip(both()) {
        let shut_down = || inner.shutdown_timeout(Duration::from_secs(1));
        let panic = outer.block_on(async { panic_of(shut_down) });
        assert_eq!(panic.text, IN_ASYNC);
    }
}

#[test]
fn shutdown_background_within_a_runtime_is_allowed() {
    for (outer, inner) in both().into_iter().zip(both()) {
        let task = inner.spawn(pending::<()>());
        outer.block_on(async move { inner.shutdown_background() });
        assert!(outer.block_on(task).unwrap_err().is_cancelled());
    }
}

#[test]
fn drop_on_a_blocking_thread_is_allowed() {
    for (outer, inner) in both().into_iter().zip(both()) {
        outer
            .block_on(outer.spawn_blocking(move || drop(inner)))
            .unwrap();
    }
}

#[test]
fn timeout_of_a_shutdown_covers_the_hooks_that_threads_end_with() {
    for mut builder in both_builders() {
        let (end, ends) = mpsc::channel::<()>();
        let ends = Mutex::new(ends);
        let runtime = builder
            .on_thread_stop(move || {
                let _ = ends.lock().unwrap().recv();
            })
            .build()
            .unwrap();
        runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
        runtime.shutdown_timeout(Duration::from_millis(10));
        // The hooks go on after it.
        drop(end);
    }
}

#[test]
fn drop_in_the_hook_of_a_thread_that_ends_by_itself_does_not_wait_for_it() {
    let runtime: Arc<Mutex<Option<Runtime>>> = Arc::default();
    let theirs = runtime.clone();
    let (dropped, is_dropped) = mpsc::channel();
    let built = Builder::new_current_thread()
        .thread_keep_alive(Duration::from_millis(1))
        .on_thread_stop(move || {
            drop(theirs.lock().unwrap().take());
            dropped.send(()).unwrap();
        })
        .build()
        .unwrap();
    let job = built.spawn_blocking(|| ());
    *runtime.lock().unwrap() = Some(built);
    is_dropped.recv().unwrap();
    drop(job);
}

#[test]
fn drop_in_a_block_in_place_within_another_does_not_wait_for_itself() {
    let runtime = multi(1);
    let handle = runtime.handle().clone();
    let (dropped, is_dropped) = mpsc::channel();
    handle.clone().spawn(async move {
        let drops = async move { task::block_in_place(|| drop(runtime)) };
        task::block_in_place(|| handle.block_on(drops));
        dropped.send(()).unwrap();
    });
    is_dropped.recv().unwrap();
}

#[test]
fn drop_in_block_in_place_is_allowed() {
    let outer = multi(1);
    for inner in both() {
        let task = outer.spawn(async move { task::block_in_place(|| drop(inner)) });
        outer.block_on(task).unwrap();
    }
}

#[test]
fn drop_while_entered_is_allowed() {
    for (outer, inner) in both().into_iter().zip(both()) {
        let _guard = outer.enter();
        drop(inner);
    }
}

// ---- tasks ------------------------------------------------------------------------------------

#[test]
fn join_handles_of_waiting_tasks_are_cancelled() {
    for runtime in both() {
        let task = runtime.spawn(pending::<()>());
        runtime.block_on(async { task::yield_now().await });
        drop(runtime);
        assert!(task.is_finished());
        assert!(current().block_on(task).unwrap_err().is_cancelled());
    }
}

#[test]
fn join_handles_of_tasks_that_never_ran_are_cancelled() {
    let runtime = current();
    let tasks: Vec<_> = (0..100).map(|_| runtime.spawn(async {})).collect();
    drop(runtime);
    for task in tasks {
        assert!(current().block_on(task).unwrap_err().is_cancelled());
    }
}

#[test]
fn join_handles_of_tasks_that_yield_for_ever_are_cancelled() {
    for runtime in both() {
        let task = runtime.spawn(async {
            loop {
                task::yield_now().await;
            }
        });
        runtime.block_on(async { task::yield_now().await });
        drop(runtime);
        assert!(current().block_on(task).unwrap_err().is_cancelled());
    }
}

#[test]
fn output_of_a_finished_task_outlives_the_runtime() {
    for runtime in both() {
        let task = runtime.spawn(async { "kept" });
        runtime.block_on(async {
            while !task.is_finished() {
                task::yield_now().await;
            }
        });
        drop(runtime);
        assert_eq!(current().block_on(task).unwrap(), "kept");
    }
}

#[test]
fn joiner_on_another_runtime_is_woken_by_the_end() {
    for runtime in both() {
        let task = runtime.spawn(pending::<()>());
        let (waiting, waits) = mpsc::channel();
        let joiner = thread::spawn(move || {
            current().block_on(async move {
                waiting.send(()).unwrap();
                task.await.unwrap_err().is_cancelled()
            })
        });
        waits.recv().unwrap();
        drop(runtime);
        assert!(joiner.join().unwrap());
    }
}

#[test]
fn tasks_are_dropped_within_their_runtime() {
    struct AsksOnDrop(mpsc::Sender<zokio::runtime::Id>);
    impl Drop for AsksOnDrop {
        fn drop(&mut self) {
            self.0.send(Handle::current().id()).unwrap();
        }
    }
    for runtime in both() {
        let id = runtime.handle().id();
        let (tell, told) = mpsc::channel();
        let asks = AsksOnDrop(tell);
        runtime.spawn(async move {
            let _asks = asks;
            pending::<()>().await;
        });
        drop(runtime);
        assert_eq!(told.recv().unwrap(), id);
    }
}

#[test]
fn running_task_is_dropped_when_its_poll_ends() {
    let runtime = multi(1);
    let (end, ends) = mpsc::channel::<()>();
    let (began, begun) = mpsc::channel();
    let task = runtime.spawn(async move {
        began.send(()).unwrap();
        ends.recv().unwrap();
        pending::<()>().await;
    });
    begun.recv().unwrap();
    runtime.shutdown_background();
    assert!(!task.is_finished());
    end.send(()).unwrap();
    assert!(current().block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn what_is_spawned_on_a_handle_afterwards_is_cancelled_at_once() {
    for runtime in both() {
        let handle = runtime.handle().clone();
        drop(runtime);
        let (task, job) = (handle.spawn(async {}), handle.spawn_blocking(|| ()));
        assert!(task.is_finished() && job.is_finished());
        assert!(current().block_on(task).unwrap_err().is_cancelled());
        assert!(current().block_on(job).unwrap_err().is_cancelled());
    }
}

#[test]
fn future_that_is_spawned_afterwards_is_dropped() {
    for runtime in both() {
        let handle = runtime.handle().clone();
        drop(runtime);
        let kept = Arc::new(());
        let held = kept.clone();
        drop(handle.spawn(async move { drop(held) }));
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}

#[test]
fn handle_may_be_entered_and_blocked_on_afterwards() {
    for runtime in both() {
        let handle = runtime.handle().clone();
        drop(runtime);
        let _guard = handle.enter();
        assert_eq!(Handle::current().id(), handle.id());
        assert_eq!(handle.block_on(async { 3 }), 3);
    }
}

#[test]
fn runtime_dropped_in_a_thread_s_last_moments_is_shut_down() {
    thread_local! {
        static LOCAL: std::cell::RefCell<Option<Runtime>> = const { std::cell::RefCell::new(None) };
    }
    for runtime in both() {
        let task = runtime.spawn(pending::<()>());
        thread::spawn(move || LOCAL.set(Some(runtime)))
            .join()
            .unwrap();
        assert!(current().block_on(task).unwrap_err().is_cancelled());
    }
}

// ---- timers and I/O ---------------------------------------------------------------------------

#[test]
fn timer_of_a_runtime_that_is_gone_panics_when_polled() {
    for runtime in both() {
        let timer = {
            let _guard = runtime.enter();
            sleep(Duration::from_secs(3600))
        };
        drop(runtime);
        assert_eq!(panic_of(|| current().block_on(timer)).text, GONE);
    }
}

#[test]
fn timer_under_way_panics_when_its_runtime_goes() {
    for runtime in both() {
        let mut timer = {
            let _guard = runtime.enter();
            Box::pin(sleep(Duration::from_secs(3600)))
        };
        let polled = async { zokio::time::timeout(Duration::ZERO, &mut timer).await };
        assert!(runtime.block_on(polled).is_err());
        let (waiting, waits) = mpsc::channel();
        let waiter = thread::spawn(move || {
            panic_of(|| {
                current().block_on(async move {
                    waiting.send(()).unwrap();
                    timer.await;
                })
            })
        });
        waits.recv().unwrap();
        drop(runtime);
        assert_eq!(waiter.join().unwrap().text, GONE);
    }
}

fn assert_gone<T: std::fmt::Debug>(result: io::Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Other);
    assert_eq!(error.to_string(), GONE);
    assert!(is_rt_shutdown_err(&error));
}

#[test]
fn socket_of_a_runtime_that_is_gone_fails() {
    for runtime in both() {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        drop(runtime);
        assert_gone(current().block_on(listener.accept()));
    }
}

#[test]
fn operation_under_way_fails_when_its_runtime_goes() {
    for runtime in both() {
        let socket = runtime.block_on(UdpSocket::bind("127.0.0.1:0")).unwrap();
        let (waiting, waits) = mpsc::channel();
        let waiter = thread::spawn(move || {
            current().block_on(async move {
                waiting.send(()).unwrap();
                socket.recv(&mut [0]).await
            })
        });
        waits.recv().unwrap();
        drop(runtime);
        assert_gone(waiter.join().unwrap());
    }
}

#[test]
fn new_socket_on_a_runtime_that_is_gone_fails() {
    for runtime in both() {
        let handle = runtime.handle().clone();
        drop(runtime);
        assert_gone(handle.block_on(UdpSocket::bind("127.0.0.1:0")));
    }
}

#[test]
fn socket_of_a_runtime_that_is_gone_may_be_dropped() {
    for runtime in both() {
        let sockets = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            (listener, client)
        });
        drop(runtime);
        drop(sockets);
    }
}

#[test]
fn file_operation_on_a_runtime_that_is_gone_fails() {
    for runtime in both() {
        let handle = runtime.handle().clone();
        drop(runtime);
        let read = handle.block_on(zokio::fs::read_dir("."));
        assert!(read.is_err());
    }
}

#[test]
fn other_errors_are_no_shutdown() {
    let same_text = io::Error::new(io::ErrorKind::NotFound, GONE);
    let same_kind = io::Error::other("something else");
    let longer = io::Error::other(format!("{GONE} Really."));
    let from_system = io::Error::from_raw_os_error(2);
    for error in [
        same_text,
        same_kind,
        longer,
        from_system,
        io::ErrorKind::Other.into(),
    ] {
        assert!(!is_rt_shutdown_err(&error), "{error}");
    }
    assert!(is_rt_shutdown_err(&io::Error::other(GONE)));
}

#[test]
fn shutdown_error_with_a_source_is_another_error() {
    #[derive(Debug)]
    struct Wrapping(io::Error);
    impl std::fmt::Display for Wrapping {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(GONE)
        }
    }
    impl std::error::Error for Wrapping {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let error = io::Error::other(Wrapping(io::ErrorKind::Other.into()));
    assert!(!is_rt_shutdown_err(&error));
}

#[test]
fn runtime_without_tasks_comes_and_goes_on_any_thread() {
    let runtime = thread::spawn(|| Builder::new_multi_thread().worker_threads(1).build());
    let runtime = runtime.join().unwrap().unwrap();
    thread::spawn(move || drop(runtime)).join().unwrap();
}

/// A runtime whose threads of the pool, once started, wait until the sender is dropped.
fn with_slow_threads() -> (Runtime, mpsc::Sender<()>) {
    let (gate, opens) = mpsc::channel::<()>();
    let opens = Mutex::new(opens);
    let wait = move || {
        let _ = opens.lock().unwrap().recv();
    };
    let runtime = Builder::new_current_thread().on_thread_start(wait).build();
    (runtime.unwrap(), gate)
}

#[test]
fn blocking_work_whose_thread_is_just_starting_runs() {
    let (runtime, gate) = with_slow_threads();
    let (tell, told) = mpsc::channel();
    runtime.spawn_blocking(move || tell.send(()).unwrap());
    runtime.shutdown_background();
    drop(gate);
    assert_eq!(told.recv(), Ok(()));
}

#[test]
fn aborted_blocking_work_whose_thread_is_just_starting_does_not_run() {
    let (runtime, gate) = with_slow_threads();
    let (tell, told) = mpsc::channel();
    let job = runtime.spawn_blocking(move || tell.send(()).unwrap());
    job.abort();
    runtime.shutdown_background();
    drop(gate);
    assert_eq!(told.recv(), Err(mpsc::RecvError));
}

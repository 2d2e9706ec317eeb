//! `RuntimeMetrics`: each counter against what was done.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc;
use std::thread;

use zokio::runtime::{Handle, RuntimeMetrics};
use zokio::task;

use crate::support::{assert_panics_here, both, current, multi};

#[cfg(feature = "telemetry")]
mod counted;
#[cfg(feature = "telemetry")]
mod poll_times;

#[test]
fn workers_are_those_of_the_builder() {
    assert_eq!(multi(3).metrics().num_workers(), 3);
    assert_eq!(current().metrics().num_workers(), 1);
}

#[test]
fn metrics_are_the_same_from_runtime_and_handle_and_outlive_both() {
    let runtime = current();
    let (own, clone) = (runtime.metrics(), runtime.handle().metrics().clone());
    let within = runtime.block_on(async { Handle::current().metrics() });
    drop(runtime);
    for metrics in [own, clone, within] {
        assert_eq!(metrics.num_workers(), 1);
        assert_eq!(metrics.num_alive_tasks(), 0);
    }
}

#[test]
fn alive_tasks_are_those_that_have_not_ended() {
    for runtime in both() {
        let metrics = runtime.metrics();
        assert_eq!(metrics.num_alive_tasks(), 0);
        let tasks: Vec<_> = (0..3)
            .map(|_| runtime.spawn(std::future::pending::<()>()))
            .collect();
        assert_eq!(metrics.num_alive_tasks(), 3);
        for task in tasks {
            task.abort();
            let _ = runtime.block_on(task);
        }
        assert_eq!(metrics.num_alive_tasks(), 0);
    }
}

#[test]
#[expect(deprecated, reason = "the old name is there too")]
fn active_tasks_is_the_old_name_of_alive_tasks() {
    let runtime = current();
    runtime.spawn(async {});
    assert_eq!(runtime.metrics().active_tasks_count(), 1);
}

#[test]
fn global_queue_holds_what_was_spawned_from_outside() {
    let runtime = current();
    let metrics = runtime.metrics();
    for _ in 0..5 {
        runtime.spawn(async {});
    }
    assert_eq!(metrics.global_queue_depth(), 5);
    runtime.block_on(async {
        while metrics.num_alive_tasks() > 0 {
            task::yield_now().await;
        }
    });
    assert_eq!(metrics.global_queue_depth(), 0);
}

#[test]
fn local_queue_holds_what_was_spawned_on_the_worker() {
    let runtime = current();
    let metrics = runtime.metrics();
    runtime.block_on(async {
        for _ in 0..4 {
            zokio::spawn(async {});
        }
        assert_eq!(metrics.worker_local_queue_depth(0), 4);
        while metrics.worker_local_queue_depth(0) > 0 {
            task::yield_now().await;
        }
    });
}

#[test]
fn blocking_pool_is_counted_in_threads_and_jobs() {
    let runtime = zokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let metrics = runtime.metrics();
    let pool = || {
        let (all, idle) = (
            metrics.num_blocking_threads(),
            metrics.num_idle_blocking_threads(),
        );
        (all, idle, metrics.blocking_queue_depth())
    };
    assert_eq!(pool(), (0, 0, 0));
    let (end, ends) = mpsc::channel::<()>();
    let (began, begun) = mpsc::channel();
    let job = runtime.spawn_blocking(move || {
        began.send(()).unwrap();
        ends.recv().unwrap();
    });
    begun.recv().unwrap();
    let queued: Vec<_> = (0..2).map(|_| runtime.spawn_blocking(|| ())).collect();
    assert_eq!(pool(), (1, 0, 2));
    end.send(()).unwrap();
    for job in queued.into_iter().chain([job]) {
        runtime.block_on(job).unwrap();
    }
    while pool() != (1, 1, 0) {
        thread::yield_now();
    }
}

#[test]
fn thread_of_a_current_thread_worker_is_the_last_in_block_on() {
    let runtime = current();
    let metrics = runtime.metrics();
    assert_eq!(metrics.worker_thread_id(0), None);
    runtime.block_on(async {});
    assert_eq!(metrics.worker_thread_id(0), Some(thread::current().id()));
    let (other, runtime) = thread::spawn(move || {
        runtime.block_on(async {});
        (thread::current().id(), runtime)
    })
    .join()
    .unwrap();
    assert_eq!(metrics.worker_thread_id(0), Some(other));
    drop(runtime);
}

#[test]
fn thread_of_a_worker_is_that_of_its_tasks() {
    let runtime = multi(2);
    let metrics = runtime.metrics();
    let task = runtime.spawn(async {
        let worker = zokio::runtime::worker_index().unwrap();
        (worker, thread::current().id())
    });
    let (worker, thread) = runtime.block_on(task).unwrap();
    assert_eq!(metrics.worker_thread_id(worker), Some(thread));
}

#[test]
fn worker_that_is_not_there_panics_in_the_caller_s_line() {
    let m = current().metrics();
    let m = AssertUnwindSafe(&m);
    let text = "index out of bounds: the len is 1 but the index is 1";
    assert_panics_here!(text, || m.worker_total_busy_duration(1));
    assert_panics_here!(text, || m.worker_park_count(1));
    assert_panics_here!(text, || m.worker_park_unpark_count(1));
    assert_panics_here!(text, || m.worker_thread_id(1));
    assert_panics_here!(text, || m.worker_noop_count(1));
    assert_panics_here!(text, || m.worker_steal_count(1));
    assert_panics_here!(text, || m.worker_steal_operations(1));
    assert_panics_here!(text, || m.worker_poll_count(1));
    assert_panics_here!(text, || m.worker_local_schedule_count(1));
    assert_panics_here!(text, || m.worker_overflow_count(1));
    assert_panics_here!(text, || m.worker_local_queue_depth(1));
    assert_panics_here!(text, || m.worker_mean_poll_time(1));
    assert_panics_here!(text, || m.poll_time_histogram_bucket_count(1, 0));
}

#[test]
fn histogram_that_is_not_enabled_has_no_buckets() {
    let metrics: RuntimeMetrics = current().metrics();
    assert!(!metrics.poll_time_histogram_enabled());
    assert_eq!(metrics.poll_time_histogram_num_buckets(), 0);
    assert!(metrics.poll_time_histogram_bucket_range(5).is_empty());
    assert_eq!(metrics.poll_time_histogram_bucket_count(0, 5), 0);
}

#[cfg(not(feature = "telemetry"))]
#[test]
fn without_telemetry_what_is_counted_reads_zero() {
    for mut builder in crate::support::both_builders() {
        let runtime = builder
            .enable_metrics_poll_time_histogram()
            .build()
            .unwrap();
        runtime.block_on(async {
            let task = zokio::spawn(async { task::yield_now().await });
            task.await.unwrap();
            zokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        });
        let m = runtime.metrics();
        let of_all = [
            m.spawned_tasks_count(),
            m.remote_schedule_count(),
            m.budget_forced_yield_count(),
            m.io_driver_fd_registered_count(),
            m.io_driver_fd_deregistered_count(),
            m.io_driver_ready_count(),
        ];
        assert_eq!(of_all, [0; 6]);
        let of_worker = [
            m.worker_park_count(0),
            m.worker_park_unpark_count(0),
            m.worker_noop_count(0),
            m.worker_steal_count(0),
            m.worker_steal_operations(0),
            m.worker_poll_count(0),
            m.worker_local_schedule_count(0),
            m.worker_overflow_count(0),
        ];
        assert_eq!(of_worker, [0; 8]);
        assert!(m.worker_total_busy_duration(0).is_zero());
        assert!(m.worker_mean_poll_time(0).is_zero());
        assert!(!m.poll_time_histogram_enabled());
        assert_eq!(m.poll_time_histogram_num_buckets(), 0);
        assert_eq!(m.poll_time_histogram_bucket_count(0, 0), 0);
    }
}

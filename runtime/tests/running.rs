//! Looking at a runtime whose workers are stuck, from outside of it.

#![cfg(feature = "telemetry")]

use std::sync::mpsc;

use zokio::runtime::{Builder, Runtime};
use zokio::telemetry::{SampleError, now_ns, polls_in_progress, sample_worker};

fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .build()
        .unwrap()
}

/// A task that blocks its worker until the sender is dropped.
fn block_a_worker(runtime: &Runtime) -> mpsc::Sender<()> {
    let (end, ended) = mpsc::channel::<()>();
    let (say, runs) = mpsc::channel();
    runtime.spawn(async move {
        say.send(()).unwrap();
        let _ = ended.recv();
    });
    runs.recv().unwrap();
    end
}

#[test]
fn blocked_poll_is_listed_with_its_task_and_beginning() {
    let runtime = runtime(1);
    let before = now_ns();
    let end = block_a_worker(&runtime);
    let polls = polls_in_progress(runtime.handle());
    assert_eq!(polls.len(), 1);
    assert_eq!(polls[0].worker, 0);
    assert!((before..=now_ns()).contains(&polls[0].since_ns));
    let snapshot = zokio::telemetry::Snapshot::capture(runtime.handle());
    assert_eq!(polls[0].task_id, snapshot.tasks[0].id);
    drop(end);
}

#[test]
fn runtime_at_rest_has_no_poll_in_progress() {
    let runtime = runtime(2);
    runtime.block_on(async { zokio::spawn(async {}).await.unwrap() });
    while !polls_in_progress(runtime.handle()).is_empty() {
        std::thread::yield_now();
    }
}

// ThreadSanitizer hands signals on late.
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(zokio_sanitize)
))]
#[test]
fn stuck_workers_are_sampled_without_their_help() {
    let runtime = runtime(2);
    let ends = [block_a_worker(&runtime), block_a_worker(&runtime)];
    let samples = [0, 1].map(|worker| sample_worker(runtime.handle(), worker).unwrap());
    assert_ne!(samples[0].thread_id, samples[1].thread_id);
    for sample in samples {
        assert!(!sample.stack.is_empty(), "{sample:?}");
    }
    drop(ends);
}

#[test]
fn worker_that_nobody_runs_cannot_be_sampled() {
    let runtime = Builder::new_current_thread().build().unwrap();
    assert_eq!(
        sample_worker(runtime.handle(), 0).unwrap_err(),
        SampleError::NotRunning
    );
    assert_eq!(
        sample_worker(runtime.handle(), 7).unwrap_err(),
        SampleError::NotRunning
    );
}

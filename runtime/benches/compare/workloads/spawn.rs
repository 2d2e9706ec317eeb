//! Making tasks and passing control between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::rt::{self, Runtime};
use crate::harness::{Row, Sample};

pub const ROWS: &[Row<Runtime>] = &[
    Row::new("spawn/worker", 20_000, spawn_worker),
    Row::new("spawn/outside-idle", 20_000, spawn_outside_idle),
    Row::new("spawn/outside-busy", 20_000, spawn_outside_busy),
    Row::new("spawn/join", 20_000, spawn_join),
    Row::new("spawn/chained", 50_000, chained),
    Row::new("yield/1", 200_000, yield_one),
    Row::new("yield/16", 200_000, yield_many),
];

/// Counts tasks down and says when the last has run.
struct Countdown {
    left: AtomicU64,
    thread: std::thread::Thread,
}

impl Countdown {
    fn new(count: u64) -> Arc<Countdown> {
        Arc::new(Countdown {
            left: AtomicU64::new(count),
            thread: std::thread::current(),
        })
    }

    fn one(&self) {
        // Ordering: AcqRel, as any count of finished work.
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.thread.unpark();
        }
    }

    fn wait(&self) {
        // Ordering: pairs with the AcqRel in `one`.
        while self.left.load(Ordering::Acquire) != 0 {
            std::thread::park();
        }
    }
}

/// A task spawns empty tasks; until all have run.
fn spawn_worker(runtime: &Runtime, ops: u64) -> Sample {
    let done = Countdown::new(ops);
    let begin = Instant::now();
    let spawner = {
        let done = done.clone();
        async move {
            for _ in 0..ops {
                let done = done.clone();
                drop(rt::spawn(async move { done.one() }));
            }
        }
    };
    drop(runtime.spawn(spawner));
    done.wait();
    Sample::per_op(begin.elapsed(), ops)
}

fn spawn_from_here(runtime: &Runtime, ops: u64) -> Sample {
    let done = Countdown::new(ops);
    let begin = Instant::now();
    for _ in 0..ops {
        let done = done.clone();
        drop(runtime.spawn(async move { done.one() }));
    }
    done.wait();
    Sample::per_op(begin.elapsed(), ops)
}

/// A thread outside spawns empty tasks into a runtime that has nothing else to do.
fn spawn_outside_idle(runtime: &Runtime, ops: u64) -> Sample {
    spawn_from_here(runtime, ops)
}

/// The same while two tasks keep the workers busy.
fn spawn_outside_busy(runtime: &Runtime, ops: u64) -> Sample {
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let busy: Vec<_> = (0..2)
        .map(|_| {
            let stop = stop.clone();
            runtime.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    rt::task::yield_now().await;
                }
            })
        })
        .collect();
    let sample = spawn_from_here(runtime, ops);
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(async {
        for task in busy {
            let _ = task.await;
        }
    });
    sample
}

/// Spawn a task, wait for it, spawn the next.
fn spawn_join(runtime: &Runtime, ops: u64) -> Sample {
    super::timed(runtime, ops, async move {
        for i in 0..ops {
            assert_eq!(rt::spawn(async move { i }).await.unwrap(), i);
        }
    })
}

/// Each task spawns the next.
fn chained(runtime: &Runtime, ops: u64) -> Sample {
    fn next(left: u64, done: Arc<Countdown>) {
        if left == 0 {
            done.one();
        } else {
            drop(rt::spawn(async move { next(left - 1, done) }));
        }
    }
    let done = Countdown::new(1);
    let begin = Instant::now();
    let first = done.clone();
    drop(runtime.spawn(async move { next(ops, first) }));
    done.wait();
    Sample::per_op(begin.elapsed(), ops)
}

fn yield_one(runtime: &Runtime, ops: u64) -> Sample {
    super::timed(runtime, ops, async move {
        for _ in 0..ops {
            rt::task::yield_now().await;
        }
    })
}

/// 16 tasks that do nothing but yield.
fn yield_many(runtime: &Runtime, ops: u64) -> Sample {
    super::timed_tasks(runtime, ops, 16, |share, _| async move {
        for _ in 0..share {
            rt::task::yield_now().await;
        }
    })
}

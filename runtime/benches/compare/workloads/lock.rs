//! Locks under 16 tasks.

use std::sync::Arc;

use super::rt::sync::{Mutex, Semaphore};
use super::rt::{self, Runtime};
use crate::harness::{Row, Sample};

pub const ROWS: &[Row<Runtime>] = &[
    Row::new("mutex/16", 100_000, mutex),
    Row::new("mutex/16-held", 50_000, mutex_held),
    Row::new("semaphore/16", 100_000, semaphore),
    Row::new("semaphore/16-held", 50_000, semaphore_held),
];

const TASKS: u64 = 16;

/// Short critical sections.
fn mutex(runtime: &Runtime, ops: u64) -> Sample {
    let lock = Arc::new(Mutex::new(0u64));
    super::timed_tasks(runtime, ops, TASKS, move |share, _| {
        let lock = lock.clone();
        async move {
            for _ in 0..share {
                *lock.lock().await += 1;
            }
        }
    })
}

/// The guard is kept over a yield, so that every task but one waits.
fn mutex_held(runtime: &Runtime, ops: u64) -> Sample {
    let lock = Arc::new(Mutex::new(0u64));
    super::timed_tasks(runtime, ops, TASKS, move |share, _| {
        let lock = lock.clone();
        async move {
            for _ in 0..share {
                let mut guard = lock.lock().await;
                *guard += 1;
                rt::task::yield_now().await;
                drop(guard);
            }
        }
    })
}

/// Four permits.
fn semaphore(runtime: &Runtime, ops: u64) -> Sample {
    let permits = Arc::new(Semaphore::new(4));
    super::timed_tasks(runtime, ops, TASKS, move |share, _| {
        let permits = permits.clone();
        async move {
            for _ in 0..share {
                drop(rt::acquire(&permits).await);
            }
        }
    })
}

fn semaphore_held(runtime: &Runtime, ops: u64) -> Sample {
    let permits = Arc::new(Semaphore::new(4));
    super::timed_tasks(runtime, ops, TASKS, move |share, _| {
        let permits = permits.clone();
        async move {
            for _ in 0..share {
                let permit = rt::acquire(&permits).await;
                rt::task::yield_now().await;
                drop(permit);
            }
        }
    })
}

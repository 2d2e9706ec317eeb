//! `RwLock` under 16 tasks.

use std::sync::Arc;

use super::rt::sync::RwLock;
use super::rt::{self, Runtime};
use crate::harness::{Row, Sample};

pub const ROWS: &[Row<Runtime>] = &[
    Row::new("rwlock/16", 100_000, rwlock),
    Row::new("rwlock/16-held", 50_000, rwlock_held),
];

const TASKS: u64 = 16;

/// One access in eight writes.
fn rwlock(runtime: &Runtime, ops: u64) -> Sample {
    let lock = Arc::new(RwLock::new(0u64));
    super::timed_tasks(runtime, ops, TASKS, move |share, _| {
        let lock = lock.clone();
        async move {
            for i in 0..share {
                if i % 8 == 0 {
                    *lock.write().await += 1;
                } else {
                    std::hint::black_box(*lock.read().await);
                }
            }
        }
    })
}

fn rwlock_held(runtime: &Runtime, ops: u64) -> Sample {
    let lock = Arc::new(RwLock::new(0u64));
    super::timed_tasks(runtime, ops, TASKS, move |share, _| {
        let lock = lock.clone();
        async move {
            for i in 0..share {
                if i % 8 == 0 {
                    let mut guard = lock.write().await;
                    *guard += 1;
                    rt::task::yield_now().await;
                } else {
                    let guard = lock.read().await;
                    std::hint::black_box(*guard);
                    rt::task::yield_now().await;
                }
            }
        }
    })
}

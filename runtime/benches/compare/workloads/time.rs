//! Timers that every runtime here has.

use std::time::Duration;

use super::rt::{self, Runtime};
use crate::harness::{Row, Sample};

pub const ROWS: &[Row<Runtime>] = &[Row::new("time/sleeps-50k", 50_000, sleeps).with_cpu()];

/// A task a sleep, of 1 to 20 ms.
fn sleeps(runtime: &Runtime, ops: u64) -> Sample {
    super::timed(runtime, ops, async move {
        let tasks: Vec<_> = (0..ops)
            .map(|i| {
                rt::spawn(async move {
                    rt::time::sleep(Duration::from_millis(1 + i * 7 % 20)).await;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    })
}

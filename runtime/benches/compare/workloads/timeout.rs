//! `timeout`.

use std::time::Duration;

use super::rt::time::timeout;
use super::rt::{self, Runtime};
use crate::harness::{Row, Sample};

pub const ROWS: &[Row<Runtime>] = &[
    Row::new("timeout/ready", 100_000, ready),
    Row::new("timeout/waits", 50_000, waits),
];

const LONG: Duration = Duration::from_secs(10);

/// Round a future that is ready at once.
fn ready(runtime: &Runtime, ops: u64) -> Sample {
    super::timed(runtime, ops, async move {
        for i in 0..ops {
            assert_eq!(timeout(LONG, async { i }).await.unwrap(), i);
        }
    })
}

/// Round a future that waits for another task once.
fn waits(runtime: &Runtime, ops: u64) -> Sample {
    super::timed(runtime, ops, async move {
        for _ in 0..ops {
            timeout(LONG, rt::task::yield_now()).await.unwrap();
        }
    })
}

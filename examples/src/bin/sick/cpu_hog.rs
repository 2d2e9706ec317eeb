//! A task computes without a pause: the finding `cpu-hog`.
//!
//! `cargo run -p zokio-examples --bin sick_cpu_hog`, then `zokio-console check` in another terminal.

use std::hint::black_box;
use std::time::{Duration, Instant};

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    drop(zokio::spawn(report()).await);
}

async fn report() {
    loop {
        black_box(compute(Duration::from_millis(400)));
        zokio::task::yield_now().await;
    }
}

#[inline(never)]
fn compute(time: Duration) -> u64 {
    let start = Instant::now();
    let mut sum: u64 = 0;
    while start.elapsed() < time {
        for n in 0..1_000_u64 {
            sum = sum.wrapping_mul(31).wrapping_add(black_box(n));
        }
    }
    sum
}

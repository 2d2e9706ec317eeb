//! How well uneven work is spread, as zokio's own snapshot tells it.
//!
//! One task spawns 64 that need between 10 µs and 2 ms of CPU time, in slices of at most 100 µs; over
//! 1,000 runs:
//!
//! - steal efficiency: of the rounds over other workers' queues that began when work was there, the
//!   share that took some;
//! - spread of utilisation: by how much the busy time of the least busy worker is below that of the
//!   busiest.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::print_stdout,
    reason = "a program that prints two figures"
)]

use zokio::runtime::Builder;
use zokio::task::yield_now;
use zokio::telemetry::Snapshot;

#[path = "compare/skew.rs"]
mod skew;

const WORKERS: usize = 2;
const TASKS: u64 = 64;

fn main() {
    let smoke = std::env::args().any(|arg| arg == "--smoke");
    let runs = if smoke { 20 } else { 1_000 };
    let mut builder = Builder::new_multi_thread();
    let runtime = builder
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .unwrap();
    let run = || {
        runtime.block_on(async {
            let spawner = zokio::spawn(async {
                let tasks: Vec<_> = (0..TASKS)
                    .map(|i| zokio::spawn(skew::task(i, yield_now)))
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
            spawner.await.unwrap();
        });
    };
    run();
    let before = Snapshot::capture(runtime.handle());
    (0..runs).for_each(|_| run());
    let after = Snapshot::capture(runtime.handle());
    let workers = || before.workers.iter().zip(&after.workers);
    let sweeps: u64 = workers()
        .map(|(b, a)| a.steal_sweeps - b.steal_sweeps)
        .sum();
    let won: u64 = workers()
        .map(|(b, a)| a.steal_sweeps_won - b.steal_sweeps_won)
        .sum();
    let busy: Vec<u64> = workers().map(|(b, a)| a.busy_ns - b.busy_ns).collect();
    let (least, most) = (busy.iter().min().unwrap(), busy.iter().max().unwrap());
    println!("{runs} runs, {WORKERS} workers");
    println!(
        "steal efficiency       {:6.2} % ({won} of {sweeps} rounds)",
        100.0 * won as f64 / sweeps.max(1) as f64
    );
    println!(
        "spread of utilisation  {:6.2} % ({:.1} ms to {:.1} ms busy)",
        100.0 * (most - least) as f64 / *most as f64,
        *least as f64 / 1e6,
        *most as f64 / 1e6
    );
}

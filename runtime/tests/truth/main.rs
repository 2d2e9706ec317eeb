//! What telemetry says is what happened.
//!
//! Random graphs of tasks keep books of their own ([`facts`]) while they run ([`world`]); a thread
//! takes snapshots all the while ([`watcher`]). When every task has come to its end or waits at a
//! gate, the runtime is at rest, and both books must agree to the last poll, wake and waker
//! ([`books`]). [`shapes`] are loads of known shape, [`found`] what was wrong once.
//!
//! A graph is made from a seed ([`plan`]). A failure names it: `ZOKIO_TRUTH_SEED=… cargo test -p
//! zokio --test truth graphs` runs it again. `ZOKIO_TRUTH_CASES` is the number of graphs; from
//! 1,000 on it is the long form, which is `.ci/truth`.
#![cfg(all(feature = "full", feature = "telemetry"))]
#![cfg(target_os = "linux")]

mod books;
mod facts;
mod found;
mod graphs;
mod os;
mod plan;
mod shapes;
mod tracked;
mod watcher;
mod world;

use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use zokio::runtime::{Builder, Runtime};
use zokio::telemetry::Snapshot;

/// Graphs that are run.
fn cases() -> u64 {
    let cases = std::env::var("ZOKIO_TRUTH_CASES");
    cases.map_or(240, |cases| cases.parse().expect("a number of cases"))
}

fn is_long_form() -> bool {
    cases() >= 1_000
}

/// One test at a time: some of what telemetry counts is counted once a process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock()
}

fn multi(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap()
}

fn current() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn capture(runtime: &Runtime) -> Snapshot {
    Snapshot::capture(runtime.handle())
}

/// The first snapshot without a complaint, or the last complaint when none comes. Between two looks
/// the runtime gets a `turn`.
fn at_rest(
    runtime: &Runtime,
    turn: impl Fn(),
    check: impl Fn(&Snapshot) -> Result<(), String>,
) -> Result<Snapshot, String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let snapshot = capture(runtime);
        match check(&snapshot) {
            Ok(()) => return Ok(snapshot),
            Err(complaint) if Instant::now() > deadline => return Err(complaint),
            // What a poll leaves to count when it has ended takes a moment.
            Err(_) => turn(),
        }
    }
}

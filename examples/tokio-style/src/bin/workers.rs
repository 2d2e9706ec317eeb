//! A worker pool with two limits: how many jobs run at once, and how many start in a second.
//!
//! Every line of standard input is a job: its checksum is computed on a thread that may block, and
//! printed when it is done, so in no particular order. A job that panics (the line `panic`) is
//! reported and harms no other. At the end it says how many there were and how many ran at once.
//!
//! ```text
//! find . -name '*.rs' | workers --at-once 4 --per-second 100
//! ```

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user, if only in `main`"
)]

use std::io;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::Parser;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin, stdin};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Computes checksums of lines, so many at once and so many a second.
#[derive(Debug, Parser)]
struct Args {
    /// Jobs that run at once.
    #[arg(long, default_value = "4")]
    at_once: NonZeroU32,
    /// Jobs that start in a second.
    #[arg(long, default_value = "100")]
    per_second: NonZeroU32,
}

#[derive(Default)]
struct Load {
    now: AtomicUsize,
    most: AtomicUsize,
}

#[derive(Default)]
struct Tally {
    done: u32,
    failed: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let mut ticks = interval(Duration::from_secs(1) / args.per_second.get());
    // Late jobs do not make up for it by a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let load = Arc::new(Load::default());
    let tally = run(args.at_once.get() as usize, ticks, &load).await;
    println!(
        "{} done, {} failed, {} at once",
        tally.done,
        tally.failed,
        load.most.load(Ordering::Relaxed)
    );
    if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn run(at_once: usize, mut ticks: Interval, load: &Arc<Load>) -> Tally {
    let permits = Arc::new(Semaphore::new(at_once));
    let mut jobs = JoinSet::new();
    let mut lines = BufReader::new(stdin()).lines();
    let mut tally = Tally::default();
    let mut open = true;
    while open || !jobs.is_empty() {
        tokio::select! {
            line = next(&mut lines, &mut ticks), if open => match line {
                Ok(Some(line)) => {
                    jobs.spawn(work(line, permits.clone(), load.clone()));
                }
                Err(error) => {
                    eprintln!("error: {error}");
                    tally.failed += 1;
                    open = false;
                }
                Ok(None) => open = false,
            },
            Some(finished) = jobs.join_next() => note(finished, &mut tally),
        }
    }
    tally
}

/// The next line, not before its time. Cancelled, it has at most waited: a tick that is lost makes
/// the next line come later, never sooner.
async fn next(
    lines: &mut Lines<BufReader<Stdin>>,
    ticks: &mut Interval,
) -> io::Result<Option<String>> {
    ticks.tick().await;
    lines.next_line().await
}

fn note(finished: Result<String, JoinError>, tally: &mut Tally) {
    match finished {
        Ok(line) => {
            println!("{line}");
            tally.done += 1;
        }
        Err(error) => {
            eprintln!("a job panicked: {}", error.is_panic());
            tally.failed += 1;
        }
    }
}

async fn work(line: String, permits: Arc<Semaphore>, load: Arc<Load>) -> String {
    // Never closed.
    let _permit = permits.acquire().await;
    let now = load.now.fetch_add(1, Ordering::Relaxed) + 1;
    load.most.fetch_max(now, Ordering::Relaxed);
    let job = spawn_blocking(move || {
        assert_ne!(line, "panic");
        format!("{:08x} {line}", checksum(line.as_bytes()))
    });
    let result = job.await;
    load.now.fetch_sub(1, Ordering::Relaxed);
    match result {
        Ok(line) => line,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => cancelled.to_string(),
        },
    }
}

/// FNV-1a of 32 bits.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

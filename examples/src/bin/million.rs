//! A program with a million idle tasks and a thousand busy ones: what does it cost to watch it?
//!
//! `million` runs until Ctrl-C and can be watched. `million --viewer COMMAND` starts the command for
//! every second phase, ends it after the phase, and says what each phase took: CPU time of the
//! workers for an operation, CPU time of the thread that serves, memory. Phases with and without a
//! viewer take turns in one process, so that whatever else changes on the machine meets both.
//!
//! Figures are those of Linux (`/proc/self`).

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user"
)]

use std::fs;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use zokio::runtime::Handle;
use zokio::sync::Semaphore;
use zokio::task::yield_now;
use zokio::time::sleep;
use zokio_examples::duration;

/// Busy tasks count their operations here and there, not all in one cache line.
#[repr(align(128))]
#[derive(Default)]
struct Counter(AtomicU64);

/// A million tasks, to be watched with zokio-console.
#[derive(Debug, Parser)]
struct Args {
    /// Tasks that wait for something that does not come.
    #[arg(long, default_value_t = 1_000_000)]
    idle: u32,
    /// Tasks that count operations.
    #[arg(long, default_value_t = 1_000)]
    busy: u32,
    /// Where the console finds the telemetry.
    #[arg(long, default_value = "127.0.0.1:6669", value_name = "ADDR")]
    console: String,
    /// Measure with this program and its arguments as the viewer, separated by spaces.
    #[arg(long, value_name = "COMMAND")]
    viewer: Option<String>,
    /// Phases of a measurement; every second one has the viewer.
    #[arg(long, default_value_t = 6)]
    phases: u32,
    /// How long a phase is.
    #[arg(long, default_value = "5s", value_parser = duration::parse)]
    phase: Duration,
}

#[zokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let started = zokio_instrumentation::builder()
        .bind(args.console.as_str())
        .attach(&Handle::current())
        .start();
    let guard = match started {
        Ok(guard) => guard,
        Err(error) => {
            eprintln!("error: no telemetry: {error}");
            return ExitCode::from(2);
        }
    };
    let before = resident_kib();
    let stop = spawn_idle(args.idle);
    let counters = spawn_busy(args.busy);
    // Tasks that have not yet begun to wait are not idle.
    sleep(Duration::from_secs(1)).await;
    println!(
        "telemetry {}: {} idle and {} busy tasks in {} MiB",
        guard.addr(),
        args.idle,
        args.busy,
        resident_kib().saturating_sub(before) / 1024
    );
    let measured = match &args.viewer {
        Some(viewer) => measure(&args, viewer, &counters).await,
        None => {
            if let Err(error) = zokio::signal::ctrl_c().await {
                eprintln!("error: Ctrl-C cannot be caught: {error}");
            }
            Ok(())
        }
    };
    stop.close();
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// They wait until the semaphore is closed.
fn spawn_idle(tasks: u32) -> Arc<Semaphore> {
    let stop = Arc::new(Semaphore::new(0));
    for _ in 0..tasks {
        let stop = Arc::clone(&stop);
        zokio::spawn(async move { drop(stop.acquire().await) });
    }
    stop
}

/// An operation is a little work and a turn in the queue.
fn spawn_busy(tasks: u32) -> Arc<[Counter]> {
    let counters: Arc<[Counter]> = (0..tasks).map(|_| Counter::default()).collect();
    for task in 0..tasks as usize {
        let counters = Arc::clone(&counters);
        zokio::spawn(async move {
            let mut mixed = task as u64;
            loop {
                for _ in 0..64 {
                    mixed = std::hint::black_box(mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 1);
                }
                counters[task].0.fetch_add(1, Ordering::Relaxed);
                yield_now().await;
            }
        });
    }
    counters
}

/// What was used up to one moment.
struct Used {
    at: Instant,
    operations: u64,
    workers_ns: u64,
    server_ns: u64,
}

fn used(counters: &[Counter]) -> Used {
    let count = |c: &Counter| c.0.load(Ordering::Relaxed);
    Used {
        at: Instant::now(),
        operations: counters.iter().map(count).sum(),
        workers_ns: cpu_ns("zokio-rt-worker"),
        server_ns: cpu_ns("zokio-console"),
    }
}

async fn measure(args: &Args, viewer: &str, counters: &[Counter]) -> Result<(), String> {
    let mut ns_per_operation = [Vec::new(), Vec::new()];
    println!("viewer  ns/operation  operations/s  server CPU %  memory MiB");
    for phase in 0..args.phases {
        let watched = phase % 2 == 1;
        let child = if watched { Some(start(viewer)?) } else { None };
        // The viewer's start, or the rest after its end, is part of no phase.
        sleep(Duration::from_secs(1)).await;
        let before = used(counters);
        sleep(args.phase).await;
        let after = used(counters);
        if let Some(mut child) = child {
            let ended = child.try_wait().map_err(|e| e.to_string())?;
            if let Some(status) = ended {
                return Err(format!("the viewer `{viewer}` ended with {status}"));
            }
            drop((child.kill(), child.wait()));
        }
        let operations = (after.operations - before.operations).max(1) as f64;
        let seconds = (after.at - before.at).as_secs_f64();
        let per_operation = (after.workers_ns - before.workers_ns) as f64 / operations;
        ns_per_operation[usize::from(watched)].push(per_operation);
        println!(
            "{:>6}  {per_operation:>12.1}  {:>12.0}  {:>12.2}  {:>10}",
            if watched { "yes" } else { "no" },
            operations / seconds,
            (after.server_ns - before.server_ns) as f64 / seconds / 1e7,
            resident_kib() / 1024,
        );
    }
    let [without, with] = ns_per_operation.map(median);
    println!(
        "median: {without:.1} ns without, {with:.1} ns with a viewer: {:.3}",
        with / without
    );
    Ok(())
}

fn start(viewer: &str) -> Result<Child, String> {
    let mut words = viewer.split_whitespace();
    let program = words.next().ok_or("the viewer's command is empty")?;
    Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start the viewer `{program}`: {error}"))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// CPU time so far of this process's threads of that name.
fn cpu_ns(name: &str) -> u64 {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten();
    let of_thread = |thread: fs::DirEntry| {
        let path = thread.path();
        let its_name = fs::read_to_string(path.join("comm")).ok()?;
        let times = fs::read_to_string(path.join("schedstat")).ok()?;
        let spent = times.split_whitespace().next()?.parse::<u64>().ok()?;
        (its_name.trim_end() == name).then_some(spent)
    };
    threads.flatten().filter_map(of_thread).sum()
}

/// Memory of this process that is in use.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    figure.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0)
}

//! A program with a million idle tasks and a thousand busy ones: what does it cost to watch it?
//!
//! `million` runs until Ctrl-C and can be watched. `million --check` watches itself: phases with and
//! without a viewer take turns in one process, so that whatever else changes on the machine meets
//! both. The viewer is another process (`--view`), which subscribes as a console does that shows the
//! tasks' screen, ten times a second. It says what each phase took, and fails if a limit is exceeded:
//! CPU time of the workers for an operation with a viewer and without, CPU time of the thread that
//! serves, bytes on the wire, memory beyond that of the tasks and their records.
//!
//! Figures are those of Linux (`/proc/self`).

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user"
)]

mod measure;
mod viewer;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use zokio::runtime::Handle;
use zokio::sync::Semaphore;
use zokio::time::sleep;
use zokio_examples::busy::Busy;
use zokio_examples::duration;
use zokio_examples::process::resident_kib;

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
    /// Measure what a viewer costs, and fail if that is more than it may be.
    #[arg(long)]
    check: bool,
    /// Phases of a measurement; every second one has the viewer.
    #[arg(long, default_value_t = 21)]
    phases: u32,
    /// How long a phase is.
    #[arg(long, default_value = "2s", value_parser = duration::parse)]
    phase: Duration,
    /// Rows of the viewer's window.
    #[arg(long, default_value_t = 150)]
    rows: u32,
    /// The viewer wants to know what tasks wait for, too.
    #[arg(long)]
    resources: bool,
    /// The viewer's filter.
    #[arg(long, default_value = "")]
    filter: String,
    /// Be the viewer of the program there, for the time of `--phase`, and print what came.
    #[arg(long, value_name = "ADDR")]
    view: Option<SocketAddr>,
}

#[zokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.view {
        Some(address) => viewer::run(address, &args).await.map(|seen| {
            println!("{}", serde_json::json!(seen));
            true
        }),
        None => run(&args).await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// True: no limit was exceeded.
async fn run(args: &Args) -> Result<bool, String> {
    let before = resident_kib();
    let stop = spawn_idle(args.idle);
    let busy = Busy::spawn(&Handle::current(), args.busy);
    // Tasks that have not yet begun to wait are not idle.
    sleep(Duration::from_secs(1)).await;
    let of_tasks = resident_kib();
    let guard = zokio_instrumentation::builder()
        .bind(args.console.as_str())
        .attach(&Handle::current())
        .start()
        .map_err(|error| format!("no telemetry: {error}"))?;
    println!(
        "telemetry {}: {} idle and {} busy tasks in {} MiB",
        guard.addr(),
        args.idle,
        args.busy,
        of_tasks.saturating_sub(before) / 1024
    );
    let result = if args.check {
        let address = guard.addr().socket_addr().ok_or("no address of TCP")?;
        measure::run(args, address, &busy, of_tasks).await
    } else {
        let interrupted = zokio::signal::ctrl_c().await;
        let interrupted = interrupted.map_err(|e| format!("Ctrl-C cannot be caught: {e}"));
        interrupted.map(|()| true)
    };
    stop.close();
    result
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

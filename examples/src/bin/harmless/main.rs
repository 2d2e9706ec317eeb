//! A busy program, and clients that mean it well and ill: what do they cost it?
//!
//! `harmless` does work on a runtime and starts itself as clients, each kind a process of its own: many
//! [viewers], some that [stall](stalled), one that sends [garbage] and exceeds every limit. Phases
//! with and without them take turns in one process, so that whatever else changes on the machine meets
//! both. Then the clients stay for a minute, and memory is looked at. It says what came out and fails
//! if the workers spent more than they may, memory grew, or a limit was not told in words.
//!
//! `harmless --wedged` blocks all workers instead, and says how long answers take.
//!
//! Figures are those of Linux (`/proc/self`).

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user"
)]

mod clients;
mod console;
mod garbage;
mod measure;
mod refusals;
mod stalled;
mod viewers;
mod wedged;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use zokio::runtime::{Builder, Runtime};
use zokio_examples::busy::Busy;
use zokio_examples::duration;

use clients::Kind;

/// What do clients, good ones and bad ones, cost a busy program?
#[derive(Debug, Parser)]
struct Args {
    /// Tasks that count operations.
    #[arg(long, default_value_t = 1_000)]
    tasks: u32,
    /// Clients that watch, ten times a second.
    #[arg(long, default_value_t = 200)]
    viewers: u32,
    /// Pairs of phases, without and with the clients.
    #[arg(long, default_value_t = 7)]
    pairs: u32,
    /// How long a phase is.
    #[arg(long, default_value = "2s", value_parser = duration::parse)]
    phase: Duration,
    /// Seconds for which memory is looked at while all clients are there.
    #[arg(long, default_value_t = 60)]
    hold: u64,
    /// Leave out clients of this kind.
    #[arg(long, value_name = "KIND")]
    without: Vec<Kind>,
    /// Block all workers, and measure how long answers take.
    #[arg(long)]
    wedged: bool,
    /// Be the clients of that kind, until the input ends, and print what came.
    #[arg(long, value_name = "KIND", requires = "address")]
    client: Option<Kind>,
    /// The program that the clients go to.
    #[arg(long, value_name = "ADDR")]
    address: Option<SocketAddr>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match (args.client, args.address) {
        (Some(kind), Some(address)) => clients::be(kind, address, &args).map(|()| true),
        _ => run(&args),
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
fn run(args: &Args) -> Result<bool, String> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime: Runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let guard = zokio_instrumentation::builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .start()
        .map_err(|error| format!("no telemetry: {error}"))?;
    let address = guard.addr().socket_addr().ok_or("no address of TCP")?;
    let result = if args.wedged {
        wedged::run(runtime.handle(), address)
    } else {
        let busy = Busy::spawn(runtime.handle(), args.tasks);
        measure::run(args, address, &busy)
    };
    runtime.shutdown_background();
    result
}

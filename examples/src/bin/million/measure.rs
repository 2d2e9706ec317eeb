//! Phases with and without a viewer, and what each took.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use zokio::time::sleep;
use zokio_examples::busy::{Busy, Cost};
use zokio_examples::figures::{median, of_that_without, within};
use zokio_examples::process::resident_kib;

use super::Args;
use super::viewer::Seen;

/// The viewer's start, or the rest after its end, is part of no phase.
const BETWEEN: Duration = Duration::from_millis(500);

/// CPU time of the workers for an operation, with a viewer, of that without.
const MAX_RATIO: f64 = 1.01;
/// Percent of a core for the thread that serves.
const MAX_SERVER_PERCENT: f64 = 5.0;
const MAX_WIRE_KIB_S: f64 = 64.0;
/// Beyond the tasks and their records.
const MAX_MEMORY_MIB: f64 = 32.0;

/// What one phase took.
struct Phase {
    seen: Option<Seen>,
    cost: Cost,
    memory_mib: f64,
}

/// Measures and says what came out. True: no limit was exceeded.
pub(super) async fn run(
    args: &Args,
    address: SocketAddr,
    busy: &Busy,
    of_tasks_kib: u64,
) -> Result<bool, String> {
    println!(
        "viewer  ns/operation  operations/s  server CPU %  memory MiB  updates/s  wire KiB/s  first ms"
    );
    let mut phases = Vec::new();
    for number in 0..args.phases.max(3) {
        let viewer = if number % 2 == 1 {
            Some(start(args, address)?)
        } else {
            None
        };
        let phase = phase(args, viewer, busy, of_tasks_kib).await?;
        phase.print();
        phases.push(phase);
    }
    Ok(judge(&phases))
}

async fn phase(
    args: &Args,
    viewer: Option<Child>,
    busy: &Busy,
    of_tasks_kib: u64,
) -> Result<Phase, String> {
    sleep(BETWEEN).await;
    let before = busy.used();
    sleep(args.phase).await;
    let cost = busy.used().since(&before);
    let memory_kib = resident_kib().saturating_sub(of_tasks_kib);
    let seen = match viewer {
        Some(viewer) => Some(end(viewer).await?),
        None => None,
    };
    Ok(Phase {
        seen,
        cost,
        memory_mib: memory_kib as f64 / 1024.0,
    })
}

impl Seen {
    fn kib_s(&self) -> f64 {
        self.bytes as f64 / 1024.0 / self.seconds
    }
}

impl Phase {
    fn print(&self) {
        print!(
            "{:>6}  {:>12.1}  {:>12.0}  {:>12.2}  {:>10.1}",
            if self.seen.is_some() { "yes" } else { "no" },
            self.cost.ns_per_operation,
            self.cost.operations_s,
            self.cost.server_percent,
            self.memory_mib,
        );
        match &self.seen {
            Some(seen) => println!(
                "  {:>9.1}  {:>10.1}  {:>8}",
                f64::from(seen.updates) / seen.seconds,
                seen.kib_s(),
                seen.first_after_ms
            ),
            None => println!(),
        }
    }
}

/// Prints each figure with its limit. True: none is exceeded.
fn judge(phases: &[Phase]) -> bool {
    let times = phases.iter();
    let times = times.map(|phase| (phase.seen.is_some(), phase.cost.ns_per_operation));
    let (ratio, error) = of_that_without(&times.collect::<Vec<_>>());
    let watched = || phases.iter().filter(|phase| phase.seen.is_some());
    let server = median(watched().map(|phase| phase.cost.server_percent).collect());
    let wire = watched().filter_map(|phase| Some(phase.seen.as_ref()?.kib_s()));
    let wire = wire.fold(0.0, f64::max);
    let memory = watched().map(|phase| phase.memory_mib).fold(0.0, f64::max);
    println!(
        "workers' CPU time an operation with a viewer: {ratio:.4} +- {error:.4} of that without"
    );
    [
        within("workers' CPU time an operation, ratio", ratio, MAX_RATIO),
        within(
            "the server's thread, % of a core",
            server,
            MAX_SERVER_PERCENT,
        ),
        within("wire, KiB/s", wire, MAX_WIRE_KIB_S),
        within("memory beyond the tasks, MiB", memory, MAX_MEMORY_MIB),
    ]
    .into_iter()
    .all(|is_within| is_within)
}

/// This program again, as the viewer, for a little longer than a phase.
fn start(args: &Args, address: SocketAddr) -> Result<Child, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(this);
    command.arg("--view").arg(address.to_string());
    let time = (args.phase + BETWEEN).as_millis();
    command.arg("--phase").arg(format!("{time}ms"));
    command.arg("--rows").arg(args.rows.to_string());
    command.arg("--filter").arg(&args.filter);
    if args.resources {
        command.arg("--resources");
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start the viewer: {error}"))
}

async fn end(viewer: Child) -> Result<Seen, String> {
    let ended = zokio::task::spawn_blocking(move || viewer.wait_with_output()).await;
    let output = ended
        .map_err(|error| error.to_string())?
        .map_err(|error| format!("the viewer: {error}"))?;
    if !output.status.success() {
        return Err(format!("the viewer ended with {}", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("the viewer says: {error}"))
}

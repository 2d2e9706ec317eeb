//! Phases with and without the clients, and what each took; then memory over time.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use zokio_examples::busy::Busy;
use zokio_examples::figures::{of_that_without, within};
use zokio_examples::process::resident_kib;

use super::Args;
use super::clients::{Crowd, Seen};
use super::refusals::LIMITS;

/// The clients' start, or the rest after their end, is part of no phase.
const BETWEEN: Duration = Duration::from_millis(500);

/// Between two looks at memory, the first of which is the one that the others are compared with.
const LOOKS: Duration = Duration::from_secs(5);

/// CPU time of the workers for an operation, with the clients, of that without.
const MAX_RATIO: f64 = 1.02;
/// From the first look to the last.
const MAX_GROWTH_MIB: f64 = 2.0;

/// Measures and says what came out. True: no limit was exceeded.
pub(super) fn run(args: &Args, address: SocketAddr, busy: &Busy) -> Result<bool, String> {
    let mut is_fine = true;
    if args.pairs > 0 {
        println!(
            "clients  ns/operation  operations/s  server CPU %  updates/s a viewer  skipped  lost  \
             connections of garbage  pings KiB/s"
        );
        let mut phases = Vec::new();
        for number in 0..=2 * args.pairs {
            phases.push(phase(args, address, busy, number % 2 == 1)?);
        }
        is_fine &= judge_cpu(&phases);
    }
    if args.hold > 0 {
        let (growth, seen) = hold(args, address)?;
        is_fine &= within("memory's growth, MiB", growth, MAX_GROWTH_MIB);
        is_fine &= judge_words(args, &seen);
    }
    Ok(is_fine)
}

/// Whether the clients were there, and the CPU time of the workers for an operation.
fn phase(args: &Args, address: SocketAddr, busy: &Busy, with: bool) -> Result<(bool, f64), String> {
    let crowd = with.then(|| Crowd::start(address, args)).transpose()?;
    sleep(BETWEEN);
    let before = busy.used();
    sleep(args.phase);
    let cost = busy.used().since(&before);
    let seen = crowd.map(Crowd::end).transpose()?;
    print!(
        "{:>7}  {:>12.2}  {:>12.0}  {:>12.1}",
        if with { "yes" } else { "no" },
        cost.ns_per_operation,
        cost.operations_s,
        cost.server_percent,
    );
    match seen {
        Some(seen) => println!(
            "  {:>18.1}  {:>7}  {:>4}  {:>22}  {:>11.0}",
            seen.viewers.updates_s,
            seen.viewers.skipped,
            seen.viewers.lost,
            seen.garbage.connections,
            seen.garbage.ping_bytes as f64 / 1024.0 / cost.seconds,
        ),
        None => println!(),
    }
    Ok((with, cost.ns_per_operation))
}

/// True: the workers spent no more than they may.
fn judge_cpu(phases: &[(bool, f64)]) -> bool {
    let (ratio, error) = of_that_without(phases);
    println!(
        "workers' CPU time an operation with the clients: {ratio:.4} +- {error:.4} of that without"
    );
    within("workers' CPU time an operation, ratio", ratio, MAX_RATIO)
}

/// Looks at memory while all clients are there: how much it grew, in MiB.
fn hold(args: &Args, address: SocketAddr) -> Result<(f64, Seen), String> {
    let crowd = Crowd::start(address, args)?;
    sleep(LOOKS);
    let began = Instant::now();
    let mib = || resident_kib() as f64 / 1024.0;
    let first = mib();
    let mut last = first;
    println!("memory after {:>3} s: {first:.1} MiB", 0);
    while began.elapsed() < Duration::from_secs(args.hold) {
        sleep(LOOKS);
        last = mib();
        println!(
            "memory after {:>3} s: {last:.1} MiB",
            began.elapsed().as_secs()
        );
    }
    let seen = crowd.end()?;
    println!(
        "{} viewers had {:.1} updates a second each, {} were skipped, {} streams lost{}; {} clients \
         stalled; garbage came on {} connections",
        seen.viewers.viewers,
        seen.viewers.updates_s,
        seen.viewers.skipped,
        seen.viewers.lost,
        match seen.viewers.first_loss.as_str() {
            "" => String::new(),
            why => format!(" (the first: {why})"),
        },
        seen.stalled.stalled,
        seen.garbage.connections,
    );
    Ok((last - first, seen))
}

/// Prints what was said to each limit that was exceeded. True: all of it in words, and no viewer lost
/// its stream.
fn judge_words(args: &Args, seen: &Seen) -> bool {
    let mut is_fine = within("streams of viewers lost", seen.viewers.lost as f64, 0.0);
    if args.without.contains(&super::Kind::Garbage) {
        return is_fine;
    }
    for (limit, words) in LIMITS {
        let said = seen.garbage.refusals.get(limit).map_or("", String::as_str);
        let is_told = said.contains(words);
        let word = if is_told { "told" } else { "NOT TOLD" };
        println!("{limit}, {word}: {said}");
        is_fine &= is_told;
    }
    is_fine
}

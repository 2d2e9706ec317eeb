//! zokio, telemetry on, against tokio and smol: the same source on each in turn, in one process.
//!
//! ```text
//! cargo bench -p zokio --bench compare                    the whole table
//! cargo bench -p zokio --bench compare -- tcp fs/read-4k  rows whose names begin so
//! … -- --pairs 31 --json out.json --workers 4             more pairs, figures as JSON, more workers
//! … -- --check benches/compare/baseline.json              fails if a ratio has got worse
//! … -- --against off=OTHER_BINARY                         this build's zokio against that one's
//! … -- --against console:tokio=OTHER_BINARY               … and against that one's tokio
//! ```
//!
//! A pair is one sample of each runtime, taken right after one another, in turning order. Reported
//! are the medians, the median of the ratios of the pairs, and the interval that holds the median
//! ratio with 95 % confidence. See `README.md` beside this for the rows and what they say.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::print_stdout,
    clippy::duplicate_mod,
    reason = "a program that prints a table; its workloads are compiled once a runtime"
)]

mod check;
mod child;
mod cli;
mod files;
mod harness;
mod http;
mod memory;
mod on_smol;
mod on_tokio;
mod on_zokio;
mod report;
mod runtimes;
mod skew;
mod stats;

fn main() {
    if child::run() {
        return;
    }
    let options = match cli::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            println!("{error}");
            std::process::exit(2);
        }
    };
    let rows = harness::run(&options);
    report::print(&rows, &options);
    if let Some(path) = &options.json {
        report::write_json(&rows, &options, path);
    }
    let passes = options
        .check
        .as_ref()
        .is_none_or(|path| check::passes(&rows, &options, path));
    files::clean_up();
    if !passes {
        std::process::exit(1);
    }
}

//! Comparing a run's ratios with those that are checked in.
//!
//! Only ratios over tokio are compared, never times: they mean the same on other machines. The file
//! has, for each row, the highest ratio of several runs. A row has got worse if its whole interval
//! lies above the known ratio by more than [`TOLERANCE`] and above the known interval. Noise does
//! that now and then, so such rows run twice again, and only those that are worse each time count.

use std::path::Path;

use serde_json::Value;

use crate::cli::Options;
use crate::harness::{self, Outcome};
use crate::report;

const TOLERANCE: f64 = 1.15;
const REPEATS: usize = 2;
const PEER: &str = "tokio";

/// Checks `rows` against the file and says what has got worse. True: nothing.
pub fn passes(rows: &[Outcome], options: &Options, path: &Path) -> bool {
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    let known: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{} is not JSON: {error}", path.display()));
    let mut suspects = worse(rows, &known);
    for _ in 0..REPEATS {
        if suspects.is_empty() {
            break;
        }
        println!("\nonce more, since they seem to have got worse:");
        let again = harness::run(&Options {
            rows: suspects.clone(),
            ..options.clone()
        });
        let still = worse(&again, &known);
        suspects.retain(|row| still.contains(row));
    }
    for row in &suspects {
        println!("worse than checked in, three times: {row}");
    }
    suspects.is_empty()
}

/// Names of rows that are worse than known.
fn worse(rows: &[Outcome], known: &Value) -> Vec<String> {
    let mut worse: Vec<String> = Vec::new();
    for row in rows {
        let is_worse = report::ratios(row, PEER).into_iter().any(|(metric, low)| {
            let known = &known["rows"][&metric]["over"][PEER];
            let (ratio, high) = (known["ratio"].as_f64(), known["high"].as_f64());
            ratio.is_some_and(|ratio| low > ratio * TOLERANCE)
                && high.is_some_and(|high| low > high)
        });
        if is_worse {
            worse.push(row.name.clone());
        }
    }
    worse
}

//! The table and the JSON.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::cli::Options;
use crate::harness::{Column, Outcome};
use crate::stats::{geometric_mean, median, median_interval};

/// One line of the table.
struct Line {
    name: String,
    medians: Vec<(String, f64)>,
    /// zokio's time over each other's: name, median of the pairs' ratios, interval.
    ratios: Vec<(String, f64, (f64, f64))>,
}

fn lines(outcome: &Outcome) -> Vec<Line> {
    let of = |column: &Column, metric: usize| column.samples[metric].clone();
    (0..outcome.metrics.len())
        .map(|metric| {
            let own = of(&outcome.columns[0], metric);
            let name = match outcome.metrics[metric] {
                "" => outcome.name.clone(),
                metric => format!("{} {metric}", outcome.name),
            };
            let medians = outcome.columns.iter();
            let medians = medians.map(|c| (c.runtime.clone(), median(&of(c, metric))));
            let ratios = outcome.columns[1..].iter().map(|column| {
                let pairs: Vec<f64> = own
                    .iter()
                    .zip(of(column, metric))
                    .map(|(own, other)| own / other)
                    .collect();
                let name = column.runtime.clone();
                (name, median(&pairs), median_interval(&pairs))
            });
            Line {
                name,
                medians: medians.collect(),
                ratios: ratios.collect(),
            }
        })
        .collect()
}

/// A row's metrics by name, with the lower end of the interval of zokio's ratio over `peer`.
pub fn ratios(row: &Outcome, peer: &str) -> Vec<(String, f64)> {
    let of_peer = |line: Line| {
        let ratio = line.ratios.into_iter().find(|(name, ..)| name == peer)?;
        Some((line.name, ratio.2.0))
    };
    lines(row).into_iter().filter_map(of_peer).collect()
}

fn row_text(line: &Line) -> String {
    let mut text = format!("{:<28}", line.name);
    for (runtime, median) in &line.medians {
        text += &format!(" {runtime:>6} {median:>11.1}");
    }
    for (runtime, ratio, (low, high)) in &line.ratios {
        text += &format!("  /{runtime} {ratio:.3} [{low:.3}, {high:.3}]");
    }
    text
}

/// Says a row as soon as it is there.
pub fn progress(outcome: &Outcome) {
    for line in lines(outcome) {
        println!("{}", row_text(&line));
    }
}

/// The sums: geometric means, rows that lose, rows below the best peer.
pub fn print(rows: &[Outcome], options: &Options) {
    let lines: Vec<Line> = rows.iter().flat_map(lines).collect();
    let peers: Vec<String> = rows
        .iter()
        .flat_map(|row| row.columns[1..].iter().map(|c| c.runtime.clone()))
        .fold(Vec::new(), |mut all, name| {
            if !all.contains(&name) {
                all.push(name);
            }
            all
        });
    println!();
    println!("{} pairs, {} workers", options.pairs, options.workers);
    for peer in peers {
        let ratios: Vec<_> = lines
            .iter()
            .filter_map(|line| {
                let ratio = line.ratios.iter().find(|(name, ..)| *name == peer);
                ratio.map(|(_, ratio, interval)| (&line.name, *ratio, *interval))
            })
            .collect();
        let mean = geometric_mean(ratios.iter().map(|(_, ratio, _)| *ratio));
        println!(
            "geometric mean of {} rows over {peer}: {mean:.3}",
            ratios.len()
        );
        for (name, ratio, (low, _)) in ratios {
            if low > 1.03 {
                println!("  slower: {name} {ratio:.3}");
            }
        }
    }
    let best = lines.iter().filter(|line| {
        !line.ratios.is_empty() && line.ratios.iter().all(|(_, ratio, _)| *ratio < 1.0)
    });
    println!(
        "below the best peer: {} of {} rows",
        best.count(),
        lines.len()
    );
}

/// Writes every ratio, with medians and intervals.
pub fn write_json(rows: &[Outcome], options: &Options, path: &Path) {
    let mut table = Map::new();
    for line in rows.iter().flat_map(lines) {
        let medians: Map<String, Value> = line
            .medians
            .into_iter()
            .map(|(runtime, median)| (runtime, json!(median)))
            .collect();
        let ratios: Map<String, Value> = line
            .ratios
            .into_iter()
            .map(|(peer, ratio, (low, high))| {
                (peer, json!({ "ratio": ratio, "low": low, "high": high }))
            })
            .collect();
        table.insert(line.name, json!({ "median": medians, "over": ratios }));
    }
    let all = json!({
        "schema_version": 1,
        "pairs": options.pairs,
        "workers": options.workers,
        "rows": table,
    });
    let text = serde_json::to_string_pretty(&all).expect("plain values");
    if let Err(error) = std::fs::write(path, text + "\n") {
        println!("cannot write {}: {error}", path.display());
        std::process::exit(1);
    }
}

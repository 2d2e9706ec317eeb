//! Rows, samples, pairs.

use std::time::Duration;

use crate::cli::Options;
use crate::{child, http, memory, runtimes};

/// What one run of a row gave: a value a metric, in nanoseconds unless the row says otherwise.
#[derive(Debug, Clone)]
pub struct Sample(Vec<f64>);

impl Sample {
    pub fn per_op(elapsed: Duration, ops: u64) -> Sample {
        Sample(vec![elapsed.as_nanos() as f64 / ops as f64])
    }

    pub fn values(values: Vec<f64>) -> Sample {
        Sample(values)
    }

    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }
}

/// A simple loop. One for all runtimes: copies of it that lie differently in memory differ by a tenth.
#[inline(never)]
pub fn spin(iterations: u64) -> u64 {
    (0..iterations).fold(1u64, |sum, i| {
        std::hint::black_box(sum.wrapping_mul(31).wrapping_add(i))
    })
}

/// Quantiles of latencies in nanoseconds.
pub fn quantiles(latencies: &mut [u64], at: &[f64]) -> Vec<f64> {
    latencies.sort_unstable();
    let last = latencies.len() - 1;
    at.iter()
        .map(|q| latencies[(last as f64 * q).round() as usize] as f64)
        .collect()
}

/// One question, asked of every runtime.
pub struct Row<R: 'static> {
    pub name: &'static str,
    pub ops: u64,
    pub run: fn(&R, u64) -> Sample,
    /// Whether CPU time an operation is reported too.
    pub cpu: bool,
    /// Names of the values of a sample, if it is not a single mean.
    pub metrics: &'static [&'static str],
}

impl<R> Row<R> {
    pub const fn new(name: &'static str, ops: u64, run: fn(&R, u64) -> Sample) -> Row<R> {
        Row {
            name,
            ops,
            run,
            cpu: false,
            metrics: &[""],
        }
    }

    /// Reports CPU time too.
    pub const fn with_cpu(self) -> Row<R> {
        Row { cpu: true, ..self }
    }

    /// The sample holds quantiles of these names.
    pub const fn quantiles(self, names: &'static [&'static str]) -> Row<R> {
        Row {
            metrics: names,
            ..self
        }
    }
}

/// A row on one runtime.
pub struct Bound {
    pub name: &'static str,
    pub metrics: Vec<&'static str>,
    pub ops: u64,
    pub run: Box<dyn FnMut(u64) -> Sample>,
}

impl Bound {
    pub fn new<R>(row: &Row<R>, runtime: std::rc::Rc<R>) -> Bound {
        let mut metrics = row.metrics.to_vec();
        if row.cpu {
            metrics.push("cpu");
        }
        let (run, cpu) = (row.run, row.cpu);
        Bound {
            name: row.name,
            metrics,
            ops: row.ops,
            run: Box::new(move |ops| {
                if !cpu {
                    return run(&runtime, ops);
                }
                let before = cpu_time();
                let mut sample = run(&runtime, ops);
                let used = cpu_time().saturating_sub(before);
                sample.0.push(used.as_nanos() as f64 / ops as f64);
                sample
            }),
        }
    }
}

/// CPU time of this process.
pub fn cpu_time() -> Duration {
    #[cfg(target_os = "linux")]
    {
        // Jiffies are too coarse; the first figure of schedstat is nanoseconds, a thread a file.
        let mut total = 0;
        for task in std::fs::read_dir("/proc/self/task").into_iter().flatten() {
            let path = task.map(|task| task.path().join("schedstat"));
            let text = path.and_then(std::fs::read_to_string).unwrap_or_default();
            let first = text.split_whitespace().next();
            total += first.and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
        }
        Duration::from_nanos(total)
    }
    #[cfg(not(target_os = "linux"))]
    Duration::ZERO
}

/// What a row gave on one runtime: its name and a list of samples a metric.
pub struct Column {
    pub runtime: String,
    pub samples: Vec<Vec<f64>>,
}

/// A finished row. The first column is zokio's.
pub struct Outcome {
    pub name: String,
    pub metrics: Vec<&'static str>,
    pub columns: Vec<Column>,
}

/// A contender for one row.
struct Contender {
    runtime: String,
    row: Bound,
}

fn contenders(options: &Options) -> Vec<Vec<Contender>> {
    let mut rows: Vec<Vec<Contender>> = Vec::new();
    let mut add = |runtime: &str, bound: Vec<Bound>| {
        for row in bound {
            let contender = Contender {
                runtime: runtime.to_owned(),
                row,
            };
            let place = rows
                .iter_mut()
                .find(|r| r[0].row.name == contender.row.name);
            match place {
                Some(row) => row.push(contender),
                // A row that zokio has not is no comparison.
                None if runtime == "zokio" => rows.push(vec![contender]),
                None => {}
            }
        }
    };
    let wanted = |rows: Vec<Bound>| -> Vec<Bound> {
        rows.into_iter()
            .filter(|row| options.wants(row.name))
            .collect()
    };
    let own = std::env::current_exe().expect("this program has a path");
    if options.against.is_empty() {
        for (name, bind) in runtimes::ALL {
            if !options.without.iter().any(|without| without == name) {
                add(name, wanted(bind(options.workers)));
                add(name, wanted(memory::rows(name, &own)));
                add(name, wanted(http::rows(name, &own, options.workers)));
            }
        }
    } else {
        add("zokio", wanted(child::rows("zokio", &own, options.workers)));
        for other in &options.against {
            let rows = child::rows(&other.runtime, &other.program, options.workers);
            add(&other.name, wanted(rows));
        }
    }
    rows
}

/// Runs all rows asked for.
pub fn run(options: &Options) -> Vec<Outcome> {
    let rows = contenders(options);
    rows.into_iter()
        .map(|contenders| run_row(contenders, options))
        .collect()
}

fn run_row(mut contenders: Vec<Contender>, options: &Options) -> Outcome {
    let metrics = contenders[0].row.metrics.clone();
    let ops = |row: &Bound| {
        if options.smoke {
            (row.ops / 50).max(64)
        } else {
            row.ops
        }
    };
    let mut samples = vec![vec![Vec::new(); metrics.len()]; contenders.len()];
    // The first round fills caches and pools, and is not counted.
    for round in 0..=options.pairs {
        let count = contenders.len();
        for turn in 0..count {
            let place = (turn + round) % count;
            let row = &mut contenders[place].row;
            let ops = ops(row);
            let sample = (row.run)(ops);
            if round > 0 || options.smoke {
                for (list, value) in samples[place].iter_mut().zip(sample.as_slice()) {
                    list.push(*value);
                }
            }
        }
    }
    let outcome = Outcome {
        name: contenders[0].row.name.to_owned(),
        metrics,
        columns: contenders
            .iter()
            .zip(samples)
            .map(|(contender, samples)| Column {
                runtime: contender.runtime.clone(),
                samples,
            })
            .collect(),
    };
    crate::report::progress(&outcome);
    outcome
}

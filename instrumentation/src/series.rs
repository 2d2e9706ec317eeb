//! The series of a metric at one moment: labels and numbers, read through the table.

use zokio::telemetry::{HistogramSnapshot, WorkerSnapshot};

use crate::diagnosis::finding_kinds;
use crate::metric_names::{
    LABEL_KIND, LABEL_RUNTIME, LABEL_SPAWN_SITE, LABEL_VICTIM, LABEL_WORKER, Metric, Source, Value,
};
use crate::published::{Published, Runtime};

/// Up to here each pair of thief and victim has its series from the start; with more workers a
/// pair gets one with its first steal, or the page would grow with the square of their number.
const MAX_WORKERS_WITH_ALL_PAIRS: usize = 32;

/// Label names and values.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// What a series shows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reading<'a> {
    Number(Value),
    Histogram(&'a HistogramSnapshot),
}

impl Value {
    /// The number in the metric's unit.
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Value::Count(n) => n as f64,
            Value::Nanos(ns) => seconds(ns),
            Value::FractionalNanos(ns) => ns / 1e9,
        }
    }
}

/// Nanoseconds as seconds.
pub(crate) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Calls `each` for every series of `metric`.
pub(crate) fn for_each<'a, E>(
    metric: &Metric,
    published: &'a Published,
    mut each: impl FnMut(Labels, Reading<'a>) -> Result<(), E>,
) -> Result<(), E> {
    match metric.source {
        Source::Server(read) => {
            return each(Vec::new(), Reading::Number(read(&published.serving)));
        }
        Source::Process(read) => {
            // One stands for all.
            return published.runtimes.first().map_or(Ok(()), |any| {
                each(Vec::new(), Reading::Number(read(&any.sample.snapshot)))
            });
        }
        _ => {}
    }
    published
        .runtimes
        .iter()
        .try_for_each(|runtime| of_runtime(metric, runtime, &mut each))
}

/// The series of one runtime.
fn of_runtime<'a, E>(
    metric: &Metric,
    of: &'a Runtime,
    each: &mut impl FnMut(Labels, Reading<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let Runtime { sample, sites } = of;
    let runtime = || (LABEL_RUNTIME, sample.label.to_string());
    let worker = |w: &WorkerSnapshot| (LABEL_WORKER, w.index.to_string());
    let snapshot = &*sample.snapshot;
    let workers = &snapshot.workers;
    match metric.source {
        // Not of one runtime.
        Source::Server(_) | Source::Process(_) => Ok(()),
        Source::Runtime(read) => each(vec![runtime()], Reading::Number(read(snapshot))),
        Source::RuntimeHistogram(read) => each(vec![runtime()], Reading::Histogram(read(snapshot))),
        Source::Worker(read) => workers
            .iter()
            .try_for_each(|w| each(vec![runtime(), worker(w)], Reading::Number(read(w)))),
        Source::WorkerAt(read) => workers.iter().try_for_each(|w| {
            let value = read(w, snapshot.taken_at_ns);
            each(vec![runtime(), worker(w)], Reading::Number(value))
        }),
        Source::WorkerHistogram(read) => workers
            .iter()
            .try_for_each(|w| each(vec![runtime(), worker(w)], Reading::Histogram(read(w)))),
        Source::Findings(read) => finding_kinds().try_for_each(|kind| {
            let found = sample.findings.iter().filter(|f| read(f) == kind).count();
            let labels = vec![runtime(), (LABEL_KIND, kind.to_owned())];
            each(labels, Reading::Number(Value::Count(found as u64)))
        }),
        Source::Sites(read) => sites.iter().try_for_each(|(site, totals)| {
            let labels = vec![runtime(), (LABEL_SPAWN_SITE, site.to_owned())];
            each(labels, Reading::Number(read(totals)))
        }),
        Source::Info(read) => {
            let said = read(snapshot).map(|(label, value)| (label, value.to_owned()));
            let labels = [runtime()].into_iter().chain(said).collect();
            each(labels, Reading::Number(Value::Count(1)))
        }
        Source::Victims(read) => {
            let all = workers.len() <= MAX_WORKERS_WITH_ALL_PAIRS;
            workers.iter().try_for_each(|w| {
                read(w)
                    .iter()
                    .enumerate()
                    .filter(|&(victim, &n)| n > 0 || all && victim != usize::from(w.index))
                    .try_for_each(|(victim, &n)| {
                        let victim = (LABEL_VICTIM, victim.to_string());
                        let labels = vec![runtime(), worker(w), victim];
                        each(labels, Reading::Number(Value::Count(n)))
                    })
            })
        }
    }
}

//! The series of a metric in one sample: labels and numbers, read through the table.

use zokio::telemetry::{HistogramSnapshot, WorkerSnapshot};

use crate::diagnosis::finding_kinds;
use crate::metric_names::{
    LABEL_KIND, LABEL_RUNTIME, LABEL_VICTIM, LABEL_WORKER, Metric, Source, Value,
};
use crate::runtimes::Sample;

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

/// Calls `each` for every series of `metric` in `sample`.
pub(crate) fn for_each<'a, E>(
    metric: &Metric,
    sample: &'a Sample,
    mut each: impl FnMut(Labels, Reading<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let runtime = || (LABEL_RUNTIME, sample.label.to_string());
    let worker = |w: &WorkerSnapshot| (LABEL_WORKER, w.index.to_string());
    let snapshot = &*sample.snapshot;
    match metric.source {
        Source::Runtime(read) => each(vec![runtime()], Reading::Number(read(snapshot))),
        Source::RuntimeHistogram(read) => each(vec![runtime()], Reading::Histogram(read(snapshot))),
        Source::Worker(read) => snapshot
            .workers
            .iter()
            .try_for_each(|w| each(vec![runtime(), worker(w)], Reading::Number(read(w)))),
        Source::WorkerHistogram(read) => snapshot
            .workers
            .iter()
            .try_for_each(|w| each(vec![runtime(), worker(w)], Reading::Histogram(read(w)))),
        Source::Findings(read) => finding_kinds().try_for_each(|kind| {
            let found = sample.findings.iter().filter(|f| read(f) == kind).count();
            let labels = vec![runtime(), (LABEL_KIND, kind.to_owned())];
            each(labels, Reading::Number(Value::Count(found as u64)))
        }),
        Source::Victims(read) => {
            let all = snapshot.workers.len() <= MAX_WORKERS_WITH_ALL_PAIRS;
            snapshot.workers.iter().try_for_each(|w| {
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

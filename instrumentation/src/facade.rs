//! Our series in the recorder that the program installed for the `metrics` facade.
//!
//! Once a second every number is set anew. The facade's counters are whole numbers and its
//! histograms want every single value, so some series look different there than on `/metrics`:
//! counters in seconds are gauges of the same name, and of a histogram there are `…_sum` (a gauge,
//! in seconds) and `…_count` (a counter).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, Unit};

use crate::metric_names::{ALL, Metric, MetricKind, MetricUnit, Value};
use crate::published::{Published, Publisher};
use crate::series::{self, Labels, Reading, seconds};

/// Between two publications.
const INTERVAL: Duration = Duration::from_secs(1);

/// Publishes until it is dropped.
pub(crate) async fn publish(publisher: Arc<Publisher>) {
    metrics::with_recorder(describe);
    loop {
        let published = publisher.now();
        metrics::with_recorder(|recorder| set(recorder, &published));
        zokio::time::sleep(INTERVAL).await;
    }
}

fn describe(recorder: &dyn Recorder) {
    for metric in ALL {
        let unit = Some(match metric.unit {
            MetricUnit::Count => Unit::Count,
            MetricUnit::Seconds => Unit::Seconds,
            MetricUnit::Bytes => Unit::Bytes,
        });
        let name = KeyName::from_const_str(metric.name);
        match metric.kind {
            MetricKind::Counter if metric.unit == MetricUnit::Count => {
                recorder.describe_counter(name, unit, metric.help.into());
            }
            MetricKind::Counter | MetricKind::Gauge => {
                recorder.describe_gauge(name, unit, metric.help.into());
            }
            MetricKind::Histogram => {
                let (sum, count) = (part(metric, "sum"), part(metric, "count"));
                recorder.describe_gauge(sum.into(), unit, metric.help.into());
                recorder.describe_counter(count.into(), Some(Unit::Count), metric.help.into());
            }
        }
    }
}

/// Sets all numbers of all runtimes.
fn set(recorder: &dyn Recorder, published: &Published) {
    let metadata = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
    let set_one = |metric: &Metric, labels: Labels, reading: Reading<'_>| {
        let labels = || {
            labels
                .iter()
                .map(|(n, v)| Label::new(*n, v.clone()))
                .collect::<Vec<_>>()
        };
        let counter = |name: String, n: u64| {
            recorder
                .register_counter(&Key::from_parts(name, labels()), &metadata)
                .absolute(n);
        };
        let gauge = |name: String, x: f64| {
            recorder
                .register_gauge(&Key::from_parts(name, labels()), &metadata)
                .set(x);
        };
        match reading {
            Reading::Number(Value::Count(n)) if metric.kind == MetricKind::Counter => {
                counter(metric.name.to_owned(), n);
            }
            Reading::Number(value) => gauge(metric.name.to_owned(), value.as_f64()),
            Reading::Histogram(histogram) => {
                gauge(part(metric, "sum"), seconds(histogram.sum_ns));
                counter(part(metric, "count"), histogram.count);
            }
        }
    };
    for metric in ALL {
        let done = series::for_each(metric, published, |labels, reading| {
            set_one(metric, labels, reading);
            Ok::<(), Infallible>(())
        });
        match done {
            Ok(()) => {}
        }
    }
}

fn part(metric: &Metric, part: &str) -> String {
    format!("{}_{part}", metric.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::{Recorder as OurRecorder, UserReading};
    use zokio::runtime::RuntimeFlavor;
    use zokio::telemetry::{HistogramSnapshot, Snapshot, WorkerSnapshot};

    #[test]
    fn numbers_are_set_and_not_added() {
        let mut snapshot = Snapshot::empty("main", RuntimeFlavor::MultiThread);
        let mut worker = WorkerSnapshot::empty(2);
        worker.polls = 40;
        worker.busy_ns = 1_500_000_000;
        worker.poll_time = HistogramSnapshot::from_parts(3_000_000_000, 60, vec![(64, 2)]);
        snapshot.workers.push(worker);
        snapshot.alive_tasks = 7;
        let published = Published::of(snapshot);
        let recorder = OurRecorder::default();
        describe(&recorder);
        set(&recorder, &published);
        set(&recorder, &published);
        let find = |name: &str| {
            let (key, value) = recorder
                .read()
                .into_iter()
                .find(|(key, _)| key.name() == name)
                .unwrap();
            let labels: Vec<_> = key
                .labels()
                .map(|l| format!("{}={}", l.key(), l.value()))
                .collect();
            (labels.join(","), value)
        };
        let worker = "runtime=main,worker=2".to_owned();
        assert_eq!(
            find("zokio_worker_polls_total"),
            (worker.clone(), UserReading::Counter(40))
        );
        assert_eq!(
            find("zokio_worker_busy_seconds_total"),
            (worker.clone(), UserReading::Gauge(1.5))
        );
        assert_eq!(
            find("zokio_tasks_alive"),
            ("runtime=main".into(), UserReading::Gauge(7.0))
        );
        let poll = "zokio_task_poll_duration_seconds";
        assert_eq!(
            find(&format!("{poll}_sum")),
            (worker.clone(), UserReading::Gauge(3.0))
        );
        assert_eq!(
            find(&format!("{poll}_count")),
            (worker, UserReading::Counter(2))
        );
        assert!(recorder.help("zokio_tasks_alive").is_some());
    }
}

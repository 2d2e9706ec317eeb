//! The page `/metrics`, made afresh for each scrape: our series from snapshots, and the program's
//! own from our recorder.
//!
//! Both come from the same kind of capture as what the console shows, so that the two agree. The
//! exposition is prometheus-client's OpenMetrics; [`classic`] turns it into the older text format
//! for those who ask for that.

mod classic;
mod negotiate;
mod user;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use zokio::telemetry::HistogramSnapshot;

use crate::metric_names::{ALL, Metric, MetricKind, MetricUnit, Value};
use crate::published::Published;
use crate::recorder::Recorder;
use crate::series::{self, Labels, Reading, seconds};
pub(crate) use negotiate::Format;

/// The bounds of our histograms, `2^k - 1` ns, from 255 ns to 17 s: at these `count_at_most` is
/// exact.
const BOUND_EXPONENTS: std::ops::RangeInclusive<u32> = 8..=34;

/// The page.
pub(crate) fn page(published: Published, user: Option<&Recorder>, format: Format) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Ours(published)));
    if let Some(user) = user {
        registry.register_collector(Box::new(user::Theirs::read(user)));
    }
    let mut page = String::new();
    // Writing to a String does not fail, and our collectors add no errors of their own.
    if text::encode(&mut page, &registry).is_err() {
        page.push_str("# EOF\n");
    }
    match format {
        Format::OpenMetrics => page,
        Format::Classic => classic::from_openmetrics(&page),
    }
}

/// Our series.
#[derive(Debug)]
struct Ours(Published);

impl Collector for Ours {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in ALL {
            encode_metric(&mut encoder, metric, &self.0)?;
        }
        Ok(())
    }
}

fn encode_metric(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &Metric,
    published: &Published,
) -> fmt::Result {
    let kind = match metric.kind {
        MetricKind::Counter => MetricType::Counter,
        MetricKind::Gauge => MetricType::Gauge,
        MetricKind::Histogram => MetricType::Histogram,
    };
    let unit = match metric.unit {
        MetricUnit::Count => None,
        MetricUnit::Seconds => Some(Unit::Seconds),
        MetricUnit::Bytes => Some(Unit::Bytes),
    };
    let mut family =
        encoder.encode_descriptor(metric.base_name(), metric.help, unit.as_ref(), kind)?;
    series::for_each(metric, published, |labels: Labels, reading| {
        if labels.is_empty() {
            encode(&mut family, metric.kind, reading)
        } else {
            encode(&mut family.encode_family(&labels)?, metric.kind, reading)
        }
    })
}

fn encode(series: &mut MetricEncoder<'_>, kind: MetricKind, reading: Reading<'_>) -> fmt::Result {
    match (kind, reading) {
        (MetricKind::Counter, Reading::Number(Value::Count(n))) => {
            series.encode_counter::<NoLabelSet, _, f64>(&n, None)
        }
        (MetricKind::Counter, Reading::Number(value)) => {
            series.encode_counter::<NoLabelSet, _, f64>(&value.as_f64(), None)
        }
        (_, Reading::Number(Value::Count(n))) => series.encode_gauge(&n),
        (_, Reading::Number(value)) => series.encode_gauge(&value.as_f64()),
        (_, Reading::Histogram(h)) => {
            series.encode_histogram::<NoLabelSet>(seconds(h.sum_ns), h.count, &buckets(h), None)
        }
    }
}

/// Bounds in seconds and the number of values between each and the one before.
fn buckets(histogram: &HistogramSnapshot) -> Vec<(f64, u64)> {
    let mut below = 0;
    let mut buckets: Vec<_> = BOUND_EXPONENTS
        .map(|k| {
            let bound_ns = (1 << k) - 1;
            let at_most = histogram.count_at_most(bound_ns);
            let between = at_most.saturating_sub(below);
            below = at_most;
            (seconds(bound_ns), between)
        })
        .collect();
    buckets.push((f64::INFINITY, histogram.count.saturating_sub(below)));
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::sites::Sites;
    use std::panic::Location;
    use zokio::runtime::RuntimeFlavor;
    use zokio::telemetry::{CurrentTask, Snapshot, SpawnSiteSnapshot, WorkerSnapshot};

    fn published() -> Published {
        let mut snapshot = Snapshot::empty("main \"x\"", RuntimeFlavor::MultiThread);
        for index in 0..2 {
            let mut worker = WorkerSnapshot::empty(index);
            worker.polls = 5 + u64::from(index);
            worker.busy_ns = 1_250_000_000;
            worker.stolen_from = if index == 0 { vec![0, 3] } else { vec![0, 0] };
            worker.poll_time = HistogramSnapshot::from_parts(
                30_000_001_000,
                30_000_000_000,
                vec![(256, 2), (288, 1), (32_212_254_720, 1)],
            );
            snapshot.workers.push(worker);
        }
        snapshot.alive_tasks = 17;
        Published::of(snapshot)
    }

    fn line<'a>(page: &'a str, start: &str) -> &'a str {
        let mut found = page.lines().filter(|l| l.starts_with(start));
        let line = found
            .next()
            .unwrap_or_else(|| panic!("no line {start:?} in\n{page}"));
        assert_eq!(found.next(), None, "{start:?} is there twice");
        line
    }

    #[test]
    fn openmetrics_has_types_units_escapes_and_the_end() {
        let page = page(published(), None, Format::OpenMetrics);
        assert_eq!(
            line(&page, "# TYPE zokio_worker_polls "),
            "# TYPE zokio_worker_polls counter"
        );
        let series = "zokio_worker_polls_total{runtime=\"main \\\"x\\\"\",worker=\"1\"}";
        assert_eq!(line(&page, series), format!("{series} 6"));
        assert_eq!(
            line(&page, "# UNIT zokio_worker_busy_seconds "),
            "# UNIT zokio_worker_busy_seconds seconds"
        );
        assert!(page.ends_with("# EOF\n"));
        assert!(!page.contains("_total_total") && !page.contains("_seconds_seconds"));
    }

    #[test]
    fn every_metric_of_the_table_is_on_the_page_under_its_name() {
        let page = page(published(), None, Format::Classic);
        for metric in ALL {
            let kind = match metric.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
                MetricKind::Histogram => "histogram",
            };
            line(&page, &format!("# TYPE {} {kind}", metric.name));
            let sample = match metric.kind {
                MetricKind::Histogram => format!("{}_count{{", metric.name),
                _ if metric.labels.is_empty() => format!("{} ", metric.name),
                _ => format!("{}{{", metric.name),
            };
            let series: Vec<_> = page.lines().filter(|l| l.starts_with(&sample)).collect();
            assert!(!series.is_empty(), "{}", metric.name);
            for label in metric.labels {
                let label = format!("{label}=\"");
                assert!(series.iter().all(|l| l.contains(&label)), "{series:?}");
            }
        }
    }

    #[test]
    fn histograms_are_cumulative_exact_and_closed() {
        let page = page(published(), None, Format::OpenMetrics);
        let labels = "runtime=\"main \\\"x\\\"\",worker=\"0\"";
        let name = "zokio_task_poll_duration_seconds";
        let bucket = |le: &str| {
            let found = page.lines().find(|l| {
                l.starts_with(&format!("{name}_bucket{{"))
                    && l.contains(&format!("le=\"{le}\""))
                    && l.contains(labels)
            });
            let line = found.unwrap_or_else(|| panic!("no bucket {le} in\n{page}"));
            line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
        };
        let value = |part: &str| {
            let series = format!("{name}_{part}{{{labels}}}");
            line(&page, &series)[series.len() + 1..].to_owned()
        };
        assert_eq!(bucket("2.55e-7"), 2);
        assert_eq!(bucket("5.11e-7"), 3);
        assert_eq!(bucket("17.179869183"), 3);
        assert_eq!(bucket("+Inf"), 4);
        assert_eq!(value("count"), "4");
        assert_eq!(value("sum"), "30.000001");
    }

    #[test]
    fn victims_have_series_of_their_own_but_not_for_themselves() {
        let page = page(published(), None, Format::Classic);
        let lines: Vec<_> = page
            .lines()
            .filter(|l| l.starts_with("zokio_worker_stolen_tasks_total{"))
            .collect();
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].ends_with("worker=\"0\",victim=\"1\"} 3"),
            "{}",
            lines[0]
        );
        assert!(
            lines[1].ends_with("worker=\"1\",victim=\"0\"} 0"),
            "{}",
            lines[1]
        );
    }

    #[test]
    fn spawn_sites_beyond_the_limit_are_one_series() {
        let mut published = published();
        let mut sites = Sites::new(1);
        let spawned = |location, n| {
            let mut site = SpawnSiteSnapshot::empty(location);
            (site.spawned, site.busy_ns) = (n, 2_500_000_000 / n);
            site
        };
        let [first, second] = [Location::caller(), place()];
        sites.update(&[spawned(first, 3), spawned(second, 4)]);
        published.runtimes[0].sites = sites;
        let page = page(published, None, Format::Classic);
        let name = "zokio_spawn_site_spawned_total{runtime=\"main \\\"x\\\"\",spawn_site=";
        let lines: Vec<_> = page.lines().filter(|l| l.starts_with(name)).collect();
        let first = format!(
            "{name}\"{}:{}:{}\"}} 3",
            file!(),
            first.line(),
            first.column()
        );
        assert_eq!(lines, [first, format!("{name}\"other\"}} 4")]);
        let busy =
            "zokio_spawn_site_busy_seconds_total{runtime=\"main \\\"x\\\"\",spawn_site=\"other\"}";
        assert_eq!(line(&page, busy), format!("{busy} 0.625"));
    }

    #[track_caller]
    fn place() -> &'static Location<'static> {
        Location::caller()
    }

    #[test]
    fn a_poll_that_is_under_way_shows_its_age() {
        let mut snapshot = Snapshot::empty("main", RuntimeFlavor::CurrentThread);
        snapshot.taken_at_ns = 5_000_000_000;
        let mut worker = WorkerSnapshot::empty(0);
        worker.current_task = Some(CurrentTask::new(7, 1_500_000_000));
        snapshot.workers.push(worker);
        snapshot.workers.push(WorkerSnapshot::empty(1));
        let page = page(Published::of(snapshot), None, Format::Classic);
        let series = |worker| {
            let start = "zokio_worker_current_poll_seconds{runtime=\"main\",worker=";
            line(&page, &format!("{start}\"{worker}\"}} "))
                .rsplit(' ')
                .next()
        };
        assert_eq!((series(0), series(1)), (Some("3.5"), Some("0.0")));
        let info = "zokio_runtime_info{runtime=\"main\",flavor=\"current_thread\",version=";
        assert!(line(&page, info).ends_with("\"} 1"));
    }

    #[test]
    fn what_the_process_has_once_is_there_once_however_many_runtimes_there_are() {
        let mut published = published();
        published
            .runtimes
            .extend(super::tests::published().runtimes);
        let page = page(published, None, Format::OpenMetrics);
        let name = "zokio_telemetry_unattributed_events_total";
        assert_eq!(line(&page, name), format!("{name} 0"));
    }

    #[test]
    fn a_runtime_of_many_workers_shows_only_pairs_that_stole() {
        let mut snapshot = Snapshot::empty("big", RuntimeFlavor::MultiThread);
        for index in 0..64 {
            let mut worker = WorkerSnapshot::empty(index);
            worker.stolen_from = vec![0; 64];
            worker.stolen_from[7] = u64::from(index == 3);
            snapshot.workers.push(worker);
        }
        let page = page(Published::of(snapshot), None, Format::Classic);
        assert_eq!(
            line(&page, "zokio_worker_stolen_tasks_total{"),
            "zokio_worker_stolen_tasks_total{runtime=\"big\",worker=\"3\",victim=\"7\"} 1"
        );
    }

    #[test]
    fn no_runtime_still_makes_a_page() {
        assert!(page(Published::default(), None, Format::OpenMetrics).ends_with("# EOF\n"));
    }
}

//! The program's own series, as our recorder has them.
//!
//! The facade lets a program use any text as a name, and one name for several types. The page does
//! not: names are brought into shape, and of several types of one name the first is shown.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::mem;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::metric_names;
use crate::recorder::{Recorder, UserReading};

/// Shown when series had to be dropped.
const DROPPED: &str = "zokio_instrumentation_dropped_series";
const DROPPED_HELP: &str = "Uses of series of the program that are not kept: there are too many.";

/// Help of what the program has not described: none at all is frowned upon.
const UNDESCRIBED: &str = "Not described by the program.";

type Labels = Vec<(String, String)>;

/// The series by name and labels.
#[derive(Debug)]
pub(super) struct Theirs {
    families: BTreeMap<String, Family>,
    dropped: u64,
}

#[derive(Debug)]
struct Family {
    help: String,
    series: BTreeMap<Labels, UserReading>,
}

impl Theirs {
    pub(super) fn read(recorder: &Recorder) -> Theirs {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut all = recorder.read();
        // Types in one order, so that the same of several is shown each time.
        all.sort_by(|a, b| (rank(&a.1), &a.0).cmp(&(rank(&b.1), &b.0)));
        for (key, reading) in all {
            let name = family_name(key.name(), &reading);
            if is_ours(&name) {
                continue;
            }
            let labels = key
                .labels()
                .map(|l| (label_name(l.key()), l.value().to_owned()))
                .collect();
            let family = families.entry(name).or_insert_with(|| Family {
                help: help_text(recorder.help(key.name()).as_deref().unwrap_or(UNDESCRIBED)),
                series: BTreeMap::new(),
            });
            family.add(unique(labels), reading);
        }
        Theirs {
            families,
            dropped: recorder.dropped(),
        }
    }
}

impl Family {
    /// Adds a series; two that have become one by the shaping of names are added up if they are
    /// counters, else the first stays.
    fn add(&mut self, labels: Labels, reading: UserReading) {
        let kind = self.series.values().next().map(mem::discriminant);
        if kind.is_some_and(|kind| kind != mem::discriminant(&reading)) {
            return;
        }
        match self.series.entry(labels) {
            Entry::Vacant(entry) => {
                entry.insert(reading);
            }
            Entry::Occupied(mut entry) => {
                if let (UserReading::Counter(sum), UserReading::Counter(n)) =
                    (entry.get_mut(), reading)
                {
                    *sum += n;
                }
            }
        }
    }
}

impl Collector for Theirs {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, family) in &self.families {
            let kind = match family.series.values().next() {
                Some(UserReading::Counter(_)) => MetricType::Counter,
                Some(UserReading::Histogram(..)) => MetricType::Histogram,
                Some(UserReading::Gauge(_)) | None => MetricType::Gauge,
            };
            let mut metric = encoder.encode_descriptor(name, &family.help, None, kind)?;
            for (labels, reading) in &family.series {
                if labels.is_empty() {
                    reading.encode(&mut metric)?;
                } else {
                    reading.encode(&mut metric.encode_family(labels)?)?;
                }
            }
        }
        if self.dropped > 0 {
            let mut metric =
                encoder.encode_descriptor(DROPPED, DROPPED_HELP, None, MetricType::Counter)?;
            metric.encode_counter::<NoLabelSet, _, f64>(&self.dropped, None)?;
        }
        Ok(())
    }
}

impl UserReading {
    fn encode(&self, series: &mut MetricEncoder<'_>) -> fmt::Result {
        match self {
            UserReading::Counter(n) => series.encode_counter::<NoLabelSet, _, f64>(n, None),
            UserReading::Gauge(x) => series.encode_gauge(x),
            UserReading::Histogram(sum, buckets) => {
                let count = buckets.iter().map(|(_, n)| n).sum();
                series.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)
            }
        }
    }
}

fn rank(reading: &UserReading) -> u8 {
    match reading {
        UserReading::Counter(_) => 0,
        UserReading::Gauge(_) => 1,
        UserReading::Histogram(..) => 2,
    }
}

/// A counter's name without `_total`, which the encoder adds.
fn family_name(name: &str, reading: &UserReading) -> String {
    let name = shaped(name, |c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    match reading {
        UserReading::Counter(_) => match name.strip_suffix("_total") {
            Some(stem) if !stem.is_empty() => stem.to_owned(),
            _ => name,
        },
        _ => name,
    }
}

/// `le` is the bucket's label, and two underscores in front are the scraper's.
fn label_name(name: &str) -> String {
    let name = shaped(name, |c| c.is_ascii_alphanumeric() || c == '_');
    if name == "le" || name.starts_with("__") {
        format!("label_{name}")
    } else {
        name
    }
}

/// The name with `_` in place of what is not allowed, and in front of a digit.
fn shaped(name: &str, allowed: impl Fn(char) -> bool) -> String {
    let mut shaped = String::with_capacity(name.len());
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        shaped.push('_');
    }
    shaped.extend(name.chars().map(|c| if allowed(c) { c } else { '_' }));
    shaped
}

/// Labels in one order, each name once.
fn unique(mut labels: Labels) -> Labels {
    labels.sort();
    labels.dedup_by(|a, b| a.0 == b.0);
    labels
}

/// Help is one line.
fn help_text(help: &str) -> String {
    help.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "")
}

/// Whether a series of that name would clash with one of our table.
fn is_ours(name: &str) -> bool {
    let ours = |metric: &metric_names::Metric| {
        let stem = metric.name.strip_suffix("_total").unwrap_or(metric.name);
        stem == name || metric.name == name
    };
    name == DROPPED || metric_names::ALL.iter().any(ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    fn page(record: impl FnOnce()) -> String {
        let recorder = Recorder::default();
        metrics::with_local_recorder(&recorder, record);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Theirs::read(&recorder)));
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        page
    }

    #[test]
    fn all_types_appear_in_shape() {
        let page = page(|| {
            metrics::describe_counter!("http.requests_total", "Requests,\nall of them");
            metrics::counter!("http.requests_total", "path" => "/a\"b", "le" => "x").increment(3);
            metrics::gauge!("1st gauge").set(2.5);
            metrics::histogram!("latency").record(0.001);
        });
        let wanted = "\
# HELP _1st_gauge Not described by the program.\n# TYPE _1st_gauge gauge\n_1st_gauge 2.5
# HELP http_requests Requests,\\nall of them
# TYPE http_requests counter
http_requests_total{label_le=\"x\",path=\"/a\\\"b\"} 3
# HELP latency Not described by the program.\n# TYPE latency histogram\nlatency_sum 0.001\nlatency_count 1\n";
        assert!(page.starts_with(wanted), "{page}");
        assert!(page.contains("latency_bucket{le=\"+Inf\"} 1\n"), "{page}");
    }

    #[test]
    fn names_that_clash_do_not_spoil_the_page() {
        let page = page(|| {
            metrics::counter!("zokio_worker_polls_total").increment(1);
            metrics::gauge!("zokio_tasks_alive").set(1.0);
            metrics::counter!("a.b").increment(1);
            metrics::counter!("a_b").increment(2);
            metrics::counter!("a_b_total").increment(4);
            metrics::gauge!("a_b").set(9.0);
            metrics::gauge!("c", "x.y" => "1", "x_y" => "2").set(1.0);
        });
        assert_eq!(
            page,
            "# HELP a_b Not described by the program.\n# TYPE a_b counter\na_b_total 7\n\
             # HELP c Not described by the program.\n# TYPE c gauge\nc{x_y=\"1\"} 1.0\n# EOF\n"
        );
    }
}

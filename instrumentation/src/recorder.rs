//! A recorder for the `metrics` facade, so that the program's own `metrics::counter!` series appear
//! on our `/metrics`.
//!
//! It keeps numbers, never samples: a histogram is counts in fixed buckets. The number of series is
//! bounded; one too many is dropped and counted. Recording is one atomic operation (two for a
//! histogram) after a look-up under a shared lock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata,
    SharedString, Unit,
};

use crate::error::{Error, Kind};

/// Series that are kept; labels with unbounded values would fill the memory otherwise.
const MAX_SERIES: usize = 10_000;

/// Locks that look-ups are spread over.
const SHARDS: usize = 16;

/// Upper bounds of a histogram's buckets: powers of 4 from about a microsecond to about a billion,
/// since the facade does not say whether it is given seconds or bytes.
const BOUNDS: [f64; 26] = {
    let mut bounds = [0.0; 26];
    let mut bound = 1.0 / 1_048_576.0;
    let mut i = 0;
    while i < bounds.len() {
        bounds[i] = bound;
        bound *= 4.0;
        i += 1;
    }
    bounds
};

static INSTALLED: OnceLock<Arc<Recorder>> = OnceLock::new();

/// Installs our recorder for the whole process, once.
///
/// # Errors
///
/// Another recorder is installed.
pub(crate) fn install() -> Result<(), Error> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if INSTALLED.get().is_some() {
        return Ok(());
    }
    let recorder = Arc::new(Recorder::default());
    metrics::set_global_recorder(Arc::clone(&recorder)).map_err(|_| Kind::RecorderInstalled)?;
    INSTALLED.get_or_init(|| recorder);
    Ok(())
}

/// Our recorder, if it was installed.
pub(crate) fn installed() -> Option<&'static Recorder> {
    INSTALLED.get().map(|r| &**r)
}

/// See the module.
#[derive(Default)]
pub(crate) struct Recorder {
    counters: Series<CounterCell>,
    gauges: Series<GaugeCell>,
    histograms: Series<HistogramCell>,
    help: Mutex<HashMap<String, SharedString>>,
    series: AtomicUsize,
    dropped: AtomicU64,
}

/// What a series shows at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum UserReading {
    Counter(u64),
    Gauge(f64),
    /// Sum, and values a bucket, the last one without bound.
    Histogram(f64, Vec<(f64, u64)>),
}

impl Recorder {
    /// All series as they are now.
    pub(crate) fn read(&self) -> Vec<(Key, UserReading)> {
        let mut all = Vec::new();
        self.counters.read(&mut all, |c| {
            UserReading::Counter(c.0.load(Ordering::Relaxed))
        });
        self.gauges
            .read(&mut all, |g| UserReading::Gauge(load(&g.0)));
        self.histograms.read(&mut all, HistogramCell::read);
        all
    }

    /// What the program said about the metric of that name.
    pub(crate) fn help(&self, name: &str) -> Option<SharedString> {
        self.help
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// Look-ups of series that were dropped because there were too many.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn describe(&self, name: &KeyName, description: SharedString) {
        let mut help = self.help.lock().unwrap_or_else(PoisonError::into_inner);
        if help.len() < MAX_SERIES {
            help.insert(name.as_str().to_owned(), description);
        }
    }

    fn cell<T: Default>(&self, series: &Series<T>, key: &Key) -> Option<Arc<T>> {
        let cell = series.get(key, || {
            self.series
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                    (n < MAX_SERIES).then_some(n + 1)
                })
                .is_ok()
        });
        if cell.is_none() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        cell
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        self.describe(&key, description);
    }

    fn describe_gauge(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        self.describe(&key, description);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        self.describe(&key, description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.cell(&self.counters, key)
            .map_or_else(Counter::noop, Counter::from_arc)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.cell(&self.gauges, key)
            .map_or_else(Gauge::noop, Gauge::from_arc)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.cell(&self.histograms, key)
            .map_or_else(Histogram::noop, Histogram::from_arc)
    }
}

/// All series of one type.
struct Series<T>([RwLock<HashMap<Key, Arc<T>>>; SHARDS]);

impl<T> Default for Series<T> {
    fn default() -> Series<T> {
        Series(std::array::from_fn(|_| RwLock::default()))
    }
}

impl<T: Default> Series<T> {
    /// The cell of that key; a new one only if `admit` lets it in.
    fn get(&self, key: &Key, admit: impl FnOnce() -> bool) -> Option<Arc<T>> {
        let shard = &self.0[key.get_hash() as usize % SHARDS];
        if let Some(cell) = shard
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
        {
            return Some(Arc::clone(cell));
        }
        let mut cells = shard.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(key) {
            return Some(Arc::clone(cell));
        }
        admit().then(|| Arc::clone(cells.entry(key.clone()).or_default()))
    }

    fn read(&self, all: &mut Vec<(Key, UserReading)>, read: impl Fn(&T) -> UserReading) {
        for shard in &self.0 {
            let cells = shard.read().unwrap_or_else(PoisonError::into_inner);
            all.extend(cells.iter().map(|(key, cell)| (key.clone(), read(cell))));
        }
    }
}

#[derive(Default)]
struct CounterCell(AtomicU64);

impl CounterFn for CounterCell {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }
}

/// An `f64` by its bits.
#[derive(Default)]
struct GaugeCell(AtomicU64);

impl GaugeFn for GaugeCell {
    fn increment(&self, value: f64) {
        add(&self.0, value);
    }

    fn decrement(&self, value: f64) {
        add(&self.0, -value);
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

#[derive(Default)]
struct HistogramCell {
    /// An `f64` by its bits.
    sum: AtomicU64,
    /// The last one is for values above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
}

impl HistogramCell {
    fn read(&self) -> UserReading {
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|n| n.load(Ordering::Relaxed));
        UserReading::Histogram(load(&self.sum), bounds.zip(counts).collect())
    }
}

impl HistogramFn for HistogramCell {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    /// A value that is not finite would spoil the sum for ever: it is left out.
    fn record_many(&self, value: f64, count: usize) {
        if value.is_finite() {
            let bucket = BOUNDS.partition_point(|&bound| bound < value);
            self.buckets[bucket].fetch_add(count as u64, Ordering::Relaxed);
            add(&self.sum, value * count as f64);
        }
    }
}

fn load(bits: &AtomicU64) -> f64 {
    f64::from_bits(bits.load(Ordering::Relaxed))
}

fn add(bits: &AtomicU64, value: f64) {
    let sum = |bits| Some((f64::from_bits(bits) + value).to_bits());
    // The closure never gives up, so neither does the update.
    let _ = bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(recorder: &Recorder) -> HashMap<String, UserReading> {
        recorder
            .read()
            .into_iter()
            .map(|(key, value)| (key.to_string(), value))
            .collect()
    }

    #[test]
    fn all_types_are_kept_by_name_and_labels() {
        let recorder = Recorder::default();
        metrics::with_local_recorder(&recorder, || {
            for shop in ["north", "south", "north"] {
                metrics::counter!("sales", "shop" => shop).increment(2);
            }
            metrics::counter!("sales_total").absolute(9);
            metrics::counter!("sales_total").absolute(7);
            metrics::gauge!("stock").set(5.0);
            metrics::gauge!("stock").decrement(1.5);
            metrics::histogram!("latency").record(0.5);
            metrics::histogram!("latency").record(1.0);
            metrics::histogram!("latency").record(f64::NAN);
            metrics::describe_counter!("sales", "Things sold");
        });
        let series: Vec<_> = recorder
            .read()
            .into_iter()
            .map(|(key, value)| {
                let labels = key.labels().map(|l| format!("{}={}", l.key(), l.value()));
                (
                    key.name().to_owned(),
                    labels.collect::<Vec<_>>().join(","),
                    value,
                )
            })
            .collect();
        let find = |name: &str, labels: &str| {
            let found = series.iter().find(|(n, l, _)| n == name && l == labels);
            found
                .unwrap_or_else(|| panic!("no {name} {labels} in {series:?}"))
                .2
                .clone()
        };
        assert_eq!(find("sales", "shop=north"), UserReading::Counter(4));
        assert_eq!(find("sales", "shop=south"), UserReading::Counter(2));
        assert_eq!(find("sales_total", ""), UserReading::Counter(9));
        assert_eq!(find("stock", ""), UserReading::Gauge(3.5));
        let UserReading::Histogram(sum, buckets) = find("latency", "") else {
            panic!()
        };
        assert_eq!(sum, 1.5);
        assert_eq!(buckets.iter().map(|(_, n)| n).sum::<u64>(), 2);
        // 1 is a bound and belongs to its own bucket, since bounds are inclusive; so does 0.5.
        assert_eq!(
            buckets.iter().find(|(bound, _)| *bound == 1.0).unwrap().1,
            2
        );
        assert_eq!(recorder.help("sales").as_deref(), Some("Things sold"));
    }

    #[test]
    fn series_without_end_are_dropped_and_counted() {
        let recorder = Recorder::default();
        metrics::with_local_recorder(&recorder, || {
            for id in 0..MAX_SERIES + 5 {
                metrics::counter!("requests", "id" => id.to_string()).increment(1);
            }
            metrics::counter!("requests", "id" => "0").increment(1);
        });
        assert_eq!(recorder.read().len(), MAX_SERIES);
        assert_eq!(recorder.dropped(), 5);
        assert_eq!(read(&recorder).len(), MAX_SERIES);
    }

    #[test]
    fn bounds_grow_and_include_one() {
        assert!(BOUNDS.windows(2).all(|w| w[1] == w[0] * 4.0));
        assert!(BOUNDS.contains(&1.0));
        assert_eq!(BOUNDS[25], 4f64.powi(15));
    }
}

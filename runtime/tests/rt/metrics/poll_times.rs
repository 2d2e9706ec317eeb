//! The histogram of poll times in buckets of the user's.

use std::time::{Duration, Instant};

use zokio::runtime::{
    Builder, HistogramConfiguration, HistogramScale, LogHistogram, Runtime, RuntimeMetrics,
};
use zokio::task;

use crate::support::{assert_panics_here, both_builders, panic_of};

fn micros(range: std::ops::Range<u64>) -> std::ops::Range<Duration> {
    Duration::from_micros(range.start)..Duration::from_micros(range.end)
}

fn counts(metrics: &RuntimeMetrics, worker: usize) -> Vec<u64> {
    (0..metrics.poll_time_histogram_num_buckets())
        .map(|bucket| metrics.poll_time_histogram_bucket_count(worker, bucket))
        .collect()
}

fn with_buckets(configuration: HistogramConfiguration) -> Runtime {
    Builder::new_current_thread()
        .enable_metrics_poll_time_histogram()
        .metrics_poll_time_histogram_configuration(configuration)
        .build()
        .unwrap()
}

#[test]
fn there_are_ten_buckets_of_a_tenth_of_a_millisecond_by_default() {
    let runtime = Builder::new_current_thread()
        .enable_metrics_poll_time_histogram()
        .build()
        .unwrap();
    let metrics = runtime.metrics();
    assert!(metrics.poll_time_histogram_enabled());
    assert_eq!(metrics.poll_time_histogram_num_buckets(), 10);
    for bucket in 0..9 {
        let range = metrics.poll_time_histogram_bucket_range(bucket);
        assert_eq!(
            range,
            micros(bucket as u64 * 100..(bucket as u64 + 1) * 100)
        );
    }
    let last = metrics.poll_time_histogram_bucket_range(9);
    assert_eq!(
        last,
        Duration::from_micros(900)..Duration::from_nanos(u64::MAX)
    );
}

#[test]
fn buckets_without_enabling_are_no_histogram() {
    let runtime = Builder::new_current_thread()
        .metrics_poll_time_histogram_configuration(HistogramConfiguration::linear(
            Duration::from_millis(1),
            3,
        ))
        .build()
        .unwrap();
    assert!(!runtime.metrics().poll_time_histogram_enabled());
    assert_eq!(runtime.metrics().poll_time_histogram_num_buckets(), 0);
}

#[test]
fn each_poll_is_in_one_bucket() {
    for mut builder in both_builders() {
        let runtime = builder
            .enable_metrics_poll_time_histogram()
            .build()
            .unwrap();
        let task = runtime.spawn(async {
            for _ in 0..9 {
                task::yield_now().await;
            }
        });
        runtime.block_on(task).unwrap();
        let metrics = runtime.metrics();
        // A worker counts the last poll when it has told the joiner.
        drop(runtime);
        let workers = 0..metrics.num_workers();
        let all: u64 = workers.flat_map(|worker| counts(&metrics, worker)).sum();
        assert_eq!(all, 10);
    }
}

#[test]
fn poll_is_in_the_bucket_of_its_duration() {
    let runtime = with_buckets(HistogramConfiguration::linear(
        Duration::from_micros(1500),
        2,
    ));
    runtime.block_on(async {
        let burning = zokio::spawn(async {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(2) {}
        });
        burning.await.unwrap();
    });
    assert_eq!(counts(&runtime.metrics(), 0), [0, 1]);
}

#[test]
fn logarithmic_buckets_are_those_of_the_configuration() {
    let log = LogHistogram::builder()
        .min_value(Duration::from_nanos(128))
        .max_value(Duration::from_nanos(1024))
        .precision_exact(0);
    let metrics = with_buckets(HistogramConfiguration::log(log)).metrics();
    let range = |bucket| metrics.poll_time_histogram_bucket_range(bucket);
    let ns = Duration::from_nanos;
    assert_eq!(metrics.poll_time_histogram_num_buckets(), 5);
    assert_eq!(range(0), ns(0)..ns(128));
    assert_eq!(range(1), ns(128)..ns(256));
    assert_eq!(range(4), ns(1024)..ns(u64::MAX));
}

#[test]
fn logarithmic_buckets_count_each_poll() {
    let runtime = with_buckets(HistogramConfiguration::log(LogHistogram::default()));
    runtime.block_on(async {
        for _ in 0..20 {
            zokio::spawn(async {}).await.unwrap();
        }
    });
    assert_eq!(counts(&runtime.metrics(), 0).iter().sum::<u64>(), 20);
}

#[test]
#[expect(deprecated, reason = "the old settings are there too")]
fn old_settings_give_buckets_that_double() {
    let runtime = Builder::new_current_thread()
        .enable_metrics_poll_count_histogram()
        .metrics_poll_count_histogram_scale(HistogramScale::Log)
        .metrics_poll_count_histogram_resolution(Duration::from_nanos(1000))
        .metrics_poll_count_histogram_buckets(4)
        .build()
        .unwrap();
    let metrics = runtime.metrics();
    let starts = [0, 1024, 2048, 4096].map(Duration::from_nanos);
    assert!(metrics.poll_count_histogram_enabled());
    assert_eq!(metrics.poll_count_histogram_num_buckets(), 4);
    for (bucket, start) in starts.into_iter().enumerate() {
        assert_eq!(
            metrics.poll_count_histogram_bucket_range(bucket).start,
            start
        );
        assert_eq!(metrics.poll_count_histogram_bucket_count(0, bucket), 0);
    }
}

#[test]
#[expect(deprecated, reason = "the old settings are there too")]
fn old_settings_come_before_a_configuration() {
    let runtime = Builder::new_current_thread()
        .enable_metrics_poll_time_histogram()
        .metrics_poll_count_histogram_buckets(3)
        .metrics_poll_time_histogram_configuration(HistogramConfiguration::linear(
            Duration::from_millis(1),
            7,
        ))
        .build()
        .unwrap();
    assert_eq!(runtime.metrics().poll_time_histogram_num_buckets(), 3);
}

#[test]
#[expect(deprecated, reason = "the old settings are there too")]
fn resolution_of_nothing_or_of_more_than_a_second_is_refused() {
    for resolution in [Duration::ZERO, Duration::from_nanos(1_000_000_001)] {
        let mut builder = Builder::new_current_thread();
        let panic = panic_of(|| {
            builder.metrics_poll_count_histogram_resolution(resolution);
        });
        assert_eq!(panic.file, file!());
    }
}

#[test]
fn bucket_that_is_not_there_panics_in_the_caller_s_line() {
    let metrics =
        with_buckets(HistogramConfiguration::linear(Duration::from_millis(1), 3)).metrics();
    let text = "index out of bounds: the len is 3 but the index is 3";
    assert_panics_here!(text, || metrics.poll_time_histogram_bucket_range(3));
    assert_panics_here!(text, || metrics.poll_time_histogram_bucket_count(0, 3));
}

#[test]
fn cancelled_tasks_are_in_no_bucket() {
    let runtime = Builder::new_current_thread()
        .enable_metrics_poll_time_histogram()
        .build()
        .unwrap();
    let task = runtime.spawn(async {});
    task.abort();
    runtime.block_on(task).unwrap_err();
    assert_eq!(counts(&runtime.metrics(), 0).iter().sum::<u64>(), 0);
}

#[test]
fn refusals_of_log_histograms_are_blamed_on_the_caller() {
    let builder = LogHistogram::builder;
    assert_panics_here!("max_error must be greater than 0", || builder()
        .max_error(0.0));
    assert_panics_here!("max_error must be less than 1", || builder().max_error(1.0));
    assert_panics_here!("precision must be <= 10", || builder().precision_exact(11));
    assert_panics_here!("max value must be", || builder().max_value(Duration::ZERO));
}

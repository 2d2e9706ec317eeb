//! What a run of the load generator amounts to.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest latency that is told apart; longer ones count as this.
pub const MAX_LATENCY: Duration = Duration::from_secs(60);

/// Counts and latencies, of a part of a run or of all of it.
#[derive(Debug, Clone)]
pub struct Stats {
    latencies_us: Histogram<u64>,
    /// Bytes of response bodies.
    pub body_bytes: u64,
    /// What went wrong.
    pub errors: Errors,
}

/// Requests and connections that failed, by the way they did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Errors {
    /// Connections that could not be made.
    pub connect: u64,
    /// Requests that broke off: closed, reset, not HTTP.
    pub request: u64,
    /// Requests without an answer in time.
    pub timeout: u64,
    /// Answers with a status of 400 or more.
    pub status: u64,
}

impl Errors {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.connect + self.request + self.timeout + self.status
    }
}

impl Default for Stats {
    fn default() -> Stats {
        Stats::new()
    }
}

impl Stats {
    /// Nothing yet.
    ///
    /// # Panics
    ///
    /// Never: the histogram's bounds are constants within its limits.
    pub fn new() -> Stats {
        let max = MAX_LATENCY.as_micros() as u64;
        Stats {
            // Three significant digits, from 1 µs.
            latencies_us: Histogram::new_with_bounds(1, max, 3).expect("constant bounds are valid"),
            body_bytes: 0,
            errors: Errors::default(),
        }
    }

    /// Counts a request that was answered well.
    pub fn record(&mut self, latency: Duration, body_bytes: u64) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latencies_us.saturating_record(us.max(1));
        self.body_bytes += body_bytes;
    }

    /// Adds what `other` has counted.
    pub fn merge(&mut self, other: &Stats) {
        // Both have the same bounds, so every value fits.
        let added = self.latencies_us.add(&other.latencies_us);
        debug_assert!(added.is_ok(), "histograms of equal bounds add up");
        self.body_bytes += other.body_bytes;
        self.errors.connect += other.errors.connect;
        self.errors.request += other.errors.request;
        self.errors.timeout += other.errors.timeout;
        self.errors.status += other.errors.status;
    }

    /// What to show of a run of `elapsed`.
    pub fn report(&self, connections: usize, elapsed: Duration) -> Report {
        let at = |quantile| self.latencies_us.value_at_quantile(quantile);
        let seconds = elapsed.as_secs_f64();
        let requests = self.latencies_us.len();
        Report {
            schema_version: 1,
            connections,
            elapsed_s: seconds,
            requests,
            requests_per_s: if seconds > 0.0 {
                requests as f64 / seconds
            } else {
                0.0
            },
            body_bytes: self.body_bytes,
            latency_us: Latency {
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p999: at(0.999),
                max: self.latencies_us.max(),
            },
            errors: self.errors,
        }
    }
}

/// The result of a run; its JSON is a stable format under `schema_version`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Changes when a field changes its meaning or goes.
    pub schema_version: u32,
    /// Connections that were kept open.
    pub connections: usize,
    /// Seconds from the first connection to the last answer.
    pub elapsed_s: f64,
    /// Requests that were answered with a status below 400.
    pub requests: u64,
    /// `requests` over `elapsed_s`.
    pub requests_per_s: f64,
    /// Bytes of response bodies.
    pub body_bytes: u64,
    /// From sending a request to the last byte of its answer.
    pub latency_us: Latency,
    /// What went wrong.
    pub errors: Errors,
}

/// Quantiles of the latency, microseconds, to three significant digits; 0 without requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Half of the requests took at most this.
    pub p50: u64,
    /// Nine in ten.
    pub p90: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report {
            latency_us: latency,
            errors,
            ..
        } = self;
        writeln!(
            f,
            "{} requests in {:.1} s over {} connections: {:.0} requests/s, {} of bodies",
            self.requests,
            self.elapsed_s,
            self.connections,
            self.requests_per_s,
            Bytes(self.body_bytes),
        )?;
        writeln!(
            f,
            "latency  p50 {}  p90 {}  p99 {}  p99.9 {}  max {}",
            Micros(latency.p50),
            Micros(latency.p90),
            Micros(latency.p99),
            Micros(latency.p999),
            Micros(latency.max),
        )?;
        write!(
            f,
            "errors   {} (connect {}, request {}, timeout {}, status {})",
            errors.total(),
            errors.connect,
            errors.request,
            errors.timeout,
            errors.status,
        )
    }
}

/// Microseconds in the unit that leaves one to three digits before the point.
struct Micros(u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            us @ 0..1_000 => write!(f, "{us} µs"),
            us @ 1_000..1_000_000 => write!(f, "{:.2} ms", us as f64 / 1e3),
            us => write!(f, "{:.2} s", us as f64 / 1e6),
        }
    }
}

/// Bytes in binary units.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        if self.0 < 1_024 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1_024.0;
        let mut unit = 0;
        while value >= 1_024.0 && unit + 1 < UNITS.len() {
            value /= 1_024.0;
            unit += 1;
        }
        write!(f, "{value:.1} {}", UNITS[unit])
    }
}

/// A line for a terminal: how much of the time has passed and how fast it goes.
pub fn progress_line(passed: Duration, total: Duration, requests: u64, errors: u64) -> String {
    const WIDTH: usize = 30;
    let fraction =
        (passed.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    let filled = (fraction * WIDTH as f64).round() as usize;
    let rate = requests as f64 / passed.as_secs_f64().max(0.001);
    format!(
        "[{}{}] {:>3.0} %  {requests} requests, {rate:.0}/s, {errors} errors",
        "#".repeat(filled),
        "-".repeat(WIDTH - filled),
        fraction * 100.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within_three_digits(found: u64, expected: u64) -> bool {
        found.abs_diff(expected) * 500 <= expected
    }

    #[test]
    fn percentiles_are_those_of_the_latencies() {
        let mut stats = Stats::new();
        for us in 1..=10_000 {
            stats.record(Duration::from_micros(us), 2);
        }
        let report = stats.report(4, Duration::from_secs(2));
        assert_eq!((report.requests, report.body_bytes), (10_000, 20_000));
        assert!((report.requests_per_s - 5_000.0).abs() < 1e-9);
        let Latency {
            p50,
            p90,
            p99,
            p999,
            max,
        } = report.latency_us;
        for (found, expected) in [
            (p50, 5_000),
            (p90, 9_000),
            (p99, 9_900),
            (p999, 9_990),
            (max, 10_000),
        ] {
            assert!(
                within_three_digits(found, expected),
                "{found} for {expected}"
            );
        }
    }

    #[test]
    fn parts_merge_into_the_whole() {
        let (mut one, mut two) = (Stats::new(), Stats::new());
        one.record(Duration::from_millis(1), 1);
        one.errors.connect = 1;
        two.record(Duration::from_millis(9), 2);
        two.errors = Errors {
            connect: 1,
            request: 2,
            timeout: 3,
            status: 4,
        };
        one.merge(&two);
        let report = one.report(1, Duration::from_secs(1));
        assert_eq!((report.requests, report.body_bytes), (2, 3));
        assert_eq!(
            report.errors,
            Errors {
                connect: 2,
                request: 2,
                timeout: 3,
                status: 4
            }
        );
        assert_eq!(report.errors.total(), 11);
        assert!(within_three_digits(report.latency_us.max, 9_000));
    }

    #[test]
    fn extreme_latencies_are_counted_at_the_bounds() {
        let mut stats = Stats::new();
        stats.record(Duration::ZERO, 0);
        stats.record(Duration::from_secs(3_600), 0);
        let report = stats.report(1, Duration::from_secs(1));
        assert_eq!(report.requests, 2);
        assert_eq!(report.latency_us.p50, 1);
        assert!(within_three_digits(
            report.latency_us.max,
            MAX_LATENCY.as_micros() as u64
        ));
    }

    #[test]
    fn a_run_without_requests_is_all_zero() {
        let report = Stats::new().report(1, Duration::ZERO);
        assert_eq!((report.requests, report.requests_per_s), (0, 0.0));
        assert_eq!(
            report.latency_us,
            Latency {
                p50: 0,
                p90: 0,
                p99: 0,
                p999: 0,
                max: 0
            }
        );
    }

    #[test]
    fn the_text_names_every_number() {
        let mut stats = Stats::new();
        stats.record(Duration::from_micros(500), 2_048);
        stats.errors.status = 3;
        let text = stats.report(64, Duration::from_secs(1)).to_string();
        assert_eq!(
            text,
            "1 requests in 1.0 s over 64 connections: 1 requests/s, 2.0 KiB of bodies\n\
             latency  p50 500 µs  p90 500 µs  p99 500 µs  p99.9 500 µs  max 500 µs\n\
             errors   3 (connect 0, request 0, timeout 0, status 3)"
        );
    }

    #[test]
    fn the_json_has_its_documented_fields() {
        let report = Stats::new().report(2, Duration::from_secs(1));
        let json: serde_json::Value = serde_json::to_value(report).unwrap();
        assert_eq!(json["schema_version"], 1);
        assert_eq!(json["connections"], 2);
        for (object, field) in [("latency_us", "p999"), ("errors", "timeout")] {
            assert_eq!(json[object][field], 0, "{object}.{field}");
        }
    }

    #[test]
    fn units_follow_the_size() {
        assert_eq!(Micros(999).to_string(), "999 µs");
        assert_eq!(Micros(1_500).to_string(), "1.50 ms");
        assert_eq!(Micros(2_000_000).to_string(), "2.00 s");
        assert_eq!(Bytes(1_023).to_string(), "1023 B");
        assert_eq!(Bytes(3 << 30).to_string(), "3.0 GiB");
    }

    #[test]
    fn the_progress_bar_fills_and_never_overflows() {
        let second = Duration::from_secs(1);
        assert_eq!(
            progress_line(second * 5, second * 10, 50, 1),
            format!(
                "[{}{}]  50 %  50 requests, 10/s, 1 errors",
                "#".repeat(15),
                "-".repeat(15)
            )
        );
        assert!(progress_line(second * 20, second * 10, 0, 0).contains("] 100 %"));
        assert!(progress_line(Duration::ZERO, Duration::ZERO, 0, 0).contains("]   0 %"));
    }
}

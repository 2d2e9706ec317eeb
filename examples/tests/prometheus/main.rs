//! A real Prometheus scrapes `http_server`, answers every question of the Grafana dashboard, and
//! evaluates the alerts. Needs `prometheus` and `promtool` in the path: `.ci/external`.
#![cfg(unix)]

mod programs;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use programs::{HttpServer, Prometheus, get, promtool, until};
use serde_json::Value;

/// Where dashboard and alerts are.
fn dashboards() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../instrumentation/dashboards")
}

/// The expressions of all panels, as Grafana would send them with nothing filtered out.
fn expressions() -> BTreeSet<String> {
    let text = fs::read_to_string(dashboards().join("grafana.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    targets
        .map(|target| {
            target["expr"]
                .as_str()
                .unwrap()
                .replace("$__rate_interval", "5s")
                .replace("$job", ".+")
                .replace("$instance", ".+")
                .replace("$runtime", ".+")
        })
        .collect()
}

/// Ends the traffic, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        // Ordering: Relaxed, a mere flag.
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn prometheus_answers_all_of_the_dashboard_and_misses_a_program_that_has_gone() {
    let server = HttpServer::start();
    let prometheus = Prometheus::start(&server.telemetry, &dashboards().join("alerts.yaml"));
    let target = r#"up{job="zokio"}"#;
    until("the target is up", || {
        (prometheus.value(target).as_deref() == Some("1"))
            .then_some(())
            .ok_or_else(|| prometheus.targets())
    });

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Ordering: Relaxed, a mere flag.
            while !done.load(Ordering::Relaxed) {
                for path in ["/", "/slow", "/spawn?n=100"] {
                    assert_eq!(get(&server.address, path).0, 200, "{path}");
                }
            }
        });
        let stop = Stop(&done);
        let asked = expressions();
        assert!(asked.len() > 50, "{asked:?}");
        for expression in &asked {
            assert!(!expression.contains('$'), "{expression}");
            until(expression, || match prometheus.series(expression) {
                0 => Err("no series".to_owned()),
                n => Ok(n),
            });
        }
        until("all alerts have been evaluated", || prometheus.rules());
        drop(stop);
    });
    assert_eq!(prometheus.series(r#"ALERTS{alertname=~"Zokio.+Down"}"#), 0);

    drop(server);
    until("the target is missed", || {
        let missed = r#"ALERTS{alertname="ZokioTargetDown",alertstate="pending"}"#;
        (prometheus.series(missed) == 1)
            .then_some(())
            .ok_or_else(|| prometheus.targets())
    });
}

#[test]
fn promtool_finds_nothing_to_complain_of() {
    let server = HttpServer::start();
    let (status, page) = get(&server.telemetry, "/metrics");
    assert_eq!(status, 200);
    assert!(page.contains("zokio_worker_polls_total{"), "{page}");
    promtool(&["check", "metrics"], &page);
    let alerts = dashboards().join("alerts.yaml");
    promtool(&["check", "rules", alerts.to_str().unwrap()], "");
    let tests = dashboards().join("alerts.test.yaml");
    promtool(&["test", "rules", tests.to_str().unwrap()], "");
}

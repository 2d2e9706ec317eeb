//! `check` from end to end: a sick program in this process, and what the binary says of it.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use zokio::runtime::{Builder, Runtime};
use zokio::sync::{Barrier, Mutex};
use zokio_instrumentation::Guard;

/// A watched runtime.
fn program() -> (Guard, Runtime) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let guard = zokio_instrumentation::builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .diagnosis_interval(Duration::from_millis(100))
        .start()
        .expect("a server");
    (guard, runtime)
}

async fn lock_both(first: Arc<Mutex<()>>, second: Arc<Mutex<()>>, both: Arc<Barrier>) {
    let _first = first.lock().await;
    both.wait().await;
    let _second = second.lock().await;
}

fn deadlock(runtime: &Runtime) {
    let (one, other) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let both = Arc::new(Barrier::new(2));
    drop(runtime.spawn(lock_both(one.clone(), other.clone(), both.clone())));
    drop(runtime.spawn(lock_both(other, one, both)));
}

fn check(guard: &Guard, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zokio-console"))
        .arg("check")
        .arg(guard.addr().to_string())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn a_deadlock_is_exit_code_1_and_is_told_in_json() {
    let (guard, runtime) = program();
    deadlock(&runtime);
    let output = check(&guard, &["--for", "2s", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let object: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(object["duration_ns"].as_u64() >= Some(2_000_000_000));
    let finding = &object["findings"][0];
    assert_eq!(finding["kind"], "deadlock");
    assert_eq!(finding["severity"], "critical");
    let place = finding["locations"][0].as_str().expect("a place");
    assert!(place.starts_with("console-tui/tests/check.rs:"), "{place}");
    assert_eq!(finding["resource"]["kind"], "mutex");
    assert_eq!(finding["evidence"]["tasks"], 2);
    assert!(finding["task"]["id"].as_u64() > Some(0));
    assert!(finding["worker"].is_null());
    runtime.shutdown_background();
}

#[test]
fn findings_that_are_not_denied_are_told_and_exit_code_0() {
    let (guard, runtime) = program();
    deadlock(&runtime);
    let arguments = ["--for", "2s", "--deny", "imbalance", "cpu-hog"];
    let output = check(&guard, &arguments);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("critical deadlock: 2 tasks"), "{told}");
    runtime.shutdown_background();
}

#[test]
fn a_healthy_program_is_exit_code_0() {
    let (guard, runtime) = program();
    drop(runtime.spawn(async {
        loop {
            zokio::time::sleep(Duration::from_millis(1)).await;
        }
    }));
    let output = check(&guard, &["--for", "1s"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.starts_with("nothing found in "), "{told}");
    runtime.shutdown_background();
}

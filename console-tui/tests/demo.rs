//! The demo from end to end: service, runtime, telemetry, gRPC, console, JSON.

use std::process::{Command, Stdio};

use serde_json::Value;

fn demo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_zokio-console"))
        .arg("demo")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_json_of_the_demo_shows_busy_workers_and_stuck_tasks() {
    let object: Value = serde_json::from_str(&demo(&["--json", "--for", "1s"])).expect("JSON");
    assert_eq!(object["schema_version"], 1);
    let runtime = &object["runtimes"][0];
    assert_eq!(runtime["name"], "demo");
    let workers = runtime["workers"].as_array().expect("workers");
    assert!(workers.len() >= 2);
    assert!(
        workers
            .iter()
            .all(|worker| worker["polls"].as_u64() > Some(0)),
        "{workers:?}"
    );
    let tasks = runtime["tasks"].as_array().expect("tasks");
    assert!(tasks.len() >= 10);
    let waits_for_the_lock = tasks
        .iter()
        .filter(|task| task["waits_for"]["kind"] == "mutex")
        .count();
    assert!(waits_for_the_lock >= 3, "{tasks:?}");
}

#[test]
fn the_summary_of_the_demo_is_plain_text() {
    let text = demo(&["--for", "500ms"]);
    assert!(text.contains("runtime demo (multi_thread"), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
}

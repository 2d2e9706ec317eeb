//! `record` and what reads its files, from end to end: a sick program in this process, the binary.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use zokio::runtime::{Builder, Runtime};
use zokio::sync::{Barrier, Mutex};
use zokio_instrumentation::Guard;

/// A watched runtime with two tasks that wait for each other.
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
    let (one, other) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let both = Arc::new(Barrier::new(2));
    drop(runtime.spawn(lock_both(one.clone(), other.clone(), both.clone())));
    drop(runtime.spawn(lock_both(other, one, both)));
    (guard, runtime)
}

async fn lock_both(first: Arc<Mutex<()>>, second: Arc<Mutex<()>>, both: Arc<Barrier>) {
    let _first = first.lock().await;
    both.wait().await;
    let _second = second.lock().await;
}

fn console(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zokio-console"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    console(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

#[test]
fn what_was_recorded_is_told_without_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.zrec");
    let (guard, runtime) = program();
    let address = guard.addr().to_string();
    let recorded = run(&["record", path(&file), &address, "--for", "2s"]);
    let told = text(&recorded.stdout);
    assert!(recorded.status.success(), "{}", text(&recorded.stderr));
    assert!(
        told.starts_with("recorded 2.0") && told.contains("zokio-console replay"),
        "{told}"
    );
    let again = run(&["record", path(&file), &address, "--for", "2s"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        text(&again.stderr).contains("--force"),
        "{}",
        text(&again.stderr)
    );
    drop(guard);
    runtime.shutdown_background();

    let check = run(&["check", "--from", path(&file), "--json"]);
    assert_eq!(check.status.code(), Some(1), "{}", text(&check.stderr));
    assert_eq!(text(&check.stderr), "", "nothing is damaged");
    let object: Value = serde_json::from_slice(&check.stdout).expect("JSON");
    let finding = &object["findings"][0];
    assert_eq!(finding["kind"], "deadlock");
    let place = finding["locations"][0].as_str().expect("a place");
    assert!(place.starts_with("console-tui/tests/record.rs:"), "{place}");

    let arguments = [
        "snapshot",
        "--from",
        path(&file),
        "--at",
        "1s",
        "--tasks",
        "mutex",
        "--json",
    ];
    let snapshot = run(&arguments);
    let object: Value = serde_json::from_slice(&snapshot.stdout).expect("JSON");
    let tasks = object["runtimes"][0]["tasks"].as_array().expect("tasks");
    assert_eq!(tasks.len(), 2, "{tasks:?}");
    assert!(
        tasks
            .iter()
            .all(|task| task["waits_for"]["kind"] == "mutex")
    );
    let summary = text(&run(&["snapshot", "--from", path(&file)]).stdout);
    assert!(
        summary.contains("at run.zrec") && summary.contains("mutex"),
        "{summary}"
    );
}

#[test]
fn ctrl_c_ends_a_recording_cleanly() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.zrec");
    let (guard, runtime) = program();
    let child = console(&["record", path(&file), &guard.addr().to_string()])
        .spawn()
        .expect("the binary runs");
    // The header comes first, then who is recorded: once more is there, it records.
    while std::fs::metadata(&file).map_or(0, |file| file.len()) < 2_000 {
        std::thread::yield_now();
    }
    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.expect("kill runs").success());
    let output = child.wait_with_output().expect("the binary ends");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let check = run(&["check", "--from", path(&file), "--deny", "imbalance"]);
    assert_eq!(
        (check.status.code(), text(&check.stderr)),
        (Some(0), String::new())
    );
    drop(guard);
    runtime.shutdown_background();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_with_what_was_kept() {
    let (guard, runtime) = program();
    let output = run(&["record", "/dev/full", &guard.addr().to_string(), "--force"]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(
        told.contains("cannot record in /dev/full (No space left"),
        "{told}"
    );
    drop(guard);
    runtime.shutdown_background();
}

#[test]
fn a_file_that_is_no_recording_is_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "not a recording, but long enough to be one").expect("a file");
    let output = run(&["check", "--from", path(&file)]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(
        told.contains("it is no recording of zokio-console"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1, "{told}");
    let missing = run(&["snapshot", "--from", "/nonexistent/run.zrec"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("cannot play /nonexistent/run.zrec"));
}

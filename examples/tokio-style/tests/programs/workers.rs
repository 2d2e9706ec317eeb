use std::io::Write;
use std::process::{Command, Stdio};

/// What the pool says of these jobs, sorted but for the last line, which comes with whether it
/// was content.
fn workers(args: &[&str], jobs: &[&str]) -> (Vec<String>, String, bool) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_workers"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all((jobs.join("\n") + "\n").as_bytes())
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<String> = said.lines().map(str::to_owned).collect();
    let last = lines.pop().unwrap();
    lines.sort();
    (lines, last, output.status.success())
}

#[test]
fn every_job_is_done_once_and_no_more_run_than_allowed() {
    let jobs: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let limits = ["--at-once", "1", "--per-second", "100000"];
    let (lines, summary, success) = workers(&limits, &jobs);
    assert!(success);
    assert_eq!(summary, "50 done, 0 failed, 1 at once");
    let mut done: Vec<&str> = lines.iter().filter_map(|line| line.get(9..)).collect();
    done.sort();
    let mut jobs = jobs;
    jobs.sort();
    assert_eq!(done, jobs);
}

#[test]
fn checksum_is_that_of_the_line() {
    // The published values of FNV-1a.
    let (lines, ..) = workers(&["--per-second", "100000"], &["a", "foobar"]);
    assert_eq!(lines, ["bf9cf968 foobar", "e40c292c a"]);
}

#[test]
fn job_that_panics_harms_no_other() {
    let jobs = ["a", "panic", "b"];
    let (lines, summary, success) = workers(&["--per-second", "100000"], &jobs);
    assert!(!success);
    assert!(summary.starts_with("2 done, 1 failed, "), "{summary}");
    assert_eq!(lines.len(), 2);
}

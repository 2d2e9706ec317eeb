//! `trace` from end to end: a program in this process, and the file that the binary makes of what
//! its workers did.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use zokio::runtime::{Builder, Runtime};
use zokio::sync::mpsc;
use zokio_instrumentation::Guard;

/// A watched runtime whose workers remember this much.
fn program(recorder: usize) -> (Guard, Runtime) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .name("shop")
        .flight_recorder(recorder)
        .enable_all()
        .build()
        .expect("a runtime");
    let guard = zokio_instrumentation::builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .start()
        .expect("a server");
    (guard, runtime)
}

/// Tasks that wake each other, spawn others and sleep.
fn work(runtime: &Runtime) {
    runtime.block_on(async {
        let (send, mut receive) = mpsc::channel::<u32>(4);
        let consumer = zokio::task::Builder::new()
            .name("con\"sumer\u{1}")
            .spawn(async move {
                while let Some(n) = receive.recv().await {
                    if n % 64 == 0 {
                        zokio::spawn(async {}).await.expect("it ends");
                    }
                }
            })
            .expect("a task");
        let producer = zokio::spawn(async move {
            for n in 0..1_000 {
                send.send(n).await.expect("the consumer is there");
                if n % 100 == 0 {
                    zokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        });
        producer.await.expect("it ends");
        consumer.await.expect("it ends");
    });
}

fn trace(guard: &Guard, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zokio-console"))
        .arg("trace")
        .arg(guard.addr().to_string())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

/// Process and thread.
type Thread = (u64, u64);

/// Begin and end in ns, and all of it.
type Slice = (u64, u64, Value);

/// The trace event format, strictly: what is allowed, and what must be there.
#[derive(Debug, Default)]
struct Checked {
    /// In the order of the file.
    slices: BTreeMap<Thread, Vec<Slice>>,
    /// Beginnings and ends of arrows: thread and time.
    starts: HashMap<u64, (Thread, u64)>,
    ends: HashMap<u64, (Thread, u64)>,
    instants: Vec<Value>,
    names: BTreeMap<Thread, String>,
}

fn number(event: &Value, key: &str) -> u64 {
    event[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} is no number in {event}"))
}

/// A time in µs with exactly three places, in ns.
fn time(event: &Value, key: &str) -> u64 {
    let us = event[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} is no time in {event}"));
    assert!(us >= 0.0, "{event}");
    (us * 1_000.0).round() as u64
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is no text in {event}"))
}

fn validate(json: &str) -> Checked {
    let value: Value = serde_json::from_str(json).expect("it is JSON");
    let object = value.as_object().expect("one object");
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(keys, ["displayTimeUnit", "otherData", "traceEvents"]);
    let mut checked = Checked::default();
    for event in value["traceEvents"].as_array().expect("a list") {
        let thread = (number(event, "pid"), number(event, "tid"));
        let mut allowed = vec!["ph", "pid", "tid", "name"];
        match text(event, "ph") {
            "M" => {
                allowed.push("args");
                let name = event["args"]["name"].as_str().unwrap_or_default();
                if text(event, "name") != "thread_sort_index" {
                    checked.names.insert(thread, name.to_owned());
                }
            }
            "X" => {
                allowed.extend(["cat", "ts", "dur", "args"]);
                assert!(["poll", "park", "driver"].contains(&text(event, "cat")));
                assert!(event["args"].is_object());
                let begin = time(event, "ts");
                let slice = (begin, begin + time(event, "dur"), event.clone());
                checked.slices.entry(thread).or_default().push(slice);
            }
            "i" => {
                allowed.extend(["cat", "ts", "s", "args"]);
                assert_eq!(text(event, "s"), "t");
                time(event, "ts");
                checked.instants.push(event.clone());
            }
            "s" => {
                allowed.extend(["cat", "ts", "id"]);
                let start = (thread, time(event, "ts"));
                let before = checked.starts.insert(number(event, "id"), start);
                assert!(before.is_none(), "two arrows of one id: {event}");
            }
            "f" => {
                allowed.extend(["cat", "ts", "id", "bp"]);
                assert_eq!(text(event, "bp"), "e");
                let end = (thread, time(event, "ts"));
                assert!(checked.ends.insert(number(event, "id"), end).is_none());
            }
            other => panic!("an event of phase {other}"),
        }
        for key in event.as_object().expect("an object").keys() {
            assert!(allowed.contains(&key.as_str()), "{key} in {event}");
        }
    }
    checked.relations();
    checked
}

impl Checked {
    fn relations(&self) {
        for (thread, slices) in &self.slices {
            assert!(self.names.contains_key(thread), "a thread without a name");
            for pair in slices.windows(2) {
                assert!(
                    pair[0].1 <= pair[1].0,
                    "{} and {} overlap",
                    pair[0].2,
                    pair[1].2
                );
            }
        }
        assert_eq!(self.starts.len(), self.ends.len());
        for (id, (thread, at)) in &self.starts {
            let (to, end) = self.ends.get(id).expect("each arrow has an end");
            assert!(at <= end, "an arrow into the past");
            let within = |(begin, end, _): &&Slice| (*begin..=*end).contains(at);
            assert!(self.slices[thread].iter().any(|slice| within(&slice)));
            // It ends where a poll begins.
            let poll = self.slices[to]
                .iter()
                .find(|(begin, _, event)| begin == end && event["cat"] == "poll");
            assert!(poll.is_some(), "an arrow to no slice");
        }
    }

    fn polls(&self) -> impl Iterator<Item = &Value> {
        let slices = self.slices.values().flatten().map(|slice| &slice.2);
        slices.filter(|event| event["cat"] == "poll")
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file is there")
}

#[test]
fn file_holds_what_the_workers_did_and_arrows_from_waker_to_woken() {
    let (guard, runtime) = program(8 << 20);
    work(&runtime);
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trace.json");
    let output = trace(
        &guard,
        &["-o", path.to_str().expect("text"), "--last", "1m"],
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("events written to"), "{stderr}");
    assert!(
        !stderr.contains('\r'),
        "progress is for terminals: {stderr}"
    );
    let checked = validate(&read(&path));
    assert!(
        checked
            .names
            .values()
            .any(|name| name.starts_with("shop (runtime "))
    );
    assert!(checked.names.values().any(|name| name == "worker 1"));
    // At least one wake for each time that the channel was full or empty.
    assert!(checked.starts.len() > 20, "{} arrows", checked.starts.len());
    let of = |category: &str| {
        let instants = checked.instants.iter();
        instants.filter(|event| event["cat"] == *category).count()
    };
    // The two, and what the consumer spawned.
    assert_eq!(of("complete"), 2 + 16);
    assert_eq!(of("spawn"), 16);
    let consumers = checked.polls().filter(|poll| poll["args"]["task"].is_u64());
    let place = consumers.map(|poll| text(&poll["args"], "spawned at").to_owned());
    assert!(place.into_iter().all(|place| place.contains("trace.rs:")));
    drop(runtime);
}

#[test]
fn names_of_live_tasks_are_there_and_escaped() {
    let (guard, runtime) = program(1 << 20);
    let task = zokio::task::Builder::new()
        .name("the \"lazy\" one\\")
        .spawn_on(std::future::pending::<()>(), runtime.handle())
        .expect("a task");
    let handle = runtime.handle();
    let id = task.id().to_string().parse().expect("a number");
    let idle = || {
        let task = zokio::telemetry::task_snapshot(handle, id);
        task.is_some_and(|task| task.state == zokio::telemetry::TaskState::Idle)
    };
    while !idle() {
        std::thread::yield_now();
    }
    let output = trace(&guard, &["-o", "-"]);
    assert!(output.status.success());
    let checked = validate(&String::from_utf8(output.stdout).expect("text"));
    let named = checked
        .polls()
        .find(|poll| poll["name"] == "the \"lazy\" one\\");
    assert_eq!(named.expect("its poll is there")["args"]["task"], id);
}

#[test]
fn workers_that_remember_less_than_was_asked_for_say_so() {
    let (guard, runtime) = program(24 * 100);
    work(&runtime);
    let output = trace(&guard, &["-o", "-"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("shop, worker "), "{stderr}");
    assert!(
        stderr.contains("earlier events were overwritten"),
        "{stderr}"
    );
    let checked = validate(&String::from_utf8(output.stdout).expect("text"));
    let told = |event: &Value| event["name"] == "what came before was overwritten";
    assert!(checked.instants.iter().any(told));
    let (guard, _runtime) = program(0);
    let output = trace(&guard, &["-o", "-"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("worker 0: the flight recorder is off"),
        "{stderr}"
    );
}

#[test]
fn file_that_cannot_be_written_is_told_in_one_line() {
    let (guard, _runtime) = program(1 << 16);
    let output = trace(&guard, &["-o", "/nonexistent/trace.json"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("/nonexistent/trace.json"), "{stderr}");
}

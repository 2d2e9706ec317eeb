//! This program as a child of itself: one runtime a process, for what cannot share one (memory,
//! an HTTP server) and for comparing builds.
//!
//! `--child ROLE ARGUMENT…`; a role answers on standard output, a line a request.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::harness::{Bound, Sample};
use crate::{http, memory, runtimes};

/// Runs as a child if the arguments say so.
pub fn run() -> bool {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["--child", "memory", runtime, size] => memory::child(runtime, size.parse().unwrap()),
        ["--child", "http", runtime, workers] => http::serve(runtime, workers.parse().unwrap()),
        ["--child", "load", address, requests] => {
            http::load(address, requests.parse().unwrap());
        }
        ["--child", "rows", workers] => serve_rows(workers.parse().unwrap()),
        _ => return false,
    }
    true
}

/// A child that answers requests by lines.
pub struct Conversation {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Conversation {
    pub fn start(program: &Path, args: &[&str]) -> Conversation {
        let mut child = Command::new(program)
            .arg("--child")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        Conversation {
            requests: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().expect("piped")),
            child,
        }
    }

    pub fn own(args: &[&str]) -> Conversation {
        let program = std::env::current_exe().expect("this program has a path");
        Conversation::start(&program, args)
    }

    pub fn ask(&mut self, request: &str) -> String {
        let requests = self.requests.as_mut().expect("open");
        writeln!(requests, "{request}").expect("the child reads");
        self.hear()
    }

    pub fn hear(&mut self) -> String {
        let mut answer = String::new();
        let n = self
            .answers
            .read_line(&mut answer)
            .expect("the child writes");
        assert!(n > 0, "the child ended without an answer");
        answer.trim_end().to_owned()
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}

/// Answers `runtime row ops` with the values of one sample.
fn serve_rows(workers: usize) {
    let mut rows: Vec<(String, Bound)> = Vec::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [runtime, name, ops] = words[..] else {
            break;
        };
        if !rows.iter().any(|(r, _)| r == runtime) {
            let bound = runtimes::bind(runtime, workers);
            rows.extend(bound.into_iter().map(|row| (runtime.to_owned(), row)));
        }
        let row = rows
            .iter_mut()
            .find(|(r, row)| r == runtime && row.name == name);
        let (_, row) = row.expect("a row of this name");
        let sample = (row.run)(ops.parse().unwrap());
        let values: Vec<String> = sample.as_slice().iter().map(f64::to_string).collect();
        println!("{}", values.join(" "));
    }
    crate::files::clean_up();
}

/// All rows on one runtime of another build of this program, or of this one as a child.
pub fn rows(runtime: &str, program: &Path, workers: usize) -> Vec<Bound> {
    let known = runtimes::bind(runtime, workers);
    let child = Conversation::start(program, &["rows", &workers.to_string()]);
    let child = std::rc::Rc::new(std::cell::RefCell::new(child));
    let mut rows: Vec<Bound> = known
        .into_iter()
        .map(|row| {
            let (child, name, runtime) = (child.clone(), row.name, runtime.to_owned());
            Bound {
                name,
                metrics: row.metrics,
                ops: row.ops,
                run: Box::new(move |ops| {
                    let answer = child.borrow_mut().ask(&format!("{runtime} {name} {ops}"));
                    let values = answer.split_whitespace().map(|v| v.parse().unwrap());
                    Sample::values(values.collect())
                }),
            }
        })
        .collect();
    rows.extend(memory::rows(runtime, program));
    rows.extend(http::rows(runtime, program, workers));
    rows
}

/// tokio's console in this process, once.
#[cfg(tokio_unstable)]
pub fn console_subscriber() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        console_subscriber::ConsoleLayer::builder()
            .server_addr(([127, 0, 0, 1], 0))
            .init();
    });
}

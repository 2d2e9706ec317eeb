//! The programs of the test, and how to talk to them.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// For anything to come true on a machine under load.
const DEADLINE: Duration = Duration::from_secs(60);

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks until it is true.
pub(super) fn until<T>(what: &str, ask: impl Fn() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(why) => assert!(began.elapsed() < DEADLINE, "{what}: {why}"),
        }
        thread::sleep(PAUSE);
    }
}

/// A program that is killed when the test ends.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Running {
        let program = command.get_program().to_owned();
        Running(command.spawn().unwrap_or_else(|error| {
            panic!("cannot start {program:?}: {error}; .ci/external installs what is needed")
        }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The example.
pub(super) struct HttpServer {
    /// HOST:PORT of its service.
    pub(super) address: String,
    /// HOST:PORT of its telemetry.
    pub(super) telemetry: String,
    _program: Running,
}

impl HttpServer {
    pub(super) fn start() -> HttpServer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_http_server"));
        command.args(["--addr", "127.0.0.1:0", "--console", "127.0.0.1:0"]);
        let mut program = Running::start(command.stdout(Stdio::piped()));
        let mut lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
        let mut place = |what: &str| {
            let line = lines.next().unwrap().unwrap();
            let mut words = line.split_whitespace();
            assert_eq!(words.next(), Some(what), "{line}");
            let url = words.next().unwrap();
            url.trim_start_matches("http://")
                .trim_end_matches('/')
                .to_owned()
        };
        let telemetry = place("telemetry");
        HttpServer {
            address: place("serving"),
            telemetry,
            _program: program,
        }
    }
}

/// Prometheus, with its data in a folder that goes with it.
pub(super) struct Prometheus {
    address: String,
    _program: Running,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes one target and evaluates the rules, four times a second.
    pub(super) fn start(target: &str, rules: &Path) -> Prometheus {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms }}\n\
             rule_files: [ {rules:?} ]\n\
             scrape_configs:\n\
             - {{ job_name: zokio, static_configs: [ {{ targets: [ {target:?} ] }} ] }}\n"
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new("prometheus");
        command
            .arg("--web.listen-address=127.0.0.1:0")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ));
        let mut program = Running::start(command.stderr(Stdio::piped()));
        let log = BufReader::new(program.0.stderr.take().unwrap());
        let (found, address) = mpsc::channel();
        // Read to its end, or Prometheus would be stuck in writing it.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("msg=\"Listening on\" address=") {
                    // The test may have given up.
                    let _ = found.send(rest.trim().to_owned());
                }
            }
        });
        let address = address.recv_timeout(DEADLINE);
        Prometheus {
            address: address.expect("Prometheus says where it listens"),
            _program: program,
            _folder: folder,
        }
    }

    /// The result of a query. A query that is not understood fails the test.
    fn query(&self, expression: &str) -> Value {
        let path = format!("/api/v1/query?query={}", encoded(expression));
        let mut answer = until(expression, || match get(&self.address, &path) {
            // Not ready yet.
            (503, text) => Err(text),
            (_, text) => Ok(serde_json::from_str::<Value>(&text).unwrap()),
        });
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].take()
    }

    /// Number of series that a query gives.
    pub(super) fn series(&self, expression: &str) -> usize {
        self.query(expression).as_array().unwrap().len()
    }

    /// Value of the only series that a query gives.
    pub(super) fn value(&self, expression: &str) -> Option<String> {
        let result = self.query(expression);
        let value = result[0]["value"][1].as_str();
        value.map(str::to_owned)
    }

    /// What Prometheus says of its targets.
    pub(super) fn targets(&self) -> String {
        get(&self.address, "/api/v1/targets").1
    }

    /// The number of rules, once all have been evaluated; one that cannot be fails the test.
    pub(super) fn rules(&self) -> Result<usize, String> {
        let (_, text) = get(&self.address, "/api/v1/rules");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let rules = answer["data"]["groups"][0]["rules"].as_array().unwrap();
        for rule in rules {
            match rule["health"].as_str() {
                Some("ok") => {}
                Some("unknown") => return Err("not yet".to_owned()),
                _ => panic!("{rule}"),
            }
        }
        Ok(rules.len())
    }
}

/// Everything but letters and digits as `%XX`.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
    }
    encoded
}

/// Status and body of the answer to a GET, on a connection of its own. HTTP/1.0, so that the body is
/// all that comes.
pub(super) fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// Runs promtool, which must be content.
pub(super) fn promtool(arguments: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped());
    let mut program = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut stdin = program.0.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let mut said = String::new();
    let (stdout, stderr) = (program.0.stdout.take(), program.0.stderr.take());
    stdout.unwrap().read_to_string(&mut said).unwrap();
    stderr.unwrap().read_to_string(&mut said).unwrap();
    let status = program.0.wait().unwrap();
    assert!(status.success(), "promtool {arguments:?}: {said}");
}

//! A bounded HTTP/1.1 load generator on hyper and zokio.
//!
//! Keeps a number of connections open for a time, sends one request after the other on each, and
//! prints how many were answered and how fast. Closed loop: a slow target is asked less often, so
//! latencies are those of a client that waits, not of an open stream of users.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user"
)]

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderValue};
use zokio::net::TcpStream;
use zokio::time::{Instant, interval, sleep_until, timeout, timeout_at};
use zokio_examples::duration;
use zokio_examples::report::{Errors, Stats, progress_line};
use zokio_examples::target::Target;

const MAX_CONNECTIONS: i64 = 10_000;
/// Connections share this many statistics, so that they neither wait for each other nor each hold
/// a histogram.
const SHARDS: usize = 16;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// A connection that failed is tried again after this time.
const RECONNECT_BACKOFF: Duration = Duration::from_millis(50);

/// Sends HTTP requests over many connections for a while and reports rate and latencies.
#[derive(Debug, Parser)]
struct Args {
    /// What to load: http://HOST:PORT/PATH.
    url: String,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=MAX_CONNECTIONS))]
    connections: u16,
    /// How long: 500ms, 10s, 2m.
    #[arg(long, default_value = "10s", value_parser = duration::parse)]
    duration: Duration,
    /// Path and query of every request, instead of the URL's.
    #[arg(long)]
    path: Option<String>,
    /// How long a request may take.
    #[arg(long, default_value = "10s", value_parser = duration::parse)]
    timeout: Duration,
    /// Load a target that is not on this machine.
    #[arg(long)]
    allow_remote: bool,
    /// Print one JSON object instead of text, and no progress.
    #[arg(long)]
    json: bool,
}

/// What all connections of a run share.
struct Run {
    target: Target,
    host: HeaderValue,
    addr: SocketAddr,
    timeout: Duration,
    deadline: Instant,
    shards: Vec<Mutex<Stats>>,
    /// For the progress bar.
    requests: AtomicU64,
    failures: AtomicU64,
}

#[zokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let (target, addr) = match resolve(&args).await {
        Ok(found) => found,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    let Ok(host) = HeaderValue::from_str(&target.authority) else {
        eprintln!(
            "error: `{}` cannot stand in a Host header",
            target.authority
        );
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let run = Arc::new(Run {
        target,
        host,
        addr,
        timeout: args.timeout,
        deadline: start + args.duration,
        shards: (0..SHARDS).map(|_| Mutex::new(Stats::new())).collect(),
        requests: AtomicU64::new(0),
        failures: AtomicU64::new(0),
    });
    let progress = (!args.json && std::io::stderr().is_terminal())
        .then(|| zokio::spawn(show_progress(run.clone(), start, args.duration)));

    let connections: Vec<_> = (0..usize::from(args.connections))
        .map(|i| zokio::spawn(connection(run.clone(), i)))
        .collect();
    let mut crashed = 0_u64;
    for connection in connections {
        crashed += u64::from(connection.await.is_err());
    }
    let elapsed = start.elapsed();
    if let Some(progress) = progress {
        progress.abort();
        let _ = progress.await;
        eprint!("\r\x1b[K");
    }

    let mut total = Stats::new();
    for shard in &run.shards {
        total.merge(&lock(shard));
    }
    total.errors.request += crashed;
    let report = total.report(usize::from(args.connections), elapsed);
    if args.json {
        match serde_json::to_string(&report) {
            Ok(json) => println!("{json}"),
            Err(error) => eprintln!("error: the report cannot be written as JSON: {error}"),
        }
    } else {
        println!("{report}");
    }
    if report.requests == 0 {
        eprintln!("error: {}", why_nothing(addr, &report.errors));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What to say after a run without a single good answer.
fn why_nothing(addr: SocketAddr, errors: &Errors) -> String {
    if errors.connect == errors.total() {
        return format!("no connection to {addr} could be made; is a server listening there?");
    }
    format!("no request to {addr} was answered well; the line `errors` says what went wrong")
}

/// The target of the command line and the address to connect to.
async fn resolve(args: &Args) -> Result<(Target, SocketAddr), String> {
    let target = Target::parse(&args.url, args.path.as_deref()).map_err(|e| e.to_string())?;
    let addresses = zokio::net::lookup_host((target.host.as_str(), target.port))
        .await
        .map_err(|e| format!("`{}` cannot be resolved: {e}", target.host))?;
    let addr = target
        .choose(addresses, args.allow_remote)
        .map_err(|e| e.to_string())?;
    Ok((target, addr))
}

async fn show_progress(run: Arc<Run>, start: Instant, total: Duration) {
    let mut tick = interval(PROGRESS_INTERVAL);
    loop {
        tick.tick().await;
        let (requests, failures) = (
            run.requests.load(Ordering::Relaxed),
            run.failures.load(Ordering::Relaxed),
        );
        let line = progress_line(start.elapsed(), total, requests, failures);
        let mut stderr = std::io::stderr().lock();
        // A terminal that is gone ends the bar and not the run.
        if write!(stderr, "\r\x1b[K{line}")
            .and_then(|()| stderr.flush())
            .is_err()
        {
            return;
        }
    }
}

/// Keeps one connection busy until the deadline, and makes a new one when it breaks.
async fn connection(run: Arc<Run>, index: usize) {
    while Instant::now() < run.deadline {
        if let Ok(Err(failure)) = timeout_at(run.deadline, run.connect_and_send(index)).await {
            run.fail(index, failure);
            sleep_until((Instant::now() + RECONNECT_BACKOFF).min(run.deadline)).await;
        }
    }
}

/// Why a connection is given up.
#[derive(Debug, Clone, Copy)]
enum Failure {
    Connect,
    Request,
    Timeout,
}

impl Run {
    /// Connects and sends requests until the server closes the connection or one fails.
    async fn connect_and_send(&self, index: usize) -> Result<(), Failure> {
        let connect = async {
            let stream = TcpStream::connect(self.addr)
                .await
                .map_err(|_| Failure::Connect)?;
            // A request is one small write.
            let _ = stream.set_nodelay(true);
            http1::handshake(stream).await.map_err(|_| Failure::Connect)
        };
        let (mut sender, driver) = timeout(self.timeout, connect)
            .await
            .map_err(|_| Failure::Connect)??;
        // The driver ends when the sender is dropped; its errors reach the sender.
        zokio::spawn(async move {
            let _ = driver.await;
        });
        for sent in 0_u64.. {
            // A server may close a connection between two requests, but not before the first.
            if sender.ready().await.is_err() {
                return if sent == 0 {
                    Err(Failure::Request)
                } else {
                    Ok(())
                };
            }
            timeout(self.timeout, self.send(&mut sender, index))
                .await
                .map_err(|_| Failure::Timeout)??;
        }
        Ok(())
    }

    /// Sends a request and reads its answer to the end.
    async fn send(
        &self,
        sender: &mut SendRequest<Empty<Bytes>>,
        index: usize,
    ) -> Result<(), Failure> {
        let request = Request::get(self.target.path.as_str())
            .header(HOST, &self.host)
            .body(Empty::new())
            .map_err(|_| Failure::Request)?;
        let start = Instant::now();
        let mut response = sender
            .send_request(request)
            .await
            .map_err(|_| Failure::Request)?;
        let mut bytes = 0;
        while let Some(frame) = response.frame().await {
            let frame = frame.map_err(|_| Failure::Request)?;
            bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        let latency = start.elapsed();
        if response.status().as_u16() >= 400 {
            self.count(index, |errors| errors.status += 1);
        } else {
            self.stats(index).record(latency, bytes);
            self.requests.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn fail(&self, index: usize, failure: Failure) {
        self.count(index, |errors| match failure {
            Failure::Connect => errors.connect += 1,
            Failure::Request => errors.request += 1,
            Failure::Timeout => errors.timeout += 1,
        });
    }

    fn count(&self, index: usize, add: impl FnOnce(&mut Errors)) {
        add(&mut self.stats(index).errors);
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn stats(&self, index: usize) -> MutexGuard<'_, Stats> {
        lock(&self.shards[index % SHARDS])
    }
}

/// Locks; what a thread that panicked has counted stays counted.
fn lock(stats: &Mutex<Stats>) -> MutexGuard<'_, Stats> {
    stats.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(args: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["load"], args].concat())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
        let args = parse(&[
            "http://127.0.0.1:1/",
            "--connections",
            "8",
            "--duration",
            "1.5s",
        ])
        .unwrap();
        assert_eq!(
            (args.connections, args.duration),
            (8, Duration::from_millis(1_500))
        );
        assert!(!args.json && !args.allow_remote);
    }

    #[test]
    fn a_run_without_answers_is_explained() {
        let addr = SocketAddr::from(([127, 0, 0, 1], 9));
        let refused = Errors {
            connect: 4,
            ..Errors::default()
        };
        assert!(why_nothing(addr, &refused).contains("is a server listening"));
        let bad = Errors {
            connect: 1,
            status: 4,
            ..Errors::default()
        };
        assert!(why_nothing(addr, &bad).contains("answered well"));
    }

    #[test]
    fn bounds_are_enforced() {
        for args in [
            &["http://x/", "--connections", "0"][..],
            &["http://x/", "--connections", "10001"],
            &["http://x/", "--duration", "10"],
            &["http://x/", "--timeout", "0s"],
            &[],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }
}

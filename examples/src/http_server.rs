//! An HTTP server on hyper and zokio that can be watched with `zokio-console connect`.
//!
//! | route | answer |
//! |---|---|
//! | `/` | at once |
//! | `/slow` | after 200 ms |
//! | `/spawn?n=100` | after spawning and joining `n` short tasks |
//!
//! Ctrl-C stops accepting, lets open requests finish for up to five seconds, and exits.
//!
//! The whole program is in the library, so that the console's tests run the very same.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the body of a program, which talks to its user"
)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use zokio::net::{TcpListener, TcpStream};
use zokio::rt::HyperTimer;
use zokio::runtime::Handle;
use zokio::sync::{Semaphore, mpsc};
use zokio::time::{sleep, timeout};

const SLOW_ANSWER: Duration = Duration::from_millis(200);
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// How long to wait when the system has no descriptor left for another connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
const DEFAULT_SPAWNS: u32 = 100;
const MAX_SPAWNS: u32 = 10_000;

/// An HTTP server on zokio, to be watched with zokio-console.
#[derive(Debug, Parser)]
pub struct Args {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub addr: SocketAddr,
    /// Where the console and Prometheus find the telemetry, or `off`.
    #[arg(long, default_value = "127.0.0.1:6669", value_name = "ADDR|off")]
    pub console: String,
}

/// Serves until Ctrl-C and returns the process's exit code. The attribute makes this a function that
/// blocks, on a runtime of its own.
#[zokio::main]
pub async fn run(args: Args) -> ExitCode {
    let _telemetry = watch(&args.console);
    let listener = match TcpListener::bind(args.addr).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!(
                "error: cannot listen on {}: {error}; choose another with --addr",
                args.addr
            );
            return ExitCode::from(2);
        }
    };
    match listener.local_addr() {
        Ok(addr) => println!("serving   http://{addr}/  /slow  /spawn?n={DEFAULT_SPAWNS}"),
        Err(error) => eprintln!("warning: the address is not known: {error}"),
    }
    serve(listener).await;
    println!("stopped");
    ExitCode::SUCCESS
}

/// Serves this runtime's telemetry. A service does not stop because nobody can watch it.
fn watch(console: &str) -> Option<zokio_instrumentation::Guard> {
    if console == "off" {
        return None;
    }
    let started = zokio_instrumentation::builder()
        .bind(console)
        .serve_prometheus(true)
        .attach(&Handle::current())
        .start();
    match started {
        Ok(guard) => {
            let addr = guard.addr();
            println!("telemetry {addr}  (zokio-console connect {addr}, {addr}/metrics)");
            Some(guard)
        }
        Err(error) => {
            eprintln!("warning: no telemetry: {error}");
            None
        }
    }
}

/// Accepts connections until Ctrl-C, then waits for the open ones.
async fn serve(listener: TcpListener) {
    // Closed when the server stops; every connection waits for that.
    let stop = Arc::new(Semaphore::new(0));
    // Every connection holds a sender; when all are gone, `recv` ends.
    let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
    let mut ctrl_c = pin!(zokio::signal::ctrl_c());
    loop {
        zokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (stop, open) = (stop.clone(), open.clone());
                    zokio::spawn(async move {
                        serve_connection(stream, &stop).await;
                        drop(open);
                    });
                }
                Err(error) => {
                    eprintln!("warning: a connection was not accepted: {error}");
                    sleep(ACCEPT_BACKOFF).await;
                }
            },
            signal = &mut ctrl_c => {
                if let Err(error) = signal {
                    eprintln!("warning: Ctrl-C cannot be caught: {error}");
                }
                break;
            }
        }
    }
    drop(listener);
    drop(open);
    stop.close();
    if timeout(SHUTDOWN_GRACE, all_closed.recv()).await.is_err() {
        eprintln!("warning: connections still open after {SHUTDOWN_GRACE:?} were cut");
    }
}

/// Serves one connection to its end; once `stop` is closed, to the end of its current request.
async fn serve_connection(stream: TcpStream, stop: &Semaphore) {
    // An answer is one small write: waiting to fill a segment would only delay it.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(HyperTimer::new())
        .serve_connection(stream, service_fn(answer));
    let mut connection = pin!(connection);
    // A connection that ends in an error was ended by its client: there is nobody to tell.
    zokio::select! {
        _ = connection.as_mut() => {}
        _ = stop.acquire() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let text = format!("{} is not spoken here; use GET\n", request.method());
        let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, text);
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Ok(response);
    }
    Ok(match request.uri().path() {
        "/" => respond(StatusCode::OK, "Hello from zokio\n"),
        "/slow" => {
            sleep(SLOW_ANSWER).await;
            respond(StatusCode::OK, "Slow hello from zokio\n")
        }
        "/spawn" => match spawn_count(request.uri().query()) {
            Ok(n) => spawn_and_join(n).await,
            Err(text) => respond(StatusCode::BAD_REQUEST, text),
        },
        path => {
            let text = format!("nothing at {path}; try /, /slow or /spawn?n={DEFAULT_SPAWNS}\n");
            respond(StatusCode::NOT_FOUND, text)
        }
    })
}

fn respond(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let text_plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text_plain);
    response
}

/// The `n` of `/spawn?n=`.
fn spawn_count(query: Option<&str>) -> Result<u32, String> {
    let value = query
        .unwrap_or_default()
        .split('&')
        .find_map(|pair| pair.strip_prefix("n="));
    let Some(value) = value else {
        return Ok(DEFAULT_SPAWNS);
    };
    match value.parse() {
        Ok(n) if n <= MAX_SPAWNS => Ok(n),
        _ => Err(format!("`n` must be a number up to {MAX_SPAWNS}\n")),
    }
}

/// Spawns `n` tasks that yield once and compute a little, and adds up what they return.
async fn spawn_and_join(n: u32) -> Response<Full<Bytes>> {
    let tasks: Vec<_> = (0..n)
        .map(|i| {
            zokio::spawn(async move {
                zokio::task::yield_now().await;
                (0..100).fold(u64::from(i), |hash, j| {
                    hash.wrapping_mul(31).wrapping_add(j)
                })
            })
        })
        .collect();
    let mut sum = 0_u64;
    for task in tasks {
        match task.await {
            Ok(value) => sum = sum.wrapping_add(value),
            Err(error) => {
                let text = format!("a task failed: {error}\n");
                return respond(StatusCode::INTERNAL_SERVER_ERROR, text);
            }
        }
    }
    respond(StatusCode::OK, format!("{n} tasks joined, sum {sum:x}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
        let args = Args::try_parse_from(["http_server", "--console", "off"]).unwrap();
        assert_eq!((args.addr.port(), args.console.as_str()), (8080, "off"));
    }

    #[test]
    fn the_number_of_spawns_is_read_from_the_query() {
        assert_eq!(spawn_count(None), Ok(DEFAULT_SPAWNS));
        assert_eq!(spawn_count(Some("n=3")), Ok(3));
        assert_eq!(spawn_count(Some("a=1&n=0&b")), Ok(0));
        assert_eq!(spawn_count(Some("n=10000")), Ok(MAX_SPAWNS));
        for query in ["n=", "n=-1", "n=10001", "n=x"] {
            assert!(
                spawn_count(Some(query)).unwrap_err().contains("10000"),
                "{query}"
            );
        }
    }
}

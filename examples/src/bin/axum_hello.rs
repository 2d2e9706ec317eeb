//! An axum application on hyper and zokio.
//!
//! | route | answer |
//! |---|---|
//! | `GET /` | `Hello, world!` |
//! | `GET /hello/{name}` | `Hello, {name}!` |
//! | `POST /echo` | what was sent |
//! | `GET /visits` | how many requests there were |
//!
//! axum's own `serve` brings another runtime; here hyper serves its router, which is a tower
//! service. Ctrl-C stops accepting, lets open requests finish for up to five seconds, and exits.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user"
)]

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use clap::Parser;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tower_service::Service;
use zokio::net::{TcpListener, TcpStream};
use zokio::rt::HyperTimer;
use zokio::sync::watch;
use zokio::time::{sleep, timeout};
use zokio_examples::interrupt;

const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// How long to wait when the system has no descriptor left for another connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// An axum application on zokio.
#[derive(Debug, Parser)]
struct Args {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    addr: SocketAddr,
}

type Visits = Arc<AtomicU64>;

#[zokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let listener = match TcpListener::bind(args.addr).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("error: cannot listen on {}: {error}", args.addr);
            return ExitCode::FAILURE;
        }
    };
    let interrupt = interrupt::listen().await;
    match listener.local_addr() {
        Ok(addr) => println!("serving http://{addr}/"),
        Err(error) => eprintln!("warning: the address is not known: {error}"),
    }
    serve(listener, app(), interrupt).await;
    println!("stopped");
    ExitCode::SUCCESS
}

fn app() -> Router {
    let visits = Visits::default();
    Router::new()
        .route("/", get(|| async { "Hello, world!" }))
        .route("/hello/{name}", get(hello))
        .route("/echo", post(|body: String| async { body }))
        .route("/visits", get(count))
        .layer(middleware::from_fn_with_state(visits.clone(), visit))
        .with_state(visits)
}

async fn hello(Path(name): Path<String>) -> String {
    format!("Hello, {name}!")
}

async fn count(State(visits): State<Visits>) -> String {
    visits.load(Ordering::Relaxed).to_string()
}

async fn visit(State(visits): State<Visits>, request: Request, next: Next) -> Response {
    visits.fetch_add(1, Ordering::Relaxed);
    next.run(request).await
}

/// Accepts connections until `interrupt` is ready, then waits for the open ones.
async fn serve(
    listener: TcpListener,
    app: Router,
    mut interrupt: impl Future<Output = io::Result<()>> + Unpin,
) {
    // Every connection holds a receiver: when all are gone, `closed` is ready.
    let (stop, _) = watch::channel(());
    loop {
        zokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    zokio::spawn(serve_connection(stream, app.clone(), stop.subscribe()));
                }
                Err(error) => {
                    eprintln!("warning: a connection was not accepted: {error}");
                    sleep(ACCEPT_BACKOFF).await;
                }
            },
            _ = &mut interrupt => break,
        }
    }
    drop(listener);
    stop.send_replace(());
    if timeout(SHUTDOWN_GRACE, stop.closed()).await.is_err() {
        eprintln!("warning: requests were still open");
    }
}

async fn serve_connection(stream: TcpStream, app: Router, mut stop: watch::Receiver<()>) {
    let service = service_fn(move |request| app.clone().call(request));
    let connection = http1::Builder::new()
        .timer(HyperTimer::new())
        .serve_connection(stream, service);
    let mut connection = pin!(connection);
    zokio::select! {
        // That the peer broke off is the peer's affair.
        _ = connection.as_mut() => return,
        _ = stop.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

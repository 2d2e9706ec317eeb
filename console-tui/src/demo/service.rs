//! The service: HTTP/1.1 by hyper on zokio's sockets.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use zokio::net::TcpListener;
use zokio::rt::HyperTimer;
use zokio::sync::Mutex;

/// Rounds of hashing that make a report.
const REPORT_ROUNDS: u32 = 20_000;

/// Rounds of hashing that make an archive, on the blocking pool.
const ARCHIVE_ROUNDS: u32 = 200_000;

/// Starts to listen; returns where.
pub(super) async fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    super::spawn("http-accept", accept(listener))?;
    Ok(address)
}

async fn accept(listener: TcpListener) {
    let orders = Arc::new(Mutex::new(0u64));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, for one: give the others time to close theirs.
            zokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let orders = Arc::clone(&orders);
        let connection = async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&orders)));
            let mut http = hyper::server::conn::http1::Builder::new();
            // A client that hangs up in mid-request is its own affair.
            let _ = http
                .timer(HyperTimer::new())
                .serve_connection(stream, service)
                .await;
        };
        if super::spawn("http-conn", connection).is_err() {
            return;
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    orders: Arc<Mutex<u64>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match request.uri().path() {
        "/" => (StatusCode::OK, "ok".to_owned()),
        "/orders" => {
            let mut orders = orders.lock().await;
            *orders += 1;
            // As if it were written somewhere while the lock is held.
            zokio::time::sleep(Duration::from_millis(1)).await;
            (StatusCode::CREATED, format!("order {}", *orders))
        }
        "/report" => (StatusCode::OK, format!("{:x}", hash(REPORT_ROUNDS))),
        "/archive" => match zokio::task::spawn_blocking(|| hash(ARCHIVE_ROUNDS)).await {
            Ok(hash) => (StatusCode::OK, format!("{hash:x}")),
            Err(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the archive failed".to_owned(),
            ),
        },
        _ => (StatusCode::NOT_FOUND, "no such page".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    Ok(response)
}

/// Work for the processor (FNV-1a over the numbers of the rounds).
pub(super) fn hash(rounds: u32) -> u64 {
    (0..rounds).fold(0xcbf2_9ce4_8422_2325, |hash: u64, round| {
        std::hint::black_box((hash ^ u64::from(round)).wrapping_mul(0x100_0000_01b3))
    })
}

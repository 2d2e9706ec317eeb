//! A client on zokio: gRPC over HTTP/2, plain HTTP/1.

#![allow(dead_code, reason = "not every test binary needs all of it")]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, Write};
use tonic::body::Body;
use zokio::net::TcpStream;
use zokio::rt::{HyperExecutor, HyperTimer};
use zokio::runtime::{Builder, Runtime};
use zokio_console_proto::v1::console_client::ConsoleClient;
use zokio_instrumentation::Address;

/// Nothing here takes that long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Console = ConsoleClient<Channel>;

/// One HTTP/2 connection.
#[derive(Clone)]
pub(crate) struct Channel(http2::SendRequest<Body>);

impl tower_service::Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// A watched runtime of that name.
pub(crate) fn runtime(name: &str) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().name(name).build().expect("a runtime")
}

/// Runs a test on a runtime, but not for ever.
pub(crate) fn run<F: Future>(runtime: &Runtime, test: F) -> F::Output {
    runtime.block_on(async { zokio::time::timeout(PATIENCE, test).await.expect("no hang") })
}

/// A console client over a new connection to `address`, with that stream window.
pub(crate) async fn console_with_window(address: &Address, window: u32) -> Console {
    let (channel, origin) = channel(address, window).await;
    ConsoleClient::with_origin(channel, origin)
}

/// A new connection to `address`, with that stream window, and the origin to name.
pub(crate) async fn channel(address: &Address, window: u32) -> (Channel, Uri) {
    match address {
        Address::Tcp(addr) | Address::Tls(addr) => {
            let stream = TcpStream::connect(*addr).await.expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            channel_over(stream, &format!("http://{addr}"), window).await
        }
        #[cfg(unix)]
        Address::Unix(path) => {
            let stream = zokio::net::UnixStream::connect(path)
                .await
                .expect("a connection");
            channel_over(stream, "http://unix.socket", window).await
        }
        other => panic!("what is {other}?"),
    }
}

pub(crate) async fn console(address: &Address) -> Console {
    console_with_window(address, 64 * 1024).await
}

/// A new connection over a stream.
pub(crate) async fn channel_over<S>(stream: S, origin: &str, window: u32) -> (Channel, Uri)
where
    S: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) = http2::Builder::new(HyperExecutor::new())
        .timer(HyperTimer::new())
        .initial_stream_window_size(window)
        .initial_connection_window_size(window.max(65_535))
        .handshake(stream)
        .await
        .expect("a handshake");
    zokio::task::spawn(connection);
    (Channel(sender), origin.parse().expect("a URI"))
}

/// One HTTP/1 request on a connection of its own: status, content type, body.
pub(crate) async fn http1(
    address: &Address,
    request: http::request::Builder,
) -> (u16, String, String) {
    let stream = TcpStream::connect(address.socket_addr().expect("TCP"))
        .await
        .expect("connected");
    http1_over(stream, request).await
}

/// One HTTP/1 request over a stream: status, content type, body.
pub(crate) async fn http1_over<S>(
    stream: S,
    request: http::request::Builder,
) -> (u16, String, String)
where
    S: Read + Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(stream).await.expect("a handshake");
    zokio::task::spawn(connection);
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let response = sender.send_request(request).await.expect("a response");
    let status = response.status().as_u16();
    let content_type = response
        .headers()
        .get("content-type")
        .map(|v| v.to_str().expect("text"));
    let content_type = content_type.unwrap_or("").to_owned();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    (
        status,
        content_type,
        String::from_utf8(body.to_vec()).expect("UTF-8"),
    )
}

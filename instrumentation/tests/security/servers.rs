//! Servers that are secured in one way or another, and clients that fit.

#![allow(dead_code, reason = "not every test binary needs all of it")]

use std::future::pending;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use http::Request;
use tonic::Status;
use tonic::metadata::MetadataValue;
use zokio::runtime::Runtime;
use zokio_console_proto::v1::console_client::ConsoleClient;
use zokio_console_proto::{MAJOR, v1};
use zokio_instrumentation::{Builder, Guard, Tls, builder};

use crate::client::{Console, channel_over, console};
use crate::tls_client::{connect, file};

pub(crate) const READ: &str = "read-token-0123456789abcdef";
pub(crate) const CONTROL: &str = "control-token-0123456789abcdef";

pub(crate) fn server(runtime: &Runtime) -> Builder {
    runtime.handle().spawn(pending::<()>());
    builder().bind("127.0.0.1:0").attach(runtime.handle())
}

pub(crate) fn tls() -> Tls {
    Tls::from_pem_files(file("server.pem"), file("server.key")).unwrap()
}

pub(crate) fn addr(guard: &Guard) -> SocketAddr {
    guard.addr().socket_addr().unwrap()
}

pub(crate) fn describe() -> v1::DescribeRequest {
    v1::DescribeRequest {
        major: MAJOR,
        minor: 0,
    }
}

pub(crate) fn with_token<T>(message: T, token: &str) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

pub(crate) async fn secure_console(guard: &Guard, own: Option<&str>) -> Console {
    let (stream, _) = connect(addr(guard), own, &["h2"]).await.unwrap();
    let (channel, origin) = channel_over(stream, "https://localhost", 64 * 1024).await;
    ConsoleClient::with_origin(channel, origin)
}

pub(crate) fn get(path: &str) -> http::request::Builder {
    Request::get(path).header("host", "localhost")
}

/// Sends these bytes as they are, and reads what comes until the server hangs up.
pub(crate) fn raw(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(bytes).unwrap();
    let mut said = Vec::new();
    // It may end in a reset, if not all bytes were read.
    drop(stream.read_to_end(&mut said));
    String::from_utf8_lossy(&said).into_owned()
}

pub(crate) fn guarded(runtime: &Runtime) -> Guard {
    let server = server(runtime).token(READ).control_token(CONTROL);
    server.start().unwrap()
}

pub(crate) async fn described(guard: &Guard, token: Option<&str>) -> Result<(), Status> {
    let mut client = console(guard.addr()).await;
    let request = match token {
        Some(token) => with_token(describe(), token),
        None => tonic::Request::new(describe()),
    };
    client.describe(request).await.map(|_| ())
}

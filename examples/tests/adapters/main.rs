//! Crates of the ecosystem, as they are, on zokio's sockets and timers: one module each.
//!
//! Everything here is a development dependency, and none of it asks tokio for its runtime
//! (`.ci/tokio-features` looks at what the programs link).

mod codec;
mod grpc;
mod http;
mod tls;
mod websocket;

use zokio::net::{TcpListener, TcpStream};

/// Two ends of a TCP connection.
async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = zokio::join!(TcpStream::connect(address), listener.accept());
    (client.unwrap(), accepted.unwrap().0)
}

//! Sockets on loopback; both ends on the runtime that is measured.

use std::time::Instant;

use super::rt::io::{AsyncReadExt, AsyncWriteExt};
use super::rt::net::{TcpListener, TcpStream, UdpSocket};
use super::rt::{self, Runtime};
use crate::harness::{Row, Sample};

pub const ROWS: &[Row<Runtime>] = &[
    Row::new("tcp/echo-1", 2_000, echo_1).with_cpu(),
    Row::new("tcp/echo-32", 6_400, echo_32).with_cpu(),
    Row::new("tcp/echo-512", 10_240, echo_512).with_cpu(),
    Row::new("tcp/stream-64k", 2_000, stream),
    Row::new("udp/echo-1", 2_000, udp),
];

const MESSAGE: usize = 256;

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).await.unwrap();
    (listener.accept().await.unwrap().0, client)
}

async fn serve(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = [0; MESSAGE];
    while stream.read_exact(&mut buffer).await.is_ok() {
        if stream.write_all(&buffer).await.is_err() {
            break;
        }
    }
}

async fn call(stream: &mut TcpStream, times: u64) {
    let mut buffer = [7; MESSAGE];
    for _ in 0..times {
        stream.write_all(&buffer).await.unwrap();
        stream.read_exact(&mut buffer).await.unwrap();
    }
}

/// Connections are made first; only round trips are timed.
fn echo(runtime: &Runtime, ops: u64, connections: u64) -> Sample {
    runtime.block_on(async move {
        rt::spawn(async move {
            let mut clients = Vec::new();
            let mut servers = Vec::new();
            for _ in 0..connections {
                let (server, client) = pair().await;
                client.set_nodelay(true).unwrap();
                servers.push(rt::spawn(serve(server)));
                clients.push(client);
            }
            let share = (ops / connections).max(1);
            let begin = Instant::now();
            let calls: Vec<_> = clients
                .into_iter()
                .map(|mut client| {
                    rt::spawn(async move {
                        call(&mut client, share).await;
                        client
                    })
                })
                .collect();
            let mut clients = Vec::new();
            for call in calls {
                clients.push(call.await.unwrap());
            }
            let sample = Sample::per_op(begin.elapsed(), share * connections);
            drop(clients);
            for server in servers {
                server.await.unwrap();
            }
            sample
        })
        .await
        .unwrap()
    })
}

fn echo_1(runtime: &Runtime, ops: u64) -> Sample {
    echo(runtime, ops, 1)
}

fn echo_32(runtime: &Runtime, ops: u64) -> Sample {
    echo(runtime, ops, 32)
}

fn echo_512(runtime: &Runtime, ops: u64) -> Sample {
    echo(runtime, ops, 512)
}

/// One connection, 64 KiB a write.
fn stream(runtime: &Runtime, ops: u64) -> Sample {
    const CHUNK: usize = 64 * 1024;
    super::timed(runtime, ops, async move {
        let (mut server, mut client) = pair().await;
        let reader = rt::spawn(async move {
            let mut buffer = vec![0; CHUNK];
            let mut total = 0u64;
            loop {
                match server.read(&mut buffer).await.unwrap() {
                    0 => return total,
                    n => total += n as u64,
                }
            }
        });
        let chunk = vec![7; CHUNK];
        for _ in 0..ops {
            client.write_all(&chunk).await.unwrap();
        }
        drop(client);
        assert_eq!(reader.await.unwrap(), ops * CHUNK as u64);
    })
}

fn udp(runtime: &Runtime, ops: u64) -> Sample {
    super::timed(runtime, ops, async move {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let echo = rt::spawn(async move {
            let mut buffer = [0; MESSAGE];
            for _ in 0..ops {
                let (n, from) = server.recv_from(&mut buffer).await.unwrap();
                server.send_to(&buffer[..n], from).await.unwrap();
            }
        });
        let mut buffer = [7; MESSAGE];
        for _ in 0..ops {
            client.send_to(&buffer, address).await.unwrap();
            client.recv_from(&mut buffer).await.unwrap();
        }
        echo.await.unwrap();
    })
}

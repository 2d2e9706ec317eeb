//! The founding targets: operations of each sort in a second. Reported as nanoseconds an operation
//! like every row; the table adds the rate.

use super::rt::io::{AsyncReadExt, AsyncWriteExt};
use super::rt::net::{TcpListener, TcpStream};
use super::rt::{self, Runtime};
use crate::files;
use crate::harness::{Row, Sample};

pub const ROWS: &[Row<Runtime>] = &[
    Row::new("founding/cpu", 10_000_000, cpu),
    Row::new("founding/file", 4_000, file),
    Row::new("founding/net", 4_000, net),
    Row::new("founding/mixed", 2_000, mixed),
];

const TASKS: u64 = 16;

/// Iterations of a simple loop, in slices of 10,000.
fn cpu(runtime: &Runtime, ops: u64) -> Sample {
    super::timed_tasks(runtime, ops, TASKS, |share, _| async move {
        for _ in 0..share / 10_000 {
            std::hint::black_box(crate::harness::spin(10_000));
            rt::task::yield_now().await;
        }
    })
}

/// Reads of a cached file of 4 KiB.
fn file(runtime: &Runtime, ops: u64) -> Sample {
    let path = files::of_size(4096);
    super::timed_tasks(runtime, ops, TASKS, move |share, _| async move {
        for _ in 0..share {
            assert_eq!(rt::fs::read(path).await.unwrap().len(), 4096);
        }
    })
}

async fn connected() -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    drop(rt::spawn(async move {
        let mut buffer = [0; 64];
        while server.read_exact(&mut buffer).await.is_ok() {
            if server.write_all(&buffer).await.is_err() {
                break;
            }
        }
    }));
    client
}

async fn call(stream: &mut TcpStream) {
    let mut buffer = [7; 64];
    stream.write_all(&buffer).await.unwrap();
    stream.read_exact(&mut buffer).await.unwrap();
}

/// Round trips over 16 connections.
fn net(runtime: &Runtime, ops: u64) -> Sample {
    super::timed_tasks(runtime, ops, TASKS, |share, _| async move {
        let mut stream = connected().await;
        for _ in 0..share {
            call(&mut stream).await;
        }
    })
}

/// An operation is a file read, a round trip, 1,000 iterations and a `timeout` round both.
fn mixed(runtime: &Runtime, ops: u64) -> Sample {
    let path = files::of_size(4096);
    super::timed_tasks(runtime, ops, TASKS, move |share, _| async move {
        let mut stream = connected().await;
        for _ in 0..share {
            let work = async {
                std::hint::black_box(rt::fs::read(path).await.unwrap());
                call(&mut stream).await;
                std::hint::black_box(crate::harness::spin(1_000));
            };
            rt::time::timeout(std::time::Duration::from_secs(10), work)
                .await
                .unwrap();
        }
    })
}

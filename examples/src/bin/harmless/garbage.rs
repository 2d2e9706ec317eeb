//! A client that sends nonsense over and over, one connection after the other as fast as they are
//! closed, a second that sends pings without end, and a third that exceeds every limit by the rules.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zokio::sync::Notify;

use super::{clients, refusals};

/// Between two rounds of [`refusals`].
const BETWEEN: Duration = Duration::from_secs(15);

/// A read or write that takes longer is given up.
const PATIENCE: Duration = Duration::from_millis(500);

/// What HTTP/2 begins with, and settings of nothing.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// GET of `/`, http, localhost, on stream 1: eleven bytes of headers that end it.
const GET: &[u8] = b"\0\0\x0e\x01\x05\0\0\0\x01\x82\x86\x84\x41\x09localhost";

/// Eight bytes that are to come back.
const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0harmless";

/// What it did, and what it was told.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Connections on which nonsense was sent.
    pub(super) connections: u64,
    /// Bytes of pings.
    pub(super) ping_bytes: u64,
    /// What was said to each limit that was exceeded.
    pub(super) refusals: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    connections: AtomicU64,
    ping_bytes: AtomicU64,
}

impl Shared {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

pub(super) async fn run(address: SocketAddr, ended: &Notify) -> Result<Seen, String> {
    let shared = Arc::new(Shared::default());
    let start = |work: fn(SocketAddr, &Shared)| {
        let shared = Arc::clone(&shared);
        thread::spawn(move || work(address, &shared))
    };
    let threads = [start(send_noise), start(send_pings)];
    let mut refusals = refusals::all(address).await;
    clients::are_there();
    while zokio::time::timeout(BETWEEN, ended.notified())
        .await
        .is_err()
    {
        refusals.extend(refusals::all(address).await);
    }
    shared.is_over.store(true, Ordering::Relaxed);
    for thread in threads {
        drop(thread.join());
    }
    Ok(Seen {
        connections: shared.connections.load(Ordering::Relaxed),
        ping_bytes: shared.ping_bytes.load(Ordering::Relaxed),
        refusals,
    })
}

fn send_noise(address: SocketAddr, shared: &Shared) {
    let mut random = 1;
    for round in 0.. {
        if shared.is_over() {
            return;
        }
        // Refused or reset: the next one.
        drop(say(address, &noise(round, &mut random)));
        shared.connections.fetch_add(1, Ordering::Relaxed);
    }
}

fn say(address: SocketAddr, noise: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(noise)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Something that is no request, or one that is refused.
fn noise(round: u64, random: &mut u64) -> Vec<u8> {
    let mut bytes = |n: usize| -> Vec<u8> {
        let mut byte = || {
            *random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            (*random >> 56) as u8
        };
        (0..n).map(|_| byte()).collect()
    };
    match round % 8 {
        0 => bytes(1_024),
        1 => [PREFACE, &bytes(512)].concat(),
        2 => [PREFACE, b"\0\x01\0\x01\x05\0\0\0\x01", &bytes(256)].concat(),
        3 => [&b"\x16\x03\x01\x02\0"[..], &bytes(512)].concat(),
        4 => b"GET / HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\n\r\n".to_vec(),
        5 => b"GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n".to_vec(),
        6 => format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(20_000)).into_bytes(),
        _ => b"GET".to_vec(),
    }
}

fn send_pings(address: SocketAddr, shared: &Shared) {
    while !shared.is_over() {
        // The server has hung up: again.
        drop(ping(address, shared));
    }
}

fn ping(address: SocketAddr, shared: &Shared) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // A connection that asks for nothing would be closed.
    stream.write_all(&[PREFACE, GET].concat())?;
    let mut answers = stream.try_clone()?;
    let reader = thread::spawn(move || io::copy(&mut answers, &mut io::sink()));
    let pings = PING.repeat(1_024);
    let mut sent = 0;
    let result = loop {
        if shared.is_over() {
            break Ok(());
        }
        match stream.write(&pings[sent % PING.len()..]) {
            Ok(n) => {
                sent += n;
                shared.ping_bytes.fetch_add(n as u64, Ordering::Relaxed);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => break Err(error),
        }
    };
    drop(stream.shutdown(std::net::Shutdown::Both));
    drop(reader.join());
    result
}

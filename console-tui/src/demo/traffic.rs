//! The service's clients, and the work that is spread unevenly.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use zokio::net::TcpStream;

use super::service::hash;

/// Connections. With their pauses they make some hundred requests a second.
const CLIENTS: u64 = 24;
/// Requests on a connection before it is closed and another opened.
const REQUESTS: u32 = 40;
/// Time between two bursts of uneven work.
const BURST_EVERY: Duration = Duration::from_millis(50);
/// Tasks in a burst.
const BURST: u32 = 10;

/// Starts clients and bursts.
pub(super) fn start(address: SocketAddr) -> io::Result<()> {
    for number in 0..CLIENTS {
        super::spawn("client", client(address, Random(number * 0x9e37_79b9 + 1)))?;
    }
    super::spawn("burst", bursts())
}

/// Xorshift: as random as traffic has to be.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

async fn client(address: SocketAddr, mut random: Random) {
    loop {
        // The service runs as long as its clients: an error is a connection closed under way.
        let _ = one_connection(address, &mut random).await;
        zokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn one_connection(
    address: SocketAddr,
    random: &mut Random,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut requests, connection) = http1::handshake(stream).await?;
    super::spawn("client-conn", async move {
        let _ = connection.await;
    })?;
    for _ in 0..REQUESTS {
        let path = match random.below(20) {
            0..12 => "/",
            12..16 => "/orders",
            16..19 => "/report",
            _ => "/archive",
        };
        let request = Request::get(path)
            .header("host", "demo")
            .body(Empty::<Bytes>::new())?;
        requests.ready().await?;
        let response = requests.send_request(request).await?;
        response.into_body().collect().await?;
        zokio::time::sleep(Duration::from_millis(20 + random.below(60))).await;
    }
    Ok(())
}

/// Spawns, always from one task, a batch of work of very different sizes: it all lands in one
/// worker's queue, and the others steal.
async fn bursts() {
    let mut every = zokio::time::interval(BURST_EVERY);
    loop {
        every.tick().await;
        for number in 0..BURST {
            let work = async move {
                std::hint::black_box(hash(4_000 << (number / 2)));
            };
            if super::spawn("burst-work", work).is_err() {
                return;
            }
        }
    }
}

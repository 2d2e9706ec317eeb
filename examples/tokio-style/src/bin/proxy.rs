//! A TCP proxy: what comes to one address goes to another, and back.
//!
//! A side that ends its half of a connection ends it on the other side too, and the other half goes
//! on. More connections than `--limit` wait to be accepted; a target that does not answer within
//! `--connect-ms` is given up. After Ctrl-C no more are accepted, and open ones have two seconds.
//!
//! ```text
//! proxy --listen 127.0.0.1:8000 127.0.0.1:80 --limit 100
//! ```

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user, if only in `main`"
)]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use zokio_examples_tokio_style::interrupt;

const GRACE: Duration = Duration::from_secs(2);

/// A TCP proxy.
#[derive(Debug, Parser)]
struct Args {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:4002")]
    listen: SocketAddr,
    /// Where connections go: a name or an address with a port.
    target: String,
    /// Connections at once.
    #[arg(long, default_value_t = 1000)]
    limit: u32,
    /// How long the target may take to accept, in milliseconds.
    #[arg(long, default_value_t = 5000)]
    connect_ms: u64,
}

#[derive(Default)]
struct Totals {
    connections: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> io::Result<()> {
    let args = Arc::new(Args::parse());
    let listener = TcpListener::bind(args.listen).await?;
    let interrupt = interrupt::listen().await;
    println!("listening {}", listener.local_addr()?);
    let permits = Arc::new(Semaphore::new(args.limit as usize));
    let totals = Arc::new(Totals::default());
    // Each connection holds a receiver.
    let (stop, _) = watch::channel(false);
    let accepting = async {
        loop {
            // Never closed.
            let Ok(permit) = permits.clone().acquire_owned().await else {
                return Ok(());
            };
            let (stream, peer) = listener.accept().await?;
            let (args, totals) = (args.clone(), totals.clone());
            let mut stopping = stop.subscribe();
            tokio::spawn(async move {
                totals.connections.fetch_add(1, Ordering::Relaxed);
                tokio::select! {
                    done = forward(stream, &args, &totals) => if let Err(error) = done {
                        eprintln!("{peer}: {error}");
                    },
                    _ = stopping.wait_for(|now| *now) => eprintln!("{peer}: cut off"),
                }
                drop(permit);
            });
        }
    };
    tokio::select! {
        failed = accepting => return failed,
        interrupted = interrupt => interrupted?,
    }
    if timeout(GRACE, stop.closed()).await.is_err() {
        stop.send_replace(true);
        stop.closed().await;
    }
    println!(
        "stopped: {} connections, {} bytes up, {} bytes down",
        totals.connections.load(Ordering::Relaxed),
        totals.up.load(Ordering::Relaxed),
        totals.down.load(Ordering::Relaxed),
    );
    Ok(())
}

async fn forward(mut near: TcpStream, args: &Args, totals: &Totals) -> io::Result<()> {
    let patience = Duration::from_millis(args.connect_ms);
    let mut far = timeout(patience, TcpStream::connect(&args.target)).await??;
    let (up, down) = copy_bidirectional(&mut near, &mut far).await?;
    totals.up.fetch_add(up, Ordering::Relaxed);
    totals.down.fetch_add(down, Ordering::Relaxed);
    Ok(())
}

//! Messages are sent into an unbounded channel faster than they are received: the finding
//! `queue-growth`.
//!
//! `cargo run -p zokio-examples --bin sick_unbounded_channel`, then `zokio-console check --for 10s` in
//! another terminal.

use std::time::Duration;

use zokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use zokio::time::sleep;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends, and takes more and more memory.
pub(crate) async fn sick() {
    let (lines, received) = mpsc::unbounded_channel();
    let writing = zokio::spawn(write(received));
    drop(zokio::spawn(log(lines)).await);
    drop(writing.await);
}

async fn log(lines: UnboundedSender<u32>) {
    for line in 0.. {
        for _ in 0..100 {
            lines.send(line).expect("a receiver");
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// As to a disk that is slower than the log.
async fn write(mut lines: UnboundedReceiver<u32>) {
    while lines.recv().await.is_some() {
        sleep(Duration::from_millis(1)).await;
    }
}

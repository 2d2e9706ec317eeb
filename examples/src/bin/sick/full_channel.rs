//! A channel is full, and the task that receives from it waits for something else: the finding
//! `channel-full`.
//!
//! `cargo run -p zokio-examples --bin sick_full_channel`, then `zokio-console check --for 10s` in another
//! terminal.

use std::future::pending;

use zokio::sync::mpsc::{self, Receiver, Sender};

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let (orders, received) = mpsc::channel(8);
    let taking = zokio::spawn(take(received));
    let sending = zokio::spawn(send(orders));
    drop(sending.await);
    drop(taking.await);
}

async fn send(orders: Sender<u32>) {
    for order in 0.. {
        orders.send(order).await.expect("a receiver");
    }
}

async fn take(mut orders: Receiver<u32>) {
    while let Some(order) = orders.recv().await {
        confirm(order).await;
    }
}

/// Waits for an answer that never comes.
async fn confirm(_: u32) {
    pending::<()>().await;
}

//! A task wakes another and then computes for long: the one that was woken waits in the slot of
//! the same worker, while other workers sleep: the finding `imbalance`.
//!
//! `cargo run -p zokio-examples --bin sick_imbalance`, then `zokio-console check` in another terminal.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zokio::sync::Notify;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let ready = Arc::new(Notify::new());
    drop(zokio::spawn(consume(Arc::clone(&ready))));
    drop(zokio::spawn(produce(ready)).await);
}

async fn consume(ready: Arc<Notify>) {
    loop {
        ready.notified().await;
    }
}

async fn produce(ready: Arc<Notify>) {
    loop {
        ready.notify_one();
        // Not long enough for the watchdog, and long for the one that was woken.
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(90) {
            black_box(start);
        }
        zokio::time::sleep(Duration::from_millis(1)).await;
    }
}

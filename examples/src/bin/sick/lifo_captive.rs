//! A handler tells its auditor, and computes: the auditor was woken, and waits behind the computation
//! though other workers sleep: the finding `lifo-captive`.
//!
//! `cargo run -p zokio-examples --bin sick_lifo_captive`, then `zokio-console check` in another terminal.

use std::thread;
use std::time::Duration;

use zokio::sync::mpsc;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let (events, mut received) = mpsc::channel::<u64>(16);
    let auditor = zokio::spawn(async move { while received.recv().await.is_some() {} });
    drop(zokio::spawn(handle(events)));
    drop(auditor.await);
}

async fn handle(events: mpsc::Sender<u64>) {
    for request in 0.. {
        if events.send(request).await.is_err() {
            return;
        }
        // Not long enough for the watchdog, and long for the one that was woken.
        thread::sleep(Duration::from_millis(60));
        zokio::time::sleep(Duration::from_millis(1)).await;
    }
}

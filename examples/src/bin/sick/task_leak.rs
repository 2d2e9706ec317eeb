//! For each request a task waits for a channel that is never closed, since its sender is kept in a
//! list: the finding `task-leak`.
//!
//! `cargo run -p zokio-examples --bin sick_task_leak`, then `zokio-console check` in another terminal.

use std::time::Duration;

use zokio::sync::oneshot;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let mut requests = Vec::new();
    loop {
        for _ in 0..10 {
            let (cancel, cancelled) = oneshot::channel::<()>();
            requests.push(cancel);
            drop(zokio::spawn(watch(cancelled)));
        }
        zokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Cleans up if the request is cancelled. Nobody tells it that the request is over.
async fn watch(cancelled: oneshot::Receiver<()>) {
    drop(cancelled.await);
}

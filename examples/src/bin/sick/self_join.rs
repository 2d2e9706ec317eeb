//! A task that waits for all tasks has its own handle among them: the finding `self-join`.
//!
//! `cargo run -p zokio-examples --bin sick_self_join`, then `zokio-console check` in another terminal.

use zokio::sync::mpsc;
use zokio::task::JoinHandle;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let (all, handles) = mpsc::unbounded_channel();
    for _ in 0..3 {
        drop(all.send(zokio::spawn(zokio::task::yield_now())));
    }
    // The one that waits for all is one of them.
    drop(all.send(zokio::spawn(wait_for_all(handles))));
    std::future::pending().await
}

async fn wait_for_all(mut handles: mpsc::UnboundedReceiver<JoinHandle<()>>) {
    while let Some(handle) = handles.recv().await {
        drop(handle.await);
    }
}

//! Two tasks wait for each other's end: the finding `join-cycle`.
//!
//! `cargo run -p zokio-examples --bin sick_join_cycle`, then `zokio-console check` in another terminal.

use zokio::sync::oneshot;
use zokio::task::JoinHandle;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let (to_reader, for_reader) = oneshot::channel();
    let reader = zokio::spawn(ends_after(for_reader));
    let (to_writer, for_writer) = oneshot::channel();
    let writer = zokio::spawn(ends_after(for_writer));
    // Each is to end after the other one.
    drop(to_reader.send(writer));
    drop(to_writer.send(reader));
    std::future::pending().await
}

async fn ends_after(other: oneshot::Receiver<JoinHandle<()>>) {
    if let Ok(other) = other.await {
        drop(other.await);
    }
}

//! A task ends without giving back its permit, and others wait for it for ever: the finding
//! `permits-leaked`.
//!
//! `cargo run -p zokio-examples --bin sick_leaked_permit`, then `zokio-console check --for 5s` in another
//! terminal.

use std::mem;
use std::sync::Arc;

use zokio::sync::Semaphore;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let connections = Arc::new(Semaphore::new(1));
    let leaking = zokio::spawn(leak(Arc::clone(&connections)));
    drop(leaking.await);
    drop(zokio::spawn(query(connections)).await);
}

async fn leak(connections: Arc<Semaphore>) {
    let permit = connections.acquire().await.expect("it is open");
    // As in a cycle of references, or in code that is not Rust.
    mem::forget(permit);
}

async fn query(connections: Arc<Semaphore>) {
    let _permit = connections.acquire().await.expect("it is open");
}

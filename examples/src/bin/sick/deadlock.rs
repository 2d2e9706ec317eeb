//! Two tasks take two locks in opposite order, and wait for each other for ever: the finding
//! `deadlock`.
//!
//! `cargo run -p zokio-examples --bin sick_deadlock`, then `zokio-console check` in another terminal.

use std::sync::Arc;

use zokio::sync::{Barrier, Mutex};

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let (accounts, orders) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    // Each has its first lock before either asks for its second.
    let both = Arc::new(Barrier::new(2));
    let one = zokio::spawn(transfer(
        Arc::clone(&accounts),
        Arc::clone(&orders),
        Arc::clone(&both),
    ));
    let other = zokio::spawn(transfer(orders, accounts, both));
    drop(one.await);
    drop(other.await);
}

async fn transfer(first: Arc<Mutex<u64>>, second: Arc<Mutex<u64>>, both: Arc<Barrier>) {
    let mut first = first.lock().await;
    both.wait().await;
    let second = second.lock().await;
    *first += *second;
}

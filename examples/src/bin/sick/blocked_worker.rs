//! A task sleeps with the standard library, and its worker with it: the finding `blocked-worker`.
//!
//! `cargo run -p zokio-examples --bin sick_blocked_worker`, then `zokio-console check` in another terminal.

use std::thread;
use std::time::Duration;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    drop(zokio::spawn(report()).await);
}

async fn report() {
    loop {
        query();
        zokio::task::yield_now().await;
    }
}

/// As a client of a database would that knows nothing of async.
#[inline(never)]
fn query() {
    thread::sleep(Duration::from_millis(400));
}

//! A future that has a large buffer in it is spawned: the finding `oversized-future`.
//!
//! `cargo run -p zokio-examples --bin sick_oversized_future`, then `zokio-console check` in another terminal.

use std::hint::black_box;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    drop(zokio::spawn(copy()).await);
}

/// The buffer lives across the await, so it is a part of the future.
async fn copy() {
    let mut buffer = [0_u8; 64 * 1_024];
    std::future::pending::<()>().await;
    black_box(&mut buffer);
}

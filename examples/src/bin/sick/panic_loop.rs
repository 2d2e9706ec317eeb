//! A task that panics is started anew, and meets the same fault: the finding `panic-loop`.
//!
//! `cargo run -p zokio-examples --bin sick_panic_loop`, then `zokio-console check` in another terminal.

use std::time::Duration;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    loop {
        // A supervisor that starts its worker anew, whatever it died of.
        drop(zokio::spawn(serve(None)).await);
        zokio::time::sleep(Duration::from_millis(40)).await;
    }
}

async fn serve(limit: Option<u32>) -> u32 {
    zokio::task::yield_now().await;
    limit.expect("the configuration has a limit")
}

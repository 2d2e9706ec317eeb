//! All workers are in polls that take long, so nobody looks at the timers: the finding `timer-late`.
//!
//! `cargo run -p zokio-examples --bin sick_timer_late`, then `zokio-console check` in another terminal.

use std::thread;
use std::time::Duration;

use zokio::task::yield_now;
use zokio::time::sleep;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let workers = zokio::runtime::Handle::current().metrics().num_workers();
    for _ in 0..4 * workers {
        drop(zokio::spawn(compress()));
    }
    let tickers: Vec<_> = (0..100).map(|_| zokio::spawn(tick())).collect();
    for ticker in tickers {
        drop(ticker.await);
    }
}

/// Yields, but what it does in between is too long.
async fn compress() {
    loop {
        thread::sleep(Duration::from_millis(60));
        yield_now().await;
    }
}

async fn tick() {
    loop {
        sleep(Duration::from_millis(5)).await;
    }
}

//! A task that works for long in each poll, though not long enough for the watchdog: the finding
//! `slow-polls`.
//!
//! `cargo run -p zokio-examples --bin sick_slow_polls`, then `zokio-console check` in another terminal.

use std::thread;
use std::time::Duration;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let tasks: Vec<_> = (0..2).map(|_| zokio::spawn(render())).collect();
    for task in tasks {
        drop(task.await);
    }
}

async fn render() {
    loop {
        page();
        zokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// As a template engine would that reads its templates from a disk.
fn page() {
    thread::sleep(Duration::from_millis(70));
}

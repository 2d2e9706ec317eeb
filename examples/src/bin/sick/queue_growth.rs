//! A thread takes what comes in and spawns a task for each, faster than the workers get through with
//! them: the finding `queue-growth`.
//!
//! `cargo run -p zokio-examples --bin sick_queue_growth`, then `zokio-console check` in another terminal.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use zokio::runtime::Handle;
use zokio::task::spawn_blocking;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends, and takes more and more memory.
pub(crate) async fn sick() {
    let wanted = Arc::new(());
    let consumer = Arc::downgrade(&wanted);
    drop(spawn_blocking(move || consume(&consumer)).await);
}

/// As from a message broker, by a client that knows nothing of async. Ends when the runtime has.
fn consume(wanted: &Weak<()>) {
    let runtime = Handle::current();
    let workers = runtime.metrics().num_workers();
    while wanted.strong_count() > 0 {
        for _ in 0..2 * workers {
            drop(runtime.spawn(store()));
        }
        thread::sleep(Duration::from_micros(500));
    }
}

async fn store() {
    thread::sleep(Duration::from_millis(2));
}

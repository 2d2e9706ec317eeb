//! Tasks whose input never runs dry, and which do a little with each item: it adds up, since only the
//! budget ends their polls: the finding `never-yields`.
//!
//! `cargo run -p zokio-examples --bin sick_never_yields`, then `zokio-console check` in another terminal.

use std::thread;
use std::time::Duration;

use zokio::sync::Semaphore;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let workers = zokio::runtime::Handle::current().metrics().num_workers();
    let tasks: Vec<_> = (0..2 * workers).map(|_| zokio::spawn(serve())).collect();
    for task in tasks {
        drop(task.await);
    }
}

async fn serve() {
    let free = Semaphore::new(1);
    loop {
        // There is always one, so this never waits.
        let Ok(_permit) = free.acquire().await else {
            return;
        };
        thread::sleep(Duration::from_micros(50));
    }
}

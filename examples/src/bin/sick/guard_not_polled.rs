//! A task asks for a lock, gives up on that in a `select!` without dropping it, and asks again: the
//! lock is handed to what it does not poll any more. The finding `guard-not-polled`.
//!
//! `cargo run -p zokio-examples --bin sick_guard_not_polled`, then `zokio-console check --for 5s` in
//! another terminal.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use zokio::sync::Mutex;
use zokio::time::sleep;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let count = Arc::new(Mutex::new(0));
    let other = zokio::spawn(slow(Arc::clone(&count)));
    zokio::task::yield_now().await;
    drop(zokio::spawn(impatient(count)).await);
    drop(other.await);
}

/// Has the lock for a while.
async fn slow(count: Arc<Mutex<u64>>) {
    let mut count = count.lock().await;
    sleep(Duration::from_millis(200)).await;
    *count += 1;
}

async fn impatient(count: Arc<Mutex<u64>>) {
    let mut increase = pin!(async { *count.lock().await += 1 });
    zokio::select! {
        () = &mut increase => {}
        // The future is still there, and first in the queue.
        () = sleep(Duration::from_millis(50)) => *count.lock().await = 0,
    }
}

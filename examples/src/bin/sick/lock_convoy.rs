//! A lock is held across a slow query, and all requests queue for it: the finding `lock-convoy`.
//!
//! `cargo run -p zokio-examples --bin sick_lock_convoy`, then `zokio-console check --for 5s` in another
//! terminal.

use std::sync::Arc;
use std::time::Duration;

use zokio::sync::Mutex;
use zokio::time::sleep;

/// Clients, each with one request at a time.
const CLIENTS: usize = 16;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let connection = Arc::new(Mutex::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| zokio::spawn(client(Arc::clone(&connection))))
        .collect();
    for client in clients {
        drop(client.await);
    }
}

async fn client(connection: Arc<Mutex<u64>>) {
    loop {
        let mut queries = connection.lock().await;
        // The database takes its time, and the guard is kept meanwhile.
        sleep(Duration::from_millis(150)).await;
        *queries += 1;
    }
}

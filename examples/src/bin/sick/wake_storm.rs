//! A thread wakes a task for each item, though one wake would do until the task has run: the finding
//! `wake-storm`.
//!
//! `cargo run -p zokio-examples --bin sick_wake_storm`, then `zokio-console check` in another terminal.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use zokio::task::spawn_blocking;

type Slot = Mutex<Option<Waker>>;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let slot = Arc::new(Slot::default());
    let producer = Arc::downgrade(&slot);
    drop(spawn_blocking(move || produce(&producer)));
    drop(zokio::spawn(consume(slot)).await);
}

/// Has something new all the time. Ends with the one who wants it.
fn produce(slot: &Weak<Slot>) {
    while let Some(slot) = slot.upgrade() {
        // It keeps the waker, where it should take it.
        if let Some(waker) = &*slot.lock().unwrap_or_else(PoisonError::into_inner) {
            waker.wake_by_ref();
        }
    }
}

/// Writes to a disk all that has come meanwhile.
async fn consume(slot: Arc<Slot>) {
    poll_fn(|cx| {
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        thread::sleep(Duration::from_millis(2));
        Poll::<()>::Pending
    })
    .await;
}

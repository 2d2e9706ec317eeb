//! A future whose waker is dropped by the one who should have called it: the finding `lost-waker`.
//!
//! `cargo run -p zokio-examples --bin sick_lost_waker`, then `zokio-console check` in another terminal.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let slot = Arc::new(Mutex::new(None));
    let waiter = zokio::spawn(Answer(Arc::clone(&slot)));
    zokio::time::sleep(Duration::from_millis(50)).await;
    // The answer was cancelled. Nobody tells the one who waits for it.
    drop(slot.lock().unwrap_or_else(PoisonError::into_inner).take());
    drop(waiter.await);
}

/// Waits until somebody takes its waker and calls it.
struct Answer(Arc<Mutex<Option<Waker>>>);

impl Future for Answer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(cx.waker().clone());
        Poll::Pending
    }
}

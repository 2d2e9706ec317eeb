//! A future that asks for its next poll at once, instead of waiting for what it is about: the
//! finding `self-wake-storm`.
//!
//! `cargo run -p zokio-examples --bin sick_self_wake_storm`, then `zokio-console check` in another terminal.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    let ready = Arc::new(AtomicBool::new(false));
    drop(zokio::spawn(Ready(ready)).await);
}

/// Waits until the flag is set, by looking again and again.
struct Ready(Arc<AtomicBool>);

impl Future for Ready {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

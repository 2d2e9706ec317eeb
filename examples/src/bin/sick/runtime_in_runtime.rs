//! A task runs another executor on its worker, which waits there for something slow: the finding
//! `runtime-in-runtime`.
//!
//! `cargo run -p zokio-examples --bin sick_runtime_in_runtime`, then `zokio-console check` in another
//! terminal.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use zokio::sync::oneshot;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// Never ends.
pub(crate) async fn sick() {
    loop {
        drop(zokio::spawn(async { convert() }).await);
    }
}

/// Not async itself, so it has an executor for what is.
fn convert() -> u64 {
    block_on(load())
}

async fn load() -> u64 {
    let (answer, answered) = oneshot::channel();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        answer.send(7)
    });
    answered.await.unwrap_or(0)
}

/// The smallest executor there is.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

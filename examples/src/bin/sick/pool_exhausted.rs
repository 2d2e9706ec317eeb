//! Jobs that never end take all threads of the blocking pool, and more jobs wait: the finding
//! `pool-exhausted`.
//!
//! `cargo run -p zokio-examples --bin sick_pool_exhausted`, then `zokio-console check` in another terminal.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use zokio::task::spawn_blocking;

#[zokio::main]
async fn main() {
    zokio_instrumentation::init();
    sick().await;
}

/// More than the pool has threads by default.
const JOBS: usize = 600;

/// Never ends by itself; when it is dropped, the jobs end.
pub(crate) async fn sick() {
    let gate = Arc::new(Gate::default());
    let _opens = Opens(Arc::clone(&gate));
    for _ in 0..JOBS {
        let gate = Arc::clone(&gate);
        drop(spawn_blocking(move || gate.wait()));
    }
    std::future::pending().await
}

/// What the jobs wait for.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn wait(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            open = self
                .opened
                .wait(open)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Opens the gate when it is dropped.
struct Opens(Arc<Gate>);

impl Drop for Opens {
    fn drop(&mut self) {
        *self.0.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.opened.notify_all();
    }
}

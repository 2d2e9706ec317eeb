//! Other ways to be sick.

use std::sync::Arc;

use zokio::sync::{Mutex, RwLock, oneshot};

/// Holds a lock while it waits for the end of a task that needs the lock.
pub(crate) async fn join_under_a_lock() {
    let lock = Arc::new(Mutex::new(()));
    let _guard = lock.lock().await;
    let needs_it = Arc::clone(&lock);
    let (runs, running) = oneshot::channel();
    let task = zokio::spawn(async move {
        let _ = runs.send(());
        drop(needs_it.lock().await);
    });
    drop(running.await);
    drop(task.await);
}

/// Wants to read what it writes.
pub(crate) async fn lock_twice() {
    let lock = RwLock::new(0);
    let _writer = lock.write().await;
    let _reader = lock.read().await;
}

/// Reads what it reads already, when a writer has come in between.
pub(crate) async fn read_twice() {
    let lock = Arc::new(RwLock::new(0));
    let _reader = lock.read().await;
    let writes = Arc::clone(&lock);
    let writer = zokio::spawn(async move { *writes.write().await += 1 });
    while lock.try_read().is_ok() {
        zokio::task::yield_now().await;
    }
    let _again = lock.read().await;
    drop(writer.await);
}

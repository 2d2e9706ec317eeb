//! Tasks that are stuck, each in a way that the console shows: a lock kept for good, an answer
//! that never comes, a channel that nobody empties, tasks that hold their worker up: one computes, one
//! sleeps.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zokio::sync::{Mutex, mpsc, oneshot};

/// As good as for ever.
const FOREVER: Duration = Duration::from_secs(30 * 86_400);

/// Tasks that come for the lock, one after the other.
const WAITERS: usize = 8;
const WAITER_EVERY: Duration = Duration::from_millis(250);

/// How long the greedy task computes without a pause, and how often.
const GREEDY_FOR: Duration = Duration::from_millis(30);
const GREEDY_EVERY: Duration = Duration::from_millis(700);

/// How long the audit keeps its worker asleep, and how often.
const AUDIT_FOR: Duration = Duration::from_millis(250);
const AUDIT_EVERY: Duration = Duration::from_millis(1_500);

/// Starts them.
pub(super) fn start() -> io::Result<()> {
    lock_kept()?;
    answer_never_comes()?;
    channel_never_emptied()?;
    super::spawn("greedy", greedy())?;
    super::spawn("audit", audit())
}

fn lock_kept() -> io::Result<()> {
    let ledger = Arc::new(Mutex::new(()));
    super::spawn("ledger-holder", async move {
        let _kept = ledger.lock().await;
        for _ in 0..WAITERS {
            let ledger = Arc::clone(&ledger);
            let waiter = super::spawn("ledger-waiter", async move {
                let _turn = ledger.lock().await;
            });
            if waiter.is_err() {
                return;
            }
            zokio::time::sleep(WAITER_EVERY).await;
        }
        zokio::time::sleep(FOREVER).await;
    })
}

fn answer_never_comes() -> io::Result<()> {
    let (sender, receiver) = oneshot::channel::<()>();
    super::spawn("reply-forgotten", async move {
        let _sender = sender;
        zokio::time::sleep(FOREVER).await;
    })?;
    super::spawn("reply-waiter", async move {
        let _ = receiver.await;
    })
}

fn channel_never_emptied() -> io::Result<()> {
    let (sender, mut receiver) = mpsc::channel::<u64>(2);
    super::spawn("queue-consumer", async move {
        let _order = receiver.recv().await;
        zokio::time::sleep(FOREVER).await;
    })?;
    super::spawn("queue-producer", async move {
        for item in 0.. {
            if sender.send(item).await.is_err() {
                return;
            }
        }
    })
}

/// Computes on and on in one poll, now and then: whatever is queued behind it waits.
async fn greedy() {
    loop {
        zokio::time::sleep(GREEDY_EVERY).await;
        let start = Instant::now();
        while start.elapsed() < GREEDY_FOR {
            std::hint::black_box(super::service::hash(1_000));
        }
    }
}

/// Blocks its worker as code does that was not written for async: the thread sleeps.
async fn audit() {
    loop {
        zokio::time::sleep(AUDIT_EVERY).await;
        write_audit_log();
    }
}

/// Stands for a file on a slow disk.
#[inline(never)]
fn write_audit_log() {
    std::thread::sleep(AUDIT_FOR);
}

//! Clients that watch: each has a connection of its own, and reads all that comes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zokio::sync::{Notify, Semaphore};
use zokio::time::Instant;
use zokio_console_proto::v1;

use super::{clients, console};

/// Viewers want to see one of so many windows.
const VARIANTS: u32 = 4;

/// Between two tries, and the time in which one is to be successful.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);

/// What they have seen.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) viewers: u32,
    /// Per viewer and second.
    pub(super) updates_s: f64,
    /// Updates that were replaced by newer ones, since a viewer was too slow.
    pub(super) skipped: u64,
    /// Streams that have ended early, and why the first has.
    pub(super) lost: u64,
    pub(super) first_loss: String,
}

#[derive(Debug, Default)]
struct Counts {
    updates: AtomicU64,
    skipped: AtomicU64,
    lost: AtomicU64,
    first_loss: Mutex<String>,
}

pub(super) async fn run(address: SocketAddr, viewers: u32, ended: &Notify) -> Result<Seen, String> {
    let counts = Arc::new(Counts::default());
    let there = Arc::new(Semaphore::new(0));
    for viewer in 0..viewers {
        let updates = subscribe(address, viewer % VARIANTS).await;
        let updates = updates.map_err(|error| format!("viewer {viewer}: {error}"))?;
        let (counts, there) = (Arc::clone(&counts), Arc::clone(&there));
        zokio::spawn(watch(updates, counts, there));
    }
    // All have their first update.
    let all = there.acquire_many(viewers).await;
    drop(all.map_err(|error| error.to_string())?);
    let (began, before) = (Instant::now(), counts.updates.load(Ordering::Relaxed));
    clients::are_there();
    ended.notified().await;
    let updates = counts.updates.load(Ordering::Relaxed) - before;
    let first_loss = counts
        .first_loss
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(Seen {
        viewers,
        updates_s: updates as f64 / began.elapsed().as_secs_f64() / f64::from(viewers.max(1)),
        skipped: counts.skipped.load(Ordering::Relaxed),
        lost: counts.lost.load(Ordering::Relaxed),
        first_loss: first_loss.clone(),
    })
}

/// Tries again for some seconds, as a console does, if others have asked for too much.
async fn subscribe(
    address: SocketAddr,
    variant: u32,
) -> Result<tonic::Streaming<v1::Update>, String> {
    let began = Instant::now();
    loop {
        let mut client = console::connect(address).await?;
        match client.subscribe(console::request(variant)).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if began.elapsed() > PATIENCE => return Err(status.to_string()),
            Err(_) => zokio::time::sleep(BETWEEN_TRIES).await,
        }
    }
}

async fn watch(
    mut updates: tonic::Streaming<v1::Update>,
    counts: Arc<Counts>,
    there: Arc<Semaphore>,
) {
    let mut skipped = 0;
    let mut is_first = true;
    let why = loop {
        match updates.message().await {
            Ok(Some(update)) => {
                counts.updates.fetch_add(1, Ordering::Relaxed);
                // Each tells how many there were so far.
                let more = update.skipped - skipped;
                counts.skipped.fetch_add(more, Ordering::Relaxed);
                skipped = update.skipped;
                if std::mem::take(&mut is_first) {
                    there.add_permits(1);
                }
            }
            Ok(None) => break "the stream has ended".to_owned(),
            Err(status) => break status.to_string(),
        }
    };
    if counts.lost.fetch_add(1, Ordering::Relaxed) == 0 {
        let mut first = counts
            .first_loss
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *first = why;
    }
}

//! All workers are blocked: how long do answers take?

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use zokio::runtime::Handle;
use zokio_examples::figures::{median, within};

use super::console::{connect, describe, request};

/// New clients, one after the other.
const CLIENTS: u32 = 50;

/// For each answer.
const MAX_MS: f64 = 100.0;

/// True: no answer took longer than it may.
pub(super) fn run(handle: &Handle, address: SocketAddr) -> Result<bool, String> {
    let released = Arc::new(AtomicBool::new(false));
    let workers = block_all(handle, &released);
    println!("{workers} workers, all of them in loops that do not end");
    let asked = thread::spawn(move || {
        let runtime = zokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        runtime.block_on(ask(address))
    });
    let times = asked.join().map_err(|_| "the client panicked".to_owned());
    released.store(true, Ordering::Relaxed);
    let (described, updates) = times??;
    let mut is_fine = true;
    for (what, times) in [("a description", described), ("the first update", updates)] {
        let longest = times.iter().copied().fold(0.0, f64::max);
        println!(
            "{what}: median {:.1} ms of {}",
            median(times.clone()),
            times.len()
        );
        is_fine &= within(&format!("{what}, longest, ms"), longest, MAX_MS);
    }
    Ok(is_fine)
}

/// Returns when each worker is in a task that spins until it is released.
fn block_all(handle: &Handle, released: &Arc<AtomicBool>) -> usize {
    let workers = handle.metrics().num_workers();
    let blocked = Arc::new(AtomicUsize::new(0));
    for _ in 0..workers {
        let (blocked, released) = (Arc::clone(&blocked), Arc::clone(released));
        handle.spawn(async move {
            blocked.fetch_add(1, Ordering::Relaxed);
            while !released.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
    }
    while blocked.load(Ordering::Relaxed) < workers {
        thread::sleep(Duration::from_millis(1));
    }
    workers
}

/// The milliseconds from a client's start to a description, and to its first update.
async fn ask(address: SocketAddr) -> Result<(Vec<f64>, Vec<f64>), String> {
    let (mut described, mut updates) = (Vec::new(), Vec::new());
    for variant in 0..CLIENTS {
        let began = Instant::now();
        let ms = || began.elapsed().as_secs_f64() * 1e3;
        let mut client = connect(address).await?;
        let answer = client.describe(describe()).await;
        answer.map_err(|status| format!("no description: {status}"))?;
        described.push(ms());
        let began = Instant::now();
        let ms = || began.elapsed().as_secs_f64() * 1e3;
        // One that nobody has asked for: nothing is there for it.
        let answer = client.subscribe(request(variant)).await;
        let mut stream = answer
            .map_err(|status| format!("refused: {status}"))?
            .into_inner();
        let update = stream.message().await;
        update.map_err(|status| format!("no update: {status}"))?;
        updates.push(ms());
    }
    Ok((described, updates))
}

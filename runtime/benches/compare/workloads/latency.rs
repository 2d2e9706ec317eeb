//! How long a woken task waits to be polled, and how well uneven work is spread.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::rt::{self, Runtime};
use crate::harness::{Row, Sample, quantiles};

pub const ROWS: &[Row<Runtime>] = &[
    Row::new("wake/parked", 200, wake_parked).quantiles(&["p50", "p99"]),
    Row::new("wake/saturated", 160_000, wake_saturated).quantiles(&["p50", "p99", "p99.9"]),
    Row::new("skewed/64", 64, skewed),
];

/// Waits for a wake from outside and notes when it was polled for it.
struct Bell(Arc<Ring>);

#[derive(Default)]
struct Ring {
    waker: std::sync::Mutex<Option<Waker>>,
    /// Set by whoever wakes, cleared by the poll that sees it.
    rung: AtomicBool,
    /// Nanoseconds from the wake to the poll, 0 while there is none.
    latency: AtomicU64,
    began: std::sync::Mutex<Option<Instant>>,
    over: AtomicBool,
}

impl Future for Bell {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let ring = &self.0;
        // Ordering: pairs with the Release of the ringing thread.
        if ring.rung.swap(false, Ordering::Acquire) {
            let began = ring.began.lock().unwrap().expect("rung");
            let latency = began.elapsed().as_nanos() as u64;
            // Ordering: pairs with the Acquire of the ringing thread.
            ring.latency.store(latency.max(1), Ordering::Release);
        }
        if ring.over.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        *ring.waker.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// A thread wakes a task of a runtime whose workers all sleep.
fn wake_parked(runtime: &Runtime, ops: u64) -> Sample {
    let ring = Arc::new(Ring::default());
    let task = runtime.spawn(Bell(ring.clone()));
    let mut latencies = Vec::new();
    for _ in 0..ops {
        // Long enough for every worker to have gone to sleep.
        std::thread::sleep(Duration::from_micros(200));
        let waker = loop {
            if let Some(waker) = ring.waker.lock().unwrap().take() {
                break waker;
            }
            std::thread::yield_now();
        };
        *ring.began.lock().unwrap() = Some(Instant::now());
        // Ordering: pairs with the Acquire of the poll.
        ring.rung.store(true, Ordering::Release);
        waker.wake();
        let latency = loop {
            // Ordering: pairs with the Release of the poll.
            match ring.latency.swap(0, Ordering::Acquire) {
                0 => std::thread::sleep(Duration::from_micros(20)),
                latency => break latency,
            }
        };
        latencies.push(latency);
    }
    ring.over.store(true, Ordering::Relaxed);
    while let Some(waker) = ring.waker.lock().unwrap().take() {
        waker.wake();
    }
    runtime.block_on(async {
        let _ = task.await;
    });
    Sample::values(quantiles(&mut latencies, &[0.5, 0.99]))
}

/// 16 tasks yield on all workers: from the yield to the next poll.
fn wake_saturated(runtime: &Runtime, ops: u64) -> Sample {
    const TASKS: u64 = 16;
    let share = ops / TASKS;
    let mut latencies = runtime.block_on(async move {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                rt::spawn(async move {
                    let mut latencies = Vec::with_capacity(share as usize);
                    let mut before = Instant::now();
                    for _ in 0..share {
                        rt::task::yield_now().await;
                        let now = Instant::now();
                        latencies.push(now.duration_since(before).as_nanos() as u64);
                        before = now;
                    }
                    latencies
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        all
    });
    Sample::values(quantiles(&mut latencies, &[0.5, 0.99, 0.999]))
}

/// One task spawns 64 that need between 10 µs and 2 ms of CPU, in slices of at most 100 µs.
fn skewed(runtime: &Runtime, ops: u64) -> Sample {
    super::timed(runtime, ops, async move {
        let tasks: Vec<_> = (0..ops)
            .map(|i| rt::spawn(crate::skew::task(i, rt::task::yield_now)))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    })
}

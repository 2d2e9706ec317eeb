//! Channels whose values are shared by many receivers.

use super::rt::sync::{broadcast, mpsc, watch};
use super::rt::{self, Runtime};
use crate::harness::{Row, Sample};

pub const ROWS: &[Row<Runtime>] = &[
    Row::new("watch/ping-pong", 50_000, watch_ping_pong),
    Row::new("watch/8-receivers", 5_000, watch_many),
    Row::new("broadcast/4-receivers", 50_000, broadcast_many),
];

fn watch_ping_pong(runtime: &Runtime, ops: u64) -> Sample {
    super::timed(runtime, ops, async move {
        let (ping, mut pinged) = watch::channel(0u64);
        let (pong, mut ponged) = watch::channel(0u64);
        let other = rt::spawn(async move {
            for _ in 0..ops {
                pinged.changed().await.unwrap();
                let value = *pinged.borrow_and_update();
                pong.send(value).unwrap();
            }
        });
        for i in 1..=ops {
            ping.send(i).unwrap();
            ponged.changed().await.unwrap();
            assert_eq!(*ponged.borrow_and_update(), i);
        }
        other.await.unwrap();
    })
}

/// Every value is seen by all eight before the next one is sent.
fn watch_many(runtime: &Runtime, ops: u64) -> Sample {
    const RECEIVERS: usize = 8;
    super::timed(runtime, ops, async move {
        let (sender, receiver) = watch::channel(0u64);
        let (seen, mut all_seen) = mpsc::channel(RECEIVERS);
        for _ in 0..RECEIVERS {
            let (mut receiver, seen) = (receiver.clone(), seen.clone());
            drop(rt::spawn(async move {
                while receiver.changed().await.is_ok() {
                    let value = *receiver.borrow_and_update();
                    if seen.send(value).await.is_err() {
                        break;
                    }
                }
            }));
        }
        for i in 1..=ops {
            sender.send(i).unwrap();
            for _ in 0..RECEIVERS {
                assert_eq!(all_seen.recv().await, Some(i));
            }
        }
    })
}

/// Bursts of 64 messages, each to four receivers.
fn broadcast_many(runtime: &Runtime, ops: u64) -> Sample {
    const RECEIVERS: usize = 4;
    const BURST: u64 = 64;
    super::timed(runtime, ops, async move {
        let (sender, _) = broadcast::channel(BURST as usize);
        let (seen, mut all_seen) = mpsc::channel(RECEIVERS);
        for _ in 0..RECEIVERS {
            let (mut receiver, seen) = (sender.subscribe(), seen.clone());
            drop(rt::spawn(async move {
                let mut received = 0u64;
                while let Ok(value) = receiver.recv().await {
                    std::hint::black_box(value);
                    received += 1;
                    if received.is_multiple_of(BURST) && seen.send(()).await.is_err() {
                        break;
                    }
                }
            }));
        }
        for _ in 0..ops / BURST {
            for i in 0..BURST {
                sender.send(i).unwrap();
            }
            for _ in 0..RECEIVERS {
                all_seen.recv().await.unwrap();
            }
        }
    })
}

//! Channels that every runtime here has.

use super::rt::sync::mpsc;
use super::rt::{self, Runtime};
use crate::harness::{Row, Sample};

pub const ROWS: &[Row<Runtime>] = &[
    Row::new("mpsc/bounded-1-1", 100_000, bounded_one),
    Row::new("mpsc/bounded-8-1", 100_000, bounded_many),
    Row::new("mpsc/unbounded-1-1", 100_000, unbounded_one),
    Row::new("mpsc/unbounded-8-1", 100_000, unbounded_many),
];

const CAPACITY: usize = 128;

fn bounded(runtime: &Runtime, ops: u64, producers: u64) -> Sample {
    super::timed(runtime, ops, async move {
        let (sender, mut receiver) = mpsc::channel(CAPACITY);
        for _ in 0..producers {
            let sender = sender.clone();
            drop(rt::spawn(async move {
                for i in 0..ops / producers {
                    sender.send(i).await.unwrap();
                }
            }));
        }
        drop(sender);
        let mut received = 0;
        while receiver.recv().await.is_some() {
            received += 1;
        }
        assert_eq!(received, ops / producers * producers);
    })
}

fn unbounded(runtime: &Runtime, ops: u64, producers: u64) -> Sample {
    super::timed(runtime, ops, async move {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        for _ in 0..producers {
            let sender = sender.clone();
            drop(rt::spawn(async move {
                for i in 0..ops / producers {
                    sender.send(i).unwrap();
                }
            }));
        }
        drop(sender);
        let mut received = 0;
        while receiver.recv().await.is_some() {
            received += 1;
        }
        assert_eq!(received, ops / producers * producers);
    })
}

fn bounded_one(runtime: &Runtime, ops: u64) -> Sample {
    bounded(runtime, ops, 1)
}

fn bounded_many(runtime: &Runtime, ops: u64) -> Sample {
    bounded(runtime, ops, 8)
}

fn unbounded_one(runtime: &Runtime, ops: u64) -> Sample {
    unbounded(runtime, ops, 1)
}

fn unbounded_many(runtime: &Runtime, ops: u64) -> Sample {
    unbounded(runtime, ops, 8)
}

//! `oneshot` and `Notify`.

use std::sync::Arc;

use super::rt::sync::{Notify, mpsc, oneshot};
use super::rt::{self, Runtime};
use crate::harness::{Row, Sample};

pub const ROWS: &[Row<Runtime>] = &[
    Row::new("oneshot/ping-pong", 10_000, ping_pong),
    Row::new("notify/ping-pong", 50_000, notify),
];

/// Pairs of tasks that each send the other one message.
fn ping_pong(runtime: &Runtime, ops: u64) -> Sample {
    super::timed(runtime, ops, async move {
        let (done, mut all_done) = mpsc::channel::<()>(1);
        for _ in 0..ops {
            let done = done.clone();
            drop(rt::spawn(async move {
                let (ping, pinged) = oneshot::channel();
                let (pong, ponged) = oneshot::channel();
                drop(rt::spawn(async move {
                    pinged.await.unwrap();
                    pong.send(()).unwrap();
                }));
                ping.send(()).unwrap();
                ponged.await.unwrap();
                drop(done);
            }));
        }
        drop(done);
        assert!(all_done.recv().await.is_none());
    })
}

fn notify(runtime: &Runtime, ops: u64) -> Sample {
    super::timed(runtime, ops, async move {
        let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let other = {
            let (ping, pong) = (ping.clone(), pong.clone());
            rt::spawn(async move {
                for _ in 0..ops {
                    ping.notified().await;
                    pong.notify_one();
                }
            })
        };
        for _ in 0..ops {
            ping.notify_one();
            pong.notified().await;
        }
        other.await.unwrap();
    })
}

//! How many bytes a client may send: what comes faster is read later, and the client's system holds it
//! back meanwhile. Requests are small; pings, settings and windows that never end are not to keep the
//! thread busy.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use zokio::time::{Instant, Sleep, sleep};

use crate::security::bucket::{Bucket, Rate};

/// Bytes from one connection.
const BYTES: Rate = Rate {
    burst: 1024 * 1024,
    per_second: 64 * 1024,
};

/// See the module.
pub(super) struct Inflow {
    bytes: Bucket,
    rest: Option<Pin<Box<Sleep>>>,
}

impl Inflow {
    pub(super) fn new() -> Inflow {
        Inflow {
            bytes: Bucket::new(BYTES, Instant::now()),
            rest: None,
        }
    }

    /// Ready when more may be read.
    pub(super) fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(rest) = &mut self.rest {
            if rest.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.rest = None;
        }
        Poll::Ready(())
    }

    /// So many were read.
    pub(super) fn add(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let wait = self.bytes.spend(bytes, Instant::now());
        if wait > Duration::ZERO {
            self.rest = Some(Box::pin(sleep(wait)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(inflow: &mut Inflow) {
        std::future::poll_fn(|cx| inflow.poll_open(cx)).await;
    }

    #[zokio::test(start_paused = true)]
    async fn what_comes_beyond_the_burst_is_read_at_the_steady_rate() {
        let (mut inflow, start) = (Inflow::new(), Instant::now());
        for _ in 0..256 {
            open(&mut inflow).await;
            inflow.add(4 * 1024);
        }
        open(&mut inflow).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..32 {
            open(&mut inflow).await;
            inflow.add(4 * 1024);
        }
        open(&mut inflow).await;
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }
}

//! Ticks.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::wrapper;
use crate::stream::Stream;
use crate::time::{Instant, Interval};

wrapper! {
    /// The ticks of an interval, with the instants for which they were set. Never ends.
    IntervalStream = Interval
}

impl Stream for IntervalStream {
    type Item = Instant;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.inner.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl futures_core::stream::FusedStream for IntervalStream {
    fn is_terminated(&self) -> bool {
        false
    }
}

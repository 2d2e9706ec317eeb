//! Signals.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::wrapper;
use crate::signal::unix::Signal;
use crate::stream::Stream;

wrapper! {
    /// The deliveries of a signal. Never ends.
    SignalStream = Signal
}

impl Stream for SignalStream {
    type Item = ();

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.inner.poll_recv(cx)
    }
}

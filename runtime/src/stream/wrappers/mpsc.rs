//! Receivers of channels that hand each message to one.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::wrapper;
use crate::stream::Stream;
use crate::sync::mpsc::{Receiver, UnboundedReceiver};

wrapper! {
    /// The messages of a bounded channel. Ends when all senders are gone, or after
    /// [`close`](Self::close), once all messages were received.
    ReceiverStream<T> = Receiver<T>
}

wrapper! {
    /// The messages of an unbounded channel. Ends when all senders are gone, or after
    /// [`close`](Self::close), once all messages were received.
    UnboundedReceiverStream<T> = UnboundedReceiver<T>
}

impl<T> ReceiverStream<T> {
    /// Lets nobody send any more; what was sent can be received still.
    pub fn close(&mut self) {
        self.inner.close();
    }
}

impl<T> UnboundedReceiverStream<T> {
    /// Lets nobody send any more; what was sent can be received still.
    pub fn close(&mut self) {
        self.inner.close();
    }
}

impl<T> Stream for ReceiverStream<T> {
    type Item = T;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.inner.poll_recv(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // After the end of sending, no more can come than messages and permits are out.
        let most = self
            .inner
            .is_closed()
            .then(|| self.inner.max_capacity() - self.inner.capacity());
        (self.inner.len(), most)
    }
}

impl<T> Stream for UnboundedReceiverStream<T> {
    type Item = T;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.inner.poll_recv(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let closed = self.inner.is_closed();
        let len = self.inner.len();
        (len, closed.then_some(len))
    }
}

impl<T> From<Receiver<T>> for ReceiverStream<T> {
    fn from(receiver: Receiver<T>) -> Self {
        Self::new(receiver)
    }
}

impl<T> From<UnboundedReceiver<T>> for UnboundedReceiverStream<T> {
    fn from(receiver: UnboundedReceiver<T>) -> Self {
        Self::new(receiver)
    }
}

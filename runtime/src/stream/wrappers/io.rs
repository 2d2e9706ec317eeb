//! Parts of a buffered reader's bytes.

#![expect(
    unsafe_code,
    reason = "pin projection to the reader, which may be pinned"
)]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::wrapper;
use crate::io::{AsyncBufRead, Lines, Split};
use crate::stream::Stream;

wrapper! {
    /// The lines of a reader, without their ends.
    LinesStream<R> = Lines<R>
}

wrapper! {
    /// What is between a reader's separators.
    SplitStream<R> = Split<R>
}

impl<R> LinesStream<R> {
    /// The lines, pinned with the stream.
    pub fn as_pin_mut(self: Pin<&mut Self>) -> Pin<&mut Lines<R>> {
        // SAFETY: `inner` is pinned with the stream: nothing moves it out of a pinned one, which
        // has no `Drop`, and is `Unpin` only if `inner` is.
        unsafe { self.map_unchecked_mut(|stream| &mut stream.inner) }
    }
}

impl<R> SplitStream<R> {
    /// The parts, pinned with the stream.
    pub fn as_pin_mut(self: Pin<&mut Self>) -> Pin<&mut Split<R>> {
        // SAFETY: as for `LinesStream`.
        unsafe { self.map_unchecked_mut(|stream| &mut stream.inner) }
    }
}

impl<R: AsyncBufRead> Stream for LinesStream<R> {
    type Item = io::Result<String>;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.as_pin_mut().poll_next_line(cx).map(Result::transpose)
    }
}

impl<R: AsyncBufRead> Stream for SplitStream<R> {
    type Item = io::Result<Vec<u8>>;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.as_pin_mut()
            .poll_next_segment(cx)
            .map(Result::transpose)
    }
}

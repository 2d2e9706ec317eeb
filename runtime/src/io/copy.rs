//! Copying from a reader to a writer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{AsyncRead, AsyncWrite, ReadBuf, take_budget};

/// The size of copies' buffers unless told otherwise.
pub(super) const DEFAULT_BUFFER_BYTES: usize = 8 * 1024;

/// One direction of a copy: what was read and not yet written.
///
/// Bytes `written..filled` of the buffer are still to be written. Each round takes one unit of
/// the task's budget: so a copy between streams that are always ready yields like everything else.
pub(super) struct CopyBuffer {
    bytes: Box<[u8]>,
    written: usize,
    filled: usize,
    copied: u64,
    at_end: bool,
    unflushed: bool,
}

/// Repeats an operation while it is interrupted.
macro_rules! uninterrupted {
    ($poll:expr) => {
        loop {
            match $poll {
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                polled => break polled,
            }
        }
    };
}
pub(super) use uninterrupted;

impl CopyBuffer {
    pub(super) fn new(size: usize) -> CopyBuffer {
        CopyBuffer {
            bytes: vec![0; size].into_boxed_slice(),
            written: 0,
            filled: 0,
            copied: 0,
            at_end: false,
            unflushed: false,
        }
    }

    /// Copies until the reader ends and the writer is flushed; how many bytes.
    pub(super) fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            ready!(take_budget(cx));
            if self.has_room() && self.poll_fill(cx, reader.as_mut())?.is_pending() {
                // What is there already is written in the meantime.
                if self.written == self.filled {
                    return self.poll_idle(cx, writer);
                }
            }
            while self.written < self.filled {
                ready!(self.poll_drain(cx, reader.as_mut(), writer.as_mut()))?;
            }
            (self.written, self.filled) = (0, 0);
            if self.at_end {
                ready!(writer.as_mut().poll_flush(cx))?;
                return Poll::Ready(Ok(self.copied));
            }
        }
    }

    fn has_room(&self) -> bool {
        !self.at_end && self.filled < self.bytes.len()
    }

    fn poll_fill<R: AsyncRead + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
    ) -> Poll<io::Result<()>> {
        let mut buf = ReadBuf::new(&mut self.bytes);
        buf.set_filled(self.filled);
        ready!(uninterrupted!(reader.as_mut().poll_read(cx, &mut buf)))?;
        let filled = buf.filled().len();
        self.at_end = filled == self.filled;
        self.filled = filled;
        Poll::Ready(Ok(()))
    }

    /// Writes once.
    fn poll_drain<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        let left = &self.bytes[self.written..self.filled];
        let Poll::Ready(n) = uninterrupted!(writer.as_mut().poll_write(cx, left)) else {
            // The writer has time: the next write shall be a larger one.
            if self.has_room() {
                ready!(self.poll_fill(cx, reader))?;
            }
            return Poll::Pending;
        };
        let n = n?;
        if n == 0 {
            let text = "write zero byte into writer";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::WriteZero, text)));
        }
        self.written += n;
        self.copied += n as u64;
        self.unflushed = true;
        debug_assert!(self.written <= self.filled, "more written than was there");
        Poll::Ready(Ok(()))
    }

    /// There is nothing to read now. What was written is flushed: the reader's next bytes may be
    /// an answer to it.
    fn poll_idle<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>> {
        if self.unflushed {
            ready!(writer.poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Pending
    }
}

/// Copies everything that `reader` gives to `writer`, and flushes it; how many bytes.
///
/// The buffer is of 8 KiB. While the reader has nothing, what was written is flushed.
///
/// # Errors
///
/// Those of the streams, at once, but for interrupted reads and writes, which are repeated.
/// `WriteZero` if the writer takes nothing.
///
/// # Cancel safety
///
/// Not cancel safe: what was read and not yet written is lost.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut reader: &[u8] = b"hello";
/// let mut writer = Vec::new();
/// assert_eq!(zokio::io::copy(&mut reader, &mut writer).await?, 5);
/// assert_eq!(writer, b"hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub async fn copy<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> io::Result<u64>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut buffer = CopyBuffer::new(DEFAULT_BUFFER_BYTES);
    std::future::poll_fn(|cx| buffer.poll_copy(cx, Pin::new(&mut *reader), Pin::new(&mut *writer)))
        .await
}

//! Copying from a reader that has a buffer of its own.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::copy::uninterrupted;
use super::{AsyncBufRead, AsyncWrite, take_budget};

/// As [`copy`](super::copy()), without a buffer in between: bytes are written from the reader's.
///
/// # Errors
///
/// Those of the streams, at once, but for interrupted reads and writes, which are repeated.
/// `WriteZero` if the writer takes nothing.
///
/// # Cancel safety
///
/// What was not written is still in the reader, but the count of what was is lost.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut reader: &[u8] = b"hello";
/// let mut writer = Vec::new();
/// assert_eq!(zokio::io::copy_buf(&mut reader, &mut writer).await?, 5);
/// assert_eq!(writer, b"hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub async fn copy_buf<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> io::Result<u64>
where
    R: AsyncBufRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    let mut copying = Copying {
        copied: 0,
        unflushed: false,
    };
    poll_fn(|cx| copying.poll(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))).await
}

struct Copying {
    copied: u64,
    unflushed: bool,
}

impl Copying {
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncBufRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            ready!(take_budget(cx));
            let bytes = match reader.as_mut().poll_fill_buf(cx) {
                Poll::Ready(Ok(bytes)) => bytes,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    // The reader's next bytes may be an answer to what was written.
                    if self.unflushed {
                        ready!(writer.as_mut().poll_flush(cx))?;
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            };
            if bytes.is_empty() {
                ready!(writer.as_mut().poll_flush(cx))?;
                return Poll::Ready(Ok(self.copied));
            }
            let n = ready!(uninterrupted!(writer.as_mut().poll_write(cx, bytes)))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            reader.as_mut().consume(n);
            self.copied += n as u64;
            self.unflushed = true;
        }
    }
}

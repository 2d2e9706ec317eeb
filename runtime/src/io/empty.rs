//! The stream that is at its end, and takes everything.

use std::fmt;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::sink::discards_writes;
use super::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf, take_budget};

/// Reads nothing, and forgets what is written; from [`empty`].
pub struct Empty {
    _private: (),
}

/// A stream whose reads are at the end at once, and whose writes succeed and go nowhere.
///
/// Each operation takes one unit of the task's budget, so a task that does nothing else still
/// yields to others.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use zokio::io::{AsyncReadExt, AsyncWriteExt, empty};
///
/// let mut text = String::new();
/// assert_eq!(empty().read_to_string(&mut text).await?, 0);
/// assert_eq!(empty().write(b"hello").await?, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn empty() -> Empty {
    Empty { _private: () }
}

impl AsyncRead for Empty {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        take_budget(cx).map(Ok)
    }
}

impl AsyncBufRead for Empty {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        take_budget(cx).map(|()| Ok(&[][..]))
    }

    fn consume(self: Pin<&mut Self>, _: usize) {}
}

discards_writes!(Empty);

impl AsyncSeek for Empty {
    fn start_seek(self: Pin<&mut Self>, _: SeekFrom) -> io::Result<()> {
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        take_budget(cx).map(|()| Ok(0))
    }
}

impl fmt::Debug for Empty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Empty { .. }")
    }
}

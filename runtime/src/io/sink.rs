//! The writer that forgets.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{AsyncWrite, take_budget};

/// Forgets what is written; from [`sink`].
pub struct Sink {
    _private: (),
}

/// A writer whose writes succeed and go nowhere.
///
/// Each operation takes one unit of the task's budget, so a task that does nothing else still
/// yields to others.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use zokio::io::{AsyncWriteExt, sink};
///
/// assert_eq!(sink().write(b"hello").await?, 5);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn sink() -> Sink {
    Sink { _private: () }
}

/// What throws away all that is written to it.
macro_rules! discards_writes {
    ($type:ty) => {
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                take_budget(cx).map(|()| Ok(buf.len()))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                ready!(take_budget(cx));
                Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                take_budget(cx).map(Ok)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                take_budget(cx).map(Ok)
            }
        }
    };
}
pub(super) use discards_writes;

discards_writes!(Sink);

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sink { .. }")
    }
}

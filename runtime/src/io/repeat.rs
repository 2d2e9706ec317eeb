//! The reader that gives one byte for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{AsyncRead, ReadBuf, take_budget};

/// Gives one byte for ever; from [`repeat`].
#[derive(Debug)]
pub struct Repeat {
    byte: u8,
}

/// A reader that fills every buffer with `byte`, and never ends.
///
/// Each read takes one unit of the task's budget, so a task that does nothing else still yields
/// to others.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use zokio::io::{AsyncReadExt, repeat};
///
/// let mut bytes = [0; 3];
/// repeat(7).read_exact(&mut bytes).await?;
/// assert_eq!(bytes, [7, 7, 7]);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn repeat(byte: u8) -> Repeat {
    Repeat { byte }
}

impl AsyncRead for Repeat {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(take_budget(cx));
        let room = buf.remaining();
        buf.initialize_unfilled().fill(self.byte);
        buf.advance(room);
        Poll::Ready(Ok(()))
    }
}

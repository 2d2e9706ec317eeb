//! Between tokio's I/O traits and hyper's.

#![expect(
    unsafe_code,
    reason = "buffers are filled without being initialised first; pin projection"
)]

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};

use crate::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Makes hyper's I/O of tokio's, and tokio's of hyper's.
///
/// zokio's own sockets need none. It is for what wraps them (a TLS stream to serve HTTP on) and for
/// what hyper gives back (an upgraded connection to speak another protocol on).
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use hyper::rt::Write;
/// use std::{future::poll_fn, pin::Pin};
/// use zokio::{io::AsyncReadExt, rt::HyperIo};
///
/// let (a, mut b) = zokio::io::duplex(64);
/// let mut a = HyperIo::new(a);
/// poll_fn(|cx| Write::poll_write(Pin::new(&mut a), cx, b"hello")).await.unwrap();
/// drop(a);
/// let mut text = String::new();
/// b.read_to_string(&mut text).await.unwrap();
/// assert_eq!(text, "hello");
/// # });
/// ```
#[derive(Debug)]
pub struct HyperIo<T> {
    inner: T,
}

impl<T> HyperIo<T> {
    /// Wraps a stream of either kind.
    pub fn new(inner: T) -> HyperIo<T> {
        HyperIo { inner }
    }

    /// What is wrapped.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// What is wrapped.
    pub fn inner_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Gives back what was wrapped.
    pub fn into_inner(self) -> T {
        self.inner
    }

    fn project(self: Pin<&mut Self>) -> Pin<&mut T> {
        // SAFETY: `inner` is pinned with the wrapper: nothing moves it out of a pinned one, which
        // has no `Drop`, and is `Unpin` only if `inner` is.
        unsafe { self.map_unchecked_mut(|io| &mut io.inner) }
    }
}

impl<T: AsyncRead> Read for HyperIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: a `ReadBuf` lets nobody write what is not initialised.
        let room = unsafe { buf.as_mut() };
        let start = room.as_ptr().cast::<u8>();
        let mut theirs = ReadBuf::uninit(room);
        ready!(self.project().poll_read(cx, &mut theirs))?;
        let filled = theirs.filled();
        assert_eq!(start, filled.as_ptr(), "the buffer was replaced");
        let n = filled.len();
        // SAFETY: the `ReadBuf` was still that of `room`, whose first `n` bytes it says are filled.
        unsafe { buf.advance(n) };
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite> Write for HyperIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().poll_write_vectored(cx, bufs)
    }
}

impl<T: Read> AsyncRead for HyperIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: hyper's `ReadBuf` lets nobody write what is not initialised.
        let room = unsafe { buf.unfilled_mut() };
        let mut theirs = hyper::rt::ReadBuf::uninit(room);
        ready!(self.project().poll_read(cx, theirs.unfilled()))?;
        let n = theirs.filled().len();
        // SAFETY: the first `n` bytes of `room` are filled, and so initialised.
        unsafe { buf.assume_init(n) };
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl<T: Write> AsyncWrite for HyperIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use std::task::Waker;

    fn context() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    #[test]
    fn bytes_pass_through_both_directions_of_the_adapter() {
        let runtime = crate::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let (a, mut b) = duplex(64);
            // tokio's as hyper's, and that as tokio's again
            let mut a = HyperIo::new(HyperIo::new(a));
            a.write_all(b"ping").await.unwrap();
            a.flush().await.unwrap();
            let mut memory = [0; 4];
            b.read_exact(&mut memory).await.unwrap();
            assert_eq!(&memory, b"ping");
            b.write_all(b"pong!").await.unwrap();
            a.read_exact(&mut memory).await.unwrap();
            assert_eq!(&memory, b"pong");
            drop(b);
            let mut rest = Vec::new();
            a.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"!");
        });
    }

    #[test]
    fn read_adds_to_what_the_buffer_holds() {
        let mut io = HyperIo::new(HyperIo::new(&b"cd"[..]));
        let mut memory = [0; 4];
        let mut buf = ReadBuf::new(&mut memory);
        buf.put_slice(b"ab");
        let read = AsyncRead::poll_read(Pin::new(&mut io), &mut context(), &mut buf);
        assert!(matches!(read, Poll::Ready(Ok(()))));
        assert_eq!(buf.filled(), b"abcd");
    }

    #[test]
    fn shutdown_reaches_what_is_wrapped() {
        let (a, b) = duplex(64);
        let mut a = HyperIo::new(HyperIo::new(a));
        let shut = AsyncWrite::poll_shutdown(Pin::new(&mut a), &mut context());
        assert!(matches!(shut, Poll::Ready(Ok(()))));
        let mut memory = [0; 4];
        let mut buf = ReadBuf::new(&mut memory);
        let end = AsyncRead::poll_read(Pin::new(&mut { b }), &mut context(), &mut buf);
        assert!(matches!(end, Poll::Ready(Ok(()))));
        assert!(buf.filled().is_empty());
    }

    #[test]
    #[should_panic(expected = "the buffer was replaced")]
    fn reader_that_replaces_the_buffer_is_found_out() {
        struct Liar;

        impl AsyncRead for Liar {
            fn poll_read(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                *buf = ReadBuf::new(&mut []);
                Poll::Ready(Ok(()))
            }
        }

        let mut memory = [0; 4];
        let mut buf = hyper::rt::ReadBuf::new(&mut memory);
        let _ = Read::poll_read(
            Pin::new(&mut HyperIo::new(Liar)),
            &mut context(),
            buf.unfilled(),
        );
    }
}

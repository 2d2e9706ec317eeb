//! hyper's I/O traits on zokio's streams.

#![expect(
    unsafe_code,
    reason = "hyper's buffer is filled without being initialised first"
)]

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};

use crate::io::AsyncWrite;
use crate::net::TcpStream;
#[cfg(unix)]
use crate::net::UnixStream;

macro_rules! hyper_stream {
    ($stream:ty) => {
        impl Read for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut buf: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                // SAFETY: nothing is written to it but by the system, which writes initialised
                // bytes.
                let room = unsafe { buf.as_mut() };
                let n = ready!(self.poll_read_uninit(cx, room))?;
                // SAFETY: the system has filled `n` bytes from the front.
                unsafe { buf.advance(n) };
                Poll::Ready(Ok(()))
            }
        }

        impl Write for $stream {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_shutdown(self, cx)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored(self, cx, bufs)
            }
        }
    };
}

hyper_stream!(TcpStream);
#[cfg(unix)]
hyper_stream!(UnixStream);

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::runtime::Builder;
    use std::future::poll_fn;

    #[test]
    fn bytes_pass_through_hypers_traits() {
        Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async {
                let (mut a, mut b) = UnixStream::pair().unwrap();
                let parts = [IoSlice::new(b"hel"), IoSlice::new(b"lo")];
                let sent =
                    poll_fn(|cx| Write::poll_write_vectored(Pin::new(&mut a), cx, &parts)).await;
                assert_eq!(sent.unwrap(), 5);
                poll_fn(|cx| Write::poll_shutdown(Pin::new(&mut a), cx))
                    .await
                    .unwrap();
                let mut memory = [0; 16];
                let mut buf = hyper::rt::ReadBuf::new(&mut memory);
                for expected in [5, 5] {
                    poll_fn(|cx| Read::poll_read(Pin::new(&mut b), cx, buf.unfilled()))
                        .await
                        .unwrap();
                    assert_eq!(buf.filled().len(), expected);
                }
                assert_eq!(buf.filled(), b"hello");
            });
    }
}

//! The pipes to a child.

#![expect(unsafe_code, reason = "reads into memory that is not initialised")]

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};

use mio::unix::pipe;

use crate::driver::poll_evented::PollEvented;
use crate::driver::scheduled_io::WaitPoints;
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use crate::net::unix::pipe::fd;

static STDIN: WaitPoints = WaitPoints::new("child stdin", "read", "write");
static STDOUT: WaitPoints = WaitPoints::new("child stdout", "read", "write");
static STDERR: WaitPoints = WaitPoints::new("child stderr", "read", "write");

/// Writes to a child's standard input. The child sees its end when this is dropped.
#[derive(Debug)]
pub struct ChildStdin {
    io: PollEvented<pipe::Sender>,
}

/// Reads a child's standard output.
#[derive(Debug)]
pub struct ChildStdout {
    io: PollEvented<pipe::Receiver>,
}

/// Reads a child's standard error.
#[derive(Debug)]
pub struct ChildStderr {
    io: PollEvented<pipe::Receiver>,
}

macro_rules! stream {
    ($stream:ident, $pipe:ident, $interest:ident, $points:ident) => {
        impl $stream {
            /// From a stream of the standard library, which is made non-blocking.
            ///
            /// # Errors
            ///
            /// If the system refuses to make it non-blocking or to wait on it.
            ///
            /// # Panics
            ///
            /// Outside of a runtime with I/O enabled.
            #[track_caller]
            pub fn from_std(inner: std::process::$stream) -> io::Result<$stream> {
                let pipe = pipe::$pipe::from(inner);
                pipe.set_nonblocking(true)?;
                Ok($stream {
                    io: PollEvented::with(pipe, Interest::$interest, true, &$points)?,
                })
            }

            /// The descriptor, in blocking mode, as other programs expect it.
            ///
            /// # Errors
            ///
            /// If the system does not let it go.
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                let pipe = self.io.into_inner()?;
                pipe.set_nonblocking(false)?;
                Ok(pipe.into())
            }
        }

        // A panic in a poll leaves the pipe as it was: the driver's state has locks of its own.
        impl UnwindSafe for $stream {}
        impl RefUnwindSafe for $stream {}

        impl TryFrom<$stream> for Stdio {
            type Error = io::Error;

            fn try_from(stream: $stream) -> io::Result<Stdio> {
                stream.into_owned_fd().map(Stdio::from)
            }
        }

        impl AsRawFd for $stream {
            fn as_raw_fd(&self) -> RawFd {
                self.io.as_raw_fd()
            }
        }

        impl AsFd for $stream {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.io.as_fd()
            }
        }
    };
}

stream!(ChildStdin, Sender, WRITABLE, STDIN);
stream!(ChildStdout, Receiver, READABLE, STDOUT);
stream!(ChildStderr, Receiver, READABLE, STDERR);

impl AsyncWrite for ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// A pipe keeps nothing back.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Does nothing: a pipe ends when it is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ChildStdout {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_read(&self.io, cx, buf)
    }
}

impl AsyncRead for ChildStderr {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll_read(&self.io, cx, buf)
    }
}

fn poll_read(
    io: &PollEvented<pipe::Receiver>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    if buf.remaining() == 0 {
        return Poll::Ready(Ok(()));
    }
    // SAFETY: nothing is written to it but by the system, which writes initialised bytes.
    let room = unsafe { buf.unfilled_mut() };
    let n = ready!(io.poll_read_with(cx, room, fd::read))?;
    // SAFETY: `fd::read` has filled `n` bytes from the front.
    unsafe { buf.assume_init(n) };
    buf.advance(n);
    Poll::Ready(Ok(()))
}

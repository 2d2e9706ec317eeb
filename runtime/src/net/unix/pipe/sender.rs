//! The writing end of a pipe.

use std::fs::File;
use std::future::Future;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{POINTS, fd};
use crate::driver::poll_evented::PollEvented;
use crate::driver::readiness::Direction;
use crate::io::{AsyncWrite, Interest, Ready};

/// The writing end of a pipe.
///
/// Write it through [`AsyncWriteExt`](crate::io::AsyncWriteExt). The other end has come to its end
/// when all senders are dropped: `shutdown` does nothing. Writing when there is no receiver fails
/// with `BrokenPipe`.
#[derive(Debug)]
pub struct Sender {
    io: PollEvented<mio::unix::pipe::Sender>,
}

impl Sender {
    #[track_caller]
    pub(super) fn new(pipe: mio::unix::pipe::Sender) -> io::Result<Sender> {
        Ok(Sender {
            io: PollEvented::with(pipe, Interest::WRITABLE, true, &POINTS)?,
        })
    }

    /// From a file that was opened before. It is set to non-blocking mode, and with it all that
    /// share its description.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is no pipe or not open for writing; those of the system.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn from_file(file: File) -> io::Result<Sender> {
        Sender::from_owned_fd(file.into())
    }

    /// From a descriptor. It is set to non-blocking mode, and with it all that share its
    /// description.
    ///
    /// # Errors
    ///
    /// As [`from_file`](Sender::from_file).
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn from_owned_fd(owned_fd: OwnedFd) -> io::Result<Sender> {
        let refusal = "not in O_WRONLY or O_RDWR access mode";
        fd::prepare(&owned_fd, libc::O_WRONLY, refusal)?;
        Sender::from_owned_fd_unchecked(owned_fd)
    }

    /// From a file that is known to be a pipe, open for writing and in non-blocking mode. If it is
    /// not, operations may fail, block the thread, or never be woken.
    ///
    /// # Errors
    ///
    /// If the system does not take it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn from_file_unchecked(file: File) -> io::Result<Sender> {
        Sender::from_owned_fd_unchecked(file.into())
    }

    /// From a descriptor that is known to be what
    /// [`from_file_unchecked`](Sender::from_file_unchecked) needs.
    ///
    /// # Errors
    ///
    /// If the system does not take it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn from_owned_fd_unchecked(owned_fd: OwnedFd) -> io::Result<Sender> {
        Sender::new(mio::unix::pipe::Sender::from(owned_fd))
    }

    /// Waits until the pipe is ready for a part of `interest` and says for what. It may also
    /// return when it is not: `try_*` then fails with `WouldBlock`. Cancel safe.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn ready(
        &self,
        interest: Interest,
    ) -> impl Future<Output = io::Result<Ready>> + Send + Sync + Unpin + '_ {
        self.io.ready(interest)
    }

    /// Waits until the pipe can be written or has ended. See [`ready`](Sender::ready).
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> + Send + Sync + Unpin + '_ {
        self.io.ready_for(Interest::WRITABLE)
    }

    /// [`writable`](Sender::writable) for hand-written futures: only the latest caller, writers
    /// included, is woken.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Write, cx)
    }

    /// Writes as much as there is room for. Up to `PIPE_BUF` bytes are written as one or not at all.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room, `BrokenPipe` if there is no receiver.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.io
            .try_io(Interest::WRITABLE, || (&mut &*self.io).write(buf))
    }

    /// [`try_write`](Sender::try_write) of several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// As [`try_write`](Sender::try_write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io
            .try_io(Interest::WRITABLE, || (&mut &*self.io).write_vectored(bufs))
    }

    /// Makes a system call of the caller's own, if it may succeed. `f` must be non-blocking and
    /// return `WouldBlock` only if the system refused it because the pipe is not ready.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the pipe is not ready, and errors of `f`.
    pub fn try_io<R>(&self, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.try_io(Interest::WRITABLE, || (*self.io).try_io(f))
    }

    /// The descriptor, in blocking mode.
    ///
    /// # Errors
    ///
    /// If the system does not let it go.
    pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
        let owned_fd = self.into_nonblocking_fd()?;
        fd::set_blocking(&owned_fd)?;
        Ok(owned_fd)
    }

    /// The descriptor, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If the system does not let it go.
    pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
        Ok(self.io.into_inner()?.into())
    }
}

impl AsyncWrite for Sender {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io
            .poll_with(Direction::Write, cx, || (&mut &*self.io).write(buf))
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

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsRawFd for Sender {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

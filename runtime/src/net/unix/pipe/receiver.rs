//! The reading end of a pipe.

use std::fs::File;
use std::future::Future;
use std::io::{self, IoSliceMut, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;

use super::{POINTS, fd};
use crate::driver::poll_evented::PollEvented;
use crate::driver::readiness::Direction;
use crate::io::{AsyncRead, Interest, ReadBuf, Ready};

/// The reading end of a pipe.
///
/// Read it through [`AsyncReadExt`](crate::io::AsyncReadExt). It is at its end when there is no
/// sender.
#[derive(Debug)]
pub struct Receiver {
    io: PollEvented<mio::unix::pipe::Receiver>,
}

impl Receiver {
    #[track_caller]
    pub(super) fn new(pipe: mio::unix::pipe::Receiver) -> io::Result<Receiver> {
        // Without a sender yet a read would find the end: it waits for the first event.
        Ok(Receiver {
            io: PollEvented::with(pipe, Interest::READABLE, false, &POINTS)?,
        })
    }

    /// From a file that was opened before. It is set to non-blocking mode, and with it all that
    /// share its description.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is no pipe or not open for reading; those of the system.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn from_file(file: File) -> io::Result<Receiver> {
        Receiver::from_owned_fd(file.into())
    }

    /// From a descriptor. It is set to non-blocking mode, and with it all that share its
    /// description.
    ///
    /// # Errors
    ///
    /// As [`from_file`](Receiver::from_file).
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn from_owned_fd(owned_fd: OwnedFd) -> io::Result<Receiver> {
        let refusal = "not in O_RDONLY or O_RDWR access mode";
        fd::prepare(&owned_fd, libc::O_RDONLY, refusal)?;
        Receiver::from_owned_fd_unchecked(owned_fd)
    }

    /// From a file that is known to be a pipe, open for reading and in non-blocking mode. If it is
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
    pub fn from_file_unchecked(file: File) -> io::Result<Receiver> {
        Receiver::from_owned_fd_unchecked(file.into())
    }

    /// From a descriptor that is known to be what
    /// [`from_file_unchecked`](Receiver::from_file_unchecked) needs.
    ///
    /// # Errors
    ///
    /// If the system does not take it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn from_owned_fd_unchecked(owned_fd: OwnedFd) -> io::Result<Receiver> {
        Receiver::new(mio::unix::pipe::Receiver::from(owned_fd))
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

    /// Waits until the pipe can be read or has ended. See [`ready`](Receiver::ready).
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> + Send + Sync + Unpin + '_ {
        self.io.ready_for(Interest::READABLE)
    }

    /// [`readable`](Receiver::readable) for hand-written futures: only the latest caller, readers
    /// included, is woken.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Read, cx)
    }

    /// Reads what is there. 0: there is no sender, or `buf` is empty.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there, and those of the system.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io
            .try_io(Interest::READABLE, || (&mut &*self.io).read(buf))
    }

    /// [`try_read`](Receiver::try_read) into several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Receiver::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io
            .try_io(Interest::READABLE, || (&mut &*self.io).read_vectored(bufs))
    }

    /// [`try_read`](Receiver::try_read) into a buffer that grows, or whose position moves on, by
    /// what was read.
    ///
    /// # Errors
    ///
    /// As [`try_read`](Receiver::try_read).
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.io
            .try_io(Interest::READABLE, || fd::read_into(&*self.io, buf))
    }

    /// Makes a system call of the caller's own, if it may succeed. `f` must be non-blocking and
    /// return `WouldBlock` only if the system refused it because the pipe is not ready.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the pipe is not ready, and errors of `f`.
    pub fn try_io<R>(&self, f: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.io.try_io(Interest::READABLE, || (*self.io).try_io(f))
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

impl AsyncRead for Receiver {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.io
            .poll_with(Direction::Read, cx, || fd::read_into(&*self.io, buf))
            .map_ok(drop)
    }
}

impl AsRawFd for Receiver {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

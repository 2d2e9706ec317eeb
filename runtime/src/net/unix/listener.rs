//! Accepting connections on a Unix socket.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::task::{Context, Poll};

use super::{SocketAddr, UnixStream, address_of};
use crate::driver::poll_evented::PollEvented;
use crate::driver::readiness::Direction;
use crate::driver::scheduled_io::WaitPoints;
use crate::io::Interest;

static POINTS: WaitPoints = WaitPoints::new("unix", "accept", "accept");

/// A Unix socket that connections come in on.
///
/// Dropping it does not remove its path: remove it before binding it again.
pub struct UnixListener {
    io: PollEvented<mio::net::UnixListener>,
}

impl UnixListener {
    /// Listens on a path, or on Linux, if that begins with a NUL byte, on an abstract name.
    ///
    /// # Errors
    ///
    /// If the path exists, its folder does not, or the system refuses it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        let address = address_of(path.as_ref())?;
        UnixListener::new(mio::net::UnixListener::bind_addr(&address)?)
    }

    /// Listens on an address.
    ///
    /// # Errors
    ///
    /// As [`bind`](UnixListener::bind).
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::new(mio::net::UnixListener::bind_addr(&address.0)?)
    }

    #[track_caller]
    pub(super) fn new(listener: mio::net::UnixListener) -> io::Result<UnixListener> {
        Ok(UnixListener {
            io: PollEvented::with(listener, Interest::READABLE, true, &POINTS)?,
        })
    }

    /// From a listener of the standard library, which must be in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If the system has no room for it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled; on Unix, in builds with debug assertions, also if it
    /// is in blocking mode.
    #[track_caller]
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        crate::net::check_nonblocking(&listener)?;
        UnixListener::new(mio::net::UnixListener::from_std(listener))
    }

    /// To a listener of the standard library, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If the system does not let it go.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixListener> {
        Ok(self.io.into_inner()?.into())
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The error that is pending on the socket, which it then forgets.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    /// Waits for a connection.
    ///
    /// Cancel safe: no accepted connection is lost.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn accept(
        &self,
    ) -> impl Future<Output = io::Result<(UnixStream, SocketAddr)>> + Send + Sync + Unpin + '_ {
        self.io.read_with(|| self.accept_now())
    }

    /// [`accept`](UnixListener::accept) for hand-written futures: only the latest caller is
    /// woken.
    ///
    /// # Errors
    ///
    /// As [`accept`](UnixListener::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        self.io.poll_with(Direction::Read, cx, || self.accept_now())
    }

    fn accept_now(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, peer) = self.io.accept()?;
        Ok((UnixStream::accepted(stream)?, SocketAddr(peer)))
    }
}

crate::net::stream::descriptor!(UnixListener);

impl TryFrom<std::os::unix::net::UnixListener> for UnixListener {
    type Error = io::Error;

    fn try_from(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        UnixListener::from_std(listener)
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self.io).fmt(f)
    }
}

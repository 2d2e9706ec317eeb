//! Datagrams over Unix sockets.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::path::Path;
use std::task::{Context, Poll};

use super::SocketAddr;
use crate::driver::poll_evented::PollEvented;
use crate::driver::readiness::Direction;
use crate::driver::scheduled_io::WaitPoints;
use crate::io::{Interest, ReadBuf, Ready};
use crate::net::recv::{self, Socket};

mod buf;

static POINTS: WaitPoints = WaitPoints::new("unix", "recv", "send");

/// A Unix socket for datagrams.
///
/// All methods take `&self`: share it in an `Arc` to send and receive from different tasks.
/// Dropping it does not remove its path.
pub struct UnixDatagram {
    io: PollEvented<mio::net::UnixDatagram>,
}

impl UnixDatagram {
    /// A socket at a path.
    ///
    /// # Errors
    ///
    /// If the path exists, its folder does not, or the system refuses it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        UnixDatagram::new(mio::net::UnixDatagram::bind(path)?)
    }

    /// Two sockets connected to each other.
    ///
    /// # Errors
    ///
    /// If the system has no sockets left.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (a, b) = mio::net::UnixDatagram::pair()?;
        let (a, b) = (UnixDatagram::new(a)?, UnixDatagram::new(b)?);
        for socket in [&a, &b] {
            socket.io.registration().assume_ready(Ready::WRITABLE);
        }
        Ok((a, b))
    }

    /// A socket without an address.
    ///
    /// # Errors
    ///
    /// If the system has no sockets left.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::new(mio::net::UnixDatagram::unbound()?)
    }

    #[track_caller]
    pub(super) fn new(socket: mio::net::UnixDatagram) -> io::Result<UnixDatagram> {
        Ok(UnixDatagram {
            io: PollEvented::new(socket, &POINTS)?,
        })
    }

    /// From a socket of the standard library, which must be in non-blocking mode.
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
    pub fn from_std(socket: std::os::unix::net::UnixDatagram) -> io::Result<UnixDatagram> {
        crate::net::check_nonblocking(&socket)?;
        UnixDatagram::new(mio::net::UnixDatagram::from_std(socket))
    }

    /// To a socket of the standard library, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If the system does not let it go.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixDatagram> {
        Ok(self.io.into_inner()?.into())
    }

    /// Sets the path that [`send`](UnixDatagram::send) sends to.
    ///
    /// # Errors
    ///
    /// If there is no socket at that path.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.io.connect(path)
    }

    /// The address of this side.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    ///
    /// If it is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr().map(SocketAddr)
    }

    /// The error that is pending on the socket, which it then forgets.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    /// Ends sending, receiving or both.
    ///
    /// # Errors
    ///
    /// If it is not connected.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.shutdown(how)
    }

    /// Waits until the socket is ready for a part of `interest` and says for what. It may also
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

    /// Waits until a datagram can be received. See [`ready`](UnixDatagram::ready).
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> + Send + Sync + Unpin + '_ {
        self.io.ready_for(Interest::READABLE)
    }

    /// Waits until a datagram can be sent. See [`ready`](UnixDatagram::ready).
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> + Send + Sync + Unpin + '_ {
        self.io.ready_for(Interest::WRITABLE)
    }

    /// [`readable`](UnixDatagram::readable) for hand-written futures: only the latest caller,
    /// receivers included, is woken.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Read, cx)
    }

    /// [`writable`](UnixDatagram::writable) for hand-written futures: only the latest caller,
    /// senders included, is woken.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Write, cx)
    }

    /// Sends a datagram to the connected address. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn send<'a>(
        &'a self,
        buf: &'a [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + Sync + Unpin + 'a {
        self.io.write_with(|| self.io.send(buf))
    }

    /// [`send`](UnixDatagram::send) for hand-written futures: only the latest caller is woken.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io
            .poll_with(Direction::Write, cx, || self.io.send(buf))
    }

    /// Sends a datagram to the connected address, if there is room.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, || self.io.send(buf))
    }

    /// Sends a datagram to a path. Cancel safe.
    ///
    /// # Errors
    ///
    /// If there is no socket at that path, and those of the system.
    pub fn send_to<'a, P: AsRef<Path> + 'a>(
        &'a self,
        buf: &'a [u8],
        target: P,
    ) -> impl Future<Output = io::Result<usize>> + Unpin + use<'a, P> {
        self.io
            .write_with(move || self.io.send_to(buf, target.as_ref()))
    }

    /// [`send_to`](UnixDatagram::send_to) for hand-written futures: only the latest caller is
    /// woken.
    ///
    /// # Errors
    ///
    /// As [`send_to`](UnixDatagram::send_to).
    pub fn poll_send_to<P: AsRef<Path>>(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: P,
    ) -> Poll<io::Result<usize>> {
        self.io.poll_with(Direction::Write, cx, || {
            self.io.send_to(buf, target.as_ref())
        })
    }

    /// Sends a datagram to a path, if there is room.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and as [`send_to`](UnixDatagram::send_to).
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        self.io
            .try_io(Interest::WRITABLE, || self.io.send_to(buf, target))
    }

    /// Receives a datagram. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn recv<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + Unpin + 'a {
        self.io.read_with(|| self.io.recv(buf))
    }

    /// [`recv`](UnixDatagram::recv) for hand-written futures: only the latest caller is woken.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        recv::poll_message(&self.io, cx, buf, recv::recv).map_ok(drop)
    }

    /// Receives a datagram, if there is one.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, || self.io.recv(buf))
    }

    /// Receives a datagram and says from whom. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn recv_from<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send + Unpin + 'a {
        self.io.read_with(|| {
            let (n, from) = self.io.recv_from(buf)?;
            Ok((n, SocketAddr(from)))
        })
    }

    /// [`recv_from`](UnixDatagram::recv_from) for hand-written futures: only the latest caller is
    /// woken.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        recv::poll_message(&self.io, cx, buf, buf::recv_from).map_ok(|(_, from)| from)
    }

    /// Receives a datagram, if there is one, and says from whom.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.try_io(Interest::READABLE, || {
            let (n, from) = self.io.recv_from(buf)?;
            Ok((n, SocketAddr(from)))
        })
    }

    /// Makes a system call of the caller's own, if it may succeed. `f` must be non-blocking and
    /// return `WouldBlock` only if the system refused it because the socket is not ready.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the socket is not ready, and errors of `f`.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(interest, || self.io.through(f))
    }

    /// Makes a system call of the caller's own as soon as it does not block. See
    /// [`try_io`](UnixDatagram::try_io). Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of `f`, but for `WouldBlock`.
    pub fn async_io<'a, R: 'a>(
        &'a self,
        interest: Interest,
        mut f: impl FnMut() -> io::Result<R> + 'a,
    ) -> impl Future<Output = io::Result<R>> + Unpin {
        self.io.async_io(interest, move || self.io.through(&mut f))
    }
}

crate::net::stream::descriptor!(UnixDatagram);

impl TryFrom<std::os::unix::net::UnixDatagram> for UnixDatagram {
    type Error = io::Error;

    fn try_from(socket: std::os::unix::net::UnixDatagram) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(socket)
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self.io).fmt(f)
    }
}

//! A TCP socket before it is connected or listens.

#![expect(
    unsafe_code,
    reason = "`FromRawFd` and its like are unsafe traits to call"
)]

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::connect::Connecting;
use super::{TcpListener, TcpStream};
use crate::net::options::{ip_options, socket_options};

/// A TCP socket whose options can be set before it is connected or listens.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use zokio::net::TcpSocket;
///
/// let socket = TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.bind("127.0.0.1:0".parse().unwrap())?;
/// let listener = socket.listen(128)?;
/// assert_ne!(listener.local_addr()?.port(), 0);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct TcpSocket {
    inner: Socket,
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    ///
    /// If the system has no socket left.
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV4)
    }

    /// A socket for IPv6.
    ///
    /// # Errors
    ///
    /// If the system has no socket left, or no IPv6.
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV6)
    }

    fn new(domain: Domain) -> io::Result<TcpSocket> {
        let inner = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        inner.set_nonblocking(true)?;
        Ok(TcpSocket { inner })
    }

    socket_options! { |this| this.inner;
        "Whether the system probes an idle connection (`SO_KEEPALIVE`).",
        keepalive / set_keepalive: bool = keepalive / set_keepalive;
        "Whether an address still held by closed connections can be bound (`SO_REUSEADDR`).",
        reuseaddr / set_reuseaddr: bool = reuse_address / set_reuse_address;
        "Whether small writes are sent at once (`TCP_NODELAY`).",
        nodelay / set_nodelay: bool = tcp_nodelay / set_tcp_nodelay;
    }

    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    socket_options! { |this| this.inner;
        "Whether several sockets can listen on one address (`SO_REUSEPORT`).",
        reuseport / set_reuseport: bool = reuse_port / set_reuse_port;
    }

    ip_options! { |this| this.inner }

    /// The size of the send buffer in bytes; the system may report more than was set.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        Ok(u32::try_from(self.inner.send_buffer_size()?).unwrap_or(u32::MAX))
    }

    /// Sets the size of the send buffer in bytes.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.inner.set_send_buffer_size(size as usize)
    }

    /// The size of the receive buffer in bytes; the system may report more than was set.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        Ok(u32::try_from(self.inner.recv_buffer_size()?).unwrap_or(u32::MAX))
    }

    /// Sets the size of the receive buffer in bytes.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.inner.set_recv_buffer_size(size as usize)
    }

    /// See [`TcpStream::linger`].
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.inner.linger()
    }

    /// See [`TcpStream::set_linger`].
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.inner.set_linger(linger)
    }

    /// See [`TcpStream::set_zero_linger`].
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// The address of this side.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()?.as_socket().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "invalid address family (not IPv4 or IPv6)",
            )
        })
    }

    /// The error that is pending on the socket, which it then forgets.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// Gives the socket an address of this side.
    ///
    /// # Errors
    ///
    /// If the address is in use, not this machine's, or not allowed.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.inner.bind(&addr.into())
    }

    /// Connects. See [`TcpStream::connect`].
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime with I/O enabled.
    pub fn connect(
        self,
        addr: SocketAddr,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send + Unpin {
        ConnectSocket(Stage::Start(Some((self.inner, addr))))
    }

    /// Listens, with room for `backlog` connections that have not been accepted.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.inner
            .listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        TcpListener::new(mio::net::TcpListener::from_std(self.inner.into()))
    }

    /// From a stream of the standard library, which need not be connected. It should be in
    /// non-blocking mode.
    pub fn from_std_stream(stream: std::net::TcpStream) -> TcpSocket {
        TcpSocket {
            inner: stream.into(),
        }
    }
}

/// Future of [`TcpSocket::connect`].
struct ConnectSocket(Stage);

enum Stage {
    Start(Option<(Socket, SocketAddr)>),
    Connecting(Connecting),
}

impl Future for ConnectSocket {
    type Output = io::Result<TcpStream>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        if let Stage::Start(start) = &mut self.0 {
            let (socket, addr) = start.take().expect("polled after it returned `Ready`");
            match socket.connect(&addr.into()) {
                Err(error) if !is_in_progress(&error) => return Poll::Ready(Err(error)),
                _ => {}
            }
            let stream = mio::net::TcpStream::from_std(socket.into());
            self.0 = Stage::Connecting(Connecting::new(stream)?);
        }
        let Stage::Connecting(connecting) = &mut self.0 else {
            return Poll::Pending;
        };
        Poll::Ready(ready!(Pin::new(connecting).poll(cx)))
    }
}

fn is_in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EINPROGRESS) {
        return true;
    }
    error.kind() == io::ErrorKind::WouldBlock
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.inner.as_raw_fd()
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for TcpSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

#[cfg(unix)]
impl std::os::fd::IntoRawFd for TcpSocket {
    fn into_raw_fd(self) -> std::os::fd::RawFd {
        self.inner.into_raw_fd()
    }
}

#[cfg(unix)]
impl std::os::fd::FromRawFd for TcpSocket {
    unsafe fn from_raw_fd(fd: std::os::fd::RawFd) -> TcpSocket {
        // SAFETY: the caller promises what `FromRawFd` asks for.
        let inner = unsafe { Socket::from_raw_fd(fd) };
        TcpSocket { inner }
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsRawSocket for TcpSocket {
    fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
        self.inner.as_raw_socket()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsSocket for TcpSocket {
    fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
        self.inner.as_socket()
    }
}

#[cfg(windows)]
impl std::os::windows::io::IntoRawSocket for TcpSocket {
    fn into_raw_socket(self) -> std::os::windows::io::RawSocket {
        self.inner.into_raw_socket()
    }
}

#[cfg(windows)]
impl std::os::windows::io::FromRawSocket for TcpSocket {
    unsafe fn from_raw_socket(socket: std::os::windows::io::RawSocket) -> TcpSocket {
        // SAFETY: the caller promises what `FromRawSocket` asks for.
        let inner = unsafe { Socket::from_raw_socket(socket) };
        TcpSocket { inner }
    }
}

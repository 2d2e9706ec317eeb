//! Accepting TCP connections.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::TcpStream;
use crate::driver::poll_evented::PollEvented;
use crate::driver::readiness::Direction;
use crate::driver::scheduled_io::WaitPoints;
use crate::net::ToSocketAddrs;
use crate::net::addr::{self, Addresses, BindFirst, first_success};

static POINTS: WaitPoints = WaitPoints::new("tcp", "accept", "accept");

/// A TCP socket that connections come in on.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use zokio::net::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let _client = TcpStream::connect(listener.local_addr()?).await?;
/// let (_server, peer) = listener.accept().await?;
/// assert!(peer.ip().is_loopback());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct TcpListener {
    io: PollEvented<mio::net::TcpListener>,
}

impl TcpListener {
    /// Listens on the first of the addresses that can be bound. Port 0 lets the system choose.
    ///
    /// `SO_REUSEADDR` is set (not on Windows), the backlog is 1024; [`TcpSocket`] leaves the
    /// choice.
    ///
    /// # Errors
    ///
    /// The last address's error, or that of the name lookup.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime with I/O enabled.
    ///
    /// [`TcpSocket`]: super::TcpSocket
    pub fn bind<A: ToSocketAddrs>(
        addr: A,
    ) -> impl Future<Output = io::Result<TcpListener>> + Unpin + use<A> {
        addr::bind(addr)
    }

    #[track_caller]
    pub(super) fn new(listener: mio::net::TcpListener) -> io::Result<TcpListener> {
        let interest = crate::io::Interest::READABLE;
        Ok(TcpListener {
            io: PollEvented::with(listener, interest, true, &POINTS)?,
        })
    }

    /// Waits for a connection.
    ///
    /// Cancel safe: no accepted connection is lost.
    ///
    /// # Errors
    ///
    /// Those of the system. One about a single connection, or a lack of descriptors, says nothing
    /// about the listener: wait a moment and go on.
    pub fn accept(
        &self,
    ) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send + Sync + Unpin + '_ {
        self.io.read_with(|| self.accept_now())
    }

    /// [`accept`](TcpListener::accept) for hand-written futures: only the latest caller is woken.
    ///
    /// # Errors
    ///
    /// As [`accept`](TcpListener::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        self.io.poll_with(Direction::Read, cx, || self.accept_now())
    }

    fn accept_now(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.io.accept()?;
        Ok((TcpStream::accepted(stream)?, peer))
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
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        #[cfg(unix)]
        crate::net::check_nonblocking(&listener)?;
        TcpListener::new(mio::net::TcpListener::from_std(listener))
    }

    /// To a listener of the standard library, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If the system does not let it go.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(self.io.into_inner()?.into())
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The time to live of its packets.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.ttl()
    }

    /// Sets the time to live of its packets.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.set_ttl(ttl)
    }
}

impl BindFirst for TcpListener {
    #[track_caller]
    fn bind_first(addresses: Addresses) -> io::Result<TcpListener> {
        TcpListener::new(first_success(addresses, mio::net::TcpListener::bind)?)
    }
}

crate::net::stream::descriptor!(TcpListener);

impl TryFrom<std::net::TcpListener> for TcpListener {
    type Error = io::Error;

    fn try_from(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self.io).fmt(f)
    }
}

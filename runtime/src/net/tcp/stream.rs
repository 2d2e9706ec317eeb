//! A TCP connection.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BufMut;
use socket2::SockRef;

use super::connect::Connect;
use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::driver::poll_evented::PollEvented;
use crate::driver::readiness::Direction;
use crate::driver::registration::Registration;
use crate::driver::scheduled_io::WaitPoints;
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use crate::net::{ToSocketAddrs, recv};

static POINTS: WaitPoints = WaitPoints::new("tcp", "read", "write");

/// A TCP connection between this side and a peer.
///
/// Read and write it through [`AsyncReadExt`](crate::io::AsyncReadExt) and
/// [`AsyncWriteExt`](crate::io::AsyncWriteExt). Dropping it closes the connection;
/// [`shutdown`](crate::io::AsyncWriteExt::shutdown) ends the writing side only.
///
/// ```no_run
/// # async fn f() -> std::io::Result<()> {
/// use zokio::io::AsyncWriteExt;
/// use zokio::net::TcpStream;
///
/// let mut stream = TcpStream::connect("localhost:8080").await?;
/// stream.write_all(b"hello").await?;
/// # Ok(())
/// # }
/// ```
pub struct TcpStream {
    io: PollEvented<mio::net::TcpStream>,
}

impl TcpStream {
    /// Connects to the first of the addresses that takes the connection.
    ///
    /// Cancelled by dropping it.
    ///
    /// # Errors
    ///
    /// The last address's error, or that of the name lookup.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime with I/O enabled.
    pub fn connect<A: ToSocketAddrs>(
        addr: A,
    ) -> impl Future<Output = io::Result<TcpStream>> + Unpin + use<A> {
        Connect::new(addr)
    }

    #[track_caller]
    pub(super) fn new(stream: mio::net::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream {
            io: PollEvented::new(stream, &POINTS)?,
        })
    }

    /// A stream that counts as ready until an operation is refused: a client that connects mostly
    /// sends at once.
    #[track_caller]
    pub(super) fn accepted(stream: mio::net::TcpStream) -> io::Result<TcpStream> {
        let stream = TcpStream::new(stream)?;
        let both = Ready::READABLE | Ready::WRITABLE;
        stream.registration().assume_ready(both);
        Ok(stream)
    }

    /// A stream whose becoming writable is the news.
    #[track_caller]
    pub(super) fn connecting(stream: mio::net::TcpStream) -> io::Result<TcpStream> {
        let both = Interest::READABLE | Interest::WRITABLE;
        Ok(TcpStream {
            io: PollEvented::with(stream, both, false, &POINTS)?,
        })
    }

    pub(super) fn registration(&self) -> &Registration {
        self.io.registration()
    }

    /// From a stream of the standard library, which must be connected and in non-blocking mode.
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
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        #[cfg(unix)]
        crate::net::check_nonblocking(&stream)?;
        TcpStream::new(mio::net::TcpStream::from_std(stream))
    }

    /// To a stream of the standard library, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If the system does not let it go.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        Ok(self.io.into_inner()?.into())
    }

    /// The address of this side.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The address of the other side.
    ///
    /// # Errors
    ///
    /// If the stream is not connected any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr()
    }

    /// Reads without taking: the next read sees the same bytes.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    pub fn peek<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + Unpin + 'a {
        self.io.read_with(|| self.io.peek(buf))
    }

    /// [`peek`](TcpStream::peek) for hand-written futures: only the latest caller is woken.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let peek = |socket: &SockRef<'_>, room: &mut [_]| Ok((socket.peek(room)?, ()));
        recv::poll_message(&self.io, cx, buf, peek).map_ok(|(n, ())| n)
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io.nodelay()
    }

    /// Sets whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.set_nodelay(nodelay)
    }

    /// Whether acknowledgements are sent at once (`TCP_QUICKACK`). The system may change it by
    /// itself.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    pub fn quickack(&self) -> io::Result<bool> {
        SockRef::from(self).tcp_quickack()
    }

    /// Sets whether acknowledgements are sent at once (`TCP_QUICKACK`), until the system decides
    /// otherwise.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        SockRef::from(self).set_tcp_quickack(quickack)
    }

    /// How long closing it waits for unsent data (`SO_LINGER`).
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self).linger()
    }

    /// Sets how long closing it waits for unsent data (`SO_LINGER`). Closing a socket with a
    /// linger other than zero stops the thread: prefer
    /// [`set_zero_linger`](TcpStream::set_zero_linger).
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        SockRef::from(self).set_linger(linger)
    }

    /// Makes closing it drop unsent data and reset the connection.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
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

crate::net::stream::stream!(TcpStream);
crate::net::stream::descriptor!(TcpStream);

impl TryFrom<std::net::TcpStream> for TcpStream {
    type Error = io::Error;

    fn try_from(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_std(stream)
    }
}

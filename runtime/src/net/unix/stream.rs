//! A connection over a Unix socket.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BufMut;

use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::{SocketAddr, UCred, address_of, ucred};
use crate::driver::poll_evented::PollEvented;
use crate::driver::readiness::Direction;
use crate::driver::scheduled_io::WaitPoints;
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use crate::net::recv;
use crate::telemetry::waits::WaitPoint;

static POINTS: WaitPoints = WaitPoints::new("unix", "read", "write");
static CONNECT: WaitPoint = WaitPoint::new("unix", "connect");

/// A connection between two Unix sockets.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use zokio::io::{AsyncReadExt, AsyncWriteExt};
/// use zokio::net::UnixStream;
///
/// let (mut a, mut b) = UnixStream::pair()?;
/// a.write_all(b"hello").await?;
/// drop(a);
/// let mut text = String::new();
/// b.read_to_string(&mut text).await?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct UnixStream {
    io: PollEvented<mio::net::UnixStream>,
}

impl UnixStream {
    /// Connects to the listener at a path, or on Linux, if that begins with a NUL byte, at an
    /// abstract name. Cancelled by dropping it.
    ///
    /// # Errors
    ///
    /// If nobody listens there, or the system refuses it.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime with I/O enabled.
    pub fn connect<P: AsRef<Path>>(
        path: P,
    ) -> impl Future<Output = io::Result<UnixStream>> + Unpin + use<P> {
        UnixStream::connect_with(move || {
            mio::net::UnixStream::connect_addr(&address_of(path.as_ref())?)
        })
    }

    /// Connects to the listener at an address.
    ///
    /// # Errors
    ///
    /// As [`connect`](UnixStream::connect).
    ///
    /// # Panics
    ///
    /// As [`connect`](UnixStream::connect).
    pub fn connect_addr(
        address: &SocketAddr,
    ) -> impl Future<Output = io::Result<UnixStream>> + Send + Sync + Unpin + '_ {
        UnixStream::connect_with(move || mio::net::UnixStream::connect_addr(&address.0))
    }

    /// A stream that `connect` begins to connect.
    pub(super) fn connect_with<F>(
        connect: F,
    ) -> impl Future<Output = io::Result<UnixStream>> + Unpin + use<F>
    where
        F: FnOnce() -> io::Result<mio::net::UnixStream>,
    {
        Connecting::Start(Some(connect))
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
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (a, b) = mio::net::UnixStream::pair()?;
        let (a, b) = (UnixStream::new(a)?, UnixStream::new(b)?);
        for stream in [&a, &b] {
            stream.io.registration().assume_ready(Ready::WRITABLE);
        }
        Ok((a, b))
    }

    /// A stream that counts as ready until an operation is refused.
    #[track_caller]
    pub(super) fn accepted(stream: mio::net::UnixStream) -> io::Result<UnixStream> {
        let stream = UnixStream::new(stream)?;
        let both = Ready::READABLE | Ready::WRITABLE;
        stream.io.registration().assume_ready(both);
        Ok(stream)
    }

    #[track_caller]
    pub(super) fn new(stream: mio::net::UnixStream) -> io::Result<UnixStream> {
        Ok(UnixStream {
            io: PollEvented::new(stream, &POINTS)?,
        })
    }

    /// From a stream of the standard library, which must be in non-blocking mode.
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
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
        crate::net::check_nonblocking(&stream)?;
        UnixStream::new(mio::net::UnixStream::from_std(stream))
    }

    /// To a stream of the standard library, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If the system does not let it go.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixStream> {
        Ok(self.io.into_inner()?.into())
    }

    /// The address of this side.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The address of the other side.
    ///
    /// # Errors
    ///
    /// If the stream is not connected any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr().map(SocketAddr)
    }

    /// Who the other side was when it connected or listened.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn peer_cred(&self) -> io::Result<UCred> {
        ucred::of_peer(self)
    }
}

crate::net::stream::stream!(UnixStream);
crate::net::stream::descriptor!(UnixStream);

impl TryFrom<std::os::unix::net::UnixStream> for UnixStream {
    type Error = io::Error;

    fn try_from(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
        UnixStream::from_std(stream)
    }
}

/// Future of `connect`: calls its function, then waits until the socket is writable.
enum Connecting<F> {
    Start(Option<F>),
    Waiting(Option<UnixStream>),
}

/// The function is never pinned.
impl<F> Unpin for Connecting<F> {}

impl<F: FnOnce() -> io::Result<mio::net::UnixStream>> Future for Connecting<F> {
    type Output = io::Result<UnixStream>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        let location = Some(Location::caller());
        if let Connecting::Start(connect) = &mut *self {
            let connect = connect.take().expect("polled after it returned `Ready`");
            let both = Interest::READABLE | Interest::WRITABLE;
            let io = PollEvented::with(connect()?, both, false, &POINTS)?;
            *self = Connecting::Waiting(Some(UnixStream { io }));
        }
        let Connecting::Waiting(waiting) = &mut *self else {
            return Poll::Pending;
        };
        let stream = waiting.as_ref().expect("polled after it returned `Ready`");
        let registration = stream.io.registration();
        ready!(registration.poll_ready(Direction::Write, cx, &CONNECT, location))?;
        let error = stream.take_error()?;
        let stream = waiting.take().expect("present above");
        Poll::Ready(error.map_or(Ok(stream), Err))
    }
}

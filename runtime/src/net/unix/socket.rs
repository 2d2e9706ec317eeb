//! A Unix socket before it is connected, listens, or sends datagrams.

#![expect(unsafe_code, reason = "`FromRawFd` is an unsafe trait to call")]

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, RawFd};
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::{UnixDatagram, UnixListener, UnixStream};

/// A Unix socket that has not become a [`UnixStream`], [`UnixListener`] or [`UnixDatagram`] yet,
/// so that its options can be set and its address be bound before.
///
/// Options that have no method here can be set through the descriptor.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use zokio::net::UnixSocket;
///
/// # let folder = std::env::temp_dir().join(format!("zokio-doc-socket-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("listener");
/// let socket = UnixSocket::new_stream()?;
/// socket.bind(&path)?;
/// let listener = socket.listen(16)?;
/// let client = UnixSocket::new_stream()?.connect(&path).await?;
/// let (server, _) = listener.accept().await?;
/// # drop((client, server));
/// # std::fs::remove_dir_all(folder)
/// # }).unwrap();
/// ```
pub struct UnixSocket {
    inner: Socket,
}

fn not_on(what: &str, kind: &str) -> io::Error {
    io::Error::other(format!("{what} cannot be called on a {kind} socket"))
}

impl UnixSocket {
    /// A socket for datagrams.
    ///
    /// # Errors
    ///
    /// If the system has no socket left.
    pub fn new_datagram() -> io::Result<UnixSocket> {
        UnixSocket::new(Type::DGRAM)
    }

    /// A socket for a stream or a listener.
    ///
    /// # Errors
    ///
    /// If the system has no socket left.
    pub fn new_stream() -> io::Result<UnixSocket> {
        UnixSocket::new(Type::STREAM)
    }

    fn new(kind: Type) -> io::Result<UnixSocket> {
        let inner = Socket::new(Domain::UNIX, kind, None)?;
        inner.set_nonblocking(true)?;
        Ok(UnixSocket { inner })
    }

    fn is(&self, kind: Type) -> io::Result<bool> {
        Ok(self.inner.r#type()? == kind)
    }

    /// Gives the socket a path, or on Linux, if that begins with a NUL byte, an abstract name.
    ///
    /// # Errors
    ///
    /// If the path exists, its folder does not, or the system refuses it.
    pub fn bind(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.inner.bind(&SockAddr::unix(path)?)
    }

    /// Listens, with room for `backlog` connections that have not been accepted.
    ///
    /// # Errors
    ///
    /// If the socket is for datagrams, and those of the system.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        if self.is(Type::DGRAM)? {
            return Err(not_on("listen", "datagram"));
        }
        self.inner
            .listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        UnixListener::new(mio::net::UnixListener::from_std(self.inner.into()))
    }

    /// Connects to the listener at a path, or on Linux, if that begins with a NUL byte, at an
    /// abstract name. Cancelled by dropping it.
    ///
    /// # Errors
    ///
    /// If the socket is for datagrams, and those of the system.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime with I/O enabled.
    pub fn connect<P: AsRef<Path>>(
        self,
        path: P,
    ) -> impl Future<Output = io::Result<UnixStream>> + Unpin + use<P> {
        UnixStream::connect_with(move || {
            if self.is(Type::DGRAM)? {
                return Err(not_on("connect", "datagram"));
            }
            match self.inner.connect(&SockAddr::unix(path)?) {
                Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
                _ => Ok(mio::net::UnixStream::from_std(self.inner.into())),
            }
        })
    }

    /// A socket that sends and receives datagrams.
    ///
    /// # Errors
    ///
    /// If the socket is for a stream.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        if self.is(Type::STREAM)? {
            return Err(not_on("datagram", "stream"));
        }
        UnixDatagram::new(mio::net::UnixDatagram::from_std(self.inner.into()))
    }
}

impl fmt::Debug for UnixSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixSocket")
            .field("inner", &self.inner)
            .finish()
    }
}

impl AsRawFd for UnixSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl AsFd for UnixSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl IntoRawFd for UnixSocket {
    fn into_raw_fd(self) -> RawFd {
        self.inner.into_raw_fd()
    }
}

impl FromRawFd for UnixSocket {
    unsafe fn from_raw_fd(fd: RawFd) -> UnixSocket {
        // SAFETY: the caller promises what `FromRawFd` asks for.
        let inner = unsafe { Socket::from_raw_fd(fd) };
        UnixSocket { inner }
    }
}

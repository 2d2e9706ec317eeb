//! Unix sockets ([`UnixListener`], [`UnixStream`], [`UnixDatagram`]), the halves of a stream, and
//! [`pipe`]s.

use std::fmt;
use std::io;
use std::os::unix::net;
use std::path::Path;

mod datagram;
mod listener;
pub mod pipe;
mod socket;
mod stream;
mod ucred;

pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use socket::UnixSocket;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::UnixStream;
pub use ucred::UCred;

/// A user's number.
#[expect(non_camel_case_types, reason = "the system's name")]
pub type uid_t = u32;

/// A group's number.
#[expect(non_camel_case_types, reason = "the system's name")]
pub type gid_t = u32;

/// A process's number.
#[expect(non_camel_case_types, reason = "the system's name")]
pub type pid_t = i32;

mod split {
    use super::UnixStream;

    crate::net::split::halves!(UnixStream, super::SocketAddr);
}

/// The address that a path stands for: on Linux, one that begins with a NUL byte is an abstract
/// name.
fn address_of(path: &Path) -> io::Result<net::SocketAddr> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        #[cfg(target_os = "android")]
        use std::os::android::net::SocketAddrExt;
        #[cfg(target_os = "linux")]
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::ffi::OsStrExt;
        if let [0, name @ ..] = path.as_os_str().as_bytes() {
            return net::SocketAddr::from_abstract_name(name);
        }
    }
    net::SocketAddr::from_pathname(path)
}

/// The address of a Unix socket: a path, an abstract name (Linux), or nothing.
#[derive(Clone)]
pub struct SocketAddr(std::os::unix::net::SocketAddr);

impl SocketAddr {
    /// Whether the socket has no address.
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// The path, if it is one.
    pub fn as_pathname(&self) -> Option<&Path> {
        self.0.as_pathname()
    }

    /// The name, if it is an abstract one.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        #[cfg(target_os = "android")]
        use std::os::android::net::SocketAddrExt;
        #[cfg(target_os = "linux")]
        use std::os::linux::net::SocketAddrExt;
        self.0.as_abstract_name()
    }
}

impl fmt::Debug for SocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<std::os::unix::net::SocketAddr> for SocketAddr {
    fn from(address: std::os::unix::net::SocketAddr) -> SocketAddr {
        SocketAddr(address)
    }
}

impl From<SocketAddr> for std::os::unix::net::SocketAddr {
    fn from(address: SocketAddr) -> std::os::unix::net::SocketAddr {
        address.0
    }
}

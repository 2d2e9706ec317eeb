//! Where connections come from: a TCP port or a Unix socket.

use std::io;
use std::net::SocketAddr;

#[cfg(unix)]
use zokio::net::UnixListener;
use zokio::net::{TcpListener, TcpSocket};

use crate::address::Address;
use crate::security::peers::Peer;

/// Connections that may wait to be accepted, if the system allows as many.
const BACKLOG: u32 = 1_024;

/// See the module. A Unix socket's file is removed when it is dropped.
pub(super) enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, std::path::PathBuf),
}

/// A connection of either kind.
pub(super) enum Accepted {
    Tcp(zokio::net::TcpStream),
    #[cfg(unix)]
    Unix(zokio::net::UnixStream),
}

impl Listener {
    pub(super) async fn bind(address: &Address) -> io::Result<Listener> {
        match address {
            Address::Tcp(addr) => Ok(Listener::Tcp(listen(*addr)?)),
            Address::Tls(addr) => Ok(Listener::Tls(listen(*addr)?)),
            #[cfg(unix)]
            Address::Unix(path) => {
                remove_dead_socket(path)?;
                let listener = UnixListener::bind(path)?;
                let listener = Listener::Unix(listener, path.clone());
                only_for_owner(path)?;
                Ok(listener)
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(super) fn address(&self) -> io::Result<Address> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            Listener::Tls(listener) => listener.local_addr().map(Address::Tls),
            #[cfg(unix)]
            Listener::Unix(_, path) => Ok(Address::Unix(path.clone())),
        }
    }

    /// The next connection, and who it is from.
    pub(super) async fn accept(&self) -> io::Result<(Accepted, Peer)> {
        match self {
            Listener::Tcp(listener) | Listener::Tls(listener) => {
                let (stream, from) = listener.accept().await?;
                // Updates are small and wanted now; a stream without it still works.
                drop(stream.set_nodelay(true));
                Ok((Accepted::Tcp(stream), Peer::of_ip(from.ip())))
            }
            #[cfg(unix)]
            Listener::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Accepted::Unix(stream), Peer::UnixSocket))
            }
        }
    }
}

#[cfg(unix)]
impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = self {
            // Nobody listens there any more; if it is gone already, so much the better.
            drop(std::fs::remove_file(path));
        }
    }
}

/// Listens. Many may wait to be accepted: were they few, a burst of connections that come to nothing
/// would cost others the second after which their system tries again.
fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As `TcpListener::bind` does: connections of a program that has ended do not hold its port.
    // (On Windows it would mean that two programs can have one port.)
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Removes a socket file that a dead program left behind; one that is listened on stays.
#[cfg(unix)]
fn remove_dead_socket(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;

    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

/// Other users of the machine do not get in.
#[cfg(unix)]
fn only_for_owner(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

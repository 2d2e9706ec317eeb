//! TCP, UDP and Unix sockets.
//!
//! The names, and what they do, are tokio's. Sockets belong to the runtime in whose context they
//! are made, and implement tokio's [`AsyncRead`](crate::io::AsyncRead) and
//! [`AsyncWrite`](crate::io::AsyncWrite).
//!
//! An operation makes its system call at once if that may succeed, and waits for the driver only
//! if it would have blocked.
//!
//! ```no_run
//! use zokio::io::{AsyncReadExt, AsyncWriteExt};
//! use zokio::net::TcpListener;
//!
//! # async fn serve() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! loop {
//!     let (mut stream, peer) = listener.accept().await?;
//!     zokio::spawn(async move {
//!         let mut buffer = [0; 1024];
//!         while let Ok(n @ 1..) = stream.read(&mut buffer).await {
//!             if stream.write_all(&buffer[..n]).await.is_err() {
//!                 return;
//!             }
//!         }
//!         drop((stream, peer));
//!     });
//! }
//! # }
//! ```

mod addr;
mod options;
mod recv;
mod split;
mod stream;
pub mod tcp;
mod udp;
#[cfg(unix)]
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix::{UnixDatagram, UnixListener, UnixSocket, UnixStream};

/// A socket of the standard library must be non-blocking before a runtime may have it: a blocking
/// one would stop a worker. Checked in builds with debug assertions only, as tokio does.
///
/// # Panics
///
/// If it is in blocking mode.
#[cfg(unix)]
#[track_caller]
fn check_nonblocking(socket: &impl std::os::fd::AsFd) -> std::io::Result<()> {
    debug_assert!(
        socket2::SockRef::from(socket).nonblocking()?,
        "Registering a blocking socket with the zokio runtime is unsupported. Call \
         `set_nonblocking(true)` before giving it to zokio."
    );
    Ok(())
}

#[cfg(test)]
mod tests;

//! Listening sockets.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::wrapper;
use crate::net::{TcpListener, TcpStream};
#[cfg(unix)]
use crate::net::{UnixListener, UnixStream};
use crate::stream::Stream;

wrapper! {
    /// The connections that a TCP listener accepts. Never ends: an error, of which running out of
    /// descriptors is one, may be followed by a connection.
    TcpListenerStream = TcpListener
}

impl Stream for TcpListenerStream {
    type Item = io::Result<TcpStream>;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = self.inner.poll_accept(cx);
        accepted.map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}

#[cfg(unix)]
wrapper! {
    /// The connections that a Unix listener accepts. Never ends: an error, of which running out of
    /// descriptors is one, may be followed by a connection.
    UnixListenerStream = UnixListener
}

#[cfg(unix)]
impl Stream for UnixListenerStream {
    type Item = io::Result<UnixStream>;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = self.inner.poll_accept(cx);
        accepted.map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}

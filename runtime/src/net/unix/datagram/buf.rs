//! Receiving into buffers that grow.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::net;

use bytes::BufMut;
use socket2::SockRef;

use super::UnixDatagram;
use crate::io::Interest;
use crate::net::recv;
use crate::net::unix::SocketAddr;

/// socket2's `recv_from`, with the address of a Unix socket.
pub(super) fn recv_from(
    socket: &SockRef<'_>,
    room: &mut [MaybeUninit<u8>],
) -> io::Result<(usize, SocketAddr)> {
    let (n, from) = socket.recv_from(room)?;
    let from = match from.as_unix() {
        Some(from) => from,
        // The system gives no address at all for a sender without one.
        None => net::SocketAddr::from_pathname("")?,
    };
    Ok((n, SocketAddr(from)))
}

impl UnixDatagram {
    /// [`try_recv`](UnixDatagram::try_recv) into a buffer that grows, or whose position moves on,
    /// by the size of the datagram. What does not fit the buffer's next chunk is cut off: reserve
    /// room before.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.io
            .try_io(Interest::READABLE, || self.recv_buf_now(buf))
    }

    /// [`recv`](UnixDatagram::recv) into a buffer that grows, or whose position moves on, by the
    /// size of the datagram. What does not fit the buffer's next chunk is cut off: reserve room
    /// before. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn recv_buf<'a, B: BufMut>(
        &'a self,
        buf: &'a mut B,
    ) -> impl Future<Output = io::Result<usize>> + Unpin + use<'a, B> {
        self.io.read_with(|| self.recv_buf_now(buf))
    }

    fn recv_buf_now<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        recv::into_buf(&*self.io, buf, recv::recv).map(|(n, ())| n)
    }

    /// [`try_recv_buf`](UnixDatagram::try_recv_buf) that says from whom.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        self.io.try_io(Interest::READABLE, || {
            recv::into_buf(&*self.io, buf, recv_from)
        })
    }

    /// [`recv_buf`](UnixDatagram::recv_buf) that says from whom. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn recv_buf_from<'a, B: BufMut>(
        &'a self,
        buf: &'a mut B,
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Unpin + use<'a, B> {
        self.io
            .read_with(|| recv::into_buf(&*self.io, buf, recv_from))
    }
}

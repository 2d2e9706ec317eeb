//! Receiving into buffers that grow.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use bytes::BufMut;
use socket2::SockRef;

use super::{UdpSocket, with_address};
use crate::io::Interest;
use crate::net::recv;

impl UdpSocket {
    /// [`try_recv`](UdpSocket::try_recv) into a buffer that grows, or whose position moves on,
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

    /// [`recv`](UdpSocket::recv) into a buffer that grows, or whose position moves on, by the size
    /// of the datagram. What does not fit the buffer's next chunk is cut off: reserve room before.
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system; also what came back from earlier datagrams.
    pub fn recv_buf<'a, B: BufMut>(
        &'a self,
        buf: &'a mut B,
    ) -> impl Future<Output = io::Result<usize>> + Unpin + use<'a, B> {
        self.io.read_with(|| self.recv_buf_now(buf))
    }

    fn recv_buf_now<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        recv::into_buf(&*self.io, buf, recv::recv).map(|(n, ())| n)
    }

    /// [`try_recv_buf`](UdpSocket::try_recv_buf) that says from whom.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        self.io
            .try_io(Interest::READABLE, || self.recv_buf_from_now(buf))
    }

    /// [`recv_buf`](UdpSocket::recv_buf) that says from whom. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn recv_buf_from<'a, B: BufMut>(
        &'a self,
        buf: &'a mut B,
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Unpin + use<'a, B> {
        self.io.read_with(|| self.recv_buf_from_now(buf))
    }

    fn recv_buf_from_now<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, SocketAddr)> {
        let receive = |s: &SockRef<'_>, room: &mut [_]| with_address(s.recv_from(room)?);
        recv::into_buf(&*self.io, buf, receive)
    }
}

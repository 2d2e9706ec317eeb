//! Receiving into memory that need not be initialised.

#![expect(
    unsafe_code,
    reason = "tells buffers how much of them the system has filled"
)]

use std::io;
use std::mem::MaybeUninit;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use mio::event::Source;
use socket2::SockRef;

use crate::driver::poll_evented::PollEvented;
use crate::io::ReadBuf;

#[cfg(unix)]
use std::os::fd::AsFd as AsSocket;
#[cfg(windows)]
use std::os::windows::io::AsSocket;

/// A socket whose system calls are not mio's own.
pub(crate) trait Socket: Source + AsSocket {
    /// Lets mio know whether `f` was refused (not all systems report events again by themselves).
    fn through<T>(&self, f: impl FnOnce() -> io::Result<T>) -> io::Result<T>;
}

macro_rules! sockets {
    ($($(#[$meta:meta])* $type:ty)*) => {$(
        $(#[$meta])*
        impl Socket for $type {
            fn through<T>(&self, f: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
                self.try_io(f)
            }
        }
    )*};
}

sockets! {
    mio::net::TcpStream
    mio::net::UdpSocket
    #[cfg(unix)]
    mio::net::UnixStream
    #[cfg(unix)]
    mio::net::UnixDatagram
}

/// Reads a stream.
pub(crate) fn poll_stream_uninit<S: Socket>(
    io: &PollEvented<S>,
    cx: &mut Context<'_>,
    buf: &mut [MaybeUninit<u8>],
) -> Poll<io::Result<usize>> {
    if buf.is_empty() {
        return Poll::Ready(Ok(0));
    }
    io.poll_read_with(cx, buf, |socket, buf| {
        socket.through(|| SockRef::from(socket).recv(buf))
    })
}

/// Reads a stream.
pub(super) fn poll_stream<S: Socket>(
    io: &PollEvented<S>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    // SAFETY: nothing is written to it but by the system, which writes initialised bytes.
    let room = unsafe { buf.unfilled_mut() };
    let n = ready!(poll_stream_uninit(io, cx, room))?;
    filled(buf, n);
    Poll::Ready(Ok(()))
}

/// A receiving system call of socket2: fills its argument from the front; by how much, and what it
/// returns besides.
type Receive<R> = fn(&SockRef<'_>, &mut [MaybeUninit<u8>]) -> io::Result<(usize, R)>;

/// Receives a message through `receive`.
pub(super) fn poll_message<S: Socket, R>(
    io: &PollEvented<S>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    receive: Receive<R>,
) -> Poll<io::Result<(usize, R)>> {
    // SAFETY: as in `poll_stream`.
    let room = unsafe { buf.unfilled_mut() };
    let direction = crate::driver::readiness::Direction::Read;
    let socket: &S = io;
    let (n, more) = ready!(io.poll_with(direction, cx, || {
        socket.through(|| receive(&SockRef::from(socket), room))
    }))?;
    let n = n.min(buf.remaining());
    filled(buf, n);
    Poll::Ready(Ok((n, more)))
}

/// Receives through `receive` into the next chunk of `buf`, and moves `buf` on behind it.
pub(super) fn into_buf<S: Socket, B: BufMut, R>(
    socket: &S,
    buf: &mut B,
    receive: Receive<R>,
) -> io::Result<(usize, R)> {
    // SAFETY: nothing is written to it but by the system, which writes initialised bytes.
    let room = unsafe { buf.chunk_mut().as_uninit_slice_mut() };
    let len = room.len();
    let (n, more) = socket.through(|| receive(&SockRef::from(socket), room))?;
    // Of a message that was cut off, some systems say how long it was.
    let n = n.min(len);
    // SAFETY: the system has filled `n` bytes of the chunk from the front: `receive` is one of
    // those that `filled` names.
    unsafe { buf.advance_mut(n) };
    Ok((n, more))
}

/// socket2's `recv`, for [`into_buf`] and [`poll_message`].
pub(super) fn recv(socket: &SockRef<'_>, room: &mut [MaybeUninit<u8>]) -> io::Result<(usize, ())> {
    Ok((socket.recv(room)?, ()))
}

/// Private to this module: `n` must be what a receiving system call on the unfilled part
/// returned. The functions passed to `poll_message` and `into_buf` are socket2's `recv`, `recv_from`, `peek` and
/// `peek_from`, which return just that.
fn filled(buf: &mut ReadBuf<'_>, n: usize) {
    // SAFETY: the system has filled `n` bytes from the front, see above.
    unsafe { buf.assume_init(n) };
    buf.advance(n);
}

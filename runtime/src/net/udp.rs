//! UDP.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use socket2::{SockAddr, SockRef};

use crate::driver::operation::{and_then, then};
use crate::driver::poll_evented::PollEvented;
use crate::driver::readiness::Direction;
use crate::driver::scheduled_io::WaitPoints;
use crate::io::{Interest, ReadBuf, Ready};
use crate::net::ToSocketAddrs;
use crate::net::addr::{self, Addresses, BindFirst, first_success, resolve};
use crate::net::recv::{self, Socket};

mod buf;
mod options;

static POINTS: WaitPoints = WaitPoints::new("udp", "recv", "send");

/// A UDP socket.
///
/// All methods take `&self`: share it in an `Arc` to send and receive from different tasks. A
/// datagram that does not fit the buffer is cut off.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use zokio::net::UdpSocket;
///
/// let (a, b) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
/// a.send_to(b"hello", b.local_addr()?).await?;
/// let mut buffer = [0; 64];
/// let (n, from) = b.recv_from(&mut buffer).await?;
/// assert_eq!((&buffer[..n], from), (b"hello".as_slice(), a.local_addr()?));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct UdpSocket {
    io: PollEvented<mio::net::UdpSocket>,
}

/// The answer of `recvfrom`: how much, from whom.
fn with_address((n, from): (usize, SockAddr)) -> io::Result<(usize, SocketAddr)> {
    match from.as_socket() {
        Some(from) => Ok((n, from)),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a sender without an IP address",
        )),
    }
}

impl UdpSocket {
    /// Binds the first of the addresses that can be bound. Port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// The last address's error, or that of the name lookup.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime with I/O enabled.
    pub fn bind<A: ToSocketAddrs>(
        addr: A,
    ) -> impl Future<Output = io::Result<UdpSocket>> + Unpin + use<A> {
        addr::bind(addr)
    }

    #[track_caller]
    fn new(socket: mio::net::UdpSocket) -> io::Result<UdpSocket> {
        Ok(UdpSocket {
            io: PollEvented::new(socket, &POINTS)?,
        })
    }

    /// From a socket of the standard library, which must be in non-blocking mode.
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
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        #[cfg(unix)]
        super::check_nonblocking(&socket)?;
        UdpSocket::new(mio::net::UdpSocket::from_std(socket))
    }

    /// To a socket of the standard library, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If the system does not let it go.
    pub fn into_std(self) -> io::Result<std::net::UdpSocket> {
        #[cfg(unix)]
        return Ok(std::os::fd::OwnedFd::from(self.io.into_inner()?).into());
        #[cfg(windows)]
        return Ok(std::os::windows::io::OwnedSocket::from(self.io.into_inner()?).into());
    }

    /// The address of this side.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The address that it was [connected](UdpSocket::connect) to.
    ///
    /// # Errors
    ///
    /// If it was not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr()
    }

    /// Sets the address that [`send`](UdpSocket::send) sends to and
    /// [`recv`](UdpSocket::recv) receives from: the first of those given that works.
    ///
    /// # Errors
    ///
    /// The last address's error, or that of the name lookup.
    pub fn connect<A: ToSocketAddrs>(
        &self,
        addr: A,
    ) -> impl Future<Output = io::Result<()>> + Unpin + use<'_, A> {
        then(resolve(addr), |addresses: io::Result<Addresses>| {
            first_success(addresses?, |address| self.io.connect(address))
        })
    }

    /// Waits until the socket is ready for a part of `interest` and says for what. It may also
    /// return when it is not: `try_*` then fails with `WouldBlock`. Cancel safe.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn ready(
        &self,
        interest: Interest,
    ) -> impl Future<Output = io::Result<Ready>> + Send + Sync + Unpin + '_ {
        self.io.ready(interest)
    }

    /// Waits until a datagram can be received. See [`ready`](UdpSocket::ready).
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> + Send + Sync + Unpin + '_ {
        self.io.ready_for(Interest::READABLE)
    }

    /// Waits until a datagram can be sent. See [`ready`](UdpSocket::ready).
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> + Send + Sync + Unpin + '_ {
        self.io.ready_for(Interest::WRITABLE)
    }

    /// [`readable`](UdpSocket::readable) for hand-written futures: only the latest caller,
    /// receivers included, is woken.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Read, cx)
    }

    /// [`writable`](UdpSocket::writable) for hand-written futures: only the latest caller,
    /// senders included, is woken.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(Direction::Write, cx)
    }

    /// Sends a datagram to the connected address. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system; also what came back from earlier datagrams.
    pub fn send<'a>(
        &'a self,
        buf: &'a [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + Sync + Unpin + 'a {
        self.io.write_with(|| self.io.send(buf))
    }

    /// [`send`](UdpSocket::send) for hand-written futures: only the latest caller is woken.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send).
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io
            .poll_with(Direction::Write, cx, || self.io.send(buf))
    }

    /// Sends a datagram to the connected address, if there is room.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.try_io(Interest::WRITABLE, || self.io.send(buf))
    }

    /// Receives a datagram from the connected address. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system; also what came back from earlier datagrams.
    pub fn recv<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + Unpin + 'a {
        self.io.read_with(|| self.io.recv(buf))
    }

    /// [`recv`](UdpSocket::recv) for hand-written futures: only the latest caller is woken.
    ///
    /// # Errors
    ///
    /// As [`recv`](UdpSocket::recv).
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        recv::poll_message(&self.io, cx, buf, recv::recv).map_ok(drop)
    }

    /// Receives a datagram from the connected address, if there is one.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, || self.io.recv(buf))
    }

    /// Sends a datagram to the first of the addresses given. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system and of the name lookup.
    pub fn send_to<'a, A: ToSocketAddrs + 'a>(
        &'a self,
        buf: &'a [u8],
        addr: A,
    ) -> impl Future<Output = io::Result<usize>> + Unpin + use<'a, A> {
        and_then(resolve(addr), move |mut addresses| match addresses.next() {
            Some(target) => Ok(self.io.write_with(move || self.io.send_to(buf, target))),
            None => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no addresses to send data to",
            )),
        })
    }

    /// [`send_to`](UdpSocket::send_to) for hand-written futures: only the latest caller is woken.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.io
            .poll_with(Direction::Write, cx, || self.io.send_to(buf, target))
    }

    /// Sends a datagram, if there is room.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.io
            .try_io(Interest::WRITABLE, || self.io.send_to(buf, target))
    }

    /// Receives a datagram and says from whom. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn recv_from<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send + Unpin + 'a {
        self.io.read_with(|| self.io.recv_from(buf))
    }

    /// [`recv_from`](UdpSocket::recv_from) for hand-written futures: only the latest caller is
    /// woken.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](UdpSocket::recv_from).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        let receive = |s: &SockRef<'_>, room: &mut [_]| with_address(s.recv_from(room)?);
        recv::poll_message(&self.io, cx, buf, receive).map_ok(|(_, from)| from)
    }

    /// Receives a datagram, if there is one, and says from whom.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io
            .try_io(Interest::READABLE, || self.io.recv_from(buf))
    }

    /// Receives from the connected address without taking the datagram. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn peek<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + Unpin + 'a {
        self.io.read_with(|| self.io.peek(buf))
    }

    /// [`peek`](UdpSocket::peek) for hand-written futures: only the latest caller is woken.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        recv::poll_message(&self.io, cx, buf, |s, room| Ok((s.peek(room)?, ()))).map_ok(drop)
    }

    /// [`peek`](UdpSocket::peek), if there is a datagram.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.try_io(Interest::READABLE, || self.io.peek(buf))
    }

    /// Receives without taking the datagram, and says from whom. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn peek_from<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send + Unpin + 'a {
        self.io.read_with(|| self.io.peek_from(buf))
    }

    /// [`peek_from`](UdpSocket::peek_from) for hand-written futures: only the latest caller is
    /// woken.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        let receive = |s: &SockRef<'_>, room: &mut [_]| with_address(s.peek_from(room)?);
        recv::poll_message(&self.io, cx, buf, receive).map_ok(|(_, from)| from)
    }

    /// [`peek_from`](UdpSocket::peek_from), if there is a datagram.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io
            .try_io(Interest::READABLE, || self.io.peek_from(buf))
    }

    /// Who sent the next datagram, without taking it. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn peek_sender(
        &self,
    ) -> impl Future<Output = io::Result<SocketAddr>> + Send + Sync + Unpin + '_ {
        self.io.read_with(|| self.peek_sender_now())
    }

    /// [`peek_sender`](UdpSocket::peek_sender) for hand-written futures: only the latest caller
    /// is woken.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.io
            .poll_with(Direction::Read, cx, || self.peek_sender_now())
    }

    /// [`peek_sender`](UdpSocket::peek_sender), if there is a datagram.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none, and those of the system.
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        self.io
            .try_io(Interest::READABLE, || self.peek_sender_now())
    }

    fn peek_sender_now(&self) -> io::Result<SocketAddr> {
        let sender = self.io.through(|| SockRef::from(&*self.io).peek_sender())?;
        with_address((0, sender)).map(|(_, from)| from)
    }

    /// Makes a system call of the caller's own, if it may succeed. `f` must be non-blocking and
    /// return `WouldBlock` only if the system refused it because the socket is not ready.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the socket is not ready, and errors of `f`.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.try_io(interest, || self.io.through(f))
    }

    /// Makes a system call of the caller's own as soon as it does not block. See
    /// [`try_io`](UdpSocket::try_io). Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of `f`, but for `WouldBlock`.
    pub fn async_io<'a, R: 'a>(
        &'a self,
        interest: Interest,
        mut f: impl FnMut() -> io::Result<R> + 'a,
    ) -> impl Future<Output = io::Result<R>> + Unpin {
        self.io.async_io(interest, move || self.io.through(&mut f))
    }

    /// The error that is pending on the socket, which it then forgets.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }
}

impl BindFirst for UdpSocket {
    #[track_caller]
    fn bind_first(addresses: Addresses) -> io::Result<UdpSocket> {
        UdpSocket::new(first_success(addresses, mio::net::UdpSocket::bind)?)
    }
}

super::stream::descriptor!(UdpSocket);

impl TryFrom<std::net::UdpSocket> for UdpSocket {
    type Error = io::Error;

    fn try_from(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        UdpSocket::from_std(socket)
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self.io).fmt(f)
    }
}

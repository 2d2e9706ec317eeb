//! What sockets and their futures are: `Send`, `Sync`, `Unpin`, safe to have across a panic.

use std::panic::{RefUnwindSafe, UnwindSafe};

use zokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, tcp};

fn all<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}

fn send<T: Send>(_: &T) {}

#[test]
fn tcp_and_udp_types_are_all() {
    all::<TcpListener>();
    all::<TcpStream>();
    all::<TcpSocket>();
    all::<UdpSocket>();
    all::<tcp::ReadHalf<'static>>();
    all::<tcp::WriteHalf<'static>>();
    all::<tcp::OwnedReadHalf>();
    all::<tcp::OwnedWriteHalf>();
    all::<tcp::ReuniteError>();
}

#[cfg(unix)]
#[test]
fn unix_types_are_all() {
    use zokio::net::{UnixDatagram, UnixListener, UnixSocket, UnixStream, unix};
    all::<UnixListener>();
    all::<UnixStream>();
    all::<UnixSocket>();
    all::<UnixDatagram>();
    all::<unix::ReadHalf<'static>>();
    all::<unix::WriteHalf<'static>>();
    all::<unix::OwnedReadHalf>();
    all::<unix::OwnedWriteHalf>();
    all::<unix::ReuniteError>();
    all::<unix::SocketAddr>();
    all::<unix::UCred>();
    all::<unix::pipe::Sender>();
    all::<unix::pipe::Receiver>();
    all::<unix::pipe::OpenOptions>();
}

#[test]
fn futures_can_be_sent() {
    send(&TcpListener::bind("127.0.0.1:0"));
    send(&TcpStream::connect("127.0.0.1:0"));
    send(&UdpSocket::bind(("localhost", 0)));
    send(&zokio::net::lookup_host("localhost:0"));
}

#[test]
fn socket_is_used_across_a_panic() {
    let runtime = zokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let caught = std::panic::catch_unwind(|| {
        let port = listener.local_addr().unwrap().port();
        std::panic::resume_unwind(Box::new(port));
    });
    let port = *caught.unwrap_err().downcast::<u16>().unwrap();
    assert_eq!(listener.local_addr().unwrap().port(), port);
}

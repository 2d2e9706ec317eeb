//! TCP sockets before they are connected or listen.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use zokio::io::{AsyncReadExt, AsyncWriteExt};
use zokio::net::{TcpListener, TcpSocket};

use crate::support::{ANY, closed_address, panic_of};

fn any() -> SocketAddr {
    ANY.into()
}

#[test]
fn socket_is_made_and_bound_outside_of_a_runtime() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(any()).unwrap();
    assert_ne!(socket.local_addr().unwrap().port(), 0);
}

#[test]
fn unbound_socket_has_the_unspecified_address() {
    let address = TcpSocket::new_v4().unwrap().local_addr().unwrap();
    assert!(address.ip().is_unspecified() && address.is_ipv4());
    assert_eq!(address.port(), 0);
}

#[test]
fn v6_socket_is_for_v6() {
    let address = TcpSocket::new_v6().unwrap().local_addr().unwrap();
    assert!(address.is_ipv6());
}

#[cfg(unix)]
#[test]
fn new_socket_does_not_block() {
    let socket = TcpSocket::new_v4().unwrap();
    assert!(socket2::SockRef::from(&socket).nonblocking().unwrap());
}

#[test]
fn keepalive_is_kept() {
    let socket = TcpSocket::new_v4().unwrap();
    assert!(!socket.keepalive().unwrap());
    socket.set_keepalive(true).unwrap();
    assert!(socket.keepalive().unwrap());
}

#[test]
fn reuseaddr_is_off_until_set() {
    let socket = TcpSocket::new_v4().unwrap();
    assert!(!socket.reuseaddr().unwrap());
    socket.set_reuseaddr(true).unwrap();
    assert!(socket.reuseaddr().unwrap());
}

#[cfg(unix)]
#[test]
fn reuseport_lets_two_sockets_have_one_address() {
    let (a, b) = (TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap());
    for socket in [&a, &b] {
        assert!(!socket.reuseport().unwrap());
        socket.set_reuseport(true).unwrap();
        assert!(socket.reuseport().unwrap());
    }
    a.bind(any()).unwrap();
    b.bind(a.local_addr().unwrap()).unwrap();
}

#[test]
fn nodelay_is_kept() {
    let socket = TcpSocket::new_v4().unwrap();
    assert!(!socket.nodelay().unwrap());
    socket.set_nodelay(true).unwrap();
    assert!(socket.nodelay().unwrap());
}

#[test]
fn linger_is_kept() {
    let socket = TcpSocket::new_v4().unwrap();
    assert_eq!(socket.linger().unwrap(), None);
    #[allow(deprecated, reason = "it is, in tokio")]
    socket.set_linger(Some(Duration::from_secs(2))).unwrap();
    assert_eq!(socket.linger().unwrap(), Some(Duration::from_secs(2)));
    socket.set_zero_linger().unwrap();
    assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO));
}

#[test]
fn buffer_sizes_are_at_least_what_was_asked_for() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(8192).unwrap();
    socket.set_recv_buffer_size(16384).unwrap();
    assert!(socket.send_buffer_size().unwrap() >= 8192);
    assert!(socket.recv_buffer_size().unwrap() >= 16384);
}

#[test]
fn type_of_service_is_kept() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_tos_v4(0x10).unwrap();
    assert_eq!(socket.tos_v4().unwrap(), 0x10);
}

#[test]
#[allow(deprecated, reason = "the old names are what is tested")]
fn old_names_of_the_type_of_service_are_there() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_tos(0x08).unwrap();
    assert_eq!(socket.tos().unwrap(), 0x08);
}

#[cfg(target_os = "linux")]
#[test]
fn traffic_class_is_kept() {
    let socket = TcpSocket::new_v6().unwrap();
    socket.set_tclass_v6(0x20).unwrap();
    assert_eq!(socket.tclass_v6().unwrap(), 0x20);
}

#[cfg(target_os = "linux")]
#[test]
fn socket_is_bound_to_no_device_until_told() {
    let socket = TcpSocket::new_v4().unwrap();
    assert_eq!(socket.device().unwrap(), None);
    let missing = socket.bind_device(Some(b"no-such-device"));
    assert!(missing.is_err());
    assert_eq!(socket.device().unwrap(), None);
}

#[test]
fn no_error_is_pending_on_a_new_socket() {
    let socket = TcpSocket::new_v4().unwrap();
    assert!(socket.take_error().unwrap().is_none());
}

#[test]
fn address_in_use_is_refused() {
    let held = std::net::TcpListener::bind(ANY).unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    let error = socket.bind(held.local_addr().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[zokio::test]
async fn bound_sockets_listen_and_connect() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(any()).unwrap();
    let listener = socket.listen(16).unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(any()).unwrap();
    let from = socket.local_addr().unwrap();
    let mut client = socket
        .connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (mut server, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, from);
    client.write_all(b"x").await.unwrap();
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
}

#[zokio::test]
async fn options_stay_when_the_socket_is_connected() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_nodelay(true).unwrap();
    let stream = socket
        .connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    assert!(stream.nodelay().unwrap());
}

#[zokio::test]
async fn connect_to_nobody_is_refused() {
    let socket = TcpSocket::new_v4().unwrap();
    let error = socket.connect(closed_address()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[zokio::test]
async fn socket_comes_from_the_standard_library() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let std: std::net::TcpStream = socket2::Socket::new(
        socket2::Domain::IPV4,
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )
    .unwrap()
    .into();
    std.set_nonblocking(true).unwrap();
    let socket = TcpSocket::from_std_stream(std);
    socket
        .connect(listener.local_addr().unwrap())
        .await
        .unwrap();
}

#[cfg(unix)]
#[test]
fn socket_goes_to_its_descriptor_and_back() {
    use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd};
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(any()).unwrap();
    let address = socket.local_addr().unwrap();
    let number = socket.as_raw_fd();
    assert_eq!(socket.as_fd().as_raw_fd(), number);
    assert_eq!(socket.into_raw_fd(), number);
    #[expect(unsafe_code, reason = "`FromRawFd` is what is tested")]
    // SAFETY: the descriptor is open, and nobody else's since `into_raw_fd` gave it away.
    let again = unsafe { TcpSocket::from_raw_fd(number) };
    assert_eq!(again.local_addr().unwrap(), address);
}

#[test]
fn debug_shows_the_socket() {
    let socket = TcpSocket::new_v4().unwrap();
    assert!(format!("{socket:?}").contains("Socket"));
}

#[test]
fn listen_outside_of_a_runtime_panics_at_the_caller() {
    let socket = TcpSocket::new_v4().unwrap();
    let (text, file) = panic_of(move || socket.listen(1));
    assert!(text.starts_with("there is no reactor running"), "{text}");
    assert!(file.ends_with("tests/net/tcp_socket.rs"), "{file}");
}

//! Unix sockets before they are connected, listen, or send datagrams.

use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd};

use zokio::io::{AsyncReadExt, AsyncWriteExt};
use zokio::net::{UnixListener, UnixSocket};

use crate::support::{Folder, panic_of};

#[zokio::test]
async fn stream_sockets_listen_and_connect() {
    let folder = Folder::new();
    let socket = UnixSocket::new_stream().unwrap();
    socket.bind(folder.join("a")).unwrap();
    let listener = socket.listen(16).unwrap();
    let socket = UnixSocket::new_stream().unwrap();
    socket.bind(folder.join("b")).unwrap();
    let mut client = socket.connect(folder.join("a")).await.unwrap();
    let (mut server, from) = listener.accept().await.unwrap();
    assert_eq!(from.as_pathname(), Some(folder.join("b").as_path()));
    client.write_all(b"x").await.unwrap();
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
}

#[zokio::test]
async fn datagram_sockets_send_and_receive() {
    let folder = Folder::new();
    let socket = UnixSocket::new_datagram().unwrap();
    socket.bind(folder.join("a")).unwrap();
    let a = socket.datagram().unwrap();
    let b = UnixSocket::new_datagram().unwrap().datagram().unwrap();
    b.send_to(b"x", folder.join("a")).await.unwrap();
    assert_eq!(a.recv(&mut [0; 8]).await.unwrap(), 1);
}

#[zokio::test]
async fn sockets_do_not_become_what_they_are_not() {
    let folder = Folder::new();
    let datagram = || UnixSocket::new_datagram().unwrap();
    let error = datagram().listen(1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(
        error.to_string(),
        "listen cannot be called on a datagram socket"
    );
    let error = datagram().connect(folder.join("a")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "connect cannot be called on a datagram socket"
    );
    let error = UnixSocket::new_stream().unwrap().datagram().unwrap_err();
    assert_eq!(
        error.to_string(),
        "datagram cannot be called on a stream socket"
    );
}

#[zokio::test]
async fn connect_where_nobody_is_fails() {
    let folder = Folder::new();
    let socket = UnixSocket::new_stream().unwrap();
    let error = socket.connect(folder.join("none")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn path_that_exists_cannot_be_bound() {
    let folder = Folder::new();
    let (a, b) = (
        UnixSocket::new_stream().unwrap(),
        UnixSocket::new_stream().unwrap(),
    );
    a.bind(folder.join("a")).unwrap();
    let error = b.bind(folder.join("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn abstract_names_are_bound_and_connected_to() {
    let name = format!("\0zokio-test-socket-{}", std::process::id());
    let socket = UnixSocket::new_stream().unwrap();
    socket.bind(&name).unwrap();
    let listener: UnixListener = socket.listen(1).unwrap();
    let local = listener.local_addr().unwrap();
    assert_eq!(local.as_abstract_name(), Some(&name.as_bytes()[1..]));
    UnixSocket::new_stream()
        .unwrap()
        .connect(&name)
        .await
        .unwrap();
}

#[test]
fn new_sockets_do_not_block() {
    for socket in [UnixSocket::new_stream(), UnixSocket::new_datagram()] {
        let socket = socket.unwrap();
        assert!(socket2::SockRef::from(&socket).nonblocking().unwrap());
    }
}

#[test]
fn socket_goes_to_its_descriptor_and_back() {
    fn takes_and_gives<T: FromRawFd + IntoRawFd>() {}
    takes_and_gives::<UnixSocket>();
    let socket = UnixSocket::new_stream().unwrap();
    assert_eq!(socket.as_fd().as_raw_fd(), socket.as_raw_fd());
    assert!(format!("{socket:?}").starts_with("UnixSocket {"));
}

#[test]
fn use_outside_of_a_runtime_panics_at_the_caller() {
    let folder = Folder::new();
    let socket = UnixSocket::new_stream().unwrap();
    socket.bind(folder.join("a")).unwrap();
    let (text, file) = panic_of(move || socket.listen(1));
    assert!(text.starts_with("there is no reactor running"), "{text}");
    assert!(file.ends_with("tests/net/unix_socket.rs"), "{file}");
    let socket = UnixSocket::new_datagram().unwrap();
    let (text, file) = panic_of(move || socket.datagram());
    assert!(text.starts_with("there is no reactor running"), "{text}");
    assert!(file.ends_with("tests/net/unix_socket.rs"), "{file}");
}

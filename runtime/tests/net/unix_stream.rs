//! Streams and listeners over Unix sockets.

use std::io::ErrorKind;
use std::os::unix::net;
use std::pin::pin;
use std::task::Context;

use zokio::io::{AsyncReadExt, AsyncWriteExt};
use zokio::net::unix::SocketAddr;
use zokio::net::{UnixListener, UnixStream};

use crate::support::{Folder, Wakes, poll_once};

#[zokio::test]
async fn streams_over_a_path_know_it() {
    let folder = Folder::new();
    let path = folder.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    assert_eq!(
        listener.local_addr().unwrap().as_pathname(),
        Some(path.as_path())
    );
    let client = UnixStream::connect(&path).await.unwrap();
    let (server, from) = listener.accept().await.unwrap();
    assert!(from.is_unnamed() && client.local_addr().unwrap().is_unnamed());
    assert_eq!(
        client.peer_addr().unwrap().as_pathname(),
        Some(path.as_path())
    );
    assert_eq!(
        server.local_addr().unwrap().as_pathname(),
        Some(path.as_path())
    );
}

#[zokio::test]
async fn connect_where_nobody_is_fails() {
    let folder = Folder::new();
    let error = UnixStream::connect(folder.join("none")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let path = folder.join("left");
    drop(UnixListener::bind(&path).unwrap());
    let error = UnixStream::connect(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[zokio::test]
async fn path_that_exists_cannot_be_bound() {
    let folder = Folder::new();
    let path = folder.join("socket");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "the path outlives its listener");
    let error = UnixListener::bind(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    std::fs::remove_file(&path).unwrap();
    UnixListener::bind(&path).unwrap();
}

#[zokio::test]
async fn path_that_is_too_long_is_invalid_input() {
    let path = "x".repeat(300);
    let error = UnixListener::bind(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = UnixStream::connect(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn path_that_begins_with_nul_is_an_abstract_name() {
    let name = format!("zokio-test-abstract-{}", std::process::id());
    let path = format!("\0{name}");
    let listener = UnixListener::bind(&path).unwrap();
    let local = listener.local_addr().unwrap();
    assert_eq!(local.as_abstract_name(), Some(name.as_bytes()));
    assert_eq!(local.as_pathname(), None);
    let client = UnixStream::connect(&path).await.unwrap();
    listener.accept().await.unwrap();
    let peer = client.peer_addr().unwrap();
    assert_eq!(peer.as_abstract_name(), Some(name.as_bytes()));
    assert_eq!(
        UnixListener::bind(&path).unwrap_err().kind(),
        ErrorKind::AddrInUse
    );
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn abstract_name_is_free_when_its_listener_is_gone() {
    let path = format!("\0zokio-test-again-{}", std::process::id());
    drop(UnixListener::bind(&path).unwrap());
    UnixListener::bind(&path).unwrap();
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn addresses_are_bound_and_connected_to() {
    use std::os::linux::net::SocketAddrExt;
    let name = format!("zokio-test-addr-{}", std::process::id());
    let std = net::SocketAddr::from_abstract_name(&name).unwrap();
    let address = SocketAddr::from(std);
    let listener = UnixListener::bind_addr(&address).unwrap();
    let _client = UnixStream::connect_addr(&address).await.unwrap();
    listener.accept().await.unwrap();
}

#[test]
fn addresses_are_those_of_the_standard_library() {
    let std = net::SocketAddr::from_pathname("/tmp/x").unwrap();
    let address = SocketAddr::from(std.clone());
    assert_eq!(format!("{address:?}"), format!("{std:?}"));
    assert_eq!(address.as_pathname().unwrap().to_str(), Some("/tmp/x"));
    assert!(!address.is_unnamed());
    let back = net::SocketAddr::from(address.clone());
    assert_eq!(back.as_pathname(), std.as_pathname());
}

#[zokio::test]
async fn pair_is_connected_and_unnamed() {
    let (mut a, mut b) = UnixStream::pair().unwrap();
    assert!(a.local_addr().unwrap().is_unnamed());
    assert!(a.peer_addr().unwrap().is_unnamed());
    a.write_all(b"x").await.unwrap();
    assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 1);
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn credentials_of_the_other_side_are_this_process_s() {
    let (a, _b) = UnixStream::pair().unwrap();
    let cred = a.peer_cred().unwrap();
    assert_eq!(cred.pid(), Some(std::process::id() as i32));
    let own = std::fs::metadata("/proc/self").unwrap();
    assert_eq!(cred.uid(), std::os::unix::fs::MetadataExt::uid(&own));
    assert_eq!(cred.gid(), std::os::unix::fs::MetadataExt::gid(&own));
    assert_eq!(cred, _b.peer_cred().unwrap());
    assert!(format!("{cred:?}").starts_with("UCred {"));
}

#[zokio::test]
async fn given_up_accept_loses_no_connection() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.join("socket")).unwrap();
    assert!(poll_once(pin!(listener.accept())).is_pending());
    let _client = UnixStream::connect(folder.join("socket")).await.unwrap();
    listener.accept().await.unwrap();
}

#[zokio::test]
async fn poll_accept_wakes_only_the_latest_caller() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.join("socket")).unwrap();
    let ((first, a), (second, b)) = (Wakes::new(), Wakes::new());
    for waker in [&a, &b] {
        let polled = listener.poll_accept(&mut Context::from_waker(waker));
        assert!(polled.is_pending());
    }
    let _client = UnixStream::connect(folder.join("socket")).await.unwrap();
    while second.count() == 0 {
        zokio::task::yield_now().await;
    }
    assert_eq!(first.count(), 0);
    let polled = listener.poll_accept(&mut Context::from_waker(&b));
    assert!(polled.is_ready());
}

#[zokio::test]
async fn write_to_a_dropped_stream_is_a_broken_pipe() {
    let (mut a, b) = UnixStream::pair().unwrap();
    drop(b);
    let error = a.write(b"x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(a.read(&mut [0; 8]).await.unwrap(), 0);
}

#[zokio::test]
async fn shutdown_ends_writing_and_leaves_reading() {
    let (mut a, mut b) = UnixStream::pair().unwrap();
    a.shutdown().await.unwrap();
    assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 0);
    b.write_all(b"x").await.unwrap();
    assert_eq!(a.read(&mut [0; 8]).await.unwrap(), 1);
}

#[zokio::test]
async fn try_read_buf_appends_and_says_when_it_would_block() {
    let (a, mut b) = UnixStream::pair().unwrap();
    let mut buf = b"a".to_vec();
    let error = a.try_read_buf(&mut buf).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    b.write_all(b"bc").await.unwrap();
    a.readable().await.unwrap();
    assert_eq!(a.try_read_buf(&mut buf).unwrap(), 2);
    assert_eq!(buf, b"abc");
}

#[zokio::test]
async fn sockets_go_to_the_standard_library_and_back() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.join("socket")).unwrap();
    let listener = UnixListener::try_from(listener.into_std().unwrap()).unwrap();
    let client = UnixStream::connect(folder.join("socket")).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let mut client = UnixStream::try_from(client.into_std().unwrap()).unwrap();
    client.write_all(b"x").await.unwrap();
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
}

#[zokio::test]
async fn no_error_is_pending() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.join("socket")).unwrap();
    assert!(listener.take_error().unwrap().is_none());
    let (a, _b) = UnixStream::pair().unwrap();
    assert!(a.take_error().unwrap().is_none());
}

#[zokio::test]
async fn debug_shows_the_socket_itself() {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.join("socket")).unwrap();
    let shown = format!("{listener:?}");
    assert!(shown.starts_with("UnixListener {"), "{shown}");
    let (a, _b) = UnixStream::pair().unwrap();
    let shown = format!("{a:?}");
    assert!(shown.starts_with("UnixStream {"), "{shown}");
}

#[zokio::test]
async fn both_ends_of_a_pair_are_writable_at_once() {
    let (a, b) = UnixStream::pair().unwrap();
    for stream in [&a, &b] {
        assert!(poll_once(pin!(stream.writable())).is_ready());
        assert!(poll_once(pin!(stream.readable())).is_pending());
    }
}

#[zokio::test]
async fn accepted_stream_counts_as_ready_until_it_refuses() {
    let folder = Folder::new();
    let path = folder.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let _client = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let (server, _) = listener.accept().await.unwrap();
    assert!(poll_once(pin!(server.writable())).is_ready());
    assert!(poll_once(pin!(server.readable())).is_ready());
    server.try_read(&mut [0; 8]).unwrap_err();
    assert!(poll_once(pin!(server.readable())).is_pending());
}

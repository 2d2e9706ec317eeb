//! Listeners and streams.

use std::io::{ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Context;

use socket2::SockRef;
use zokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use zokio::net::{TcpListener, TcpStream};

use crate::support::{ANY, Wakes, closed_address, poll_once, tcp_pair};

/// A listener that was there before, and its address.
fn occupied() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind(ANY).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[zokio::test]
async fn bind_to_port_zero_gets_a_port_of_the_systems_choice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    assert_ne!(listener.local_addr().unwrap().port(), 0);
}

#[zokio::test]
async fn bind_takes_the_first_address_that_works() {
    let (_held, taken) = occupied();
    let addresses = [taken, "127.0.0.1:0".parse().unwrap()];
    let listener = TcpListener::bind(&addresses[..]).await.unwrap();
    assert_ne!(listener.local_addr().unwrap(), taken);
}

#[zokio::test]
async fn bind_fails_with_the_last_address_s_error() {
    let (_held, taken) = occupied();
    let not_ours: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let error = TcpListener::bind(&[taken, not_ours][..]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    let error = TcpListener::bind(&[not_ours, taken][..]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[zokio::test]
async fn bind_to_no_address_is_invalid_input() {
    let none: &[SocketAddr] = &[];
    let error = TcpListener::bind(none).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "could not resolve to any address");
}

#[cfg(unix)]
#[zokio::test]
async fn bind_sets_reuseaddr() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    assert!(SockRef::from(&listener).reuse_address().unwrap());
}

#[cfg(unix)]
#[zokio::test]
async fn bind_does_not_set_reuseport() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    assert!(!SockRef::from(&listener).reuse_port().unwrap());
}

#[zokio::test]
async fn connect_takes_the_first_address_that_answers() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let answers = listener.local_addr().unwrap();
    let stream = TcpStream::connect(&[closed_address(), answers][..])
        .await
        .unwrap();
    assert_eq!(stream.peer_addr().unwrap(), answers);
}

#[zokio::test]
async fn connect_fails_with_the_last_address_s_error() {
    let error = TcpStream::connect(&[closed_address(), closed_address()][..])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[zokio::test]
async fn connect_to_no_address_is_invalid_input() {
    let none: &[SocketAddr] = &[];
    let error = TcpStream::connect(none).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "could not resolve to any address");
}

#[zokio::test]
async fn given_up_connect_closes_its_socket() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let address = listener.local_addr().unwrap();
    {
        let connecting = pin!(TcpStream::connect(address));
        let _ = poll_once(connecting);
    }
    let (mut server, _) = listener.accept().await.unwrap();
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
}

#[zokio::test]
async fn given_up_accept_loses_no_connection() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    {
        let accept = pin!(listener.accept());
        assert!(poll_once(accept).is_pending());
    }
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (_server, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
}

#[zokio::test]
async fn accept_that_was_woken_and_dropped_leaves_the_connection_to_the_next() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let (wakes, waker) = Wakes::new();
    let mut accept = Box::pin(listener.accept());
    let mut cx = Context::from_waker(&waker);
    assert!(std::future::Future::poll(accept.as_mut(), &mut cx).is_pending());
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    while wakes.count() == 0 {
        zokio::task::yield_now().await;
    }
    drop(accept);
    let (_server, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
}

#[zokio::test]
async fn poll_accept_wakes_only_the_latest_caller() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let ((first, a), (second, b)) = (Wakes::new(), Wakes::new());
    assert!(
        listener
            .poll_accept(&mut Context::from_waker(&a))
            .is_pending()
    );
    assert!(
        listener
            .poll_accept(&mut Context::from_waker(&b))
            .is_pending()
    );
    let _client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    while second.count() == 0 {
        zokio::task::yield_now().await;
    }
    assert_eq!(first.count(), 0);
    assert!(
        listener
            .poll_accept(&mut Context::from_waker(&b))
            .is_ready()
    );
}

#[zokio::test]
async fn accepted_addresses_are_those_of_the_other_side() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (server, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    assert_eq!(server.peer_addr().unwrap(), peer);
    assert_eq!(server.local_addr().unwrap(), client.peer_addr().unwrap());
}

#[zokio::test]
async fn listener_goes_to_the_standard_library_and_back() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let address = listener.local_addr().unwrap();
    let std = listener.into_std().unwrap();
    assert_eq!(std.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let listener = TcpListener::try_from(std).unwrap();
    let _client = TcpStream::connect(address).await.unwrap();
    listener.accept().await.unwrap();
}

#[zokio::test]
async fn stream_goes_to_the_standard_library_and_back() {
    let (client, mut server) = tcp_pair().await;
    let std = client.into_std().unwrap();
    let mut byte = [0];
    let refused = std::io::Read::read(&mut &std, &mut byte).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    let mut client = TcpStream::try_from(std).unwrap();
    client.write_all(b"x").await.unwrap();
    server.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"x");
}

#[zokio::test]
async fn shutdown_ends_writing_and_leaves_reading() {
    let (mut client, mut server) = tcp_pair().await;
    client.shutdown().await.unwrap();
    assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    let error = client.write(b"x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    server.write_all(b"still").await.unwrap();
    drop(server);
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "still");
}

#[zokio::test]
async fn second_shutdown_is_no_error() {
    let (mut client, server) = tcp_pair().await;
    client.shutdown().await.unwrap();
    client.shutdown().await.unwrap();
    server.set_zero_linger().unwrap();
    drop(server);
    let reset = client.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
    client.shutdown().await.unwrap();
}

#[zokio::test]
async fn end_of_the_stream_is_read_again_and_again() {
    let (mut client, server) = tcp_pair().await;
    drop(server);
    for _ in 0..3 {
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    }
}

#[zokio::test]
async fn read_gives_what_is_there_without_waiting_for_more() {
    let (mut client, mut server) = tcp_pair().await;
    server.write_all(b"abc").await.unwrap();
    let mut buffer = [0; 64];
    assert_eq!(client.read(&mut buffer).await.unwrap(), 3);
}

#[zokio::test]
async fn given_up_read_loses_no_byte() {
    let (mut client, mut server) = tcp_pair().await;
    let mut byte = [0];
    {
        let read = pin!(client.read(&mut byte));
        assert!(poll_once(read).is_pending());
    }
    server.write_all(b"ab").await.unwrap();
    let mut both = [0; 2];
    client.read_exact(&mut both).await.unwrap();
    assert_eq!(&both, b"ab");
}

#[zokio::test]
async fn write_of_nothing_is_ready_at_once() {
    let (mut client, _server) = tcp_pair().await;
    assert_eq!(client.write(b"").await.unwrap(), 0);
}

#[zokio::test]
async fn vectored_write_takes_all_buffers() {
    let (mut client, mut server) = tcp_pair().await;
    assert!(client.is_write_vectored());
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
    assert_eq!(client.write_vectored(&bufs).await.unwrap(), 5);
    let mut all = [0; 5];
    server.read_exact(&mut all).await.unwrap();
    assert_eq!(&all, b"abcde");
}

#[zokio::test]
async fn peek_sees_the_bytes_that_a_read_then_takes() {
    let (mut client, mut server) = tcp_pair().await;
    server.write_all(b"abc").await.unwrap();
    let mut buffer = [0; 2];
    assert_eq!(client.peek(&mut buffer).await.unwrap(), 2);
    assert_eq!(client.peek(&mut buffer).await.unwrap(), 2);
    let mut all = [0; 3];
    client.read_exact(&mut all).await.unwrap();
    assert_eq!((&buffer, &all), (b"ab", b"abc"));
}

#[zokio::test]
async fn peek_at_the_end_sees_nothing() {
    let (client, server) = tcp_pair().await;
    drop(server);
    assert_eq!(client.peek(&mut [0; 8]).await.unwrap(), 0);
}

#[zokio::test]
async fn poll_peek_fills_its_buffer() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"abc").await.unwrap();
    let mut space = [0; 8];
    let mut buf = ReadBuf::new(&mut space);
    let n = std::future::poll_fn(|cx| client.poll_peek(cx, &mut buf))
        .await
        .unwrap();
    assert_eq!((n, buf.filled()), (3, b"abc".as_slice()));
}

#[zokio::test]
async fn reset_connection_fails_reads_of_the_other_side() {
    let (mut client, server) = tcp_pair().await;
    server.set_zero_linger().unwrap();
    drop(server);
    let error = client.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[zokio::test]
async fn error_that_was_returned_is_not_pending_any_more() {
    let (client, server) = tcp_pair().await;
    assert!(client.take_error().unwrap().is_none());
    server.set_zero_linger().unwrap();
    drop(server);
    client.readable().await.unwrap();
    let pending = client.take_error().unwrap().unwrap();
    assert_eq!(pending.kind(), ErrorKind::ConnectionReset);
    assert!(client.take_error().unwrap().is_none());
}

#[zokio::test]
async fn write_that_waits_goes_on_when_the_other_side_reads() {
    let (mut client, mut server) = tcp_pair().await;
    let sent = vec![7; 4 << 20];
    let writer = zokio::spawn(async move {
        client.write_all(&sent).await.unwrap();
    });
    let mut got = Vec::new();
    server.read_to_end(&mut got).await.unwrap();
    writer.await.unwrap();
    assert_eq!(got, vec![7; 4 << 20]);
}

#[zokio::test]
async fn names_are_connected_to() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    TcpStream::connect(("localhost", port)).await.unwrap();
    TcpStream::connect(format!("localhost:{port}"))
        .await
        .unwrap();
}

#[zokio::test]
async fn debug_shows_the_socket_itself() {
    let listener = TcpListener::bind(ANY).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let shown = format!("{listener:?}");
    assert!(shown.starts_with("TcpListener {"), "{shown}");
    assert!(shown.contains(&format!("127.0.0.1:{port}")), "{shown}");
    let (client, _server) = tcp_pair().await;
    let shown = format!("{client:?}");
    assert!(shown.starts_with("TcpStream {"), "{shown}");
}

#[cfg(unix)]
#[zokio::test]
async fn descriptors_are_of_one_socket() {
    use std::os::fd::{AsFd, AsRawFd};
    let (client, _server) = tcp_pair().await;
    assert_eq!(client.as_fd().as_raw_fd(), client.as_raw_fd());
    let listener = TcpListener::bind(ANY).await.unwrap();
    assert_eq!(listener.as_fd().as_raw_fd(), listener.as_raw_fd());
}

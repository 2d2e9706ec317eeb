//! Datagrams over Unix sockets.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::pin::pin;
use std::task::Context;

use zokio::io::{Interest, ReadBuf};
use zokio::net::UnixDatagram;

use crate::support::{Folder, Wakes, poll_once};

#[zokio::test]
async fn bound_socket_knows_its_path() {
    let folder = Folder::new();
    let path = folder.join("a");
    let socket = UnixDatagram::bind(&path).unwrap();
    assert_eq!(
        socket.local_addr().unwrap().as_pathname(),
        Some(path.as_path())
    );
    let error = UnixDatagram::bind(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[zokio::test]
async fn unbound_socket_has_no_address_and_no_peer() {
    let socket = UnixDatagram::unbound().unwrap();
    assert!(socket.local_addr().unwrap().is_unnamed());
    let error = socket.peer_addr().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
}

#[zokio::test]
async fn connected_socket_sends_without_an_address() {
    let folder = Folder::new();
    let target = UnixDatagram::bind(folder.join("target")).unwrap();
    let socket = UnixDatagram::unbound().unwrap();
    assert!(socket.send(b"x").await.is_err());
    socket.connect(folder.join("target")).unwrap();
    assert!(socket.peer_addr().unwrap().as_pathname().is_some());
    socket.send(b"x").await.unwrap();
    assert_eq!(target.recv(&mut [0; 8]).await.unwrap(), 1);
}

#[zokio::test]
async fn connect_where_nobody_is_fails() {
    let folder = Folder::new();
    let socket = UnixDatagram::unbound().unwrap();
    let error = socket.connect(folder.join("none")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = socket.send_to(b"x", folder.join("none")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[zokio::test]
async fn receiver_learns_the_path_of_the_sender() {
    let folder = Folder::new();
    let a = UnixDatagram::bind(folder.join("a")).unwrap();
    let b = UnixDatagram::bind(folder.join("b")).unwrap();
    a.send_to(b"x", folder.join("b")).await.unwrap();
    let (n, from) = b.recv_from(&mut [0; 8]).await.unwrap();
    assert_eq!(n, 1);
    assert_eq!(from.as_pathname(), Some(folder.join("a").as_path()));
}

#[zokio::test]
async fn sender_without_an_address_is_unnamed() {
    let folder = Folder::new();
    let target = UnixDatagram::bind(folder.join("target")).unwrap();
    let socket = UnixDatagram::unbound().unwrap();
    let mut buffer = [0; 8];
    for _ in 0..4 {
        socket.send_to(b"x", folder.join("target")).await.unwrap();
    }
    assert!(target.recv_from(&mut buffer).await.unwrap().1.is_unnamed());
    assert!(target.try_recv_from(&mut buffer).unwrap().1.is_unnamed());
    let mut vec = Vec::new();
    assert!(target.recv_buf_from(&mut vec).await.unwrap().1.is_unnamed());
    let mut buf = ReadBuf::new(&mut buffer);
    let from = poll_fn(|cx| target.poll_recv_from(cx, &mut buf)).await;
    assert!(from.unwrap().is_unnamed());
}

#[zokio::test]
async fn pair_exchanges_datagrams_that_keep_their_bounds() {
    let (a, b) = UnixDatagram::pair().unwrap();
    a.send(b"one").await.unwrap();
    a.send(b"three").await.unwrap();
    let mut buffer = [0; 8];
    assert_eq!(b.recv(&mut buffer).await.unwrap(), 3);
    assert_eq!(b.recv(&mut buffer).await.unwrap(), 5);
}

#[zokio::test]
async fn what_does_not_fit_is_cut_off() {
    let (a, b) = UnixDatagram::pair().unwrap();
    a.send(b"0123456789").await.unwrap();
    let mut small = [0; 4];
    assert_eq!(b.recv(&mut small).await.unwrap(), 4);
    assert_eq!(&small, b"0123");
    assert!(b.try_recv(&mut small).is_err());
}

#[zokio::test]
async fn try_functions_say_when_they_would_block() {
    let (a, _b) = UnixDatagram::pair().unwrap();
    let mut vec = Vec::new();
    for error in [
        a.try_recv(&mut [0; 8]).unwrap_err(),
        a.try_recv_from(&mut [0; 8]).unwrap_err(),
        a.try_recv_buf(&mut vec).unwrap_err(),
        a.try_recv_buf_from(&mut vec).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    assert!(vec.is_empty());
}

#[zokio::test]
async fn full_socket_becomes_writable_when_it_is_read() {
    let (a, b) = UnixDatagram::pair().unwrap();
    a.writable().await.unwrap();
    let mut sent = 0;
    let refused = loop {
        match a.try_send(&[0; 1024]) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    let mut writable = pin!(a.writable());
    assert!(poll_once(writable.as_mut()).is_pending());
    for _ in 0..sent {
        b.recv(&mut [0; 1024]).await.unwrap();
    }
    writable.await.unwrap();
    a.try_send(&[0; 1024]).unwrap();
}

#[zokio::test]
async fn try_send_to_and_try_recv_from_exchange_a_datagram() {
    let folder = Folder::new();
    let a = UnixDatagram::bind(folder.join("a")).unwrap();
    let b = UnixDatagram::bind(folder.join("b")).unwrap();
    a.writable().await.unwrap();
    assert_eq!(a.try_send_to(b"xy", folder.join("b")).unwrap(), 2);
    b.readable().await.unwrap();
    let (n, from) = b.try_recv_from(&mut [0; 8]).unwrap();
    assert_eq!(n, 2);
    assert_eq!(from.as_pathname(), Some(folder.join("a").as_path()));
}

#[zokio::test]
async fn buffers_grow_by_the_datagram() {
    let folder = Folder::new();
    let a = UnixDatagram::bind(folder.join("a")).unwrap();
    let b = UnixDatagram::bind(folder.join("b")).unwrap();
    for text in ["one", "two", "three", "four"] {
        a.send_to(text.as_bytes(), folder.join("b")).await.unwrap();
    }
    b.readable().await.unwrap();
    let mut buf = Vec::new();
    assert_eq!(b.recv_buf(&mut buf).await.unwrap(), 3);
    let (n, from) = b.recv_buf_from(&mut buf).await.unwrap();
    assert_eq!((n, from.as_pathname().is_some()), (3, true));
    assert_eq!(b.try_recv_buf(&mut buf).unwrap(), 5);
    let (n, from) = b.try_recv_buf_from(&mut buf).unwrap();
    assert_eq!((n, from.as_pathname().is_some()), (4, true));
    assert_eq!(buf, b"onetwothreefour");
}

#[zokio::test]
async fn poll_functions_send_and_receive() {
    let folder = Folder::new();
    let a = UnixDatagram::bind(folder.join("a")).unwrap();
    let b = UnixDatagram::bind(folder.join("b")).unwrap();
    poll_fn(|cx| a.poll_send_ready(cx)).await.unwrap();
    let sent = poll_fn(|cx| a.poll_send_to(cx, b"one", folder.join("b"))).await;
    assert_eq!(sent.unwrap(), 3);
    poll_fn(|cx| b.poll_recv_ready(cx)).await.unwrap();
    let mut space = [0; 16];
    let mut buf = ReadBuf::new(&mut space);
    let from = poll_fn(|cx| b.poll_recv_from(cx, &mut buf)).await.unwrap();
    assert_eq!(from.as_pathname(), Some(folder.join("a").as_path()));
    a.connect(folder.join("b")).unwrap();
    poll_fn(|cx| a.poll_send(cx, b"two")).await.unwrap();
    poll_fn(|cx| b.poll_recv(cx, &mut buf)).await.unwrap();
    assert_eq!(buf.filled(), b"onetwo");
}

#[zokio::test]
async fn poll_recv_wakes_only_the_latest_caller() {
    let (a, b) = UnixDatagram::pair().unwrap();
    let ((first, w1), (second, w2)) = (Wakes::new(), Wakes::new());
    let mut space = [0; 8];
    for waker in [&w1, &w2] {
        let mut buf = ReadBuf::new(&mut space);
        let polled = b.poll_recv(&mut Context::from_waker(waker), &mut buf);
        assert!(polled.is_pending());
    }
    a.send(b"x").await.unwrap();
    while second.count() == 0 {
        zokio::task::yield_now().await;
    }
    assert_eq!(first.count(), 0);
}

#[zokio::test]
async fn given_up_receive_loses_no_datagram() {
    let (a, b) = UnixDatagram::pair().unwrap();
    assert!(poll_once(pin!(b.recv(&mut [0; 8]))).is_pending());
    a.send(b"abc").await.unwrap();
    assert_eq!(b.recv(&mut [0; 8]).await.unwrap(), 3);
}

#[zokio::test]
async fn shutdown_ends_sending() {
    let (a, b) = UnixDatagram::pair().unwrap();
    a.shutdown(Shutdown::Both).unwrap();
    assert!(a.send(b"x").await.is_err());
    assert!(b.send(b"x").await.is_err());
}

#[zokio::test]
async fn send_to_a_dropped_peer_is_refused() {
    let (a, b) = UnixDatagram::pair().unwrap();
    drop(b);
    let error = a.send(b"x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[zokio::test]
async fn readiness_and_callers_own_system_calls() {
    let (a, b) = UnixDatagram::pair().unwrap();
    let both = Interest::READABLE | Interest::WRITABLE;
    assert!(!b.ready(both).await.unwrap().is_readable());
    a.send(b"abc").await.unwrap();
    let n = b
        .async_io(Interest::READABLE, || {
            let mut bytes = [0; 8];
            std::io::Read::read(&mut &*socket2::SockRef::from(&b), &mut bytes)
        })
        .await
        .unwrap();
    assert_eq!(n, 3);
    let refused = b.try_io::<()>(Interest::READABLE, || Err(ErrorKind::WouldBlock.into()));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(poll_once(pin!(b.readable())).is_pending());
}

#[zokio::test]
async fn socket_goes_to_the_standard_library_and_back() {
    let (a, b) = UnixDatagram::pair().unwrap();
    let std = b.into_std().unwrap();
    let error = std.recv(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let b = UnixDatagram::try_from(std).unwrap();
    a.send(b"x").await.unwrap();
    assert_eq!(b.recv(&mut [0; 8]).await.unwrap(), 1);
}

#[zokio::test]
async fn no_error_is_pending_and_debug_shows_the_socket() {
    let (a, _b) = UnixDatagram::pair().unwrap();
    assert!(a.take_error().unwrap().is_none());
    let shown = format!("{a:?}");
    assert!(shown.contains("UnixDatagram {"), "{shown}");
}

#[zokio::test]
async fn both_ends_of_a_pair_are_writable_at_once() {
    let (a, b) = UnixDatagram::pair().unwrap();
    for socket in [&a, &b] {
        assert!(poll_once(pin!(socket.writable())).is_ready());
        assert!(poll_once(pin!(socket.readable())).is_pending());
    }
}

//! Receiving into buffers that grow.

use std::io::ErrorKind;
use std::pin::pin;

use bytes::{BufMut, BytesMut};
use zokio::net::UdpSocket;

use crate::support::{ANY, poll_once};

async fn pair() -> (UdpSocket, UdpSocket) {
    let (a, b) = (
        UdpSocket::bind(ANY).await.unwrap(),
        UdpSocket::bind(ANY).await.unwrap(),
    );
    a.connect(b.local_addr().unwrap()).await.unwrap();
    b.connect(a.local_addr().unwrap()).await.unwrap();
    (a, b)
}

#[zokio::test]
async fn recv_buf_appends_to_a_vector() {
    let (a, b) = pair().await;
    a.send(b"world").await.unwrap();
    let mut buf = b"hello ".to_vec();
    assert_eq!(b.recv_buf(&mut buf).await.unwrap(), 5);
    assert_eq!(buf, b"hello world");
}

#[zokio::test]
async fn recv_buf_moves_bytes_on() {
    let (a, b) = pair().await;
    a.send(b"one").await.unwrap();
    a.send(b"two").await.unwrap();
    let mut buf = BytesMut::with_capacity(64);
    assert_eq!(b.recv_buf(&mut buf).await.unwrap(), 3);
    assert_eq!(b.recv_buf(&mut buf).await.unwrap(), 3);
    assert_eq!(&buf[..], b"onetwo");
}

#[cfg(unix)]
#[zokio::test]
async fn recv_buf_cuts_off_what_the_buffer_has_no_room_for() {
    let (a, b) = pair().await;
    a.send(b"0123456789").await.unwrap();
    let mut buf = Vec::with_capacity(64).limit(4);
    assert_eq!(b.recv_buf(&mut buf).await.unwrap(), 4);
    assert_eq!(buf.remaining_mut(), 0);
    assert_eq!(buf.into_inner(), b"0123");
}

#[zokio::test]
async fn recv_buf_from_says_from_whom() {
    let (a, b) = pair().await;
    a.send(b"abc").await.unwrap();
    let mut buf = Vec::new();
    let (n, from) = b.recv_buf_from(&mut buf).await.unwrap();
    assert_eq!((n, from), (3, a.local_addr().unwrap()));
    assert_eq!(buf, b"abc");
}

#[zokio::test]
async fn try_recv_buf_leaves_the_buffer_alone_when_it_would_block() {
    let (_a, b) = pair().await;
    let mut buf = b"x".to_vec();
    let error = b.try_recv_buf(&mut buf).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let error = b.try_recv_buf_from(&mut buf).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(buf, b"x");
}

#[zokio::test]
async fn try_recv_buf_takes_a_datagram() {
    let (a, b) = pair().await;
    a.send(b"one").await.unwrap();
    a.send(b"two").await.unwrap();
    b.readable().await.unwrap();
    let mut buf = Vec::new();
    assert_eq!(b.try_recv_buf(&mut buf).unwrap(), 3);
    let (n, from) = b.try_recv_buf_from(&mut buf).unwrap();
    assert_eq!((n, from), (3, a.local_addr().unwrap()));
    assert_eq!(buf, b"onetwo");
}

#[zokio::test]
async fn given_up_recv_buf_leaves_buffer_and_datagram_alone() {
    let (a, b) = pair().await;
    let mut buf = Vec::new();
    assert!(poll_once(pin!(b.recv_buf(&mut buf))).is_pending());
    assert!(poll_once(pin!(b.recv_buf_from(&mut buf))).is_pending());
    assert!(buf.is_empty());
    a.send(b"abc").await.unwrap();
    assert_eq!(b.recv_buf(&mut buf).await.unwrap(), 3);
}

//! Datagrams.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;

use zokio::io::{Interest, ReadBuf};
use zokio::net::UdpSocket;

use crate::support::{ANY, Wakes, closed_address, poll_once};

async fn bound() -> UdpSocket {
    UdpSocket::bind(ANY).await.unwrap()
}

async fn pair() -> (UdpSocket, UdpSocket) {
    let (a, b) = (bound().await, bound().await);
    a.connect(b.local_addr().unwrap()).await.unwrap();
    b.connect(a.local_addr().unwrap()).await.unwrap();
    (a, b)
}

#[zokio::test]
async fn bind_takes_the_first_address_that_works() {
    let held = bound().await;
    let taken = held.local_addr().unwrap();
    let socket = UdpSocket::bind(&[taken, ANY.into()][..]).await.unwrap();
    assert_ne!(socket.local_addr().unwrap(), taken);
}

#[zokio::test]
async fn bind_fails_with_the_last_address_s_error() {
    let held = bound().await;
    let taken = held.local_addr().unwrap();
    let not_ours: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let error = UdpSocket::bind(&[not_ours, taken][..]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[zokio::test]
async fn no_address_is_invalid_input() {
    let none: &[SocketAddr] = &[];
    let error = UdpSocket::bind(none).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "could not resolve to any address");
    let socket = bound().await;
    let error = socket.connect(none).await.unwrap_err();
    assert_eq!(error.to_string(), "could not resolve to any address");
    let error = socket.send_to(b"x", none).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "no addresses to send data to");
}

#[zokio::test]
async fn peer_address_is_that_of_connect() {
    let (a, b) = (bound().await, bound().await);
    assert_eq!(a.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
    a.connect(b.local_addr().unwrap()).await.unwrap();
    assert_eq!(a.peer_addr().unwrap(), b.local_addr().unwrap());
}

#[zokio::test]
async fn connect_does_nothing_before_it_is_polled() {
    let (a, b) = (bound().await, bound().await);
    drop(a.connect(b.local_addr().unwrap()));
    assert!(a.peer_addr().is_err());
}

#[zokio::test]
async fn socket_can_be_connected_again() {
    let (a, b) = pair().await;
    let c = bound().await;
    a.connect(c.local_addr().unwrap()).await.unwrap();
    a.send(b"x").await.unwrap();
    assert_eq!(c.recv(&mut [0; 8]).await.unwrap(), 1);
    let received = b.try_recv(&mut [0; 8]).unwrap_err();
    assert_eq!(received.kind(), ErrorKind::WouldBlock);
}

#[zokio::test]
async fn connected_socket_receives_from_its_peer_only() {
    let (a, b) = pair().await;
    let stranger = bound().await;
    stranger
        .send_to(b"stranger", a.local_addr().unwrap())
        .await
        .unwrap();
    b.send(b"peer").await.unwrap();
    let mut buffer = [0; 16];
    let n = a.recv(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..n], b"peer");
}

#[zokio::test]
async fn send_without_a_peer_fails() {
    assert!(bound().await.send(b"x").await.is_err());
}

#[zokio::test]
async fn datagrams_keep_their_bounds_and_order() {
    let (a, b) = pair().await;
    for text in ["one", "two", "three"] {
        assert_eq!(a.send(text.as_bytes()).await.unwrap(), text.len());
    }
    let mut buffer = [0; 16];
    for text in ["one", "two", "three"] {
        let n = b.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..n], text.as_bytes());
    }
}

#[zokio::test]
async fn empty_datagram_is_one() {
    let (a, b) = pair().await;
    assert_eq!(a.send(b"").await.unwrap(), 0);
    let (n, from) = b.recv_from(&mut [0; 8]).await.unwrap();
    assert_eq!((n, from), (0, a.local_addr().unwrap()));
}

#[cfg(unix)]
#[zokio::test]
async fn what_does_not_fit_is_cut_off() {
    let (a, b) = pair().await;
    a.send(b"0123456789").await.unwrap();
    a.send(b"next").await.unwrap();
    let mut small = [0; 4];
    assert_eq!(b.recv(&mut small).await.unwrap(), 4);
    assert_eq!(&small, b"0123");
    assert_eq!(b.recv(&mut small).await.unwrap(), 4);
    assert_eq!(&small, b"next");
}

#[cfg(unix)]
#[zokio::test]
async fn datagram_that_is_too_large_is_refused() {
    let (a, _b) = pair().await;
    assert!(a.send(&vec![0; 70_000]).await.is_err());
    assert_eq!(a.send(b"x").await.unwrap(), 1);
}

#[zokio::test]
async fn send_to_uses_the_first_address() {
    let (a, b) = (bound().await, bound().await);
    let targets = [b.local_addr().unwrap(), closed_address()];
    a.send_to(b"x", &targets[..]).await.unwrap();
    let (_, from) = b.recv_from(&mut [0; 8]).await.unwrap();
    assert_eq!(from, a.local_addr().unwrap());
}

#[zokio::test]
async fn try_functions_say_when_they_would_block() {
    let socket = bound().await;
    let mut buffer = [0; 8];
    for error in [
        socket.try_recv(&mut buffer).unwrap_err(),
        socket.try_recv_from(&mut buffer).unwrap_err(),
        socket.try_peek(&mut buffer).unwrap_err(),
        socket.try_peek_from(&mut buffer).unwrap_err(),
        socket.try_peek_sender().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}

#[zokio::test]
async fn try_functions_succeed_when_ready() {
    let (a, b) = pair().await;
    let mut buffer = [0; 8];
    a.writable().await.unwrap();
    assert_eq!(a.try_send(b"one").unwrap(), 3);
    b.readable().await.unwrap();
    assert_eq!(b.try_peek_sender().unwrap(), a.local_addr().unwrap());
    assert_eq!(b.try_peek(&mut buffer).unwrap(), 3);
    assert_eq!(b.try_peek_from(&mut buffer).unwrap().0, 3);
    assert_eq!(b.try_recv(&mut buffer).unwrap(), 3);
    let free = bound().await;
    free.writable().await.unwrap();
    let target = bound().await;
    free.try_send_to(b"two", target.local_addr().unwrap())
        .unwrap();
    target.readable().await.unwrap();
    let (n, from) = target.try_recv_from(&mut buffer).unwrap();
    assert_eq!((n, from), (3, free.local_addr().unwrap()));
}

#[zokio::test]
async fn peeks_leave_the_datagram() {
    let (a, b) = pair().await;
    a.send(b"abc").await.unwrap();
    let mut buffer = [0; 8];
    assert_eq!(b.peek_sender().await.unwrap(), a.local_addr().unwrap());
    assert_eq!(b.peek(&mut buffer).await.unwrap(), 3);
    let (n, from) = b.peek_from(&mut buffer).await.unwrap();
    assert_eq!((n, from), (3, a.local_addr().unwrap()));
    assert_eq!(b.recv(&mut buffer).await.unwrap(), 3);
    assert!(b.try_recv(&mut buffer).is_err());
}

#[zokio::test]
async fn poll_functions_send_and_receive() {
    let (a, b) = (bound().await, bound().await);
    let target = b.local_addr().unwrap();
    poll_fn(|cx| a.poll_send_ready(cx)).await.unwrap();
    let sent = poll_fn(|cx| a.poll_send_to(cx, b"abc", target)).await;
    assert_eq!(sent.unwrap(), 3);
    poll_fn(|cx| b.poll_recv_ready(cx)).await.unwrap();
    let mut space = [0; 8];
    let mut buf = ReadBuf::new(&mut space);
    let from = poll_fn(|cx| b.poll_recv_from(cx, &mut buf)).await.unwrap();
    assert_eq!(
        (from, buf.filled()),
        (a.local_addr().unwrap(), b"abc".as_slice())
    );
}

#[zokio::test]
async fn poll_functions_of_connected_sockets_send_and_receive() {
    let (a, b) = pair().await;
    assert_eq!(poll_fn(|cx| a.poll_send(cx, b"ab")).await.unwrap(), 2);
    let mut space = [0; 8];
    let mut buf = ReadBuf::new(&mut space);
    poll_fn(|cx| b.poll_recv(cx, &mut buf)).await.unwrap();
    assert_eq!(buf.filled(), b"ab");
}

#[zokio::test]
async fn poll_functions_peek() {
    let (a, b) = pair().await;
    a.send(b"abc").await.unwrap();
    let sender = poll_fn(|cx| b.poll_peek_sender(cx)).await.unwrap();
    assert_eq!(sender, a.local_addr().unwrap());
    let mut space = [0; 8];
    let mut buf = ReadBuf::new(&mut space);
    poll_fn(|cx| b.poll_peek(cx, &mut buf)).await.unwrap();
    assert_eq!(buf.filled(), b"abc");
    let mut buf = ReadBuf::new(&mut space);
    let from = poll_fn(|cx| b.poll_peek_from(cx, &mut buf)).await.unwrap();
    assert_eq!((from, buf.filled()), (sender, b"abc".as_slice()));
}

#[zokio::test]
async fn poll_recv_appends_to_what_the_buffer_holds() {
    let (a, b) = pair().await;
    a.send(b"world").await.unwrap();
    let mut space = [0; 16];
    let mut buf = ReadBuf::new(&mut space);
    buf.put_slice(b"hello ");
    poll_fn(|cx| b.poll_recv(cx, &mut buf)).await.unwrap();
    assert_eq!(buf.filled(), b"hello world");
}

#[zokio::test]
async fn poll_recv_wakes_only_the_latest_caller() {
    let (a, b) = pair().await;
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
    let (a, b) = pair().await;
    assert!(poll_once(pin!(b.recv(&mut [0; 8]))).is_pending());
    a.send(b"abc").await.unwrap();
    assert_eq!(b.recv(&mut [0; 8]).await.unwrap(), 3);
}

#[zokio::test]
async fn receivers_of_one_socket_get_a_datagram_each() {
    let (a, b) = pair().await;
    let b = Arc::new(b);
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let b = b.clone();
            zokio::spawn(async move {
                let mut byte = [0];
                b.recv(&mut byte).await.unwrap();
                byte[0]
            })
        })
        .collect();
    zokio::task::yield_now().await;
    for n in 0..4u8 {
        a.send(&[n]).await.unwrap();
    }
    let mut got = Vec::new();
    for receiver in receivers {
        got.push(receiver.await.unwrap());
    }
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2, 3]);
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn refusal_of_an_earlier_datagram_is_the_next_call_s_error() {
    let socket = bound().await;
    let gone = bound().await;
    socket.connect(gone.local_addr().unwrap()).await.unwrap();
    drop(gone);
    socket.send(b"x").await.unwrap();
    let error = socket.recv(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(socket.take_error().unwrap().is_none());
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn take_error_takes_the_refusal() {
    let socket = bound().await;
    let gone = bound().await;
    socket.connect(gone.local_addr().unwrap()).await.unwrap();
    drop(gone);
    socket.send(b"x").await.unwrap();
    let error = socket.take_error().unwrap().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(socket.take_error().unwrap().is_none());
}

#[zokio::test]
async fn idle_socket_is_ready_for_sending_only() {
    let socket = bound().await;
    let both = Interest::READABLE | Interest::WRITABLE;
    let ready = socket.ready(both).await.unwrap();
    assert!(ready.is_writable() && !ready.is_readable());
}

#[zokio::test]
async fn callers_own_system_calls_are_made_when_ready() {
    let (a, b) = pair().await;
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
    let (a, b) = pair().await;
    let std = b.into_std().unwrap();
    let error = std.recv(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let b = UdpSocket::try_from(std).unwrap();
    a.send(b"x").await.unwrap();
    assert_eq!(b.recv(&mut [0; 8]).await.unwrap(), 1);
}

#[zokio::test]
async fn debug_shows_the_socket_itself() {
    let shown = format!("{:?}", bound().await);
    assert!(shown.contains("UdpSocket {"), "{shown}");
}

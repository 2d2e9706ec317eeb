//! Readiness: what is waited for, what is told, and when it is forgotten.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use zokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use zokio::net::TcpStream;

use crate::support::{Wakes, poll_once, tcp_pair};

async fn until_woken(wakes: &Wakes) {
    while wakes.count() == 0 {
        zokio::task::yield_now().await;
    }
}

/// Reads until there is nothing.
fn drain(stream: &TcpStream) -> usize {
    let mut taken = 0;
    loop {
        match stream.try_read(&mut [0; 64]) {
            Ok(n) => taken += n,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return taken;
            }
        }
    }
}

#[zokio::test]
async fn try_read_of_an_idle_stream_would_block() {
    let (client, _server) = tcp_pair().await;
    let error = client.try_read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[zokio::test]
async fn refused_try_read_makes_readable_wait_for_an_event() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"abc").await.unwrap();
    client.readable().await.unwrap();
    assert_eq!(drain(&client), 3);
    let mut readable = pin!(client.readable());
    assert!(poll_once(readable.as_mut()).is_pending());
    server.write_all(b"d").await.unwrap();
    readable.await.unwrap();
    assert_eq!(drain(&client), 1);
}

#[zokio::test]
async fn readable_returns_at_once_while_data_is_left() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"abc").await.unwrap();
    client.readable().await.unwrap();
    assert_eq!(client.try_read(&mut [0]).unwrap(), 1);
    let readable = pin!(client.readable());
    assert!(poll_once(readable).is_ready());
}

#[zokio::test]
async fn readable_may_be_wrong_once_and_then_waits() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"abc").await.unwrap();
    client.readable().await.unwrap();
    assert_eq!(client.try_read(&mut [0; 3]).unwrap(), 3);
    // Nobody knows that the stream is empty before it has refused.
    assert!(poll_once(pin!(client.readable())).is_ready());
    assert!(client.try_read(&mut [0; 3]).is_err());
    assert!(poll_once(pin!(client.readable())).is_pending());
}

#[zokio::test]
async fn try_read_vectored_fills_one_buffer_after_the_other() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"abcde").await.unwrap();
    client.readable().await.unwrap();
    let (mut first, mut second) = ([0; 2], [0; 8]);
    let mut bufs = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(client.try_read_vectored(&mut bufs).unwrap(), 5);
    assert_eq!((&first, &second[..3]), (b"ab", b"cde".as_slice()));
}

#[zokio::test]
async fn try_read_buf_appends() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"world").await.unwrap();
    client.readable().await.unwrap();
    let mut vec = b"hello ".to_vec();
    assert_eq!(client.try_read_buf(&mut vec).unwrap(), 5);
    assert_eq!(vec, b"hello world");
    let error = client.try_read_buf(&mut vec).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(vec, b"hello world", "a refusal leaves the buffer alone");
}

#[zokio::test]
async fn try_read_buf_takes_no_more_than_the_chunk_has_room_for() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"hello").await.unwrap();
    client.readable().await.unwrap();
    let mut small = [0; 3];
    let mut rest = &mut small[..];
    assert_eq!(client.try_read_buf(&mut rest).unwrap(), 3);
    assert!(rest.is_empty());
    assert_eq!(&small, b"hel");
    let mut bytes = BytesMut::new();
    assert_eq!(client.try_read_buf(&mut bytes).unwrap(), 2);
    assert_eq!(&bytes[..], b"lo");
}

#[zokio::test]
async fn try_read_buf_at_the_end_reads_nothing() {
    let (client, server) = tcp_pair().await;
    drop(server);
    client.readable().await.unwrap();
    let mut vec = Vec::new();
    assert_eq!(client.try_read_buf(&mut vec).unwrap(), 0);
}

#[zokio::test]
async fn full_stream_refuses_and_becomes_writable_when_it_is_read() {
    let (client, mut server) = tcp_pair().await;
    client.writable().await.unwrap();
    let block = vec![0; 64 * 1024];
    let mut sent = 0;
    let refused = loop {
        match client.try_write(&block) {
            Ok(n) => sent += n,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    let mut writable = pin!(client.writable());
    assert!(poll_once(writable.as_mut()).is_pending());
    let mut got = vec![0; sent];
    server.read_exact(&mut got).await.unwrap();
    writable.await.unwrap();
    assert_ne!(client.try_write(&block).unwrap(), 0);
}

#[zokio::test]
async fn try_write_vectored_writes_all_that_fits() {
    let (client, mut server) = tcp_pair().await;
    client.writable().await.unwrap();
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"cd")];
    assert_eq!(client.try_write_vectored(&bufs).unwrap(), 4);
    let mut got = [0; 4];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"abcd");
}

#[zokio::test]
async fn ready_of_an_idle_stream_says_writable_only() {
    let (client, _server) = tcp_pair().await;
    let both = Interest::READABLE | Interest::WRITABLE;
    let ready = client.ready(both).await.unwrap();
    assert!(ready.is_writable() && !ready.is_readable());
}

#[zokio::test]
async fn ready_says_both_when_both_are() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"x").await.unwrap();
    client.readable().await.unwrap();
    let both = Interest::READABLE | Interest::WRITABLE;
    let ready = client.ready(both).await.unwrap();
    assert!(ready.is_writable() && ready.is_readable());
}

#[zokio::test]
async fn ready_for_writing_does_not_tell_of_reading() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"x").await.unwrap();
    client.readable().await.unwrap();
    let ready = client.ready(Interest::WRITABLE).await.unwrap();
    assert!(ready.is_writable() && !ready.is_readable());
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn ready_tells_that_the_other_side_has_ended() {
    let (client, mut server) = tcp_pair().await;
    server.shutdown().await.unwrap();
    let ready = loop {
        let ready = client.ready(Interest::READABLE).await.unwrap();
        if ready.is_read_closed() {
            break ready;
        }
    };
    assert!(ready.is_readable() && !ready.is_write_closed());
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn ready_tells_that_both_sides_are_closed_after_a_reset() {
    let (client, server) = tcp_pair().await;
    server.set_zero_linger().unwrap();
    drop(server);
    client.readable().await.unwrap();
    let both = Interest::READABLE | Interest::WRITABLE;
    let ready = client.ready(both).await.unwrap();
    assert!(ready.is_read_closed() && ready.is_write_closed());
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn ready_tells_of_errors_when_asked_for_them() {
    let (client, server) = tcp_pair().await;
    let mut waiting = pin!(client.ready(Interest::ERROR));
    assert!(poll_once(waiting.as_mut()).is_pending());
    server.set_zero_linger().unwrap();
    drop(server);
    assert!(waiting.await.unwrap().is_error());
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn closed_state_is_not_cleared_by_reading() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"x").await.unwrap();
    server.shutdown().await.unwrap();
    while !client
        .ready(Interest::READABLE)
        .await
        .unwrap()
        .is_read_closed()
    {}
    assert_eq!(client.try_read(&mut [0; 8]).unwrap(), 1);
    assert_eq!(client.try_read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(client.try_read(&mut [0; 8]).unwrap(), 0);
    assert!(poll_once(pin!(client.readable())).is_ready());
}

#[zokio::test]
async fn try_io_that_would_block_clears_readiness() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"x").await.unwrap();
    client.readable().await.unwrap();
    let refused = client.try_io::<()>(Interest::READABLE, || Err(ErrorKind::WouldBlock.into()));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(poll_once(pin!(client.readable())).is_pending());
}

#[zokio::test]
async fn try_io_keeps_readiness_on_success_and_on_other_errors() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"x").await.unwrap();
    client.readable().await.unwrap();
    assert_eq!(client.try_io(Interest::READABLE, || Ok(7)).unwrap(), 7);
    let failed = client.try_io::<()>(Interest::READABLE, || Err(ErrorKind::NotFound.into()));
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(poll_once(pin!(client.readable())).is_ready());
}

#[zokio::test]
async fn try_io_does_not_call_when_the_stream_has_refused() {
    let (client, _server) = tcp_pair().await;
    assert!(client.try_read(&mut [0]).is_err());
    let refused = client.try_io::<()>(Interest::READABLE, || panic!("called"));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[zokio::test]
async fn async_io_calls_again_after_each_refusal() {
    let (client, mut server) = tcp_pair().await;
    server.write_all(b"x").await.unwrap();
    client.readable().await.unwrap();
    let calls = Cell::new(0);
    let mut waiting = pin!(client.async_io(Interest::READABLE, || {
        calls.set(calls.get() + 1);
        match calls.get() {
            // Not true, but nobody can tell.
            1 => Err(ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }));
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(calls.get(), 1);
    server.write_all(b"y").await.unwrap();
    assert_eq!(waiting.await.unwrap(), 2);
}

#[zokio::test]
async fn async_io_returns_other_errors() {
    let (client, _server) = tcp_pair().await;
    let failed = client
        .async_io::<()>(Interest::WRITABLE, || Err(ErrorKind::NotFound.into()))
        .await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::NotFound);
}

#[zokio::test]
async fn one_event_wakes_all_who_wait_for_readable() {
    let (client, mut server) = tcp_pair().await;
    let client = Arc::new(client);
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            zokio::spawn(async move {
                client.readable().await.unwrap();
            })
        })
        .collect();
    zokio::task::yield_now().await;
    server.write_all(b"x").await.unwrap();
    for task in waiting {
        task.await.unwrap();
    }
}

#[zokio::test]
async fn two_tasks_that_read_one_stream_share_its_bytes() {
    let (client, mut server) = tcp_pair().await;
    let client = Arc::new(client);
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let client = client.clone();
            zokio::spawn(async move {
                let mut taken = 0;
                loop {
                    client.readable().await.unwrap();
                    match client.try_read(&mut [0; 16]) {
                        Ok(0) => return taken,
                        Ok(n) => taken += n,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                    }
                    zokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for _ in 0..50 {
        server.write_all(&[1; 20]).await.unwrap();
        zokio::task::yield_now().await;
    }
    drop(server);
    let mut taken = 0;
    for reader in readers {
        taken += reader.await.unwrap();
    }
    assert_eq!(taken, 1000);
}

#[zokio::test]
async fn poll_read_ready_wakes_only_the_latest_caller() {
    let (client, mut server) = tcp_pair().await;
    assert!(client.try_read(&mut [0]).is_err());
    let ((first, a), (second, b)) = (Wakes::new(), Wakes::new());
    for waker in [&a, &b] {
        let polled = client.poll_read_ready(&mut Context::from_waker(waker));
        assert!(polled.is_pending());
    }
    server.write_all(b"x").await.unwrap();
    until_woken(&second).await;
    assert_eq!(first.count(), 0);
    let polled = client.poll_read_ready(&mut Context::from_waker(&b));
    assert!(matches!(polled, Poll::Ready(Ok(()))));
}

#[zokio::test]
async fn readers_and_writers_that_poll_do_not_displace_each_other() {
    let (client, mut server) = tcp_pair().await;
    let ((reader, r), (_, w)) = (Wakes::new(), Wakes::new());
    assert!(client.try_read(&mut [0]).is_err());
    let polled = client.poll_read_ready(&mut Context::from_waker(&r));
    assert!(polled.is_pending());
    let _ = client.poll_write_ready(&mut Context::from_waker(&w));
    server.write_all(b"x").await.unwrap();
    until_woken(&reader).await;
}

#[zokio::test]
async fn poll_read_ready_and_readable_wait_beside_each_other() {
    let (client, mut server) = tcp_pair().await;
    let ((polled, p), (waited, w)) = (Wakes::new(), Wakes::new());
    let mut readable = pin!(client.readable());
    assert!(
        readable
            .as_mut()
            .poll(&mut Context::from_waker(&w))
            .is_pending()
    );
    let ready = client.poll_read_ready(&mut Context::from_waker(&p));
    assert!(ready.is_pending());
    server.write_all(b"x").await.unwrap();
    until_woken(&polled).await;
    until_woken(&waited).await;
}

#[zokio::test]
async fn dropped_readable_leaves_the_others_waiting() {
    let (client, mut server) = tcp_pair().await;
    let ((given_up, a), (kept, b)) = (Wakes::new(), Wakes::new());
    let mut first = Box::pin(client.readable());
    let mut second = pin!(client.readable());
    assert!(
        first
            .as_mut()
            .poll(&mut Context::from_waker(&a))
            .is_pending()
    );
    assert!(
        second
            .as_mut()
            .poll(&mut Context::from_waker(&b))
            .is_pending()
    );
    drop(first);
    server.write_all(b"x").await.unwrap();
    until_woken(&kept).await;
    assert_eq!(given_up.count(), 0);
}

#[zokio::test]
async fn waiting_task_that_moves_is_woken_through_its_new_waker() {
    let (client, mut server) = tcp_pair().await;
    let ((old, a), (new, b)) = (Wakes::new(), Wakes::new());
    let mut readable = pin!(client.readable());
    for waker in [&a, &b] {
        let polled = readable.as_mut().poll(&mut Context::from_waker(waker));
        assert!(polled.is_pending());
    }
    server.write_all(b"x").await.unwrap();
    until_woken(&new).await;
    assert_eq!(old.count(), 0);
}

#[zokio::test]
async fn poll_write_ready_of_an_idle_stream_is_ready() {
    let (client, _server) = tcp_pair().await;
    poll_fn(|cx| client.poll_write_ready(cx)).await.unwrap();
}

#[zokio::test]
async fn accepted_stream_counts_as_ready_until_it_refuses() {
    let listener = zokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = std::net::TcpStream::connect(address).unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let both = Interest::READABLE | Interest::WRITABLE;
    let Poll::Ready(Ok(ready)) = poll_once(pin!(server.ready(both))) else {
        panic!("an accepted stream is not ready");
    };
    assert!(ready.is_readable() && ready.is_writable());
    assert_eq!(drain(&server), 0);
    assert!(poll_once(pin!(server.readable())).is_pending());
    assert!(poll_once(pin!(server.writable())).is_ready());
    drop(client);
    server.readable().await.unwrap();
}

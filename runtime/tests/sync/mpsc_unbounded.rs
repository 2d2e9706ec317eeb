use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::thread;

use zokio::sync::mpsc;
use zokio::sync::mpsc::error::{SendError, TryRecvError};

use crate::support::{OnDrop, kept_waker, now, polled};

#[test]
fn messages_come_in_order_and_then_the_end() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    for i in 0..1_000 {
        tx.send(i).unwrap();
    }
    drop(tx);
    for i in 0..1_000 {
        assert_eq!(now(rx.recv()), Some(i));
    }
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn send_wakes_the_receiver_once() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let mut recv = polled(rx.recv()).pending();
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(recv.assert_woken(), Some(1));
}

#[test]
fn send_to_a_closed_receiver_gives_the_message_back() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    tx.send(1).unwrap();
    rx.close();
    assert_eq!(tx.send(2), Err(SendError(2)));
    assert_eq!(now(rx.recv()), Some(1));
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn last_sender_wakes_the_receiver_with_the_end() {
    let (tx, mut rx) = mpsc::unbounded_channel::<()>();
    let other = tx.clone();
    let mut recv = polled(rx.recv()).pending();
    drop(tx);
    recv.assert_pending();
    drop(other);
    assert_eq!(recv.assert_woken(), None);
}

#[test]
fn try_recv_tells_empty_from_disconnected() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    tx.send(1).unwrap();
    drop(tx);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn recv_many_takes_up_to_its_limit_over_blocks() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    for i in 0..200 {
        tx.send(i).unwrap();
    }
    let mut buffer = Vec::new();
    assert_eq!(now(rx.recv_many(&mut buffer, 150)), 150);
    assert_eq!(now(rx.recv_many(&mut buffer, 150)), 50);
    assert_eq!(buffer, (0..200).collect::<Vec<_>>());
}

#[test]
fn poll_recv_and_poll_recv_many() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(now(poll_fn(|cx| rx.poll_recv(cx))), Some(1));
    let mut buffer = Vec::new();
    assert_eq!(now(poll_fn(|cx| rx.poll_recv_many(cx, &mut buffer, 4))), 1);
    assert_eq!(buffer, [2]);
}

#[test]
fn len_is_empty_and_is_closed() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    assert!(rx.is_empty() && !rx.is_closed() && !tx.is_closed());
    tx.send(1).unwrap();
    assert_eq!(rx.len(), 1);
    rx.close();
    assert!(rx.is_closed() && tx.is_closed());
    assert_eq!(rx.len(), 1);
}

#[test]
fn closed_completes_when_the_receiver_goes() {
    let (tx, rx) = mpsc::unbounded_channel::<()>();
    let mut closed = polled(tx.closed()).pending();
    drop(rx);
    closed.assert_woken();
}

#[test]
fn weak_senders_and_counts() {
    let (tx, mut rx) = mpsc::unbounded_channel::<()>();
    let weak = tx.downgrade();
    assert_eq!((tx.strong_count(), tx.weak_count()), (1, 1));
    assert_eq!((weak.strong_count(), weak.weak_count()), (1, 1));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (1, 1));
    assert!(weak.upgrade().unwrap().same_channel(&tx));
    drop(tx);
    assert!(weak.clone().upgrade().is_none());
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn same_channel_tells_channels_apart() {
    let (tx, _rx) = mpsc::unbounded_channel::<()>();
    let (other, _other_rx) = mpsc::unbounded_channel::<()>();
    assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other));
}

#[test]
fn messages_are_dropped_with_the_receiver() {
    let (tx, rx) = mpsc::unbounded_channel();
    let (message, count) = OnDrop::new();
    for _ in 0..100 {
        assert!(tx.send(message.clone()).is_ok());
    }
    drop(rx);
    assert_eq!(count.load(Ordering::SeqCst), 100);
    drop(tx);
}

#[test]
fn dropped_receiver_does_not_keep_its_waker() {
    let (tx, mut rx) = mpsc::unbounded_channel::<()>();
    let (waker, count) = kept_waker();
    assert!(rx.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    drop(rx);
    assert_eq!(Arc::strong_count(&count), 2, "the sender lives on");
    drop(tx);
}

#[test]
fn blocking_recv_and_blocking_recv_many_on_a_plain_thread() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let receiving = thread::spawn(move || {
        let first = rx.blocking_recv();
        let mut rest = Vec::new();
        while rx.blocking_recv_many(&mut rest, 2) > 0 {}
        (first, rest)
    });
    for i in 0..4 {
        tx.send(i).unwrap();
    }
    drop(tx);
    assert_eq!(receiving.join().unwrap(), (Some(0), vec![1, 2, 3]));
}

#[test]
fn debug_needs_nothing_of_the_message() {
    struct Opaque;
    let (tx, rx) = mpsc::unbounded_channel::<Opaque>();
    assert!(format!("{tx:?}").starts_with("UnboundedSender"));
    assert!(format!("{rx:?}").starts_with("UnboundedReceiver"));
    assert!(format!("{:?}", tx.downgrade()).starts_with("WeakUnboundedSender"));
}

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::thread;

use zokio::sync::oneshot;
use zokio::sync::oneshot::error::TryRecvError;

use crate::support::{OnDrop, kept_waker, now, polled, run};

#[test]
fn value_is_received() {
    let (tx, rx) = oneshot::channel();
    tx.send(1).unwrap();
    assert_eq!(now(rx), Ok(1));
}

#[test]
fn send_wakes_the_receiver_once() {
    let (tx, rx) = oneshot::channel();
    let mut rx = polled(rx).pending();
    tx.send(1).unwrap();
    assert_eq!(rx.assert_woken(), Ok(1));
}

#[test]
fn dropped_sender_wakes_the_receiver_with_an_error() {
    let (tx, rx) = oneshot::channel::<()>();
    let mut rx = polled(rx).pending();
    drop(tx);
    let error = rx.assert_woken().unwrap_err();
    assert_eq!(error.to_string(), "channel closed");
    assert_eq!(format!("{error:?}"), "RecvError(())");
}

#[test]
fn send_without_a_receiver_gives_the_value_back() {
    let (tx, rx) = oneshot::channel();
    drop(rx);
    assert!(tx.is_closed());
    assert_eq!(tx.send(1), Err(1));
}

#[test]
fn send_to_a_closed_receiver_gives_the_value_back() {
    let (tx, mut rx) = oneshot::channel();
    rx.close();
    assert_eq!(tx.send(1), Err(1));
    assert!(now(&mut rx).is_err());
}

#[test]
fn value_sent_before_the_close_is_received() {
    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    rx.close();
    assert_eq!(now(rx), Ok(1));
}

#[test]
fn close_twice_is_as_once() {
    let (tx, mut rx) = oneshot::channel::<()>();
    rx.close();
    rx.close();
    assert!(tx.is_closed());
}

#[test]
fn try_recv_of_an_open_channel_is_empty() {
    let (tx, mut rx) = oneshot::channel();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn try_recv_without_a_sender_is_closed() {
    let (tx, mut rx) = oneshot::channel::<()>();
    drop(tx);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn try_recv_of_a_closed_receiver_is_closed_or_the_value() {
    let (_tx, mut rx) = oneshot::channel::<i32>();
    rx.close();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    rx.close();
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn try_recv_error_texts() {
    assert_eq!(TryRecvError::Empty.to_string(), "channel empty");
    assert_eq!(TryRecvError::Closed.to_string(), "channel closed");
}

#[test]
fn is_terminated_once_the_value_was_received() {
    let (tx, mut rx) = oneshot::channel();
    assert!(!rx.is_terminated());
    tx.send(1).unwrap();
    assert!(!rx.is_terminated());
    now(&mut rx).unwrap();
    assert!(rx.is_terminated());
}

#[test]
fn is_terminated_once_the_error_was_received() {
    let (tx, mut rx) = oneshot::channel::<()>();
    drop(tx);
    assert!(!rx.is_terminated());
    assert!(rx.try_recv().is_err());
    assert!(rx.is_terminated());
}

#[test]
fn is_not_terminated_by_close_alone() {
    let (_tx, mut rx) = oneshot::channel::<()>();
    rx.close();
    assert!(!rx.is_terminated());
}

#[test]
fn is_empty_except_while_a_value_is_there() {
    let (tx, mut rx) = oneshot::channel();
    assert!(rx.is_empty());
    tx.send(1).unwrap();
    assert!(!rx.is_empty());
    rx.try_recv().unwrap();
    assert!(rx.is_empty());
}

#[test]
fn is_empty_without_a_sender() {
    let (tx, rx) = oneshot::channel::<()>();
    drop(tx);
    assert!(rx.is_empty());
}

#[test]
fn is_empty_does_not_lose_a_value_that_was_sent_before_the_close() {
    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    rx.close();
    assert!(!rx.is_empty());
}

#[test]
fn closed_is_woken_when_the_receiver_goes() {
    let (mut tx, rx) = oneshot::channel::<()>();
    {
        let mut closed = polled(tx.closed()).pending();
        drop(rx);
        closed.assert_woken();
    }
    assert!(tx.is_closed());
}

#[test]
fn closed_is_woken_when_the_receiver_closes() {
    let (mut tx, mut rx) = oneshot::channel::<()>();
    let mut closed = polled(tx.closed()).pending();
    rx.close();
    closed.assert_woken();
}

#[test]
fn cancelled_wait_for_the_close_still_sends() {
    let (mut tx, rx) = oneshot::channel();
    drop(polled(tx.closed()).pending());
    tx.send(1).unwrap();
    assert_eq!(now(rx), Ok(1));
}

#[test]
fn poll_closed_keeps_the_latest_waker() {
    let (mut tx, rx) = oneshot::channel::<()>();
    let (first, first_count) = kept_waker();
    assert!(
        tx.poll_closed(&mut Context::from_waker(&first))
            .is_pending()
    );
    let mut second = polled(std::future::poll_fn(|cx| tx.poll_closed(cx))).pending();
    drop(rx);
    second.assert_woken();
    drop(first);
    assert_eq!(Arc::strong_count(&first_count), 1);
}

#[test]
fn receiver_may_be_awaited_by_reference() {
    run(async {
        let (tx, mut rx) = oneshot::channel();
        polled(&mut rx).assert_pending();
        tx.send(1).unwrap();
        assert_eq!((&mut rx).await, Ok(1));
    });
}

#[test]
fn value_is_dropped_with_the_receiver() {
    let (value, count) = OnDrop::new();
    let (tx, rx) = oneshot::channel();
    assert!(tx.send(value).is_ok());
    assert_eq!(count.load(Ordering::SeqCst), 0);
    drop(rx);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn value_is_dropped_with_the_receiver_while_the_sender_is_dropping_it() {
    let (value, count) = OnDrop::new();
    let (tx, rx) = oneshot::channel();
    let dropping = thread::spawn(move || drop(rx));
    drop(tx.send(value));
    dropping.join().unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn dropped_receiver_does_not_keep_its_waker() {
    let (tx, mut rx) = oneshot::channel::<()>();
    let (waker, count) = kept_waker();
    assert!(
        Pin::new(&mut rx)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert_eq!(Arc::strong_count(&count), 3);
    drop(rx);
    assert_eq!(Arc::strong_count(&count), 2, "the sender lives on");
    drop(tx);
}

#[test]
fn closed_receiver_does_not_keep_its_waker() {
    let (_tx, mut rx) = oneshot::channel::<()>();
    let (waker, count) = kept_waker();
    let _ = Pin::new(&mut rx).poll(&mut Context::from_waker(&waker));
    rx.close();
    assert_eq!(Arc::strong_count(&count), 2);
}

#[test]
fn sender_that_is_gone_does_not_keep_its_waker() {
    let (mut tx, rx) = oneshot::channel::<()>();
    let (waker, count) = kept_waker();
    assert!(
        tx.poll_closed(&mut Context::from_waker(&waker))
            .is_pending()
    );
    tx.send(()).unwrap();
    assert_eq!(Arc::strong_count(&count), 2, "the receiver lives on");
    drop(rx);
}

#[test]
fn blocking_recv_waits_on_a_plain_thread() {
    let (tx, rx) = oneshot::channel();
    let receiving = thread::spawn(move || rx.blocking_recv());
    tx.send(1).unwrap();
    assert_eq!(receiving.join().unwrap(), Ok(1));
}

#[test]
fn blocking_recv_without_a_sender_fails() {
    let (tx, rx) = oneshot::channel::<()>();
    drop(tx);
    assert!(rx.blocking_recv().is_err());
}

#[test]
fn debug_needs_nothing_of_the_value() {
    struct Opaque;
    let (tx, rx) = oneshot::channel::<Opaque>();
    assert!(format!("{tx:?}").starts_with("Sender"));
    assert!(format!("{rx:?}").starts_with("Receiver"));
}

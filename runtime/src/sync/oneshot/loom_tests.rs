//! The oneshot channel under loom: the value and the wakers are handed over, no wake-up is lost.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use loom::thread;

use super::channel;
use crate::sync::test_util::models::{Tracked, block_on, block_on_after_a_move, waker};

#[test]
fn loom_send_against_a_wait_hands_the_value_over() {
    loom::model(|| {
        let (tx, rx) = channel();
        let sending = thread::spawn(move || tx.send(Tracked::new(7)).is_ok());
        assert_eq!(block_on(rx).unwrap().get(), 7);
        assert!(sending.join().unwrap());
    });
}

#[test]
fn loom_send_against_a_receiver_that_changes_its_waker() {
    loom::model(|| {
        let (tx, rx) = channel();
        let sending = thread::spawn(move || tx.send(Tracked::new(7)).is_ok());
        assert_eq!(block_on_after_a_move(rx).unwrap().get(), 7);
        assert!(sending.join().unwrap());
    });
}

#[test]
fn loom_dropped_sender_against_a_wait() {
    loom::model(|| {
        let (tx, rx) = channel::<()>();
        let dropping = thread::spawn(move || drop(tx));
        assert!(block_on(rx).is_err());
        dropping.join().unwrap();
    });
}

/// The value comes out on one side exactly, also if the receiver has waited before it closes.
#[test]
fn loom_close_against_a_send_leaves_the_value_to_one_side() {
    loom::model(|| {
        let (tx, mut rx) = channel();
        let waker = waker();
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(&mut rx).poll(&mut cx).is_pending());
        let sending = thread::spawn(move || tx.send(Tracked::new(7)).map_err(|v| v.get()));
        rx.close();
        let received = rx.try_recv().map(|value| value.get());
        match sending.join().unwrap() {
            Ok(()) => assert_eq!(received, Ok(7)),
            Err(value) => assert_eq!((value, received.is_err()), (7, true)),
        }
    });
}

/// Looks at itself when it is dropped.
struct Message(Tracked);

impl Drop for Message {
    fn drop(&mut self) {
        assert_eq!(self.0.get(), 7);
    }
}

/// A receiver that has waited is dropped while the sender sends: one of them drops the value.
#[test]
fn loom_dropped_receiver_against_a_send() {
    loom::model(|| {
        let (tx, mut rx) = channel();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut rx).poll(&mut cx).is_pending());
        let sending = thread::spawn(move || drop(tx.send(Message(Tracked::new(7)))));
        drop(rx);
        sending.join().unwrap();
    });
}

#[test]
fn loom_dropped_receiver_against_a_wait_for_that() {
    loom::model(|| {
        let (mut tx, rx) = channel::<()>();
        let dropping = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        assert!(tx.is_closed());
        dropping.join().unwrap();
    });
}

/// A sender that has waited for the close sends while the receiver closes.
#[test]
fn loom_waiting_sender_sends_against_a_close() {
    loom::model(|| {
        let (mut tx, mut rx) = channel();
        let waker = waker();
        let closing = thread::spawn(move || {
            rx.close();
            rx.try_recv().is_ok()
        });
        let closed = match tx.poll_closed(&mut Context::from_waker(&waker)) {
            Poll::Ready(()) => true,
            Poll::Pending => false,
        };
        let sent = tx.send(1).is_ok();
        assert!(!(closed && sent));
        assert_eq!(closing.join().unwrap(), sent);
    });
}

//! The channels under loom. Blocks have two slots here: three messages come to the next block.
//!
//! A thread that may be woken late, for a message that it has received already, is not the one that
//! joins the others: loom takes an unpark for the end of a join.

use loom::sync::Arc;
use loom::thread;

use super::{channel, unbounded_channel};
use crate::sync::test_util::models::{Tracked, block_on, block_on_after_a_move, poll_once};

/// Both sides wait for each other: every message comes, in order, and then the end.
#[test]
fn loom_bounded_sender_and_receiver_wait_for_each_other() {
    loom::model(|| {
        let (tx, mut rx) = channel(1);
        let sending = thread::spawn(move || {
            for i in 0..2 {
                assert!(block_on(tx.send(Tracked::new(i))).is_ok());
            }
        });
        let receiving = thread::spawn(move || {
            for i in 0..2 {
                assert_eq!(block_on(rx.recv()).unwrap().get(), i);
            }
            assert!(block_on(rx.recv()).is_none());
        });
        sending.join().unwrap();
        receiving.join().unwrap();
    });
}

/// Two senders in a channel for one message: nothing is lost.
#[test]
fn loom_two_senders_share_one_place() {
    loom::model(|| {
        let (tx, mut rx) = channel(1);
        let sending = {
            let tx = tx.clone();
            thread::spawn(move || assert!(block_on(tx.send(Tracked::new(1))).is_ok()))
        };
        let receiving = thread::spawn(move || {
            let one = block_on(rx.recv()).unwrap().get();
            let two = block_on(rx.recv()).unwrap().get();
            one + two
        });
        assert!(block_on(tx.send(Tracked::new(2))).is_ok());
        sending.join().unwrap();
        assert_eq!(receiving.join().unwrap(), 3);
    });
}

/// After the close the receiver waits for the permit that is out, used or not.
#[test]
fn loom_close_waits_for_a_permit_that_is_out() {
    loom::model(|| {
        let (tx, mut rx) = channel(1);
        let permit = tx.clone().try_reserve_owned().unwrap();
        let using = thread::spawn(move || drop(permit.send(Tracked::new(1))));
        rx.close();
        assert_eq!(block_on(rx.recv()).unwrap().get(), 1);
        assert!(block_on(rx.recv()).is_none());
        using.join().unwrap();
    });
}

#[test]
fn loom_close_waits_for_a_permit_that_is_given_back() {
    loom::model(|| {
        let (tx, mut rx) = channel::<()>(1);
        let permit = tx.clone().try_reserve_owned().unwrap();
        let releasing = thread::spawn(move || drop(permit));
        rx.close();
        assert!(block_on(rx.recv()).is_none());
        releasing.join().unwrap();
    });
}

/// A sender that waits for room while the receiver closes gets its message back.
#[test]
fn loom_close_against_a_sender_that_waits() {
    loom::model(|| {
        let (tx, mut rx) = channel(1);
        tx.try_send(Tracked::new(0)).ok().unwrap();
        let sending = thread::spawn(move || block_on(tx.send(Tracked::new(1))).is_ok());
        rx.close();
        let mut received = 0;
        while let Some(message) = block_on(rx.recv()) {
            assert_eq!(message.get(), received);
            received += 1;
        }
        let sent = sending.join().unwrap();
        assert_eq!(received, 1 + u64::from(sent));
    });
}

/// Two producers over the end of a block.
#[test]
fn loom_unbounded_producers_come_to_the_next_block() {
    loom::model(|| {
        let (tx, mut rx) = unbounded_channel();
        let sending = {
            let tx = tx.clone();
            thread::spawn(move || {
                for i in [1, 2] {
                    tx.send(Tracked::new(i)).ok().unwrap();
                }
            })
        };
        tx.send(Tracked::new(4)).ok().unwrap();
        let mut sum = 0;
        for _ in 0..3 {
            sum += block_on(rx.recv()).unwrap().get();
        }
        assert_eq!(sum, 7);
        sending.join().unwrap();
        drop(tx);
        assert!(block_on(rx.recv()).is_none());
    });
}

/// Blocks are passed and used again while the producer goes on.
#[test]
fn loom_unbounded_blocks_are_used_again() {
    loom::model(|| {
        let (tx, mut rx) = unbounded_channel();
        let sending = thread::spawn(move || {
            for i in 0..3 {
                tx.send(Tracked::new(i)).ok().unwrap();
            }
        });
        let receiving = thread::spawn(move || {
            for i in 0..3 {
                assert_eq!(block_on(rx.recv()).unwrap().get(), i);
            }
        });
        sending.join().unwrap();
        receiving.join().unwrap();
    });
}

/// A sender that is refused sees what the receiver did before it closed.
#[test]
fn loom_unbounded_refusal_comes_after_the_close() {
    loom::model(|| {
        let (tx, mut rx) = unbounded_channel();
        let state = Arc::new(Tracked::new(0));
        let sending = {
            let state = state.clone();
            thread::spawn(move || {
                if tx.send(()).is_err() {
                    assert!(tx.is_closed());
                    assert_eq!(state.get(), 1);
                }
                // The look without a claim.
                if tx.send(()).is_err() {
                    assert_eq!(state.get(), 1);
                }
            })
        };
        state.add(1);
        rx.close();
        sending.join().unwrap();
    });
}

/// What was sent successfully is received although the receiver closes.
#[test]
fn loom_unbounded_close_against_a_send() {
    loom::model(|| {
        let (tx, mut rx) = unbounded_channel();
        let sending = thread::spawn(move || tx.send(Tracked::new(1)).is_ok());
        rx.close();
        let received = block_on(rx.recv()).is_some_and(|message| message.get() == 1);
        assert_eq!(sending.join().unwrap(), received);
    });
}

#[test]
fn loom_last_sender_goes_against_a_wait() {
    loom::model(|| {
        let (tx, mut rx) = unbounded_channel::<()>();
        let other = {
            let tx = tx.clone();
            thread::spawn(move || drop(tx))
        };
        let last = thread::spawn(move || drop(tx));
        assert!(block_on_after_a_move(rx.recv()).is_none());
        other.join().unwrap();
        last.join().unwrap();
    });
}

/// Either the upgrade finds a sender, and its message comes, or the channel has ended.
#[test]
fn loom_upgrade_against_the_last_sender() {
    loom::model(|| {
        let (tx, mut rx) = unbounded_channel();
        let weak = tx.downgrade();
        let dropping = thread::spawn(move || drop(tx));
        let receiving = thread::spawn(move || block_on(rx.recv()).is_some());
        let sent = match weak.upgrade() {
            Some(tx) => tx.send(Tracked::new(1)).is_ok(),
            None => false,
        };
        dropping.join().unwrap();
        assert_eq!(receiving.join().unwrap(), sent);
    });
}

/// A cancelled receive has received nothing.
#[test]
fn loom_cancelled_receive_loses_nothing() {
    loom::model(|| {
        let (tx, mut rx) = unbounded_channel();
        let sending = thread::spawn(move || tx.send(Tracked::new(1)).is_ok());
        let first = match poll_once(rx.recv()) {
            std::task::Poll::Ready(message) => message,
            std::task::Poll::Pending => block_on(rx.recv()),
        };
        assert_eq!(first.unwrap().get(), 1);
        assert!(sending.join().unwrap());
    });
}

/// Messages that nobody receives are dropped once, on whichever side.
#[test]
fn loom_dropped_receiver_against_a_send() {
    loom::model(|| {
        let (tx, rx) = unbounded_channel();
        let message = Arc::new(());
        let sending = {
            let message = message.clone();
            thread::spawn(move || drop(tx.send(message)))
        };
        drop(rx);
        sending.join().unwrap();
        assert_eq!(Arc::strong_count(&message), 1);
    });
}

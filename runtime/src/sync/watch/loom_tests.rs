//! The watch channel under loom: the last value is seen, and the end.

use loom::thread;

use super::channel;
use crate::sync::test_util::models::block_on;

/// The receiver sees the last value, then the end.
#[test]
fn loom_sends_against_a_receiver_that_waits() {
    loom::model(|| {
        let (tx, mut rx) = channel(0);
        let sending = thread::spawn(move || {
            tx.send(1).unwrap();
            tx.send(2).unwrap();
        });
        let mut last = 0;
        while block_on(rx.changed()).is_ok() {
            let value = *rx.borrow_and_update();
            assert!(value >= last, "values come in order");
            last = value;
        }
        assert_eq!(last, 2);
        sending.join().unwrap();
    });
}

/// The last of two senders closes after what both have sent.
#[test]
fn loom_two_senders_go_against_a_wait_for_a_value() {
    loom::model(|| {
        let (tx, mut rx) = channel(0);
        let threads =
            [tx.clone(), tx].map(|tx| thread::spawn(move || tx.send_modify(|value| *value += 1)));
        assert_eq!(*block_on(rx.wait_for(|&value| value == 2)).unwrap(), 2);
        assert!(block_on(rx.changed()).is_err());
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn loom_last_receiver_goes_against_a_wait_for_that() {
    loom::model(|| {
        let (tx, rx) = channel(());
        let other = rx.clone();
        let threads = [rx, other].map(|rx| thread::spawn(move || drop(rx)));
        block_on(tx.closed());
        assert!(tx.send(()).is_err());
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

use std::rc::Rc;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::thread;

use super::*;
#[cfg(feature = "telemetry")]
use crate::sync::test_util::{assert_notes, awaiting, fresh_task, notes_of, polling};
use crate::sync::test_util::{block_on, counting_waker, now, spawned};

/// Counts its drops.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn value_sent_before_the_wait_is_received() {
    let (tx, rx) = channel();
    tx.send(1).unwrap();
    assert_eq!(now(rx), Ok(1));
}

#[test]
fn send_wakes_the_receiver() {
    let (tx, rx) = channel();
    let mut rx = spawned(rx);
    rx.assert_pending();
    rx.assert_pending();
    tx.send("x").unwrap();
    assert_eq!(rx.wakes(), 1);
    assert_eq!(rx.assert_ready(), Ok("x"));
}

#[test]
fn dropped_sender_is_an_error() {
    let (tx, rx) = channel::<()>();
    let mut rx = spawned(rx);
    rx.assert_pending();
    drop(tx);
    assert_eq!(rx.wakes(), 1);
    assert_eq!(rx.assert_ready().unwrap_err().to_string(), "channel closed");
}

#[test]
fn dropped_receiver_gives_the_value_back() {
    let (tx, rx) = channel();
    assert!(!tx.is_closed());
    drop(rx);
    assert!(tx.is_closed());
    assert_eq!(tx.send(7), Err(7));
}

#[test]
fn closed_is_woken_by_close_and_by_drop() {
    for close in [true, false] {
        let (mut tx, mut rx) = channel::<()>();
        let mut closed = spawned(tx.closed());
        closed.assert_pending();
        if close {
            rx.close();
            rx.close();
        } else {
            drop(rx);
        }
        assert_eq!(closed.wakes(), 1);
        closed.assert_ready();
    }
}

#[test]
fn value_sent_before_close_is_still_received() {
    let (tx, mut rx) = channel();
    tx.send(1).unwrap();
    rx.close();
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert!(rx.is_terminated());
}

#[test]
fn closed_receiver_receives_an_error() {
    let (tx, mut rx) = channel();
    rx.close();
    assert_eq!(tx.send(1), Err(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    let (_tx, mut rx) = channel::<()>();
    rx.close();
    assert!(now(rx).is_err());
}

#[test]
fn try_recv_tells_empty_from_closed() {
    let (tx, mut rx) = channel::<u8>();
    assert!(rx.is_empty());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    tx.send(1).unwrap();
    assert!(!rx.is_empty());
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(rx.is_empty());
    let (tx, mut rx) = channel::<u8>();
    drop(tx);
    assert!(rx.is_empty());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(TryRecvError::Empty.to_string(), "channel empty");
    assert_eq!(TryRecvError::Closed.to_string(), "channel closed");
}

#[test]
#[should_panic(expected = "called after complete")]
fn polling_a_finished_receiver_panics() {
    let (tx, mut rx) = channel();
    tx.send(1).unwrap();
    now(&mut rx).unwrap();
    let _ = now(&mut rx);
}

#[test]
fn latest_waker_is_woken() {
    let (tx, mut rx) = channel::<()>();
    let ((w1, c1), (w2, c2)) = (counting_waker(), counting_waker());
    for waker in [&w1, &w2] {
        assert!(
            Pin::new(&mut rx)
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
    }
    tx.send(()).unwrap();
    assert_eq!((c1.get(), c2.get()), (0, 1));
    let (mut tx, rx) = channel::<()>();
    for waker in [&w1, &w2] {
        assert!(tx.poll_closed(&mut Context::from_waker(waker)).is_pending());
    }
    drop(rx);
    assert_eq!((c1.get(), c2.get()), (0, 2));
}

#[test]
fn value_not_received_is_dropped_with_the_receiver() {
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = channel();
    assert!(tx.send(Dropped(drops.clone())).is_ok());
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(rx);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[cfg(feature = "telemetry")]
#[test]
fn pending_recv_and_closed_note_the_await_and_forget_it() {
    let (mut tx, mut rx) = channel::<()>();
    let (future, line) = awaiting!(tx.closed());
    assert_notes(future, line, "oneshot", "closed");
    // The note is the receiver's own: it outlives a borrow, not the receiver.
    let task = fresh_task();
    {
        let _polling = polling(task);
        spawned(&mut rx).assert_pending();
        let notes = notes_of(task);
        assert_eq!(
            (notes[0].point.kind(), notes[0].point.operation()),
            ("oneshot", "recv")
        );
    }
    drop(rx);
    assert!(notes_of(task).is_empty());
    let (_tx, rx) = channel::<()>();
    let (future, line) = awaiting!(rx);
    assert_notes(future, line, "oneshot", "recv");
}

#[test]
fn auto_traits() {
    fn check<T: Send + Sync + Unpin>(_: &T) {}
    let (tx, rx) = channel::<std::cell::Cell<u8>>();
    check(&tx);
    check(&rx);
    // Values that cannot be sent to other threads may be sent within one.
    let (tx, rx) = channel();
    tx.send(Rc::new(1)).unwrap();
    assert_eq!(*now(rx).unwrap(), 1);
}

#[test]
fn send_and_close_race_loses_no_value() {
    let barrier = Barrier::new(2);
    let drops = Arc::new(AtomicUsize::new(0));
    let rounds = 2_000;
    let (to_other, from_main) = std::sync::mpsc::channel::<Sender<Dropped>>();
    thread::scope(|s| {
        s.spawn(|| {
            for tx in from_main {
                let value = Dropped(drops.clone());
                barrier.wait();
                drop(tx.send(value));
                barrier.wait();
            }
        });
        for round in 1..=rounds {
            let (tx, mut rx) = channel();
            to_other.send(tx).unwrap();
            barrier.wait();
            if round % 2 == 0 {
                rx.close();
                drop(rx.try_recv());
            }
            drop(rx);
            barrier.wait();
            assert_eq!(drops.load(Ordering::SeqCst), round);
        }
        drop(to_other);
    });
}

#[test]
fn values_cross_threads_while_the_receiver_is_repolled() {
    let (to_other, from_main) = std::sync::mpsc::channel::<Sender<usize>>();
    thread::scope(|s| {
        s.spawn(|| {
            for (i, tx) in from_main.into_iter().enumerate() {
                if i % 3 == 0 {
                    drop(tx);
                } else {
                    tx.send(i).unwrap();
                }
            }
        });
        for i in 0..3_000 {
            let (tx, mut rx) = channel();
            to_other.send(tx).unwrap();
            let mut early = None;
            for _ in 0..3 {
                // A new waker each time.
                if let Poll::Ready(result) = spawned(&mut rx).poll() {
                    early = Some(result);
                    break;
                }
            }
            let result = early.unwrap_or_else(|| block_on(rx));
            assert_eq!(result.ok(), (i % 3 != 0).then_some(i));
        }
        drop(to_other);
    });
}

#[test]
fn blocking_recv_waits_on_a_plain_thread() {
    let (tx, rx) = channel();
    thread::scope(|s| {
        s.spawn(move || tx.send(4).unwrap());
        assert_eq!(rx.blocking_recv(), Ok(4));
    });
}

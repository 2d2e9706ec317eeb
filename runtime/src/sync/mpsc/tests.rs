use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::thread;

use super::error::{SendError, SendTimeoutError, TryRecvError, TrySendError};
use super::*;
#[cfg(feature = "telemetry")]
use crate::sync::test_util::{assert_notes, awaiting, fresh_task, notes_of, polling};
use crate::sync::test_util::{block_on, counting_waker, now, spawned};

#[test]
fn messages_arrive_in_order_and_then_the_end() {
    let (tx, mut rx) = channel(3);
    for i in 0..3 {
        now(tx.send(i)).unwrap();
    }
    drop(tx);
    for i in 0..3 {
        assert_eq!(now(rx.recv()), Some(i));
    }
    assert_eq!(now(rx.recv()), None);
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn full_channel_parks_senders_in_order() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let (mut a, mut b) = (spawned(tx.send(1)), spawned(tx.send(2)));
    a.assert_pending();
    b.assert_pending();
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!((a.wakes(), b.wakes()), (1, 0));
    assert_eq!(
        tx.try_send(3),
        Err(TrySendError::Full(3)),
        "promised to the first"
    );
    b.assert_pending();
    a.assert_ready().unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    b.assert_ready().unwrap();
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(tx.capacity(), 1);
}

#[test]
fn dropped_send_gives_its_room_to_the_next() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let (mut a, mut b) = (spawned(tx.send(1)), spawned(tx.send(2)));
    a.assert_pending();
    b.assert_pending();
    rx.try_recv().unwrap();
    drop(a);
    b.assert_ready().unwrap();
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn receiver_is_woken_once_for_many_messages() {
    let (tx, mut rx) = channel(10);
    let mut recv = spawned(rx.recv());
    recv.assert_pending();
    for i in 0..5 {
        tx.try_send(i).unwrap();
    }
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.assert_ready(), Some(0));
}

#[test]
fn receiver_is_woken_at_every_message_over_block_boundaries() {
    let (tx, mut rx) = unbounded_channel();
    for i in 0..200 {
        let mut recv = spawned(rx.recv());
        recv.assert_pending();
        recv.assert_pending();
        tx.send(i).unwrap();
        assert_eq!(recv.wakes(), 1, "message {i}");
        assert_eq!(recv.assert_ready(), Some(i));
    }
}

#[test]
fn latest_waker_of_the_receiver_is_woken() {
    let (tx, mut rx) = unbounded_channel();
    let ((w1, c1), (w2, c2)) = (counting_waker(), counting_waker());
    for waker in [&w1, &w2, &w2] {
        assert!(rx.poll_recv(&mut Context::from_waker(waker)).is_pending());
    }
    tx.send(()).unwrap();
    assert_eq!((c1.get(), c2.get()), (0, 1));
}

#[test]
fn cancelled_recv_loses_no_message() {
    let (tx, mut rx) = channel(4);
    spawned(rx.recv()).assert_pending();
    tx.try_send(1).unwrap();
    assert_eq!(now(rx.recv()), Some(1));
}

#[test]
fn last_sender_wakes_the_receiver() {
    let (tx, mut rx) = channel::<()>(1);
    let other = tx.clone();
    let mut recv = spawned(rx.recv());
    recv.assert_pending();
    drop(tx);
    recv.assert_pending();
    drop(other);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.assert_ready(), None);
}

#[test]
fn close_fails_waiting_and_new_senders() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let (mut a, mut b) = (spawned(tx.send(1)), spawned(tx.reserve()));
    a.assert_pending();
    b.assert_pending();
    rx.close();
    assert_eq!((a.wakes(), b.wakes()), (1, 1));
    assert_eq!(a.assert_ready(), Err(SendError(1)));
    assert_eq!(b.assert_ready().unwrap_err(), SendError(()));
    assert_eq!(tx.try_send(2), Err(TrySendError::Closed(2)));
    assert!(tx.is_closed() && rx.is_closed());
    assert_eq!(now(rx.recv()), Some(0), "what was sent is still received");
    assert_eq!(now(rx.recv()), None);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn closed_receiver_waits_for_permits_that_are_out() {
    let (tx, mut rx) = channel(2);
    let (used, unused) = (tx.try_reserve().unwrap(), tx.try_reserve().unwrap());
    rx.close();
    let mut recv = spawned(rx.recv());
    recv.assert_pending();
    used.send(1);
    assert_eq!(recv.assert_ready(), Some(1));
    drop(recv);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    let mut recv = spawned(rx.recv());
    recv.assert_pending();
    drop(unused);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.assert_ready(), None);
}

#[test]
fn closed_receiver_is_woken_when_an_assigned_send_is_dropped() {
    let (tx, mut rx) = channel(1);
    tx.try_send(0).unwrap();
    let mut send = spawned(tx.send(1));
    send.assert_pending();
    assert_eq!(rx.try_recv(), Ok(0));
    rx.close();
    let mut recv = spawned(rx.recv());
    recv.assert_pending();
    drop(send);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.assert_ready(), None);
}

#[test]
fn dropped_receiver_drops_messages_and_closes() {
    let message = Arc::new(());
    let (tx, rx) = channel(100);
    for _ in 0..70 {
        tx.try_send(message.clone()).unwrap();
    }
    let permit = tx.try_reserve().unwrap();
    let mut closed = spawned(tx.closed());
    closed.assert_pending();
    drop(rx);
    closed.assert_ready();
    assert_eq!(Arc::strong_count(&message), 1);
    permit.send(message.clone());
    assert_eq!(
        Arc::strong_count(&message),
        2,
        "kept until the channel goes"
    );
    assert!(tx.try_send(message.clone()).is_err());
    drop(closed);
    drop(tx);
    assert_eq!(Arc::strong_count(&message), 1);
}

#[test]
fn closed_is_ready_after_close_and_after_drop() {
    let (tx, rx) = unbounded_channel::<()>();
    let mut closed = spawned(tx.closed());
    let unpolled = tx.closed();
    closed.assert_pending();
    drop(rx);
    assert_eq!(closed.wakes(), 1);
    closed.assert_ready();
    now(unpolled);
    now(tx.closed());
}

#[test]
fn try_recv_tells_empty_from_disconnected() {
    let (tx, mut rx) = unbounded_channel();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    tx.send(1).unwrap();
    drop(tx);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    assert!(rx.is_closed());
}

#[test]
fn unbounded_close_keeps_what_was_sent() {
    let (tx, mut rx) = unbounded_channel();
    for i in 0..40 {
        tx.send(i).unwrap();
    }
    rx.close();
    assert_eq!(tx.send(99), Err(SendError(99)));
    assert_eq!(rx.len(), 40);
    for i in 0..40 {
        assert_eq!(now(rx.recv()), Some(i));
    }
    assert_eq!(now(rx.recv()), None);
    assert!(tx.is_closed());
}

#[test]
fn recv_many_takes_up_to_the_limit_and_frees_room() {
    let (tx, mut rx) = channel(8);
    for i in 0..6 {
        tx.try_send(i).unwrap();
    }
    let mut buffer = vec![-1];
    assert_eq!(now(rx.recv_many(&mut buffer, 0)), 0);
    assert_eq!(now(rx.recv_many(&mut buffer, 4)), 4);
    assert_eq!(buffer, [-1, 0, 1, 2, 3]);
    assert_eq!(tx.capacity(), 6);
    assert_eq!(now(rx.recv_many(&mut buffer, 100)), 2);
    let mut more = Vec::new();
    let mut recv = spawned(rx.recv_many(&mut more, 9));
    recv.assert_pending();
    tx.try_send(7).unwrap();
    assert_eq!(recv.assert_ready(), 1);
    drop(recv);
    drop(tx);
    assert_eq!(now(rx.recv_many(&mut more, 9)), 0);
    assert_eq!(more, [7]);
}

#[test]
fn reserve_many_and_its_iterator() {
    let (tx, mut rx) = channel(3);
    assert_eq!(now(tx.reserve_many(4)).unwrap_err(), SendError(()));
    assert!(matches!(
        tx.try_reserve_many(4),
        Err(TrySendError::Full(()))
    ));
    let mut permits = now(tx.reserve_many(3)).unwrap();
    assert_eq!(permits.len(), 3);
    permits.next().unwrap().send('a');
    permits.next().unwrap().send('b');
    assert!(matches!(
        tx.try_reserve_many(1),
        Err(TrySendError::Full(()))
    ));
    let mut two = spawned(tx.reserve_many(2));
    two.assert_pending();
    drop(permits);
    two.assert_pending();
    assert_eq!(rx.try_recv(), Ok('a'));
    assert_eq!(two.assert_ready().unwrap().len(), 2);
    assert_eq!(rx.try_recv(), Ok('b'));
    assert_eq!(tx.capacity(), 3);
    assert_eq!(now(tx.reserve_many(0)).unwrap().next().map(drop), None);
}

#[test]
fn owned_permits_hold_the_sender() {
    let (tx, mut rx) = channel(1);
    let permit = now(tx.clone().reserve_owned()).unwrap();
    assert!(permit.same_channel_as_sender(&tx));
    let tx2 = match tx.clone().try_reserve_owned() {
        Err(TrySendError::Full(sender)) => sender,
        other => panic!("{other:?}"),
    };
    drop((tx, tx2));
    assert_eq!(rx.sender_strong_count(), 1);
    let tx = permit.send(5);
    assert_eq!(rx.try_recv(), Ok(5));
    let tx = tx.try_reserve_owned().unwrap().release();
    assert_eq!(tx.capacity(), 1);
    let mut waiting = spawned(tx.clone().reserve_owned());
    let permit = tx.try_reserve().unwrap();
    waiting.assert_pending();
    drop(permit);
    drop(waiting.assert_ready().unwrap());
    drop(waiting);
    assert_eq!(tx.strong_count(), 1);
    drop(tx);
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn weak_senders_do_not_keep_the_channel_open() {
    let (tx, mut rx) = channel::<u8>(1);
    let weak = tx.downgrade();
    let (again, weak2) = (weak.upgrade().unwrap(), weak.clone());
    assert!(again.same_channel(&tx));
    assert_eq!((tx.strong_count(), tx.weak_count()), (2, 2));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (2, 2));
    drop((tx, again, weak2));
    assert!(weak.upgrade().is_none());
    assert_eq!((weak.strong_count(), weak.weak_count()), (0, 1));
    assert_eq!(now(rx.recv()), None);

    let (tx, rx) = unbounded_channel::<u8>();
    let weak = tx.downgrade();
    weak.upgrade().unwrap().send(1).unwrap();
    assert_eq!((tx.strong_count(), weak.weak_count()), (1, 1));
    drop(tx);
    assert!(weak.upgrade().is_none());
    assert_eq!(rx.len(), 1);
}

#[test]
fn lengths_and_capacities() {
    let (tx, mut rx) = channel(5);
    assert!(rx.is_empty());
    tx.try_send(1).unwrap();
    let permit = tx.try_reserve().unwrap();
    assert_eq!((rx.len(), rx.capacity(), rx.max_capacity()), (1, 3, 5));
    assert_eq!((tx.capacity(), tx.max_capacity()), (3, 5));
    drop(permit);
    rx.try_recv().unwrap();
    assert_eq!((rx.len(), tx.capacity()), (0, 5));
    let (other, _rx) = channel(1);
    assert!(!tx.same_channel(&other));
}

#[test]
fn error_texts() {
    assert_eq!(SendError(1).to_string(), "channel closed");
    assert_eq!(format!("{:?}", SendError(1)), "SendError { .. }");
    assert_eq!(TrySendError::Full(1).to_string(), "no available capacity");
    assert_eq!(TrySendError::Closed(1).to_string(), "channel closed");
    assert_eq!(format!("{:?}", TrySendError::Full(1)), "\"Full(..)\"");
    assert_eq!(TrySendError::from(SendError(1)).into_inner(), 1);
    assert_eq!(
        TryRecvError::Empty.to_string(),
        "receiving on an empty channel"
    );
    assert_eq!(
        TryRecvError::Disconnected.to_string(),
        "receiving on a closed channel"
    );
    assert_eq!(
        SendTimeoutError::Timeout(1).to_string(),
        "timed out waiting on send operation"
    );
    assert_eq!(SendTimeoutError::Closed(1).to_string(), "channel closed");
}

#[test]
#[should_panic(expected = "mpsc bounded channel requires buffer > 0")]
fn channel_without_room_panics() {
    drop(channel::<()>(0));
}

#[test]
fn auto_traits() {
    fn check<T: Send + Sync>(_: &T) {}
    fn unpin<T: Unpin>(_: &T) {}
    let (tx, mut rx) = channel::<std::cell::Cell<u8>>(1);
    check(&tx);
    check(&tx.downgrade());
    check(&tx.reserve());
    check(&tx.closed());
    check(&rx);
    unpin(&rx);
    check(&rx.recv());
    let (tx, rx) = unbounded_channel();
    tx.send(Rc::new(1)).unwrap();
    drop(rx);
}

#[cfg(feature = "telemetry")]
#[test]
fn pending_operations_note_the_await_and_forget_it() {
    let (tx, mut rx) = channel::<u8>(1);
    let (future, line) = awaiting!(rx.recv());
    assert_notes(future, line, "mpsc", "recv");
    let mut buffer = Vec::new();
    let (future, line) = awaiting!(rx.recv_many(&mut buffer, 2));
    assert_notes(future, line, "mpsc", "recv");
    let (future, line) = awaiting!(tx.closed());
    assert_notes(future, line, "mpsc", "closed");
    tx.try_send(1).unwrap();
    let (future, line) = awaiting!(tx.send(2));
    assert_notes(future, line, "mpsc", "send");
    let (future, line) = awaiting!(tx.clone().reserve_owned());
    assert_notes(future, line, "mpsc", "send");
    let (tx, mut rx) = unbounded_channel::<u8>();
    let (future, line) = awaiting!(rx.recv());
    assert_notes(future, line, "mpsc", "recv");
    drop(tx);
}

#[cfg(feature = "telemetry")]
#[test]
fn poll_recv_notes_its_caller_until_it_is_ready() {
    let (tx, mut rx) = unbounded_channel();
    let task = fresh_task();
    let _polling = polling(task);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let (polled, line) = (rx.poll_recv(&mut cx), line!());
    assert!(polled.is_pending());
    let notes = notes_of(task);
    assert_eq!(notes[0].location.map(|l| l.line()), Some(line));
    tx.send(1).unwrap();
    assert!(rx.poll_recv(&mut cx).is_ready());
    assert!(notes_of(task).is_empty());
}

#[test]
fn message_that_panics_when_dropped_leaks_no_other() {
    struct Bomb {
        _alive: Arc<()>,
        explodes: bool,
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.explodes, "a message panics");
        }
    }
    let alive = Arc::new(());
    let (tx, rx) = unbounded_channel();
    for i in 0..80 {
        tx.send(Bomb {
            _alive: alive.clone(),
            explodes: i == 40,
        })
        .unwrap();
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    drop(tx);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn many_threads_send_bounded_over_block_wraps() {
    let (tx, mut rx) = channel(7);
    let (senders, each) = (4, 3_000);
    thread::scope(|s| {
        for sender in 0..senders {
            let tx = tx.clone();
            s.spawn(move || {
                for i in 0..each {
                    block_on(tx.send((sender, i))).unwrap();
                }
            });
        }
        drop(tx);
        let mut next = vec![0; senders];
        while let Some((sender, i)) = block_on(rx.recv()) {
            assert_eq!(i, next[sender], "in order for each sender");
            next[sender] += 1;
        }
        assert_eq!(next, vec![each; senders]);
    });
    assert_eq!(rx.capacity(), 7);
}

#[test]
fn many_threads_send_unbounded_over_block_wraps() {
    let (tx, mut rx) = unbounded_channel();
    let (senders, each) = (3, 20_000_u32);
    thread::scope(|s| {
        for sender in 0..senders {
            let tx = tx.clone();
            s.spawn(move || {
                for i in 0..each {
                    tx.send((sender, Box::new(i))).unwrap();
                }
            });
        }
        drop(tx);
        let mut next = vec![0; senders];
        let mut buffer = Vec::new();
        while block_on(rx.recv_many(&mut buffer, 50)) > 0 {
            for (sender, i) in buffer.drain(..) {
                assert_eq!(*i, next[sender]);
                next[sender] += 1;
            }
        }
        assert_eq!(next, vec![each; senders]);
    });
}

#[test]
fn close_races_with_senders_and_loses_nothing_that_was_accepted() {
    for round in 0..60 {
        let (tx, mut rx) = unbounded_channel();
        let (bounded_tx, mut bounded_rx) = channel(1_000);
        thread::scope(|s| {
            let sending = s.spawn(move || {
                let mut accepted = 0;
                while tx.send(accepted).is_ok() && accepted < 5_000 {
                    accepted += 1;
                }
                let mut bounded = 0;
                while bounded < 900 && block_on(bounded_tx.send(bounded)).is_ok() {
                    bounded += 1;
                }
                (accepted, bounded)
            });
            let (mut received, mut bounded) = (0, 0);
            while received < round * 3 {
                match block_on(rx.recv()) {
                    Some(i) => assert_eq!(i, received),
                    None => break,
                }
                received += 1;
            }
            rx.close();
            while block_on(rx.recv()).is_some() {
                received += 1;
            }
            while bounded < round && block_on(bounded_rx.recv()).is_some() {
                bounded += 1;
            }
            bounded_rx.close();
            while block_on(bounded_rx.recv()).is_some() {
                bounded += 1;
            }
            let (accepted, bounded_accepted) = sending.join().unwrap();
            // The last send may have been accepted just as the limit was reached.
            assert!(
                received == accepted || received == accepted + 1,
                "{received} {accepted}"
            );
            assert_eq!(bounded, bounded_accepted);
        });
    }
}

#[test]
fn try_recv_sees_what_was_sent_before_it() {
    let (tx, mut rx) = unbounded_channel();
    thread::scope(|s| {
        let tx2 = tx.clone();
        s.spawn(move || {
            for i in 0..5_000 {
                tx2.send(i).unwrap();
            }
        });
        for _ in 0..5_000 {
            tx.send(-1).unwrap();
            // At least this thread's own message is there: never `Empty`, even when another
            // sender is in the middle of its push.
            rx.try_recv().unwrap();
        }
    });
}

#[test]
fn blocking_methods_work_on_plain_threads() {
    let (tx, mut rx) = channel(1);
    thread::scope(|s| {
        s.spawn(move || {
            for i in 0..100 {
                tx.blocking_send(i).unwrap();
            }
        });
        assert_eq!(rx.blocking_recv(), Some(0));
        let mut rest = Vec::new();
        while rx.blocking_recv_many(&mut rest, 10) > 0 {}
        assert_eq!(rest.len(), 99);
    });
    let (tx, mut rx) = unbounded_channel();
    tx.send(1).unwrap();
    drop(tx);
    assert_eq!((rx.blocking_recv(), rx.blocking_recv()), (Some(1), None));
}

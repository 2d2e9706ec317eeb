use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use zokio::sync::mpsc;
use zokio::sync::mpsc::error::{SendError, SendTimeoutError, TryRecvError, TrySendError};

use crate::support::{OnDrop, kept_waker, now, polled, run, run_paused};

#[test]
fn messages_come_in_order_and_then_the_end() {
    let (tx, mut rx) = mpsc::channel(100);
    for i in 0..100 {
        now(tx.send(i)).unwrap();
    }
    drop(tx);
    for i in 0..100 {
        assert_eq!(now(rx.recv()), Some(i));
    }
    assert_eq!(now(rx.recv()), None);
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn send_waits_for_room() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(1).unwrap();
    let mut send = polled(tx.send(2)).pending();
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(send.assert_woken(), Ok(()));
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn senders_get_room_in_the_order_of_their_first_poll() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(0).unwrap();
    let mut first = polled(tx.send(1)).pending();
    let mut second = polled(tx.send(2)).pending();
    rx.try_recv().unwrap();
    first.assert_woken().unwrap();
    second.assert_pending();
    rx.try_recv().unwrap();
    second.assert_woken().unwrap();
}

#[test]
fn try_send_tells_full_from_closed_and_gives_the_message_back() {
    let (tx, rx) = mpsc::channel(1);
    tx.try_send(1).unwrap();
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    drop(rx);
    assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
}

#[test]
fn try_send_does_not_overtake_a_sender_that_waits() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(0).unwrap();
    let mut waiting = polled(tx.send(1)).pending();
    rx.try_recv().unwrap();
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    waiting.assert_woken().unwrap();
}

#[test]
fn cancelled_send_has_sent_nothing_and_drops_its_message() {
    let (tx, mut rx) = mpsc::channel(1);
    let (message, count) = OnDrop::new();
    assert!(tx.try_send(message.clone()).is_ok());
    drop(polled(tx.send(message)).pending());
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(rx.try_recv().is_ok());
    assert!(rx.try_recv().is_err());
}

#[test]
fn send_after_the_receiver_is_gone_gives_the_message_back() {
    let (tx, rx) = mpsc::channel(1);
    drop(rx);
    assert_eq!(now(tx.send(7)), Err(SendError(7)));
}

#[test]
fn senders_that_wait_fail_when_the_receiver_goes() {
    let (tx, rx) = mpsc::channel(1);
    tx.try_send(1).unwrap();
    let mut send = polled(tx.send(2)).pending();
    let mut reserve = polled(tx.reserve()).pending();
    drop(rx);
    assert_eq!(send.assert_woken(), Err(SendError(2)));
    assert!(reserve.assert_woken().is_err());
}

#[test]
fn reserved_room_is_kept_for_its_message() {
    let (tx, mut rx) = mpsc::channel(1);
    let permit = now(tx.reserve()).unwrap();
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    permit.send(2);
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn dropped_permit_gives_its_room_to_the_next() {
    let (tx, _rx) = mpsc::channel(1);
    let permit = tx.try_reserve().unwrap();
    let mut waiting = polled(tx.send(1)).pending();
    drop(permit);
    waiting.assert_woken().unwrap();
}

#[test]
fn messages_are_ordered_by_send_not_by_reserve() {
    let (tx, mut rx) = mpsc::channel(2);
    let (first, second) = (tx.try_reserve().unwrap(), tx.try_reserve().unwrap());
    second.send(2);
    first.send(1);
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(2), Ok(1)));
}

#[test]
fn try_reserve_tells_full_from_closed() {
    let (tx, rx) = mpsc::channel::<()>(1);
    let permit = tx.try_reserve().unwrap();
    assert_eq!(tx.try_reserve().unwrap_err(), TrySendError::Full(()));
    drop(permit);
    drop(rx);
    assert_eq!(tx.try_reserve().unwrap_err(), TrySendError::Closed(()));
}

#[test]
fn reserve_many_gives_permits_one_by_one_and_the_rest_back() {
    let (tx, mut rx) = mpsc::channel(4);
    let mut permits = now(tx.reserve_many(3)).unwrap();
    assert_eq!((permits.len(), tx.capacity()), (3, 1));
    permits.next().unwrap().send(1);
    assert_eq!(permits.size_hint(), (2, Some(2)));
    drop(permits);
    assert_eq!(tx.capacity(), 3);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(tx.capacity(), 4);
}

#[test]
fn reserve_many_waits_until_all_of_it_is_there() {
    let (tx, mut rx) = mpsc::channel(2);
    tx.try_send(1).unwrap();
    let mut many = polled(tx.reserve_many(2)).pending();
    assert_eq!(rx.try_recv(), Ok(1));
    let mut permits = many.assert_woken().unwrap();
    permits.next().unwrap().send(2);
    permits.next().unwrap().send(3);
    assert!(permits.next().is_none() && permits.next().is_none());
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(2), Ok(3)));
}

#[test]
fn reserve_many_of_more_than_the_channel_holds_fails() {
    let (tx, _rx) = mpsc::channel::<()>(2);
    assert_eq!(now(tx.reserve_many(3)).unwrap_err(), SendError(()));
    assert_eq!(now(tx.reserve_many(usize::MAX)).unwrap_err(), SendError(()));
    assert_eq!(tx.try_reserve_many(3).unwrap_err(), TrySendError::Full(()));
}

#[test]
fn reserve_none_is_ready_unless_closed() {
    let (tx, rx) = mpsc::channel(1);
    tx.try_send(1).unwrap();
    assert_eq!(now(tx.reserve_many(0)).unwrap().len(), 0);
    assert_eq!(tx.try_reserve_many(0).unwrap().len(), 0);
    drop(rx);
    assert!(now(tx.reserve_many(0)).is_err());
    assert_eq!(
        tx.try_reserve_many(0).unwrap_err(),
        TrySendError::Closed(())
    );
}

#[test]
fn owned_permit_sends_and_returns_the_sender() {
    let (tx, mut rx) = mpsc::channel(1);
    let permit = now(tx.reserve_owned()).unwrap();
    let tx = permit.send(1);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(tx.capacity(), 1);
}

#[test]
fn released_owned_permit_gives_its_room_back() {
    let (tx, _rx) = mpsc::channel::<()>(1);
    let permit = tx.clone().try_reserve_owned().unwrap();
    assert_eq!(tx.capacity(), 0);
    let sender = permit.release();
    assert_eq!(sender.capacity(), 1);
}

#[test]
fn try_reserve_owned_gives_the_sender_back() {
    let (tx, rx) = mpsc::channel::<()>(1);
    let permit = tx.clone().try_reserve_owned().unwrap();
    let tx = match tx.try_reserve_owned().unwrap_err() {
        TrySendError::Full(tx) => tx,
        TrySendError::Closed(_) => panic!("closed"),
    };
    drop((permit, rx));
    assert!(matches!(
        tx.try_reserve_owned().unwrap_err(),
        TrySendError::Closed(_)
    ));
}

#[test]
fn owned_permit_keeps_the_channel_open() {
    let (tx, mut rx) = mpsc::channel(1);
    let permit = tx.try_reserve_owned().unwrap();
    let mut recv = polled(rx.recv()).pending();
    drop(permit.send(1));
    assert_eq!(recv.assert_ready(), Some(1));
}

#[test]
fn owned_permits_know_their_channel() {
    let (tx, _rx) = mpsc::channel::<()>(2);
    let (other, _other_rx) = mpsc::channel::<()>(1);
    let one = tx.clone().try_reserve_owned().unwrap();
    let two = tx.clone().try_reserve_owned().unwrap();
    let three = other.clone().try_reserve_owned().unwrap();
    assert!(one.same_channel(&two) && !one.same_channel(&three));
    assert!(one.same_channel_as_sender(&tx) && !one.same_channel_as_sender(&other));
}

#[test]
fn closed_receiver_waits_for_permits_that_are_out() {
    let (tx, mut rx) = mpsc::channel(2);
    let permit = tx.try_reserve().unwrap();
    rx.close();
    assert!(tx.try_reserve().is_err());
    let mut recv = polled(rx.recv()).pending();
    permit.send(1);
    assert_eq!(recv.assert_woken(), Some(1));
    drop(recv);
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn closed_receiver_ends_when_the_last_permit_is_given_back() {
    let (tx, mut rx) = mpsc::channel::<()>(2);
    let permit = tx.try_reserve().unwrap();
    rx.close();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    let mut recv = polled(rx.recv()).pending();
    drop(permit);
    assert_eq!(recv.assert_woken(), None);
}

#[test]
fn send_timeout_sends_when_there_is_room() {
    run_paused(async {
        let (tx, mut rx) = mpsc::channel(1);
        let limit = Duration::from_secs(1);
        assert_eq!(tx.send_timeout(1, limit).await, Ok(()));
        assert_eq!(
            tx.send_timeout(2, limit).await,
            Err(SendTimeoutError::Timeout(2))
        );
        assert_eq!(rx.try_recv(), Ok(1));
        drop(rx);
        assert_eq!(
            tx.send_timeout(3, limit).await,
            Err(SendTimeoutError::Closed(3))
        );
    });
}

#[test]
fn send_timeout_is_served_when_room_comes_in_time() {
    run_paused(async {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(1).unwrap();
        let sending = zokio::spawn(async move { tx.send_timeout(2, Duration::from_secs(5)).await });
        zokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(rx.recv().await, Some(1));
        assert_eq!(sending.await.unwrap(), Ok(()));
        assert_eq!(rx.recv().await, Some(2));
    });
}

#[test]
fn send_timeout_counts_from_its_first_poll() {
    run_paused(async {
        let (tx, _rx) = mpsc::channel(1);
        tx.try_send(1).unwrap();
        let send = tx.send_timeout(2, Duration::from_secs(1));
        zokio::time::advance(Duration::from_secs(2)).await;
        polled(send).assert_pending();
    });
}

#[test]
fn send_timeout_of_no_time_still_tries() {
    run_paused(async {
        let (tx, _rx) = mpsc::channel(1);
        assert_eq!(tx.send_timeout(1, Duration::ZERO).await, Ok(()));
        assert_eq!(
            tx.send_timeout(2, Duration::ZERO).await,
            Err(SendTimeoutError::Timeout(2))
        );
    });
}

#[test]
fn recv_many_takes_up_to_its_limit_and_appends() {
    let (tx, mut rx) = mpsc::channel(10);
    for i in 1..=5 {
        tx.try_send(i).unwrap();
    }
    let mut buffer = vec![0];
    assert_eq!(now(rx.recv_many(&mut buffer, 3)), 3);
    assert_eq!(buffer, [0, 1, 2, 3]);
    assert_eq!(tx.capacity(), 8);
    assert_eq!(now(rx.recv_many(&mut buffer, 10)), 2);
    drop(tx);
    assert_eq!(now(rx.recv_many(&mut buffer, 10)), 0);
}

#[test]
fn recv_many_of_none_is_ready_at_once() {
    let (_tx, mut rx) = mpsc::channel::<()>(1);
    assert_eq!(now(rx.recv_many(&mut Vec::new(), 0)), 0);
}

#[test]
fn recv_many_waits_for_the_first_message_only() {
    let (tx, mut rx) = mpsc::channel(10);
    let mut buffer = Vec::new();
    let mut recv = polled(rx.recv_many(&mut buffer, 5)).pending();
    tx.try_send(1).unwrap();
    assert_eq!(recv.assert_woken(), 1);
}

#[test]
fn cancelled_recv_many_has_received_nothing() {
    let (tx, mut rx) = mpsc::channel(10);
    let mut buffer = Vec::new();
    drop(polled(rx.recv_many(&mut buffer, 5)).pending());
    tx.try_send(1).unwrap();
    assert!(buffer.is_empty());
    assert_eq!(now(rx.recv()), Some(1));
}

#[test]
fn poll_recv_and_poll_recv_many() {
    let (tx, mut rx) = mpsc::channel(4);
    let mut recv = polled(poll_fn(|cx| rx.poll_recv(cx))).pending();
    tx.try_send(1).unwrap();
    assert_eq!(recv.assert_woken(), Some(1));
    tx.try_send(2).unwrap();
    let mut buffer = Vec::new();
    let many = poll_fn(|cx| rx.poll_recv_many(cx, &mut buffer, 4));
    assert_eq!(now(many), 1);
    drop(tx);
    let many = poll_fn(|cx| rx.poll_recv_many(cx, &mut buffer, 4));
    assert_eq!(now(many), 0);
    assert_eq!(buffer, [2]);
}

#[test]
fn poll_recv_wakes_the_latest_waker_only() {
    let (tx, mut rx) = mpsc::channel(1);
    let (first, first_count) = kept_waker();
    let pending = rx.poll_recv(&mut Context::from_waker(&first));
    assert_eq!(pending, Poll::Pending);
    drop(first);
    let mut second = polled(poll_fn(|cx| rx.poll_recv(cx))).pending();
    assert_eq!(Arc::strong_count(&first_count), 1);
    tx.try_send(1).unwrap();
    second.assert_woken();
}

#[test]
fn dropped_receiver_does_not_keep_its_waker() {
    let (tx, mut rx) = mpsc::channel::<()>(1);
    let (waker, count) = kept_waker();
    assert!(rx.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(Arc::strong_count(&count), 3);
    drop(rx);
    assert_eq!(Arc::strong_count(&count), 2, "the sender lives on");
    drop(tx);
}

#[test]
fn capacity_follows_messages_and_permits() {
    let (tx, mut rx) = mpsc::channel(3);
    assert_eq!((tx.capacity(), tx.max_capacity()), (3, 3));
    tx.try_send(1).unwrap();
    let permit = tx.try_reserve().unwrap();
    assert_eq!((tx.capacity(), rx.capacity()), (1, 1));
    drop(permit);
    rx.try_recv().unwrap();
    assert_eq!((rx.capacity(), rx.max_capacity()), (3, 3));
}

#[test]
fn len_and_is_empty_count_messages_not_permits() {
    let (tx, mut rx) = mpsc::channel(3);
    let _permit = tx.try_reserve().unwrap();
    assert!(rx.is_empty());
    tx.try_send(1).unwrap();
    assert_eq!((rx.len(), rx.is_empty()), (1, false));
    rx.try_recv().unwrap();
    assert_eq!(rx.len(), 0);
}

#[test]
fn is_closed_on_either_side() {
    let (tx, mut rx) = mpsc::channel::<()>(1);
    assert!(!tx.is_closed() && !rx.is_closed());
    rx.close();
    assert!(tx.is_closed() && rx.is_closed());
    let (tx, rx) = mpsc::channel::<()>(1);
    drop(tx);
    assert!(rx.is_closed());
}

#[test]
fn closed_completes_for_all_senders() {
    let (tx, mut rx) = mpsc::channel::<()>(1);
    let other = tx.clone();
    let mut one = polled(tx.closed()).pending();
    let mut two = polled(other.closed()).pending();
    rx.close();
    one.assert_woken();
    two.assert_woken();
    now(tx.closed());
}

#[test]
fn weak_sender_does_not_keep_the_channel_open() {
    let (tx, mut rx) = mpsc::channel::<()>(1);
    let weak = tx.downgrade();
    drop(tx);
    assert_eq!(now(rx.recv()), None);
    assert!(weak.upgrade().is_none());
}

#[test]
fn upgraded_sender_keeps_the_channel_open() {
    let (tx, mut rx) = mpsc::channel(1);
    let weak = tx.downgrade();
    let strong = weak.upgrade().unwrap();
    drop(tx);
    strong.try_send(1).unwrap();
    assert_eq!(now(rx.recv()), Some(1));
    let mut recv = polled(rx.recv()).pending();
    drop(strong);
    assert_eq!(recv.assert_woken(), None);
}

#[test]
fn counts_of_senders_and_weak_senders() {
    let (tx, rx) = mpsc::channel::<()>(1);
    let weak = tx.downgrade();
    let (other, other_weak) = (tx.clone(), weak.clone());
    assert_eq!((tx.strong_count(), tx.weak_count()), (2, 2));
    assert_eq!((weak.strong_count(), weak.weak_count()), (2, 2));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (2, 2));
    drop((other, other_weak));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (1, 1));
    drop(tx);
    assert_eq!((weak.strong_count(), rx.sender_strong_count()), (0, 0));
}

#[test]
fn same_channel_tells_channels_apart() {
    let (tx, _rx) = mpsc::channel::<()>(1);
    let (other, _other_rx) = mpsc::channel::<()>(1);
    assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other));
}

#[test]
fn messages_are_dropped_with_the_receiver_and_not_with_the_senders() {
    let (tx, rx) = mpsc::channel(3);
    let (message, count) = OnDrop::new();
    for _ in 0..2 {
        assert!(tx.try_send(message.clone()).is_ok());
    }
    drop(rx);
    assert_eq!(count.load(Ordering::SeqCst), 2);
    drop(tx);
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn message_sent_through_a_permit_after_the_receiver_is_gone_is_dropped() {
    let (tx, rx) = mpsc::channel(1);
    let (message, count) = OnDrop::new();
    let permit = tx.try_reserve().unwrap();
    drop(rx);
    permit.send(message);
    drop(tx);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn blocking_send_and_recv_on_plain_threads() {
    let (tx, mut rx) = mpsc::channel(1);
    let sending = thread::spawn(move || {
        for i in 0..5 {
            tx.blocking_send(i).unwrap();
        }
    });
    for i in 0..3 {
        assert_eq!(rx.blocking_recv(), Some(i));
    }
    let mut rest = Vec::new();
    while rx.blocking_recv_many(&mut rest, 10) > 0 {}
    assert_eq!(rest, [3, 4]);
    sending.join().unwrap();
}

#[test]
fn blocking_send_to_nobody_fails() {
    let (tx, rx) = mpsc::channel(1);
    drop(rx);
    assert_eq!(tx.blocking_send(1), Err(SendError(1)));
}

#[test]
fn largest_channel_is_made() {
    let (tx, _rx) = mpsc::channel::<()>(zokio::sync::Semaphore::MAX_PERMITS);
    assert_eq!(tx.max_capacity(), zokio::sync::Semaphore::MAX_PERMITS);
}

#[test]
fn error_texts_and_contents() {
    struct Opaque;
    assert_eq!(SendError(Opaque).to_string(), "channel closed");
    assert_eq!(format!("{:?}", SendError(Opaque)), "SendError { .. }");
    let (full, closed) = (TrySendError::Full(Opaque), TrySendError::Closed(Opaque));
    assert_eq!(full.to_string(), "no available capacity");
    assert_eq!(closed.to_string(), "channel closed");
    assert_eq!(
        format!("{full:?} {closed:?}"),
        "\"Full(..)\" \"Closed(..)\""
    );
    let timeout = SendTimeoutError::Timeout(Opaque);
    assert_eq!(timeout.to_string(), "timed out waiting on send operation");
    assert_eq!(format!("{timeout:?}"), "\"Timeout(..)\"");
    assert_eq!(
        SendTimeoutError::Closed(Opaque).to_string(),
        "channel closed"
    );
    assert_eq!(
        TryRecvError::Empty.to_string(),
        "receiving on an empty channel"
    );
    assert_eq!(
        TryRecvError::Disconnected.to_string(),
        "receiving on a closed channel"
    );
}

#[test]
fn errors_give_their_message_back() {
    assert_eq!(TrySendError::Full(1).into_inner(), 1);
    assert_eq!(TrySendError::Closed(2).into_inner(), 2);
    assert_eq!(SendTimeoutError::Timeout(3).into_inner(), 3);
    assert_eq!(SendTimeoutError::Closed(4).into_inner(), 4);
    assert_eq!(TrySendError::from(SendError(5)), TrySendError::Closed(5));
}

#[test]
fn debug_needs_nothing_of_the_message() {
    struct Opaque;
    let (tx, rx) = mpsc::channel::<Opaque>(1);
    assert!(format!("{tx:?}").starts_with("Sender"));
    assert!(format!("{rx:?}").starts_with("Receiver"));
    assert!(format!("{:?}", tx.downgrade()).starts_with("WeakSender"));
    assert!(format!("{:?}", tx.try_reserve()).contains("Permit"));
}

#[test]
fn tasks_send_more_than_the_channel_holds() {
    run(async {
        let (tx, mut rx) = mpsc::channel(2);
        let tasks: Vec<_> = (0..4)
            .map(|i| {
                let tx = tx.clone();
                zokio::spawn(async move {
                    for j in 0..10 {
                        tx.send(i * 10 + j).await.unwrap();
                    }
                })
            })
            .collect();
        drop(tx);
        let mut received = Vec::new();
        while let Some(message) = rx.recv().await {
            received.push(message);
        }
        for task in tasks {
            task.await.unwrap();
        }
        received.sort_unstable();
        assert_eq!(received, (0..40).collect::<Vec<_>>());
    });
}

#[test]
fn send_timeout_that_has_ended_and_is_kept_takes_no_room() {
    run_paused(async {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(0).unwrap();
        let mut sending = std::pin::pin!(tx.send_timeout(1, Duration::from_secs(1)));
        let ended = sending.as_mut().await;
        assert_eq!(ended, Err(SendTimeoutError::Timeout(1)));
        assert_eq!(rx.try_recv(), Ok(0));
        assert_eq!(tx.try_send(2), Ok(()));
    });
}

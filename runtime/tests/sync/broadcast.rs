use std::sync::atomic::Ordering;
use std::thread;

use zokio::sync::broadcast;
use zokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::support::{OnDrop, now, polled, run};

#[test]
fn every_receiver_gets_every_message() {
    let (tx, mut one) = broadcast::channel(4);
    let mut two = tx.subscribe();
    assert_eq!(tx.send(1).unwrap(), 2);
    assert_eq!(tx.send(2).unwrap(), 2);
    for rx in [&mut one, &mut two] {
        assert_eq!((now(rx.recv()), now(rx.recv())), (Ok(1), Ok(2)));
    }
}

#[test]
fn subscriber_gets_what_is_sent_from_then_on() {
    let (tx, _rx) = broadcast::channel(4);
    tx.send(1).unwrap();
    let mut late = tx.subscribe();
    assert_eq!(late.try_recv(), Err(TryRecvError::Empty));
    tx.send(2).unwrap();
    assert_eq!(late.try_recv(), Ok(2));
}

#[test]
fn send_wakes_all_that_wait_once() {
    let (tx, mut one) = broadcast::channel(4);
    let mut two = tx.subscribe();
    let mut first = polled(one.recv()).pending();
    let mut second = polled(two.recv()).pending();
    tx.send(1).unwrap();
    assert_eq!(first.assert_woken(), Ok(1));
    assert_eq!(second.assert_woken(), Ok(1));
}

#[test]
fn receiver_that_lags_is_told_how_many_it_missed() {
    let (tx, mut rx) = broadcast::channel(2);
    for i in 0..5 {
        tx.send(i).unwrap();
    }
    assert_eq!(now(rx.recv()), Err(RecvError::Lagged(3)));
    assert_eq!(now(rx.recv()), Ok(3));
    assert_eq!(now(rx.recv()), Ok(4));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn try_recv_tells_of_lag_too() {
    let (tx, mut rx) = broadcast::channel(2);
    for i in 0..4 {
        tx.send(i).unwrap();
    }
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(2)));
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn lag_is_told_before_the_end() {
    let (tx, mut rx) = broadcast::channel(1);
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    drop(tx);
    assert_eq!(now(rx.recv()), Err(RecvError::Lagged(1)));
    assert_eq!(now(rx.recv()), Ok(2));
    assert_eq!(now(rx.recv()), Err(RecvError::Closed));
}

#[test]
fn capacity_is_rounded_up_to_a_power_of_two() {
    let (tx, mut rx) = broadcast::channel(3);
    for i in 0..4 {
        tx.send(i).unwrap();
    }
    assert_eq!(rx.try_recv(), Ok(0));
    tx.send(4).unwrap();
    tx.send(5).unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
}

#[test]
fn send_without_receivers_gives_the_message_back() {
    let (tx, rx) = broadcast::channel(2);
    drop(rx);
    let error = tx.send(1).unwrap_err();
    assert_eq!(error.0, 1);
    assert_eq!(error.to_string(), "channel closed");
    assert_eq!(format!("{error:?}"), "SendError(1)");
}

#[test]
fn subscribing_opens_a_channel_without_receivers_again() {
    let (tx, rx) = broadcast::channel(2);
    drop(rx);
    let mut rx = tx.subscribe();
    assert_eq!(tx.send(1).unwrap(), 1);
    assert_eq!(now(rx.recv()), Ok(1));
}

#[test]
fn sender_is_made_without_a_receiver() {
    let tx = broadcast::Sender::<i32>::new(2);
    assert_eq!(tx.receiver_count(), 0);
    assert!(tx.send(1).is_err());
}

#[test]
fn messages_come_before_the_end() {
    let (tx, mut rx) = broadcast::channel(2);
    tx.send(1).unwrap();
    drop(tx);
    assert!(rx.is_closed());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(now(rx.recv()), Err(RecvError::Closed));
}

#[test]
fn last_sender_wakes_those_that_wait() {
    let (tx, mut rx) = broadcast::channel::<()>(2);
    let other = tx.clone();
    let mut recv = polled(rx.recv()).pending();
    drop(tx);
    recv.assert_pending();
    drop(other);
    assert_eq!(recv.assert_woken(), Err(RecvError::Closed));
}

#[test]
fn cancelled_recv_has_received_nothing() {
    let (tx, mut rx) = broadcast::channel(2);
    let recv = polled(rx.recv()).pending();
    tx.send(1).unwrap();
    drop(recv);
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn resubscribed_receiver_skips_what_the_old_one_has_yet_to_receive() {
    let (tx, mut rx) = broadcast::channel(4);
    tx.send(1).unwrap();
    let mut new = rx.resubscribe();
    tx.send(2).unwrap();
    assert_eq!(new.try_recv(), Ok(2));
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn resubscribed_receiver_of_a_closed_channel_is_at_its_end() {
    let (tx, rx) = broadcast::channel::<i32>(2);
    tx.send(1).unwrap();
    drop(tx);
    let mut new = rx.resubscribe();
    assert_eq!(new.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn len_of_a_receiver_counts_what_it_has_yet_to_receive() {
    let (tx, mut rx) = broadcast::channel(2);
    assert!(rx.is_empty());
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!((rx.len(), rx.is_empty()), (2, false));
    rx.try_recv().unwrap();
    assert_eq!(rx.len(), 1);
}

#[test]
fn len_of_a_sender_counts_what_the_slowest_has_yet_to_receive() {
    let (tx, mut one) = broadcast::channel(4);
    let mut two = tx.subscribe();
    assert!(tx.is_empty());
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    one.try_recv().unwrap();
    one.try_recv().unwrap();
    assert_eq!((tx.len(), tx.is_empty()), (2, false));
    two.try_recv().unwrap();
    assert_eq!(tx.len(), 1);
    drop(two);
    assert!(tx.is_empty());
}

#[test]
fn counts_of_senders_weak_senders_and_receivers() {
    let (tx, rx) = broadcast::channel::<()>(2);
    let (other, weak) = (tx.clone(), tx.downgrade());
    let second = tx.subscribe();
    assert_eq!((tx.strong_count(), tx.weak_count()), (2, 1));
    assert_eq!((weak.strong_count(), weak.weak_count()), (2, 1));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (2, 1));
    assert_eq!(tx.receiver_count(), 2);
    drop((other, weak, second));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (1, 0));
    assert_eq!(tx.receiver_count(), 1);
}

#[test]
fn weak_sender_does_not_keep_the_channel_open() {
    let (tx, mut rx) = broadcast::channel(2);
    let weak = tx.downgrade();
    weak.upgrade().unwrap().send(1).unwrap();
    drop(tx);
    assert!(weak.clone().upgrade().is_none());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn closed_is_woken_when_the_last_receiver_goes() {
    let (tx, rx) = broadcast::channel::<()>(2);
    let other = tx.subscribe();
    let mut closed = polled(tx.closed()).pending();
    drop(rx);
    closed.assert_pending();
    drop(other);
    closed.assert_woken();
    now(tx.closed());
}

#[test]
fn same_channel_tells_channels_apart() {
    let (tx, rx) = broadcast::channel::<()>(2);
    let (other_tx, other_rx) = broadcast::channel::<()>(2);
    assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other_tx));
    assert!(rx.same_channel(&tx.subscribe()) && !rx.same_channel(&other_rx));
}

#[test]
fn message_goes_when_all_have_received_it() {
    let (tx, mut one) = broadcast::channel(2);
    let mut two = tx.subscribe();
    let (message, count) = OnDrop::new();
    assert!(tx.send(message).is_ok());
    drop(one.try_recv());
    assert_eq!(count.load(Ordering::SeqCst), 1, "the clone");
    drop(two.try_recv());
    assert_eq!(count.load(Ordering::SeqCst), 2, "and the message");
}

#[test]
fn message_goes_with_the_last_receiver_that_has_not_received_it() {
    let (tx, rx) = broadcast::channel(2);
    let (message, count) = OnDrop::new();
    assert!(tx.send(message).is_ok());
    drop(rx);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    drop(tx);
}

#[test]
fn blocking_recv_waits_on_a_plain_thread() {
    let (tx, mut rx) = broadcast::channel(2);
    let receiving = thread::spawn(move || {
        let first = rx.blocking_recv();
        (first, rx.blocking_recv())
    });
    tx.send(1).unwrap();
    drop(tx);
    assert_eq!(receiving.join().unwrap(), (Ok(1), Err(RecvError::Closed)));
}

#[test]
fn error_texts() {
    assert_eq!(RecvError::Closed.to_string(), "channel closed");
    assert_eq!(RecvError::Lagged(3).to_string(), "channel lagged by 3");
    assert_eq!(TryRecvError::Empty.to_string(), "channel empty");
    assert_eq!(TryRecvError::Closed.to_string(), "channel closed");
    assert_eq!(TryRecvError::Lagged(3).to_string(), "channel lagged by 3");
}

#[test]
fn debug_of_the_handles() {
    let (tx, rx) = broadcast::channel::<()>(2);
    assert_eq!(format!("{tx:?}"), "broadcast::Sender");
    assert_eq!(format!("{:?}", tx.downgrade()), "broadcast::WeakSender");
    assert_eq!(format!("{rx:?}"), "broadcast::Receiver");
}

#[test]
fn receivers_need_clone_only_to_receive() {
    struct Opaque;
    let tx = broadcast::Sender::<Opaque>::new(1);
    let rx = tx.subscribe();
    assert!(tx.send(Opaque).is_ok());
    assert_eq!(rx.len(), 1);
}

#[test]
fn tasks_receive_all_that_is_sent() {
    run(async {
        let (tx, _) = broadcast::channel(16);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let mut rx = tx.subscribe();
                zokio::spawn(async move {
                    let mut sum = 0;
                    while let Ok(message) = rx.recv().await {
                        sum += message;
                    }
                    sum
                })
            })
            .collect();
        for i in 1..=10 {
            tx.send(i).unwrap();
        }
        drop(tx);
        for task in tasks {
            assert_eq!(task.await.unwrap(), 55);
        }
    });
}

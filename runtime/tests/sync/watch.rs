use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use zokio::sync::watch;
use zokio::sync::watch::error::SendError;

use crate::support::{now, polled, run};

#[test]
fn first_value_counts_as_seen() {
    let (_tx, mut rx) = watch::channel(1);
    assert_eq!(rx.has_changed().ok(), Some(false));
    polled(rx.changed()).assert_pending();
}

#[test]
fn changed_wakes_and_marks_as_seen() {
    let (tx, mut rx) = watch::channel(1);
    {
        let mut changed = polled(rx.changed()).pending();
        tx.send(2).unwrap();
        assert!(changed.assert_woken().is_ok());
    }
    assert_eq!(rx.has_changed().ok(), Some(false));
    polled(rx.changed()).assert_pending();
}

#[test]
fn values_in_between_are_not_seen() {
    let (tx, mut rx) = watch::channel(1);
    tx.send(2).unwrap();
    tx.send(3).unwrap();
    assert!(now(rx.changed()).is_ok());
    assert_eq!(*rx.borrow(), 3);
    polled(rx.changed()).assert_pending();
}

#[test]
fn borrow_does_not_mark_as_seen_and_borrow_and_update_does() {
    let (tx, mut rx) = watch::channel(1);
    tx.send(2).unwrap();
    assert_eq!(*rx.borrow(), 2);
    assert!(rx.has_changed().unwrap());
    assert_eq!(*rx.borrow_and_update(), 2);
    assert!(!rx.has_changed().unwrap());
}

#[test]
fn borrowed_value_tells_whether_it_was_seen() {
    let (tx, mut rx) = watch::channel(1);
    assert!(!rx.borrow().has_changed());
    tx.send(2).unwrap();
    assert!(rx.borrow().has_changed());
    assert!(rx.borrow_and_update().has_changed());
    assert!(!rx.borrow_and_update().has_changed());
    assert!(!tx.borrow().has_changed());
}

#[test]
fn equal_value_counts_as_a_change() {
    let (tx, rx) = watch::channel(1);
    tx.send(1).unwrap();
    assert!(rx.has_changed().unwrap());
}

#[test]
fn send_without_receivers_fails_and_keeps_the_old_value() {
    let (tx, rx) = watch::channel(1);
    drop(rx);
    let error = tx.send(2).unwrap_err();
    assert_eq!(error, SendError(2));
    assert_eq!(error.to_string(), "channel closed");
    assert_eq!(format!("{error:?}"), "SendError { .. }");
    assert_eq!(*tx.borrow(), 1);
}

#[test]
fn send_replace_and_send_modify_need_no_receiver() {
    let (tx, rx) = watch::channel(1);
    drop(rx);
    assert_eq!(tx.send_replace(2), 1);
    tx.send_modify(|value| *value += 1);
    assert_eq!(*tx.subscribe().borrow(), 3);
}

#[test]
fn send_if_modified_notifies_only_if_told_so() {
    let (tx, mut rx) = watch::channel(1);
    let mut changed = polled(rx.changed()).pending();
    assert!(!tx.send_if_modified(|value| {
        *value = 2;
        false
    }));
    changed.assert_pending();
    assert_eq!(*tx.borrow(), 2);
    assert!(tx.send_if_modified(|_| true));
    assert!(changed.assert_woken().is_ok());
}

#[test]
fn panic_in_send_modify_notifies_nobody_and_keeps_what_was_done() {
    let (tx, rx) = watch::channel(1);
    let modify = |value: &mut i32| {
        *value = 2;
        panic!("modify");
    };
    assert!(catch_unwind(AssertUnwindSafe(|| tx.send_modify(modify))).is_err());
    assert_eq!(*rx.borrow(), 2);
    assert!(!rx.has_changed().unwrap());
    tx.send(3).unwrap();
    assert!(rx.has_changed().unwrap());
}

#[test]
fn last_value_is_seen_before_the_end() {
    let (tx, mut rx) = watch::channel(1);
    tx.send(2).unwrap();
    drop(tx);
    assert!(now(rx.changed()).is_ok());
    let error = now(rx.changed()).unwrap_err();
    assert_eq!(error.to_string(), "channel closed");
    assert_eq!(*rx.borrow(), 2);
}

#[test]
fn has_changed_fails_after_the_end_though_the_last_value_was_not_seen() {
    let (tx, rx) = watch::channel(1);
    tx.send(2).unwrap();
    drop(tx);
    assert!(rx.has_changed().is_err());
    assert!(rx.is_closed());
    assert!(rx.borrow().has_changed());
}

#[test]
fn last_sender_wakes_those_that_wait() {
    let (tx, mut rx) = watch::channel(1);
    let other = tx.clone();
    let mut changed = polled(rx.changed()).pending();
    drop(tx);
    changed.assert_pending();
    drop(other);
    assert!(changed.assert_woken().is_err());
}

#[test]
fn cancelled_wait_marks_nothing_as_seen() {
    let (tx, mut rx) = watch::channel(1);
    let changed = polled(rx.changed()).pending();
    tx.send(2).unwrap();
    drop(changed);
    assert!(rx.has_changed().unwrap());
}

#[test]
fn mark_changed_makes_the_current_value_new() {
    let (_tx, mut rx) = watch::channel(1);
    rx.mark_changed();
    assert!(rx.has_changed().unwrap());
    assert!(now(rx.changed()).is_ok());
    polled(rx.changed()).assert_pending();
}

#[test]
fn mark_unchanged_makes_the_current_value_seen() {
    let (tx, mut rx) = watch::channel(1);
    tx.send(2).unwrap();
    rx.mark_unchanged();
    assert!(!rx.has_changed().unwrap());
    polled(rx.changed()).assert_pending();
}

#[test]
fn marked_value_is_seen_after_the_end_too() {
    let (tx, mut rx) = watch::channel(1);
    drop(tx);
    rx.mark_changed();
    assert!(now(rx.changed()).is_ok());
    assert!(now(rx.changed()).is_err());
}

#[test]
fn wait_for_is_ready_with_the_current_value_though_it_was_seen() {
    let (_tx, mut rx) = watch::channel(1);
    let value = now(rx.wait_for(|&value| value == 1)).unwrap();
    assert!(!value.has_changed());
}

#[test]
fn wait_for_skips_values_and_marks_them_as_seen() {
    let (tx, mut rx) = watch::channel(1);
    {
        let mut wait = polled(rx.wait_for(|&value| value == 3)).pending();
        tx.send(2).unwrap();
        assert_eq!(wait.wakes(), 1);
        wait.assert_pending();
        tx.send(3).unwrap();
        let value = wait.assert_ready().unwrap();
        assert_eq!((*value, value.has_changed()), (3, true));
    }
    assert!(!rx.has_changed().unwrap());
}

#[test]
fn wait_for_fails_after_it_has_looked_at_the_last_value() {
    let (tx, mut rx) = watch::channel(1);
    tx.send(2).unwrap();
    drop(tx);
    assert_eq!(*now(rx.wait_for(|&value| value == 2)).unwrap(), 2);
    let mut looks = 0;
    let missing = rx.wait_for(|_| {
        looks += 1;
        false
    });
    assert!(now(missing).is_err());
    assert_eq!(looks, 1);
}

#[test]
fn cancelled_wait_for_leaves_no_value_unseen_that_it_has_refused() {
    let (tx, mut rx) = watch::channel(1);
    tx.send(2).unwrap();
    drop(polled(rx.wait_for(|_| false)).pending());
    assert!(!rx.has_changed().unwrap());
}

#[test]
fn panic_in_a_condition_leaves_the_channel_usable() {
    let (tx, mut rx) = watch::channel(1);
    let panicking = rx.wait_for(|_| panic!("condition"));
    assert!(catch_unwind(AssertUnwindSafe(|| now(panicking).is_ok())).is_err());
    tx.send(2).unwrap();
    assert_eq!(*rx.borrow_and_update(), 2);
}

#[test]
fn clone_has_seen_what_the_original_has_and_goes_on_alone() {
    let (tx, mut rx) = watch::channel(1);
    tx.send(2).unwrap();
    let mut clone = rx.clone();
    assert!(now(clone.changed()).is_ok());
    assert!(rx.has_changed().unwrap());
    rx.mark_unchanged();
    let seen = rx.clone();
    assert!(!seen.has_changed().unwrap());
}

#[test]
fn subscriber_counts_the_current_value_as_seen() {
    let (tx, _rx) = watch::channel(1);
    tx.send(2).unwrap();
    let rx = tx.subscribe();
    assert!(!rx.has_changed().unwrap());
    assert_eq!(*rx.borrow(), 2);
}

#[test]
fn subscribing_opens_a_channel_without_receivers_again() {
    let (tx, rx) = watch::channel(1);
    drop(rx);
    assert!(tx.is_closed());
    let rx = tx.subscribe();
    assert!(!tx.is_closed());
    tx.send(2).unwrap();
    assert!(rx.has_changed().unwrap());
}

#[test]
fn closed_is_woken_when_the_last_receiver_goes() {
    let (tx, rx) = watch::channel(1);
    let other = rx.clone();
    let mut closed = polled(tx.closed()).pending();
    drop(rx);
    closed.assert_pending();
    drop(other);
    closed.assert_woken();
    now(tx.closed());
}

#[test]
fn counts_of_senders_and_receivers() {
    let (tx, rx) = watch::channel(1);
    let (tx2, rx2) = (tx.clone(), tx.subscribe());
    assert_eq!((tx.sender_count(), tx.receiver_count()), (2, 2));
    drop((tx2, rx2, rx));
    assert_eq!((tx.sender_count(), tx.receiver_count()), (1, 0));
}

#[test]
fn same_channel_tells_channels_apart() {
    let (tx, rx) = watch::channel(1);
    let (other_tx, other_rx) = watch::channel(1);
    assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other_tx));
    assert!(rx.same_channel(&rx.clone()) && !rx.same_channel(&other_rx));
}

#[test]
fn sender_is_made_without_a_receiver_and_by_default() {
    assert!(watch::Sender::new(1).is_closed());
    assert_eq!(*watch::Sender::<i32>::default().borrow(), 0);
}

#[test]
fn sender_waits_while_the_value_is_borrowed() {
    let (tx, rx) = watch::channel(1);
    let borrowed = rx.borrow();
    let sending = thread::spawn(move || tx.send(2));
    assert_eq!(*borrowed, 1);
    drop(borrowed);
    sending.join().unwrap().unwrap();
    assert_eq!(*rx.borrow(), 2);
}

#[test]
fn borrowed_value_is_shared_between_threads() {
    let (_tx, rx) = watch::channel(Arc::new(1));
    let borrowed = rx.borrow();
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(**borrowed, 1));
    });
}

#[test]
fn debug_shows_the_value() {
    let (tx, rx) = watch::channel("seen");
    assert!(format!("{tx:?}").contains("seen"));
    assert!(format!("{rx:?}").starts_with("Receiver"));
    assert!(format!("{:?}", rx.borrow()).contains("seen"));
}

#[test]
fn task_sees_the_last_value() {
    run(async {
        let (tx, mut rx) = watch::channel(0);
        let task = zokio::spawn(async move {
            while rx.changed().await.is_ok() {}
            *rx.borrow()
        });
        for i in 1..=10 {
            tx.send(i).unwrap();
            zokio::task::yield_now().await;
        }
        drop(tx);
        assert_eq!(task.await.unwrap(), 10);
    });
}

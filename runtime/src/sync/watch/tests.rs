use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::thread;

use super::*;
use crate::sync::test_util::{Spawned, block_on, now, spawned};
#[cfg(feature = "telemetry")]
use crate::sync::test_util::{assert_notes, awaiting, fresh_task, notes_of, polling};
use crate::task::coop;

fn assert_send_sync_unpin<T: Send + Sync + Unpin>() {}
fn assert_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
fn assert_send<T: Send>(_: &T) {}

#[test]
fn first_value_counts_as_seen_and_the_next_does_not() {
    let (tx, mut rx) = channel(1);
    assert!(!rx.has_changed().unwrap());
    spawned(rx.changed()).assert_pending();
    tx.send(2).unwrap();
    assert!(rx.has_changed().unwrap());
    assert!(rx.borrow().has_changed());
    assert!(now(rx.changed()).is_ok());
    assert!(!rx.has_changed().unwrap());
    assert_eq!(*rx.borrow(), 2);
    assert!(!rx.borrow().has_changed());
}

#[test]
fn borrow_and_update_marks_as_seen() {
    let (tx, mut rx) = channel("a");
    tx.send("b").unwrap();
    assert_eq!(*rx.borrow(), "b");
    let value = rx.borrow_and_update();
    assert_eq!((*value, value.has_changed()), ("b", true));
    drop(value);
    assert!(!rx.borrow_and_update().has_changed());
    spawned(rx.changed()).assert_pending();
}

#[test]
fn one_send_wakes_every_waiting_receiver_once() {
    let (tx, rx) = channel(0);
    let mut receivers = vec![rx; 100];
    let mut waiting: Vec<_> = receivers.iter_mut().map(|r| spawned(r.changed())).collect();
    waiting.iter_mut().for_each(Spawned::assert_pending);
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    for w in &mut waiting {
        assert_eq!(w.wakes(), 1);
        assert!(w.assert_ready().is_ok());
    }
    drop(waiting);
    assert!(receivers.iter().all(|r| *r.borrow() == 2));
    assert!(receivers.iter().all(|r| !r.has_changed().unwrap()));
}

#[test]
fn cancelled_wait_has_seen_nothing_and_is_not_woken() {
    let (tx, mut rx) = channel(0);
    let mut waiting = spawned(rx.changed());
    waiting.assert_pending();
    tx.send(1).unwrap();
    assert_eq!(waiting.wakes(), 1);
    drop(waiting);
    assert!(rx.has_changed().unwrap());
    rx.mark_unchanged();
    drop({
        let mut cancelled = spawned(rx.changed());
        cancelled.assert_pending();
        cancelled
    });
    assert!(!tx.shared.events.advance(), "nobody waits");
}

#[test]
fn waker_may_use_the_channel() {
    use std::sync::Mutex;
    use std::task::{Context, Wake, Waker};
    struct Looks(Mutex<Receiver<u8>>, AtomicUsize);
    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            let mut receiver = self.0.lock().unwrap();
            self.1
                .store(usize::from(*receiver.borrow_and_update()), Ordering::SeqCst);
        }
    }
    let (tx, mut rx) = channel(0);
    let looks = Arc::new(Looks(Mutex::new(rx.clone()), AtomicUsize::new(0)));
    let waker = Waker::from(looks.clone());
    let mut changed = Box::pin(rx.changed());
    let poll = changed.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(poll.is_pending());
    tx.send(7).unwrap();
    assert_eq!(looks.1.load(Ordering::SeqCst), 7);
}

#[test]
fn last_sender_gone_is_an_error_after_the_last_value() {
    let (tx, mut rx) = channel(0);
    let second = tx.clone();
    assert_eq!(tx.sender_count(), 2);
    tx.send(1).unwrap();
    drop(tx);
    assert!(!rx.is_closed());
    drop(second);
    assert!(rx.is_closed());
    assert_eq!(rx.has_changed().unwrap_err().to_string(), "channel closed");
    assert!(now(rx.changed()).is_ok(), "a value not seen comes first");
    assert_eq!(now(rx.changed()).unwrap_err().to_string(), "channel closed");
    assert_eq!(*rx.borrow(), 1);
}

#[test]
fn last_sender_gone_wakes_those_that_wait() {
    let (tx, mut rx) = channel(0);
    let mut other = rx.clone();
    let mut changed = spawned(rx.changed());
    let mut wait_for = spawned(other.wait_for(|n| *n == 1));
    changed.assert_pending();
    wait_for.assert_pending();
    drop(tx);
    assert_eq!((changed.wakes(), wait_for.wakes()), (1, 1));
    assert!(changed.assert_ready().is_err());
    assert!(wait_for.assert_ready().is_err());
}

#[test]
fn send_without_receivers_fails_and_subscribing_reopens() {
    let (tx, rx) = channel(0);
    drop(rx);
    assert!(tx.is_closed());
    let error = tx.send(1).unwrap_err();
    assert_eq!(error.to_string(), "channel closed");
    assert_eq!(format!("{error:?}"), "SendError { .. }");
    assert_eq!((error.0, *tx.borrow()), (1, 0));
    assert_eq!(tx.send_replace(2), 0);
    let mut rx = tx.subscribe();
    assert_eq!(*rx.borrow(), 2);
    assert!(
        !rx.has_changed().unwrap(),
        "what was sent before counts as seen"
    );
    tx.send(3).unwrap();
    assert!(now(rx.changed()).is_ok());
}

#[test]
fn closed_waits_for_the_last_receiver() {
    let (tx, rx) = channel(());
    let second = rx.clone();
    assert_eq!(tx.receiver_count(), 2);
    let mut closed = spawned(tx.closed());
    closed.assert_pending();
    drop(rx);
    closed.assert_pending();
    drop(second);
    assert_eq!(closed.wakes(), 1);
    let again = tx.subscribe();
    closed.assert_pending();
    drop(again);
    assert_eq!(closed.wakes(), 2);
    closed.assert_ready();
    now(tx.closed());
}

#[test]
fn send_if_modified_notifies_only_if_told_so() {
    let (tx, mut rx) = channel(1);
    assert!(!tx.send_if_modified(|n| {
        *n = 5;
        false
    }));
    assert!(!rx.has_changed().unwrap());
    assert_eq!(*rx.borrow(), 5);
    assert!(tx.send_if_modified(|n| {
        *n += 1;
        true
    }));
    tx.send_modify(|n| *n += 1);
    assert!(now(rx.changed()).is_ok());
    assert_eq!(*tx.borrow(), 7);
    assert!(!tx.borrow().has_changed());
}

#[test]
fn panic_in_modify_notifies_nobody_and_poisons_nothing() {
    let (tx, rx) = channel(1);
    let modify = AssertUnwindSafe(|| {
        tx.send_modify(|n| {
            *n = 2;
            panic!("in modify");
        });
    });
    assert!(catch_unwind(modify).is_err());
    assert!(!rx.has_changed().unwrap());
    assert_eq!(*rx.borrow(), 2);
    tx.send(3).unwrap();
    assert!(rx.has_changed().unwrap());
}

#[test]
fn mark_changed_and_mark_unchanged() {
    let (tx, mut rx) = channel(1);
    rx.mark_changed();
    assert!(rx.has_changed().unwrap());
    assert!(now(rx.changed()).is_ok());
    spawned(rx.changed()).assert_pending();
    tx.send(2).unwrap();
    rx.mark_unchanged();
    assert!(!rx.has_changed().unwrap());
    spawned(rx.changed()).assert_pending();
    rx.mark_changed();
    let clone = rx.clone();
    assert!(clone.has_changed().unwrap(), "a clone has seen as much");
}

#[test]
fn wait_for_looks_at_the_current_value_first() {
    let (tx, mut rx) = channel(1);
    let value = now(rx.wait_for(|n| *n == 1)).unwrap();
    assert_eq!((*value, value.has_changed()), (1, false));
    drop(value);
    let mut shown = Vec::new();
    let mut waiting = spawned(rx.wait_for(|n| {
        shown.push(*n);
        *n > 4
    }));
    waiting.assert_pending();
    for n in [2, 3] {
        tx.send(n).unwrap();
    }
    assert_eq!(waiting.wakes(), 1);
    waiting.assert_pending();
    tx.send(5).unwrap();
    let value = waiting.assert_ready().unwrap();
    assert_eq!((*value, value.has_changed()), (5, true));
    drop(value);
    drop(waiting);
    assert_eq!(shown, [1, 3, 5]);
    assert!(!rx.has_changed().unwrap());
}

#[test]
fn wait_for_sees_the_last_value_of_a_closed_channel_once() {
    let (tx, mut rx) = channel(0);
    let mut shown = Vec::new();
    let mut waiting = spawned(rx.wait_for(|n| {
        shown.push(*n);
        false
    }));
    waiting.assert_pending();
    tx.send(1).unwrap();
    drop(tx);
    assert!(waiting.assert_ready().is_err());
    drop(waiting);
    assert_eq!(shown, [0, 1]);
    assert!(
        now(rx.wait_for(|n| *n == 1)).is_ok(),
        "the value is there still"
    );
}

#[test]
fn panic_in_the_condition_leaves_the_channel_usable() {
    let (tx, mut rx) = channel(0);
    let wait = AssertUnwindSafe(|| drop(now(rx.wait_for(|_| panic!("in the condition")))));
    assert!(catch_unwind(wait).is_err());
    tx.send(1).unwrap();
    assert!(now(rx.wait_for(|n| *n == 1)).is_ok());
}

#[test]
fn old_value_is_dropped_outside_of_the_lock() {
    struct Looks(Option<Receiver<Looks>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            if let Some(rx) = &self.0 {
                assert!(rx.borrow().0.is_none());
            }
        }
    }
    let (tx, rx) = channel(Looks(None));
    tx.send(Looks(Some(rx.clone()))).unwrap();
    tx.send(Looks(None)).unwrap();
}

#[test]
fn same_channel_default_and_debug() {
    let (tx, rx) = channel(3);
    let (other, other_rx) = channel(3);
    assert!(tx.same_channel(&tx.clone()) && rx.same_channel(&tx.subscribe()));
    assert!(!tx.same_channel(&other) && !rx.same_channel(&other_rx));
    assert_eq!(*Sender::<u8>::default().borrow(), 0);
    assert!(format!("{rx:?}").contains("version: 0"));
    assert!(format!("{:?}", tx.borrow()).contains('3'));
    let _ = (format!("{tx:?}"), format!("{:?}", tx.closed()));
}

#[test]
fn auto_traits_are_those_of_the_interface() {
    assert_send_sync_unpin::<Sender<u32>>();
    assert_send_sync_unpin::<Receiver<u32>>();
    assert_unwind_safe::<Sender<Cell<u32>>>();
    assert_unwind_safe::<Receiver<Cell<u32>>>();
    let (tx, mut rx) = channel(0);
    assert_send(&tx.closed());
    assert_send(&rx.changed());
    assert_send(&rx.wait_for(|_| true));
}

#[cfg(feature = "telemetry")]
#[test]
fn pending_operations_note_the_await_and_forget_it() {
    let (tx, mut rx) = channel(0);
    let (future, line) = awaiting!(rx.changed());
    assert_notes(future, line, "watch", "changed");
    let (future, line) = awaiting!(rx.wait_for(|n| *n == 1));
    assert_notes(async { future.await.is_ok() }, line, "watch", "wait_for");
    let (future, line) = awaiting!(tx.closed());
    assert_notes(future, line, "watch", "closed");
}

#[cfg(feature = "telemetry")]
#[test]
fn note_ends_with_the_wait() {
    let (tx, mut rx) = channel(0);
    let task = fresh_task();
    let _polling = polling(task);
    let mut changed = spawned(rx.changed());
    changed.assert_pending();
    assert_eq!(notes_of(task).len(), 1);
    tx.send(1).unwrap();
    assert!(changed.assert_ready().is_ok());
    assert!(notes_of(task).is_empty());
    let mut closed = spawned(tx.closed());
    closed.assert_pending();
    drop(changed);
    drop(rx);
    closed.assert_ready();
    assert!(notes_of(task).is_empty());
}

#[test]
fn values_that_are_there_take_budget() {
    let (tx, mut rx) = channel(0);
    let _budget = coop::enter(coop::Budget::initial());
    let mut seen = 0;
    loop {
        tx.send_modify(|n| *n += 1);
        let mut changed = spawned(rx.changed());
        match changed.poll() {
            Poll::Ready(result) => assert!(result.is_ok()),
            Poll::Pending => {
                assert_eq!(changed.wakes(), 1);
                break;
            }
        }
        seen += 1;
    }
    assert_eq!(seen, 128);
}

#[test]
fn receivers_on_other_threads_see_the_last_value() {
    let (tx, rx) = channel(0_u32);
    thread::scope(|s| {
        for _ in 0..3 {
            let mut rx = rx.clone();
            s.spawn(move || {
                let mut last = 0;
                while block_on(rx.changed()).is_ok() {
                    let now = *rx.borrow_and_update();
                    assert!(now >= last, "values go back");
                    last = now;
                }
                assert_eq!(*rx.borrow(), 2_000);
            });
        }
        for n in 1..=2_000 {
            tx.send(n).unwrap();
        }
        drop(tx);
    });
}

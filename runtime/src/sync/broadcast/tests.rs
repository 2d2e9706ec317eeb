use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;
use std::thread;

use super::error::{RecvError, SendError};
use super::*;
use crate::sync::test_util::{Spawned, block_on, now, spawned};
#[cfg(feature = "telemetry")]
use crate::sync::test_util::{assert_notes, awaiting, fresh_task, notes_of, polling};
use crate::task::coop;

fn assert_send_sync_unpin<T: Send + Sync + Unpin>() {}
fn assert_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
fn assert_send<T: Send>(_: &T) {}

/// Counts its clones and drops.
struct Counted<'a> {
    clones: &'a Cell<usize>,
    drops: &'a Cell<usize>,
}

impl Clone for Counted<'_> {
    fn clone(&self) -> Self {
        self.clones.set(self.clones.get() + 1);
        Counted { ..*self }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.drops.set(self.drops.get() + 1);
    }
}

#[test]
fn every_receiver_gets_every_message_in_order() {
    let (tx, mut one) = channel(16);
    let mut two = tx.subscribe();
    assert_eq!(tx.send("a").unwrap(), 2);
    tx.send("b").unwrap();
    for rx in [&mut one, &mut two] {
        assert_eq!(rx.len(), 2);
        assert_eq!(now(rx.recv()).unwrap(), "a");
        assert_eq!(rx.try_recv().unwrap(), "b");
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert!(rx.is_empty());
    }
}

#[test]
fn receiver_gets_only_what_is_sent_after_it_was_made() {
    let (tx, mut old) = channel(4);
    tx.send(1).unwrap();
    let (mut new, mut again) = (tx.subscribe(), old.resubscribe());
    tx.send(2).unwrap();
    assert_eq!(old.try_recv(), Ok(1));
    assert_eq!([new.try_recv(), again.try_recv()], [Ok(2), Ok(2)]);
    assert_eq!(tx.receiver_count(), 3);
}

#[test]
fn one_send_wakes_every_waiting_receiver_once() {
    let (tx, rx) = channel(4);
    let mut receivers: Vec<_> = (0..100).map(|_| rx.resubscribe()).collect();
    let mut waiting: Vec<_> = receivers.iter_mut().map(|r| spawned(r.recv())).collect();
    waiting.iter_mut().for_each(Spawned::assert_pending);
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    for w in &mut waiting {
        assert_eq!(w.wakes(), 1);
        assert_eq!(w.assert_ready(), Ok(1));
    }
    drop(waiting);
    assert!(receivers.iter_mut().all(|r| r.try_recv() == Ok(2)));
}

#[test]
fn cancelled_recv_has_received_nothing_and_is_not_woken() {
    let (tx, mut rx) = channel(4);
    let mut waiting = spawned(rx.recv());
    waiting.assert_pending();
    tx.send(1).unwrap();
    assert_eq!(waiting.wakes(), 1);
    drop(waiting);
    assert_eq!(rx.try_recv(), Ok(1));
    let mut gone = spawned(rx.recv());
    gone.assert_pending();
    drop(gone);
    let mut waiting = spawned(rx.recv());
    waiting.assert_pending();
    tx.send(2).unwrap();
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.assert_ready(), Ok(2));
}

#[test]
fn slow_receiver_lags_and_goes_on_with_the_oldest() {
    let (tx, mut rx) = channel(2);
    for n in 0..5 {
        tx.send(n).unwrap();
    }
    assert_eq!(rx.len(), 5);
    assert_eq!(now(rx.recv()), Err(RecvError::Lagged(3)));
    assert_eq!(now(rx.recv()), Ok(3));
    tx.send(5).unwrap();
    tx.send(6).unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!([rx.try_recv(), rx.try_recv()], [Ok(5), Ok(6)]);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn full_ring_is_no_lag() {
    let (tx, mut rx) = channel(4);
    for round in 0..3 {
        for n in 0..4 {
            tx.send(4 * round + n).unwrap();
        }
        for n in 0..4 {
            assert_eq!(rx.try_recv(), Ok(4 * round + n));
        }
    }
}

#[test]
fn capacity_is_rounded_up_to_a_power_of_two() {
    let (tx, mut rx) = channel(3);
    for n in 0..4 {
        tx.send(n).unwrap();
    }
    assert_eq!(rx.try_recv(), Ok(0));
    tx.send(4).unwrap();
    tx.send(5).unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
}

#[test]
fn ring_of_one_keeps_the_last_message() {
    let (tx, mut rx) = channel(1);
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn last_sender_gone_ends_the_channel_after_its_messages() {
    let (tx, mut rx) = channel(4);
    let second = tx.clone();
    assert_eq!((tx.strong_count(), rx.sender_strong_count()), (2, 2));
    tx.send(1).unwrap();
    drop(tx);
    assert!(!rx.is_closed());
    drop(second);
    assert!(rx.is_closed());
    assert_eq!(now(rx.recv()), Ok(1));
    assert_eq!(now(rx.recv()), Err(RecvError::Closed));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn last_sender_gone_wakes_those_that_wait() {
    let (tx, mut rx) = channel::<u8>(4);
    let mut waiting = spawned(rx.recv());
    waiting.assert_pending();
    drop(tx);
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.assert_ready(), Err(RecvError::Closed));
}

#[test]
fn send_without_receivers_fails_and_subscribing_reopens() {
    let tx = Sender::new(4);
    let SendError(value) = tx.send(1).unwrap_err();
    assert_eq!(value, 1);
    now(tx.closed());
    let mut rx = tx.subscribe();
    assert_eq!(tx.send(2).unwrap(), 1);
    assert_eq!(rx.try_recv(), Ok(2));
    drop(rx);
    assert!(tx.send(3).is_err());
}

#[test]
fn closed_waits_for_the_last_receiver() {
    let (tx, rx) = channel::<u8>(4);
    let second = tx.subscribe();
    let mut closed = spawned(tx.closed());
    closed.assert_pending();
    drop(rx);
    closed.assert_pending();
    drop(second);
    assert_eq!(closed.wakes(), 1);
    closed.assert_ready();
}

#[test]
fn weak_sender_does_not_keep_the_channel_open() {
    let (tx, mut rx) = channel(4);
    let weak = tx.downgrade();
    let other = weak.clone();
    assert_eq!((weak.weak_count(), tx.weak_count()), (2, 2));
    assert_eq!((weak.strong_count(), rx.sender_weak_count()), (1, 2));
    drop(other);
    let upgraded = weak.upgrade().unwrap();
    assert!(upgraded.same_channel(&tx));
    drop(tx);
    upgraded.send(1).unwrap();
    drop(upgraded);
    assert!(weak.upgrade().is_none());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    drop(weak);
    assert_eq!(rx.sender_weak_count(), 0);
}

#[test]
fn sender_len_counts_what_somebody_has_yet_to_receive() {
    let (tx, mut fast) = channel(4);
    let mut slow = tx.subscribe();
    assert!(tx.is_empty());
    for n in 0..3 {
        tx.send(n).unwrap();
        assert_eq!(fast.try_recv(), Ok(n));
    }
    assert_eq!(tx.len(), 3);
    assert!(!tx.is_empty());
    assert!(slow.try_recv().is_ok());
    assert_eq!(tx.len(), 2);
    for n in 3..9 {
        tx.send(n).unwrap();
    }
    assert_eq!(tx.len(), 4);
    drop((fast, slow));
    assert_eq!((tx.len(), tx.is_empty()), (0, true));
}

#[test]
fn last_receiver_gets_the_message_itself() {
    let (clones, drops) = (Cell::new(0), Cell::new(0));
    let (tx, mut one) = channel(4);
    let mut two = tx.subscribe();
    let sent = tx.send(Counted {
        clones: &clones,
        drops: &drops,
    });
    assert!(sent.is_ok());
    drop(one.try_recv());
    assert_eq!((clones.get(), drops.get()), (1, 1));
    drop(two.try_recv());
    assert_eq!((clones.get(), drops.get()), (1, 2));
}

#[test]
fn message_goes_when_the_last_receiver_has_passed_it() {
    let (clones, drops) = (Cell::new(0), Cell::new(0));
    let message = || Counted {
        clones: &clones,
        drops: &drops,
    };
    let (tx, mut one) = channel(4);
    let two = tx.subscribe();
    for _ in 0..3 {
        assert!(tx.send(message()).is_ok());
    }
    drop(two);
    assert_eq!(drops.get(), 0, "the first receiver has them yet to come");
    drop(one.try_recv());
    assert_eq!((clones.get(), drops.get()), (0, 1));
    drop(one);
    assert_eq!(drops.get(), 3);
    let rx = tx.subscribe();
    for _ in 0..6 {
        assert!(tx.send(message()).is_ok());
    }
    assert_eq!(drops.get(), 5, "two were overwritten");
    drop(tx);
    drop(rx);
    assert_eq!((clones.get(), drops.get()), (0, 9));
}

#[test]
fn messages_left_are_dropped_with_the_channel() {
    let alive = Arc::new(());
    let (tx, rx) = channel(4);
    tx.send(alive.clone()).unwrap();
    // It passes nothing.
    let idle = tx.subscribe();
    tx.send(alive.clone()).unwrap();
    drop(rx);
    assert_eq!(Arc::strong_count(&alive), 2);
    drop(tx);
    assert_eq!(Arc::strong_count(&alive), 2);
    drop(idle);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn panic_in_a_clone_passes_the_message() {
    #[derive(Debug)]
    struct Bomb(Rc<RefCell<usize>>);
    impl Clone for Bomb {
        fn clone(&self) -> Bomb {
            *self.0.borrow_mut() += 1;
            panic!("in the clone");
        }
    }
    let clones = Rc::new(RefCell::new(0));
    let (tx, mut one) = channel(1);
    let mut two = tx.subscribe();
    tx.send(Bomb(clones.clone())).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| one.try_recv())).is_err());
    assert_eq!(one.try_recv().unwrap_err(), TryRecvError::Empty);
    assert!(two.try_recv().is_ok(), "the last one needs no clone");
    assert!(tx.is_empty());
    assert_eq!(*clones.borrow(), 1);
}

#[test]
fn panic_in_a_drop_passes_the_rest() {
    #[derive(Clone)]
    struct Bomb {
        panics: bool,
        _alive: Arc<()>,
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.panics, "in the drop");
        }
    }
    let alive = Arc::new(());
    let (tx, rx) = channel(4);
    for panics in [false, true, false] {
        let _alive = alive.clone();
        assert!(tx.send(Bomb { panics, _alive }).is_ok());
    }
    let mut closed = spawned(tx.closed());
    closed.assert_pending();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
    assert_eq!(Arc::strong_count(&alive), 1);
    closed.assert_ready();
}

#[test]
fn overwritten_message_is_dropped_outside_of_the_lock() {
    #[derive(Clone)]
    struct Looks(Option<Sender<Looks>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            if let Some(tx) = &self.0 {
                assert_eq!(tx.len(), 1);
            }
        }
    }
    let (tx, _rx) = channel(1);
    assert!(tx.send(Looks(Some(tx.clone()))).is_ok());
    assert!(tx.send(Looks(None)).is_ok());
}

#[test]
fn error_texts_and_debug() {
    assert_eq!(SendError(1).to_string(), "channel closed");
    assert_eq!(RecvError::Closed.to_string(), "channel closed");
    assert_eq!(RecvError::Lagged(7).to_string(), "channel lagged by 7");
    assert_eq!(TryRecvError::Empty.to_string(), "channel empty");
    assert_eq!(TryRecvError::Closed.to_string(), "channel closed");
    assert_eq!(TryRecvError::Lagged(7).to_string(), "channel lagged by 7");
    let (tx, rx) = channel::<u8>(1);
    assert_eq!(
        format!("{tx:?} {rx:?}"),
        "broadcast::Sender broadcast::Receiver"
    );
    assert_eq!(format!("{:?}", tx.downgrade()), "broadcast::WeakSender");
}

#[test]
#[should_panic(expected = "broadcast channel capacity cannot be zero")]
fn zero_capacity_panics() {
    channel::<u8>(0);
}

#[test]
#[should_panic(expected = "broadcast channel capacity exceeded `usize::MAX / 2`")]
fn too_large_capacity_panics() {
    channel::<u8>(usize::MAX);
}

#[test]
fn auto_traits_are_those_of_the_interface() {
    assert_send_sync_unpin::<Sender<Cell<u32>>>();
    assert_send_sync_unpin::<WeakSender<Cell<u32>>>();
    assert_send_sync_unpin::<Receiver<Cell<u32>>>();
    assert_unwind_safe::<Sender<Cell<u32>>>();
    assert_unwind_safe::<Receiver<Cell<u32>>>();
    let (tx, mut rx) = channel::<Cell<u32>>(1);
    assert_send(&tx.closed());
    assert_send(&rx.recv());
    let (other, other_rx) = channel(1);
    assert!(!tx.same_channel(&other) && !rx.same_channel(&other_rx));
    assert!(rx.same_channel(&rx.resubscribe()));
}

#[cfg(feature = "telemetry")]
#[test]
fn pending_operations_note_the_await_and_forget_it() {
    let (tx, mut rx) = channel::<u8>(1);
    let (future, line) = awaiting!(rx.recv());
    assert_notes(future, line, "broadcast", "recv");
    let (future, line) = awaiting!(tx.closed());
    assert_notes(future, line, "broadcast", "closed");
}

#[cfg(feature = "telemetry")]
#[test]
fn note_ends_with_the_wait() {
    let (tx, mut rx) = channel(1);
    let task = fresh_task();
    let _polling = polling(task);
    let mut recv = spawned(rx.recv());
    recv.assert_pending();
    assert_eq!(notes_of(task).len(), 1);
    tx.send(1).unwrap();
    assert_eq!(recv.assert_ready(), Ok(1));
    assert!(notes_of(task).is_empty());
}

#[test]
fn messages_that_are_there_take_budget() {
    let (tx, mut rx) = channel(256);
    for n in 0..200 {
        tx.send(n).unwrap();
    }
    let _budget = coop::enter(coop::Budget::initial());
    let mut received = 0;
    loop {
        let mut recv = spawned(rx.recv());
        match recv.poll() {
            Poll::Ready(message) => assert_eq!(message, Ok(received)),
            Poll::Pending => {
                assert_eq!(recv.wakes(), 1);
                break;
            }
        }
        received += 1;
    }
    assert_eq!(received, 128);
}

#[test]
fn receivers_on_other_threads_get_all_or_are_told() {
    let (tx, rx) = channel(8);
    thread::scope(|s| {
        for _ in 0..3 {
            let mut rx = rx.resubscribe();
            s.spawn(move || {
                let mut next = 0_u64;
                loop {
                    match block_on(rx.recv()) {
                        Ok(n) => {
                            let n: String = n;
                            assert_eq!(n, next.to_string());
                            next += 1;
                        }
                        Err(RecvError::Lagged(missed)) => next += missed,
                        Err(RecvError::Closed) => break,
                    }
                }
                assert_eq!(next, 4_000);
            });
        }
        // Comes and goes meanwhile.
        let (weak, tx) = (tx.downgrade(), tx);
        s.spawn(move || {
            while let Some(tx) = weak.upgrade() {
                let mut rx = tx.subscribe();
                drop(tx);
                let _ = rx.try_recv();
            }
        });
        drop(rx);
        for n in 0..4_000 {
            assert!(tx.send(n.to_string()).unwrap() >= 3);
        }
        drop(tx);
    });
}

#[test]
fn several_senders_lose_nothing() {
    let (tx, mut rx) = channel(4_096);
    thread::scope(|s| {
        for _ in 0..3 {
            let tx = tx.clone();
            s.spawn(move || (1..=1_000).for_each(|n| drop(tx.send(n))));
        }
    });
    drop(tx);
    let mut sum = 0;
    while let Ok(n) = rx.blocking_recv() {
        sum += n;
    }
    assert_eq!(sum, 3 * 500_500);
}

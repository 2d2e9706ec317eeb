use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;
use crate::sync::test_util::{Spawned, block_on, counting_waker, now, spawned};
#[cfg(feature = "telemetry")]
use crate::sync::test_util::{assert_notes, awaiting};

fn pending<F: Future<Output = ()>>(future: F) -> Spawned<F> {
    let mut future = spawned(future);
    future.assert_pending();
    future
}

#[test]
fn stored_permit_is_taken_once() {
    let n = Notify::new();
    n.notify_one();
    n.notify_one();
    now(n.notified());
    pending(n.notified());
}

#[test]
fn waiters_are_notified_in_order() {
    let n = Notify::new();
    let mut waiting: Vec<_> = (0..3).map(|_| pending(n.notified())).collect();
    for i in 0..3 {
        n.notify_one();
        assert!(waiting[i + 1..].iter().all(|w| w.wakes() == 0));
        waiting[i].assert_ready();
    }
    n.notify_one();
    now(n.notified());
}

#[test]
fn notify_last_takes_the_newest() {
    let n = Notify::new();
    let (mut a, mut b) = (pending(n.notified()), pending(n.notified()));
    n.notify_last();
    a.assert_pending();
    b.assert_ready();
    n.notify_last();
    a.assert_ready();
}

#[test]
fn dropped_notified_passes_its_notification_on() {
    let n = Notify::new();
    let (a, mut b) = (pending(n.notified()), pending(n.notified()));
    n.notify_one();
    drop(a);
    assert_eq!(b.wakes(), 1);
    b.assert_ready();
}

#[test]
fn dropped_notified_stores_its_notification_when_nobody_waits() {
    let n = Notify::new();
    let a = pending(n.notified());
    n.notify_one();
    drop(a);
    now(n.notified());
}

#[test]
fn dropped_notified_of_notify_last_passes_it_to_the_newest() {
    let n = Notify::new();
    let mut a = pending(n.notified());
    let mut b = pending(n.notified());
    let c = pending(n.notified());
    n.notify_last();
    drop(c);
    a.assert_pending();
    b.assert_ready();
}

#[test]
fn dropped_waiter_leaves_the_queue() {
    let n = Notify::new();
    drop(pending(n.notified()));
    n.notify_one();
    now(n.notified());
}

#[test]
fn notify_waiters_wakes_all_and_stores_nothing() {
    let n = Notify::new();
    let mut waiting: Vec<_> = (0..100).map(|_| pending(n.notified())).collect();
    n.notify_waiters();
    for w in &mut waiting {
        assert_eq!(w.wakes(), 1);
        w.assert_ready();
    }
    pending(n.notified());
}

#[test]
fn notify_waiters_reaches_futures_not_yet_polled() {
    let n = Arc::new(Notify::new());
    let before = n.notified();
    let before_owned = n.clone().notified_owned();
    n.notify_waiters();
    now(before);
    now(before_owned);
    pending(n.notified());
}

#[test]
fn notify_waiters_keeps_a_stored_permit() {
    let n = Notify::new();
    n.notify_one();
    n.notify_waiters();
    now(n.notified());
    pending(n.notified());
}

#[test]
fn notify_one_then_waiters_does_not_pass_the_permit_twice() {
    let n = Notify::new();
    let a = pending(n.notified());
    n.notify_one();
    n.notify_waiters();
    drop(a);
    now(n.notified());
    pending(n.notified());
}

#[test]
fn waiter_notified_by_all_passes_nothing_on() {
    let n = Notify::new();
    let a = pending(n.notified());
    n.notify_waiters();
    drop(a);
    pending(n.notified());
}

#[test]
fn enable_takes_a_place_and_reports_a_permit() {
    let n = Notify::new();
    let mut a = pin!(n.notified());
    assert!(!a.as_mut().enable());
    let mut b = pending(n.notified());
    n.notify_one();
    b.assert_pending();
    assert!(a.as_mut().enable());
    now(a);
    n.notify_one();
    b.assert_ready();
}

#[test]
fn enabled_future_is_woken_with_the_waker_of_its_poll() {
    let n = Notify::new();
    let mut a = pin!(n.notified());
    a.as_mut().enable();
    let (waker, count) = counting_waker();
    assert!(
        a.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    n.notify_one();
    assert_eq!(count.get(), 1);
    assert!(a.poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn finished_notified_stays_ready() {
    let n = Notify::new();
    let mut a = pending(n.notified());
    n.notify_one();
    a.assert_ready();
    a.assert_ready();
    drop(a);
    pending(n.notified());
}

/// Calls `notify_one` when woken: after the first waiter was woken by `notify_waiters`, its call
/// must not be spent on those that `notify_waiters` is about to wake.
#[test]
fn notify_one_from_a_waker_is_not_wasted_on_waiters_being_woken() {
    struct Again(Arc<Notify>, AtomicBool);
    impl std::task::Wake for Again {
        fn wake(self: Arc<Self>) {
            if !self.1.swap(true, Ordering::SeqCst) {
                self.0.notify_one();
            }
        }
    }
    let n = Arc::new(Notify::new());
    let waker = Waker::from(Arc::new(Again(n.clone(), AtomicBool::new(false))));
    let mut first = Box::pin(n.notified());
    assert!(
        first
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let mut others: Vec<_> = (0..60).map(|_| pending(n.notified())).collect();
    n.notify_waiters();
    others.iter_mut().for_each(Spawned::assert_ready);
    now(n.notified());
    pending(n.notified());
}

#[cfg(feature = "telemetry")]
#[test]
fn pending_notified_notes_the_await_and_forgets_it() {
    let n = Arc::new(Notify::new());
    let (future, line) = awaiting!(n.notified());
    assert_notes(future, line, "notify", "notified");
    let (future, line) = awaiting!(n.clone().notified_owned());
    assert_notes(future, line, "notify", "notified");
}

#[test]
fn futures_cross_threads() {
    fn check<T: Send + Sync>(_: &T) {}
    let n = Arc::new(Notify::new());
    check(&n.notified());
    check(&n.clone().notified_owned());
}

#[test]
fn ping_pong_between_threads_loses_no_notification() {
    let (ping, pong) = (Notify::new(), Notify::new());
    thread::scope(|s| {
        s.spawn(|| {
            for _ in 0..2_000 {
                block_on(ping.notified());
                pong.notify_one();
            }
        });
        for _ in 0..2_000 {
            ping.notify_one();
            // A wait that is given up must not swallow the answer.
            if spawned(pong.notified()).poll().is_ready() {
                pong.notify_one();
            }
            block_on(pong.notified());
        }
    });
}

//! Notifications under loom: none is lost, none is given twice.

use std::pin::pin;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::sync::Notify;
use crate::sync::test_util::models::{Tracked, block_on, block_on_after_a_move, cancel, poll_once};

/// The one that is notified sees what came before the notification.
#[test]
fn loom_notify_one_against_a_wait_is_never_lost() {
    loom::model(|| {
        let shared = Arc::new((Notify::new(), Tracked::new(0)));
        let notifying = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.add(1);
                shared.0.notify_one();
            })
        };
        block_on(shared.0.notified());
        assert_eq!(shared.1.get(), 1);
        notifying.join().unwrap();
    });
}

/// A waiter is polled with another waker while it is notified.
#[test]
fn loom_notify_one_against_a_waiter_that_changes_its_waker() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let notifying = {
            let notify = notify.clone();
            thread::spawn(move || notify.notify_one())
        };
        block_on_after_a_move(notify.notified());
        notifying.join().unwrap();
    });
}

/// One that gives up passes its notification on; one that takes it notifies in turn.
#[test]
fn loom_dropped_wait_passes_its_notification_on() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let cancelled = {
            let notify = notify.clone();
            thread::spawn(move || {
                if poll_once(notify.notified()).is_ready() {
                    notify.notify_one();
                }
            })
        };
        let notifying = {
            let notify = notify.clone();
            thread::spawn(move || notify.notify_one())
        };
        block_on(notify.notified());
        cancelled.join().unwrap();
        notifying.join().unwrap();
    });
}

/// Enabled before the look at a flag, a wait cannot miss a `notify_waiters` that follows the flag.
#[test]
fn loom_enabled_wait_against_notify_waiters() {
    loom::model(|| {
        let shared = Arc::new((Notify::new(), AtomicBool::new(false)));
        let notifying = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.1.store(true, Ordering::Relaxed);
                shared.0.notify_waiters();
            })
        };
        let mut notified = pin!(shared.0.notified());
        notified.as_mut().enable();
        if !shared.1.load(Ordering::Relaxed) {
            block_on(notified);
        }
        notifying.join().unwrap();
    });
}

/// `notify_waiters` reaches a wait made before it while another one leaves the queue.
#[test]
fn loom_notify_waiters_against_a_wait_and_a_cancellation() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let cancelled = {
            let notify = notify.clone();
            thread::spawn(move || cancel(notify.notified()))
        };
        let notified = notify.notified();
        let notifying = {
            let notify = notify.clone();
            thread::spawn(move || notify.notify_waiters())
        };
        block_on(notified);
        cancelled.join().unwrap();
        notifying.join().unwrap();
    });
}

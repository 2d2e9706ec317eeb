use std::future::Future;
use std::sync::Arc;

use zokio::sync::Notify;

use crate::support::{now, polled, run};

#[test]
fn permit_is_stored_for_the_next() {
    let notify = Notify::new();
    notify.notify_one();
    now(notify.notified());
    polled(notify.notified()).assert_pending();
}

#[test]
fn permits_do_not_add_up() {
    let notify = Notify::new();
    for _ in 0..3 {
        notify.notify_one();
    }
    now(notify.notified());
    polled(notify.notified()).assert_pending();
}

#[test]
fn notify_one_wakes_the_first_that_waits() {
    let notify = Notify::new();
    let mut first = polled(notify.notified()).pending();
    let mut second = polled(notify.notified()).pending();
    notify.notify_one();
    first.assert_woken();
    assert_eq!(second.wakes(), 0);
    second.assert_pending();
}

#[test]
fn order_is_that_of_the_first_polls_not_of_the_calls() {
    let notify = Notify::new();
    let late = notify.notified();
    let mut first = polled(notify.notified()).pending();
    let mut late = polled(late).pending();
    notify.notify_one();
    first.assert_woken();
    late.assert_pending();
}

#[test]
fn notify_last_wakes_the_last_that_waits() {
    let notify = Notify::new();
    let mut first = polled(notify.notified()).pending();
    let mut second = polled(notify.notified()).pending();
    notify.notify_last();
    second.assert_woken();
    first.assert_pending();
}

#[test]
fn notify_last_stores_a_permit_when_nobody_waits() {
    let notify = Notify::new();
    notify.notify_last();
    now(notify.notified());
}

#[test]
fn notify_waiters_wakes_all_that_wait_and_stores_nothing() {
    let notify = Notify::new();
    let mut waits: Vec<_> = (0..70)
        .map(|_| polled(notify.notified()).pending())
        .collect();
    notify.notify_waiters();
    for wait in &mut waits {
        wait.assert_woken();
    }
    polled(notify.notified()).assert_pending();
}

#[test]
fn notify_waiters_without_waiters_does_nothing() {
    let notify = Notify::new();
    notify.notify_waiters();
    polled(notify.notified()).assert_pending();
}

#[test]
fn notify_waiters_completes_a_future_that_was_made_before_it() {
    let notify = Notify::new();
    let notified = notify.notified();
    notify.notify_waiters();
    now(notified);
}

#[test]
fn future_completed_by_notify_waiters_leaves_the_permit() {
    let notify = Notify::new();
    let notified = notify.notified();
    notify.notify_one();
    notify.notify_waiters();
    now(notified);
    now(notify.notified());
}

#[test]
fn dropped_future_passes_its_notification_to_the_next() {
    let notify = Notify::new();
    let first = polled(notify.notified()).pending();
    let mut second = polled(notify.notified()).pending();
    notify.notify_one();
    drop(first);
    second.assert_woken();
}

#[test]
fn dropped_future_of_notify_last_passes_to_the_last() {
    let notify = Notify::new();
    let mut first = polled(notify.notified()).pending();
    let mut second = polled(notify.notified()).pending();
    let third = polled(notify.notified()).pending();
    notify.notify_last();
    drop(third);
    second.assert_woken();
    first.assert_pending();
}

#[test]
fn dropped_future_stores_its_notification_when_nobody_waits() {
    let notify = Notify::new();
    let wait = polled(notify.notified()).pending();
    notify.notify_one();
    drop(wait);
    now(notify.notified());
}

#[test]
fn dropped_future_of_notify_waiters_passes_nothing() {
    let notify = Notify::new();
    let wait = polled(notify.notified()).pending();
    notify.notify_waiters();
    drop(wait);
    polled(notify.notified()).assert_pending();
}

#[test]
fn future_that_was_not_polled_takes_no_notification() {
    let notify = Notify::new();
    drop(notify.notified());
    let _unpolled = notify.notified();
    let mut wait = polled(notify.notified()).pending();
    notify.notify_one();
    wait.assert_woken();
}

#[test]
fn enabled_future_stands_in_the_queue() {
    let notify = Notify::new();
    let mut enabled = polled(notify.notified());
    assert!(!enabled.inner().enable());
    let mut later = polled(notify.notified()).pending();
    notify.notify_one();
    enabled.assert_ready();
    later.assert_pending();
}

#[test]
fn enable_takes_a_stored_permit_and_completes() {
    let notify = Notify::new();
    notify.notify_one();
    let mut wait = polled(notify.notified());
    assert!(wait.inner().enable());
    polled(notify.notified()).assert_pending();
    wait.assert_ready();
}

#[test]
fn enable_tells_of_a_notification_that_has_come() {
    let notify = Notify::new();
    let mut wait = polled(notify.notified());
    assert!(!wait.inner().enable());
    notify.notify_one();
    assert!(wait.inner().enable());
}

#[test]
fn enable_completes_after_notify_waiters() {
    let notify = Notify::new();
    let mut wait = polled(notify.notified());
    notify.notify_waiters();
    assert!(wait.inner().enable());
}

#[test]
fn owned_future_keeps_the_notify_alive() {
    let notify = Arc::new(Notify::new());
    let mut wait = polled(notify.clone().notified_owned()).pending();
    notify.notify_one();
    drop(notify);
    wait.assert_woken();
}

#[test]
fn owned_future_is_enabled_and_passes_its_notification_on() {
    let notify = Arc::new(Notify::new());
    let mut owned = polled(notify.clone().notified_owned());
    assert!(!owned.inner().enable());
    let mut next = polled(notify.notified()).pending();
    notify.notify_one();
    drop(owned);
    next.assert_woken();
}

#[test]
fn owned_future_is_spawned() {
    run(async {
        let notify = Arc::new(Notify::new());
        let task = zokio::spawn(notify.clone().notified_owned());
        notify.notify_one();
        task.await.unwrap();
    });
}

#[test]
fn static_notify() {
    static NOTIFY: Notify = Notify::const_new();
    let mut wait = polled(NOTIFY.notified()).pending();
    NOTIFY.notify_one();
    wait.assert_woken();
}

#[test]
fn waker_replaced_at_a_later_poll_is_the_one_woken() {
    use std::pin::pin;
    use std::task::{Context, Waker};
    let notify = Notify::new();
    let mut notified = pin!(notify.notified());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(notified.as_mut().poll(&mut cx).is_pending());
    let mut outer = polled(notified).pending();
    notify.notify_one();
    outer.assert_woken();
}

#[test]
fn debug_and_default() {
    assert!(format!("{:?}", Notify::default()).starts_with("Notify"));
    assert!(format!("{:?}", Notify::new().notified()).starts_with("Notified"));
}

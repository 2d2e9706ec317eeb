use std::future::poll_fn;
use std::ptr;

use super::*;
use crate::sync::test_util::{Spawned, counting_waker, spawned};

static POINT: WaitPoint = WaitPoint::new("test", "wait");

fn wait(events: &EventCount, seen: u64) -> Spawned<impl Future<Output = Moment>> {
    let mut awaiting = Box::pin(Awaiting::new(events));
    let here = Location::caller();
    spawned(poll_fn(move |cx| {
        awaiting
            .as_mut()
            .poll(seen, cx, &POINT, ptr::null::<()>().into(), here)
    }))
}

fn is_waiting(events: &EventCount) -> bool {
    events.word.load(Ordering::Relaxed) & WAITING != 0
}

#[test]
fn what_has_happened_needs_no_wait() {
    let events = EventCount::new();
    assert!(!events.advance(), "nobody waits");
    assert_eq!(wait(&events, 0).assert_ready().count(), 1);
    assert!(!is_waiting(&events));
}

#[test]
fn advance_wakes_each_waiter_once_and_in_order() {
    let events = EventCount::new();
    let mut waiting: Vec<_> = (0..3).map(|_| wait(&events, 0)).collect();
    waiting.iter_mut().for_each(Spawned::assert_pending);
    assert!(events.advance());
    assert!(waiting.iter().all(|w| w.wakes() == 0), "not before `wake`");
    events.wake();
    assert!(!is_waiting(&events));
    assert!(!events.advance());
    for w in &mut waiting {
        assert_eq!(w.wakes(), 1);
        assert_eq!(w.assert_ready().count(), 2);
    }
}

#[test]
fn locked_advance_wakes_more_waiters_than_a_batch() {
    let events = EventCount::new();
    let mut waiting: Vec<_> = (0..100).map(|_| wait(&events, 0)).collect();
    waiting.iter_mut().for_each(Spawned::assert_pending);
    let turn = events.lock();
    assert_eq!(turn.count(), 0);
    turn.advance();
    for w in &mut waiting {
        assert_eq!(w.wakes(), 1);
        assert_eq!(w.assert_ready().count(), 1);
    }
    assert!(!is_waiting(&events));
}

#[test]
fn cancelled_waiters_leave_the_queue_and_nobody_is_said_to_wait() {
    let events = EventCount::new();
    let (mut a, mut b) = (wait(&events, 0), wait(&events, 0));
    a.assert_pending();
    b.assert_pending();
    drop(a);
    assert!(is_waiting(&events));
    drop(b);
    assert!(!is_waiting(&events));
    assert!(!events.advance());
}

#[test]
fn late_wake_sends_the_waiter_back_to_the_queue() {
    let events = EventCount::new();
    let mut waiting = wait(&events, 1);
    assert!(!events.advance());
    waiting.assert_pending();
    // As if from an advance before.
    events.wake();
    assert_eq!(waiting.wakes(), 1);
    waiting.assert_pending();
    assert!(events.advance());
    events.wake();
    assert_eq!(waiting.wakes(), 2);
    assert_eq!(waiting.assert_ready().count(), 2);
}

#[test]
fn close_wakes_all_and_ends_waiting() {
    let events = EventCount::new();
    let mut waiting = wait(&events, 0);
    waiting.assert_pending();
    events.close();
    assert_eq!(waiting.wakes(), 1);
    assert!(waiting.assert_ready().is_closed());
    assert!(wait(&events, 0).assert_ready().is_closed());
}

#[test]
fn repoll_with_another_waker_wakes_the_latest() {
    let events = EventCount::new();
    let mut awaiting = Box::pin(Awaiting::new(&events));
    let here = Location::caller();
    let ((w1, c1), (w2, c2)) = (counting_waker(), counting_waker());
    for waker in [&w1, &w2, &w2] {
        let mut cx = Context::from_waker(waker);
        let result = awaiting
            .as_mut()
            .poll(0, &mut cx, &POINT, ptr::null::<()>().into(), here);
        assert!(result.is_pending());
    }
    assert!(events.advance());
    events.wake();
    assert_eq!((c1.get(), c2.get()), (0, 1));
}

#[test]
fn wait_is_used_again_after_news_that_came_before_its_wake() {
    let events = EventCount::new();
    let mut awaiting = Box::pin(Awaiting::new(&events));
    let here = Location::caller();
    let (waker, count) = counting_waker();
    let mut cx = Context::from_waker(&waker);
    let mut poll = |seen| {
        awaiting
            .as_mut()
            .poll(seen, &mut cx, &POINT, ptr::null::<()>().into(), here)
    };
    assert!(poll(0).is_pending());
    assert!(events.advance());
    assert!(poll(0).is_ready());
    assert!(poll(1).is_pending());
    events.wake();
    assert_eq!(count.get(), 1);
    assert!(poll(1).is_pending());
}

#[test]
fn number_wraps() {
    let events = EventCount::new();
    assert_eq!(before(0), u64::MAX >> SHIFT);
    events.word.store(before(0) << SHIFT, Ordering::Relaxed);
    let mut waiting = wait(&events, before(0));
    waiting.assert_pending();
    assert!(events.advance());
    events.wake();
    let now = waiting.assert_ready();
    assert_eq!((now.count(), now.is_closed()), (0, false));
}

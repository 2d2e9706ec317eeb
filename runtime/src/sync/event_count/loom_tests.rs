//! The event count under loom: no wake-up is lost.

use std::future::poll_fn;
use std::pin::pin;
use std::ptr;

use super::*;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

static POINT: WaitPoint = WaitPoint::new("test", "wait");

/// Ends if the wake-up comes; loom reports a deadlock if it does not.
fn wait(events: &EventCount, seen: u64) -> Moment {
    let here = Location::caller();
    let mut awaiting = pin!(Awaiting::new(events));
    block_on(poll_fn(|cx| {
        awaiting.as_mut().poll(seen, cx, &POINT, ptr::null(), here)
    }))
}

/// Two that wait against two events without the lock: both see the last event.
#[test]
fn loom_advance_against_waits_is_never_lost() {
    loom::model(|| {
        let events = Arc::new(EventCount::new());
        let receiver = {
            let events = events.clone();
            thread::spawn(move || {
                let seen = wait(&events, 0).count();
                if seen == 1 {
                    wait(&events, 1).count()
                } else {
                    seen
                }
            })
        };
        for _ in 0..2 {
            if events.advance() {
                events.wake();
            }
        }
        assert_eq!(receiver.join().unwrap(), 2);
    });
}

/// Two senders against one that waits for both events.
#[test]
fn loom_two_advances_against_a_wait_are_never_lost() {
    loom::model(|| {
        let events = Arc::new(EventCount::new());
        let sender = {
            let events = events.clone();
            thread::spawn(move || {
                if events.advance() {
                    events.wake();
                }
            })
        };
        let receiver = {
            let events = events.clone();
            thread::spawn(move || {
                let mut seen = 0;
                while seen < 2 {
                    seen = wait(&events, seen).count();
                }
            })
        };
        if events.advance() {
            events.wake();
        }
        sender.join().unwrap();
        receiver.join().unwrap();
    });
}

/// One that waits and one that gives up against an event under the lock.
#[test]
fn loom_locked_advance_against_a_wait_and_a_cancellation() {
    loom::model(|| {
        let events = Arc::new(EventCount::new());
        let receiver = {
            let events = events.clone();
            thread::spawn(move || wait(&events, 0).count())
        };
        let cancelled = {
            let events = events.clone();
            thread::spawn(move || {
                let here = Location::caller();
                let mut awaiting = pin!(Awaiting::new(&events));
                let mut cx = Context::from_waker(Waker::noop());
                let _ = awaiting
                    .as_mut()
                    .poll(0, &mut cx, &POINT, ptr::null(), here);
            })
        };
        events.lock().advance();
        assert_eq!(receiver.join().unwrap(), 1);
        cancelled.join().unwrap();
    });
}

/// Closing against a wait.
#[test]
fn loom_close_against_a_wait_is_never_lost() {
    loom::model(|| {
        let events = Arc::new(EventCount::new());
        let receiver = {
            let events = events.clone();
            thread::spawn(move || wait(&events, 0).is_closed())
        };
        events.close();
        assert!(receiver.join().unwrap());
    });
}

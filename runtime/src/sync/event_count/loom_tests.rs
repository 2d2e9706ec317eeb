//! The event count under loom: no wake-up is lost.

use std::pin::pin;
use std::ptr;
use std::sync::Arc as StdArc;
use std::task::Wake;

use super::*;
use loom::sync::Arc;
use loom::thread::{self, Thread};

static POINT: WaitPoint = WaitPoint::new("test", "wait");

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: StdArc<Self>) {
        self.0.unpark();
    }
}

/// Ends if the wake-up comes; loom reports a deadlock if it does not.
fn wait(events: &EventCount, seen: u64) -> Moment {
    let here = Location::caller();
    let waker = Waker::from(StdArc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut awaiting = pin!(Awaiting::new(events));
    loop {
        let awaiting = awaiting.as_mut();
        match awaiting.poll(seen, &mut cx, &POINT, ptr::null::<()>().into(), here) {
            Poll::Ready(now) => return now,
            Poll::Pending => thread::park(),
        }
    }
}

/// One that waits against two events without the lock: it sees the last.
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
                    .poll(0, &mut cx, &POINT, ptr::null::<()>().into(), here);
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

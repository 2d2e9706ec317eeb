use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;
#[cfg(feature = "telemetry")]
use crate::sync::test_util::{assert_notes, awaiting};
use crate::sync::test_util::{block_on, now, spawned};

fn assert_send_sync<T: Send + Sync>(_: &T) {}

#[test]
fn uncontended_acquire_is_ready_at_once() {
    let s = Semaphore::new(2);
    let permit = now(s.acquire()).unwrap();
    assert_eq!(s.available_permits(), 1);
    drop(permit);
    assert_eq!(s.available_permits(), 2);
}

#[test]
fn waiters_are_served_in_order() {
    let s = Semaphore::new(1);
    let held = s.try_acquire().unwrap();
    let mut waiting: Vec<_> = (0..4).map(|_| spawned(s.acquire())).collect();
    for w in &mut waiting {
        w.assert_pending();
    }
    drop(held);
    for i in 0..waiting.len() {
        assert!(
            waiting[i + 1..].iter().all(|w| w.wakes() == 0),
            "{i} is first"
        );
        drop(waiting[i].assert_ready().unwrap());
    }
    assert_eq!(s.available_permits(), 1);
}

#[test]
fn newcomer_does_not_overtake_the_queue() {
    let s = Semaphore::new(1);
    let mut many = spawned(s.acquire_many(2));
    many.assert_pending();
    assert_eq!(s.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    let mut one = spawned(s.acquire());
    one.assert_pending();
    s.add_permits(1);
    one.assert_pending();
    drop(many.assert_ready().unwrap());
    assert!(one.assert_ready().is_ok());
}

#[test]
fn cancelled_waiter_gives_its_turn_to_the_next() {
    let s = Semaphore::new(0);
    let (mut a, mut b) = (spawned(s.acquire()), spawned(s.acquire()));
    a.assert_pending();
    b.assert_pending();
    drop(a);
    s.add_permits(1);
    assert!(b.assert_ready().is_ok());
}

#[test]
fn permit_assigned_to_a_dropped_future_goes_to_the_next() {
    let s = Semaphore::new(0);
    let (mut a, mut b) = (spawned(s.acquire()), spawned(s.acquire()));
    a.assert_pending();
    b.assert_pending();
    s.add_permits(1);
    assert_eq!((a.wakes(), b.wakes()), (1, 0));
    drop(a);
    assert_eq!(b.wakes(), 1);
    drop(b.assert_ready().unwrap());
    assert_eq!(s.available_permits(), 1);
}

#[test]
fn permit_assigned_to_a_dropped_future_comes_back_without_waiters() {
    let s = Arc::new(Semaphore::new(0));
    let mut a = spawned(s.clone().acquire_many_owned(3));
    a.assert_pending();
    s.add_permits(3);
    drop(a);
    assert_eq!(s.available_permits(), 3);
}

#[test]
fn close_fails_waiters_and_newcomers() {
    let s = Semaphore::new(0);
    let mut waiting = spawned(s.acquire());
    waiting.assert_pending();
    s.close();
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(
        waiting.assert_ready().unwrap_err().to_string(),
        "semaphore closed"
    );
    assert!(s.is_closed());
    assert!(now(s.acquire()).is_err());
    assert_eq!(s.try_acquire().unwrap_err(), TryAcquireError::Closed);
    s.add_permits(1);
    assert!(s.is_closed(), "more permits do not reopen it");
    assert!(now(s.acquire()).is_err());
    assert_eq!(s.available_permits(), 1);
}

#[test]
fn error_texts() {
    assert_eq!(
        TryAcquireError::NoPermits.to_string(),
        "no permits available"
    );
    assert_eq!(TryAcquireError::Closed.to_string(), "semaphore closed");
}

#[test]
fn zero_permits_are_acquired_even_with_a_queue() {
    let s = Semaphore::new(0);
    let mut waiting = spawned(s.acquire());
    waiting.assert_pending();
    assert_eq!(now(s.acquire_many(0)).unwrap().num_permits(), 0);
}

#[test]
fn forget_merge_and_split() {
    let s = Semaphore::new(10);
    let mut a = s.try_acquire_many(5).unwrap();
    let b = s.try_acquire_many(2).unwrap();
    a.merge(b);
    assert_eq!(a.num_permits(), 7);
    let c = a.split(3).unwrap();
    assert!(a.split(5).is_none());
    assert_eq!((a.num_permits(), c.num_permits()), (4, 3));
    a.forget();
    drop(c);
    assert_eq!(s.available_permits(), 6);
    assert_eq!(s.forget_permits(100), 6);
}

#[test]
fn owned_forget_merge_and_split() {
    let s = Arc::new(Semaphore::new(4));
    let mut a = s.clone().try_acquire_many_owned(3).unwrap();
    let b = a.split(1).unwrap();
    assert!(a.split(usize::MAX).is_none());
    a.merge(b);
    assert_eq!(a.num_permits(), 3);
    assert!(Arc::ptr_eq(a.semaphore(), &s));
    a.forget();
    assert_eq!(s.available_permits(), 1);
}

#[test]
#[should_panic(expected = "merging permits from different semaphore instances")]
fn merging_foreign_permits_panics() {
    let (s, t) = (Semaphore::new(1), Semaphore::new(1));
    let mut a = s.try_acquire().unwrap();
    a.merge(t.try_acquire().unwrap());
}

#[test]
#[should_panic(
    expected = "a semaphore may not have more than MAX_PERMITS permits (2305843009213693951)"
)]
#[cfg(target_pointer_width = "64")]
fn too_many_permits_panic() {
    Semaphore::new(Semaphore::MAX_PERMITS + 1);
}

#[test]
fn futures_and_permits_cross_threads() {
    let s = Arc::new(Semaphore::new(1));
    assert_send_sync(&s.acquire());
    assert_send_sync(&s.clone().acquire_owned());
    assert_send_sync(&s.clone().try_acquire_owned().unwrap());
}

#[cfg(feature = "telemetry")]
#[test]
fn pending_acquire_notes_the_await_and_forgets_it() {
    let s = Semaphore::new(0);
    let (future, line) = awaiting!(s.acquire());
    assert_notes(future, line, "semaphore", "acquire");
    let s = Arc::new(s);
    let (future, line) = awaiting!(s.acquire_many_owned(2));
    assert_notes(future, line, "semaphore", "acquire");
}

#[test]
fn never_more_holders_than_permits_across_threads() {
    let s = Arc::new(Semaphore::new(3));
    let inside = AtomicUsize::new(0);
    thread::scope(|scope| {
        for t in 0..4_u32 {
            let (s, inside) = (s.clone(), &inside);
            scope.spawn(move || {
                for i in 0..2_000 {
                    let n = 1 + (t + i) % 3;
                    if i % 7 == 0 {
                        // A future that is polled once and dropped.
                        let mut cancelled = spawned(s.acquire_many(n));
                        drop(cancelled.poll());
                        continue;
                    }
                    let permit = block_on(s.acquire_many(n)).unwrap();
                    let now = inside.fetch_add(n as usize, Ordering::SeqCst) + n as usize;
                    assert!(now <= 3, "{now} permits in use");
                    inside.fetch_sub(n as usize, Ordering::SeqCst);
                    drop(permit);
                }
            });
        }
    });
    assert_eq!(s.available_permits(), 3);
}

#[test]
fn blocking_acquire_waits_on_a_plain_thread() {
    let s = Arc::new(Semaphore::new(0));
    thread::scope(|scope| {
        scope.spawn(|| s.add_permits(4));
        assert_eq!(s.blocking_acquire_many(3).unwrap().num_permits(), 3);
    });
    let (one, three) = (
        s.blocking_acquire().unwrap(),
        s.clone().blocking_acquire_many_owned(3),
    );
    drop(three);
    assert!(s.clone().blocking_acquire_owned().is_ok());
    drop(one);
    assert_eq!(s.available_permits(), 4);
}

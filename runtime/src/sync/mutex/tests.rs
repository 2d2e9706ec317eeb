use std::cell::Cell;
use std::thread;

use super::*;
#[cfg(feature = "telemetry")]
use crate::sync::test_util::{assert_notes, awaiting, fresh_task, notes_of, polling};
use crate::sync::test_util::{block_on, now, spawned};

fn assert_send<T: Send>(_: &T) {}
fn assert_sync<T: Sync>(_: &T) {}

#[test]
fn lock_gives_access_and_dropping_the_guard_unlocks() {
    let m = Mutex::new(1);
    *now(m.lock()) += 1;
    assert_eq!(*m.try_lock().unwrap(), 2);
    assert_eq!(m.into_inner(), 2);
}

#[test]
fn dropped_guard_wakes_the_next_in_order() {
    let m = Mutex::new(());
    let held = m.try_lock().unwrap();
    let (mut a, mut b) = (spawned(m.lock()), spawned(m.lock()));
    a.assert_pending();
    b.assert_pending();
    drop(held);
    assert_eq!((a.wakes(), b.wakes()), (1, 0));
    assert!(m.try_lock().is_err(), "promised to the first waiter");
    b.assert_pending();
    drop(a.assert_ready());
    assert_eq!(b.wakes(), 1);
    drop(b.assert_ready());
    assert!(m.try_lock().is_ok());
}

#[test]
fn lock_assigned_to_a_dropped_future_is_not_lost() {
    let m = Mutex::new(());
    let held = m.try_lock().unwrap();
    let (mut a, mut b) = (spawned(m.lock()), spawned(m.lock()));
    a.assert_pending();
    b.assert_pending();
    drop(held);
    drop(a);
    drop(b.assert_ready());
    assert!(m.try_lock().is_ok());
}

#[test]
fn try_lock_error_text_and_debug() {
    let m = Arc::new(Mutex::new(5));
    assert_eq!(format!("{m:?}"), "Mutex { data: 5 }");
    let guard = m.clone().try_lock_owned().unwrap();
    assert_eq!(
        m.try_lock().unwrap_err().to_string(),
        "operation would block"
    );
    assert_eq!(
        m.clone().try_lock_owned().unwrap_err().to_string(),
        "operation would block"
    );
    assert_eq!(format!("{m:?}"), "Mutex { data: <locked> }");
    assert_eq!(format!("{guard:?} {guard}"), "5 5");
}

#[test]
fn owned_guard_keeps_the_mutex_alive() {
    let m = Arc::new(Mutex::new(String::from("a")));
    let mut guard = now(m.lock_owned());
    guard.push('b');
    let m = OwnedMutexGuard::mutex(&guard).clone();
    drop(guard);
    assert_eq!(Arc::into_inner(m).unwrap().into_inner(), "ab");
}

#[test]
fn mapped_guard_holds_the_lock() {
    let m = Mutex::new((1, 2));
    let mut second = MutexGuard::map(m.try_lock().unwrap(), |pair| &mut pair.1);
    *second = 9;
    assert!(m.try_lock().is_err());
    let second = MappedMutexGuard::try_map(second, |_| None::<&mut i32>).unwrap_err();
    let second = MappedMutexGuard::map(second, |n| n);
    assert_eq!(*second, 9);
    drop(second);
    let whole = MutexGuard::try_map(m.try_lock().unwrap(), |_| None::<&mut i32>).unwrap_err();
    assert_eq!(*whole, (1, 9));
    drop(whole);
    assert!(m.try_lock().is_ok());
}

#[test]
fn owned_mapped_guard_holds_the_lock() {
    let m = Arc::new(Mutex::new(vec![1, 2, 3]));
    let guard = m.clone().try_lock_owned().unwrap();
    let mut last = OwnedMutexGuard::try_map(guard, |v| v.last_mut()).unwrap();
    *last = 7;
    let last = OwnedMappedMutexGuard::map(last, |n| n);
    assert!(m.try_lock().is_err());
    drop(last);
    assert_eq!(*m.try_lock().unwrap(), [1, 2, 7]);
    assert_eq!(Arc::strong_count(&m), 1);
}

#[test]
fn panic_while_locked_unlocks_without_poison() {
    let m = Mutex::new(0);
    thread::scope(|s| {
        let panicked = s.spawn(|| {
            let _guard = m.try_lock().unwrap();
            panic!("with the lock held");
        });
        assert!(panicked.join().is_err());
    });
    assert!(m.try_lock().is_ok());
}

#[test]
fn auto_traits_follow_the_data() {
    let m = Arc::new(Mutex::new(Cell::new(0)));
    assert_send(&m);
    assert_sync(&m);
    assert_send(&m.lock());
    assert_sync(&m.lock());
    assert_send(&m.clone().lock_owned());
    assert_send(&m.try_lock().unwrap());
    let n = Mutex::new(0);
    assert_sync(&n.try_lock().unwrap());
    let slice: Box<Mutex<[u8]>> = Box::new(Mutex::new([1, 2]));
    assert_eq!(now(slice.lock()).len(), 2);
}

#[test]
fn get_mut_default_from_and_static() {
    static M: Mutex<u8> = Mutex::const_new(3);
    *now(M.lock()) += 1;
    assert_eq!(*M.try_lock().unwrap(), 4);
    let mut m: Mutex<u8> = Mutex::default();
    *m.get_mut() += 1;
    assert_eq!(m.into_inner(), 1);
    assert_eq!(Mutex::from("x").into_inner(), "x");
}

#[cfg(feature = "telemetry")]
#[test]
fn pending_lock_notes_the_await_and_forgets_it() {
    let m = Arc::new(Mutex::new(()));
    let _held = m.clone().try_lock_owned().unwrap();
    let (future, line) = awaiting!(m.lock());
    assert_notes(future, line, "mutex", "lock");
    let (future, line) = awaiting!(m.clone().lock_owned());
    assert_notes(future, line, "mutex", "lock");
}

#[cfg(feature = "telemetry")]
#[test]
fn note_ends_when_the_lock_is_got() {
    let m = Mutex::new(());
    let held = m.try_lock().unwrap();
    let task = fresh_task();
    let _polling = polling(task);
    let mut lock = spawned(m.lock());
    lock.assert_pending();
    assert_eq!(notes_of(task)[0].resource, ptr::from_ref(&m).addr() as u64);
    drop(held);
    let _guard = lock.assert_ready();
    assert!(notes_of(task).is_empty());
}

#[test]
#[should_panic(expected = "`async fn` resumed after completion")]
fn polling_a_finished_lock_panics() {
    let m = Mutex::new(());
    let mut lock = spawned(m.lock());
    drop(lock.assert_ready());
    let _ = lock.poll();
}

#[test]
fn increments_from_many_threads_are_exclusive() {
    let m = Mutex::new(0_u32);
    let increment = || {
        for _ in 0..2_000 {
            let mut guard = block_on(m.lock());
            let seen = *guard;
            std::hint::black_box(&mut guard);
            *guard = seen + 1;
        }
    };
    thread::scope(|s| {
        let threads = [(); 4].map(|()| s.spawn(increment));
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
    assert_eq!(m.into_inner(), 8_000);
}

#[test]
fn blocking_lock_waits_on_a_plain_thread() {
    let m = Arc::new(Mutex::new(0));
    let held = m.try_lock().unwrap();
    thread::scope(|s| {
        let other = s.spawn(|| *m.clone().blocking_lock_owned() += 1);
        drop(held);
        other.join().unwrap();
    });
    assert_eq!(*m.blocking_lock(), 1);
}

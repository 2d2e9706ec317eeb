use std::sync::Arc;
use std::thread;

use zokio::sync::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
use zokio::task::coop;

use crate::support::{now, polled, run};

#[test]
fn guard_is_held_over_an_await() {
    run(async {
        let mutex = Arc::new(Mutex::new(0));
        let mut guard = mutex.lock().await;
        let other = {
            let mutex = mutex.clone();
            zokio::spawn(async move { *mutex.lock().await += 1 })
        };
        zokio::task::yield_now().await;
        assert_eq!(*guard, 0);
        *guard = 10;
        drop(guard);
        other.await.unwrap();
        assert_eq!(*mutex.lock().await, 11);
    });
}

#[test]
fn tasks_get_the_lock_in_the_order_of_their_first_poll() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let late = mutex.lock();
    let mut first = polled(mutex.lock()).pending();
    let mut second = polled(late).pending();
    drop(guard);
    let guard = first.assert_woken();
    second.assert_pending();
    drop(guard);
    drop(second.assert_ready());
}

#[test]
fn try_lock_does_not_overtake_a_waiter_that_was_given_the_lock() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let mut waiting = polled(mutex.lock()).pending();
    drop(guard);
    assert!(mutex.try_lock().is_err());
    drop(waiting.assert_woken());
}

#[test]
fn cancelled_lock_loses_its_place() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let cancelled = polled(mutex.lock()).pending();
    let mut next = polled(mutex.lock()).pending();
    drop(cancelled);
    drop(guard);
    drop(next.assert_woken());
}

#[test]
fn owned_lock_and_try_lock() {
    let mutex = Arc::new(Mutex::new(1));
    let mut guard = now(mutex.clone().lock_owned());
    *guard += 1;
    let error = mutex.clone().try_lock_owned().unwrap_err();
    assert_eq!(error.to_string(), "operation would block");
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    drop(guard);
    assert_eq!(*mutex.try_lock_owned().unwrap(), 2);
}

#[test]
fn guard_names_its_mutex() {
    let mutex = Mutex::new(1);
    let guard = mutex.try_lock().unwrap();
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
}

#[test]
fn map_gives_a_part_and_keeps_the_lock() {
    let mutex = Mutex::new((1, 2));
    let mut part = MutexGuard::map(mutex.try_lock().unwrap(), |data| &mut data.1);
    *part = 5;
    assert!(mutex.try_lock().is_err());
    drop(part);
    assert_eq!(*mutex.try_lock().unwrap(), (1, 5));
}

#[test]
fn try_map_without_a_part_gives_the_guard_back() {
    let mutex = Mutex::new(Some(1));
    let guard = MutexGuard::try_map(mutex.try_lock().unwrap(), |data| data.as_mut());
    let part = guard.unwrap();
    assert_eq!(*part, 1);
    drop(part);
    *mutex.try_lock().unwrap() = None;
    let guard = MutexGuard::try_map(mutex.try_lock().unwrap(), |data| data.as_mut());
    assert_eq!(*guard.unwrap_err(), None);
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn mapped_guard_is_mapped_again() {
    let mutex = Mutex::new(((1, 2), 3));
    let part = MutexGuard::map(mutex.try_lock().unwrap(), |data| &mut data.0);
    let mut part = MappedMutexGuard::map(part, |data| &mut data.1);
    *part = 7;
    let part = MappedMutexGuard::try_map(part, |_| None::<&mut i32>).unwrap_err();
    assert_eq!(*part, 7);
    drop(part);
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn owned_guard_is_mapped_and_mapped_again() {
    let mutex = Arc::new(Mutex::new(((1, 2), 3)));
    let guard = mutex.clone().try_lock_owned().unwrap();
    let part = OwnedMutexGuard::map(guard, |data| &mut data.0);
    let part = OwnedMappedMutexGuard::try_map(part, |_| None::<&mut i32>).unwrap_err();
    let mut part = OwnedMappedMutexGuard::map(part, |data| &mut data.0);
    *part = 9;
    drop(part);
    assert_eq!(mutex.try_lock().unwrap().0.0, 9);
    let guard = mutex.clone().try_lock_owned().unwrap();
    assert!(OwnedMutexGuard::try_map(guard, |_| None::<&mut i32>).is_err());
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn guards_are_shown_as_their_data() {
    let mutex = Mutex::new(7);
    let guard = mutex.try_lock().unwrap();
    assert_eq!(format!("{guard} {guard:?}"), "7 7");
    let part = MutexGuard::map(guard, |data| data);
    assert_eq!(format!("{part} {part:?}"), "7 7");
    drop(part);
    let mutex = Arc::new(mutex);
    let guard = mutex.try_lock_owned().unwrap();
    assert_eq!(format!("{guard} {guard:?}"), "7 7");
    let part = OwnedMutexGuard::map(guard, |data| data);
    assert_eq!(format!("{part} {part:?}"), "7 7");
}

#[test]
fn mutex_is_shown_with_its_data_or_as_locked() {
    let mutex = Mutex::new(7);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 7 }");
    let _guard = mutex.try_lock().unwrap();
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
}

#[test]
fn unsized_data() {
    let mutex: Arc<Mutex<[u8]>> = Arc::new(Mutex::new([1, 2, 3]));
    assert_eq!(now(mutex.lock()).len(), 3);
    assert_eq!(now(mutex.lock_owned()).len(), 3);
    let mut boxed: Box<Mutex<dyn std::fmt::Debug>> = Box::new(Mutex::new(1));
    assert_eq!(format!("{:?}", boxed.get_mut()), "1");
}

#[test]
fn blocking_lock_owned_waits_on_a_plain_thread() {
    let mutex = Arc::new(Mutex::new(0));
    let guard = mutex.clone().blocking_lock_owned();
    let waiting = {
        let mutex = mutex.clone();
        thread::spawn(move || *mutex.blocking_lock() += 1)
    };
    drop(guard);
    waiting.join().unwrap();
    assert_eq!(*mutex.blocking_lock(), 1);
}

#[test]
fn panicking_holder_unlocks_and_poisons_nothing() {
    let mutex = Arc::new(Mutex::new(1));
    let holder = {
        let mutex = mutex.clone();
        thread::spawn(move || {
            let _guard = mutex.blocking_lock();
            panic!("holding");
        })
    };
    assert!(holder.join().is_err());
    assert_eq!(*mutex.try_lock().unwrap(), 1);
}

async fn spend_the_budget() {
    while coop::has_budget_remaining() {
        coop::consume_budget().await;
    }
}

#[test]
fn task_without_budget_keeps_its_place_in_line() {
    run(async {
        let mutex = Mutex::new(());
        let guard = mutex.lock().await;
        spend_the_budget().await;
        let mut first = polled(mutex.lock()).pending();
        zokio::task::yield_now().await;
        let second = polled(mutex.lock()).pending();
        drop(guard);
        assert_eq!(second.wakes(), 0);
        drop(first.assert_woken());
        assert_eq!(second.wakes(), 1);
    });
}

#[test]
fn free_lock_is_left_to_others_by_a_task_without_budget() {
    run(async {
        let mutex = Mutex::new(());
        spend_the_budget().await;
        let mut lock = polled(mutex.lock()).pending();
        drop(mutex.try_lock().unwrap());
        zokio::task::yield_now().await;
        drop(lock.assert_woken());
    });
}

#[test]
fn lock_that_came_to_a_task_without_budget_goes_on_when_it_gives_up() {
    run(async {
        let mutex = Mutex::new(());
        let guard = mutex.lock().await;
        spend_the_budget().await;
        let mut first = polled(mutex.lock()).pending();
        let second = polled(mutex.lock()).pending();
        drop(guard);
        assert!(first.poll().is_pending());
        assert!(mutex.try_lock().is_err());
        assert_eq!(second.wakes(), 0);
        drop(first);
        assert_eq!(second.wakes(), 1);
    });
}

#[test]
fn lock_that_a_task_without_budget_gets_is_its_own_at_the_next_poll() {
    run(async {
        let mutex = Mutex::new(());
        spend_the_budget().await;
        let mut lock = polled(mutex.lock()).pending();
        zokio::task::yield_now().await;
        drop(lock.assert_woken());
        assert!(mutex.try_lock().is_ok());
    });
}

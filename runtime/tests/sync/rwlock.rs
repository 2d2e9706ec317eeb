use std::sync::Arc;

use zokio::sync::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};

use crate::support::{now, polled};

#[test]
fn many_readers_or_one_writer() {
    let lock = RwLock::new(1);
    let (one, two) = (now(lock.read()), now(lock.read()));
    assert!(lock.try_write().is_err());
    drop((one, two));
    let writer = now(lock.write());
    assert!(lock.try_read().is_err() && lock.try_write().is_err());
    drop(writer);
    assert!(lock.try_read().is_ok());
}

#[test]
fn reader_behind_a_waiting_writer_waits() {
    let lock = RwLock::new(());
    let reader = lock.try_read().unwrap();
    let mut writer = polled(lock.write()).pending();
    assert!(lock.try_read().is_err());
    let mut late = polled(lock.read()).pending();
    drop(reader);
    let guard = writer.assert_woken();
    late.assert_pending();
    drop(guard);
    drop(late.assert_ready());
}

#[test]
fn writer_is_not_starved_by_readers_that_take_turns() {
    let lock = RwLock::new(());
    let one = lock.try_read().unwrap();
    let mut writer = polled(lock.write()).pending();
    let mut two = polled(lock.read()).pending();
    drop(one);
    two.assert_pending();
    drop(writer.assert_woken());
    drop(two.assert_ready());
}

#[test]
fn dropped_writer_lets_all_readers_in_up_to_the_next_writer() {
    let lock = RwLock::new(());
    let first = lock.try_write().unwrap();
    let mut readers: Vec<_> = (0..3).map(|_| polled(lock.read()).pending()).collect();
    let mut second = polled(lock.write()).pending();
    let mut late = polled(lock.read()).pending();
    drop(first);
    let guards: Vec<_> = readers.iter_mut().map(|r| r.assert_woken()).collect();
    second.assert_pending();
    late.assert_pending();
    drop(guards);
    drop(second.assert_woken());
    drop(late.assert_ready());
}

#[test]
fn cancelled_writer_lets_readers_in() {
    let lock = RwLock::new(());
    let _reader = lock.try_read().unwrap();
    let writer = polled(lock.write()).pending();
    let mut late = polled(lock.read()).pending();
    drop(writer);
    drop(late.assert_woken());
}

#[test]
fn readers_up_to_the_limit() {
    let lock = RwLock::with_max_readers((), 2);
    let one = lock.try_read().unwrap();
    let _two = lock.try_read().unwrap();
    assert!(lock.try_read().is_err());
    let mut third = polled(lock.read()).pending();
    drop(one);
    drop(third.assert_woken());
}

#[test]
fn largest_number_of_readers_is_accepted() {
    let lock = RwLock::with_max_readers(1, u32::MAX >> 3);
    assert_eq!(*lock.try_write().unwrap(), 1);
}

#[test]
fn static_locks() {
    static ONE: RwLock<i32> = RwLock::const_new(1);
    static TWO: RwLock<i32> = RwLock::const_with_max_readers(2, 1);
    let _reader = TWO.try_read().unwrap();
    assert!(TWO.try_read().is_err());
    assert_eq!(*ONE.try_read().unwrap(), 1);
}

#[test]
fn downgrade_keeps_the_lock_and_lets_readers_in() {
    let lock = RwLock::new(1);
    let mut writer = lock.try_write().unwrap();
    *writer = 2;
    let mut waiting = polled(lock.read()).pending();
    let reader = writer.downgrade();
    assert_eq!((*reader, *waiting.assert_woken()), (2, 2));
    assert!(lock.try_write().is_err());
    drop(reader);
    assert!(lock.try_write().is_ok());
}

#[test]
fn downgrade_lets_no_writer_in_between() {
    let lock = RwLock::new(1);
    let writer = lock.try_write().unwrap();
    let mut next = polled(lock.write()).pending();
    let reader = writer.downgrade();
    next.assert_pending();
    drop(reader);
    drop(next.assert_woken());
}

#[test]
fn owned_downgrade_keeps_the_lock_alive() {
    let lock = Arc::new(RwLock::new(1));
    let writer = lock.clone().try_write_owned().unwrap();
    let reader = writer.downgrade();
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&reader), &lock));
    drop(lock);
    assert_eq!(*reader, 1);
}

#[test]
fn read_guard_is_mapped() {
    let lock = RwLock::new((1, Some(2)));
    let part = RwLockReadGuard::map(lock.try_read().unwrap(), |data| &data.1);
    let part = RwLockReadGuard::try_map(part, Option::as_ref).unwrap();
    assert_eq!(*part, 2);
    let part = RwLockReadGuard::try_map(part, |_| None::<&i32>).unwrap_err();
    assert!(lock.try_write().is_err());
    drop(part);
    assert!(lock.try_write().is_ok());
}

#[test]
fn owned_read_guard_is_mapped() {
    let lock = Arc::new(RwLock::new((1, 2)));
    let guard = lock.clone().try_read_owned().unwrap();
    let part = OwnedRwLockReadGuard::map(guard, |data| &data.1);
    assert_eq!(*part, 2);
    let part = OwnedRwLockReadGuard::try_map(part, |_| None::<&i32>).unwrap_err();
    assert!(lock.try_write().is_err());
    drop(part);
    assert!(lock.try_write().is_ok());
}

#[test]
fn write_guard_is_mapped() {
    let lock = RwLock::new((1, 2));
    let mut part = RwLockWriteGuard::map(lock.try_write().unwrap(), |data| &mut data.1);
    *part = 3;
    let part = RwLockMappedWriteGuard::map(part, |data| data);
    let part = RwLockMappedWriteGuard::try_map(part, |_| None::<&mut i32>).unwrap_err();
    assert!(lock.try_read().is_err());
    drop(part);
    assert_eq!(*lock.try_read().unwrap(), (1, 3));
}

#[test]
fn write_guard_without_a_part_is_given_back() {
    let lock = RwLock::new(1);
    let guard = RwLockWriteGuard::try_map(lock.try_write().unwrap(), |_| None::<&mut i32>);
    let mut guard = guard.unwrap_err();
    *guard = 2;
    let guard = RwLockWriteGuard::try_downgrade_map(guard, |_| None::<&i32>).unwrap_err();
    assert!(lock.try_read().is_err());
    drop(guard);
    assert_eq!(*lock.try_read().unwrap(), 2);
}

#[test]
fn downgrade_map_reads_a_part() {
    let lock = RwLock::new((1, 2));
    let part = RwLockWriteGuard::downgrade_map(lock.try_write().unwrap(), |data| &data.1);
    assert_eq!(*part, 2);
    assert!(lock.try_read().is_ok() && lock.try_write().is_err());
    drop(part);
    assert!(lock.try_write().is_ok());
}

#[test]
fn owned_write_guard_is_mapped_and_downgraded() {
    let lock = Arc::new(RwLock::new((1, 2)));
    let guard = lock.clone().try_write_owned().unwrap();
    assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&guard), &lock));
    let mut part = OwnedRwLockWriteGuard::map(guard, |data| &mut data.0);
    *part = 4;
    let part = OwnedRwLockMappedWriteGuard::map(part, |data| data);
    drop(OwnedRwLockMappedWriteGuard::try_map(part, |_| None::<&mut i32>).unwrap_err());
    let guard = lock.clone().try_write_owned().unwrap();
    let part = OwnedRwLockWriteGuard::downgrade_map(guard, |data| &data.0);
    assert_eq!(*part, 4);
    assert!(lock.try_read().is_ok());
}

#[test]
fn into_mapped_holds_the_same_lock() {
    let lock = Arc::new(RwLock::new(1));
    let mapped = RwLockWriteGuard::into_mapped(lock.try_write().unwrap());
    assert!(lock.try_read().is_err());
    drop(mapped);
    let mut mapped = OwnedRwLockWriteGuard::into_mapped(lock.clone().try_write_owned().unwrap());
    *mapped = 2;
    drop(mapped);
    assert_eq!(*lock.try_read().unwrap(), 2);
}

#[test]
fn guards_are_shown_as_their_data() {
    let lock = RwLock::new(7);
    let reader = lock.try_read().unwrap();
    assert_eq!(format!("{reader} {reader:?}"), "7 7");
    drop(reader);
    let writer = lock.try_write().unwrap();
    assert_eq!(format!("{writer} {writer:?}"), "7 7");
    let mapped = RwLockWriteGuard::into_mapped(writer);
    assert_eq!(format!("{mapped} {mapped:?}"), "7 7");
}

#[test]
fn lock_is_shown_with_its_data_unless_a_writer_has_it() {
    let lock = RwLock::new(7);
    let reader = lock.try_read().unwrap();
    assert_eq!(format!("{lock:?}"), "RwLock { data: 7 }");
    drop(reader);
    let _writer = lock.try_write().unwrap();
    assert_eq!(format!("{lock:?}"), "RwLock { data: <locked> }");
}

#[test]
fn try_errors() {
    let lock = Arc::new(RwLock::new(1));
    let _writer = lock.try_write().unwrap();
    let text = "operation would block";
    assert_eq!(lock.try_read().unwrap_err().to_string(), text);
    assert_eq!(lock.try_write().unwrap_err().to_string(), text);
    assert_eq!(lock.clone().try_read_owned().unwrap_err().to_string(), text);
    assert_eq!(
        lock.clone().try_write_owned().unwrap_err().to_string(),
        text
    );
}

#[test]
fn unsized_data() {
    let lock: Arc<RwLock<[u8]>> = Arc::new(RwLock::new([1, 2, 3]));
    assert_eq!(now(lock.read()).len(), 3);
    now(lock.clone().write_owned())[0] = 9;
    assert_eq!(now(lock.read_owned())[0], 9);
}

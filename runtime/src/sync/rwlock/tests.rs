use std::cell::Cell;
use std::thread;

use super::*;
use crate::sync::test_util::{Spawned, block_on, now, spawned};
#[cfg(feature = "telemetry")]
use crate::sync::test_util::{assert_notes, awaiting, fresh_task, notes_of, polling};
use crate::task::coop;

fn assert_send_sync_unpin<T: Send + Sync + Unpin>() {}
fn assert_send_sync<T: Send + Sync>(_: &T) {}
fn assert_send<T: Send>(_: &T) {}

#[test]
fn readers_share_and_a_writer_is_alone() {
    let lock = RwLock::new(1);
    let (a, b) = (now(lock.read()), now(lock.read()));
    assert_eq!(*a + *b, 2);
    assert!(lock.try_write().is_err());
    drop((a, b));
    let mut writer = now(lock.write());
    *writer += 1;
    assert!(lock.try_read().is_err());
    assert!(lock.try_write().is_err());
    drop(writer);
    assert_eq!(lock.into_inner(), 2);
}

#[test]
fn requests_are_served_in_order() {
    let lock = RwLock::new(());
    let held = lock.try_write().unwrap();
    let (mut r1, mut r2) = (spawned(lock.read()), spawned(lock.read()));
    let mut w = spawned(lock.write());
    let mut r3 = spawned(lock.read());
    r1.assert_pending();
    r2.assert_pending();
    w.assert_pending();
    r3.assert_pending();

    drop(held);
    assert_eq!(
        [r1.wakes(), r2.wakes(), w.wakes(), r3.wakes()],
        [1, 1, 0, 0]
    );
    drop(r1.assert_ready());
    assert_eq!(w.wakes(), 0, "the second reader is still there");
    drop(r2.assert_ready());
    assert_eq!([w.wakes(), r3.wakes()], [1, 0]);
    drop(w.assert_ready());
    assert_eq!(r3.wakes(), 1);
    drop(r3.assert_ready());
    assert!(lock.try_write().is_ok());
}

#[test]
fn waiting_writer_holds_back_later_readers() {
    let lock = RwLock::new(0);
    let reader = lock.try_read().unwrap();
    let mut writer = spawned(lock.write());
    writer.assert_pending();
    assert!(lock.try_read().is_err());
    let mut late = spawned(lock.read());
    late.assert_pending();
    drop(reader);
    *writer.assert_ready() = 7;
    assert_eq!(*late.assert_ready(), 7);
}

#[test]
fn cancelled_writer_lets_the_readers_behind_it_in() {
    let lock = RwLock::new(());
    let reader = lock.try_read().unwrap();
    let mut writer = spawned(lock.write());
    writer.assert_pending();
    let mut late: Vec<_> = (0..3).map(|_| spawned(lock.read())).collect();
    late.iter_mut().for_each(Spawned::assert_pending);
    drop(writer);
    for r in &mut late {
        assert_eq!(r.wakes(), 1);
        drop(r.assert_ready());
    }
    assert!(lock.try_write().is_err(), "the first reader is still there");
    drop(reader);
    assert!(lock.try_write().is_ok());
}

#[test]
fn lock_given_to_a_dropped_future_goes_to_the_next() {
    let lock = RwLock::new(());
    let held = lock.try_write().unwrap();
    let (mut a, mut b) = (spawned(lock.write()), spawned(lock.read()));
    a.assert_pending();
    b.assert_pending();
    drop(held);
    assert_eq!((a.wakes(), b.wakes()), (1, 0));
    drop(a);
    assert_eq!(b.wakes(), 1);
    drop(b.assert_ready());
    assert!(lock.try_write().is_ok());
}

#[test]
fn one_writer_wakes_more_readers_than_a_batch_of_wakes() {
    let lock = RwLock::new(5);
    let held = lock.try_write().unwrap();
    let mut readers: Vec<_> = (0..100).map(|_| spawned(lock.read())).collect();
    readers.iter_mut().for_each(Spawned::assert_pending);
    drop(held);
    let guards: Vec<_> = readers.iter_mut().map(Spawned::assert_ready).collect();
    assert!(readers.iter().all(|r| r.wakes() == 1));
    assert_eq!(guards.iter().map(|g| **g).sum::<i32>(), 500);
}

#[test]
fn max_readers_is_kept() {
    let lock = RwLock::with_max_readers((), 2);
    let (a, b) = (lock.try_read().unwrap(), lock.try_read().unwrap());
    let mut third = spawned(lock.read());
    third.assert_pending();
    drop(a);
    let c = third.assert_ready();
    drop((b, c));
    assert!(lock.try_write().is_ok());
    let single = RwLock::with_max_readers(3, 1);
    let guard = single.try_write().unwrap().downgrade();
    assert!(single.try_read().is_err());
    assert_eq!(*guard, 3);
}

#[test]
#[should_panic(expected = "a RwLock may not be created with 0 readers")]
fn zero_readers_panic() {
    RwLock::with_max_readers((), 0);
}

#[test]
#[should_panic(expected = "a RwLock may not be created with more than 536870911 readers")]
fn too_many_readers_panic() {
    RwLock::with_max_readers((), (u32::MAX >> 3) + 1);
}

#[test]
fn downgrade_lets_readers_in_and_no_writer_between() {
    let lock = RwLock::new(0);
    let mut guard = lock.try_write().unwrap();
    let (mut reader, mut writer) = (spawned(lock.read()), spawned(lock.write()));
    reader.assert_pending();
    writer.assert_pending();
    *guard = 4;
    let guard = guard.downgrade();
    assert_eq!((reader.wakes(), writer.wakes()), (1, 0));
    assert_eq!(*reader.assert_ready(), 4);
    writer.assert_pending();
    drop(guard);
    drop(writer.assert_ready());
    assert!(lock.try_write().is_ok());
}

#[test]
fn mapped_read_guard_holds_the_lock() {
    let lock = RwLock::new((1, "two"));
    let guard = RwLockReadGuard::map(lock.try_read().unwrap(), |pair| &pair.1);
    let guard = RwLockReadGuard::try_map(guard, |_| None::<&u8>).unwrap_err();
    let letter = RwLockReadGuard::try_map(guard, |s| s.get(0..1)).unwrap();
    assert_eq!(&*letter, "t");
    assert!(lock.try_write().is_err());
    drop(letter);
    assert!(lock.try_write().is_ok());
}

#[test]
fn mapped_write_guard_holds_the_lock() {
    let lock = RwLock::new((1, vec![2, 3]));
    let guard = lock.try_write().unwrap();
    let guard = RwLockWriteGuard::try_map(guard, |_| None::<&mut u8>).unwrap_err();
    let vec = RwLockWriteGuard::map(guard, |pair| &mut pair.1);
    let vec = RwLockMappedWriteGuard::try_map(vec, |_| None::<&mut u8>).unwrap_err();
    let mut last = RwLockMappedWriteGuard::map(vec, |v| &mut v[1]);
    *last = 9;
    assert!(lock.try_read().is_err());
    drop(last);
    assert_eq!(lock.try_read().unwrap().1, [2, 9]);
    let mut whole = RwLockWriteGuard::into_mapped(lock.try_write().unwrap());
    whole.0 = 0;
    drop(whole);
    assert_eq!(lock.try_write().unwrap().0, 0);
}

#[test]
fn downgrade_map_reads_a_part() {
    let lock = RwLock::new((1, 2));
    let part = RwLockWriteGuard::downgrade_map(lock.try_write().unwrap(), |pair| &pair.0);
    assert_eq!(*part + lock.try_read().unwrap().1, 3);
    drop(part);
    let guard = lock.try_write().unwrap();
    let guard = RwLockWriteGuard::try_downgrade_map(guard, |_| None::<&u8>).unwrap_err();
    assert!(lock.try_read().is_err(), "still for writing");
    let part = RwLockWriteGuard::try_downgrade_map(guard, |pair| Some(&pair.1)).unwrap();
    assert!(lock.try_read().is_ok());
    drop(part);
    assert!(lock.try_write().is_ok());
}

#[test]
fn owned_guards_keep_the_lock_alive() {
    let lock = Arc::new(RwLock::new((1, String::from("a"))));
    let mut writer = now(lock.write_owned());
    writer.1.push('b');
    let reader = OwnedRwLockReadGuard::map(writer.downgrade(), |pair| &pair.1);
    let reader = OwnedRwLockReadGuard::try_map(reader, |_| None::<&u8>).unwrap_err();
    let lock = OwnedRwLockReadGuard::rwlock(&reader).clone();
    assert!(lock.clone().try_write_owned().is_err());
    assert_eq!(*reader, "ab");
    drop(reader);
    let second = now(lock.clone().read_owned());
    assert!(lock.clone().try_read_owned().is_ok());
    drop(second);
    assert_eq!(Arc::into_inner(lock).unwrap().into_inner().1, "ab");
}

#[test]
fn owned_mapped_guards_hold_the_lock() {
    let lock = Arc::new(RwLock::new(vec![1, 2, 3]));
    let write = || lock.clone().try_write_owned().unwrap();
    let guard = OwnedRwLockWriteGuard::try_map(write(), |_| None::<&mut u8>).unwrap_err();
    assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&guard), &lock));
    let all = OwnedRwLockWriteGuard::map(guard, |v| v.as_mut_slice());
    let all = OwnedRwLockMappedWriteGuard::try_map(all, |_| None::<&mut u8>).unwrap_err();
    let mut last = OwnedRwLockMappedWriteGuard::map(all, |v| &mut v[2]);
    *last = 7;
    assert!(Arc::ptr_eq(
        OwnedRwLockMappedWriteGuard::rwlock(&last),
        &lock
    ));
    assert!(lock.try_read().is_err());
    drop(last);
    drop(OwnedRwLockWriteGuard::into_mapped(write()));
    let part = OwnedRwLockWriteGuard::downgrade_map(write(), |v| &v[2]);
    assert_eq!((*part, lock.try_read().unwrap().len()), (7, 3));
    drop(part);
    let guard = OwnedRwLockWriteGuard::try_downgrade_map(write(), |_| None::<&u8>).unwrap_err();
    let part = OwnedRwLockWriteGuard::try_downgrade_map(guard, |v| v.first()).unwrap();
    drop(part);
    assert!(lock.try_write().is_ok());
    assert_eq!(Arc::strong_count(&lock), 1);
}

#[test]
fn error_text_debug_and_display() {
    let lock = Arc::new(RwLock::new(5));
    assert_eq!(format!("{lock:?}"), "RwLock { data: 5 }");
    let guard = lock.try_write().unwrap();
    assert_eq!(format!("{lock:?}"), "RwLock { data: <locked> }");
    assert_eq!(format!("{guard:?} {guard}"), "5 5");
    let texts = [
        lock.try_read().unwrap_err(),
        lock.try_write().unwrap_err(),
        lock.clone().try_read_owned().unwrap_err(),
        lock.clone().try_write_owned().unwrap_err(),
    ];
    for error in texts {
        assert_eq!(error.to_string(), "operation would block");
    }
    let guard = guard.downgrade();
    assert_eq!(format!("{guard:?} {guard}"), "5 5");
}

#[test]
fn panic_while_locked_unlocks_without_poison() {
    let lock = RwLock::new(0);
    thread::scope(|s| {
        let panicked = s.spawn(|| {
            let _guard = lock.try_write().unwrap();
            panic!("with the lock held");
        });
        assert!(panicked.join().is_err());
    });
    assert!(lock.try_write().is_ok());
}

#[test]
fn auto_traits_are_those_of_the_interface() {
    assert_send_sync_unpin::<RwLock<u32>>();
    assert_send_sync_unpin::<RwLockReadGuard<'_, u32>>();
    assert_send_sync_unpin::<OwnedRwLockReadGuard<u32, i32>>();
    assert_send_sync_unpin::<RwLockWriteGuard<'_, u32>>();
    assert_send_sync_unpin::<RwLockMappedWriteGuard<'_, u32>>();
    assert_send_sync_unpin::<OwnedRwLockWriteGuard<u32>>();
    assert_send_sync_unpin::<OwnedRwLockMappedWriteGuard<u32, i32>>();
    let lock = Arc::new(RwLock::new(0));
    assert_send_sync(&lock.read());
    assert_send_sync(&lock.write());
    assert_send_sync(&lock.clone().read_owned());
    assert_send_sync(&lock.clone().write_owned());
    assert_send(&RwLock::new(Cell::new(0)));
    let slice: Box<RwLock<[u8]>> = Box::new(RwLock::new([1, 2]));
    assert_eq!(now(slice.read()).len(), 2);
}

#[test]
fn get_mut_default_from_and_static() {
    static LOCK: RwLock<u8> = RwLock::const_new(3);
    static FEW: RwLock<u8> = RwLock::const_with_max_readers(3, 1);
    *now(LOCK.write()) += 1;
    assert_eq!(*LOCK.try_read().unwrap(), 4);
    let _reader = FEW.try_read().unwrap();
    assert!(FEW.try_read().is_err());
    let mut lock: RwLock<u8> = RwLock::default();
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 1);
    assert_eq!(RwLock::from("x").into_inner(), "x");
}

#[cfg(feature = "telemetry")]
#[test]
fn pending_requests_note_the_await_and_forget_it() {
    let lock = Arc::new(RwLock::new(()));
    let _held = lock.clone().try_write_owned().unwrap();
    let (future, line) = awaiting!(lock.read());
    assert_notes(future, line, "rwlock", "read");
    let (future, line) = awaiting!(lock.clone().read_owned());
    assert_notes(future, line, "rwlock", "read");
    let (future, line) = awaiting!(lock.write());
    assert_notes(future, line, "rwlock", "write");
    let (future, line) = awaiting!(lock.clone().write_owned());
    assert_notes(future, line, "rwlock", "write");
}

#[cfg(feature = "telemetry")]
#[test]
fn note_names_the_lock_and_ends_when_it_is_got() {
    let lock = RwLock::new(());
    let held = lock.try_read().unwrap();
    let task = fresh_task();
    let _polling = polling(task);
    let mut write = spawned(lock.write());
    write.assert_pending();
    let resource = ptr::from_ref(&lock).addr() as u64;
    assert_eq!(notes_of(task)[0].resource, resource);
    drop(held);
    let _guard = write.assert_ready();
    assert!(notes_of(task).is_empty());
}

#[test]
fn free_lock_takes_budget_and_yields_without_it() {
    let lock = RwLock::new(());
    let _budget = coop::enter(coop::Budget::initial());
    let mut reads = 0;
    let mut last = loop {
        let mut read = spawned(lock.read());
        match read.poll() {
            Poll::Ready(_) => reads += 1,
            Poll::Pending => break read,
        }
    };
    assert_eq!((reads, last.wakes()), (128, 1));
    let _more = coop::enter(coop::Budget::initial());
    drop(last.assert_ready());
}

#[test]
#[should_panic(expected = "`async fn` resumed after completion")]
fn polling_a_finished_request_panics() {
    let lock = RwLock::new(());
    let mut read = spawned(lock.read());
    drop(read.assert_ready());
    let _ = read.poll();
}

#[test]
fn writers_are_exclusive_and_readers_see_whole_writes() {
    let lock = RwLock::new((0_u32, 0_u32));
    let write = || {
        for i in 0..2_000 {
            let mut guard = block_on(lock.write());
            guard.0 += 1;
            std::hint::black_box(&mut guard);
            guard.1 += 1;
            if i % 5 == 0 {
                let guard = guard.downgrade();
                assert_eq!(guard.0, guard.1);
            }
        }
    };
    let read = || {
        for i in 0..2_000 {
            if i % 7 == 0 {
                drop(spawned(lock.write()).poll());
                continue;
            }
            let guard = block_on(lock.read());
            assert_eq!(guard.0, guard.1);
        }
    };
    thread::scope(|s| {
        let threads = [s.spawn(write), s.spawn(read), s.spawn(write), s.spawn(read)];
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
    assert_eq!(lock.into_inner(), (4_000, 4_000));
}

#[test]
fn blocking_requests_wait_on_a_plain_thread() {
    let lock = RwLock::new(0);
    let held = lock.try_write().unwrap();
    thread::scope(|s| {
        let reader = s.spawn(|| *lock.blocking_read());
        let writer = s.spawn(|| *lock.blocking_write() += 1);
        drop(held);
        writer.join().unwrap();
        assert!(reader.join().unwrap() <= 1);
    });
    assert_eq!(*lock.blocking_read(), 1);
}

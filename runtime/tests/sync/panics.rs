//! Panics, their texts, and that they name the line of the caller.

use std::sync::Arc;

use zokio::sync::{Mutex, RwLock, Semaphore, broadcast, mpsc, oneshot};

use crate::support::{assert_panics_here, run};

const BLOCKING: &str = "Cannot block the current thread from within a runtime";

#[test]
fn blocking_lock_in_a_task() {
    run(async {
        let mutex = Arc::new(Mutex::new(()));
        assert_panics_here!(BLOCKING, mutex.blocking_lock());
        assert_panics_here!(BLOCKING, mutex.clone().blocking_lock_owned());
        assert!(mutex.try_lock().is_ok());
    });
}

#[test]
fn blocking_read_and_write_in_a_task() {
    run(async {
        let lock = RwLock::new(());
        assert_panics_here!(BLOCKING, lock.blocking_read());
        assert_panics_here!(BLOCKING, lock.blocking_write());
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn blocking_acquire_in_a_task() {
    run(async {
        let semaphore = Arc::new(Semaphore::new(9));
        assert_panics_here!(BLOCKING, semaphore.blocking_acquire());
        assert_panics_here!(BLOCKING, semaphore.blocking_acquire_many(2));
        assert_panics_here!(BLOCKING, semaphore.clone().blocking_acquire_owned());
        assert_panics_here!(BLOCKING, semaphore.clone().blocking_acquire_many_owned(2));
        assert_eq!(semaphore.available_permits(), 9);
    });
}

#[test]
fn blocking_send_and_recv_in_a_task() {
    run(async {
        let (tx, mut rx) = mpsc::channel(1);
        assert_panics_here!(BLOCKING, tx.blocking_send(1));
        assert_panics_here!(BLOCKING, rx.blocking_recv());
        assert_panics_here!(BLOCKING, rx.blocking_recv_many(&mut Vec::new(), 1));
        let (_tx, mut rx) = mpsc::unbounded_channel::<()>();
        assert_panics_here!(BLOCKING, rx.blocking_recv());
        assert_panics_here!(BLOCKING, rx.blocking_recv_many(&mut Vec::new(), 1));
    });
}

#[test]
fn blocking_recv_of_one_value_or_of_a_broadcast_in_a_task() {
    run(async {
        let (_tx, rx) = oneshot::channel::<()>();
        assert_panics_here!(BLOCKING, rx.blocking_recv());
        let (_tx, mut rx) = broadcast::channel::<()>(1);
        assert_panics_here!(BLOCKING, rx.blocking_recv());
    });
}

#[test]
fn blocking_in_spawn_blocking_is_allowed() {
    run(async {
        let mutex = Arc::new(Mutex::new(1));
        let value = zokio::task::spawn_blocking({
            let mutex = mutex.clone();
            move || *mutex.blocking_lock()
        });
        assert_eq!(value.await.unwrap(), 1);
    });
}

#[test]
fn mpsc_channel_without_room() {
    let text = "mpsc bounded channel requires buffer > 0";
    assert_panics_here!(text, mpsc::channel::<()>(0));
}

#[test]
fn mpsc_channel_with_too_much_room() {
    let text = "a semaphore may not have more than MAX_PERMITS permits (";
    assert_panics_here!(text, mpsc::channel::<()>(Semaphore::MAX_PERMITS + 1));
}

#[test]
fn broadcast_channel_without_room() {
    let text = "broadcast channel capacity cannot be zero";
    assert_panics_here!(text, broadcast::channel::<()>(0));
    assert_panics_here!(text, broadcast::Sender::<()>::new(0));
}

#[test]
fn broadcast_channel_with_too_much_room() {
    let text = "broadcast channel capacity exceeded `usize::MAX / 2`";
    assert_panics_here!(text, broadcast::channel::<()>((usize::MAX >> 1) + 1));
}

#[test]
fn semaphore_with_too_many_permits() {
    let text = "a semaphore may not have more than MAX_PERMITS permits (";
    assert_panics_here!(text, Semaphore::new(Semaphore::MAX_PERMITS + 1));
}

#[test]
fn const_semaphore_with_too_many_permits() {
    let text = "a semaphore may not have more than MAX_PERMITS permits";
    let too_many = Semaphore::MAX_PERMITS + 1;
    let caught = crate::support::caught(|| Semaphore::const_new(too_many));
    assert!(caught.text.contains(text));
}

#[test]
fn adding_too_many_permits() {
    let semaphore = Semaphore::new(1);
    let text = "would overflow MAX_PERMITS";
    assert_panics_here!(text, semaphore.add_permits(Semaphore::MAX_PERMITS));
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn rwlock_for_no_readers() {
    let text = "a RwLock may not be created with 0 readers";
    assert_panics_here!(text, RwLock::with_max_readers((), 0));
}

#[test]
fn rwlock_for_too_many_readers() {
    let text = "a RwLock may not be created with more than 536870911 readers";
    assert_panics_here!(text, RwLock::with_max_readers((), (u32::MAX >> 3) + 1));
}

#[test]
fn merging_permits_of_two_semaphores() {
    let (one, two) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)));
    let text = "merging permits from different semaphore instances";
    let mut permit = one.try_acquire().unwrap();
    assert_panics_here!(text, permit.merge(two.try_acquire().unwrap()));
    drop(permit);
    let mut permit = one.clone().try_acquire_owned().unwrap();
    assert_panics_here!(text, permit.merge(two.clone().try_acquire_owned().unwrap()));
    assert_eq!(two.available_permits(), 1, "the other permit came back");
}

#[test]
fn oneshot_receiver_polled_after_its_value() {
    run(async {
        let (tx, mut rx) = oneshot::channel();
        tx.send(1).unwrap();
        (&mut rx).await.unwrap();
        let caught = crate::support::caught(|| {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            std::future::Future::poll(std::pin::Pin::new(&mut rx), &mut cx)
        });
        assert!(caught.text.contains("called after complete"));
    });
}

#[test]
fn send_timeout_outside_of_a_runtime_panics_when_polled() {
    let (tx, _rx) = mpsc::channel(1);
    let send = tx.send_timeout(1, std::time::Duration::from_secs(1));
    let caught = crate::support::caught(|| crate::support::now(send));
    assert!(caught.text.contains("runtime"), "{}", caught.text);
}

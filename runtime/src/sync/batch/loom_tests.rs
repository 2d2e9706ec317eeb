//! The semaphore under loom, through the public type: no permit and no wake-up is lost.

use loom::sync::Arc;
use loom::thread;

use crate::sync::test_util::models::{Tracked, block_on, block_on_after_a_move, cancel};
use crate::sync::{Semaphore, TryAcquireError};

/// Two that want the only permit change something that loom reports if they overlap, or if one
/// does not see what the other did.
#[test]
fn loom_permit_is_handed_over_with_what_its_holder_did() {
    loom::model(|| {
        let shared = Arc::new((Semaphore::new(1), Tracked::new(0)));
        let other = {
            let shared = shared.clone();
            thread::spawn(move || {
                let _permit = block_on(shared.0.acquire()).unwrap();
                shared.1.add(1);
            })
        };
        {
            let _permit = block_on(shared.0.acquire()).unwrap();
            shared.1.add(1);
        }
        other.join().unwrap();
        assert_eq!(shared.1.get(), 2);
        assert_eq!(shared.0.available_permits(), 1);
    });
}

/// One that wants two permits gathers them from two that give one each.
#[test]
fn loom_big_acquire_gathers_single_releases() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let threads = [(), ()].map(|()| {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.add_permits(1))
        });
        block_on(semaphore.acquire_many(2)).unwrap().forget();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(semaphore.available_permits(), 0);
    });
}

/// One that gives up hands what it was given to the other.
#[test]
fn loom_cancelled_acquire_passes_its_permit_on() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let cancelled = {
            let semaphore = semaphore.clone();
            thread::spawn(move || cancel(semaphore.acquire()))
        };
        let releasing = {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.add_permits(1))
        };
        drop(block_on(semaphore.acquire()).unwrap());
        cancelled.join().unwrap();
        releasing.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// A waiter is polled with another waker while a permit comes.
#[test]
fn loom_release_against_a_waiter_that_changes_its_waker() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let releasing = {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.add_permits(1))
        };
        block_on_after_a_move(semaphore.acquire()).unwrap().forget();
        releasing.join().unwrap();
    });
}

/// Closing against a wait: it ends with an error, and no permit is made up.
#[test]
fn loom_close_against_a_wait() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let closing = {
            let semaphore = semaphore.clone();
            thread::spawn(move || semaphore.close())
        };
        assert!(block_on(semaphore.acquire_many(2)).is_err());
        closing.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
        assert_eq!(
            semaphore.try_acquire().unwrap_err(),
            TryAcquireError::Closed
        );
    });
}

/// Who is refused sees what came before the close.
#[test]
fn loom_refusal_comes_after_the_close() {
    loom::model(|| {
        let shared = Arc::new((Semaphore::new(1), Tracked::new(0)));
        let asking = {
            let shared = shared.clone();
            thread::spawn(move || {
                if shared.0.try_acquire().is_err() {
                    assert_eq!(shared.1.get(), 1);
                }
            })
        };
        shared.1.add(1);
        shared.0.close();
        asking.join().unwrap();
    });
}

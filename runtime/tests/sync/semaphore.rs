use std::sync::Arc;
use std::thread;

use zokio::sync::{Semaphore, TryAcquireError};

use crate::support::{now, polled, run};

#[test]
fn max_permits_is_an_eighth_of_the_numbers() {
    assert_eq!(Semaphore::MAX_PERMITS, usize::MAX >> 3);
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
}

#[test]
fn static_semaphore() {
    static LIMIT: Semaphore = Semaphore::const_new(2);
    let _permit = LIMIT.try_acquire().unwrap();
    assert_eq!(LIMIT.available_permits(), 1);
}

#[test]
fn permit_comes_back_when_dropped() {
    let semaphore = Semaphore::new(1);
    let permit = now(semaphore.acquire()).unwrap();
    assert_eq!(semaphore.available_permits(), 0);
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn acquire_many_takes_all_or_waits() {
    let semaphore = Semaphore::new(3);
    let two = now(semaphore.acquire_many(2)).unwrap();
    assert_eq!(two.num_permits(), 2);
    let mut more = polled(semaphore.acquire_many(2)).pending();
    drop(two);
    assert_eq!(more.assert_woken().unwrap().num_permits(), 2);
}

#[test]
fn acquire_of_the_largest_number_waits_and_can_be_dropped() {
    let semaphore = Semaphore::new(5);
    let huge = polled(semaphore.acquire_many(u32::MAX)).pending();
    assert_eq!(semaphore.available_permits(), 0);
    drop(huge);
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn acquire_of_the_largest_number_is_served() {
    let semaphore = Semaphore::new(0);
    let mut huge = polled(semaphore.acquire_many(u32::MAX)).pending();
    semaphore.add_permits(u32::MAX as usize);
    assert_eq!(
        huge.assert_woken().unwrap().num_permits(),
        u32::MAX as usize
    );
}

#[test]
fn big_request_is_not_starved_by_small_ones() {
    let semaphore = Semaphore::new(3);
    let held = [(); 3].map(|()| semaphore.try_acquire().unwrap());
    let mut big = polled(semaphore.acquire_many(3)).pending();
    for permit in held {
        big.assert_pending();
        drop(permit);
        let mut small = polled(semaphore.acquire());
        small.assert_pending();
    }
    assert!(big.assert_woken().is_ok());
}

#[test]
fn small_request_behind_a_big_one_waits_for_it() {
    let semaphore = Semaphore::new(1);
    let big = polled(semaphore.acquire_many(2)).pending();
    let mut small = polled(semaphore.acquire()).pending();
    semaphore.add_permits(0);
    small.assert_pending();
    drop(big);
    assert!(small.assert_woken().is_ok());
}

#[test]
fn try_acquire_does_not_take_what_a_waiter_has_gathered() {
    let semaphore = Semaphore::new(1);
    let _big = polled(semaphore.acquire_many(2)).pending();
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::NoPermits
    );
}

#[test]
fn try_acquire_many_takes_all_or_nothing() {
    let semaphore = Semaphore::new(2);
    assert_eq!(
        semaphore.try_acquire_many(3).unwrap_err(),
        TryAcquireError::NoPermits
    );
    assert_eq!(semaphore.try_acquire_many(2).unwrap().num_permits(), 2);
}

#[test]
fn added_permits_go_to_waiters_in_order_and_the_rest_stays() {
    let semaphore = Semaphore::new(0);
    let mut first = polled(semaphore.acquire()).pending();
    let mut second = polled(semaphore.acquire_many(2)).pending();
    semaphore.add_permits(4);
    let (_one, _two) = (
        first.assert_woken().unwrap(),
        second.assert_woken().unwrap(),
    );
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn forget_permits_takes_what_is_there() {
    let semaphore = Semaphore::new(3);
    assert_eq!(semaphore.forget_permits(2), 2);
    assert_eq!(semaphore.forget_permits(2), 1);
    assert_eq!(semaphore.forget_permits(2), 0);
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn forget_permits_does_not_take_what_a_waiter_has_gathered() {
    let semaphore = Semaphore::new(1);
    let mut waiter = polled(semaphore.acquire_many(2)).pending();
    assert_eq!(semaphore.forget_permits(1), 0);
    semaphore.add_permits(1);
    assert!(waiter.assert_woken().is_ok());
}

#[test]
fn forgotten_permit_does_not_come_back() {
    let semaphore = Semaphore::new(2);
    semaphore.try_acquire().unwrap().forget();
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn closed_semaphore_refuses_also_what_is_there() {
    let semaphore = Semaphore::new(2);
    semaphore.close();
    assert!(semaphore.is_closed());
    assert!(now(semaphore.acquire()).is_err());
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::Closed
    );
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn close_wakes_all_that_wait() {
    let semaphore = Semaphore::new(0);
    let mut waits: Vec<_> = (0..40)
        .map(|_| polled(semaphore.acquire()).pending())
        .collect();
    semaphore.close();
    for wait in &mut waits {
        assert_eq!(
            wait.assert_woken().unwrap_err().to_string(),
            "semaphore closed"
        );
    }
}

#[test]
fn permits_come_back_to_a_closed_semaphore() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    semaphore.close();
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn acquisition_granted_before_the_close_and_polled_after_it_fails_and_loses_nothing() {
    let semaphore = Semaphore::new(0);
    let mut wait = polled(semaphore.acquire()).pending();
    semaphore.add_permits(1);
    semaphore.close();
    match wait.assert_ready() {
        Ok(permit) => assert_eq!(permit.num_permits(), 1),
        Err(_) => assert_eq!(semaphore.available_permits(), 1),
    }
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn split_gives_a_part_and_keeps_the_rest() {
    let semaphore = Semaphore::new(5);
    let mut permit = semaphore.try_acquire_many(5).unwrap();
    let part = permit.split(2).unwrap();
    assert_eq!((permit.num_permits(), part.num_permits()), (3, 2));
    drop(part);
    assert_eq!(semaphore.available_permits(), 2);
    drop(permit);
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn split_of_more_than_there_is_changes_nothing() {
    let semaphore = Semaphore::new(2);
    let mut permit = semaphore.try_acquire_many(2).unwrap();
    assert!(permit.split(3).is_none());
    assert!(permit.split(usize::MAX).is_none());
    assert_eq!(permit.num_permits(), 2);
    assert_eq!(permit.split(2).unwrap().num_permits(), 2);
    assert_eq!(permit.num_permits(), 0);
}

#[test]
fn split_of_none_is_an_empty_permit() {
    let semaphore = Semaphore::new(1);
    let mut permit = semaphore.try_acquire().unwrap();
    assert_eq!(permit.split(0).unwrap().num_permits(), 0);
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn merge_adds_up_and_gives_back_once() {
    let semaphore = Semaphore::new(5);
    let mut permit = semaphore.try_acquire_many(2).unwrap();
    permit.merge(semaphore.try_acquire_many(3).unwrap());
    assert_eq!(permit.num_permits(), 5);
    assert_eq!(semaphore.available_permits(), 0);
    drop(permit);
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn owned_permits_split_and_merge() {
    let semaphore = Arc::new(Semaphore::new(4));
    let mut permit = semaphore.clone().try_acquire_many_owned(3).unwrap();
    let part = permit.split(1).unwrap();
    assert!(permit.split(3).is_none());
    permit.merge(part);
    assert_eq!(permit.num_permits(), 3);
    assert!(Arc::ptr_eq(permit.semaphore(), &semaphore));
    drop(permit);
    assert_eq!(semaphore.available_permits(), 4);
}

#[test]
fn owned_permit_keeps_the_semaphore_and_goes_to_another_task() {
    run(async {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = semaphore.clone().acquire_owned().await.unwrap();
        zokio::spawn(async move { drop(permit) }).await.unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn owned_acquisition_is_served_in_order_with_borrowed_ones() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut first = polled(semaphore.acquire()).pending();
    let mut second = polled(semaphore.clone().acquire_owned()).pending();
    semaphore.add_permits(1);
    let permit = first.assert_woken().unwrap();
    second.assert_pending();
    drop(permit);
    assert!(second.assert_woken().is_ok());
}

#[test]
fn permit_names_its_semaphore() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    assert!(std::ptr::eq(permit.semaphore(), &semaphore));
}

#[test]
fn blocking_acquire_waits_on_a_plain_thread() {
    let semaphore = Arc::new(Semaphore::new(0));
    let waiting = {
        let semaphore = semaphore.clone();
        thread::spawn(move || {
            let n = semaphore.blocking_acquire_many(2).unwrap().num_permits();
            n + semaphore.blocking_acquire_owned().unwrap().num_permits()
        })
    };
    semaphore.add_permits(2);
    assert_eq!(waiting.join().unwrap(), 3);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn blocking_acquire_of_a_closed_semaphore_fails() {
    let semaphore = Arc::new(Semaphore::new(0));
    semaphore.close();
    assert!(semaphore.blocking_acquire().is_err());
    assert!(semaphore.clone().blocking_acquire_many_owned(2).is_err());
}

#[test]
fn debug_shows_the_permits() {
    let shown = format!("{:?}", Semaphore::new(3));
    assert!(shown.contains("permits: 3"), "{shown}");
}

#[test]
fn error_texts() {
    assert_eq!(TryAcquireError::Closed.to_string(), "semaphore closed");
    assert_eq!(
        TryAcquireError::NoPermits.to_string(),
        "no permits available"
    );
    let semaphore = Semaphore::new(0);
    semaphore.close();
    let error = now(semaphore.acquire()).unwrap_err();
    assert_eq!(format!("{error:?}"), "AcquireError(())");
}

#[test]
#[cfg(target_pointer_width = "64")]
fn merged_permits_may_be_more_than_32_bits_hold() {
    const MANY: u32 = u32::MAX;
    let all = 2 * MANY as usize;
    let semaphore = Arc::new(Semaphore::new(all));
    let mut permit = semaphore.try_acquire_many(MANY).unwrap();
    permit.merge(semaphore.try_acquire_many(MANY).unwrap());
    assert_eq!(permit.num_permits(), all);
    let half = permit.split(all - 1).unwrap();
    assert_eq!((permit.num_permits(), half.num_permits()), (1, all - 1));
    drop((permit, half));

    let mut owned = semaphore.clone().try_acquire_many_owned(MANY).unwrap();
    owned.merge(semaphore.clone().try_acquire_many_owned(MANY).unwrap());
    assert_eq!(owned.num_permits(), all);
    drop(owned);
    assert_eq!(semaphore.available_permits(), all);
}

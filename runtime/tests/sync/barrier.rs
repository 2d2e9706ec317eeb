use std::sync::Arc;

use zokio::sync::Barrier;

use crate::support::{now, polled, run};

#[test]
fn barrier_of_zero_holds_up_nobody() {
    let barrier = Barrier::new(0);
    assert!(now(barrier.wait()).is_leader());
    assert!(now(barrier.wait()).is_leader());
}

#[test]
fn barrier_of_one_makes_each_task_the_leader() {
    let barrier = Barrier::new(1);
    for _ in 0..3 {
        assert!(now(barrier.wait()).is_leader());
    }
}

#[test]
fn all_but_the_last_wait_and_the_last_leads() {
    let barrier = Barrier::new(3);
    let mut first = polled(barrier.wait()).pending();
    let mut second = polled(barrier.wait()).pending();
    assert!(now(barrier.wait()).is_leader());
    assert!(!first.assert_woken().is_leader());
    assert!(!second.assert_woken().is_leader());
}

#[test]
fn nobody_counts_before_the_first_poll() {
    let barrier = Barrier::new(2);
    let unpolled = barrier.wait();
    let mut other = polled(barrier.wait()).pending();
    other.assert_pending();
    assert!(now(unpolled).is_leader());
    assert!(!other.assert_woken().is_leader());
}

#[test]
fn task_polled_twice_counts_once() {
    let barrier = Barrier::new(2);
    let mut wait = polled(barrier.wait());
    for _ in 0..5 {
        wait.assert_pending();
    }
    assert!(now(barrier.wait()).is_leader());
    wait.assert_ready();
}

#[test]
fn barrier_is_used_again() {
    let barrier = Barrier::new(2);
    for _ in 0..4 {
        let mut wait = polled(barrier.wait()).pending();
        assert!(now(barrier.wait()).is_leader());
        assert!(!wait.assert_woken().is_leader());
    }
}

#[test]
fn next_round_does_not_take_those_of_the_last_that_were_not_polled_yet() {
    let barrier = Barrier::new(2);
    let mut slow = polled(barrier.wait()).pending();
    assert!(now(barrier.wait()).is_leader());
    let mut next = polled(barrier.wait()).pending();
    assert!(!slow.assert_ready().is_leader());
    next.assert_pending();
    assert!(now(barrier.wait()).is_leader());
    next.assert_woken();
}

#[test]
fn task_that_lags_two_rounds_behind_is_let_go() {
    let barrier = Barrier::new(2);
    let mut slow = polled(barrier.wait()).pending();
    assert!(now(barrier.wait()).is_leader());
    let mut next = polled(barrier.wait()).pending();
    assert!(now(barrier.wait()).is_leader());
    assert!(!next.assert_ready().is_leader());
    assert!(!slow.assert_ready().is_leader());
}

#[test]
fn cancelled_task_still_counts() {
    let barrier = Barrier::new(2);
    drop(polled(barrier.wait()).pending());
    assert!(now(barrier.wait()).is_leader());
}

#[test]
fn more_tasks_than_a_batch_of_wakes_are_let_go() {
    let barrier = Barrier::new(100);
    let mut waits: Vec<_> = (0..99).map(|_| polled(barrier.wait()).pending()).collect();
    assert!(now(barrier.wait()).is_leader());
    for wait in &mut waits {
        assert!(!wait.assert_woken().is_leader());
    }
}

#[test]
fn one_task_of_many_leads() {
    run(async {
        let barrier = Arc::new(Barrier::new(10));
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let barrier = barrier.clone();
                zokio::spawn(async move { barrier.wait().await })
            })
            .collect();
        let mut leaders = 0;
        for task in tasks {
            leaders += usize::from(task.await.unwrap().is_leader());
        }
        assert_eq!(leaders, 1);
    });
}

#[test]
fn result_is_cloned_and_shown() {
    let result = now(Barrier::new(1).wait());
    assert!(result.clone().is_leader());
    assert_eq!(format!("{result:?}"), "BarrierWaitResult(true)");
}

#[test]
fn debug_shows_how_many_have_come() {
    let barrier = Barrier::new(3);
    let _waiting = polled(barrier.wait()).pending();
    let shown = format!("{barrier:?}");
    assert!(shown.starts_with("Barrier"), "{shown}");
    assert!(shown.contains("arrived: 1"), "{shown}");
}

//! `sleep`, `sleep_until` and `Sleep`.

use std::pin::pin;
use std::thread;

use zokio::runtime::Builder;
use zokio::time::{Duration, Instant, Sleep, advance, sleep, sleep_until};

use crate::{HOUR, MS, frozen, poll_once};

#[zokio::test(start_paused = true)]
async fn sleep_of_zero_is_ready_at_the_first_poll() {
    assert!(poll_once(pin!(sleep(Duration::ZERO))).is_ready());
}

#[zokio::test(start_paused = true)]
async fn sleep_until_now_is_ready_at_the_first_poll() {
    assert!(poll_once(pin!(sleep_until(Instant::now()))).is_ready());
}

#[zokio::test(start_paused = true)]
async fn sleep_until_the_past_is_ready_at_the_first_poll() {
    advance(HOUR).await;
    let past = Instant::now() - HOUR / 2;
    assert!(poll_once(pin!(sleep_until(past))).is_ready());
}

#[zokio::test(start_paused = true)]
async fn sleep_until_a_moment_before_the_runtime_is_ready() {
    if let Some(past) = Instant::now().checked_sub(MS) {
        assert!(poll_once(pin!(sleep_until(past))).is_ready());
    }
}

#[zokio::test(start_paused = true)]
async fn whole_milliseconds_are_slept_exactly() {
    for ms in (1..=130).chain([999, 4_095, 4_096, 4_097, 262_145]) {
        let start = Instant::now();
        sleep(MS * ms).await;
        assert_eq!(start.elapsed(), MS * ms);
    }
}

#[zokio::test(start_paused = true)]
async fn a_part_of_a_millisecond_is_rounded_up() {
    for (micros, ms) in [(1, 1), (999, 1), (1_000, 1), (1_001, 2), (9_500, 10)] {
        let start = Instant::now();
        sleep(Duration::from_micros(micros)).await;
        assert_eq!(start.elapsed(), MS * ms, "{micros} µs");
    }
}

#[zokio::test(start_paused = true)]
async fn a_nanosecond_is_rounded_up_to_a_millisecond() {
    let start = Instant::now();
    sleep(Duration::from_nanos(1)).await;
    assert_eq!(start.elapsed(), MS);
}

#[zokio::test(start_paused = true)]
async fn sleeps_begun_between_two_ticks_are_not_early() {
    for micros in [1, 250, 499, 500, 501, 999] {
        advance(Duration::from_micros(micros)).await;
        let start = Instant::now();
        sleep(MS * 3).await;
        let slept = start.elapsed();
        assert!(slept >= MS * 3 && slept < MS * 4, "{slept:?}");
    }
}

#[zokio::test(start_paused = true)]
async fn the_deadline_is_as_asked_and_not_rounded() {
    let start = Instant::now();
    let nap = sleep(Duration::from_nanos(1_234_567));
    assert_eq!(nap.deadline() - start, Duration::from_nanos(1_234_567));
    assert_eq!(sleep_until(start + MS).deadline(), start + MS);
}

#[zokio::test(start_paused = true)]
async fn the_deadline_stays_after_completion() {
    let deadline = Instant::now() + MS;
    let mut nap = pin!(sleep_until(deadline));
    nap.as_mut().await;
    assert_eq!(nap.deadline(), deadline);
}

#[zokio::test(start_paused = true)]
async fn sleep_counts_from_when_it_is_made() {
    let start = Instant::now();
    let nap = sleep(MS * 10);
    advance(MS * 4).await;
    nap.await;
    assert_eq!(start.elapsed(), MS * 10);
}

#[zokio::test(start_paused = true)]
async fn is_elapsed_tells_before_from_after() {
    let mut nap = pin!(sleep(MS * 10));
    assert!(!nap.is_elapsed());
    assert!(poll_once(nap.as_mut()).is_pending());
    assert!(!nap.is_elapsed());
    nap.as_mut().await;
    assert!(nap.is_elapsed());
}

#[zokio::test(start_paused = true)]
async fn is_elapsed_needs_no_poll_after_the_timer_has_fired() {
    let mut nap = pin!(sleep(MS * 10));
    assert!(poll_once(nap.as_mut()).is_pending());
    sleep(MS * 20).await;
    assert!(nap.is_elapsed());
}

#[zokio::test(start_paused = true)]
async fn reset_makes_it_not_elapsed_again() {
    let mut nap = pin!(sleep(MS));
    nap.as_mut().await;
    nap.as_mut().reset(Instant::now() + MS);
    assert!(!nap.is_elapsed());
}

#[zokio::test(start_paused = true)]
async fn a_completed_sleep_stays_ready() {
    let mut nap = pin!(sleep(MS));
    nap.as_mut().await;
    assert!(poll_once(nap.as_mut()).is_ready());
    assert!(poll_once(nap.as_mut()).is_ready());
}

#[zokio::test(start_paused = true)]
async fn reset_before_the_first_poll_moves_the_deadline() {
    let start = Instant::now();
    let mut nap = pin!(sleep(HOUR));
    nap.as_mut().reset(start + MS * 2);
    assert_eq!(nap.deadline(), start + MS * 2);
    nap.await;
    assert_eq!(start.elapsed(), MS * 2);
}

#[zokio::test(start_paused = true)]
async fn reset_moves_a_pending_sleep_to_later() {
    let start = Instant::now();
    let mut nap = pin!(sleep(MS * 10));
    assert!(poll_once(nap.as_mut()).is_pending());
    nap.as_mut().reset(start + MS * 30);
    nap.await;
    assert_eq!(start.elapsed(), MS * 30);
}

#[zokio::test(start_paused = true)]
async fn reset_moves_a_pending_sleep_to_earlier() {
    let start = Instant::now();
    let mut nap = pin!(sleep(HOUR));
    assert!(poll_once(nap.as_mut()).is_pending());
    nap.as_mut().reset(start + MS * 3);
    nap.await;
    assert_eq!(start.elapsed(), MS * 3);
}

#[zokio::test(start_paused = true)]
async fn reset_into_the_past_makes_a_pending_sleep_ready() {
    let mut nap = pin!(sleep(HOUR));
    assert!(poll_once(nap.as_mut()).is_pending());
    nap.as_mut().reset(Instant::now());
    assert!(poll_once(nap.as_mut()).is_ready());
}

#[zokio::test(start_paused = true)]
async fn a_completed_sleep_can_be_used_again() {
    let start = Instant::now();
    let mut nap = pin!(sleep(MS));
    for n in 1..=5 {
        nap.as_mut().await;
        assert_eq!(start.elapsed(), MS * n);
        nap.as_mut().reset(start + MS * (n + 1));
    }
}

#[zokio::test(start_paused = true)]
async fn reset_many_times_counts_once() {
    let start = Instant::now();
    let mut nap = pin!(sleep(HOUR));
    for n in (1..200).rev() {
        assert!(poll_once(nap.as_mut()).is_pending());
        nap.as_mut().reset(start + MS * n);
    }
    nap.await;
    assert_eq!(start.elapsed(), MS);
}

#[zokio::test(start_paused = true)]
async fn the_longest_duration_is_accepted() {
    let mut nap = pin!(sleep(Duration::MAX));
    assert!(nap.deadline() >= Instant::now() + HOUR * 24 * 365 * 29);
    assert!(poll_once(nap.as_mut()).is_pending());
    sleep(HOUR * 24 * 365).await;
    assert!(!nap.is_elapsed());
}

#[zokio::test(start_paused = true)]
async fn years_are_slept_exactly() {
    // More than the wheel spans at once.
    let start = Instant::now();
    sleep(HOUR * 24 * 365 * 3 + MS).await;
    assert_eq!(start.elapsed(), HOUR * 24 * 365 * 3 + MS);
}

#[zokio::test(start_paused = true)]
async fn tasks_wake_in_the_order_of_their_deadlines() {
    let (order, seen) = std::sync::mpsc::channel();
    for ms in [70_u32, 3, 5_000, 64, 4, 1, 300] {
        let order = order.clone();
        zokio::spawn(async move {
            sleep(MS * ms).await;
            order.send(ms).unwrap();
        });
    }
    sleep(MS * 6_000).await;
    assert_eq!(
        seen.try_iter().collect::<Vec<_>>(),
        [1, 3, 4, 64, 70, 300, 5_000]
    );
}

#[zokio::test(start_paused = true)]
async fn equal_deadlines_are_due_together() {
    let start = Instant::now();
    let naps: Vec<_> = (0..10).map(|_| zokio::spawn(sleep(MS * 7))).collect();
    for nap in naps {
        nap.await.unwrap();
        assert_eq!(start.elapsed(), MS * 7);
    }
}

#[zokio::test(start_paused = true)]
async fn a_dropped_sleep_does_not_hold_the_clock() {
    let start = Instant::now();
    {
        let mut nap = pin!(sleep(MS));
        assert!(poll_once(nap.as_mut()).is_pending());
    }
    sleep(MS * 5).await;
    assert_eq!(start.elapsed(), MS * 5);
}

#[zokio::test(start_paused = true)]
async fn a_sleep_begun_in_one_task_ends_in_another() {
    let start = Instant::now();
    let mut nap = Box::pin(sleep(MS * 8));
    assert!(poll_once(nap.as_mut()).is_pending());
    zokio::spawn(nap).await.unwrap();
    assert_eq!(start.elapsed(), MS * 8);
}

#[test]
fn a_sleep_made_in_a_context_is_awaited_in_the_runtime() {
    let runtime = frozen();
    let nap = {
        let _context = runtime.enter();
        sleep(HOUR)
    };
    runtime.block_on(nap);
}

#[test]
fn a_sleep_made_in_a_task_may_be_polled_outside_of_any_runtime() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let nap = runtime.block_on(async { zokio::spawn(async { sleep(MS) }).await.unwrap() });
    thread::spawn(move || smol::block_on(nap)).join().unwrap();
}

#[test]
fn a_sleep_goes_by_the_clock_of_the_runtime_that_it_was_made_in() {
    let (here, there) = (frozen(), frozen());
    let mut nap = Box::pin(here.block_on(async { sleep(HOUR) }));
    there.block_on(async {
        assert!(poll_once(nap.as_mut()).is_pending());
        sleep(HOUR * 2).await;
        assert!(poll_once(nap.as_mut()).is_pending());
    });
    here.block_on(async {
        sleep(HOUR * 2).await;
        assert!(nap.is_elapsed());
        assert!(poll_once(nap.as_mut()).is_ready());
    });
}

#[test]
fn a_sleep_that_was_never_polled_is_asked_by_the_clock_that_it_was_made_on() {
    let runtime = frozen();
    let nap = runtime.block_on(async { sleep(HOUR) });
    let passed = runtime.block_on(async { sleep_until(Instant::now()) });
    runtime.block_on(async { sleep(HOUR * 2).await });
    // Outside of it, where the system's clock has hardly moved.
    assert!(nap.is_elapsed());
    assert!(passed.is_elapsed());
}

#[test]
fn a_blocking_thread_may_sleep_by_its_handle() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let handle = zokio::runtime::Handle::current();
        let job = zokio::task::spawn_blocking(move || handle.block_on(sleep(MS)));
        job.await.unwrap();
    });
}

#[zokio::test(start_paused = true)]
async fn ready_sleeps_use_up_the_budget_of_a_task() {
    zokio::spawn(async {
        let mut ready = 0;
        while poll_once(pin!(sleep(Duration::ZERO))).is_ready() {
            ready += 1;
            assert!(ready <= 128, "a task must yield sooner or later");
        }
        assert!(!zokio::task::coop::has_budget_remaining());
        zokio::task::yield_now().await;
        assert!(poll_once(pin!(sleep(Duration::ZERO))).is_ready());
    })
    .await
    .unwrap();
}

#[zokio::test(start_paused = true)]
async fn a_pending_sleep_costs_no_budget() {
    zokio::spawn(async {
        let mut nap = pin!(sleep(HOUR));
        for _ in 0..1_000 {
            assert!(poll_once(nap.as_mut()).is_pending());
        }
        assert!(zokio::task::coop::has_budget_remaining());
    })
    .await
    .unwrap();
}

#[zokio::test(start_paused = true)]
async fn a_hundred_thousand_sleeps_end_each_at_its_time() {
    let start = Instant::now();
    let mut naps: Vec<_> = (0..100_000_u32)
        .map(|n| (n, Box::pin(sleep(MS * (n * 7_919 % 50_000)))))
        .collect();
    for (n, nap) in &mut naps {
        assert_eq!(poll_once(nap.as_mut()).is_ready(), *n % 50_000 == 0);
    }
    sleep(MS * 25_000).await;
    for (n, nap) in &naps {
        assert_eq!(nap.is_elapsed(), n * 7_919 % 50_000 <= 25_000, "{n}");
    }
    sleep(MS * 25_000).await;
    assert!(naps.iter().all(|(_, nap)| nap.is_elapsed()));
    assert_eq!(start.elapsed(), MS * 50_000);
}

#[zokio::test(start_paused = true)]
async fn a_hundred_thousand_sleeps_of_one_slot_are_dropped_one_by_one() {
    // If leaving a slot meant to walk through it, this would be ten thousand million steps.
    let mut naps: Vec<_> = (0..100_000).map(|_| Box::pin(sleep(HOUR))).collect();
    for nap in &mut naps {
        assert!(poll_once(nap.as_mut()).is_pending());
    }
    while naps.len() > 1 {
        drop(naps.swap_remove(naps.len() / 2));
    }
    naps.pop().unwrap().await;
}

#[test]
fn sleep_is_send_and_sync_and_not_unpin() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Sleep>();

    // Ambiguous, and so an error, if `Sleep` were `Unpin`.
    trait NotUnpin<A> {
        fn check() {}
    }
    struct Wildcard;
    impl<T: ?Sized> NotUnpin<()> for T {}
    impl<T: ?Sized + Unpin> NotUnpin<Wildcard> for T {}
    <Sleep as NotUnpin<_>>::check();
}

#[zokio::test(start_paused = true)]
async fn debug_shows_the_deadline() {
    let nap = sleep(MS);
    let text = format!("{nap:?}");
    assert!(text.starts_with("Sleep {"), "{text}");
    assert!(
        text.contains(&format!("deadline: {:?}", nap.deadline())),
        "{text}"
    );
}

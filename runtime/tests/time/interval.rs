//! `interval`, `interval_at` and `Interval`. What happens to missed ticks is in `missed_ticks`.

use std::future::poll_fn;
use std::pin::pin;

use zokio::time::{
    Duration, Instant, Interval, MissedTickBehavior, advance, interval, interval_at, sleep,
};

use crate::{HOUR, MS, poll_once};

#[zokio::test(start_paused = true)]
async fn the_first_tick_comes_at_once() {
    let start = Instant::now();
    let mut ticks = interval(HOUR);
    assert_eq!(ticks.tick().await, start);
    assert_eq!(Instant::now(), start);
}

#[zokio::test(start_paused = true)]
async fn the_first_tick_of_interval_at_comes_at_the_start() {
    let start = Instant::now() + MS * 70;
    let mut ticks = interval_at(start, MS * 10);
    assert_eq!(ticks.tick().await, start);
    assert_eq!(Instant::now(), start);
    assert_eq!(ticks.tick().await, start + MS * 10);
}

#[zokio::test(start_paused = true)]
async fn ticks_are_a_period_apart() {
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    for n in 0..50 {
        assert_eq!(ticks.tick().await, start + MS * 10 * n);
        assert_eq!(Instant::now(), start + MS * 10 * n);
    }
}

#[zokio::test(start_paused = true)]
async fn work_between_ticks_does_not_delay_them() {
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    for n in 0..20 {
        ticks.tick().await;
        assert_eq!(start.elapsed(), MS * 10 * n);
        sleep(MS * 7).await;
    }
}

#[zokio::test(start_paused = true)]
async fn periods_of_parts_of_milliseconds_do_not_drift() {
    let start = Instant::now();
    let mut ticks = interval(Duration::from_micros(1_500));
    for n in 0..20 {
        let due = start + Duration::from_micros(1_500) * n;
        assert_eq!(ticks.tick().await, due);
        assert!(Instant::now() >= due && Instant::now() < due + MS);
    }
}

#[zokio::test(start_paused = true)]
async fn a_tick_is_not_lost_with_its_future() {
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    ticks.tick().await;
    for _ in 0..5 {
        zokio::select! {
            biased;
            _ = ticks.tick() => panic!("too early"),
            () = sleep(MS) => {}
        }
    }
    assert_eq!(ticks.tick().await, start + MS * 10);
}

#[zokio::test(start_paused = true)]
async fn a_tick_that_is_due_stays_until_it_is_taken() {
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    ticks.tick().await;
    drop(ticks.tick());
    assert!(poll_once(pin!(ticks.tick())).is_pending());
    advance(MS * 10).await;
    assert_eq!(ticks.tick().await, start + MS * 10);
}

#[zokio::test(start_paused = true)]
async fn poll_tick_is_tick() {
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    for n in 0..5 {
        assert_eq!(poll_fn(|cx| ticks.poll_tick(cx)).await, start + MS * 10 * n);
    }
}

#[zokio::test(start_paused = true)]
async fn reset_begins_a_period_now() {
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    ticks.tick().await;
    advance(MS * 7).await;
    ticks.reset();
    assert_eq!(ticks.tick().await, start + MS * 17);
    assert_eq!(ticks.tick().await, start + MS * 27);
}

#[zokio::test(start_paused = true)]
async fn reset_before_the_first_tick_delays_it() {
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    ticks.reset();
    assert_eq!(ticks.tick().await, start + MS * 10);
}

#[zokio::test(start_paused = true)]
async fn reset_immediately_ticks_now() {
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    ticks.tick().await;
    advance(MS * 6).await;
    ticks.reset_immediately();
    assert_eq!(ticks.tick().await, start + MS * 6);
    assert_eq!(ticks.tick().await, start + MS * 16);
}

#[zokio::test(start_paused = true)]
async fn reset_after_ticks_then() {
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    ticks.tick().await;
    advance(MS * 6).await;
    ticks.reset_after(MS * 20);
    assert_eq!(ticks.tick().await, start + MS * 26);
    assert_eq!(ticks.tick().await, start + MS * 36);
}

#[zokio::test(start_paused = true)]
async fn reset_after_nothing_ticks_now() {
    let start = Instant::now();
    let mut ticks = interval_at(start + HOUR, MS);
    ticks.reset_after(Duration::ZERO);
    assert_eq!(ticks.tick().await, start);
}

#[zokio::test(start_paused = true)]
async fn reset_at_a_later_moment_ticks_there() {
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    ticks.tick().await;
    ticks.reset_at(start + HOUR);
    assert_eq!(ticks.tick().await, start + HOUR);
    assert_eq!(ticks.tick().await, start + HOUR + MS * 10);
}

#[zokio::test(start_paused = true)]
async fn reset_at_a_past_moment_ticks_at_once_and_catches_up() {
    advance(HOUR).await;
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    ticks.tick().await;
    ticks.reset_at(start - MS * 20);
    for late in [20, 10, 0] {
        assert_eq!(ticks.tick().await, start - MS * late);
        assert_eq!(Instant::now(), start);
    }
    assert_eq!(ticks.tick().await, start + MS * 10);
}

#[zokio::test(start_paused = true)]
async fn a_start_in_the_past_is_caught_up_with() {
    advance(HOUR).await;
    let start = Instant::now() - MS * 25;
    let mut ticks = interval_at(start, MS * 10);
    for n in 0..4 {
        assert_eq!(ticks.tick().await, start + MS * 10 * n);
    }
    assert_eq!(Instant::now(), start + MS * 30);
}

#[zokio::test(start_paused = true)]
async fn the_longest_period_is_accepted() {
    let start = Instant::now();
    let mut ticks = interval(Duration::MAX);
    assert_eq!(ticks.period(), Duration::MAX);
    assert_eq!(ticks.tick().await, start);
    assert!(poll_once(pin!(ticks.tick())).is_pending());
    ticks.reset();
    assert!(poll_once(pin!(ticks.tick())).is_pending());
    ticks.reset_after(Duration::MAX);
    assert!(poll_once(pin!(ticks.tick())).is_pending());
}

#[zokio::test(start_paused = true)]
async fn the_shortest_period_ticks_all_the_time() {
    let start = Instant::now();
    let mut ticks = interval(Duration::from_nanos(1));
    for n in 0..10 {
        assert_eq!(ticks.tick().await, start + Duration::from_nanos(1) * n);
    }
}

#[zokio::test(start_paused = true)]
async fn the_period_is_as_asked() {
    assert_eq!(interval(MS * 3).period(), MS * 3);
    assert_eq!(interval_at(Instant::now() + HOUR, MS * 4).period(), MS * 4);
}

#[zokio::test(start_paused = true)]
async fn ticks_use_up_the_budget_of_a_task() {
    zokio::spawn(async {
        let mut ticks = interval(Duration::from_nanos(1));
        advance(HOUR).await;
        let mut ready = 0;
        while poll_once(pin!(ticks.tick())).is_ready() {
            ready += 1;
            assert!(ready <= 128, "a task must yield sooner or later");
        }
        // What budget held back is not lost.
        let next = ticks.tick().await;
        let first = next - Duration::from_nanos(ready);
        assert_eq!(Instant::now() - first, HOUR);
    })
    .await
    .unwrap();
}

#[zokio::test(start_paused = true)]
async fn two_intervals_keep_their_own_time() {
    let start = Instant::now();
    let (mut fast, mut slow) = (interval(MS * 3), interval(MS * 5));
    let mut seen = Vec::new();
    while seen.len() < 8 {
        zokio::select! {
            biased;
            at = fast.tick() => seen.push(("fast", (at - start).as_millis())),
            at = slow.tick() => seen.push(("slow", (at - start).as_millis())),
        }
    }
    let expected = [
        ("fast", 0),
        ("slow", 0),
        ("fast", 3),
        ("slow", 5),
        ("fast", 6),
        ("fast", 9),
        ("slow", 10),
        ("fast", 12),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn interval_is_send_sync_and_unpin() {
    fn check<T: Send + Sync + Unpin>(_: &T) {}
    crate::frozen().block_on(async {
        let mut ticks: Interval = interval(MS);
        check(&ticks);
        fn is_send<T: Send + Sync>(_: &T) {}
        is_send(&ticks.tick());
    });
}

#[zokio::test(start_paused = true)]
async fn debug_shows_the_period() {
    let mut ticks = interval(MS * 5);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let text = format!("{ticks:?}");
    assert!(text.starts_with("Interval {"), "{text}");
    assert!(
        text.contains("period: 5ms, missed_tick_behavior: Skip"),
        "{text}"
    );
}

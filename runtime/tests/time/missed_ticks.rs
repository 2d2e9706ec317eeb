//! `MissedTickBehavior`: what an interval does when nobody came for its ticks.

use zokio::time::MissedTickBehavior::{self, Burst, Delay, Skip};
use zokio::time::{Duration, Instant, advance, interval, interval_at};

use crate::{HOUR, MS};

/// When the ticks come of an interval of 50 ms, which was told to behave so, after the clock was
/// moved by `late` past the first tick: when each was due, and when it came, in milliseconds.
async fn ticks_after(behavior: MissedTickBehavior, late: Duration) -> Vec<(u128, u128)> {
    let start = Instant::now();
    let mut ticks = interval(MS * 50);
    ticks.set_missed_tick_behavior(behavior);
    ticks.tick().await;
    advance(late).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let due = ticks.tick().await - start;
        seen.push((due.as_millis(), start.elapsed().as_millis()));
    }
    seen
}

#[zokio::test(start_paused = true)]
async fn burst_ticks_until_it_has_caught_up() {
    let expected = [(50, 180), (100, 180), (150, 180), (200, 200), (250, 250)];
    assert_eq!(ticks_after(Burst, MS * 180).await, expected);
}

#[zokio::test(start_paused = true)]
async fn delay_counts_from_the_late_tick() {
    let expected = [(50, 180), (230, 230), (280, 280), (330, 330), (380, 380)];
    assert_eq!(ticks_after(Delay, MS * 180).await, expected);
}

#[zokio::test(start_paused = true)]
async fn skip_stays_at_multiples_of_the_period() {
    let expected = [(50, 180), (200, 200), (250, 250), (300, 300), (350, 350)];
    assert_eq!(ticks_after(Skip, MS * 180).await, expected);
}

#[zokio::test(start_paused = true)]
async fn skip_at_a_multiple_of_the_period_waits_for_the_next_one() {
    let expected = [(50, 200), (250, 250), (300, 300), (350, 350), (400, 400)];
    assert_eq!(ticks_after(Skip, MS * 200).await, expected);
}

#[zokio::test(start_paused = true)]
async fn no_behavior_shows_where_nothing_is_missed() {
    let expected = [(50, 50), (100, 100), (150, 150), (200, 200), (250, 250)];
    for behavior in [Burst, Delay, Skip] {
        assert_eq!(
            ticks_after(behavior, MS * 50).await,
            expected,
            "{behavior:?}"
        );
    }
}

#[zokio::test(start_paused = true)]
async fn five_milliseconds_are_not_late() {
    let expected = [(50, 55), (100, 100), (150, 150), (200, 200), (250, 250)];
    for behavior in [Burst, Delay, Skip] {
        assert_eq!(
            ticks_after(behavior, MS * 55).await,
            expected,
            "{behavior:?}"
        );
    }
}

#[zokio::test(start_paused = true)]
async fn six_milliseconds_are_late() {
    let delayed = [(50, 56), (106, 106), (156, 156), (206, 206), (256, 256)];
    assert_eq!(ticks_after(Delay, MS * 56).await, delayed);
    let in_step = [(50, 56), (100, 100), (150, 150), (200, 200), (250, 250)];
    assert_eq!(ticks_after(Skip, MS * 56).await, in_step);
    assert_eq!(ticks_after(Burst, MS * 56).await, in_step);
}

#[zokio::test(start_paused = true)]
async fn a_late_interval_returns_the_moment_that_the_tick_was_due() {
    let start = Instant::now();
    for behavior in [Burst, Delay, Skip] {
        let due = Instant::now() + MS * 10;
        let mut ticks = interval_at(due, MS * 10);
        ticks.set_missed_tick_behavior(behavior);
        advance(MS * 1_234).await;
        assert_eq!(ticks.tick().await, due);
    }
    assert_eq!(start.elapsed(), MS * 1_234 * 3);
}

#[zokio::test(start_paused = true)]
async fn the_behavior_can_be_changed_while_late() {
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    ticks.tick().await;
    advance(MS * 35).await;
    assert_eq!(ticks.tick().await - start, MS * 10);
    ticks.set_missed_tick_behavior(Skip);
    assert_eq!(ticks.tick().await - start, MS * 20);
    assert_eq!(ticks.tick().await - start, MS * 40);
    assert_eq!(start.elapsed(), MS * 40);
}

#[zokio::test(start_paused = true)]
async fn skipping_an_hour_of_nanoseconds_is_one_step() {
    let start = Instant::now();
    let mut ticks = interval(Duration::from_nanos(7));
    ticks.set_missed_tick_behavior(Skip);
    ticks.tick().await;
    advance(HOUR).await;
    assert_eq!(ticks.tick().await - start, Duration::from_nanos(7));
    let next = ticks.tick().await - start;
    assert!(
        next > HOUR && next <= HOUR + Duration::from_nanos(7),
        "{next:?}"
    );
}

#[zokio::test(start_paused = true)]
async fn the_longest_period_is_not_overflown_by_a_late_tick() {
    for behavior in [Burst, Delay, Skip] {
        let mut ticks = interval(Duration::MAX);
        ticks.set_missed_tick_behavior(behavior);
        advance(HOUR).await;
        ticks.tick().await;
        assert!(crate::poll_once(std::pin::pin!(ticks.tick())).is_pending());
    }
}

#[zokio::test(start_paused = true)]
async fn an_interval_bursts_unless_told_otherwise() {
    assert_eq!(MissedTickBehavior::default(), Burst);
    let mut ticks = interval(MS);
    assert_eq!(ticks.missed_tick_behavior(), Burst);
    ticks.set_missed_tick_behavior(Delay);
    assert_eq!(ticks.missed_tick_behavior(), Delay);
}

#[test]
fn behaviors_are_plain_values() {
    let behavior = Skip;
    let copy = behavior;
    assert_eq!(behavior, copy);
    assert_ne!(behavior, Burst);
    assert_eq!(format!("{Burst:?} {Delay:?} {Skip:?}"), "Burst Delay Skip");
}

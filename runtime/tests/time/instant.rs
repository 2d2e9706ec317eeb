//! `Instant`.

use std::collections::HashSet;

use zokio::time::{Duration, Instant, advance};

use crate::panics::caught;
use crate::{HOUR, MS, frozen, running};

#[test]
fn it_is_made_from_std_s_and_becomes_it() {
    let std = std::time::Instant::now();
    assert_eq!(Instant::from_std(std).into_std(), std);
    let ours: Instant = std.into();
    let back: std::time::Instant = ours.into();
    assert_eq!(back, std);
}

#[test]
fn now_never_runs_back() {
    let mut last = Instant::now();
    for _ in 0..1_000 {
        let now = Instant::now();
        assert!(now >= last);
        last = now;
    }
}

#[test]
fn durations_are_added_and_subtracted() {
    let mut moment = Instant::now();
    let start = moment;
    moment += HOUR;
    assert_eq!(moment, start + HOUR);
    moment -= MS;
    assert_eq!(moment, start + HOUR - MS);
    assert_eq!(moment - start, HOUR - MS);
}

#[test]
fn the_time_since_a_later_moment_is_zero() {
    let now = Instant::now();
    assert_eq!(now - (now + HOUR), Duration::ZERO);
    assert_eq!(now.duration_since(now + HOUR), Duration::ZERO);
    assert_eq!(now.saturating_duration_since(now + HOUR), Duration::ZERO);
}

#[test]
fn the_time_since_an_earlier_moment_is_between_them() {
    let now = Instant::now();
    let later = now + MS * 3;
    assert_eq!(later.duration_since(now), MS * 3);
    assert_eq!(later.saturating_duration_since(now), MS * 3);
    assert_eq!(later.checked_duration_since(now), Some(MS * 3));
}

#[test]
fn the_checked_time_since_a_later_moment_is_none() {
    let now = Instant::now();
    assert_eq!(now.checked_duration_since(now + MS), None);
    assert_eq!(now.checked_duration_since(now), Some(Duration::ZERO));
}

#[test]
fn checked_sums_end_where_the_clock_does() {
    let now = Instant::now();
    assert_eq!(now.checked_add(MS), Some(now + MS));
    assert_eq!(now.checked_add(Duration::MAX), None);
    assert_eq!((now + MS).checked_sub(MS), Some(now));
    assert_eq!(now.checked_sub(Duration::MAX), None);
}

#[test]
fn sums_beyond_the_clock_panic_as_std_s_do() {
    let now = Instant::now();
    let ours = caught(|| _ = now + Duration::MAX);
    let theirs = caught(|| _ = now.into_std() + Duration::MAX);
    assert_eq!(ours.text, theirs.text);
    let ours = caught(|| _ = now - Duration::MAX);
    let theirs = caught(|| _ = now.into_std() - Duration::MAX);
    assert_eq!(ours.text, theirs.text);
}

#[test]
fn moments_are_ordered_hashed_and_copied() {
    let now = Instant::now();
    let copy = now;
    let later = now + MS;
    assert!(now < later);
    assert!(now <= copy);
    assert_eq!(later.cmp(&now), std::cmp::Ordering::Greater);
    assert_eq!(now.max(later), later);
    let set: HashSet<Instant> = [now, copy, later].into();
    assert_eq!(set.len(), 2);
}

#[test]
fn debug_is_std_s() {
    let now = Instant::now();
    assert_eq!(format!("{now:?}"), format!("{:?}", now.into_std()));
}

#[zokio::test(start_paused = true)]
async fn elapsed_goes_by_the_frozen_clock() {
    let start = Instant::now();
    assert_eq!(start.elapsed(), Duration::ZERO);
    advance(HOUR).await;
    assert_eq!(start.elapsed(), HOUR);
}

#[zokio::test(start_paused = true)]
async fn elapsed_of_a_moment_to_come_is_zero() {
    assert_eq!((Instant::now() + HOUR).elapsed(), Duration::ZERO);
}

#[test]
fn outside_of_a_runtime_now_is_the_system_s() {
    let runtime = frozen();
    runtime.block_on(advance(HOUR));
    let before = std::time::Instant::now();
    let now = Instant::now().into_std();
    assert!(before <= now && now <= std::time::Instant::now());
}

#[test]
fn in_a_runtime_whose_clock_runs_now_is_the_system_s() {
    let frozen = frozen();
    frozen.block_on(advance(HOUR));
    running().block_on(async {
        let before = std::time::Instant::now();
        let now = Instant::now().into_std();
        assert!(before <= now && now <= std::time::Instant::now());
    });
}

#[test]
fn a_context_is_enough_to_see_the_frozen_clock() {
    let runtime = frozen();
    let start = runtime.block_on(async { Instant::now() });
    runtime.block_on(advance(HOUR));
    let _context = runtime.enter();
    assert_eq!(start.elapsed(), HOUR);
}

#[zokio::test(start_paused = true)]
async fn blocking_threads_see_the_frozen_clock() {
    advance(HOUR).await;
    let now = Instant::now();
    let there = zokio::task::spawn_blocking(Instant::now).await.unwrap();
    assert_eq!(there, now);
}

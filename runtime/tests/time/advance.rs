//! `advance`.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use zokio::task::yield_now;
use zokio::time::{Duration, Instant, advance, interval, sleep, timeout};

use crate::{HOUR, MS, poll_once};

#[zokio::test(start_paused = true)]
async fn it_moves_the_clock_by_the_duration() {
    let start = Instant::now();
    advance(Duration::from_nanos(1)).await;
    assert_eq!(start.elapsed(), Duration::from_nanos(1));
    advance(HOUR).await;
    assert_eq!(start.elapsed(), HOUR + Duration::from_nanos(1));
}

#[zokio::test(start_paused = true)]
async fn by_nothing_it_only_yields() {
    let start = Instant::now();
    advance(Duration::ZERO).await;
    assert_eq!(Instant::now(), start);
}

#[zokio::test(start_paused = true)]
async fn nothing_happens_until_it_is_polled() {
    let start = Instant::now();
    let moves = advance(HOUR);
    yield_now().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    moves.await;
    assert_eq!(start.elapsed(), HOUR);
}

#[zokio::test(start_paused = true)]
async fn dropped_after_its_first_poll_it_has_moved_the_clock_once() {
    let start = Instant::now();
    {
        let mut moves = pin!(advance(HOUR));
        assert!(poll_once(moves.as_mut()).is_pending());
    }
    assert_eq!(start.elapsed(), HOUR);
}

#[zokio::test(start_paused = true)]
async fn timers_before_the_new_time_have_fired() {
    let mut nap = pin!(sleep(MS * 500));
    assert!(poll_once(nap.as_mut()).is_pending());
    advance(MS * 500).await;
    assert!(nap.is_elapsed());
    assert!(poll_once(nap).is_ready());
}

#[zokio::test(start_paused = true)]
async fn timers_after_the_new_time_have_not() {
    let mut nap = pin!(sleep(MS * 500));
    assert!(poll_once(nap.as_mut()).is_pending());
    advance(MS * 500 - Duration::from_nanos(1)).await;
    assert!(!nap.is_elapsed());
    assert!(poll_once(nap.as_mut()).is_pending());
    advance(Duration::from_nanos(1)).await;
    assert!(poll_once(nap).is_ready());
}

#[zokio::test(start_paused = true)]
async fn a_deadline_between_two_ticks_is_not_met_early() {
    let mut nap = pin!(sleep(Duration::from_micros(1_500)));
    assert!(poll_once(nap.as_mut()).is_pending());
    advance(Duration::from_micros(1_499)).await;
    assert!(poll_once(nap.as_mut()).is_pending());
    advance(Duration::from_micros(501)).await;
    assert!(poll_once(nap).is_ready());
}

#[zokio::test(start_paused = true)]
async fn tasks_that_it_wakes_go_first() {
    let woken = Arc::new(AtomicU32::new(0));
    for _ in 0..10 {
        let woken = woken.clone();
        zokio::spawn(async move {
            sleep(MS * 5).await;
            woken.fetch_add(1, Ordering::Relaxed);
        });
    }
    yield_now().await;
    advance(MS * 5).await;
    assert_eq!(woken.load(Ordering::Relaxed), 10);
}

#[zokio::test(start_paused = true)]
async fn it_jumps_past_all_moments_at_once() {
    let seen = Rc::new(Cell::new(Vec::new()));
    let start = Instant::now();
    let note = async {
        for ms in [10, 20, 30] {
            zokio::time::sleep_until(start + MS * ms).await;
            let mut all = seen.take();
            all.push(start.elapsed().as_millis());
            seen.set(all);
        }
    };
    zokio::join!(note, async {
        yield_now().await;
        advance(MS * 100).await;
    });
    assert_eq!(seen.take(), [100, 100, 100]);
}

#[zokio::test(start_paused = true)]
async fn what_woken_tasks_do_next_is_not_waited_for() {
    let start = Instant::now();
    let steps = Arc::new(AtomicU32::new(0));
    let task = zokio::spawn({
        let steps = steps.clone();
        async move {
            for _ in 0..3 {
                sleep(MS * 10).await;
                steps.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    yield_now().await;
    advance(MS * 100).await;
    // The first sleep was passed; the second began only now.
    assert_eq!(steps.load(Ordering::Relaxed), 1);
    task.await.unwrap();
    assert_eq!(start.elapsed(), MS * 120);
}

#[zokio::test(start_paused = true)]
async fn many_steps_are_as_one() {
    let start = Instant::now();
    let mut nap = pin!(sleep(MS * 100));
    assert!(poll_once(nap.as_mut()).is_pending());
    for _ in 0..99 {
        advance(MS).await;
        assert!(!nap.is_elapsed());
    }
    advance(MS).await;
    assert!(nap.is_elapsed());
    assert_eq!(start.elapsed(), MS * 100);
}

#[zokio::test(start_paused = true)]
async fn a_timeout_that_it_passes_elapses() {
    let mut bounded = pin!(timeout(MS * 10, std::future::pending::<()>()));
    assert!(poll_once(bounded.as_mut()).is_pending());
    advance(MS * 11).await;
    assert!(matches!(poll_once(bounded), std::task::Poll::Ready(Err(_))));
}

#[zokio::test(start_paused = true)]
async fn an_interval_that_it_passes_is_late() {
    let start = Instant::now();
    let mut ticks = interval(MS * 10);
    ticks.tick().await;
    advance(MS * 25).await;
    assert_eq!(ticks.tick().await, start + MS * 10);
    assert_eq!(ticks.tick().await, start + MS * 20);
    assert_eq!(start.elapsed(), MS * 25);
}

#[zokio::test(start_paused = true)]
async fn sleeps_made_afterwards_count_from_the_new_time() {
    advance(HOUR).await;
    let start = Instant::now();
    sleep(MS * 7).await;
    assert_eq!(start.elapsed(), MS * 7);
}

#[zokio::test(start_paused = true)]
async fn decades_can_be_passed_at_once() {
    let mut naps: Vec<_> = (0..30)
        .map(|n| Box::pin(sleep(HOUR * 24 * 365 * n)))
        .collect();
    for nap in &mut naps[1..] {
        assert!(poll_once(nap.as_mut()).is_pending());
    }
    advance(HOUR * 24 * 365 * 15).await;
    for (years, nap) in naps.iter().enumerate() {
        assert_eq!(nap.is_elapsed(), years <= 15, "{years}");
    }
}

#[zokio::test(start_paused = true)]
async fn a_task_may_move_the_clock_of_others() {
    let start = Instant::now();
    let mover = zokio::spawn(async { advance(HOUR).await });
    timeout(HOUR * 2, mover).await.unwrap().unwrap();
    assert_eq!(start.elapsed(), HOUR);
}

#[test]
fn its_future_is_send() {
    fn is_send<T: Send + Sync>(_: &T) {}
    is_send(&advance(HOUR));
}

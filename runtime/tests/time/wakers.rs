//! Whom a timer wakes, and how often.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use zokio::time::{Instant, advance, interval, sleep, timeout};

use crate::MS;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A waker that counts, and its count.
fn counting() -> (Waker, Arc<Count>) {
    let count = Arc::new(Count::default());
    (Waker::from(count.clone()), count)
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn poll_with<F: Future>(future: Pin<&mut F>, waker: &Waker) -> bool {
    future.poll(&mut Context::from_waker(waker)).is_ready()
}

#[zokio::test(start_paused = true)]
async fn a_sleep_wakes_once() {
    let (waker, count) = counting();
    let mut nap = pin!(sleep(MS * 5));
    assert!(!poll_with(nap.as_mut(), &waker));
    advance(MS * 4).await;
    assert_eq!(count.get(), 0);
    advance(MS).await;
    assert_eq!(count.get(), 1);
    advance(MS * 50).await;
    assert_eq!(count.get(), 1);
}

#[zokio::test(start_paused = true)]
async fn the_waker_of_the_latest_poll_is_woken() {
    let (first, first_count) = counting();
    let (second, second_count) = counting();
    let mut nap = pin!(sleep(MS));
    assert!(!poll_with(nap.as_mut(), &first));
    assert!(!poll_with(nap.as_mut(), &second));
    advance(MS).await;
    assert_eq!((first_count.get(), second_count.get()), (0, 1));
}

#[zokio::test(start_paused = true)]
async fn a_dropped_sleep_wakes_nobody_and_keeps_no_waker() {
    let (waker, count) = counting();
    {
        let mut nap = pin!(sleep(MS));
        assert!(!poll_with(nap.as_mut(), &waker));
        assert_eq!(Arc::strong_count(&count), 3);
    }
    assert_eq!(Arc::strong_count(&count), 2);
    advance(MS * 2).await;
    assert_eq!(count.get(), 0);
}

#[zokio::test(start_paused = true)]
async fn reset_to_an_earlier_moment_wakes_without_another_poll() {
    let (waker, count) = counting();
    let mut nap = pin!(sleep(MS * 1_000));
    assert!(!poll_with(nap.as_mut(), &waker));
    nap.as_mut().reset(Instant::now() + MS * 2);
    advance(MS * 2).await;
    assert_eq!(count.get(), 1);
}

#[zokio::test(start_paused = true)]
async fn reset_to_a_later_moment_does_not_wake_at_the_old_one() {
    let (waker, count) = counting();
    let mut nap = pin!(sleep(MS * 2));
    assert!(!poll_with(nap.as_mut(), &waker));
    nap.as_mut().reset(Instant::now() + MS * 9);
    advance(MS * 8).await;
    assert_eq!(count.get(), 0);
    advance(MS).await;
    assert_eq!(count.get(), 1);
}

#[zokio::test(start_paused = true)]
async fn reset_into_the_past_wakes_at_once() {
    let (waker, count) = counting();
    let mut nap = pin!(sleep(MS * 2));
    assert!(!poll_with(nap.as_mut(), &waker));
    nap.as_mut().reset(Instant::now());
    assert_eq!(count.get(), 1);
    assert!(poll_with(nap.as_mut(), &waker));
}

#[zokio::test(start_paused = true)]
async fn the_latest_caller_of_poll_tick_is_woken() {
    let (first, first_count) = counting();
    let (second, second_count) = counting();
    let mut ticks = interval(MS * 4);
    ticks.tick().await;
    assert!(
        ticks
            .poll_tick(&mut Context::from_waker(&first))
            .is_pending()
    );
    assert!(
        ticks
            .poll_tick(&mut Context::from_waker(&second))
            .is_pending()
    );
    advance(MS * 4).await;
    assert_eq!((first_count.get(), second_count.get()), (0, 1));
}

#[zokio::test(start_paused = true)]
async fn resetting_an_interval_wakes_who_waits_for_it() {
    let (waker, count) = counting();
    let mut ticks = interval(MS * 1_000);
    ticks.tick().await;
    assert!(
        ticks
            .poll_tick(&mut Context::from_waker(&waker))
            .is_pending()
    );
    ticks.reset_immediately();
    assert_eq!(count.get(), 1);
    assert!(ticks.poll_tick(&mut Context::from_waker(&waker)).is_ready());
}

#[zokio::test(start_paused = true)]
async fn a_timeout_wakes_at_its_deadline() {
    let (waker, count) = counting();
    let mut bounded = pin!(timeout(MS * 3, std::future::pending::<()>()));
    assert!(!poll_with(bounded.as_mut(), &waker));
    advance(MS * 3).await;
    assert_eq!(count.get(), 1);
    assert!(poll_with(bounded.as_mut(), &waker));
}

#[zokio::test(start_paused = true)]
async fn a_waker_that_drops_a_timer_when_woken_is_fine() {
    struct DropsOther(std::sync::Mutex<Option<Pin<Box<zokio::time::Sleep>>>>);
    impl Wake for DropsOther {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().take();
        }
    }
    let (other_waker, other_count) = counting();
    let mut other = Box::pin(sleep(MS * 10));
    assert!(!poll_with(other.as_mut(), &other_waker));
    let waker = Waker::from(Arc::new(DropsOther(std::sync::Mutex::new(Some(other)))));
    let mut nap = pin!(sleep(MS));
    assert!(!poll_with(nap.as_mut(), &waker));
    advance(MS).await;
    advance(MS * 20).await;
    assert_eq!(other_count.get(), 0);
}

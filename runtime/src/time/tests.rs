use super::*;
use crate::runtime::{Builder, Runtime};
use crate::telemetry;
#[cfg(feature = "telemetry")]
use crate::telemetry::waits;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

const MS: Duration = Duration::from_millis(1);

fn frozen() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

fn running() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// Asserts how many timers are armed, were fired and were cancelled, where that is counted.
#[track_caller]
fn assert_counted(runtime: &Runtime, expected: (u64, u64, u64)) {
    if telemetry::is_enabled() {
        let (_, timers) = runtime.handle().driver().snapshot();
        assert_eq!((timers.armed, timers.fired, timers.cancelled), expected);
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn panic_message(f: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).unwrap_err();
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast::<&'static str>().unwrap().to_string(),
    }
}

#[test]
fn sleep_lasts_at_least_its_duration() {
    running().block_on(async {
        let start = std::time::Instant::now();
        sleep(MS * 3).await;
        assert!(start.elapsed() >= MS * 3);
    });
}

#[test]
fn sleep_whose_time_has_passed_is_ready_at_once() {
    frozen().block_on(async {
        let now = Instant::now();
        assert!(poll_once(pin!(sleep_until(now))).is_ready());
        assert!(poll_once(pin!(sleep(Duration::ZERO))).is_ready());
        assert_eq!(Instant::now(), now);
    });
}

#[test]
fn frozen_time_jumps_from_sleep_to_sleep() {
    frozen().block_on(async {
        let start = Instant::now();
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(3600));
        sleep(MS).await;
        assert_eq!(start.elapsed(), Duration::from_secs(3600) + MS);
    });
}

#[test]
fn frozen_sleeps_complete_in_the_order_of_their_deadlines() {
    frozen().block_on(async {
        let (order, results) = std::sync::mpsc::channel();
        let tasks: Vec<_> = [300u64, 20, 5, 4100, 21]
            .into_iter()
            .map(|ms| {
                let order = order.clone();
                crate::task::spawn(async move {
                    sleep(Duration::from_millis(ms)).await;
                    order.send(ms).unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(
            results.try_iter().collect::<Vec<_>>(),
            [5, 20, 21, 300, 4100]
        );
    });
}

#[test]
fn advance_moves_time_and_wakes_what_it_passes() {
    frozen().block_on(async {
        let start = Instant::now();
        let mut nap = pin!(sleep(MS * 500));
        poll_fn(|cx| {
            assert!(nap.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        assert!(!nap.is_elapsed());
        advance(MS * 499).await;
        assert!(!nap.is_elapsed());
        advance(MS).await;
        assert!(nap.is_elapsed());
        assert!(poll_once(nap.as_mut()).is_ready());
        assert_eq!(start.elapsed(), MS * 500);
    });
}

#[test]
fn time_that_runs_cannot_be_advanced_nor_frozen_twice() {
    running().block_on(async {
        assert_eq!(panic_message(resume), "time is not frozen");
        let refused = panic_message(|| {
            let _ = poll_once(pin!(advance(MS)));
        });
        assert_eq!(refused, "time is not frozen");
        pause();
        assert_eq!(panic_message(pause), "time is already frozen");
        let stood = Instant::now();
        sleep(Duration::from_secs(60)).await;
        resume();
        assert!(Instant::now() >= stood + Duration::from_secs(60));
        sleep(MS).await;
    });
}

#[test]
fn frozen_time_stands_while_a_blocking_job_runs() {
    frozen().block_on(async {
        let start = Instant::now();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let job = crate::task::spawn_blocking(move || released.recv().unwrap());
        let mut nap = pin!(sleep(MS));
        assert!(poll_once(nap.as_mut()).is_pending());
        release.send(()).unwrap();
        job.await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        nap.await;
        assert_eq!(start.elapsed(), MS);
    });
}

#[test]
fn reset_moves_a_pending_sleep_both_ways() {
    frozen().block_on(async {
        let start = Instant::now();
        let mut nap = pin!(sleep(MS * 100));
        assert!(poll_once(nap.as_mut()).is_pending());
        nap.as_mut().reset(start + MS * 200);
        assert_eq!(nap.deadline(), start + MS * 200);
        nap.as_mut().await;
        assert_eq!(start.elapsed(), MS * 200);
        nap.as_mut().reset(start + MS * 250);
        assert!(poll_once(nap.as_mut()).is_pending());
        nap.as_mut().reset(start + MS * 230);
        nap.as_mut().await;
        assert_eq!(start.elapsed(), MS * 230);
    });
}

#[test]
fn reset_to_an_earlier_deadline_wakes_without_another_poll() {
    frozen().block_on(async {
        let counter = crate::driver::testing::CountingWaker::new();
        let mut nap = pin!(sleep(MS * 100));
        let waker = counter.waker();
        assert!(
            nap.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        nap.as_mut().reset(Instant::now() + MS * 5);
        advance(MS * 5).await;
        assert_eq!(counter.count(), 1);
        let now = Instant::now();
        nap.as_mut().reset(now);
        assert!(poll_once(nap.as_mut()).is_ready());
    });
}

#[test]
fn farthest_durations_are_accepted() {
    frozen().block_on(async {
        let mut nap = pin!(sleep(Duration::MAX));
        assert!(poll_once(nap.as_mut()).is_pending());
        assert!(nap.deadline() > Instant::now() + Duration::from_secs(86_400 * 365 * 20));
        let far = pin!(timeout(Duration::MAX, pending::<()>()));
        assert!(poll_once(far).is_pending());
    });
}

#[test]
fn timeout_of_a_ready_future_arms_no_timer() {
    let runtime = frozen();
    runtime.block_on(async {
        assert_eq!(timeout(MS, ready(7)).await, Ok(7));
        assert_eq!(timeout(Duration::ZERO, ready(8)).await, Ok(8));
    });
    assert_counted(&runtime, (0, 0, 0));
}

#[test]
fn timeout_of_a_slow_future_elapses() {
    let runtime = frozen();
    runtime.block_on(async {
        let start = Instant::now();
        let elapsed = timeout(MS * 50, pending::<()>()).await.unwrap_err();
        assert_eq!(elapsed.to_string(), "deadline has elapsed");
        assert_eq!(
            std::io::Error::from(elapsed).kind(),
            std::io::ErrorKind::TimedOut
        );
        assert_eq!(start.elapsed(), MS * 50);
        assert!(timeout_at(start, pending::<()>()).await.is_err());
    });
    assert_counted(&runtime, (0, 1, 0));
}

#[test]
fn dropped_timeout_takes_its_timer_along() {
    let runtime = frozen();
    runtime.block_on(async {
        let quick = timeout(MS * 50, sleep(MS * 10)).await;
        assert!(quick.is_ok());
    });
    assert_counted(&runtime, (0, 1, 1));
}

#[test]
fn timeout_is_seen_although_the_future_uses_up_the_budget() {
    frozen().block_on(async {
        let greedy = poll_fn(|cx| {
            while crate::task::coop::poll_proceed(cx)
                .map(|c| c.made_progress())
                .is_ready()
            {}
            Poll::<()>::Pending
        });
        assert!(timeout(Duration::ZERO, greedy).await.is_err());
    });
}

#[test]
fn interval_ticks_at_once_and_then_every_period() {
    frozen().block_on(async {
        let start = Instant::now();
        let mut ticks = interval(MS * 10);
        assert_eq!(ticks.period(), MS * 10);
        for i in 0..4 {
            assert_eq!(ticks.tick().await, start + MS * 10 * i);
        }
        assert_eq!(start.elapsed(), MS * 30);
    });
}

#[test]
fn late_interval_bursts_unless_told_otherwise() {
    frozen().block_on(async {
        let start = Instant::now();
        let mut ticks = interval(MS * 10);
        ticks.tick().await;
        advance(MS * 35).await;
        for i in 1..=3 {
            assert_eq!(ticks.tick().await, start + MS * 10 * i);
            assert_eq!(start.elapsed(), MS * 35);
        }
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        assert_eq!(ticks.tick().await, start + MS * 40);
        advance(MS * 25).await;
        assert_eq!(ticks.tick().await, start + MS * 50);
        assert_eq!(ticks.tick().await, start + MS * 70);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        advance(MS * 23).await;
        assert_eq!(ticks.tick().await, start + MS * 80);
        assert_eq!(ticks.tick().await, start + MS * 103);
    });
}

#[test]
fn interval_resets() {
    frozen().block_on(async {
        let start = Instant::now();
        let mut ticks = interval_at(start + MS * 100, MS * 10);
        ticks.reset();
        assert_eq!(ticks.tick().await, start + MS * 10);
        ticks.reset_after(MS * 3);
        assert_eq!(ticks.tick().await, start + MS * 13);
        ticks.reset_immediately();
        assert_eq!(ticks.tick().await, start + MS * 13);
        ticks.reset_at(start + MS * 500);
        assert_eq!(ticks.tick().await, start + MS * 500);
        assert_eq!(ticks.tick().await, start + MS * 510);
    });
}

#[test]
fn interval_of_zero_is_refused() {
    frozen().block_on(async {
        let message = panic_message(|| drop(interval(Duration::ZERO)));
        assert_eq!(message, "`period` must be non-zero.");
    });
}

#[test]
fn timer_in_a_runtime_without_time_is_refused_in_words() {
    Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let message = panic_message(|| drop(sleep(MS)));
            assert!(
                message.contains("Call `enable_time` on the runtime builder"),
                "{message}"
            );
        });
}

#[test]
fn timer_outside_of_a_runtime_is_refused_in_words() {
    let message = panic_message(|| drop(sleep(MS)));
    assert!(message.contains("there is no reactor running"), "{message}");
}

#[test]
fn sleep_made_in_a_context_may_be_polled_outside_of_it() {
    let runtime = frozen();
    let mut nap = {
        let _context = runtime.enter();
        Box::pin(sleep(MS))
    };
    assert!(poll_once(nap.as_mut()).is_pending());
    runtime.block_on(nap);
}

#[test]
fn sleep_that_outlives_its_runtime_panics_in_words() {
    let runtime = running();
    let mut nap = {
        let _context = runtime.enter();
        Box::pin(sleep(MS * 60_000))
    };
    assert!(poll_once(nap.as_mut()).is_pending());
    drop(runtime);
    let message = panic_message(|| {
        let _ = poll_once(nap.as_mut());
    });
    assert_eq!(
        message,
        "A zokio context was found, but it is being shutdown."
    );
}

#[cfg(feature = "telemetry")]
#[test]
fn pending_timers_are_noted_with_the_place_of_their_await() {
    running().block_on(async {
        let task = crate::telemetry::current::get().task;
        let notes = || {
            let mut all = Vec::new();
            waits::for_each(|note| {
                if note.task == task && note.location.is_some_and(|l| l.file() == file!()) {
                    all.push((note.point.kind(), note.point.operation()));
                }
            });
            all.sort_unstable();
            all
        };
        let mut both = pin!(async { timeout(MS, sleep(MS * 60_000)).await.unwrap_err() });
        poll_fn(|cx| {
            assert!(both.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        assert_eq!(notes(), [("sleep", "sleep"), ("timeout", "wait")]);
        both.await;
        assert_eq!(notes(), []);
    });
}

#[test]
fn timers_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<Sleep>();
    check::<Timeout<std::future::Ready<()>>>();
    check::<Interval>();
}

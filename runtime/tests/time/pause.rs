//! `pause`, `resume`, `start_paused`, and when the frozen clock moves by itself.

use std::pin::pin;
use std::sync::mpsc;
use std::time::Instant as StdInstant;

use zokio::runtime::Builder;
use zokio::sync::{Notify, oneshot};
use zokio::task::{spawn_blocking, yield_now};
use zokio::time::{Duration, Instant, interval, pause, resume, sleep, timeout};

use crate::{HOUR, MS, frozen, poll_once, running};

#[test]
fn a_paused_clock_stands() {
    running().block_on(async {
        pause();
        let now = Instant::now();
        for _ in 0..10 {
            yield_now().await;
            assert_eq!(Instant::now(), now);
        }
    });
}

#[zokio::test(start_paused = true)]
async fn a_clock_may_start_paused() {
    let now = Instant::now();
    yield_now().await;
    assert_eq!(Instant::now(), now);
}

#[test]
fn start_paused_false_lets_the_clock_run() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .start_paused(false)
        .build()
        .unwrap();
    runtime.block_on(async { pause() });
}

#[test]
fn the_system_s_clock_goes_on() {
    frozen().block_on(async {
        let (ours, std) = (Instant::now(), StdInstant::now());
        while StdInstant::now() == std {
            std::hint::spin_loop();
        }
        assert_eq!(Instant::now(), ours);
    });
}

#[test]
fn a_resumed_clock_runs_on_from_where_it_stood() {
    running().block_on(async {
        pause();
        sleep(HOUR).await;
        let stood = Instant::now();
        resume();
        while Instant::now() == stood {
            std::hint::spin_loop();
        }
        assert!(Instant::now() > stood);
        assert!(Instant::now() - stood < HOUR);
        // In real time now.
        let std = StdInstant::now();
        sleep(MS).await;
        assert!(std.elapsed() >= MS);
    });
}

#[test]
fn a_clock_may_be_paused_and_resumed_again_and_again() {
    running().block_on(async {
        let mut last = Instant::now();
        for _ in 0..5 {
            pause();
            sleep(HOUR).await;
            assert!(Instant::now() >= last + HOUR);
            last = Instant::now();
            resume();
        }
    });
}

#[test]
fn a_clock_that_started_paused_may_be_resumed() {
    frozen().block_on(async {
        resume();
        pause();
    });
}

#[test]
fn pausing_needs_no_timers() {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        pause();
        let now = Instant::now();
        zokio::time::advance(HOUR).await;
        assert_eq!(now.elapsed(), HOUR);
    });
}

#[test]
fn a_pause_lasts_from_one_block_on_to_the_next() {
    let runtime = running();
    runtime.block_on(async { pause() });
    let now = runtime.block_on(async { Instant::now() });
    assert_eq!(runtime.block_on(async { now.elapsed() }), Duration::ZERO);
    runtime.block_on(async { sleep(HOUR).await });
    let elapsed = runtime.block_on(async { now.elapsed() });
    // Paused between two ticks of its timers, it rounds up to the next.
    assert!(elapsed >= HOUR && elapsed < HOUR + MS, "{elapsed:?}");
}

#[test]
fn every_runtime_has_a_clock_of_its_own() {
    let (one, two) = (frozen(), frozen());
    let now = two.block_on(async { Instant::now() });
    one.block_on(async { sleep(HOUR).await });
    assert_eq!(two.block_on(async { Instant::now() }), now);
}

#[zokio::test(start_paused = true)]
async fn the_clock_jumps_to_the_next_timer_and_no_further() {
    let start = Instant::now();
    let later = zokio::spawn(sleep(HOUR * 2));
    sleep(HOUR).await;
    assert_eq!(start.elapsed(), HOUR);
    assert!(!later.is_finished());
    later.await.unwrap();
    assert_eq!(start.elapsed(), HOUR * 2);
}

#[zokio::test(start_paused = true)]
async fn the_clock_stands_while_a_task_is_ready() {
    let start = Instant::now();
    let mut nap = pin!(sleep(MS));
    assert!(poll_once(nap.as_mut()).is_pending());
    for _ in 0..500 {
        yield_now().await;
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(!nap.is_elapsed());
}

#[zokio::test(start_paused = true)]
async fn the_clock_stands_while_spawned_tasks_talk() {
    let start = Instant::now();
    let (here, there) = (
        std::sync::Arc::new(Notify::new()),
        std::sync::Arc::new(Notify::new()),
    );
    let echo = zokio::spawn({
        let (here, there) = (here.clone(), there.clone());
        async move {
            loop {
                there.notified().await;
                here.notify_one();
            }
        }
    });
    let talk = async {
        for _ in 0..200 {
            there.notify_one();
            here.notified().await;
        }
    };
    timeout(MS, talk).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    echo.abort();
}

#[zokio::test(start_paused = true)]
async fn the_clock_stands_while_a_blocking_job_runs() {
    let start = Instant::now();
    let (release, released) = mpsc::channel::<()>();
    let job = spawn_blocking(move || released.recv().unwrap());
    let mut nap = pin!(sleep(MS));
    assert!(poll_once(nap.as_mut()).is_pending());
    // From outside, when this runtime has long had nothing to do.
    let releaser = std::thread::spawn(move || release.send(()).unwrap());
    job.await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(!nap.is_elapsed());
    releaser.join().unwrap();
}

#[zokio::test(start_paused = true)]
async fn the_clock_moves_again_when_the_last_blocking_job_has_ended() {
    let start = Instant::now();
    let jobs: Vec<_> = (0..4).map(|_| spawn_blocking(|| ())).collect();
    for job in jobs {
        job.await.unwrap();
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    sleep(HOUR).await;
    assert_eq!(start.elapsed(), HOUR);
}

#[zokio::test(start_paused = true)]
async fn a_timer_waits_for_a_blocking_job_that_nobody_awaits() {
    let (release, released) = mpsc::channel::<()>();
    let (done, is_done) = oneshot::channel();
    spawn_blocking(move || {
        released.recv().unwrap();
        done.send(()).unwrap();
    });
    let releaser = std::thread::spawn(move || release.send(()).unwrap());
    let start = Instant::now();
    timeout(MS, is_done)
        .await
        .expect("the clock stood")
        .unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    releaser.join().unwrap();
    sleep(MS).await;
}

#[zokio::test(start_paused = true)]
async fn a_blocking_job_that_panics_lets_the_clock_go() {
    let job = spawn_blocking(|| panic!("as it should"));
    assert!(job.await.unwrap_err().is_panic());
    let start = Instant::now();
    sleep(HOUR).await;
    assert_eq!(start.elapsed(), HOUR);
}

#[test]
fn a_blocking_job_that_never_began_lets_the_clock_go() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (release, released) = mpsc::channel::<()>();
        let first = spawn_blocking(move || released.recv().unwrap());
        let second = spawn_blocking(|| ());
        second.abort();
        release.send(()).unwrap();
        first.await.unwrap();
        assert!(second.await.unwrap_err().is_cancelled());
        let start = Instant::now();
        sleep(HOUR).await;
        assert_eq!(start.elapsed(), HOUR);
    });
}

#[zokio::test(start_paused = true)]
async fn without_timers_the_clock_stands_while_another_thread_is_awaited() {
    let start = Instant::now();
    let (done, is_done) = oneshot::channel();
    let other = std::thread::spawn(move || done.send(()).unwrap());
    is_done.await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    other.join().unwrap();
}

#[zokio::test(start_paused = true)]
async fn a_day_of_ticks_takes_no_time() {
    let start = Instant::now();
    let mut ticks = interval(HOUR);
    for _ in 0..=24 {
        ticks.tick().await;
    }
    assert_eq!(start.elapsed(), HOUR * 24);
}

#[zokio::test(start_paused = true)]
async fn every_timer_on_the_way_is_seen_at_its_own_time() {
    let start = Instant::now();
    let task = zokio::spawn(async move {
        let mut seen = Vec::new();
        for ms in [1, 2, 3, 50, 200] {
            sleep(MS * ms).await;
            seen.push(start.elapsed().as_millis());
        }
        seen
    });
    sleep(HOUR).await;
    assert!(task.is_finished());
    assert_eq!(task.await.unwrap(), [1, 3, 6, 56, 256]);
    assert_eq!(start.elapsed(), HOUR);
}

#[zokio::test(start_paused = true)]
async fn a_join_of_sleeps_takes_as_long_as_the_longest() {
    let start = Instant::now();
    zokio::join!(sleep(MS * 3), sleep(HOUR), sleep(MS * 70));
    assert_eq!(start.elapsed(), HOUR);
}

#[zokio::test(start_paused = true)]
async fn blocking_job_that_lets_time_run_again_wakes_who_sleeps() {
    let metrics = zokio::runtime::Handle::current().metrics();
    drop(spawn_blocking(move || {
        // It sleeps by then, mostly: it has said so, and had time to.
        for _ in 0..100_000 {
            if metrics.worker_park_count(0) > 0 {
                break;
            }
            std::thread::yield_now();
        }
        for _ in 0..10_000 {
            std::thread::yield_now();
        }
        resume();
    }));
    sleep(MS).await;
}

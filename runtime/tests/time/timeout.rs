//! `timeout`, `timeout_at`, `Timeout` and `Elapsed`.

use std::cell::Cell;
use std::error::Error as _;
use std::future::{IntoFuture, Ready, pending, poll_fn, ready};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use zokio::runtime::Builder;
use zokio::time::error::{Elapsed, Error};
use zokio::time::{Duration, Instant, Timeout, advance, sleep, timeout, timeout_at};

use crate::{HOUR, MS, poll_once};

#[zokio::test(start_paused = true)]
async fn a_future_that_is_ready_succeeds() {
    assert_eq!(timeout(MS, ready(7)).await, Ok(7));
}

#[zokio::test(start_paused = true)]
async fn a_future_that_is_ready_succeeds_without_any_time() {
    assert_eq!(timeout(Duration::ZERO, ready(7)).await, Ok(7));
}

#[zokio::test(start_paused = true)]
async fn a_future_that_is_ready_succeeds_after_the_deadline() {
    let deadline = Instant::now();
    advance(HOUR).await;
    assert_eq!(timeout_at(deadline, ready("late")).await, Ok("late"));
}

#[zokio::test(start_paused = true)]
async fn a_future_that_is_not_ready_has_no_time_after_the_deadline() {
    let now = Instant::now();
    assert!(timeout_at(now, pending::<()>()).await.is_err());
    assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
    assert_eq!(Instant::now(), now);
}

#[zokio::test(start_paused = true)]
async fn time_is_up_at_the_deadline() {
    let start = Instant::now();
    assert!(timeout(MS * 10, pending::<()>()).await.is_err());
    assert_eq!(start.elapsed(), MS * 10);
    assert!(timeout_at(start + MS * 25, pending::<()>()).await.is_err());
    assert_eq!(start.elapsed(), MS * 25);
}

#[zokio::test(start_paused = true)]
async fn a_future_that_completes_in_time_succeeds_then() {
    let start = Instant::now();
    let slow = async {
        sleep(MS * 9).await;
        "done"
    };
    assert_eq!(timeout(MS * 10, slow).await, Ok("done"));
    assert_eq!(start.elapsed(), MS * 9);
}

#[zokio::test(start_paused = true)]
async fn a_future_that_completes_at_the_deadline_succeeds() {
    assert_eq!(timeout(MS * 10, sleep(MS * 10)).await, Ok(()));
}

#[zokio::test(start_paused = true)]
async fn it_counts_from_when_it_is_made() {
    let start = Instant::now();
    let bounded = timeout(MS * 10, pending::<()>());
    advance(MS * 6).await;
    assert!(bounded.await.is_err());
    assert_eq!(start.elapsed(), MS * 10);
}

#[zokio::test(start_paused = true)]
async fn the_future_is_polled_once_more_at_the_deadline() {
    let polls = Cell::new(0);
    let counted = poll_fn(|_| {
        polls.set(polls.get() + 1);
        Poll::<()>::Pending
    });
    assert!(timeout(MS, counted).await.is_err());
    assert_eq!(polls.get(), 2);
}

#[zokio::test(start_paused = true)]
async fn the_future_is_dropped_with_the_timeout() {
    let alive = Rc::new(());
    let guard = alive.clone();
    let holds = async move {
        let _guard = guard;
        pending::<()>().await;
    };
    let mut bounded = Box::pin(timeout(MS, holds));
    assert!(bounded.as_mut().await.is_err());
    assert_eq!(Rc::strong_count(&alive), 2);
    drop(bounded);
    assert_eq!(Rc::strong_count(&alive), 1);
}

#[zokio::test(start_paused = true)]
async fn a_future_by_reference_goes_on_after_the_timeout() {
    let start = Instant::now();
    let mut slow = pin!(sleep(MS * 30));
    assert!(timeout(MS * 10, slow.as_mut()).await.is_err());
    assert!(timeout(MS * 10, slow.as_mut()).await.is_err());
    assert!(timeout(MS * 10, slow.as_mut()).await.is_ok());
    assert_eq!(start.elapsed(), MS * 30);
}

#[zokio::test(start_paused = true)]
async fn what_becomes_a_future_is_bounded() {
    struct Answer;
    impl IntoFuture for Answer {
        type Output = u32;
        type IntoFuture = Ready<u32>;
        fn into_future(self) -> Ready<u32> {
            ready(42)
        }
    }
    assert_eq!(timeout(MS, Answer).await, Ok(42));
    assert_eq!(timeout_at(Instant::now() + MS, Answer).await, Ok(42));
}

#[zokio::test(start_paused = true)]
async fn the_shorter_of_two_timeouts_wins() {
    let start = Instant::now();
    let inner = timeout(MS * 50, timeout(MS * 20, pending::<()>())).await;
    assert!(matches!(inner, Ok(Err(_))));
    assert_eq!(start.elapsed(), MS * 20);
    let outer = timeout(MS * 20, timeout(MS * 50, pending::<()>())).await;
    assert!(outer.is_err());
    assert_eq!(start.elapsed(), MS * 40);
}

#[zokio::test(start_paused = true)]
async fn of_two_equal_timeouts_the_inner_one_wins() {
    let nested = timeout(MS * 20, timeout(MS * 20, pending::<()>())).await;
    assert!(matches!(nested, Ok(Err(_))));
}

#[zokio::test(start_paused = true)]
async fn the_longest_timeout_does_not_end() {
    let start = Instant::now();
    let century = timeout(Duration::MAX, sleep(HOUR * 24 * 365 * 10)).await;
    assert_eq!(century, Ok(()));
    assert_eq!(start.elapsed(), HOUR * 24 * 365 * 10);
}

#[zokio::test(start_paused = true)]
async fn the_future_inside_can_be_reached() {
    let mut bounded = timeout(MS, ready(1));
    assert_eq!(format!("{:?}", bounded.get_ref()), "Ready(Some(1))");
    *bounded.get_mut() = ready(2);
    assert_eq!(bounded.await, Ok(2));
}

#[zokio::test(start_paused = true)]
async fn the_future_inside_can_be_taken_out() {
    let start = Instant::now();
    timeout(MS, sleep(MS * 5)).into_inner().await;
    assert_eq!(start.elapsed(), MS * 5);
}

#[zokio::test(start_paused = true)]
async fn a_budget_that_is_used_up_inside_does_not_hide_the_deadline() {
    zokio::spawn(async {
        let greedy = poll_fn(|cx| {
            while let Poll::Ready(unit) = zokio::task::coop::poll_proceed(cx) {
                unit.made_progress();
            }
            Poll::<()>::Pending
        });
        assert!(timeout(Duration::ZERO, greedy).await.is_err());
    })
    .await
    .unwrap();
}

#[zokio::test(start_paused = true)]
async fn a_timeout_that_could_not_be_taken_for_want_of_budget_comes_later() {
    zokio::spawn(async {
        while zokio::task::coop::has_budget_remaining() {
            zokio::task::consume_budget().await;
        }
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
    })
    .await
    .unwrap();
}

async fn elapsed() -> Elapsed {
    timeout(Duration::ZERO, pending::<()>()).await.unwrap_err()
}

#[zokio::test(start_paused = true)]
async fn elapsed_says_so() {
    let error = elapsed().await;
    assert_eq!(error.to_string(), "deadline has elapsed");
    assert_eq!(format!("{error:>22}|"), "  deadline has elapsed|");
    assert_eq!(format!("{error:?}"), "Elapsed(())");
    assert!(error.source().is_none());
}

#[zokio::test(start_paused = true)]
async fn one_elapsed_equals_another() {
    assert_eq!(elapsed().await, elapsed().await);
}

#[zokio::test(start_paused = true)]
async fn elapsed_becomes_an_io_error() {
    async fn run() -> io::Result<()> {
        timeout(MS, pending::<()>()).await?;
        Ok(())
    }
    let error = run().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(
        error.to_string(),
        io::Error::from(io::ErrorKind::TimedOut).to_string()
    );
}

#[zokio::test(start_paused = true)]
async fn dropping_a_timeout_cancels_both() {
    let start = Instant::now();
    {
        let mut bounded = pin!(timeout(MS, sleep(MS * 2)));
        assert!(poll_once(bounded.as_mut()).is_pending());
    }
    sleep(MS * 9).await;
    assert_eq!(start.elapsed(), MS * 9);
}

#[zokio::test(start_paused = true)]
async fn data_that_is_there_comes_before_the_deadline() {
    use zokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = zokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, server) = zokio::join!(zokio::net::TcpStream::connect(address), listener.accept());
    let (mut client, mut server) = (client.unwrap(), server.unwrap().0);
    client.write_all(b"here").await.unwrap();
    let mut text = [0; 4];
    // Loopback delivers before `write` returns, and the driver looks before it moves the clock.
    timeout(MS, server.read_exact(&mut text))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&text, b"here");
}

#[test]
fn timeout_is_as_send_as_its_future() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Timeout<Ready<u8>>>();
}

#[zokio::test(start_paused = true)]
async fn debug_shows_the_future() {
    let text = format!("{:?}", timeout(MS, ready(5)));
    assert!(
        text.starts_with("Timeout { value: Ready(Some(5))"),
        "{text}"
    );
}

/// The deadline of a timeout is reckoned from a cheap look at the processor's counter. By the
/// system's clock, which is asked before and after, it never comes early.
#[test]
fn timeouts_on_a_clock_that_runs_are_never_early() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..300_u64)
            .map(|n| {
                zokio::spawn(async move {
                    let duration = Duration::from_micros(n * 17 % 5_000);
                    for wait in [false, true] {
                        let before = std::time::Instant::now();
                        let bounded = timeout(duration, pending::<()>());
                        // Whether the counter is read long before it is compared or just now.
                        if wait {
                            sleep(MS).await;
                        }
                        assert!(bounded.await.is_err());
                        let elapsed = before.elapsed();
                        assert!(elapsed >= duration, "{elapsed:?} instead of {duration:?}");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn sleeps_on_a_clock_that_runs_are_never_early() {
    crate::running().block_on(async {
        let tasks: Vec<_> = (0..300_u64)
            .map(|n| {
                zokio::spawn(async move {
                    let duration = Duration::from_micros(n * 17 % 5_000);
                    let (before, std_before) = (Instant::now(), std::time::Instant::now());
                    sleep(duration).await;
                    assert!(before.elapsed() >= duration && std_before.elapsed() >= duration);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn timer_errors_tell_their_kinds() {
    let kinds = |e: Error| (e.is_shutdown(), e.is_at_capacity(), e.is_invalid());
    assert_eq!(kinds(Error::shutdown()), (true, false, false));
    assert_eq!(kinds(Error::at_capacity()), (false, true, false));
    assert_eq!(kinds(Error::invalid()), (false, false, true));
}

#[test]
fn timer_errors_speak() {
    let texts = [Error::shutdown(), Error::at_capacity(), Error::invalid()].map(|e| e.to_string());
    assert_eq!(
        texts,
        [
            "the timer is shutdown, must be called from the context of zokio runtime",
            "timer is at capacity and cannot create a new entry",
            "timer duration exceeds maximum duration",
        ]
    );
    assert!(Error::invalid().source().is_none());
    assert_eq!(format!("{:?}", Error::shutdown()), "Error(Shutdown)");
}

//! Where timers are not to be had: what the panic says, and that it points to the caller.

use std::future::pending;
use std::pin::pin;

use zokio::runtime::{Builder, Runtime};
use zokio::time::{
    Duration, Instant, advance, interval, interval_at, pause, resume, sleep, sleep_until, timeout,
    timeout_at,
};

use crate::panics::{Caught, caught};
use crate::{MS, frozen, poll_once, running};

const OUTSIDE: &str =
    "there is no reactor running, must be called from the context of a zokio runtime";
const DISABLED: &str = "A zokio context was found, but timers are disabled. Call `enable_time` on \
                        the runtime builder to enable timers.";
const ZERO_PERIOD: &str = "`period` must be non-zero.";
const NOT_FROZEN: &str = "time is not frozen";
const FROZEN: &str = "time is already frozen";
const NO_CLOCK: &str = "time cannot be frozen from outside the zokio runtime";
const ONE_THREAD: &str = "`time::pause()` requires the `current_thread` zokio runtime. This is the \
                          default Runtime used by `#[zokio::test]`.";

#[track_caller]
fn assert_refused(refused: &Caught, text: &str, line: u32) {
    assert_eq!(refused.text, text);
    assert_eq!((refused.file.as_str(), refused.line), (file!(), line));
}

fn without_time() -> Runtime {
    Builder::new_current_thread().enable_io().build().unwrap()
}

fn many_threads() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// For each call, two tests: outside of a runtime, and in one without timers.
macro_rules! needs_timers {
    ($($name:ident, $line:expr => $call:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn outside_of_a_runtime_is_refused() {
                let refused = caught(|| drop($call));
                assert_refused(&refused, OUTSIDE, $line);
            }

            #[test]
            fn in_a_runtime_without_timers_is_refused() {
                let runtime = without_time();
                let _context = runtime.enter();
                let refused = caught(|| drop($call));
                assert_refused(&refused, DISABLED, $line);
            }
        }
    )*};
}

needs_timers! {
    a_sleep, line!() => sleep(MS);
    a_sleep_until, line!() => sleep_until(Instant::now());
    a_timeout, line!() => timeout(MS, pending::<()>());
    a_timeout_at, line!() => timeout_at(Instant::now(), pending::<()>());
    an_interval, line!() => interval(MS);
    an_interval_at, line!() => interval_at(Instant::now(), MS);
    a_sleep_of_forever, line!() => sleep(Duration::MAX);
}

#[test]
fn an_interval_without_a_period_is_refused() {
    frozen().block_on(async {
        let refused = caught(|| drop(interval(Duration::ZERO)));
        assert_refused(&refused, ZERO_PERIOD, line!() - 1);
    });
}

#[test]
fn an_interval_at_without_a_period_is_refused() {
    frozen().block_on(async {
        let refused = caught(|| drop(interval_at(Instant::now(), Duration::ZERO)));
        assert_refused(&refused, ZERO_PERIOD, line!() - 1);
    });
}

#[test]
fn the_period_is_looked_at_before_the_runtime() {
    assert_eq!(caught(|| drop(interval(Duration::ZERO))).text, ZERO_PERIOD);
}

#[test]
fn pausing_twice_is_refused() {
    running().block_on(async {
        pause();
        let refused = caught(pause_here);
        assert_refused(&refused, FROZEN, PAUSE_LINE);
    });
}

#[test]
fn pausing_what_started_paused_is_refused() {
    frozen().block_on(async {
        let refused = caught(pause_here);
        assert_refused(&refused, FROZEN, PAUSE_LINE);
    });
}

#[test]
fn pausing_outside_of_a_runtime_is_refused() {
    let refused = caught(pause_here);
    assert_refused(&refused, NO_CLOCK, PAUSE_LINE);
}

#[test]
fn pausing_many_threads_is_refused() {
    many_threads().block_on(async {
        let refused = caught(pause_here);
        assert_refused(&refused, ONE_THREAD, PAUSE_LINE);
    });
}

fn pause_here() {
    pause();
}
const PAUSE_LINE: u32 = line!() - 2;

#[test]
fn resuming_what_runs_is_refused() {
    running().block_on(async {
        let refused = caught(resume_here);
        assert_refused(&refused, NOT_FROZEN, RESUME_LINE);
    });
}

#[test]
fn resuming_many_threads_is_refused() {
    many_threads().block_on(async {
        let refused = caught(resume_here);
        assert_refused(&refused, NOT_FROZEN, RESUME_LINE);
    });
}

#[test]
fn resuming_twice_is_refused() {
    frozen().block_on(async {
        resume();
        assert_eq!(caught(resume_here).text, NOT_FROZEN);
    });
}

#[test]
fn resuming_outside_of_a_runtime_is_refused() {
    let refused = caught(resume_here);
    assert_refused(&refused, NO_CLOCK, RESUME_LINE);
}

fn resume_here() {
    resume();
}
const RESUME_LINE: u32 = line!() - 2;

async fn advance_here() {
    advance(MS).await;
}
const ADVANCE_LINE: u32 = line!() - 2;

fn poll_advance() {
    let _ = poll_once(pin!(advance_here()));
}

#[test]
fn advancing_what_runs_is_refused_at_the_await() {
    running().block_on(async {
        assert_refused(&caught(poll_advance), NOT_FROZEN, ADVANCE_LINE);
    });
}

#[test]
fn advancing_many_threads_is_refused_at_the_await() {
    many_threads().block_on(async {
        assert_refused(&caught(poll_advance), NOT_FROZEN, ADVANCE_LINE);
    });
}

#[test]
fn advancing_outside_of_a_runtime_is_refused_at_the_await() {
    assert_refused(&caught(poll_advance), NO_CLOCK, ADVANCE_LINE);
}

#[test]
fn advancing_beyond_the_end_of_time_is_refused_and_leaves_the_clock() {
    frozen().block_on(async {
        let now = Instant::now();
        let refused = caught(|| _ = poll_once(pin!(advance(Duration::MAX))));
        assert_eq!(refused.text, "the clock cannot be advanced that far");
        assert_eq!(Instant::now(), now);
    });
}

#[test]
fn many_threads_cannot_start_paused() {
    let refused = caught(|| {
        let _ = Builder::new_multi_thread().start_paused(true).build(); // this line
    });
    assert_refused(&refused, ONE_THREAD, line!() - 2);
}

#[test]
fn a_timeout_made_in_a_task_needs_a_runtime_at_its_first_poll() {
    let bounded = running().block_on(async { timeout(MS, pending::<()>()) });
    let mut bounded = Box::pin(bounded);
    let refused = caught(|| _ = poll_once(bounded.as_mut()));
    assert_refused(&refused, OUTSIDE, line!() - 1);
}

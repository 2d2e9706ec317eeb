//! `zokio::time` as a user sees it, mostly on a frozen clock: what its documentation promises, one
//! promise a test.
#![cfg(feature = "full")]
#![forbid(unsafe_code)]
#![allow(
    clippy::async_yields_async,
    reason = "timers are made in one place and polled in another"
)]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

mod advance;
mod instant;
mod interval;
mod missed_ticks;
mod model;
#[path = "../support/panics.rs"]
mod panics;
mod pause;
mod refusals;
mod shutdown;
mod sleep;
mod timeout;
mod wakers;

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Polls once with a waker that does nothing.
#[track_caller]
fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A current-thread runtime whose clock runs.
fn running() -> zokio::runtime::Runtime {
    zokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// A current-thread runtime whose clock stands.
fn frozen() -> zokio::runtime::Runtime {
    zokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

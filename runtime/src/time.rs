//! Time: sleeps, timeouts, intervals, and a clock that tests can freeze.
//!
//! The names, and what they do, are tokio's. Timers have a resolution of one millisecond and never
//! fire early.
//!
//! - [`sleep`] and [`sleep_until`] wait until a moment;
//! - [`timeout`] and [`timeout_at`] bound the time of a future: one that is ready at once costs no
//!   timer at all;
//! - [`interval`] and [`interval_at`] tick;
//! - [`pause`], [`advance`] and [`resume`] freeze time in tests on current-thread runtimes.
//!
//! A timer belongs to the runtime in whose context it was made; a [`timeout`] made by a task to the
//! one in which it is first polled. `wheel` is the data structure, `timers` a runtime's
//! sharded wheels with the proof that no timer is lost, `alarm` what all timer futures have in
//! common.
//!
//! ```
//! # zokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use std::future::pending;
//! use zokio::time::{Duration, timeout};
//!
//! let never = timeout(Duration::from_millis(1), pending::<()>()).await;
//! assert_eq!(never.unwrap_err().to_string(), "deadline has elapsed");
//! # });
//! ```

pub use std::time::Duration;

mod alarm;
pub(crate) mod clock;
pub mod error;
mod instant;
mod interval;
mod pause;
mod rough;
mod sleep;
mod timeout;
pub(crate) mod timers;
pub(crate) mod wheel;

pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub(crate) use pause::ONE_THREAD;
pub use pause::{advance, pause, resume};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Timeout, timeout, timeout_at};

#[cfg(test)]
mod tests;

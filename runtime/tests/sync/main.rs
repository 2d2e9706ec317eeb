//! Synchronisation between tasks, through the public interface alone: one guarantee a test.

mod barrier;
mod broadcast;
mod coop;
#[cfg(feature = "telemetry")]
mod holders;
mod mpsc_bounded;
mod mpsc_unbounded;
mod mutex;
mod notify;
mod once_cell;
mod oneshot;
mod panics;
mod rwlock;
mod semaphore;
mod set_once;
mod support;
mod traits;
mod watch;

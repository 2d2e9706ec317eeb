//! Tasks: handles, sets, local tasks, ids, names, cooperation, blocking.

#![allow(
    clippy::async_yields_async,
    reason = "handles are given out of futures on purpose"
)]

mod blocking;
mod builder;
mod coop;
mod ids;
mod join_error;
mod join_handle;
mod join_set;
mod join_set_futures;
mod local_hooks;
mod local_runtime;
mod local_set;
mod local_set_lifetime;
mod local_set_threads;
mod support;
mod task_local;
#[cfg(feature = "telemetry")]
mod telemetry;
mod traits;
#[path = "yield_now.rs"]
mod yielding;

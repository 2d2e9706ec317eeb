//! Runtimes, item by item: what each setting, handle, hook and counter is documented to do.

#![cfg(feature = "full")]

mod block_on;
mod builder;
mod handle;
mod hooks;
mod metrics;
mod shutdown;
mod support;
mod traits;
mod unhandled_panic;
mod workers;

//! Atomics that loom can check: `std`'s normally, loom's under `--cfg zokio_loom`.
//!
//! Only protocols with a loom test go through here (task state word, idle protocol, channels).

#[cfg(zokio_loom)]
pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
}

#[cfg(not(zokio_loom))]
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
}

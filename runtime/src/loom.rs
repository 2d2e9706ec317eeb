//! Atomics and locks that loom can check: the usual ones normally, loom's under
//! `--cfg zokio_loom`.
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

#[cfg(not(zokio_loom))]
pub(crate) use parking_lot::Mutex;

#[cfg(zokio_loom)]
pub(crate) use self::mutex::Mutex;

#[cfg(zokio_loom)]
mod mutex {
    /// loom's mutex with parking_lot's interface.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Mutex<T> {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0
                .lock()
                .expect("loom ends a model whose thread panics")
        }
    }
}

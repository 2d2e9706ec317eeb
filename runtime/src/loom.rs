//! Atomics and locks that loom can check: the usual ones normally, loom's under
//! `--cfg zokio_loom`.
//!
//! Only protocols with a loom test go through here (task state word, idle protocol, parker, LIFO
//! slot, owner words of records, timers, memory of cells, channels of many receivers).

#[cfg(zokio_loom)]
pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{
        AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

#[cfg(not(zokio_loom))]
pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{
        AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

#[cfg(not(zokio_loom))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

#[cfg(zokio_loom)]
pub(crate) use self::mutex::{Condvar, Mutex, MutexGuard};

/// loom's lock and condition variable with parking_lot's interface.
#[cfg(zokio_loom)]
mod mutex {
    use std::ops::{Deref, DerefMut};

    const ENDED: &str = "loom ends a model whose thread panics";

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Mutex<T> {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().expect(ENDED)))
        }
    }

    /// `None` only inside of `Condvar::wait`.
    pub(crate) struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.0.as_ref().expect(ENDED)
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect(ENDED)
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Condvar {
            Condvar(loom::sync::Condvar::new())
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            let locked = guard.0.take().expect(ENDED);
            guard.0 = Some(self.0.wait(locked).expect(ENDED));
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

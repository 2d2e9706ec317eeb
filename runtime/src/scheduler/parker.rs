//! Putting one worker's thread to sleep, on a futex or in the I/O driver.
//!
//! | state  | meaning                              | unpark                       |
//! |--------|--------------------------------------|------------------------------|
//! | EMPTY  | awake, no token                      | leaves a token               |
//! | FUTEX  | asleep on the futex                  | leaves a token, wakes        |
//! | DRIVER | asleep in the driver                 | leaves a token, wakes driver |
//! | TOKEN  | awake or waking, the next park returns at once | nothing            |

#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "futex system calls")
)]

use std::sync::atomic::{AtomicU32, Ordering};

const EMPTY: u32 = 0;
const FUTEX: u32 = 1;
const DRIVER: u32 = 2;
const TOKEN: u32 = 3;

/// One worker's place to sleep. Any thread may unpark; one at a time parks.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    state: AtomicU32,
    #[cfg(not(target_os = "linux"))]
    sleeper: sleep::Sleeper,
}

/// How to wake the thread that was asleep.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Unpark {
    /// It is awake, or has been woken.
    Done,
    /// It sleeps in the driver: wake that.
    Driver,
}

impl Parker {
    /// Sleeps until unparked. Returns at once if there is a token.
    pub(crate) fn park(&self) {
        if !self.go(FUTEX) {
            return;
        }
        loop {
            self.sleep();
            if self.take_token() {
                return;
            }
        }
    }

    /// Sleeps by `in_driver`, which returns when the driver is woken or has events.
    pub(crate) fn park_in(&self, in_driver: impl FnOnce()) {
        if self.go(DRIVER) {
            in_driver();
            // Ordering: pairs with the Release in `unpark`: what was done before it is seen.
            self.state.swap(EMPTY, Ordering::Acquire);
        }
    }

    /// EMPTY to `asleep`; false if there was a token, which is taken.
    fn go(&self, asleep: u32) -> bool {
        let went = self
            .state
            .compare_exchange(EMPTY, asleep, Ordering::Relaxed, Ordering::Relaxed);
        if went.is_err() {
            // Ordering: Acquire pairs with the Release in `unpark`, also of one that came since.
            self.state.swap(EMPTY, Ordering::Acquire);
        }
        went.is_ok()
    }

    fn take_token(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `unpark`.
        self.state
            .compare_exchange(TOKEN, EMPTY, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Wakes the sleeper, or makes the next park return at once.
    pub(crate) fn unpark(&self) -> Unpark {
        // Ordering: Release pairs with the Acquire of the parks.
        match self.state.swap(TOKEN, Ordering::AcqRel) {
            FUTEX => {
                self.wake();
                Unpark::Done
            }
            DRIVER => Unpark::Driver,
            _ => Unpark::Done,
        }
    }

    #[cfg(target_os = "linux")]
    fn sleep(&self) {
        // SAFETY: the address is that of a live 32-bit atomic; FUTEX_WAIT reads it and sleeps
        // while it is FUTEX; no timeout is passed. Errors (EAGAIN, EINTR) mean: look again.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.state.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                FUTEX,
                std::ptr::null::<libc::timespec>(),
            );
        }
    }

    #[cfg(target_os = "linux")]
    fn wake(&self) {
        // SAFETY: the address is that of a live 32-bit atomic; FUTEX_WAKE only looks it up.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.state.as_ptr(),
                libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                1,
            );
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn sleep(&self) {
        self.sleeper
            .wait_while(|| self.state.load(Ordering::Relaxed) == FUTEX);
    }

    #[cfg(not(target_os = "linux"))]
    fn wake(&self) {
        self.sleeper.wake();
    }
}

#[cfg(not(target_os = "linux"))]
mod sleep {
    use parking_lot::{Condvar, Mutex};

    /// What a futex does, where there is none.
    #[derive(Debug, Default)]
    pub(super) struct Sleeper {
        lock: Mutex<()>,
        condition: Condvar,
    }

    impl Sleeper {
        pub(super) fn wait_while(&self, asleep: impl Fn() -> bool) {
            let mut guard = self.lock.lock();
            if asleep() {
                self.condition.wait(&mut guard);
            }
        }

        pub(super) fn wake(&self) {
            // The sleeper looks at the state under the lock, so taking it orders the two.
            drop(self.lock.lock());
            self.condition.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn unpark_before_park_is_kept_as_one_token() {
        let parker = Parker::default();
        assert_eq!(parker.unpark(), Unpark::Done);
        assert_eq!(parker.unpark(), Unpark::Done);
        parker.park();
        assert_eq!(parker.state.load(Ordering::Relaxed), EMPTY);
    }

    #[test]
    fn unpark_of_a_worker_in_the_driver_says_so() {
        let parker = Parker::default();
        parker.park_in(|| assert_eq!(parker.unpark(), Unpark::Driver));
        assert_eq!(parker.state.load(Ordering::Relaxed), EMPTY);
    }

    #[test]
    fn ping_pong_of_two_parkers_loses_no_wake() {
        let (a, b) = (Arc::new(Parker::default()), Arc::new(Parker::default()));
        let other = {
            let (a, b) = (a.clone(), b.clone());
            std::thread::spawn(move || {
                for _ in 0..2000 {
                    a.park();
                    assert_eq!(b.unpark(), Unpark::Done);
                }
            })
        };
        for _ in 0..2000 {
            assert_eq!(a.unpark(), Unpark::Done);
            b.park();
        }
        other.join().unwrap();
    }
}

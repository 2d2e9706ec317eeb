//! Putting one worker's thread to sleep, on a futex or in the I/O driver.
//!
//! One word, changed by read-modify-writes only:
//!
//! | state  | meaning                              | unpark                       |
//! |--------|--------------------------------------|------------------------------|
//! | EMPTY  | awake, no token                      | leaves a token               |
//! | FUTEX  | asleep on the futex                  | leaves a token, wakes        |
//! | DRIVER | asleep in the driver                 | leaves a token, wakes driver |
//! | TOKEN  | awake or waking, the next park returns at once | nothing            |
//!
//! | move                             | by     | when                                          |
//! |----------------------------------|--------|-----------------------------------------------|
//! | EMPTY → FUTEX, DRIVER            | parker | goes to sleep                                 |
//! | TOKEN → EMPTY                    | parker | finds a token when it goes to sleep or wakes  |
//! | DRIVER → EMPTY                   | parker | the driver returned by itself                 |
//! | any → TOKEN                      | others | unpark; who finds FUTEX or DRIVER wakes       |
//!
//! # No token is lost
//!
//! An unpark and the parker's move to sleep change one word, so one of them is first. If it is the
//! unpark, the parker finds the token and does not sleep. If it is the parker's move, the unpark
//! finds where it sleeps and wakes it: the futex sleeps only while the word is FUTEX, which the
//! system checks in one step with going to sleep (where there is no futex: under a lock that the
//! waker takes after its change); the driver's own wake-up ends its present turn or the next one.
//! A parker leaves FUTEX only by taking a token, and DRIVER by a swap, so that an unpark made
//! meanwhile is either taken by it, with all that was written before (Release, Acquire), or comes
//! after it and leaves a token for the next park. An unpark that finds TOKEN has nothing to do: its
//! swap continues the Release of the one before, and the parker has yet to take both.

#![cfg_attr(
    all(target_os = "linux", not(zokio_loom)),
    expect(unsafe_code, reason = "futex system calls")
)]

use crate::loom::atomic::{AtomicU32, Ordering};

const EMPTY: u32 = 0;
const FUTEX: u32 = 1;
const DRIVER: u32 = 2;
const TOKEN: u32 = 3;

/// One worker's place to sleep. Any thread may unpark; one at a time parks.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    state: AtomicU32,
    #[cfg(any(not(target_os = "linux"), zokio_loom))]
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

    #[cfg(all(target_os = "linux", not(zokio_loom)))]
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

    #[cfg(all(target_os = "linux", not(zokio_loom)))]
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

    #[cfg(any(not(target_os = "linux"), zokio_loom))]
    fn sleep(&self) {
        self.sleeper
            .wait_while(|| self.state.load(Ordering::Relaxed) == FUTEX);
    }

    #[cfg(any(not(target_os = "linux"), zokio_loom))]
    fn wake(&self) {
        self.sleeper.wake();
    }
}

#[cfg(any(not(target_os = "linux"), zokio_loom))]
mod sleep {
    use crate::loom::{Condvar, Mutex};

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

#[cfg(all(test, not(zokio_loom)))]
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

#[cfg(all(test, zokio_loom))]
mod loom_tests {
    use super::*;
    use loom::sync::atomic::AtomicUsize;
    use loom::sync::{Arc, Notify};
    use loom::thread;

    /// A parker, work for it, and a driver to sleep in.
    struct Place {
        parker: Parker,
        work: AtomicUsize,
        driver: Notify,
    }

    impl Place {
        fn new() -> Arc<Place> {
            Arc::new(Place {
                parker: Parker::default(),
                work: AtomicUsize::new(0),
                driver: Notify::new(),
            })
        }

        /// Relaxed: it is for the parker to order the work.
        fn add_work(&self) {
            self.work.fetch_add(1, Ordering::Relaxed);
            match self.parker.unpark() {
                Unpark::Done => {}
                Unpark::Driver => self.driver.notify(),
            }
        }

        /// Sleeps until there is so much work; if a wake-up is lost, loom reports a deadlock.
        fn wait_for_work(&self, much: usize, park: impl Fn()) {
            while self.work.load(Ordering::Relaxed) < much {
                park();
            }
        }
    }

    fn add_work(place: &Arc<Place>) -> thread::JoinHandle<()> {
        let place = place.clone();
        thread::spawn(move || place.add_work())
    }

    #[test]
    fn loom_unpark_against_a_park_on_the_futex_is_never_lost() {
        loom::model(|| {
            let place = Place::new();
            let other = add_work(&place);
            // The token says that the work is there, without another look.
            place.parker.park();
            assert_eq!(place.work.load(Ordering::Relaxed), 1);
            other.join().unwrap();
            assert_eq!(place.parker.state.load(Ordering::Relaxed), EMPTY);
        });
    }

    #[test]
    fn loom_unpark_against_a_park_in_the_driver_is_never_lost() {
        loom::model(|| {
            let place = Place::new();
            let other = add_work(&place);
            // The driver may also return by itself.
            place.wait_for_work(1, || place.parker.park_in(|| place.driver.wait()));
            other.join().unwrap();
        });
    }

    /// The driver returns at once: the token is taken then, with the work, or kept for the next
    /// sleep.
    #[test]
    fn loom_unpark_while_the_driver_returns_by_itself_is_taken_or_kept() {
        loom::model(|| {
            let place = Place::new();
            let other = add_work(&place);
            place.parker.park_in(|| {});
            place.wait_for_work(1, || place.parker.park());
            other.join().unwrap();
        });
    }

    /// Two unparks may leave one token: whoever takes it sees the work of both.
    #[test]
    fn loom_two_unparks_against_parks_are_both_seen() {
        loom::model(|| {
            let place = Place::new();
            let others = [add_work(&place), add_work(&place)];
            place.wait_for_work(2, || place.parker.park());
            others.into_iter().for_each(|other| other.join().unwrap());
        });
    }

    /// The same for a worker that sleeps in the driver one time and on the futex the next.
    #[test]
    fn loom_two_unparks_against_parks_in_driver_and_on_futex_are_both_seen() {
        loom::model(|| {
            let place = Place::new();
            let others = [add_work(&place), add_work(&place)];
            place.parker.park_in(|| place.driver.wait());
            place.wait_for_work(2, || place.parker.park());
            others.into_iter().for_each(|other| other.join().unwrap());
        });
    }
}

//! Whether somebody sleeps in the driver, so that `unpark` enters the kernel only if somebody
//! does.
//!
//! | phase | meaning | moves |
//! |---|---|---|
//! | `AWAKE` | nobody sleeps | `begin` → `ASLEEP`, `notify` → `NOTIFIED` |
//! | `ASLEEP` | the driver is, or soon will be, in the kernel | `end` → `AWAKE`, `notify` → `NOTIFIED` and the caller rings |
//! | `NOTIFIED` | the sleep going on or the next one must end | `begin` refuses → `AWAKE`, `end` → `AWAKE` |
//!
//! No notification is lost: `notify` is one swap. If it finds `ASLEEP`, the bell (an eventfd or
//! the like, level-held by the kernel until it has been seen) ends the sleep, also when it rings
//! just before the driver enters the kernel. If it finds `AWAKE`, the next `begin` finds
//! `NOTIFIED` and does not sleep. If it finds `NOTIFIED`, an earlier notification has not been
//! taken yet, and the one who takes it (Acquire) sees also this caller's writes, because swaps on
//! one atomic form one release sequence. A bell that rings late, after `end`, costs one sleep
//! that ends at once.

use std::sync::atomic::{AtomicU8, Ordering};

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const NOTIFIED: u8 = 2;

#[derive(Debug)]
pub(super) struct Parking(AtomicU8);

impl Parking {
    pub(super) const fn new() -> Parking {
        Parking(AtomicU8::new(AWAKE))
    }

    /// Before a sleep. False: there was a notification, it is taken, do not sleep.
    #[must_use]
    pub(super) fn begin(&self) -> bool {
        // Ordering: Acquire on failure pairs with the swap in `notify`; success publishes
        // nothing and reads nothing.
        match self
            .0
            .compare_exchange(AWAKE, ASLEEP, Ordering::Relaxed, Ordering::Acquire)
        {
            Ok(_) => true,
            Err(_) => {
                // Ordering: Acquire pairs with the swap in `notify`.
                self.0.swap(AWAKE, Ordering::Acquire);
                false
            }
        }
    }

    /// After a sleep. True: a notification came meanwhile.
    pub(super) fn end(&self) -> bool {
        // Ordering: Acquire pairs with the swap in `notify`.
        self.0.swap(AWAKE, Ordering::Acquire) == NOTIFIED
    }

    /// Whether a notification waits to be taken; takes nothing.
    pub(super) fn is_notified(&self) -> bool {
        // Ordering: Acquire pairs with the swap in `notify`.
        self.0.load(Ordering::Acquire) == NOTIFIED
    }

    /// True: somebody sleeps, ring.
    #[must_use]
    pub(super) fn notify(&self) -> bool {
        // Ordering: Release pairs with the Acquire operations above; Acquire keeps earlier
        // notifiers' writes in the chain.
        self.0.swap(NOTIFIED, Ordering::AcqRel) == ASLEEP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notification_before_the_sleep_prevents_it_once() {
        let parking = Parking::new();
        assert!(!parking.notify());
        assert!(!parking.notify());
        assert!(parking.is_notified());
        assert!(!parking.begin());
        assert!(parking.begin());
    }

    #[test]
    fn only_the_first_notification_of_a_sleep_rings() {
        let parking = Parking::new();
        assert!(parking.begin());
        assert!(parking.notify());
        assert!(!parking.notify());
        assert!(parking.end());
        assert!(parking.begin());
        assert!(!parking.end());
    }
}

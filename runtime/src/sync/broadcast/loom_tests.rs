//! The slots under loom: clones of a message, its overwriting and its end exclude each other.

#![expect(unsafe_code, reason = "loom's cells, which report every race")]

use super::slot::{Parking, Slot};
use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Arc;
use loom::thread;

/// A message that is not `Sync`: cloning and dropping it write to it, and loom reports two at a
/// time.
struct Tracked(UnsafeCell<u64>);

impl Tracked {
    fn get(&self) -> u64 {
        // SAFETY: loom checks that nobody accesses it meanwhile.
        self.0.with_mut(|value| unsafe { *value })
    }
}

impl Clone for Tracked {
    fn clone(&self) -> Tracked {
        Tracked(UnsafeCell::new(self.get()))
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.get();
    }
}

struct Ring {
    slot: Slot<Tracked>,
    parking: Parking,
}

impl Ring {
    fn new() -> Arc<Ring> {
        Arc::new(Ring {
            slot: Slot::new(),
            parking: Parking::new(),
        })
    }

    /// The message is its position.
    fn put(&self, position: u64, receivers: usize) {
        let message = Tracked(UnsafeCell::new(position));
        // SAFETY: each model puts from one thread.
        drop(unsafe { self.slot.put(position, receivers, message, &self.parking) });
    }

    /// Whether the message at `position` was there.
    fn receive(&self, position: u64) -> bool {
        let mut next = position;
        match self.slot.receive(&mut next, &self.parking) {
            Ok(message) => {
                assert_eq!((message.get(), next), (position, position + 1));
                true
            }
            Err(overwriter) => {
                assert!(overwriter > position);
                assert_eq!(next, position);
                false
            }
        }
    }

    fn skip(&self, position: u64) {
        drop(self.slot.skip(position, &self.parking));
    }
}

fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

/// Two receivers clone one message while the sender overwrites it.
#[test]
fn loom_clones_against_an_overwriting_put() {
    model(|| {
        let ring = Ring::new();
        ring.put(0, 2);
        let threads = [(), ()].map(|()| {
            let ring = ring.clone();
            thread::spawn(move || ring.receive(0))
        });
        ring.put(1, 2);
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(ring.receive(1) && ring.receive(1));
        assert!(!ring.slot.is_occupied());
    });
}

/// The last receiver takes the message while the sender puts the next, with or without the lock.
#[test]
fn loom_last_receiver_against_a_put() {
    model(|| {
        let ring = Ring::new();
        ring.put(0, 1);
        let receiver = {
            let ring = ring.clone();
            thread::spawn(move || ring.receive(0))
        };
        ring.put(1, 1);
        receiver.join().unwrap();
        assert!(ring.receive(1));
        assert!(!ring.slot.is_occupied());
    });
}

/// A receiver that goes looks for its message while others, which do not count it, come and go.
#[test]
fn loom_leaving_receiver_against_puts_that_do_not_count_it() {
    model(|| {
        let ring = Ring::new();
        ring.put(0, 2);
        assert!(ring.receive(0));
        let leaving = {
            let ring = ring.clone();
            thread::spawn(move || ring.skip(0))
        };
        ring.put(1, 1);
        assert!(ring.receive(1));
        ring.put(2, 1);
        leaving.join().unwrap();
        assert!(ring.receive(2));
        assert!(!ring.slot.is_occupied());
    });
}

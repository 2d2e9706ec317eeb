//! The slots under loom: clones of one message, its overwriting and its end exclude each other.

#![expect(unsafe_code, reason = "loom's cells, which report every race")]

use super::*;
use loom::cell::UnsafeCell;
use loom::sync::Arc as LoomArc;
use loom::thread;

/// A message that is not `Sync`: cloning it writes to it, and loom reports two at a time.
struct Tracked(UnsafeCell<u32>);

impl Tracked {
    fn new(value: u32) -> Tracked {
        Tracked(UnsafeCell::new(value))
    }

    fn get(&self) -> u32 {
        // SAFETY: loom checks that nobody accesses it meanwhile.
        self.0.with_mut(|value| unsafe { *value })
    }
}

impl Clone for Tracked {
    fn clone(&self) -> Tracked {
        Tracked::new(self.get())
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.get();
    }
}

/// Receives until `until`, which the sender has sent or will; what was received and missed.
fn receive_all(mut receiver: Receiver<Tracked>) -> (Vec<u32>, u64) {
    let (mut received, mut missed) = (Vec::new(), 0);
    loop {
        match receiver.try_recv() {
            Ok(message) => received.push(message.get()),
            Err(TryRecvError::Lagged(n)) => missed += n,
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    (received, missed)
}

/// Two receivers clone one message while the sender overwrites it.
#[test]
fn loom_clones_against_an_overwriting_send() {
    loom::model(|| {
        let (sender, receiver) = channel(1);
        let receivers = [sender.subscribe(), receiver];
        let _ = sender.send(Tracked::new(1));
        let threads = receivers.map(|r| thread::spawn(move || receive_all(r)));
        let _ = sender.send(Tracked::new(2));
        for thread in threads {
            let (received, missed) = thread.join().unwrap();
            assert!(received.is_sorted() && received.len() as u64 + missed <= 2);
        }
    });
}

/// A slot that its only receiver has emptied is filled without a lock.
#[test]
fn loom_emptied_slot_is_filled_again() {
    loom::model(|| {
        let (sender, receiver) = channel(1);
        let _ = sender.send(Tracked::new(1));
        let thread = thread::spawn(move || receive_all(receiver));
        for n in [2, 3] {
            let _ = sender.send(Tracked::new(n));
        }
        let (received, missed) = thread.join().unwrap();
        assert!(received.is_sorted() && received.len() as u64 + missed <= 3);
        drop(sender);
    });
}

/// A receiver is dropped while another receives and the sender goes on: nothing is left behind.
#[test]
fn loom_dropped_receiver_against_sends() {
    loom::model(|| {
        let (sender, leaving) = channel(1);
        let staying = sender.subscribe();
        let sender = LoomArc::new(sender);
        let _ = sender.send(Tracked::new(1));
        let first = thread::spawn(move || drop(leaving));
        let second = {
            let sender = sender.clone();
            thread::spawn(move || drop(sender.send(Tracked::new(2))))
        };
        let (received, missed) = receive_all(staying);
        first.join().unwrap();
        second.join().unwrap();
        assert!(received.len() as u64 + missed <= 2);
        assert!(sender.is_empty(), "all receivers are gone");
    });
}

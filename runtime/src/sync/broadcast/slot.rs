//! A place of the ring: one message and the receivers that have yet to pass it.
//!
//! # State word
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | `LOCKED`: somebody has the content to itself |
//! | 1 | `PARKED`: threads wait for the lock |
//! | 2.. | receivers that have yet to pass the message |
//!
//! # Protocol
//!
//! - **Receive**: one CAS, from a word that is not 0, locks; one swap unlocks with one receiver
//!   fewer. A message is cloned with the slot locked, since its type need not be [`Sync`]; the last
//!   receiver takes the message itself, without a clone.
//! - **Send** (one sender at a time, see the channel): a slot that all have passed has the word 0
//!   and is the sender's, since receivers lock no such slot: the message is put there without a
//!   lock. A slot that some have not passed is locked and its message replaced: they lag.
//!
//! # Who passes what
//!
//! The word counts the receivers that existed when the message was sent; for all of them it was
//! still to come. Each passes it once: it receives it, or finds it overwritten, or is dropped,
//! which passes all messages that it was counted for. So while a message is there that a receiver
//! has yet to pass, the word is not 0; a receiver that finds 0, or another position, finds its
//! message overwritten. Only a receiver that is being dropped can find 0: the others are counted
//! for the overwriting message too.
//!
//! # Waiting for the lock
//!
//! Clones run the user's code, so a thread that finds the slot locked spins a little and then
//! parks: it sets `PARKED` while it holds the channel's [`Parking`], and sleeps. Whoever unlocks
//! takes the flag with the same swap, takes the lock of the `Parking`, which the sleeper has let
//! go only by sleeping, and wakes all.

#![expect(
    unsafe_code,
    reason = "the content is in an UnsafeCell, guarded by the state word"
)]

use std::cell::UnsafeCell;
use std::{hint, mem};

use crate::loom::atomic::{AtomicUsize, Ordering};
use crate::loom::{Condvar, Mutex};

const LOCKED: usize = 1;
const PARKED: usize = 2;
const ONE: usize = 4;

const SPINS: u32 = if cfg!(zokio_loom) { 0 } else { 64 };

/// How many receivers a channel can have.
pub(super) const MAX_RECEIVERS: usize = usize::MAX / ONE;

/// Where threads sleep that wait for a slot of one channel.
pub(super) struct Parking {
    lock: Mutex<()>,
    unlocked: Condvar,
}

impl Parking {
    pub(super) fn new() -> Parking {
        Parking {
            lock: Mutex::new(()),
            unlocked: Condvar::new(),
        }
    }
}

struct Content<T> {
    position: u64,
    /// `None` when all have passed.
    message: Option<T>,
}

/// One message, its position, and how many have yet to pass it.
pub(super) struct Slot<T> {
    state: AtomicUsize,
    content: UnsafeCell<Content<T>>,
}

// SAFETY: the content is reached by one thread at a time (see the module's text), which may clone
// the message, move it or drop it there; hence `T: Send`, and no `T: Sync`.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T> Slot<T> {
    /// A slot that has had no message.
    pub(super) fn new() -> Slot<T> {
        Slot {
            state: AtomicUsize::new(0),
            content: UnsafeCell::new(Content {
                position: 0,
                message: None,
            }),
        }
    }

    /// Whether receivers have yet to pass the message.
    pub(super) fn is_occupied(&self) -> bool {
        self.state.load(Ordering::Relaxed) >= ONE
    }

    /// Puts a message here for `receivers` receivers; the message that was overwritten.
    ///
    /// # Safety
    ///
    /// No two calls on one slot at the same time; the end of one happens before the next.
    pub(super) unsafe fn put(
        &self,
        position: u64,
        receivers: usize,
        message: T,
        parking: &Parking,
    ) -> Option<T> {
        let content = Content {
            position,
            message: Some(message),
        };
        // Ordering: Acquire pairs with the Release in `Locked::drop`: what receivers did here is
        // done.
        if self.state.load(Ordering::Acquire) == 0 {
            // SAFETY: receivers lock no slot of word 0, and this is the only sender.
            unsafe { *self.content.get() = content };
            // Ordering: Release pairs with the Acquire in `lock`.
            self.state.store(receivers * ONE, Ordering::Release);
            return None;
        }
        let mut slot = self.lock(0, parking).expect("zero are always left");
        slot.left = receivers;
        mem::replace(slot.content(), content).message
    }

    /// Receives the message at `next` and advances `next`. `Err`: it was overwritten by the message
    /// at the position returned, and `next` is as it was. For a receiver that is counted here.
    pub(super) fn receive(&self, next: &mut u64, parking: &Parking) -> Result<T, u64>
    where
        T: Clone,
    {
        let mut slot = self.lock(1, parking).expect("the receiver is counted");
        let position = slot.content().position;
        if position != *next {
            return Err(position);
        }
        // Passed from here on, also if the clone panics.
        *next += 1;
        slot.left -= 1;
        let last = slot.left == 0;
        let message = &mut slot.content().message;
        let message = if last {
            message.take()
        } else {
            message.clone()
        };
        Ok(message.expect("a message is there until the last receiver has passed"))
    }

    /// Passes the message at `position`, if it was not overwritten. The message is returned, to be
    /// dropped, if all have passed it.
    pub(super) fn skip(&self, position: u64, parking: &Parking) -> Option<T> {
        let mut slot = self.lock(1, parking)?;
        if slot.content().position != position {
            return None;
        }
        slot.left -= 1;
        if slot.left > 0 {
            return None;
        }
        slot.content().message.take()
    }

    /// `None`: fewer than `least` receivers have yet to pass.
    #[inline]
    fn lock<'a>(&'a self, least: usize, parking: &'a Parking) -> Option<Locked<'a, T>> {
        let mut spins = 0;
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state / ONE < least {
                return None;
            }
            if state & LOCKED != 0 {
                if spins < SPINS {
                    spins += 1;
                    hint::spin_loop();
                } else {
                    self.park(parking);
                }
                state = self.state.load(Ordering::Relaxed);
                continue;
            }
            // Ordering: Acquire pairs with the Release in `Locked::drop` and `put`.
            match self.state.compare_exchange_weak(
                state,
                state | LOCKED,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    return Some(Locked {
                        slot: self,
                        parking,
                        left: state / ONE,
                    });
                }
                Err(now) => state = now,
            }
        }
    }

    /// Sleeps until somebody has unlocked.
    #[cold]
    fn park(&self, parking: &Parking) {
        let mut guard = parking.lock.lock();
        let state = self.state.load(Ordering::Relaxed);
        if state & LOCKED == 0 {
            return;
        }
        // A state that has changed since is looked at again by the caller. Without a change, or
        // with `PARKED` set before, whoever unlocks takes `PARKED` and comes for the lock.
        // Ordering: Relaxed: the lock orders what sleeper and unlocker do.
        if self
            .state
            .compare_exchange(state, state | PARKED, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
        {
            parking.unlocked.wait(&mut guard);
        }
    }
}

/// The content of a slot, for one thread; unlocks when dropped.
struct Locked<'a, T> {
    slot: &'a Slot<T>,
    parking: &'a Parking,
    /// Receivers that have yet to pass, once this is dropped.
    left: usize,
}

impl<T> Locked<'_, T> {
    fn content(&mut self) -> &mut Content<T> {
        // SAFETY: this thread has locked the slot, and `&mut self` is the only way to the content.
        unsafe { &mut *self.slot.content.get() }
    }
}

impl<T> Drop for Locked<'_, T> {
    fn drop(&mut self) {
        // Ordering: Release pairs with the Acquire in `lock` and `put`.
        let state = self.slot.state.swap(self.left * ONE, Ordering::Release);
        if state & PARKED != 0 {
            // Whoever set the flag sleeps once this has the lock.
            drop(self.parking.lock.lock());
            self.parking.unlocked.notify_all();
        }
    }
}

//! One source as the driver knows it: its readiness word and who waits for it.
//!
//! Two sorts of waiters: one waker a direction for `poll_*` functions (the latest caller is
//! woken, as their contracts say), and any number of keyed waiters for named futures.
//!
//! No wake is lost: the driver first adds to the word, then locks the waiters and takes wakers.
//! A waiter locks, leaves its waker, then reads the word. Whichever locks second sees what the
//! first did: the driver the waker, or the waiter the event.
//!
//! No user code runs under the lock: wakers are cloned before it, and dropped or woken after it.

use std::panic::Location;
use std::ptr;
use std::task::Waker;

use parking_lot::Mutex;

use super::readiness::{Direction, Seen, Word};
use super::slab::Slab;
use super::wakers::Wakers;
use crate::io::{Interest, Ready};
use crate::telemetry::waits::{WaitNote, WaitPoint};

/// What waiting on a kind of source is called in wait notes.
#[derive(Debug)]
pub(crate) struct WaitPoints {
    pub(crate) read: WaitPoint,
    pub(crate) write: WaitPoint,
    pub(crate) ready: WaitPoint,
}

impl WaitPoints {
    pub(crate) const fn new(kind: &'static str, read: &'static str, write: &'static str) -> Self {
        WaitPoints {
            read: WaitPoint::new(kind, read),
            write: WaitPoint::new(kind, write),
            ready: WaitPoint::new(kind, "ready"),
        }
    }
}

/// A source's state, shared by its owner and the driver.
#[derive(Debug)]
pub(crate) struct ScheduledIo {
    word: Word,
    waiters: Mutex<Waiters>,
}

#[derive(Debug)]
struct Waiters {
    reader: Slot,
    writer: Slot,
    keyed: Slab<Waiter>,
}

#[derive(Debug)]
struct Slot {
    waker: Option<Waker>,
    note: WaitNote,
}

impl Slot {
    const fn new() -> Slot {
        Slot {
            waker: None,
            note: WaitNote::new(),
        }
    }

    fn take(&mut self) -> Option<Waker> {
        let waker = self.waker.take()?;
        self.note.clear();
        Some(waker)
    }
}

#[derive(Debug)]
struct Waiter {
    mask: Ready,
    waker: Option<Waker>,
}

/// A keyed waiter's place. Must be given back with [`ScheduledIo::forget`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key(usize);

/// What there was when a waker had been left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing: a wake will come.
    Pending,
    /// The source has become ready meanwhile (or the driver has shut down).
    Ready,
}

impl ScheduledIo {
    /// See [`Word::new`] for `untried`.
    pub(super) fn new(untried: Option<Interest>) -> ScheduledIo {
        let waiters = Waiters {
            reader: Slot::new(),
            writer: Slot::new(),
            keyed: Slab::new(),
        };
        ScheduledIo {
            word: Word::new(untried),
            waiters: Mutex::new(waiters),
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.word.load()
    }

    /// See [`Word::clear`].
    pub(crate) fn clear(&self, seen: Seen, mask: Ready) {
        self.word.clear(seen, mask);
    }

    /// As an event, before anybody waits.
    pub(crate) fn assume_ready(&self, ready: Ready) {
        self.word.add(ready);
    }

    /// Identifies the source in wait notes.
    pub(crate) fn resource(&self) -> *const () {
        ptr::from_ref(self).cast()
    }

    /// Leaves the waker of a `poll_*` function, instead of the one before.
    pub(crate) fn wait(
        &self,
        direction: Direction,
        waker: &Waker,
        point: &'static WaitPoint,
        location: Option<&'static Location<'static>>,
    ) -> Wait {
        let mut fresh = None;
        loop {
            let mut waiters = self.waiters.lock();
            let slot = match direction {
                Direction::Read => &mut waiters.reader,
                Direction::Write => &mut waiters.writer,
            };
            let known = slot.waker.as_ref().is_some_and(|old| old.will_wake(waker));
            if !known && fresh.is_none() {
                drop(waiters);
                fresh = Some(waker.clone());
                continue;
            }
            let old = if known {
                None
            } else {
                slot.waker.replace(fresh.take().expect("cloned"))
            };
            let outcome = self.outcome(direction.mask());
            let mut dropped = None;
            if outcome == Wait::Pending {
                slot.note.set(point, self.resource(), location);
            } else {
                dropped = slot.take();
            }
            drop(waiters);
            drop((old, dropped));
            return outcome;
        }
    }

    /// Takes back what [`wait`](ScheduledIo::wait) has left.
    #[cfg(target_os = "linux")]
    pub(super) fn stop_waiting(&self, direction: Direction) {
        let mut waiters = self.waiters.lock();
        let waker = match direction {
            Direction::Read => waiters.reader.take(),
            Direction::Write => waiters.writer.take(),
        };
        drop(waiters);
        drop(waker);
    }

    /// Leaves the waker of a named future. `key` is its place, taken at the first call.
    pub(crate) fn wait_keyed(&self, key: &mut Option<Key>, mask: Ready, waker: &Waker) -> Wait {
        let mut fresh = None;
        loop {
            let mut waiters = self.waiters.lock();
            let known = key
                .as_ref()
                .and_then(|key| waiters.keyed.get_mut(key.0))
                .and_then(|waiter| waiter.waker.as_ref())
                .is_some_and(|old| old.will_wake(waker));
            if !known && fresh.is_none() {
                drop(waiters);
                fresh = Some(waker.clone());
                continue;
            }
            let mut old = None;
            if !known {
                let place = key.as_ref().and_then(|key| waiters.keyed.get_mut(key.0));
                match place {
                    Some(waiter) => old = std::mem::replace(&mut waiter.waker, fresh.take()),
                    None => {
                        let waiter = Waiter {
                            mask,
                            waker: fresh.take(),
                        };
                        *key = Some(Key(waiters.keyed.insert(waiter)));
                    }
                }
            }
            let outcome = self.outcome(mask);
            drop(waiters);
            drop(old);
            return outcome;
        }
    }

    fn outcome(&self, mask: Ready) -> Wait {
        let seen = self.seen();
        if seen.is_shutdown() || seen.ready().intersects(mask) {
            Wait::Ready
        } else {
            Wait::Pending
        }
    }

    /// Gives a keyed waiter's place back.
    pub(crate) fn forget(&self, key: Key) {
        let waiter = self.waiters.lock().keyed.remove(key.0);
        drop(waiter);
    }

    /// An event has come: the driver adds it and takes those whom it concerns.
    pub(super) fn dispatch(&self, ready: Ready, wakers: &mut Wakers) {
        self.word.add(ready);
        self.take_waiters(ready, wakers);
    }

    /// Ends every wait, present and future.
    pub(super) fn shutdown(&self, wakers: &mut Wakers) {
        self.word.shutdown();
        self.take_waiters(Ready::ALL, wakers);
    }

    fn take_waiters(&self, ready: Ready, wakers: &mut Wakers) {
        let mut waiters = self.waiters.lock();
        if ready.intersects(Direction::Read.mask()) {
            wakers.extend(waiters.reader.take());
        }
        if ready.intersects(Direction::Write.mask()) {
            wakers.extend(waiters.writer.take());
        }
        let concerned = waiters
            .keyed
            .iter_mut()
            .filter(|w| w.mask.intersects(ready));
        wakers.extend(concerned.filter_map(|w| w.waker.take()));
    }

    /// The owner goes: drops all wakers, which may own, through their tasks, the owner's runtime.
    pub(super) fn abandon(&self) {
        let mut waiters = self.waiters.lock();
        let slots = (waiters.reader.take(), waiters.writer.take());
        let keyed = waiters.keyed.drain();
        drop(waiters);
        drop(slots);
        drop(keyed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::testing::CountingWaker;
    use std::sync::Arc;

    static POINTS: WaitPoints = WaitPoints::new("test", "read", "write");

    fn woken(io: &ScheduledIo, ready: Ready) -> usize {
        let mut wakers = Wakers::new();
        io.dispatch(ready, &mut wakers);
        wakers.wake_all()
    }

    #[test]
    fn event_wakes_the_direction_it_concerns() {
        let (reader, writer) = (CountingWaker::new(), CountingWaker::new());
        let io = ScheduledIo::new(None);
        let (r, w) = (reader.waker(), writer.waker());
        assert_eq!(
            io.wait(Direction::Read, &r, &POINTS.read, None),
            Wait::Pending
        );
        assert_eq!(
            io.wait(Direction::Write, &w, &POINTS.write, None),
            Wait::Pending
        );
        assert_eq!(woken(&io, Ready::WRITABLE), 1);
        assert_eq!((reader.count(), writer.count()), (0, 1));
        assert_eq!(woken(&io, Ready::READ_CLOSED), 1);
        assert_eq!(reader.count(), 1);
    }

    #[test]
    fn latest_poller_of_a_direction_is_woken() {
        let (first, second) = (CountingWaker::new(), CountingWaker::new());
        let io = ScheduledIo::new(None);
        let (a, b) = (first.waker(), second.waker());
        let _ = io.wait(Direction::Read, &a, &POINTS.read, None);
        let _ = io.wait(Direction::Read, &b, &POINTS.read, None);
        woken(&io, Ready::READABLE);
        assert_eq!((first.count(), second.count()), (0, 1));
    }

    #[test]
    fn event_before_the_wait_is_seen_by_it() {
        let io = ScheduledIo::new(None);
        woken(&io, Ready::READABLE);
        let counter = CountingWaker::new();
        let waker = counter.waker();
        assert_eq!(
            io.wait(Direction::Read, &waker, &POINTS.read, None),
            Wait::Ready
        );
        let mut key = None;
        assert_eq!(
            io.wait_keyed(&mut key, Direction::Read.mask(), &waker),
            Wait::Ready
        );
        io.forget(key.unwrap());
    }

    #[test]
    fn keyed_waiters_are_all_woken_and_keep_their_place() {
        let counters: Vec<Arc<CountingWaker>> = (0..3).map(|_| CountingWaker::new()).collect();
        let io = ScheduledIo::new(None);
        let mut keys: Vec<Option<Key>> = counters
            .iter()
            .map(|c| {
                let mut key = None;
                let wait = io.wait_keyed(&mut key, Direction::Read.mask(), &c.waker());
                assert_eq!(wait, Wait::Pending);
                key
            })
            .collect();
        assert_eq!(woken(&io, Ready::READABLE), 3);
        io.clear(io.seen(), Direction::Read.mask());
        let again = io.wait_keyed(&mut keys[1], Direction::Read.mask(), &counters[1].waker());
        assert_eq!(again, Wait::Pending);
        assert_eq!(woken(&io, Ready::READABLE), 1);
        assert_eq!(counters[1].count(), 2);
        keys.into_iter().flatten().for_each(|key| io.forget(key));
    }

    #[test]
    fn forgotten_waiter_is_not_woken() {
        let counter = CountingWaker::new();
        let io = ScheduledIo::new(None);
        let mut key = None;
        let _ = io.wait_keyed(&mut key, Direction::Read.mask(), &counter.waker());
        io.forget(key.unwrap());
        assert_eq!(woken(&io, Ready::READABLE), 0);
        assert_eq!(Arc::strong_count(&counter), 1);
    }

    #[test]
    fn shutdown_ends_present_and_future_waits() {
        let counter = CountingWaker::new();
        let io = ScheduledIo::new(None);
        let waker = counter.waker();
        let _ = io.wait(Direction::Read, &waker, &POINTS.read, None);
        let mut wakers = Wakers::new();
        io.shutdown(&mut wakers);
        assert_eq!(wakers.wake_all(), 1);
        assert_eq!(
            io.wait(Direction::Write, &waker, &POINTS.write, None),
            Wait::Ready
        );
        assert!(io.seen().is_shutdown());
    }

    #[test]
    fn abandoned_source_holds_no_waker() {
        let counter = CountingWaker::new();
        let io = ScheduledIo::new(None);
        let _ = io.wait(Direction::Write, &counter.waker(), &POINTS.write, None);
        let mut key = None;
        let _ = io.wait_keyed(&mut key, Direction::Read.mask(), &counter.waker());
        io.abandon();
        assert_eq!(Arc::strong_count(&counter), 1);
        io.forget(key.unwrap());
    }
}

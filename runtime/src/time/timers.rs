//! A runtime's timers: a wheel for each worker and one for all other threads, so that workers do
//! not meet at a lock, and one driver that sleeps until the earliest of all.
//!
//! A tick is a millisecond since the runtime was built. Deadlines are rounded up and the present
//! down, so no timer fires early.
//!
//! # No timer is lost
//!
//! Each shard publishes `next`, a tick before which nothing in it is due. `next_wake` says until
//! when the driver sleeps: 0 while it is awake, `u64::MAX` while it makes up its mind or sleeps
//! without bound.
//!
//! - The driver, going to sleep: store `next_wake = MAX`; fence; read every `next`; store
//!   `next_wake` = their minimum; sleep until then.
//! - A thread that arms a timer before its shard's `next`: store `next`; fence; read `next_wake`;
//!   if the timer comes before it, unpark the driver.
//!
//! Both fences are SeqCst, so one of them comes first. If the arming thread's does, the driver
//! reads the new `next`. If the driver's does, the arming thread reads `MAX`, or something the
//! driver stored later: its minimum (then it unparks if the timer comes earlier), or 0 (then the
//! driver is awake and goes through these steps before it sleeps again). `unpark` ends the
//! driver's present sleep or its next one. A timer that does not come before its shard's `next`
//! is covered by whoever stored that `next`.
//!
//! `next` is only written under its shard's lock; cancelling or firing raises it, and a driver
//! that read the lower value merely wakes too soon.
//!
//! # Who gets a waker
//!
//! | a timer's entry | holds     | arm   | poll            | fire, shutdown    | cancel, rearm      |
//! |-----------------|-----------|-------|-----------------|-------------------|--------------------|
//! | none            |           | armed |                 |                   |                    |
//! | armed           | the waker |       | another waker   | fired: wakes it   | none: drops, moves |
//! | fired           | nothing   |       | ready           |                   | none               |
//!
//! All of it happens under the shard's lock, where the waker is taken out by value: either the
//! driver gets it, and counts a fired timer, or the owner does, and counts a cancelled one. A poll
//! that finds the timer armed leaves the waker of its own time to whoever fires it later. Wakers
//! are cloned, woken and dropped outside of the lock, since they run others' code.

use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::wheel::{Key, Wheel};
use crate::driver::wakers::Wakers;
use crate::loom::Mutex;
use crate::loom::atomic::{AtomicU64, Ordering, fence};
use crate::telemetry::histogram::NsHistogram;
use crate::telemetry::{Counter, TimersSnapshot};

const NS_PER_TICK: u64 = 1_000_000;

pub(crate) struct Timers {
    clock: Clock,
    origin: Instant,
    shards: Box<[Shard]>,
    next_wake: AtomicU64,
    /// Held while timers fire, so that `lateness` has one writer at a time.
    firing: Mutex<()>,
    lateness: NsHistogram,
}

/// Aligned so that two workers' shards share no cache line.
#[repr(align(128))]
struct Shard {
    state: Mutex<State>,
    next: AtomicU64,
    /// Written under the lock, read without it.
    inserted: Counter,
    fired: Counter,
    cancelled: Counter,
}

struct State {
    wheel: Wheel<Timer>,
    ended: bool,
}

struct Timer {
    waker: Waker,
    /// How long before its tick the deadline is.
    early_ns: u32,
}

/// The runtime has been shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended;

/// What became of a timer that was to be armed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arm {
    /// Its deadline has passed.
    Due,
    /// It waits. `unpark`: the driver sleeps too long for it.
    Armed { key: Key, unpark: bool },
}

/// What became of an armed timer that was given another deadline.
#[must_use]
pub(crate) enum Rearm {
    /// It had fired, or the runtime has been shut down.
    Over,
    /// The new deadline has passed: the waker is to be woken.
    Due(Waker),
    /// As [`Arm::Armed`].
    Armed { key: Key, unpark: bool },
}

impl Shard {
    fn new() -> Shard {
        Shard {
            state: Mutex::new(State {
                wheel: Wheel::new(),
                ended: false,
            }),
            next: AtomicU64::new(u64::MAX),
            inserted: Counter::new(0),
            fired: Counter::new(0),
            cancelled: Counter::new(0),
        }
    }

    /// After entries have left the wheel. Both values are ticks before which nothing is due.
    fn raise_next(&self, wheel: &Wheel<Timer>) {
        let next = wheel
            .next()
            .map_or(u64::MAX, |n| n.max(self.next.load(Ordering::Relaxed)));
        self.next.store(next, Ordering::Relaxed);
    }
}

impl Timers {
    pub(crate) fn new(shards: usize, frozen: bool) -> Timers {
        let clock = Clock::new(frozen);
        Timers {
            origin: clock.now(),
            clock,
            shards: (0..shards.max(1)).map(|_| Shard::new()).collect(),
            next_wake: AtomicU64::new(0),
            firing: Mutex::new(()),
            lateness: NsHistogram::new(),
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The shard for timers that this thread arms.
    pub(crate) fn shard_of(&self, worker: Option<u16>) -> u16 {
        let foreign = self.shards.len() - 1;
        worker.map_or(foreign, |w| usize::from(w).min(foreign)) as u16
    }

    /// Arms a timer.
    pub(crate) fn arm(&self, shard: u16, deadline: Instant, waker: &Waker) -> Result<Arm, Ended> {
        let now = self.clock.now();
        let shard = &self.shards[usize::from(shard)];
        if deadline <= now {
            return if shard.state.lock().ended {
                Err(Ended)
            } else {
                Ok(Arm::Due)
            };
        }
        let (tick, early_ns) = self.tick_of_deadline(deadline);
        let timer = Timer {
            waker: waker.clone(),
            early_ns,
        };
        let mut state = shard.state.lock();
        if state.ended {
            drop(state);
            return Err(Ended);
        }
        state.wheel.catch_up(self.tick_of_now(now));
        let inserted = state.wheel.insert(tick, timer);
        match inserted {
            Err(timer) => {
                drop(state);
                drop(timer);
                Ok(Arm::Due)
            }
            Ok(key) => {
                shard.inserted.add(1);
                let lowered = lower_next(shard, tick);
                drop(state);
                Ok(Arm::Armed {
                    key,
                    unpark: lowered && self.sleeps_beyond(tick),
                })
            }
        }
    }

    /// Whether an armed timer has fired; leaves `waker` with it if it has not.
    pub(crate) fn poll(&self, shard: u16, key: &Key, waker: &Waker) -> Result<Poll<()>, Ended> {
        let shard = &self.shards[usize::from(shard)];
        let mut fresh = None;
        loop {
            let mut state = shard.state.lock();
            if state.ended {
                drop(state);
                return Err(Ended);
            }
            let Some(timer) = state.wheel.get_mut(key) else {
                drop(state);
                return Ok(Poll::Ready(()));
            };
            if timer.waker.will_wake(waker) {
                drop(state);
                return Ok(Poll::Pending);
            }
            if let Some(fresh) = fresh.take() {
                let old = std::mem::replace(&mut timer.waker, fresh);
                drop(state);
                drop(old);
                return Ok(Poll::Pending);
            }
            drop(state);
            fresh = Some(waker.clone());
        }
    }

    /// Whether an armed timer has fired.
    pub(crate) fn has_fired(&self, shard: u16, key: &Key) -> bool {
        self.shards[usize::from(shard)]
            .state
            .lock()
            .wheel
            .get_mut(key)
            .is_none()
    }

    /// Gives an armed timer's key back.
    pub(crate) fn cancel(&self, shard: u16, key: Key) {
        let shard = &self.shards[usize::from(shard)];
        let mut state = shard.state.lock();
        let timer = state.wheel.remove(key);
        if timer.is_some() {
            shard.cancelled.add(1);
            shard.raise_next(&state.wheel);
        }
        drop(state);
        drop(timer);
    }

    /// Moves an armed timer to another deadline, with the waker it has.
    pub(crate) fn rearm(&self, shard: u16, key: Key, deadline: Instant) -> Rearm {
        let now = self.clock.now();
        let (tick, early_ns) = self.tick_of_deadline(deadline);
        let shard = &self.shards[usize::from(shard)];
        let mut state = shard.state.lock();
        let Some(mut timer) = state.wheel.remove(key) else {
            return Rearm::Over;
        };
        shard.cancelled.add(1);
        timer.early_ns = early_ns;
        let moved = if deadline <= now {
            Err(timer)
        } else {
            state.wheel.insert(tick, timer)
        };
        match moved {
            Err(timer) => {
                shard.raise_next(&state.wheel);
                Rearm::Due(timer.waker)
            }
            Ok(key) => {
                shard.inserted.add(1);
                let lowered = lower_next(shard, tick);
                if !lowered {
                    shard.raise_next(&state.wheel);
                }
                drop(state);
                Rearm::Armed {
                    key,
                    unpark: lowered && self.sleeps_beyond(tick),
                }
            }
        }
    }

    /// After `next` has been stored: whether the driver sleeps past `tick`.
    fn sleeps_beyond(&self, tick: u64) -> bool {
        // Ordering: pairs with the fence in `begin_sleep`; see the module's proof.
        fence(Ordering::SeqCst);
        tick < self.next_wake.load(Ordering::Relaxed)
    }

    /// Announces that the driver is about to sleep and returns until when it may: how long from
    /// now, `None` without bound. To be followed by [`end_sleep`](Timers::end_sleep).
    pub(crate) fn begin_sleep(&self) -> Option<Duration> {
        self.next_wake.store(u64::MAX, Ordering::Relaxed);
        // Ordering: pairs with the fence in `sleeps_beyond`; see the module's proof.
        fence(Ordering::SeqCst);
        let next = self
            .shards
            .iter()
            .map(|s| s.next.load(Ordering::Relaxed))
            .min();
        let next = next.unwrap_or(u64::MAX);
        self.next_wake.store(next, Ordering::Relaxed);
        if next == u64::MAX {
            return None;
        }
        let elapsed = self.clock.now().saturating_duration_since(self.origin);
        Some(Duration::from_millis(next).saturating_sub(elapsed))
    }

    /// The driver is awake.
    pub(crate) fn end_sleep(&self) {
        self.next_wake.store(0, Ordering::Relaxed);
    }

    /// Fires what is due: collects the wakers. Returns how many timers.
    pub(crate) fn fire(&self, wakers: &mut Wakers) -> usize {
        let earliest = self
            .shards
            .iter()
            .map(|s| s.next.load(Ordering::Relaxed))
            .min();
        if earliest.is_none_or(|tick| tick == u64::MAX) {
            return 0;
        }
        let now = self.clock.now();
        let now_tick = self.tick_of_now(now);
        if earliest.is_some_and(|tick| tick > now_tick) {
            return 0;
        }
        let now_ns = self.ns_since_origin(now);
        let _firing = self.firing.lock();
        let due = self
            .shards
            .iter()
            .filter(|s| s.next.load(Ordering::Relaxed) <= now_tick);
        due.map(|shard| self.fire_shard(shard, now_tick, now_ns, wakers))
            .sum()
    }

    fn fire_shard(&self, shard: &Shard, tick: u64, now_ns: u64, wakers: &mut Wakers) -> usize {
        let mut fired = 0;
        let mut state = shard.state.lock();
        state.wheel.advance(tick, |when, timer| {
            let deadline_ns = when.saturating_mul(NS_PER_TICK) - u64::from(timer.early_ns);
            self.lateness.record(now_ns.saturating_sub(deadline_ns));
            wakers.push(timer.waker);
            fired += 1;
        });
        shard.fired.add(fired as u64);
        shard.raise_next(&state.wheel);
        fired
    }

    /// Ends every wait; timers cannot be armed any more.
    pub(crate) fn shutdown(&self, wakers: &mut Wakers) {
        for shard in &self.shards {
            let mut cancelled = 0;
            let mut state = shard.state.lock();
            state.ended = true;
            state.wheel.fire_all(|_, timer| {
                wakers.push(timer.waker);
                cancelled += 1;
            });
            shard.cancelled.add(cancelled);
            shard.next.store(u64::MAX, Ordering::Relaxed);
        }
    }

    pub(crate) fn snapshot(&self) -> TimersSnapshot {
        let sum = |counter: fn(&Shard) -> &Counter| -> u64 {
            self.shards.iter().map(|s| counter(s).get()).sum()
        };
        let (fired, cancelled) = (sum(|s| &s.fired), sum(|s| &s.cancelled));
        TimersSnapshot {
            armed: sum(|s| &s.inserted).saturating_sub(fired + cancelled),
            fired,
            cancelled,
            lateness: self.lateness.snapshot(),
        }
    }

    fn ns_since_origin(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.origin);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    fn tick_of_now(&self, now: Instant) -> u64 {
        self.ns_since_origin(now) / NS_PER_TICK
    }

    /// The first tick that is not before the deadline, and by how much it comes after it.
    fn tick_of_deadline(&self, deadline: Instant) -> (u64, u32) {
        let ns = self.ns_since_origin(deadline);
        let tick = ns.div_ceil(NS_PER_TICK);
        (
            tick,
            tick.saturating_mul(NS_PER_TICK).saturating_sub(ns) as u32,
        )
    }
}

/// A timer has entered the shard. True: it comes before all others.
fn lower_next(shard: &Shard, tick: u64) -> bool {
    let lowered = tick < shard.next.load(Ordering::Relaxed);
    if lowered {
        shard.next.store(tick, Ordering::Relaxed);
    }
    lowered
}

#[cfg(all(test, zokio_loom))]
mod loom_tests;
#[cfg(all(test, not(zokio_loom)))]
mod tests;

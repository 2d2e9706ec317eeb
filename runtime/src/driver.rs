//! The driver: waits for I/O events and timers, and wakes the tasks that wait for them.
//!
//! [`Driver`] belongs to whichever worker parks on it; [`DriverHandle`] is shared by everybody.
//! One turn ([`Driver::park`]) waits in the operating system until there is an event, a timer is
//! due or somebody [unparks](DriverHandle::unpark) it, then collects the wakers of all tasks
//! concerned, and wakes them when no lock is held.
//!
//! Rooms: `parking` (does `unpark` enter the kernel), `registrations` (whose memory events may
//! point to, with the proof), `scheduled_io` and `readiness` (one source), `registration`,
//! `poll_evented` and `operation` (what sockets are made of). Timers live in `time::timers`.
//!
//! The poll exists also in a runtime without I/O and time: parking needs it. What `enable_io` and
//! `enable_time` gate is the making of sources and timers.
//!
//! Shutdown: every pending wait ends, operations fail with [`gone`], timers panic when polled, as
//! tokio documents.

#![expect(unsafe_code, reason = "follows event tokens back to their sources")]

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Events, Poll, Registry, Token};

use crate::io::{Interest, Ready};
use crate::telemetry::current::{self, Current, Outside};
use crate::telemetry::histogram::Histogram;
use crate::telemetry::{Counter, DriverSnapshot, TimersSnapshot, clock};
use crate::time::timers::{Arm, Ended, Rearm, Timers};
use crate::time::wheel::Key;

pub(crate) mod operation;
mod parking;
pub(crate) mod poll_evented;
pub(crate) mod readiness;
pub(crate) mod registration;
mod registrations;
pub(crate) mod scheduled_io;
mod slab;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod wakers;

use parking::Parking;
use registrations::{Place, Registrations};
use scheduled_io::ScheduledIo;
use wakers::Wakers;

/// The token of `unpark`. No `ScheduledIo` lies at address 0.
const BELL: Token = Token(0);

/// What a driver is made with.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) enable_io: bool,
    pub(crate) enable_time: bool,
    /// Events taken from the system at once; more come at the next turn.
    pub(crate) events_capacity: usize,
    /// The same for looks that do not wait, if it is another.
    pub(crate) busy_events_capacity: Option<usize>,
    /// One for each worker and one for other threads.
    pub(crate) timer_shards: usize,
    /// Whether the clock begins frozen.
    pub(crate) start_paused: bool,
}

/// What a turn found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) events: usize,
    pub(crate) timers: usize,
}

impl Turn {
    /// Adds what another turn found.
    pub(crate) fn add(&mut self, other: Turn) {
        self.events += other.events;
        self.timers += other.timers;
    }
}

/// The half that waits.
pub(crate) struct Driver {
    poll: Poll,
    events: Events,
    /// In place of `events` for looks that do not wait.
    busy_events: Option<Events>,
    wakers: Wakers,
}

/// The half that is shared.
pub(crate) struct DriverHandle {
    io_enabled: bool,
    time_enabled: bool,
    registry: Registry,
    bell: mio::Waker,
    parking: Parking,
    registrations: Registrations,
    timers: Timers,
    registered: Counter,
    deregistered: Counter,
    /// Written by the driver only.
    polls: Counter,
    events: Counter,
    turn_time: Histogram,
}

/// The error of operations on a runtime that has been shut down.
pub(crate) fn gone() -> io::Error {
    io::Error::other(SHUTDOWN_MESSAGE)
}

/// Whether an error is [`gone`].
pub(crate) fn is_gone(error: &io::Error) -> bool {
    let inner = error.get_ref();
    error.kind() == io::ErrorKind::Other
        && inner
            .is_some_and(|inner| inner.source().is_none() && inner.to_string() == SHUTDOWN_MESSAGE)
}

pub(crate) const SHUTDOWN_MESSAGE: &str = "A zokio context was found, but it is being shutdown.";

impl Driver {
    /// A driver and its handle. Fails if the system has no descriptors left.
    pub(crate) fn new(config: &Config) -> io::Result<(Driver, DriverHandle)> {
        let poll = Poll::new()?;
        let handle = DriverHandle {
            io_enabled: config.enable_io,
            time_enabled: config.enable_time,
            registry: poll.registry().try_clone()?,
            bell: mio::Waker::new(poll.registry(), BELL)?,
            parking: Parking::new(),
            registrations: Registrations::new(),
            timers: Timers::new(config.timer_shards, config.start_paused),
            registered: Counter::new(0),
            deregistered: Counter::new(0),
            polls: Counter::new(0),
            events: Counter::new(0),
            turn_time: Histogram::new(),
        };
        let events = Events::with_capacity(config.events_capacity);
        let busy_events = config.busy_events_capacity.map(Events::with_capacity);
        Ok((
            Driver {
                poll,
                events,
                busy_events,
                wakers: Wakers::new(),
            },
            handle,
        ))
    }

    /// Waits for events, the next timer or [`unpark`](DriverHandle::unpark), at most `limit`
    /// (`None`: no bound, zero: only look), and wakes whom they concern. A look does not take a
    /// pending `unpark`: it ends the next wait.
    ///
    /// With a frozen clock (current-thread runtimes only), a wait that finds nothing moves the
    /// clock to the next timer instead of sleeping.
    ///
    /// # Panics
    ///
    /// If the operating system refuses to wait, which only a bug makes it do; or if a waker
    /// panics: the wakers behind it are woken by the next turn.
    pub(crate) fn park(&mut self, handle: &DriverHandle, limit: Option<Duration>) -> Turn {
        handle.registrations.release();
        let look = limit == Some(Duration::ZERO) || !self.wakers.is_empty();
        let begin = if look || !handle.parking.begin() {
            let begin = clock::raw();
            self.poll_events(Some(Duration::ZERO));
            begin
        } else {
            self.sleep(handle, limit);
            let begin = clock::raw();
            handle.timers.end_sleep();
            handle.parking.end();
            begin
        };
        let events = self.dispatch(handle);
        handle.polls.add(1);
        handle.events.add(events as u64);
        let of_events = self.wakers.len();
        let timers = handle.timers.fire(&mut self.wakers);
        if of_events > 0 {
            let _driver = current::Restore::enter(Current::outside(Outside::Driver));
            self.wakers.wake_first(of_events);
        }
        {
            let _timer = current::Restore::enter(Current::outside(Outside::Timer));
            self.wakers.wake_all();
        }
        let ticks = clock::raw().saturating_sub(begin);
        handle.turn_time.record(ticks);
        Turn { events, timers }
    }

    fn sleep(&mut self, handle: &DriverHandle, limit: Option<Duration>) {
        let clock = handle.timers.clock();
        let next = handle.timers.begin_sleep();
        if !clock.is_frozen() {
            return self.poll_events(earlier(limit, next));
        }
        let Some(next) = next.filter(|_| clock.may_auto_advance()) else {
            // Time stands still: no timer can end this wait.
            return self.poll_events(limit);
        };
        self.poll_events(Some(Duration::ZERO));
        let found_nothing = self.busy_events.as_ref().unwrap_or(&self.events).is_empty();
        if found_nothing && !handle.parking.is_notified() {
            let step = earlier(limit, Some(next)).unwrap_or(next);
            // Refused only if the clock was resumed just now: then the next turn waits for real.
            let _ = clock.advance(step);
        }
    }

    fn poll_events(&mut self, timeout: Option<Duration>) {
        let waits = timeout != Some(Duration::ZERO);
        let events = match &mut self.busy_events {
            Some(busy) if !waits => busy,
            _ => &mut self.events,
        };
        match self.poll.poll(events, timeout) {
            Ok(()) => {}
            // What a signal interrupted is an early return: the caller looks again anyway.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            Err(error) => panic!("the operating system refused to wait for events: {error}"),
        }
    }

    /// Follows the events to their sources. Returns how many there were.
    fn dispatch(&mut self, handle: &DriverHandle) -> usize {
        let mut count = 0;
        handle.registrations.acquire();
        for event in self.events.iter().chain(self.busy_events.iter().flatten()) {
            if event.token() == BELL {
                continue;
            }
            count += 1;
            let io: *const ScheduledIo = std::ptr::with_exposed_provenance(event.token().0);
            // SAFETY: the token was made by `registrations::token` from a live `ScheduledIo`,
            // exposing its provenance. By the proof in `registrations`, an `Arc` of it is in the
            // set or on the pending-release list until `release` is called after the wait that
            // delivered the event, and `release` is only called at the beginning of `park`, with
            // this driver's `&mut`. Only shared references to it are ever made.
            let io = unsafe { &*io };
            io.dispatch(Ready::from_event(event), &mut self.wakers);
        }
        // So that no later turn follows them again, whatever happens to its wait.
        self.events.clear();
        if let Some(busy) = &mut self.busy_events {
            busy.clear();
        }
        count
    }

    /// Ends every wait, for good: I/O operations fail, timers panic when polled.
    pub(crate) fn shutdown(&mut self, handle: &DriverHandle) {
        handle.registrations.shutdown(&mut self.wakers);
        handle.timers.shutdown(&mut self.wakers);
        self.wakers.wake_all();
    }
}

fn earlier(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

impl DriverHandle {
    /// Makes the driver's present wait, or its next one, return. Enters the kernel only if the
    /// driver waits.
    pub(crate) fn unpark(&self) {
        if self.parking.notify() {
            // It writes to an eventfd or its like, which fails only if the process has closed it.
            let rung = self.bell.wake();
            debug_assert!(rung.is_ok(), "{rung:?}");
        }
    }

    pub(crate) fn snapshot(&self) -> (DriverSnapshot, TimersSnapshot) {
        let driver = DriverSnapshot {
            sources: self.registrations.len() as u64,
            polls: self.polls.get(),
            events: self.events.get(),
            turn_time: self.turn_time.snapshot(),
        };
        (driver, self.timers.snapshot())
    }

    /// Sources ever registered, and of those the ones deregistered.
    pub(crate) fn source_counts(&self) -> (u64, u64) {
        // In this order, so that none is seen to have left that never came.
        let deregistered = self.deregistered.get();
        (self.registered.get().max(deregistered), deregistered)
    }

    /// Events followed to their sources.
    pub(crate) fn event_count(&self) -> u64 {
        self.events.get()
    }

    pub(crate) fn io_enabled(&self) -> bool {
        self.io_enabled
    }

    pub(crate) fn time_enabled(&self) -> bool {
        self.time_enabled
    }

    /// A blocking job begins: while it runs, a frozen clock does not move by itself.
    pub(crate) fn inhibit_auto_advance(&self) {
        self.timers.clock().inhibit_auto_advance();
    }

    /// A blocking job has ended.
    pub(crate) fn allow_auto_advance(&self) {
        self.timers.clock().allow_auto_advance();
        if self.timers.clock().is_frozen() {
            self.unpark();
        }
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    /// [`Timers::arm`], and unparks the driver if it sleeps too long.
    pub(crate) fn arm(
        &self,
        shard: u16,
        deadline: Instant,
        waker: &std::task::Waker,
    ) -> Result<Option<Key>, Ended> {
        match self.timers.arm(shard, deadline, waker)? {
            Arm::Due => Ok(None),
            Arm::Armed { key, unpark } => {
                if unpark {
                    self.unpark();
                }
                Ok(Some(key))
            }
        }
    }

    /// [`Timers::rearm`], and wakes whom it has to. `None`: the timer does not wait any more.
    pub(crate) fn rearm(&self, shard: u16, key: Key, deadline: Instant) -> Option<Key> {
        match self.timers.rearm(shard, key, deadline) {
            Rearm::Over => None,
            Rearm::Due(waker) => {
                waker.wake();
                None
            }
            Rearm::Armed { key, unpark } => {
                if unpark {
                    self.unpark();
                }
                Some(key)
            }
        }
    }

    /// Fires, from outside of a turn, what the clock has been moved past.
    pub(crate) fn fire_timers(&self) {
        let mut wakers = Wakers::new();
        self.timers.fire(&mut wakers);
        wakers.wake_all();
    }

    /// Makes a source known to the system. `untried`: see [`readiness`].
    fn register(
        &self,
        source: &mut impl Source,
        interest: Interest,
        untried: Option<Interest>,
    ) -> io::Result<(Arc<ScheduledIo>, Place)> {
        let io = Arc::new(ScheduledIo::new(untried));
        let place = self.registrations.insert(Arc::clone(&io))?;
        match self
            .registry
            .register(source, registrations::token(&io), interest.to_mio())
        {
            Ok(()) => {
                self.registered.add_shared(1);
                Ok((io, place))
            }
            Err(error) => {
                self.registrations.withdraw(place);
                Err(error)
            }
        }
    }

    /// Makes the system forget a source. If it fails, the source's state is leaked.
    fn deregister(&self, source: &mut impl Source, place: Place) -> io::Result<()> {
        self.registry.deregister(source)?;
        self.deregistered.add_shared(1);
        if self.registrations.remove(place) {
            self.unpark();
        }
        Ok(())
    }
}

impl std::fmt::Debug for DriverHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DriverHandle")
            .field("io_enabled", &self.io_enabled)
            .field("time_enabled", &self.time_enabled)
            .field("sources", &self.registrations.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! A source's registration with the driver of the runtime that it was made in, and the ways to
//! wait on it.

use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use mio::event::Source;

use super::readiness::{Direction, Seen};
use super::registrations::Place;
use super::scheduled_io::{ScheduledIo, Wait, WaitPoints};
use crate::io::{Interest, Ready};
use crate::runtime::Handle;
use crate::task::coop::poll_proceed;
use crate::telemetry::waits::WaitPoint;

/// The current runtime.
///
/// # Panics
///
/// Outside of a runtime, or if its I/O is disabled.
#[track_caller]
pub(crate) fn current_with_io() -> Handle {
    let handle = Handle::current();
    assert!(
        handle.driver().io_enabled(),
        "A zokio context was found, but IO is disabled. Call `enable_io` on the runtime \
         builder to enable IO."
    );
    handle
}

/// Keeps the runtime's core alive. To be ended by [`deregister`](Registration::deregister).
pub(crate) struct Registration {
    handle: Handle,
    io: Arc<ScheduledIo>,
    place: Place,
    points: &'static WaitPoints,
}

/// A source as the driver saw it at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadyEvent {
    #[cfg_attr(
        not(unix),
        expect(
            dead_code,
            reason = "only guards of descriptors take readiness back by it"
        )
    )]
    pub(crate) seen: Seen,
    pub(crate) ready: Ready,
}

impl Registration {
    /// Registers with the current runtime. `untried`: a first operation goes straight to the
    /// system call; not for sources whose readiness itself is the news (a connect).
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or if its I/O is disabled.
    #[track_caller]
    pub(crate) fn new(
        source: &mut impl Source,
        interest: Interest,
        untried: bool,
        points: &'static WaitPoints,
    ) -> io::Result<Registration> {
        let handle = current_with_io();
        let untried = untried.then_some(interest);
        let (io, place) = handle.driver().register(source, interest, untried)?;
        Ok(Registration {
            handle,
            io,
            place,
            points,
        })
    }

    pub(crate) fn io(&self) -> &ScheduledIo {
        &self.io
    }

    /// The source is known to be ready for `ready` before the driver says so, or assumed to be: an
    /// operation that is refused clears it.
    pub(crate) fn assume_ready(&self, ready: Ready) {
        self.io.assume_ready(ready);
    }

    pub(crate) fn points(&self) -> &'static WaitPoints {
        self.points
    }

    /// The end; nothing may be done with it afterwards. If the system refuses, the source's state
    /// is leaked (see `registrations`).
    pub(crate) fn deregister(&mut self, source: &mut impl Source) -> io::Result<()> {
        let done = self.handle.driver().deregister(source, self.place);
        self.io.abandon();
        done
    }

    /// Makes `attempt` as soon as it may succeed. For `poll_*` functions: only the latest caller
    /// of a direction is woken.
    pub(crate) fn poll_io<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(Seen) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let point = match direction {
            Direction::Read => &self.points.read,
            Direction::Write => &self.points.write,
        };
        loop {
            let coop = ready!(poll_proceed(cx));
            let seen = self.io.seen();
            if seen.is_shutdown() {
                return Poll::Ready(Err(super::gone()));
            }
            if seen.may_succeed(direction.mask()) {
                match attempt(seen) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.io.clear(seen, direction.mask());
                    }
                    done => {
                        coop.made_progress();
                        return Poll::Ready(done);
                    }
                }
            }
            if self.io.wait(direction, cx.waker(), point, None) == Wait::Pending {
                return Poll::Pending;
            }
            // As in `Operation`.
            coop.made_progress();
        }
    }

    /// Waits for readiness itself. Only the latest caller of a direction is woken.
    pub(crate) fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        point: &'static WaitPoint,
        location: Option<&'static Location<'static>>,
    ) -> Poll<io::Result<ReadyEvent>> {
        let coop = ready!(poll_proceed(cx));
        loop {
            if let Some(event) = self.ready_now(direction.mask()) {
                coop.made_progress();
                return Poll::Ready(event);
            }
            if self.io.wait(direction, cx.waker(), point, location) == Wait::Pending {
                return Poll::Pending;
            }
        }
    }

    /// The latest caller of `poll_io` or `poll_ready` waits no longer: it is not woken, and its
    /// note does not say that it waits.
    #[cfg(target_os = "linux")]
    pub(crate) fn stop_waiting(&self, direction: Direction) {
        self.io.stop_waiting(direction);
    }

    /// What of `mask` is known to be ready.
    pub(crate) fn ready_now(&self, mask: Ready) -> Option<io::Result<ReadyEvent>> {
        let seen = self.io.seen();
        if seen.is_shutdown() {
            return Some(Err(super::gone()));
        }
        let ready = seen.ready() & mask;
        (!ready.is_empty()).then_some(Ok(ReadyEvent { seen, ready }))
    }

    /// Makes `attempt` if it may succeed, else fails with `WouldBlock`.
    pub(crate) fn try_io<R>(
        &self,
        interest: Interest,
        attempt: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        let mask = Ready::from_interest(interest);
        let seen = self.io.seen();
        if !seen.may_succeed(mask) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let done = attempt();
        if let Err(error) = &done
            && error.kind() == io::ErrorKind::WouldBlock
        {
            self.io.clear(seen, mask);
        }
        done
    }
}

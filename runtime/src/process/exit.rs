//! How a task learns that a child may have ended.
//!
//! # Why no end is missed
//!
//! Who waits asks the system for the child's status, and if there is none, waits here. A pidfd's
//! event stays in the source's readiness word until a wait takes it, and a `SIGCHLD` in the
//! listener's counter, which was read when the child was spawned: so an end between asking and
//! waiting ends the wait at once. The event is taken before the system is asked again.

#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "`pidfd_open` has no safe wrapper")
)]

use std::io;
use std::panic::Location;
use std::task::{Context, Poll};

use crate::signal::unix::{Signal, SignalKind, listen};
use crate::telemetry::waits::WaitPoint;

static WAIT: WaitPoint = WaitPoint::new("process", "wait");

/// Where the news of one child's end comes from.
pub(super) enum Exit {
    #[cfg(target_os = "linux")]
    Pidfd(pidfd::Pidfd),
    /// Any child's end.
    Signal(Signal),
}

impl Exit {
    /// For a child that has not been waited for, so that its id is its own.
    #[track_caller]
    pub(super) fn of(pid: u32) -> io::Result<Exit> {
        #[cfg(target_os = "linux")]
        if let Some(pidfd) = pidfd::Pidfd::open(pid)? {
            return Ok(Exit::Pidfd(pidfd));
        }
        #[cfg(not(target_os = "linux"))]
        let _ = pid;
        Exit::by_signal()
    }

    pub(super) fn by_signal() -> io::Result<Exit> {
        listen(SignalKind::child()).map(Exit::Signal)
    }

    /// Ready when it is time to ask for the child's status again.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<()>> {
        match self {
            #[cfg(target_os = "linux")]
            Exit::Pidfd(pidfd) => pidfd.poll(cx, location),
            Exit::Signal(signal) => {
                let resource = std::ptr::from_ref(signal).cast();
                signal.poll_as(cx, &WAIT, resource, location).map(Ok)
            }
        }
    }

    /// The system says that the child has not ended, although `poll` was ready. Of a pidfd that
    /// means that somebody traces the child: then the parent gets its status later than the event,
    /// and a `SIGCHLD` with it. True: the news comes from there from now on.
    pub(super) fn doubt(&mut self) -> io::Result<bool> {
        #[cfg(target_os = "linux")]
        if let Exit::Pidfd(_) = self {
            *self = Exit::by_signal()?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Whoever polled waits no longer.
    pub(super) fn stop_waiting(&mut self) {
        match self {
            #[cfg(target_os = "linux")]
            Exit::Pidfd(pidfd) => pidfd.stop_waiting(),
            Exit::Signal(signal) => signal.stop_waiting(),
        }
    }
}

#[cfg(target_os = "linux")]
mod pidfd {
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
    use std::panic::Location;
    use std::task::{Context, Poll, ready};

    use mio::event::Source;
    use mio::unix::SourceFd;
    use mio::{Interest as MioInterest, Registry, Token};

    use super::WAIT;
    use crate::driver::poll_evented::PollEvented;
    use crate::driver::readiness::Direction;
    use crate::driver::scheduled_io::WaitPoints;
    use crate::io::Interest;

    static POINTS: WaitPoints = WaitPoints::new("process", "wait", "wait");

    /// A process as a descriptor, which becomes readable when the process ends.
    pub(in crate::process) struct Pidfd {
        io: PollEvented<Fd>,
    }

    struct Fd(OwnedFd);

    impl Source for Fd {
        fn register(
            &mut self,
            registry: &Registry,
            token: Token,
            interests: MioInterest,
        ) -> io::Result<()> {
            SourceFd(&self.0.as_raw_fd()).register(registry, token, interests)
        }

        fn reregister(
            &mut self,
            registry: &Registry,
            token: Token,
            interests: MioInterest,
        ) -> io::Result<()> {
            SourceFd(&self.0.as_raw_fd()).reregister(registry, token, interests)
        }

        fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
            SourceFd(&self.0.as_raw_fd()).deregister(registry)
        }
    }

    impl Pidfd {
        /// `None`: the kernel has none, or none left, or does not let this process have one.
        #[track_caller]
        pub(super) fn open(pid: u32) -> io::Result<Option<Pidfd>> {
            let Ok(pid) = libc::pid_t::try_from(pid) else {
                return Ok(None);
            };
            // SAFETY: a system call of two integers. The descriptor is closed on exec by itself.
            let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
            let Some(fd) = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0) else {
                return Ok(None);
            };
            // SAFETY: the call has just made the descriptor, for nobody else.
            let fd = Fd(unsafe { OwnedFd::from_raw_fd(fd) });
            let io = PollEvented::with(fd, Interest::READABLE, false, &POINTS)?;
            Ok(Some(Pidfd { io }))
        }

        pub(super) fn poll(
            &mut self,
            cx: &mut Context<'_>,
            location: &'static Location<'static>,
        ) -> Poll<io::Result<()>> {
            let registration = self.io.registration();
            let event =
                ready!(registration.poll_ready(Direction::Read, cx, &WAIT, Some(location)))?;
            registration.io().clear(event.seen, event.ready);
            Poll::Ready(Ok(()))
        }

        pub(super) fn stop_waiting(&mut self) {
            self.io.registration().stop_waiting(Direction::Read);
        }
    }
}

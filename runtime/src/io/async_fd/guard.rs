//! What a wait on a descriptor gives: the descriptor, and the right to say that it is not ready.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;

use super::AsyncFd;
use crate::driver::registration::ReadyEvent;
use crate::io::Ready;

/// The descriptor was not ready after all; the guard has been cleared.
#[derive(Debug)]
pub struct TryIoError(());

/// A descriptor that was ready.
///
/// The driver takes it to be ready still, until somebody clears it: do so when, and only when, an
/// operation was refused with `WouldBlock`. [`try_io`](AsyncFdReadyGuard::try_io) does it.
#[must_use = "decide whether the descriptor is still ready: `clear_ready` or `retain_ready`"]
pub struct AsyncFdReadyGuard<'a, T: AsRawFd> {
    fd: &'a AsyncFd<T>,
    event: Option<ReadyEvent>,
}

/// [`AsyncFdReadyGuard`] with mutable access.
#[must_use = "decide whether the descriptor is still ready: `clear_ready` or `retain_ready`"]
pub struct AsyncFdReadyMutGuard<'a, T: AsRawFd> {
    fd: &'a mut AsyncFd<T>,
    event: Option<ReadyEvent>,
}

macro_rules! guard {
    ($guard:ident, $name:literal) => {
        impl<T: AsRawFd> $guard<'_, T> {
            /// The descriptor is not ready any more: the next wait waits for an event.
            pub fn clear_ready(&mut self) {
                if let Some(event) = self.event.take() {
                    self.fd.clear(event, event.ready);
                }
            }

            /// The descriptor is not ready any more for what is in `ready`.
            pub fn clear_ready_matching(&mut self, ready: Ready) {
                if let Some(event) = self.event.take() {
                    self.fd.clear(event, ready);
                    // What is left may still be cleared, by the same event.
                    let ready = event.ready - ready;
                    self.event = Some(ReadyEvent { ready, ..event });
                }
            }

            /// The descriptor is still ready.
            pub fn retain_ready(&mut self) {}

            /// What the descriptor was ready for.
            pub fn ready(&self) -> Ready {
                self.event.map_or(Ready::EMPTY, |event| event.ready)
            }

            /// The outcome of an attempt.
            fn settle<R>(&mut self, done: io::Result<R>) -> Result<io::Result<R>, TryIoError> {
                match done {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.clear_ready();
                        Err(TryIoError(()))
                    }
                    done => Ok(done),
                }
            }
        }

        impl<T: AsRawFd + fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct($name).field("async_fd", &self.fd).finish()
            }
        }
    };
}

guard!(AsyncFdReadyGuard, "ReadyGuard");
guard!(AsyncFdReadyMutGuard, "MutReadyGuard");

impl<'a, T: AsRawFd> AsyncFdReadyGuard<'a, T> {
    pub(super) fn new(fd: &'a AsyncFd<T>, event: ReadyEvent) -> Self {
        AsyncFdReadyGuard {
            fd,
            event: Some(event),
        }
    }

    /// Makes `f`, and clears the readiness if it fails with `WouldBlock`.
    ///
    /// # Errors
    ///
    /// [`TryIoError`] if `f` failed with `WouldBlock`: wait again. Other errors of `f` come as
    /// `Ok(Err(…))`.
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        let done = f(self.fd);
        self.settle(done)
    }

    /// The descriptor.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.fd
    }

    /// The descriptor's owner.
    pub fn get_inner(&self) -> &'a T {
        self.fd.get_ref()
    }
}

impl<'a, T: AsRawFd> AsyncFdReadyMutGuard<'a, T> {
    pub(super) fn new(fd: &'a mut AsyncFd<T>, event: ReadyEvent) -> Self {
        AsyncFdReadyMutGuard {
            fd,
            event: Some(event),
        }
    }

    /// Makes `f`, and clears the readiness if it fails with `WouldBlock`.
    ///
    /// # Errors
    ///
    /// As [`AsyncFdReadyGuard::try_io`].
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&mut AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        let done = f(self.fd);
        self.settle(done)
    }

    /// The descriptor.
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.fd
    }

    /// The descriptor.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.fd
    }

    /// The descriptor's owner.
    pub fn get_inner(&self) -> &T {
        self.fd.get_ref()
    }

    /// The descriptor's owner.
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.fd.get_mut()
    }
}

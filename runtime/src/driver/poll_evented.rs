//! A source together with its registration: what sockets are made of.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::{Context, Poll};

use mio::event::Source;

use super::operation::{Operation, Readiness, then};
use super::readiness::Direction;
use super::registration::Registration;
use super::scheduled_io::WaitPoints;
use crate::io::{Interest, Ready};
use crate::telemetry::waits::WaitPoint;

/// Systems whose events come only after a source has been drained: a short read or write says
/// that it is, and saves the system call that would be refused.
const SHORT_MEANS_DRAINED: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
));

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// Deregisters its source when dropped.
pub(crate) struct PollEvented<E: Source> {
    /// `None` only when it has been taken out.
    source: Option<E>,
    registration: Registration,
}

impl<E: Source> PollEvented<E> {
    /// Registers a source for reading and writing; its first operation of either sort goes
    /// straight to the system call.
    #[track_caller]
    pub(crate) fn new(source: E, points: &'static WaitPoints) -> io::Result<PollEvented<E>> {
        PollEvented::with(source, BOTH, true, points)
    }

    /// See [`Registration::new`].
    #[track_caller]
    pub(crate) fn with(
        mut source: E,
        interest: Interest,
        untried: bool,
        points: &'static WaitPoints,
    ) -> io::Result<PollEvented<E>> {
        let registration = Registration::new(&mut source, interest, untried, points)?;
        Ok(PollEvented {
            source: Some(source),
            registration,
        })
    }

    /// Deregisters the source and gives it back.
    pub(crate) fn into_inner(mut self) -> io::Result<E> {
        let mut source = self.source.take().expect("taken only here and by drop");
        self.registration.deregister(&mut source)?;
        Ok(source)
    }

    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    fn operation<'a, R: 'a>(
        &'a self,
        interest: Interest,
        point: &'static WaitPoint,
        attempt: impl FnMut() -> io::Result<R> + 'a,
    ) -> impl Future<Output = io::Result<R>> + Unpin + 'a {
        Operation::new(&self.registration, interest, point, attempt)
    }

    /// `attempt` as soon as it does not block, noted as the source's reading.
    pub(crate) fn read_with<'a, R: 'a, F>(&'a self, attempt: F) -> Operation<'a, F>
    where
        F: FnMut() -> io::Result<R> + 'a,
    {
        let point = &self.registration.points().read;
        Operation::new(&self.registration, Interest::READABLE, point, attempt)
    }

    /// `attempt` as soon as it does not block, noted as the source's writing.
    pub(crate) fn write_with<'a, R: 'a, F>(&'a self, attempt: F) -> Operation<'a, F>
    where
        F: FnMut() -> io::Result<R> + 'a,
    {
        let point = &self.registration.points().write;
        Operation::new(&self.registration, Interest::WRITABLE, point, attempt)
    }

    /// `attempt` as soon as it does not block; of the user's own making.
    pub(crate) fn async_io<'a, R: 'a>(
        &'a self,
        interest: Interest,
        attempt: impl FnMut() -> io::Result<R> + 'a,
    ) -> impl Future<Output = io::Result<R>> + Unpin + 'a {
        self.operation(interest, &self.registration.points().ready, attempt)
    }

    pub(crate) fn try_io<R>(
        &self,
        interest: Interest,
        attempt: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.try_io(interest, attempt)
    }

    /// Until the source is ready for a part of `interest`.
    pub(crate) fn ready(
        &self,
        interest: Interest,
    ) -> impl Future<Output = io::Result<Ready>> + Unpin + '_ {
        then(Readiness::new(&self.registration, interest), |event| {
            Ok(event?.ready)
        })
    }

    /// Until the source is ready for `interest`.
    pub(crate) fn ready_for(
        &self,
        interest: Interest,
    ) -> impl Future<Output = io::Result<()>> + Unpin + '_ {
        then(Readiness::new(&self.registration, interest), |event| {
            event.map(drop)
        })
    }

    pub(crate) fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let point = &self.registration.points().ready;
        self.registration
            .poll_ready(direction, cx, point, None)
            .map(|event| event.map(drop))
    }

    /// For `poll_*` functions; see [`Registration::poll_io`].
    pub(crate) fn poll_with<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.registration.poll_io(direction, cx, |_| attempt())
    }

    /// Reads a stream through `read`, which fills its argument from the front and says how far.
    pub(crate) fn poll_read_with(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [MaybeUninit<u8>],
        mut read: impl FnMut(&E, &mut [MaybeUninit<u8>]) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.registration.poll_io(Direction::Read, cx, |seen| {
            let n = read(self, buf)?;
            if SHORT_MEANS_DRAINED && 0 < n && n < buf.len() {
                self.registration.io().clear(seen, Direction::Read.mask());
            }
            Ok(n)
        })
    }

    /// Writes to a stream.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a E: Write,
    {
        self.registration.poll_io(Direction::Write, cx, |seen| {
            let n = (&mut &**self).write(buf)?;
            if SHORT_MEANS_DRAINED && 0 < n && n < buf.len() {
                self.registration.io().clear(seen, Direction::Write.mask());
            }
            Ok(n)
        })
    }

    /// Writes several buffers to a stream at once.
    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a E: Write,
    {
        self.poll_with(Direction::Write, cx, || (&mut &**self).write_vectored(bufs))
    }
}

/// A panic leaves nothing half done here: the state that is shared with the driver is behind locks
/// that are not held while foreign code runs.
impl<E: Source> UnwindSafe for PollEvented<E> {}

/// See above.
impl<E: Source> RefUnwindSafe for PollEvented<E> {}

impl<E: Source> Deref for PollEvented<E> {
    type Target = E;

    fn deref(&self) -> &E {
        self.source.as_ref().expect("taken only when consumed")
    }
}

impl<E: Source> Drop for PollEvented<E> {
    fn drop(&mut self) {
        if let Some(mut source) = self.source.take() {
            // If the system refuses, the source's state is leaked: there is nobody to tell.
            let _ = self.registration.deregister(&mut source);
        }
    }
}

impl<E: Source + fmt::Debug> fmt::Debug for PollEvented<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollEvented")
            .field("io", &self.source)
            .finish()
    }
}

//! Waiting on any descriptor that the system can poll.

#![expect(
    unsafe_code,
    reason = "registers and lends descriptors of the user's, who promises that they stay open"
)]

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use mio::unix::SourceFd;

use super::{Interest, Ready};
use crate::driver::operation::{Operation, Readiness, then};
use crate::driver::readiness::Direction;
use crate::driver::registration::{ReadyEvent, Registration};
use crate::driver::scheduled_io::WaitPoints;

mod guard;

pub use guard::{AsyncFdReadyGuard, AsyncFdReadyMutGuard, TryIoError};

static POINTS: WaitPoints = WaitPoints::new("fd", "read", "write");

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// A descriptor that tasks can wait on: a pipe, a socket of another library, an eventfd, …
///
/// It does no I/O by itself: wait, [try](AsyncFdReadyGuard::try_io), and wait again when the
/// attempt was refused. The descriptor must be non-blocking; regular files cannot be waited on.
///
/// `T` must keep the descriptor open, and the same, until the `AsyncFd` is dropped or
/// [taken apart](AsyncFd::into_inner): that is what [`register`](AsyncFd::register) is unsafe for.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use zokio::io::unix::AsyncFd;
///
/// let (mut a, b) = UnixStream::pair()?;
/// b.set_nonblocking(true)?;
/// // SAFETY: a socket of std keeps its descriptor until it is dropped.
/// let b = unsafe { AsyncFd::register(b) }?;
/// a.write_all(b"hello")?;
/// let mut buffer = [0; 16];
/// let n = loop {
///     let mut guard = b.readable().await?;
///     match guard.try_io(|b| b.get_ref().read(&mut buffer)) {
///         Ok(done) => break done?,
///         Err(_would_block) => {}
///     }
/// };
/// assert_eq!(&buffer[..n], b"hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct AsyncFd<T: AsRawFd> {
    registration: Registration,
    /// `None` only when it has been taken out.
    inner: Option<T>,
}

impl<T: AsRawFd> AsyncFd<T> {
    /// Registers a descriptor for reading and writing.
    ///
    /// # Errors
    ///
    /// If the system cannot wait on it; the error gives `inner` back.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Safety
    ///
    /// The descriptor that `inner` names must be open, and `inner` must name the same one and keep
    /// it open, until the `AsyncFd` is dropped or taken apart.
    #[track_caller]
    pub unsafe fn register(inner: T) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        // SAFETY: the caller promises the same.
        unsafe { AsyncFd::register_with_interest(inner, BOTH) }
    }

    /// Registers a descriptor for `interest` only: nothing else of it can be waited for.
    ///
    /// # Errors
    ///
    /// As [`register`](AsyncFd::register).
    ///
    /// # Panics
    ///
    /// As [`register`](AsyncFd::register).
    ///
    /// # Safety
    ///
    /// As [`register`](AsyncFd::register).
    #[track_caller]
    pub unsafe fn register_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        let fd = inner.as_raw_fd();
        match Registration::new(&mut SourceFd(&fd), interest, false, &POINTS) {
            Ok(registration) => Ok(AsyncFd {
                registration,
                inner: Some(inner),
            }),
            Err(cause) => Err(AsyncFdRegisterError { inner, cause }),
        }
    }

    /// [`register`](AsyncFd::register), with an error that does not give the descriptor back.
    ///
    /// # Errors
    ///
    /// If the system cannot wait on it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    #[deprecated(note = "does not ask for the promise that it needs: use `AsyncFd::register`")]
    pub fn new(inner: T) -> io::Result<AsyncFd<T>> {
        // SAFETY: documented of the type; programs from before `register` promise no more.
        Ok(unsafe { AsyncFd::register(inner) }?)
    }

    /// [`register_with_interest`](AsyncFd::register_with_interest), with an error that does not
    /// give the descriptor back.
    ///
    /// # Errors
    ///
    /// If the system cannot wait on it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    #[deprecated(
        note = "does not ask for the promise that it needs: use `AsyncFd::register_with_interest`"
    )]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
        // SAFETY: as in `new`.
        Ok(unsafe { AsyncFd::register_with_interest(inner, interest) }?)
    }

    /// The old, safe name of [`register`](AsyncFd::register).
    ///
    /// # Errors
    ///
    /// If the system cannot wait on it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    #[deprecated(note = "does not ask for the promise that it needs: use `AsyncFd::register`")]
    pub fn try_new(inner: T) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        // SAFETY: as in `new`.
        unsafe { AsyncFd::register(inner) }
    }

    /// The old, safe name of [`register_with_interest`](AsyncFd::register_with_interest).
    ///
    /// # Errors
    ///
    /// If the system cannot wait on it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    #[deprecated(
        note = "does not ask for the promise that it needs: use `AsyncFd::register_with_interest`"
    )]
    pub fn try_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        // SAFETY: as in `new`.
        unsafe { AsyncFd::register_with_interest(inner, interest) }
    }

    /// The descriptor's owner.
    pub fn get_ref(&self) -> &T {
        self.inner.as_ref().expect("taken only when consumed")
    }

    /// The descriptor's owner.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("taken only when consumed")
    }

    /// Deregisters the descriptor and gives its owner back.
    pub fn into_inner(mut self) -> T {
        self.take().expect("taken only here and by drop")
    }

    fn take(&mut self) -> Option<T> {
        let inner = self.inner.take()?;
        let fd = inner.as_raw_fd();
        // If the system refuses, the registration is leaked: there is nobody to tell.
        let _ = self.registration.deregister(&mut SourceFd(&fd));
        Some(inner)
    }

    fn guard(&self, event: ReadyEvent) -> AsyncFdReadyGuard<'_, T> {
        AsyncFdReadyGuard::new(self, event)
    }

    fn guard_mut(&mut self, event: ReadyEvent) -> AsyncFdReadyMutGuard<'_, T> {
        AsyncFdReadyMutGuard::new(self, event)
    }

    fn poll(&self, direction: Direction, cx: &mut Context<'_>) -> Poll<io::Result<ReadyEvent>> {
        self.registration
            .poll_ready(direction, cx, &POINTS.ready, None)
    }

    /// [`readable`](AsyncFd::readable) for hand-written futures: only the latest caller is woken.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn poll_read_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        self.poll(Direction::Read, cx)
            .map_ok(|event| self.guard(event))
    }

    /// [`readable_mut`](AsyncFd::readable_mut) for hand-written futures: only the latest caller
    /// is woken.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn poll_read_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.poll(Direction::Read, cx))?;
        Poll::Ready(Ok(self.guard_mut(event)))
    }

    /// [`writable`](AsyncFd::writable) for hand-written futures: only the latest caller is woken.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn poll_write_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        self.poll(Direction::Write, cx)
            .map_ok(|event| self.guard(event))
    }

    /// [`writable_mut`](AsyncFd::writable_mut) for hand-written futures: only the latest caller
    /// is woken.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn poll_write_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.poll(Direction::Write, cx))?;
        Poll::Ready(Ok(self.guard_mut(event)))
    }

    /// Waits until the descriptor is ready for a part of `interest`. Cancel safe.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn ready(
        &self,
        interest: Interest,
    ) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> + Unpin + '_ {
        then(Readiness::new(&self.registration, interest), |event| {
            Ok(self.guard(event?))
        })
    }

    /// [`ready`](AsyncFd::ready) whose guard gives mutable access.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub async fn ready_mut(
        &mut self,
        interest: Interest,
    ) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        let event = Readiness::new(&self.registration, interest).await?;
        Ok(self.guard_mut(event))
    }

    /// Waits until the descriptor can be read. Cancel safe.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn readable(
        &self,
    ) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> + Unpin + '_ {
        self.ready(Interest::READABLE)
    }

    /// [`readable`](AsyncFd::readable) whose guard gives mutable access.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub async fn readable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// Waits until the descriptor can be written. Cancel safe.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub fn writable(
        &self,
    ) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> + Unpin + '_ {
        self.ready(Interest::WRITABLE)
    }

    /// [`writable`](AsyncFd::writable) whose guard gives mutable access.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub async fn writable_mut(&mut self) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// Makes `f` as soon as it does not fail with `WouldBlock`. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of `f`, but for `WouldBlock`.
    pub fn async_io<'a, R>(
        &'a self,
        interest: Interest,
        mut f: impl FnMut(&T) -> io::Result<R> + 'a,
    ) -> impl Future<Output = io::Result<R>> + Unpin {
        let attempt = move || f(self.get_ref());
        Operation::new(&self.registration, interest, &POINTS.ready, attempt)
    }

    /// [`async_io`](AsyncFd::async_io) with mutable access.
    ///
    /// # Errors
    ///
    /// Those of `f`, but for `WouldBlock`.
    pub fn async_io_mut<'a, R>(
        &'a mut self,
        interest: Interest,
        mut f: impl FnMut(&mut T) -> io::Result<R> + 'a,
    ) -> impl Future<Output = io::Result<R>> + Unpin {
        let AsyncFd {
            registration,
            inner,
        } = self;
        let inner = inner.as_mut().expect("taken only when consumed");
        Operation::new(registration, interest, &POINTS.ready, move || f(inner))
    }

    /// Makes `f` if the descriptor is ready.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it is not, and those of `f`.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.try_io(interest, || f(self.get_ref()))
    }

    /// [`try_io`](AsyncFd::try_io) with mutable access.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the descriptor is not ready, and those of `f`.
    pub fn try_io_mut<R>(
        &mut self,
        interest: Interest,
        f: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let AsyncFd {
            registration,
            inner,
        } = self;
        let inner = inner.as_mut().expect("taken only when consumed");
        registration.try_io(interest, || f(inner))
    }

    fn clear(&self, event: ReadyEvent, ready: Ready) {
        self.registration.io().clear(event.seen, ready);
    }
}

impl<T: AsRawFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl<T: AsRawFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: who registered the descriptor promised that it stays open for as long as it is
        // registered, and so for as long as `self` is borrowed.
        unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd")
            .field("inner", &self.inner)
            .finish()
    }
}

impl<T: AsRawFd> Drop for AsyncFd<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// A descriptor could not be registered: it comes back, with the reason.
pub struct AsyncFdRegisterError<T> {
    inner: T,
    cause: io::Error,
}

/// The old name of [`AsyncFdRegisterError`].
#[doc(hidden)]
#[deprecated(note = "use `AsyncFdRegisterError`")]
pub type AsyncFdTryNewError<T> = AsyncFdRegisterError<T>;

impl<T> AsyncFdRegisterError<T> {
    /// The descriptor's owner and the reason.
    pub fn into_parts(self) -> (T, io::Error) {
        (self.inner, self.cause)
    }
}

impl<T> fmt::Display for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<T> fmt::Debug for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<T> Error for AsyncFdRegisterError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

impl<T> From<AsyncFdRegisterError<T>> for io::Error {
    fn from(error: AsyncFdRegisterError<T>) -> io::Error {
        error.cause
    }
}

#[cfg(test)]
mod tests;

//! The named futures of operations on a source.
//!
//! They are no `async fn`s so that `#[track_caller]` on their `poll` can tell the place of the
//! user's `.await`.
//!
//! Cancel safety: an operation that is dropped has either not been made, or its result has been
//! returned.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::registration::{ReadyEvent, Registration};
use super::scheduled_io::{Key, Wait};
use crate::io::{Interest, Ready};
use crate::task::coop::poll_proceed;
use crate::telemetry::waits::{WaitNote, WaitPoint};

/// A wait on a registration, of which there may be any number.
struct Waiting<'a> {
    registration: &'a Registration,
    mask: Ready,
    point: &'static WaitPoint,
    key: Option<Key>,
    note: WaitNote,
}

impl<'a> Waiting<'a> {
    fn new(registration: &'a Registration, interest: Interest, point: &'static WaitPoint) -> Self {
        let mask = Ready::from_interest(interest);
        Waiting {
            registration,
            mask,
            point,
            key: None,
            note: WaitNote::new(),
        }
    }

    fn wait(&mut self, waker: &Waker, location: &'static Location<'static>) -> Wait {
        let io = self.registration.io();
        let wait = io.wait_keyed(&mut self.key, self.mask, waker);
        if wait == Wait::Pending {
            self.note.set(self.point, io.resource(), Some(location));
        }
        wait
    }

    fn end(&mut self) {
        self.note.clear();
        if let Some(key) = self.key.take() {
            self.registration.io().forget(key);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes an attempt until it does not fail with `WouldBlock`.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Operation<'a, F> {
    waiting: Waiting<'a>,
    attempt: F,
}

/// The attempt is never pinned.
impl<F> Unpin for Operation<'_, F> {}

impl<'a, F> Operation<'a, F> {
    pub(crate) fn new(
        registration: &'a Registration,
        interest: Interest,
        point: &'static WaitPoint,
        attempt: F,
    ) -> Operation<'a, F> {
        Operation {
            waiting: Waiting::new(registration, interest, point),
            attempt,
        }
    }
}

impl<R, F: FnMut() -> io::Result<R>> Future for Operation<'_, F> {
    type Output = io::Result<R>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        let location = Location::caller();
        let this = self.get_mut();
        loop {
            let coop = ready!(poll_proceed(cx));
            let (io, mask) = (this.waiting.registration.io(), this.waiting.mask);
            let seen = io.seen();
            if seen.is_shutdown() {
                this.waiting.end();
                return Poll::Ready(Err(super::gone()));
            }
            if seen.may_succeed(mask) {
                match (this.attempt)() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        io.clear(seen, mask);
                    }
                    done => {
                        this.waiting.end();
                        coop.made_progress();
                        return Poll::Ready(done);
                    }
                }
            }
            if this.waiting.wait(cx.waker(), location) == Wait::Pending {
                return Poll::Pending;
            }
            // A source whose other side has gone counts as ready from then on, even if another comes
            // and it refuses again: each round takes its unit, so that others have their turn.
            coop.made_progress();
        }
    }
}

/// Waits until a source is ready for something, without doing it.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Readiness<'a> {
    waiting: Waiting<'a>,
}

impl<'a> Readiness<'a> {
    pub(crate) fn new(registration: &'a Registration, interest: Interest) -> Readiness<'a> {
        let point = &registration.points().ready;
        Readiness {
            waiting: Waiting::new(registration, interest, point),
        }
    }
}

impl Future for Readiness<'_> {
    type Output = io::Result<ReadyEvent>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<ReadyEvent>> {
        let location = Location::caller();
        let this = self.get_mut();
        let coop = ready!(poll_proceed(cx));
        loop {
            if let Some(event) = this.waiting.registration.ready_now(this.waiting.mask) {
                this.waiting.end();
                coop.made_progress();
                return Poll::Ready(event);
            }
            if this.waiting.wait(cx.waker(), location) == Wait::Pending {
                return Poll::Pending;
            }
        }
    }
}

/// A future's output, changed when it is there. Unlike an `async` block it passes the place of
/// the `.await` on.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Then<F, M> {
    future: F,
    map: Option<M>,
}

/// The map is never pinned.
impl<F: Unpin, M> Unpin for Then<F, M> {}

/// `future`'s output through `map`.
pub(crate) fn then<F, M, T>(future: F, map: M) -> Then<F, M>
where
    F: Future + Unpin,
    M: FnOnce(F::Output) -> T,
{
    Then {
        future,
        map: Some(map),
    }
}

impl<F: Future + Unpin, T, M: FnOnce(F::Output) -> T> Future for Then<F, M> {
    type Output = T;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let output = ready!(Pin::new(&mut self.future).poll(cx));
        let map = self.map.take().expect("polled after it returned `Ready`");
        Poll::Ready(map(output))
    }
}

/// A future made from another's output. Unlike an `async` block it passes the place of the
/// `.await` on.
#[must_use = "futures do nothing unless polled"]
pub(crate) enum AndThen<F, M, G> {
    First(F, Option<M>),
    Second(G),
}

/// The map is never pinned.
impl<F: Unpin, M, G: Unpin> Unpin for AndThen<F, M, G> {}

/// `first`, then, if it succeeds, the future that `map` makes of its output.
pub(crate) fn and_then<F, M, G, T>(first: F, map: M) -> AndThen<F, M, G>
where
    F: Future<Output = io::Result<T>> + Unpin,
    M: FnOnce(T) -> io::Result<G>,
{
    AndThen::First(first, Some(map))
}

impl<F, M, G, T, R> Future for AndThen<F, M, G>
where
    F: Future<Output = io::Result<T>> + Unpin,
    M: FnOnce(T) -> io::Result<G>,
    G: Future<Output = io::Result<R>> + Unpin,
{
    type Output = io::Result<R>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        if let AndThen::First(first, map) = &mut *self {
            let output = ready!(Pin::new(first).poll(cx))?;
            let map = map.take().expect("polled after it returned `Ready`");
            *self = AndThen::Second(map(output)?);
        }
        match &mut *self {
            AndThen::Second(second) => Pin::new(second).poll(cx),
            AndThen::First(..) => Poll::Pending,
        }
    }
}

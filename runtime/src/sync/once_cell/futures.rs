//! The futures that [`OnceCell`]'s methods return.

#![expect(
    unsafe_code,
    reason = "pin projection to the acquisition and the initialisation"
)]

use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{OnceCell, Permit};
use crate::sync::batch::Acquiring;
use crate::telemetry::waits::WaitPoint;

static GET_OR_INIT: WaitPoint = WaitPoint::new("once_cell", "get_or_init");
static GET_OR_TRY_INIT: WaitPoint = WaitPoint::new("once_cell", "get_or_try_init");

/// How far a call has come. The two futures are pinned with it.
enum Stage<'a, T, F, Fut> {
    New(F),
    Acquiring(Acquiring<&'a OnceCell<T>>, Option<F>),
    /// In this order, so that what the future holds is gone before another tries.
    Making(Fut, Option<Permit<'a, T>>),
    Done,
}

/// What a call comes to.
enum Found<'a, T, M> {
    /// The value was there, or has been made by another.
    There(&'a T),
    /// This call's own future has made this, and may write it.
    Made(M, Permit<'a, T>),
}

/// The part that both futures share.
struct Getting<'a, T, F, Fut> {
    cell: &'a OnceCell<T>,
    stage: Stage<'a, T, F, Fut>,
}

/// Ends a call whose future panics: the permit comes back then, not when the call is dropped.
struct EndOnUnwind<'p, 'a, T, F, Fut>(Pin<&'p mut Stage<'a, T, F, Fut>>);

impl<T, F, Fut> Drop for EndOnUnwind<'_, '_, T, F, Fut> {
    fn drop(&mut self) {
        self.0.set(Stage::Done);
    }
}

impl<'a, T, F, Fut> Getting<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future,
{
    fn new(cell: &'a OnceCell<T>, f: F) -> Self {
        Getting {
            cell,
            stage: Stage::New(f),
        }
    }

    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        point: &'static WaitPoint,
        location: &'static Location<'static>,
    ) -> Poll<Found<'a, T, Fut::Output>> {
        // SAFETY: what is pinned, the futures in `stage`, is not moved out of.
        let this = unsafe { self.get_unchecked_mut() };
        let cell = this.cell;
        // SAFETY: as above.
        let mut stage = unsafe { Pin::new_unchecked(&mut this.stage) };
        if let Stage::New(_) = *stage {
            // SAFETY: nothing is pinned in `New`.
            let new = mem::replace(unsafe { stage.as_mut().get_unchecked_mut() }, Stage::Done);
            if let Some(value) = cell.get() {
                return Poll::Ready(Found::There(value));
            }
            let Stage::New(f) = new else {
                unreachable!("it was `New` above");
            };
            stage.set(Stage::Acquiring(Acquiring::new(cell, 1), Some(f)));
        }
        // SAFETY: `acquiring` is not moved; `f` is not pinned.
        if let Stage::Acquiring(acquiring, f) = unsafe { stage.as_mut().get_unchecked_mut() } {
            // SAFETY: pinned with the stage.
            let acquiring = unsafe { Pin::new_unchecked(acquiring) };
            if ready!(acquiring.poll(cx, point, location)).is_err() {
                stage.set(Stage::Done);
                let value = cell.get().expect("closed after the value was written");
                return Poll::Ready(Found::There(value));
            }
            let permit = Permit(cell);
            let f = f.take().expect("there is one acquisition a call");
            stage.set(Stage::Done);
            let future = f();
            stage.set(Stage::Making(future, Some(permit)));
        }
        let mut ending = EndOnUnwind(stage);
        // SAFETY: the future is not moved.
        let Stage::Making(future, permit) = (unsafe { ending.0.as_mut().get_unchecked_mut() })
        else {
            panic!("`async fn` resumed after completion");
        };
        // SAFETY: pinned with the stage.
        let result = unsafe { Pin::new_unchecked(future) }.poll(cx);
        let Poll::Ready(made) = result else {
            mem::forget(ending);
            return Poll::Pending;
        };
        let permit = permit.take().expect("it comes with the future");
        // Drops the future before the value is written, or another tries.
        drop(ending);
        Poll::Ready(Found::Made(made, permit))
    }
}

/// Future of [`OnceCell::get_or_init`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct GetOrInit<'a, T, F, Fut> {
    getting: Getting<'a, T, F, Fut>,
}

impl<'a, T, F, Fut> GetOrInit<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = T>,
{
    pub(super) fn new(cell: &'a OnceCell<T>, f: F) -> Self {
        GetOrInit {
            getting: Getting::new(cell, f),
        }
    }
}

impl<'a, T, F, Fut> Future for GetOrInit<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = T>,
{
    type Output = &'a T;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<&'a T> {
        // SAFETY: `getting` is pinned with the future and not moved out of it.
        let getting = unsafe { self.map_unchecked_mut(|this| &mut this.getting) };
        Poll::Ready(
            match ready!(getting.poll(cx, &GET_OR_INIT, Location::caller())) {
                Found::There(value) => value,
                Found::Made(value, permit) => permit.write(value),
            },
        )
    }
}

impl<T, F, Fut> fmt::Debug for GetOrInit<'_, T, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetOrInit").finish_non_exhaustive()
    }
}

/// Future of [`OnceCell::get_or_try_init`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct GetOrTryInit<'a, T, F, Fut> {
    getting: Getting<'a, T, F, Fut>,
}

impl<'a, T, E, F, Fut> GetOrTryInit<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    pub(super) fn new(cell: &'a OnceCell<T>, f: F) -> Self {
        GetOrTryInit {
            getting: Getting::new(cell, f),
        }
    }
}

impl<'a, T, E, F, Fut> Future for GetOrTryInit<'a, T, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Output = Result<&'a T, E>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `getting` is pinned with the future and not moved out of it.
        let getting = unsafe { self.map_unchecked_mut(|this| &mut this.getting) };
        Poll::Ready(
            match ready!(getting.poll(cx, &GET_OR_TRY_INIT, Location::caller())) {
                Found::There(value) => Ok(value),
                // After a failure the permit is dropped here, and another may try.
                Found::Made(result, permit) => result.map(|value| permit.write(value)),
            },
        )
    }
}

impl<T, F, Fut> fmt::Debug for GetOrTryInit<'_, T, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetOrTryInit").finish_non_exhaustive()
    }
}

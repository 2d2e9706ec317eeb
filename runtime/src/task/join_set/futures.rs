//! The futures that the methods of a join set return.

use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{JoinSet, with_id};
use crate::task::{Id, JoinError};
use crate::telemetry::waits::WaitNote;

/// Future of [`JoinSet::join_next`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct JoinNext<'a, T> {
    set: &'a mut JoinSet<T>,
    note: WaitNote,
}

impl<'a, T> JoinNext<'a, T> {
    pub(super) fn new(set: &'a mut JoinSet<T>) -> JoinNext<'a, T> {
        JoinNext {
            set,
            note: WaitNote::new(),
        }
    }
}

impl<T: 'static> Future for JoinNext<'_, T> {
    type Output = Option<Result<T, JoinError>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let JoinNext { set, note } = &mut *self;
        let joined = ready!(set.poll_next(cx, note, Location::caller()));
        Poll::Ready(joined.map(|(_, result)| result))
    }
}

/// Future of [`JoinSet::join_next_with_id`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct JoinNextWithId<'a, T> {
    set: &'a mut JoinSet<T>,
    note: WaitNote,
}

impl<'a, T> JoinNextWithId<'a, T> {
    pub(super) fn new(set: &'a mut JoinSet<T>) -> JoinNextWithId<'a, T> {
        JoinNextWithId {
            set,
            note: WaitNote::new(),
        }
    }
}

impl<T: 'static> Future for JoinNextWithId<'_, T> {
    type Output = Option<Result<(Id, T), JoinError>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let JoinNextWithId { set, note } = &mut *self;
        let joined = ready!(set.poll_next(cx, note, Location::caller()));
        Poll::Ready(joined.map(with_id))
    }
}

/// Future of [`JoinSet::shutdown`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Shutdown<'a, T> {
    set: &'a mut JoinSet<T>,
    note: WaitNote,
    aborted: bool,
}

impl<'a, T> Shutdown<'a, T> {
    pub(super) fn new(set: &'a mut JoinSet<T>) -> Shutdown<'a, T> {
        Shutdown {
            set,
            note: WaitNote::new(),
            aborted: false,
        }
    }
}

impl<T: 'static> Future for Shutdown<'_, T> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Shutdown { set, note, aborted } = &mut *self;
        if !std::mem::replace(aborted, true) {
            set.abort_all();
        }
        let location = Location::caller();
        while let Some(joined) = ready!(set.poll_next(cx, note, location)) {
            drop(joined);
        }
        Poll::Ready(())
    }
}

/// Future of [`JoinSet::join_all`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct JoinAll<T> {
    /// Taken when all tasks have completed, or one has failed: the others are aborted by that.
    set: Option<JoinSet<T>>,
    outputs: Vec<T>,
    note: WaitNote,
}

// Outputs are not pinned: they are given away by value.
impl<T> Unpin for JoinAll<T> {}

impl<T> JoinAll<T> {
    pub(super) fn new(set: JoinSet<T>) -> JoinAll<T> {
        JoinAll {
            outputs: Vec::with_capacity(set.len()),
            set: Some(set),
            note: WaitNote::new(),
        }
    }
}

impl<T: 'static> Future for JoinAll<T> {
    type Output = Vec<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<T>> {
        let JoinAll { set, outputs, note } = &mut *self;
        let location = Location::caller();
        let running = set.as_mut().expect("`JoinAll` polled after completion");
        while let Some((_, result)) = ready!(running.poll_next(cx, note, location)) {
            match result {
                Ok(output) => outputs.push(output),
                Err(error) => {
                    drop(set.take());
                    fail(error);
                }
            }
        }
        drop(set.take());
        Poll::Ready(std::mem::take(outputs))
    }
}

/// Panics as the task did, or because it was cancelled.
#[track_caller]
fn fail(error: JoinError) -> ! {
    match error.try_into_panic() {
        Ok(payload) => resume_unwind(payload),
        Err(error) => panic!("{error}"),
    }
}

macro_rules! opaque_debug {
    ($($future:ident<$($generic:tt),*>;)*) => {$(
        impl<T> fmt::Debug for $future<$($generic),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($future)).finish_non_exhaustive()
            }
        }
    )*};
}

opaque_debug! {
    JoinNext<'_, T>;
    JoinNextWithId<'_, T>;
    Shutdown<'_, T>;
    JoinAll<T>;
}

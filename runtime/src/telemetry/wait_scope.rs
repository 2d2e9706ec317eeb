//! Wait notes for futures of others.

#![expect(unsafe_code, reason = "pin projection to the future inside")]

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::waits::{Identity, Origin, WaitNote, WaitPoint};

/// Says what a task waits for while `future` is pending.
///
/// For leaf futures that are not zokio's: one that talks to a thread of its own, a connection pool, a
/// crate with an event loop of its own. Without it a task that awaits such a future waits for
/// something that telemetry does not know; with it the console shows kind and operation of `point`,
/// the line of the `.await`, and since when, as for a future of zokio's. `point` is a static, so that
/// waiting costs no allocation.
///
/// To be put round the future that really waits: round a block that awaits futures of zokio's, it says
/// the same thing twice.
///
/// ```
/// use zokio::telemetry::{WaitPoint, wait_scope};
///
/// static CHECKOUT: WaitPoint = WaitPoint::new("connection-pool", "checkout");
///
/// # struct Pool;
/// # impl Pool { async fn checkout(&self) -> u32 { 7 } }
/// # async fn example(pool: &Pool) {
/// let connection = wait_scope(&CHECKOUT, pool.checkout()).on(pool).await;
/// # assert_eq!(connection, 7);
/// # }
/// # zokio::runtime::Runtime::new().unwrap().block_on(example(&Pool));
/// ```
///
/// # Cancel safety
///
/// That of `future`.
#[track_caller]
pub fn wait_scope<F: Future>(point: &'static WaitPoint, future: F) -> WaitScope<F> {
    WaitScope {
        future,
        point,
        address: 0,
        made_at: Origin::here(),
        note: WaitNote::new(),
    }
}

/// Future of [`wait_scope`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WaitScope<F> {
    /// Pinned.
    future: F,
    point: &'static WaitPoint,
    /// 0: the scope itself.
    address: usize,
    made_at: Origin,
    note: WaitNote,
}

impl<F> WaitScope<F> {
    /// What is waited for: tasks that wait for the same `resource` are shown together. It is only a
    /// name, and not touched; it should not be dropped while they wait, or another thing may get its
    /// address and with it its name.
    pub fn on<T: ?Sized>(mut self, resource: &T) -> WaitScope<F> {
        self.address = std::ptr::from_ref(resource).addr();
        self
    }
}

impl<F: Future> Future for WaitScope<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let location = Location::caller();
        // SAFETY: `future`, the only field that is pinned, is not moved out of.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: `this` was pinned, and `future` with it.
        let result = unsafe { Pin::new_unchecked(&mut this.future) }.poll(cx);
        match result {
            Poll::Pending => {
                let address = std::ptr::without_provenance(this.address);
                // With an identity of its own, the place where it was made is the resource's.
                let resource = match this.address {
                    0 => Identity::new(address, this.made_at),
                    _ => Identity::from(address),
                };
                this.note.set(this.point, resource, Some(location));
            }
            Poll::Ready(_) => this.note.clear(),
        }
        result
    }
}

impl<F> fmt::Debug for WaitScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitScope")
            .field("point", &self.point)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "telemetry", not(zokio_loom)))]
mod tests {
    use super::*;
    use crate::sync::test_util::{awaiting, fresh_task, notes_of, polling, spawned};

    static FETCH: WaitPoint = WaitPoint::new("store", "fetch");

    #[test]
    fn a_scope_says_what_a_foreign_future_waits_for() {
        let store = 7_u32;
        let (future, line) = awaiting!(wait_scope(&FETCH, std::future::pending::<()>()).on(&store));
        let task = fresh_task();
        let _polling = polling(task);
        let mut future = spawned(future);
        future.assert_pending();
        let notes = notes_of(task);
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].point, &FETCH);
        assert_eq!(notes[0].resource, std::ptr::from_ref(&store).addr() as u64);
        assert_eq!(notes[0].location.map(Location::line), Some(line.line()));
        drop(future);
        assert!(notes_of(task).is_empty());
    }

    #[test]
    fn a_scope_says_nothing_once_its_future_is_ready() {
        let task = fresh_task();
        let _polling = polling(task);
        let (tx, rx) = crate::sync::oneshot::channel::<u32>();
        let mut future = spawned(wait_scope(&FETCH, rx));
        future.assert_pending();
        let kinds = |notes: Vec<super::super::waits::NoteView>| -> Vec<&str> {
            notes.iter().map(|note| note.point.kind()).collect()
        };
        assert!(kinds(notes_of(task)).contains(&"store"));
        tx.send(5).unwrap();
        assert_eq!(future.assert_ready(), Ok(5));
        assert!(notes_of(task).is_empty());
    }
}

//! A meeting point: tasks wait until a given number of them has come.
//!
//! The rounds are numbered by an event count (module `event_count`), whose lock orders those that
//! come. The one that completes a round advances the number, which lets the others go; they wait
//! until it is not the one that they came at.

#![expect(
    unsafe_code,
    reason = "pin projection to the wait inside the named future"
)]

use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, ready};

use super::event_count::{Awaiting, EventCount};
use crate::loom::atomic::{AtomicUsize, Ordering};
use crate::task::coop;
use crate::telemetry::waits::{Identity, Origin, WaitPoint};

static WAIT: WaitPoint = WaitPoint::new("barrier", "wait");

/// Lets a number of tasks begin something together.
///
/// [`wait`](Barrier::wait) returns once `n` tasks have called it. Then the barrier can be used
/// again.
///
/// ```
/// # async fn example() {
/// use std::sync::Arc;
/// use zokio::sync::Barrier;
///
/// let barrier = Arc::new(Barrier::new(2));
/// let other = zokio::spawn({
///     let barrier = barrier.clone();
///     async move { barrier.wait().await.is_leader() }
/// });
/// let leads = barrier.wait().await.is_leader();
/// // One of the two leads.
/// assert_ne!(leads, other.await.unwrap());
/// # }
/// ```
pub struct Barrier {
    n: usize,
    /// How many have come in this round. Changed only under the lock of `rounds`.
    arrived: AtomicUsize,
    rounds: EventCount,
    origin: Origin,
}

impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}

impl Barrier {
    /// A barrier for `n` tasks. One for 0 tasks holds up nobody, as one for a single task.
    #[track_caller]
    pub fn new(n: usize) -> Barrier {
        Barrier {
            n: n.max(1),
            arrived: AtomicUsize::new(0),
            rounds: EventCount::new(),
            origin: Origin::here(),
        }
    }

    /// Waits until `n` tasks have called this. One of them, the last to come, is told that it is
    /// the [leader](BarrierWaitResult::is_leader).
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a call counts from its first poll on, also if it is cancelled later.
    pub fn wait(&self) -> BarrierWait<'_> {
        BarrierWait {
            barrier: self,
            stage: Stage::New,
            awaiting: Awaiting::new(&self.rounds),
        }
    }

    /// Counts one that has come: the round to wait for, or `None` for the one that completes it.
    fn arrive(&self) -> Option<u64> {
        let round = self.rounds.lock();
        // The lock orders this after the stores of others.
        let arrived = self.arrived.load(Ordering::Relaxed) + 1;
        if arrived < self.n {
            self.arrived.store(arrived, Ordering::Relaxed);
            return Some(round.count());
        }
        self.arrived.store(0, Ordering::Relaxed);
        round.advance();
        None
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("n", &self.n)
            .field("arrived", &self.arrived.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

/// What [`Barrier::wait`] tells each task of a round.
#[derive(Debug, Clone)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this task is the leader: true for one task of each round.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    New,
    /// Of the round with that number.
    Arrived(u64),
    Done,
}

/// Future of [`Barrier::wait`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct BarrierWait<'a> {
    barrier: &'a Barrier,
    stage: Stage,
    awaiting: Awaiting<'a>,
}

impl Future for BarrierWait<'_> {
    type Output = BarrierWaitResult;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BarrierWaitResult> {
        let location = Location::caller();
        // SAFETY: `awaiting`, the only field that is pinned, is not moved out of.
        let this = unsafe { self.get_unchecked_mut() };
        let round = match this.stage {
            // A task comes whether it has budget left or not: others wait for it.
            Stage::New => {
                // Before: a waker that panics lets this one go, not come again.
                this.stage = Stage::Done;
                let Some(round) = this.barrier.arrive() else {
                    return Poll::Ready(BarrierWaitResult(true));
                };
                this.stage = Stage::Arrived(round);
                round
            }
            Stage::Arrived(round) => round,
            Stage::Done => panic!("`async fn` resumed after completion"),
        };
        let coop = ready!(coop::poll_proceed(cx));
        // SAFETY: as above.
        let awaiting = unsafe { Pin::new_unchecked(&mut this.awaiting) };
        let address = ptr::from_ref(this.barrier).cast();
        let resource = Identity::new(address, this.barrier.origin).with_capacity(this.barrier.n);
        let _ = ready!(awaiting.poll(round, cx, &WAIT, resource, location));
        coop.made_progress();
        this.stage = Stage::Done;
        Poll::Ready(BarrierWaitResult(false))
    }
}

impl fmt::Debug for BarrierWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWait")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "telemetry", not(zokio_loom)))]
mod tests;

#[cfg(all(test, zokio_loom))]
mod loom_tests;

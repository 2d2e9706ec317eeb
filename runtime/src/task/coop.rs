//! Cooperative scheduling: a budget of operations a poll.
//!
//! A task that always finds its next operation ready would never return to its worker. Each
//! operation of a leaf future of this crate takes one unit of the task's budget
//! ([`poll_proceed`]); when none is left the operation wakes the task and returns `Pending`,
//! although it could go on. The budget is full again at the next poll.

#![expect(unsafe_code, reason = "pin projection of wrapped futures")]

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::telemetry::{current, trace};

/// Operations a task may make in one poll.
const INITIAL: u8 = 128;

/// What is left; `None`: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget(Option<u8>);

impl Budget {
    /// A full budget.
    pub(crate) const fn initial() -> Budget {
        Budget(Some(INITIAL))
    }

    /// Nothing left, as in a trace (see [`trace`]).
    #[cfg_attr(
        not(feature = "telemetry"),
        expect(dead_code, reason = "nobody traces")
    )]
    pub(crate) const fn exhausted() -> Budget {
        Budget(Some(0))
    }

    /// No limit: outside of tasks, and in `unconstrained`.
    pub(crate) const fn unconstrained() -> Budget {
        Budget(None)
    }
}

thread_local! {
    static BUDGET: Cell<Budget> = const { Cell::new(Budget::unconstrained()) };
}

/// Sets back the budget from before [`enter`], also when the poll panics.
pub(crate) struct ResetGuard(Budget);

impl Drop for ResetGuard {
    fn drop(&mut self) {
        BUDGET.with(|b| b.set(self.0));
    }
}

/// Sets the budget for one poll.
pub(crate) fn enter(budget: Budget) -> ResetGuard {
    ResetGuard(BUDGET.with(|b| b.replace(budget)))
}

/// Lifts the limit, but for a trace.
fn enter_unconstrained() -> ResetGuard {
    let is_traced = is_traced();
    let guard = enter(Budget::unconstrained());
    if is_traced {
        BUDGET.with(|b| b.set(guard.0));
    }
    guard
}

/// Gives back the unit of budget that [`poll_proceed`] took, unless
/// [`made_progress`](RestoreOnPending::made_progress) is called: an operation that stays pending
/// costs nothing.
#[derive(Debug)]
#[must_use = "dropping it at once gives the budget back"]
pub struct RestoreOnPending(Cell<Budget>, PhantomData<*mut ()>);

impl RestoreOnPending {
    fn new(budget: Budget) -> RestoreOnPending {
        // The budget is this thread's.
        RestoreOnPending(Cell::new(budget), PhantomData)
    }

    /// The operation was made; its unit of budget is spent.
    pub fn made_progress(&self) {
        self.0.set(Budget::unconstrained());
    }
}

impl Drop for RestoreOnPending {
    fn drop(&mut self) {
        let budget = self.0.get();
        if budget != Budget::unconstrained() {
            BUDGET.with(|b| b.set(budget));
        }
    }
}

/// Takes one unit of the task's budget, or, with none left, wakes the task and returns `Pending`.
///
/// Leaf futures call it before they try their operation:
///
/// ```
/// # use std::task::{Context, Poll, ready};
/// # fn try_operation() -> Option<u32> { Some(1) }
/// fn poll_operation(cx: &mut Context<'_>) -> Poll<u32> {
///     let coop = ready!(zokio::task::coop::poll_proceed(cx));
///     match try_operation() {
///         Some(value) => {
///             coop.made_progress();
///             Poll::Ready(value)
///         }
///         None => Poll::Pending, // dropping `coop` gives the unit back
///     }
/// }
/// ```
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    BUDGET.with(|b| {
        let budget = b.get();
        match budget.0 {
            None => Poll::Ready(RestoreOnPending::new(Budget::unconstrained())),
            Some(0) => {
                refuse(cx);
                Poll::Pending
            }
            Some(left) => {
                b.set(Budget(Some(left - 1)));
                Poll::Ready(RestoreOnPending::new(budget))
            }
        }
    })
}

/// There is no budget left: the task is woken, or, in a trace, notes where it waits.
#[cold]
fn refuse(cx: &Context<'_>) {
    if !trace::leaf(cx) {
        current::note_exhausted();
        cx.waker().wake_by_ref();
    }
}

/// `Pending` in a trace, before a leaf future does what needs no budget.
#[inline]
pub(crate) fn poll_traced(cx: &Context<'_>) -> Poll<()> {
    if !has_budget_remaining() && trace::leaf(cx) {
        return Poll::Pending;
    }
    Poll::Ready(())
}

/// Whether this poll is a trace: then a future that polls others does so, although there is no
/// budget.
#[inline]
pub(crate) fn is_traced() -> bool {
    !has_budget_remaining() && trace::is_on()
}

/// Takes more units of the task's budget, as far as there are, for an operation that took as long
/// as several.
pub(crate) fn spend(units: u8) {
    BUDGET.with(|b| b.set(Budget(b.get().0.map(|left| left.saturating_sub(units)))));
}

/// Whether the task being polled has budget left. True outside of a task.
#[inline]
pub fn has_budget_remaining() -> bool {
    BUDGET.with(Cell::get) != Budget(Some(0))
}

/// Takes one unit of the task's budget and, when none is left, yields to the scheduler.
///
/// For long computations between `.await`s, so that other tasks get their turn.
pub async fn consume_budget() {
    std::future::poll_fn(|cx| {
        let coop = ready!(poll_proceed(cx));
        coop.made_progress();
        Poll::Ready(())
    })
    .await;
}

/// Polls `future` without a budget: whatever it does, it is not made to yield.
pub fn unconstrained<F>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

/// Future of [`unconstrained`].
#[must_use = "Unconstrained does nothing unless polled"]
#[derive(Debug)]
pub struct Unconstrained<F> {
    future: F,
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: structural pinning of the one field; it is not moved, and there is no `Drop`.
        let future = unsafe { self.map_unchecked_mut(|this| &mut this.future) };
        let _reset = enter_unconstrained();
        future.poll(cx)
    }
}

/// Makes a future take part in cooperative scheduling: each poll of it needs a unit of the task's
/// budget, without which it yields, and the unit is spent when the future completes.
///
/// For leaf futures that know nothing of budgets, those of other crates for one.
///
/// ```
/// # let runtime = zokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// use zokio::task::coop;
///
/// let mut turns = 0;
/// while coop::has_budget_remaining() {
///     coop::cooperative(std::future::ready(())).await;
///     turns += 1;
/// }
/// assert_eq!(turns, 128);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn cooperative<F: Future>(future: F) -> Coop<F> {
    Coop { future }
}

/// Future of [`cooperative`].
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Coop<F: Future> {
    future: F,
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: as in `Unconstrained`.
        let future = unsafe { self.map_unchecked_mut(|this| &mut this.future) };
        if is_traced() {
            return future.poll(cx);
        }
        let coop = ready!(poll_proceed(cx));
        let output = ready!(future.poll(cx));
        coop.made_progress();
        Poll::Ready(output)
    }
}

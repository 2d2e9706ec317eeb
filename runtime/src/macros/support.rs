//! What the expansions of this crate's macros call. Not a public interface: it may change in any
//! release.
//!
//! Purpose: keep the expansions short and free of `unsafe`; everything that can be a function is
//! one. The functions that poll a branch are `#[track_caller]`, so that a leaf future inside sees
//! the line of its branch.

#![expect(unsafe_code, reason = "pin projection of `MaybeDone`")]

mod kind;

use std::cell::Cell;
pub use std::future::{Future, IntoFuture, poll_fn};
use std::hash::{BuildHasher, RandomState};
pub use std::pin::Pin;
pub use std::task::{Context, Poll};

use crate::task::coop;

pub use kind::{AnyKind, MutKind, MutPinKind, PinKind, kind_of};
#[cfg(feature = "macros")]
pub use zokio_macros::{join_inner, select_inner, try_join_inner};

/// Ready unless the current task has used up its budget; then the task has been woken.
#[inline]
pub fn poll_budget_available(cx: &mut Context<'_>) -> Poll<()> {
    if coop::is_traced() {
        // The branches say where they wait.
        return Poll::Ready(());
    }
    // Dropping the guard gives the unit back: this only asks.
    coop::poll_proceed(cx).map(drop)
}

/// Polls a branch of `join!`.
#[inline]
#[track_caller]
pub fn poll_branch<F: Future + ?Sized>(
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    future.poll(cx)
}

/// Polls a branch of `try_join!`. Ready with an error as soon as the branch has failed.
#[inline]
#[track_caller]
pub fn poll_try_branch<F, T, E>(
    mut branch: Pin<&mut MaybeDone<F>>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), E>>
where
    F: Future<Output = Result<T, E>>,
{
    if branch.as_mut().poll(cx).is_pending() {
        return Poll::Pending;
    }
    match branch.output() {
        Some(Err(_)) => match take_output(branch) {
            Err(error) => Poll::Ready(Err(error)),
            Ok(_) => unreachable!("the output was an error"),
        },
        _ => Poll::Ready(Ok(())),
    }
}

/// A future, then its output, then nothing: a branch of `join!`.
#[derive(Debug)]
pub enum MaybeDone<F: Future> {
    /// The future has not completed.
    Future(F),
    /// The future has completed and its output waits to be taken.
    Done(F::Output),
    /// The output has been taken.
    Gone,
}

// Only the future is ever pinned; the output is moved out by value.
impl<F: Future + Unpin> Unpin for MaybeDone<F> {}

/// Makes a branch of `join!`.
pub fn maybe_done<F: IntoFuture>(future: F) -> MaybeDone<F::IntoFuture> {
    MaybeDone::Future(future.into_future())
}

impl<F: Future> MaybeDone<F> {
    /// The output, if it is there.
    pub fn output(&self) -> Option<&F::Output> {
        match self {
            MaybeDone::Done(output) => Some(output),
            MaybeDone::Future(_) | MaybeDone::Gone => None,
        }
    }
}

impl<F: Future> Future for MaybeDone<F> {
    type Output = ();

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: structural pinning of the variant `Future`: the future is only reached through
        // the `Pin` made below and is dropped in place by `Pin::set`; `Unpin` and `Drop` of the
        // enum do not let anybody move it.
        let future = match unsafe { self.as_mut().get_unchecked_mut() } {
            // SAFETY: as above; the reference comes from a pinned `MaybeDone`.
            MaybeDone::Future(future) => unsafe { Pin::new_unchecked(future) },
            MaybeDone::Done(_) => return Poll::Ready(()),
            MaybeDone::Gone => panic!("`join!` polled after completion"),
        };
        match future.poll(cx) {
            Poll::Ready(output) => {
                self.set(MaybeDone::Done(output));
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// The output of a branch that is done.
///
/// # Panics
///
/// When the branch is not done, which the macros rule out.
pub fn take_output<F: Future>(branch: Pin<&mut MaybeDone<F>>) -> F::Output {
    assert!(
        branch.output().is_some(),
        "a branch of `join!` has no output"
    );
    // SAFETY: the variant is `Done`, which holds no pinned future: moving the output out is allowed.
    let branch = unsafe { branch.get_unchecked_mut() };
    match std::mem::replace(branch, MaybeDone::Gone) {
        MaybeDone::Done(output) => output,
        MaybeDone::Future(_) | MaybeDone::Gone => unreachable!("checked above"),
    }
}

/// The value of a branch of `try_join!` that is done.
///
/// # Panics
///
/// When the branch is not done or has failed, which the macros rule out.
pub fn take_ok<F, T, E>(branch: Pin<&mut MaybeDone<F>>) -> T
where
    F: Future<Output = Result<T, E>>,
{
    match take_output(branch) {
        Ok(value) => value,
        Err(_) => unreachable!("a failed branch has ended `try_join!`"),
    }
}

thread_local! {
    /// State of this thread's generator; 0 until the first use.
    static RNG: Cell<u64> = const { Cell::new(0) };
}

/// A pseudo-random number below `n`; 0 when `n` is 0. For fairness, not for secrets.
#[inline]
pub fn thread_rng_n(n: u32) -> u32 {
    let random = RNG.with(|rng| {
        let mut state = rng.get();
        if state == 0 {
            state = seed();
        }
        // xorshift64: three shifts, period 2^64 - 1, never 0.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        rng.set(state);
        state
    });
    // The upper half, scaled to 0..n by a multiplication: they are the better bits, and there is no
    // division.
    (((random >> 32) * u64::from(n)) >> 32) as u32
}

/// Sets the state of this thread's generator, 0 for one not used yet; returns the one before.
pub(crate) fn replace_random_state(state: u64) -> u64 {
    RNG.with(|rng| rng.replace(state))
}

/// A non-zero seed that differs between threads and runs.
#[cold]
fn seed() -> u64 {
    RandomState::new().hash_one(std::thread::current().id()) | 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::marker::PhantomPinned;
    use std::pin::pin;

    #[test]
    fn random_numbers_stay_below_the_bound_and_reach_every_value() {
        let mut seen = [0_u32; 7];
        for _ in 0..7_000 {
            seen[thread_rng_n(7) as usize] += 1;
        }
        // Binomial with mean 1000 and standard deviation 29: ten of them.
        assert!(seen.iter().all(|&n| (700..1_300).contains(&n)), "{seen:?}");
        assert_eq!(thread_rng_n(1), 0);
        assert_eq!(thread_rng_n(0), 0);
    }

    #[test]
    fn threads_draw_different_sequences() {
        let draw = || (0..8).map(|_| thread_rng_n(u32::MAX)).collect::<Vec<_>>();
        let other = std::thread::spawn(draw).join().unwrap();
        assert_ne!(draw(), other);
    }

    #[test]
    fn maybe_done_keeps_the_output_until_it_is_taken() {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut branch = pin!(maybe_done(async {
            let _unmovable = PhantomPinned;
            "output".to_owned()
        }));
        assert!(branch.output().is_none());
        assert!(branch.as_mut().poll(&mut cx).is_ready());
        assert!(branch.as_mut().poll(&mut cx).is_ready());
        assert_eq!(take_output(branch.as_mut()), "output");
        assert!(matches!(*branch, MaybeDone::Gone));
    }

    #[test]
    #[should_panic(expected = "a branch of `join!` has no output")]
    fn an_output_cannot_be_taken_before_its_time() {
        take_output(pin!(maybe_done(std::future::pending::<()>())));
    }

    #[test]
    #[cfg(feature = "macros")]
    fn a_task_without_budget_yields_before_any_branch_is_polled() {
        use crate::task::coop;

        let polls = Cell::new(0);
        let mut select = pin!(async {
            crate::select! {
                () = poll_fn(|_| {
                    polls.set(polls.get() + 1);
                    Poll::Ready(())
                }) => {}
            }
        });
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let task = coop::enter(coop::Budget::initial());
        while let Poll::Ready(coop) = coop::poll_proceed(&mut cx) {
            coop.made_progress();
        }
        assert!(select.as_mut().poll(&mut cx).is_pending());
        assert_eq!(polls.get(), 0);

        drop(task);
        let _next_poll = coop::enter(coop::Budget::initial());
        assert!(select.as_mut().poll(&mut cx).is_ready());
        assert_eq!(polls.get(), 1);
    }

    #[test]
    fn a_branch_is_no_larger_than_its_future_and_a_word() {
        fn size<F: Future>(_: &MaybeDone<F>) -> usize {
            size_of::<MaybeDone<F>>()
        }
        let big = [0_u8; 256];
        let future = async move {
            std::future::ready(()).await;
            big
        };
        let inner = size_of_val(&future);
        assert!(size(&maybe_done(future)) <= inner + 8);
    }
}

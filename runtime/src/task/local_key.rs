//! Task locals.
//!
//! Purpose: a value for the time that a future (or a closure) runs. The value lives in the
//! [`TaskLocalFuture`]; while that future is polled or dropped it is swapped into a thread-local
//! slot, and swapped out after, so that it follows the future from thread to thread and nested
//! scopes restore the outer value.
//!
//! Non-goal: inheritance by spawned tasks.

#![expect(unsafe_code, reason = "pin projection of `TaskLocalFuture`")]

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

/// A key for task-local data, declared with [`task_local!`](crate::task_local).
///
/// Unlike a [`std::thread::LocalKey`] it has no initial value: it is set for the duration of a
/// future by [`scope`](LocalKey::scope), or of a closure by [`sync_scope`](LocalKey::sync_scope),
/// and absent outside of them.
///
/// # Examples
///
/// ```
/// zokio::task_local! {
///     static NUMBER: u32;
/// }
///
/// # async fn run() {
/// NUMBER
///     .scope(1, async {
///         assert_eq!(NUMBER.get(), 1);
///         NUMBER.scope(2, async { assert_eq!(NUMBER.get(), 2) }).await;
///         assert_eq!(NUMBER.get(), 1);
///     })
///     .await;
/// assert!(NUMBER.try_get().is_err());
/// # }
/// # let run = std::pin::pin!(run());
/// # use std::{future::Future, task::{Context, Waker}};
/// # assert!(run.poll(&mut Context::from_waker(Waker::noop())).is_ready());
/// ```
pub struct LocalKey<T: 'static> {
    slot: thread::LocalKey<RefCell<Option<T>>>,
}

impl<T: 'static> LocalKey<T> {
    /// For `task_local!` alone.
    #[doc(hidden)]
    pub const fn __new(slot: thread::LocalKey<RefCell<Option<T>>>) -> LocalKey<T> {
        LocalKey { slot }
    }

    /// A future that runs `f` with the key set to `value`. The value is dropped with the future,
    /// unless it is taken out with [`TaskLocalFuture::take_value`].
    ///
    /// # Panics
    ///
    /// The future panics when it is polled inside of [`with`](LocalKey::with) or
    /// [`try_with`](LocalKey::try_with) of the same key.
    pub fn scope<F>(&'static self, value: T, f: F) -> TaskLocalFuture<T, F>
    where
        F: Future,
    {
        TaskLocalFuture {
            key: self,
            value: Some(value),
            future: Some(f),
        }
    }

    /// Runs `f` with the key set to `value`, and drops the value.
    ///
    /// # Panics
    ///
    /// When called inside of [`with`](LocalKey::with) or [`try_with`](LocalKey::try_with) of the
    /// same key.
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        let mut value = Some(value);
        match self.enter(&mut value) {
            Ok(_entered) => f(),
            Err(error) => error.panic(),
        }
    }

    /// Calls `f` with a reference to the value.
    ///
    /// # Panics
    ///
    /// When the key is not set: outside of a scope of it.
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(_) => panic!("cannot access a task-local storage value without setting it first"),
        }
    }

    /// Calls `f` with a reference to the value, if the key is set.
    ///
    /// # Errors
    ///
    /// [`AccessError`] when the key is not set: outside of a scope of it, or after its value has
    /// been taken.
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        // The slot is mutably borrowed only while two values are swapped, which runs no code of
        // the user's, so this borrow does not fail. A slot that is gone with its thread holds no
        // value either.
        self.slot
            .try_with(|slot| slot.borrow().as_ref().map(f))
            .ok()
            .flatten()
            .ok_or(AccessError { _private: () })
    }

    /// Puts `value` into this thread's slot until the guard is dropped.
    fn enter<'a>(&'static self, value: &'a mut Option<T>) -> Result<Entered<'a, T>, EnterError> {
        self.slot
            .try_with(|slot| match slot.try_borrow_mut() {
                Ok(mut current) => {
                    mem::swap(&mut *current, value);
                    Ok(())
                }
                Err(_) => Err(EnterError::Borrowed),
            })
            .map_err(|_| EnterError::Destroyed)??;
        Ok(Entered {
            key: self,
            outer: value,
        })
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A clone of the value.
    ///
    /// # Panics
    ///
    /// When the key is not set: outside of a scope of it.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A clone of the value, if the key is set.
    ///
    /// # Errors
    ///
    /// [`AccessError`] when the key is not set.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("LocalKey { .. }")
    }
}

/// While it lives the thread's slot holds the scope's value, and `outer` what was there before;
/// dropped, also by a panic, it swaps them back.
struct Entered<'a, T: 'static> {
    key: &'static LocalKey<T>,
    outer: &'a mut Option<T>,
}

impl<T: 'static> Drop for Entered<'_, T> {
    fn drop(&mut self) {
        // Neither can fail: the slot existed when the guard was made, thread locals are not
        // destroyed while code that uses them is on the stack, and `try_with` never leaves a
        // borrow behind.
        let _ = self
            .key
            .slot
            .try_with(|slot| mem::swap(&mut *slot.borrow_mut(), self.outer));
    }
}

enum EnterError {
    Borrowed,
    Destroyed,
}

impl EnterError {
    #[track_caller]
    fn panic(self) -> ! {
        match self {
            EnterError::Borrowed => {
                panic!("cannot enter a task-local scope while the task-local storage is borrowed")
            }
            EnterError::Destroyed => panic!(
                "cannot enter a task-local scope during or after destruction of the underlying thread-local"
            ),
        }
    }
}

/// The future of [`LocalKey::scope`]: runs a future with a task local set.
///
/// The inner future is also dropped with the task local set, where that is possible.
#[must_use = "futures do nothing unless polled"]
pub struct TaskLocalFuture<T: 'static, F> {
    key: &'static LocalKey<T>,
    value: Option<T>,
    /// `None` once it has completed.
    future: Option<F>,
}

/// Only the future is pinned.
impl<T: 'static, F: Unpin> Unpin for TaskLocalFuture<T, F> {}

struct Projection<'a, T: 'static, F> {
    key: &'static LocalKey<T>,
    value: &'a mut Option<T>,
    future: Pin<&'a mut Option<F>>,
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    fn project(self: Pin<&mut Self>) -> Projection<'_, T, F> {
        // SAFETY: structural pinning of `future` alone: nothing below moves it, `Drop` sees it
        // through this same projection, and the type is `Unpin` only if the future is.
        let this = unsafe { self.get_unchecked_mut() };
        Projection {
            key: this.key,
            value: &mut this.value,
            // SAFETY: as above; the field belongs to a pinned value.
            future: unsafe { Pin::new_unchecked(&mut this.future) },
        }
    }

    /// Takes the value out of the future, whether or not it has completed. The key is not set any
    /// more for what is left of the future. `None` if the value has been taken before.
    ///
    /// # Examples
    ///
    /// ```
    /// zokio::task_local! {
    ///     static KEY: u32;
    /// }
    ///
    /// # async fn run() {
    /// let mut future = Box::pin(KEY.scope(42, async {}));
    /// future.as_mut().await;
    /// assert_eq!(future.as_mut().take_value(), Some(42));
    /// assert_eq!(future.as_mut().take_value(), None);
    /// # }
    /// # let run = std::pin::pin!(run());
    /// # use std::{future::Future, task::{Context, Waker}};
    /// # assert!(run.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Projection {
            key,
            value,
            mut future,
        } = self.project();
        let _entered = match key.enter(value) {
            Ok(entered) => entered,
            Err(error) => error.panic(),
        };
        let Some(running) = future.as_mut().as_pin_mut() else {
            panic!("`TaskLocalFuture` polled after completion");
        };
        let poll = running.poll(cx);
        if poll.is_ready() {
            future.set(None);
        }
        poll
    }
}

impl<T: 'static, F> Drop for TaskLocalFuture<T, F> {
    fn drop(&mut self) {
        if !mem::needs_drop::<F>() || self.future.is_none() {
            return;
        }
        // SAFETY: the value is being dropped and is not moved from here on.
        let this = unsafe { Pin::new_unchecked(self) };
        let Projection {
            key,
            value,
            mut future,
        } = this.project();
        // Where the scope cannot be entered the future is dropped with the fields, unset.
        if let Ok(_entered) = key.enter(value) {
            future.set(None);
        }
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value: &dyn fmt::Debug = match &self.value {
            Some(value) => value,
            None => &format_args!("<missing>"),
        };
        f.debug_struct("TaskLocalFuture")
            .field("value", value)
            .finish()
    }
}

/// A task local was asked for where it is not set: the error of [`LocalKey::try_with`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError {
    _private: (),
}

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("task-local value not set")
    }
}

impl Error for AccessError {}

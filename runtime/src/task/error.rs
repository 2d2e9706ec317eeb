//! Why a task has no output.

use std::any::Any;
use std::fmt;
use std::io;

use parking_lot::Mutex;

use super::Id;

/// The task was cancelled or panicked.
// Boxed, since every task has room for a `Result<T, JoinError>`.
pub struct JoinError(Box<Inner>);

struct Inner {
    id: Id,
    repr: Repr,
}

enum Repr {
    Cancelled,
    /// The payload is `Send` but not `Sync`; the lock makes the error both, as `io::Error` needs.
    Panic(Mutex<Box<dyn Any + Send + 'static>>),
}

impl JoinError {
    pub(crate) fn cancelled(id: Id) -> JoinError {
        JoinError(Box::new(Inner {
            id,
            repr: Repr::Cancelled,
        }))
    }

    pub(crate) fn panic(id: Id, payload: Box<dyn Any + Send + 'static>) -> JoinError {
        JoinError(Box::new(Inner {
            id,
            repr: Repr::Panic(Mutex::new(payload)),
        }))
    }

    /// Whether the task was cancelled before it completed.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.repr, Repr::Cancelled)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.0.repr, Repr::Panic(_))
    }

    /// The payload that the task panicked with.
    ///
    /// # Panics
    ///
    /// If the task did not panic: ask [`is_panic`](JoinError::is_panic) first, or use
    /// [`try_into_panic`](JoinError::try_into_panic).
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        self.try_into_panic()
            .expect("`JoinError` reason is not a panic.")
    }

    /// The payload that the task panicked with, or the error back if it did not panic.
    ///
    /// # Errors
    ///
    /// The error itself, if the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        if self.is_cancelled() {
            return Err(self);
        }
        match self.0.repr {
            Repr::Panic(payload) => Ok(payload.into_inner()),
            Repr::Cancelled => unreachable!("looked at above"),
        }
    }

    /// The id of the task.
    pub fn id(&self) -> Id {
        self.0.id
    }
}

/// The text of a panic's payload, if it is one.
fn panic_text(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&'static str>().copied())
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.repr {
            Repr::Cancelled => write!(f, "task {} was cancelled", self.0.id),
            Repr::Panic(payload) => match panic_text(&**payload.lock()) {
                Some(text) => write!(f, "task {} panicked with message {text:?}", self.0.id),
                None => write!(f, "task {} panicked", self.0.id),
            },
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.repr {
            Repr::Cancelled => write!(f, "JoinError::Cancelled({:?})", self.0.id),
            Repr::Panic(payload) => match panic_text(&**payload.lock()) {
                Some(text) => write!(f, "JoinError::Panic({:?}, {text:?}, ...)", self.0.id),
                None => write!(f, "JoinError::Panic({:?}, ...)", self.0.id),
            },
        }
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        let text = match error.0.repr {
            Repr::Cancelled => "task was cancelled",
            Repr::Panic(_) => "task panicked",
        };
        io::Error::other(text)
    }
}

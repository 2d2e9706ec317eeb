//! Errors of broadcast channels.

use std::error::Error;
use std::fmt;

/// There is no receiver; holds the message.
#[derive(Debug)]
pub struct SendError<T>(pub T);

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl<T: fmt::Debug> Error for SendError<T> {}

/// Why no message was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecvError {
    /// All senders are gone, and all messages were received.
    Closed,
    /// The receiver was too slow: so many messages were overwritten before it received them. The
    /// next call gets the oldest that is there.
    Lagged(u64),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Closed => f.write_str("channel closed"),
            RecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl Error for RecvError {}

/// Why no message was received at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is no message now.
    Empty,
    /// All senders are gone, and all messages were received.
    Closed,
    /// The receiver was too slow: so many messages were overwritten before it received them. The
    /// next call gets the oldest that is there.
    Lagged(u64),
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.write_str("channel empty"),
            TryRecvError::Closed => f.write_str("channel closed"),
            TryRecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
        }
    }
}

impl Error for TryRecvError {}

//! Asynchronous I/O: the traits, the tools, and waiting on any descriptor.
//!
//! The traits are tokio's own ([`AsyncRead`], [`AsyncWrite`], …), so that what is written for them
//! (hyper, rustls, codecs) works with zokio's sockets. So are the tools that only pass on what
//! other streams do ([`BufReader`], [`split`], [`join`], …). What could keep a task busy for ever,
//! or park it, is our own, takes part in zokio's cooperative budget and leaves wait notes:
//! [`copy()`], [`empty`], [`repeat`], [`sink`], [`duplex`], [`simplex`], and the standard streams
//! ([`stdin`], [`stdout`], [`stderr`]).

use std::task::{Context, Poll, ready};

#[cfg(all(unix, feature = "net"))]
mod async_fd;
#[cfg(feature = "io-util")]
mod copy;
#[cfg(feature = "io-util")]
mod copy_bidirectional;
#[cfg(feature = "io-util")]
mod copy_buf;
#[cfg(feature = "io-util")]
mod duplex;
#[cfg(feature = "io-util")]
mod empty;
mod interest;
mod ready;
#[cfg(feature = "io-util")]
mod repeat;
#[cfg(feature = "io-util")]
mod sink;
#[cfg(feature = "io-std")]
mod stdio;

#[cfg(feature = "io-util")]
pub use copy::copy;
#[cfg(feature = "io-util")]
pub use copy_bidirectional::{copy_bidirectional, copy_bidirectional_with_sizes};
#[cfg(feature = "io-util")]
pub use copy_buf::copy_buf;
#[cfg(feature = "io-util")]
pub use duplex::{DuplexStream, SimplexStream, duplex, simplex};
#[cfg(feature = "io-util")]
pub use empty::{Empty, empty};
pub use interest::Interest;
pub use ready::Ready;
#[cfg(feature = "io-util")]
pub use repeat::{Repeat, repeat};
#[cfg(feature = "io-util")]
pub use sink::{Sink, sink};
pub use std::io::{Error, ErrorKind, Result, SeekFrom};
#[cfg(feature = "io-std")]
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
pub use tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
#[cfg(feature = "io-util")]
pub use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufStream, BufWriter,
    Chain, Join, Lines, ReadHalf, Split, Take, WriteHalf, join, split,
};

/// Waiting on Unix descriptors.
#[cfg(all(unix, feature = "net"))]
pub mod unix {
    #[doc(hidden)]
    #[expect(
        deprecated,
        reason = "tokio's old name, for programs that still use it"
    )]
    pub use super::async_fd::AsyncFdTryNewError;
    pub use super::async_fd::{
        AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, TryIoError,
    };
}

/// Takes one unit of the task's budget, for an operation that is always ready.
fn take_budget(cx: &mut Context<'_>) -> Poll<()> {
    ready!(crate::task::coop::poll_proceed(cx)).made_progress();
    Poll::Ready(())
}

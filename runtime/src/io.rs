//! Asynchronous I/O: the traits, the tools, and waiting on any descriptor.
//!
//! The traits are tokio's own ([`AsyncRead`], [`AsyncWrite`], …), so that what is written for them
//! (hyper, rustls, codecs) works with zokio's sockets. So are the tools that need no runtime
//! ([`BufReader`], [`copy`], [`split`], …); a loop inside of one of those does not take part in
//! zokio's cooperative budget, though each operation on one of zokio's sockets does.

#[cfg(all(unix, feature = "net"))]
mod async_fd;
mod interest;
mod ready;

pub use interest::Interest;
pub use ready::Ready;
pub use std::io::{Error, ErrorKind, Result, SeekFrom};
pub use tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
#[cfg(feature = "io-util")]
pub use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufStream, BufWriter,
    Chain, DuplexStream, Empty, Join, Lines, ReadHalf, Repeat, SimplexStream, Sink, Split, Take,
    WriteHalf, copy, copy_bidirectional, copy_bidirectional_with_sizes, copy_buf, duplex, empty,
    join, repeat, simplex, sink, split,
};

/// Waiting on Unix descriptors.
#[cfg(all(unix, feature = "net"))]
pub mod unix {
    pub use super::async_fd::{
        AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdTryNewError, TryIoError,
    };
}

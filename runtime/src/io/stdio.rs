//! The process's standard streams.
//!
//! The system's calls on them block, so they are made on the pool of blocking threads; see
//! [`background`]. A read that has begun cannot be cancelled: the shutdown of a runtime waits for
//! it, until a line comes or the stream ends. Writes that have begun are made even if the runtime
//! shuts down before their turn.

#![expect(unsafe_code, reason = "lends descriptors of the process")]

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

#[cfg(unix)]
use std::os::fd::AsRawFd;
#[cfg(windows)]
use std::os::windows::io::AsRawHandle;

use super::{AsyncRead, AsyncWrite, ReadBuf};
use crate::telemetry::waits::WaitPoint;

mod background;

use background::{Background, Kind, MAX_BYTES};

static STDIN: Kind = kind("stdin", "read", false);
static STDOUT: Kind = kind("stdout", "write", true);
static STDERR: Kind = kind("stderr", "write", true);

const fn kind(stream: &'static str, transfer: &'static str, mandatory: bool) -> Kind {
    Kind {
        transfer: WaitPoint::new(stream, transfer),
        flush: WaitPoint::new(stream, "flush"),
        mandatory,
    }
}

/// The process's standard input; from [`stdin`].
///
/// Meant for input from pipes and files. A read blocks a thread of the pool, and nothing can end
/// it but input: a runtime that is dropped waits for it. For a dialogue with a user better take a
/// thread of your own.
pub struct Stdin {
    inner: Background<io::Stdin>,
}

/// The process's standard output; from [`stdout`].
///
/// A write is complete when a following [`flush`](super::AsyncWriteExt::flush) returns. A single
/// write is not torn apart by others, but `write_all` may make several.
///
/// Each handle is for itself: writes through two handles may come out in either order. Keep one.
pub struct Stdout {
    inner: Background<io::Stdout>,
}

/// The process's standard error; from [`stderr`].
///
/// As [`Stdout`]: flush it, and keep one handle.
pub struct Stderr {
    inner: Background<io::Stderr>,
}

/// A handle of the standard input.
///
/// Reading panics outside of a runtime.
pub fn stdin() -> Stdin {
    Stdin {
        inner: Background::new(io::stdin(), &STDIN),
    }
}

/// A new handle of the standard output.
///
/// Writing panics outside of a runtime.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use zokio::io::AsyncWriteExt;
///
/// let mut out = zokio::io::stdout();
/// out.write_all(b"hello\n").await?;
/// out.flush().await?;
/// # Ok(())
/// # }
/// ```
pub fn stdout() -> Stdout {
    Stdout {
        inner: Background::new(io::stdout(), &STDOUT),
    }
}

/// A new handle of the standard error.
///
/// Writing panics outside of a runtime.
pub fn stderr() -> Stderr {
    Stderr {
        inner: Background::new(io::stderr(), &STDERR),
    }
}

impl AsyncRead for Stdin {
    #[track_caller]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().inner.poll_read(cx, buf)
    }
}

/// A console of Windows takes whole characters only: bytes that look like text are not cut within
/// one. Elsewhere, and of fewer than `max` bytes, nothing is held back.
fn whole_characters(bytes: &[u8], max: usize) -> &[u8] {
    if bytes.len() <= max {
        return bytes;
    }
    let cut = &bytes[..max];
    match std::str::from_utf8(cut) {
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            &cut[..error.valid_up_to()]
        }
        _ => cut,
    }
}

macro_rules! writer {
    ($stream:ident) => {
        impl AsyncWrite for $stream {
            #[track_caller]
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                let buf = if cfg!(windows) {
                    whole_characters(buf, MAX_BYTES)
                } else {
                    buf
                };
                self.get_mut().inner.poll_write(cx, buf)
            }

            #[track_caller]
            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.get_mut().inner.poll_flush(cx)
            }

            /// Flushes; the stream stays open.
            #[track_caller]
            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush(cx)
            }
        }
    };
}

writer!(Stdout);
writer!(Stderr);

macro_rules! descriptor {
    ($stream:ident, $std:ident) => {
        impl fmt::Debug for $stream {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($stream)).finish_non_exhaustive()
            }
        }

        #[cfg(unix)]
        impl AsRawFd for $stream {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                io::$std().as_raw_fd()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsFd for $stream {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                // SAFETY: the number is that of a standard stream, which the process has open for
                // as long as it lives, by the same convention by which std's handles lend it.
                unsafe { std::os::fd::BorrowedFd::borrow_raw(self.as_raw_fd()) }
            }
        }

        #[cfg(windows)]
        impl AsRawHandle for $stream {
            fn as_raw_handle(&self) -> std::os::windows::io::RawHandle {
                io::$std().as_raw_handle()
            }
        }

        #[cfg(windows)]
        impl std::os::windows::io::AsHandle for $stream {
            fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
                // SAFETY: the handle is that of a standard stream, which the process has open for
                // as long as it lives, by the same convention by which std's handles lend it.
                unsafe { std::os::windows::io::BorrowedHandle::borrow_raw(self.as_raw_handle()) }
            }
        }
    };
}

descriptor!(Stdin, stdin);
descriptor!(Stdout, stdout);
descriptor!(Stderr, stderr);

#[cfg(test)]
mod tests;

//! Every name of tokio's `io` is there, under the same path.

use std::marker::PhantomData;

#[test]
fn types_of_tokio_s_io_are_there() {
    #[cfg(unix)]
    #[expect(unused_imports, reason = "it is enough that they resolve")]
    use zokio::io::unix::{
        AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, TryIoError,
    };
    #[expect(unused_imports, reason = "it is enough that they resolve")]
    use zokio::io::{
        self, AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt,
        AsyncWrite, AsyncWriteExt, BufReader, BufStream, BufWriter, Chain, DuplexStream, Empty,
        Error, ErrorKind, Interest, Join, Lines, ReadBuf, ReadHalf, Ready, Repeat, Result,
        SeekFrom, SimplexStream, Sink, Split, Stderr, Stdin, Stdout, Take, WriteHalf, copy,
        copy_bidirectional, copy_bidirectional_with_sizes, copy_buf, duplex, empty, join, repeat,
        simplex, sink, split, stderr, stdin, stdout,
    };
}

/// The traits are tokio's, so that what is written for tokio's takes our types.
#[test]
fn own_types_have_tokio_s_traits() {
    fn reads<T: tokio::io::AsyncRead>() -> PhantomData<T> {
        PhantomData
    }
    fn writes<T: tokio::io::AsyncWrite>() -> PhantomData<T> {
        PhantomData
    }
    use zokio::io;
    reads::<io::Empty>();
    reads::<io::Repeat>();
    reads::<io::Stdin>();
    reads::<io::DuplexStream>();
    reads::<io::SimplexStream>();
    writes::<io::Empty>();
    writes::<io::Sink>();
    writes::<io::Stdout>();
    writes::<io::Stderr>();
    writes::<io::DuplexStream>();
    writes::<io::SimplexStream>();
}

#[test]
fn own_types_move_freely() {
    fn free<T: Send + Sync + Unpin + 'static>() {}
    use zokio::io;
    free::<io::Empty>();
    free::<io::Repeat>();
    free::<io::Sink>();
    free::<io::Stdin>();
    free::<io::Stdout>();
    free::<io::Stderr>();
    free::<io::DuplexStream>();
    free::<io::SimplexStream>();
    #[cfg(unix)]
    {
        free::<zokio::process::Command>();
        free::<zokio::process::Child>();
        free::<zokio::process::ChildStdin>();
        free::<zokio::process::ChildStdout>();
        free::<zokio::process::ChildStderr>();
        free::<zokio::signal::unix::Signal>();
        free::<io::unix::AsyncFd<std::os::fd::OwnedFd>>();
    }
}

#[test]
fn own_types_are_unwind_safe_where_tokio_s_are() {
    use std::panic::{RefUnwindSafe, UnwindSafe};
    fn safe<T: UnwindSafe + RefUnwindSafe>() {}
    use zokio::io;
    safe::<io::Empty>();
    safe::<io::Repeat>();
    safe::<io::Sink>();
    safe::<io::SimplexStream>();
    #[cfg(unix)]
    {
        safe::<zokio::process::ChildStdin>();
        safe::<zokio::process::ChildStdout>();
        safe::<zokio::process::ChildStderr>();
        safe::<zokio::signal::unix::SignalKind>();
    }
}

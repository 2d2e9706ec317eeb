//! Streams in memory.
//!
//! A [`SimplexStream`] is a bounded buffer; a [`DuplexStream`] is one end of two of them.
//!
//! No user code runs under a buffer's lock: wakers are cloned before it, and woken or dropped
//! after it. No wake is lost: who finds nothing to do leaves its waker under the same lock under
//! which the other side changes the buffer and takes it.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::panic::RefUnwindSafe;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use parking_lot::Mutex;

use super::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf, split};
use crate::task::coop::poll_proceed;
use crate::telemetry::waits::{Identity, Origin, WaitNote, WaitPoint};

static READ: WaitPoint = WaitPoint::new("duplex", "read");
static WRITE: WaitPoint = WaitPoint::new("duplex", "write");

/// One side's task, while it waits.
struct Parked {
    waker: Option<Waker>,
    note: WaitNote,
}

impl Parked {
    const fn new() -> Parked {
        Parked {
            waker: None,
            note: WaitNote::new(),
        }
    }

    fn take(&mut self) -> Option<Waker> {
        self.note.clear();
        self.waker.take()
    }
}

#[derive(Clone, Copy)]
enum Side {
    Reader,
    Writer,
}

struct Pipe {
    bytes: VecDeque<u8>,
    max: usize,
    origin: Origin,
    closed: bool,
    reader: Parked,
    writer: Parked,
}

impl Pipe {
    fn side(&mut self, side: Side) -> &mut Parked {
        match side {
            Side::Reader => &mut self.reader,
            Side::Writer => &mut self.writer,
        }
    }

    /// How many bytes were read; `None`: there is nothing yet.
    fn read(&mut self, buf: &mut ReadBuf<'_>) -> Option<io::Result<usize>> {
        let n = self.bytes.len().min(buf.remaining());
        if n == 0 {
            return (self.closed || buf.remaining() == 0).then_some(Ok(0));
        }
        let (front, back) = self.bytes.as_slices();
        let split = n.min(front.len());
        buf.put_slice(&front[..split]);
        buf.put_slice(&back[..n - split]);
        self.bytes.drain(..n);
        Some(Ok(n))
    }

    /// How many bytes were written; `None`: there is no room.
    fn write<'a>(&mut self, bufs: impl Iterator<Item = &'a [u8]>) -> Option<io::Result<usize>> {
        if self.closed {
            return Some(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = self.max - self.bytes.len();
        let mut left = room;
        let mut wanted = false;
        for buf in bufs {
            wanted |= !buf.is_empty();
            let n = buf.len().min(left);
            self.bytes.extend(&buf[..n]);
            left -= n;
            if left == 0 && wanted {
                break;
            }
        }
        (room > left || !wanted).then_some(Ok(room - left))
    }
}

/// One direction of bytes in memory: what is written to it can be read from it, at most so much
/// at a time.
///
/// Made by [`simplex`] as two halves, or by [`new_unsplit`](SimplexStream::new_unsplit) as one.
/// After [`shutdown`](super::AsyncWriteExt::shutdown) writes fail with `BrokenPipe`, and reads
/// end when the buffer is empty. Dropping a half closes nothing.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use zokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let (mut receiver, mut sender) = zokio::io::simplex(64);
/// sender.write_all(b"ping").await?;
/// let mut bytes = [0; 4];
/// receiver.read_exact(&mut bytes).await?;
/// assert_eq!(&bytes, b"ping");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct SimplexStream {
    pipe: Mutex<Pipe>,
}

/// Nothing panics between two changes that belong together.
impl RefUnwindSafe for SimplexStream {}

/// One end of a connection in memory; from [`duplex`].
///
/// Dropping an end closes both directions: the other end reads what is left and then the end of
/// the stream, and its writes, also those that wait for room, fail with `BrokenPipe`.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use zokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let (mut client, mut server) = zokio::io::duplex(64);
/// client.write_all(b"ping").await?;
/// let mut bytes = [0; 4];
/// server.read_exact(&mut bytes).await?;
/// assert_eq!(&bytes, b"ping");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct DuplexStream {
    read: Arc<SimplexStream>,
    write: Arc<SimplexStream>,
}

/// Two ends of a connection in memory, of which each holds at most `max_buf_size` bytes for the
/// other: more have to wait.
///
/// # Panics
///
/// If `max_buf_size` is 0.
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    let there = Arc::new(SimplexStream::new_unsplit(max_buf_size));
    let back = Arc::new(SimplexStream::new_unsplit(max_buf_size));
    let first = DuplexStream {
        read: Arc::clone(&back),
        write: Arc::clone(&there),
    };
    let second = DuplexStream {
        read: there,
        write: back,
    };
    (first, second)
}

/// The two halves of a [`SimplexStream`] that holds at most `max_buf_size` bytes. They can be put
/// together again with [`ReadHalf::unsplit`].
///
/// # Panics
///
/// If `max_buf_size` is 0.
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    split(SimplexStream::new_unsplit(max_buf_size))
}

impl SimplexStream {
    /// A stream in one piece, that holds at most `max_buf_size` bytes.
    ///
    /// # Panics
    ///
    /// If `max_buf_size` is 0.
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> SimplexStream {
        assert!(max_buf_size > 0, "`max_buf_size` must be greater than 0");
        SimplexStream {
            pipe: Mutex::new(Pipe {
                bytes: VecDeque::new(),
                max: max_buf_size,
                origin: Origin::here(),
                closed: false,
                reader: Parked::new(),
                writer: Parked::new(),
            }),
        }
    }

    fn poll(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        mut attempt: impl FnMut(&mut Pipe) -> Option<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let (point, other) = match side {
            Side::Reader => (&READ, Side::Writer),
            Side::Writer => (&WRITE, Side::Reader),
        };
        let coop = ready!(poll_proceed(cx));
        let mut fresh = None;
        loop {
            let mut pipe = self.pipe.lock();
            if let Some(done) = attempt(&mut pipe) {
                let moved = matches!(done, Ok(1..));
                let woken = moved.then(|| pipe.side(other).take()).flatten();
                drop(pipe);
                woken.into_iter().for_each(Waker::wake);
                coop.made_progress();
                return Poll::Ready(done);
            }
            let resource = Identity::new(ptr::from_ref(self).cast(), pipe.origin);
            let resource = resource.with_capacity(pipe.max);
            let parked = pipe.side(side);
            let known = parked.waker.as_ref();
            let known = known.is_some_and(|waker| waker.will_wake(cx.waker()));
            if !known && fresh.is_none() {
                drop(pipe);
                fresh = Some(cx.waker().clone());
                continue;
            }
            let old = match fresh.take() {
                Some(waker) if !known => parked.waker.replace(waker),
                unused => unused,
            };
            parked.note.set(point, resource, None);
            drop(pipe);
            drop(old);
            return Poll::Pending;
        }
    }

    fn poll_read_shared(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll(cx, Side::Reader, |pipe| pipe.read(buf))
            .map_ok(drop)
    }

    fn poll_write_shared(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, Side::Writer, |pipe| pipe.write(std::iter::once(buf)))
    }

    fn poll_write_vectored_shared(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let slices = || bufs.iter().map(|buf| &**buf);
        self.poll(cx, Side::Writer, |pipe| pipe.write(slices()))
    }

    /// Nothing more is written; the reader shall know.
    fn close_write(&self) {
        let mut pipe = self.pipe.lock();
        pipe.closed = true;
        let reader = pipe.reader.take();
        drop(pipe);
        reader.into_iter().for_each(Waker::wake);
    }

    /// One side is gone: wakes the other, and forgets whom it left here itself.
    fn close(&self, gone: Side) {
        let mut pipe = self.pipe.lock();
        pipe.closed = true;
        let wakers = (pipe.reader.take(), pipe.writer.take());
        drop(pipe);
        let (other, own) = match gone {
            Side::Writer => wakers,
            Side::Reader => (wakers.1, wakers.0),
        };
        other.into_iter().for_each(Waker::wake);
        drop(own);
    }
}

impl AsyncRead for SimplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_shared(cx, buf)
    }
}

impl AsyncRead for DuplexStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.read.poll_read_shared(cx, buf)
    }
}

/// `AsyncWrite` through the stream that `$to` gives of `self`.
macro_rules! write_through {
    ($type:ident, |$this:ident| $to:expr) => {
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $to.poll_write_shared(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $to.poll_write_vectored_shared(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = &*self;
                $to.close_write();
                Poll::Ready(Ok(()))
            }
        }
    };
}

write_through!(SimplexStream, |this| this);
write_through!(DuplexStream, |this| this.write);

impl Drop for DuplexStream {
    fn drop(&mut self) {
        // A waker that panics does not keep the other direction open.
        let _read = CloseOnDrop(&self.read);
        self.write.close(Side::Writer);
    }
}

/// Closes a buffer whose reader is gone.
struct CloseOnDrop<'a>(&'a SimplexStream);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close(Side::Reader);
    }
}

impl fmt::Debug for SimplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut s = f.debug_struct("SimplexStream");
        if let Some(pipe) = self.pipe.try_lock() {
            s.field("buffered", &pipe.bytes.len())
                .field("max_buf_size", &pipe.max)
                .field("is_closed", &pipe.closed);
        }
        s.finish_non_exhaustive()
    }
}

impl fmt::Debug for DuplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexStream")
            .field("read", &self.read)
            .field("write", &self.write)
            .finish()
    }
}

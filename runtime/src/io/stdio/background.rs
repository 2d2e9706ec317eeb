//! A blocking stream, used on the pool of blocking threads.
//!
//! At most one operation is on the pool at a time; it owns stream and buffer meanwhile. A read
//! fetches up to the size of the caller's buffer and keeps what the caller did not take. A write
//! copies the caller's bytes, starts, and returns: its error appears in the next write or flush.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;

use crate::runtime::blocking::spawn_mandatory;
use crate::task::{JoinHandle, spawn_blocking};
use crate::telemetry::waits::{WaitNote, WaitPoint};

/// The most that one operation reads or writes: 2 MiB.
pub(super) const MAX_BYTES: usize = 2 * 1024 * 1024;

/// What waiting for a stream's operations is called, and whether they have to be made even if the
/// runtime shuts down before their turn.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) transfer: WaitPoint,
    pub(super) flush: WaitPoint,
    pub(super) mandatory: bool,
}

/// The stream.
#[derive(Debug)]
pub(super) struct Background<T> {
    state: State<T>,
    kind: &'static Kind,
    unflushed: bool,
    note: WaitNote,
}

#[derive(Debug)]
enum State<T> {
    Idle(T, Buf),
    Busy(JoinHandle<(io::Result<()>, T, Buf)>, &'static WaitPoint),
    /// The operation that had the stream was not made: the runtime has shut down.
    Gone,
}

impl<T: Send + 'static> Background<T> {
    pub(super) const fn new(stream: T, kind: &'static Kind) -> Background<T> {
        Background {
            state: State::Idle(stream, Buf::new()),
            kind,
            unflushed: false,
            note: WaitNote::new(),
        }
    }

    /// Starts an operation; there is none under way.
    #[track_caller]
    fn start<F>(&mut self, point: &'static WaitPoint, operation: F) -> io::Result<()>
    where
        F: FnOnce(&mut T, &mut Buf) -> io::Result<()> + Send + 'static,
    {
        let State::Idle(mut stream, mut buf) = std::mem::replace(&mut self.state, State::Gone)
        else {
            return Err(crate::driver::gone());
        };
        let job = move || {
            let result = operation(&mut stream, &mut buf);
            (result, stream, buf)
        };
        let handle = if self.kind.mandatory {
            spawn_mandatory(job).ok_or_else(crate::driver::gone)?
        } else {
            spawn_blocking(job)
        };
        self.state = State::Busy(handle, point);
        Ok(())
    }

    /// Waits for the operation under way, and gives its error.
    #[track_caller]
    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let State::Busy(handle, point) = &mut self.state else {
            return Poll::Ready(Ok(()));
        };
        let Poll::Ready(joined) = Pin::new(handle).poll(cx) else {
            self.note.set(point, ptr::from_ref(*point).cast(), None);
            return Poll::Pending;
        };
        self.note.clear();
        match joined {
            Ok((result, stream, buf)) => {
                self.state = State::Idle(stream, buf);
                Poll::Ready(result)
            }
            Err(error) => {
                self.state = State::Gone;
                Poll::Ready(Err(error.into()))
            }
        }
    }
}

impl<T: Read + Send + 'static> Background<T> {
    #[track_caller]
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        dst: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if matches!(&self.state, State::Idle(_, buf) if buf.is_empty()) && dst.remaining() > 0 {
            let max = dst.remaining().min(MAX_BYTES);
            self.start(&self.kind.transfer, move |stream, buf| {
                buf.fill(stream, max)
            })?;
        }
        ready!(self.poll_done(cx))?;
        match &mut self.state {
            State::Idle(_, buf) => {
                buf.copy_to(dst);
                Poll::Ready(Ok(()))
            }
            _ => Poll::Ready(Err(crate::driver::gone())),
        }
    }
}

impl<T: Write + Send + 'static> Background<T> {
    #[track_caller]
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        src: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_done(cx))?;
        let n = src.len().min(MAX_BYTES);
        if let State::Idle(_, buf) = &mut self.state {
            buf.put(&src[..n]);
        }
        self.start(&self.kind.transfer, |stream, buf| {
            stream.write_all(buf.take())
        })?;
        self.unflushed = true;
        Poll::Ready(Ok(n))
    }

    /// Waits until everything is written and the stream flushed.
    #[track_caller]
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_done(cx))?;
            if !self.unflushed {
                return Poll::Ready(Ok(()));
            }
            self.unflushed = false;
            self.start(&self.kind.flush, |stream, _| stream.flush())?;
        }
    }
}

/// Bytes read and not consumed, or to be written: those from `start` on.
#[derive(Debug)]
struct Buf {
    bytes: Vec<u8>,
    start: usize,
}

impl Buf {
    const fn new() -> Buf {
        Buf {
            bytes: Vec::new(),
            start: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Moves as many bytes as fit.
    fn copy_to(&mut self, dst: &mut ReadBuf<'_>) {
        let n = dst.remaining().min(self.bytes.len() - self.start);
        dst.put_slice(&self.bytes[self.start..self.start + n]);
        self.start += n;
    }

    /// Replaces the contents.
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.start = 0;
    }

    /// The bytes, which count as consumed.
    fn take(&mut self) -> &[u8] {
        let start = std::mem::replace(&mut self.start, self.bytes.len());
        &self.bytes[start..]
    }

    /// Replaces the contents by what one read gives, up to `max` bytes.
    fn fill(&mut self, source: &mut impl Read, max: usize) -> io::Result<()> {
        self.start = 0;
        self.bytes.resize(max, 0);
        let read = loop {
            match source.read(&mut self.bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.bytes.truncate(*read.as_ref().unwrap_or(&0));
        read.map(drop)
    }
}

//! An open file.
//!
//! # Protocol
//!
//! A read or seek that needs no waiting is done by the thread that polls ([`here`]).
//!
//! At most one operation of a file is on the pool at a time ([`State::Busy`]); it owns the buffer
//! meanwhile. Reading fetches up to the size of the caller's buffer and keeps what the caller did
//! not take; before a write or a seek the system's position is moved back by what is still in the
//! buffer. A write copies the caller's bytes, starts, and returns: its error appears in the next
//! write or flush.

use std::fmt;
use std::fs::{Metadata, Permissions};
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use super::cached::{self, OpenFile, Reads, StatFile};
use super::operation::{Operation, Work, blocking};
use super::{FileTimes, OpenOptions, background_task_failed};
use crate::runtime::blocking::spawn_mandatory;
use crate::sync::Mutex;
use crate::task::{JoinHandle, coop, spawn_blocking};
use crate::telemetry::waits::WaitPoint;

mod buf;
mod handles;
mod here;

use buf::Buf;
use here::Read;

static OPEN: WaitPoint = WaitPoint::new("fs", "open");
static SYNC: WaitPoint = WaitPoint::new("fs", "sync");
static SET_TIMES: WaitPoint = WaitPoint::new("fs", "set_times");
static METADATA: WaitPoint = WaitPoint::new("fs", "metadata");
static SET_PERMISSIONS: WaitPoint = WaitPoint::new("fs", "set_permissions");

/// The most that one operation reads or writes, unless set otherwise: 2 MiB.
const DEFAULT_MAX_BUF_SIZE: usize = 2 * 1024 * 1024;

/// An open file; the asynchronous [`std::fs::File`].
///
/// Read, write and seek through [`AsyncRead`], [`AsyncWrite`] and [`AsyncSeek`]. A write is
/// complete when a following [`flush`](tokio::io::AsyncWriteExt::flush) returns; the file is
/// closed when it is dropped and the operation under way, if any, has ended.
///
/// ```
/// # async fn example() -> std::io::Result<()> {
/// use tokio::io::AsyncWriteExt;
///
/// let mut file = zokio::fs::File::create("foo.txt").await?;
/// file.write_all(b"hello").await?;
/// file.flush().await?;
/// # Ok(())
/// # }
/// ```
pub struct File {
    std: Arc<std::fs::File>,
    inner: Mutex<Inner>,
    max_buf_size: usize,
}

struct Inner {
    state: State,
    /// The error of a write that ended while something else was waited for.
    last_write_err: Option<io::ErrorKind>,
    /// Where the last seek went.
    pos: u64,
    /// How the file can be read. Never on this thread while the position is shared: the thread
    /// would wait for whoever is reading with it.
    reads: Reads,
}

enum State {
    Idle(Buf),
    Busy(JoinHandle<(Done, Buf)>),
}

/// The result of an operation on the pool.
enum Done {
    /// With what was found out about the file meanwhile.
    Read(io::Result<()>, Reads),
    Write(io::Result<()>),
    Seek(io::Result<u64>),
    SetLen(io::Result<()>),
}

impl Inner {
    /// Starts an operation; there is none under way.
    fn start<F>(&mut self, operation: F)
    where
        F: FnOnce(&mut Buf) -> Done + Send + 'static,
    {
        if let State::Idle(buf) = &mut self.state {
            let mut buf = std::mem::take(buf);
            self.state = State::Busy(spawn_blocking(move || (operation(&mut buf), buf)));
        }
    }

    /// Waits for the operation under way; `None` if there is none.
    #[track_caller]
    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Done>>> {
        let State::Busy(handle) = &mut self.state else {
            return Poll::Ready(Ok(None));
        };
        match ready!(Pin::new(handle).poll(cx)) {
            Ok((done, buf)) => {
                self.state = State::Idle(buf);
                match done {
                    Done::Seek(Ok(pos)) => self.pos = pos,
                    Done::Read(_, reads) => self.reads = reads,
                    _ => {}
                }
                Poll::Ready(Ok(Some(done)))
            }
            Err(_) => {
                self.state = State::Idle(Buf::default());
                Poll::Ready(Err(background_task_failed()))
            }
        }
    }

    /// Keeps a write's error for the next write or flush.
    fn keep(&mut self, done: &Done) {
        if let Done::Write(Err(error)) = done {
            self.last_write_err = Some(error.kind());
        }
    }

    /// Takes the data out that was read and not consumed, and tells how far to seek for that.
    fn unread(&mut self) -> i64 {
        match &mut self.state {
            State::Idle(buf) => buf.discard(),
            State::Busy(_) => 0,
        }
    }

    #[track_caller]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(kind) = self.last_write_err.take() {
            return Poll::Ready(Err(kind.into()));
        }
        Poll::Ready(match ready!(self.poll_done(cx))? {
            Some(Done::Write(result)) => result,
            _ => Ok(()),
        })
    }

    /// Waits until nothing is under way; the error of a write is kept.
    async fn settle(&mut self) {
        match poll_fn(|cx| self.poll_done(cx)).await {
            Ok(Some(done)) => self.keep(&done),
            Ok(None) => {}
            Err(error) => self.last_write_err = Some(error.kind()),
        }
    }

    #[track_caller]
    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        std: &Arc<std::fs::File>,
        copy: impl FnOnce(&mut Buf) -> usize,
    ) -> Poll<io::Result<usize>> {
        let coop = ready!(coop::poll_proceed(cx));
        if let Some(kind) = self.last_write_err.take() {
            return Poll::Ready(Err(kind.into()));
        }
        if let Some(Done::Write(result)) = ready!(self.poll_done(cx))? {
            result?;
        }
        let unread = self.unread();
        let State::Idle(buf) = &mut self.state else {
            unreachable!("nothing is under way")
        };
        let n = copy(buf);
        let (std, mut buf) = (std.clone(), std::mem::take(buf));
        // What has been taken is written, also if the runtime ends before the pool comes to it.
        let handle = spawn_mandatory(move || {
            let result = seek_by(&std, unread).and_then(|()| (&*std).write_all(buf.take()));
            (Done::Write(result), buf)
        });
        self.state = State::Busy(handle.ok_or_else(background_task_failed)?);
        coop.made_progress();
        Poll::Ready(Ok(n))
    }
}

fn seek_by(mut file: &std::fs::File, offset: i64) -> io::Result<()> {
    if offset != 0 {
        file.seek(SeekFrom::Current(offset))?;
    }
    Ok(())
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::open`].
    pub fn open(path: impl AsRef<Path>) -> Operation<impl Work<File>, File, impl Sized> {
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        blocking(
            &OPEN,
            OpenFile::new(path.as_ref().to_owned(), options, true),
        )
        .keeping(path)
    }

    /// Opens a file for writing, created or emptied.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::create`].
    pub fn create(path: impl AsRef<Path>) -> Operation<impl Work<File>, File, impl Sized> {
        let owned = path.as_ref().to_owned();
        blocking(&OPEN, move || -> io::Result<File> {
            std::fs::File::create(owned).map(File::opened_here)
        })
        .keeping(path)
    }

    /// Creates a file for reading and writing; fails if there is one.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::create_new`].
    pub fn create_new<P: AsRef<Path>>(path: P) -> Operation<impl Work<File>, File, impl Sized> {
        let owned = path.as_ref().to_owned();
        blocking(&OPEN, move || -> io::Result<File> {
            std::fs::File::create_new(owned).map(File::opened_here)
        })
        .keeping(path)
    }

    /// Options to open a file with.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// A file that was opened before.
    pub fn from_std(std: std::fs::File) -> File {
        // Others may share its position, and hold the kernel's lock of it while they block.
        File::new(std, Reads::OnPool)
    }

    /// A file that nobody else has a handle of.
    pub(super) fn opened_here(std: std::fs::File) -> File {
        File::new(std, Reads::Unknown)
    }

    pub(super) fn new(std: std::fs::File, reads: Reads) -> File {
        File {
            std: Arc::new(std),
            inner: Mutex::new(Inner {
                state: State::Idle(Buf::default()),
                last_write_err: None,
                pos: 0,
                reads,
            }),
            max_buf_size: DEFAULT_MAX_BUF_SIZE,
        }
    }

    /// Writes data and metadata through to the device. See [`std::fs::File::sync_all`].
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::sync_all`].
    pub async fn sync_all(&self) -> io::Result<()> {
        self.inner.lock().await.settle().await;
        let std = self.std.clone();
        blocking(&SYNC, move || std.sync_all()).await
    }

    /// Writes data through to the device. See [`std::fs::File::sync_data`].
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::sync_data`].
    pub async fn sync_data(&self) -> io::Result<()> {
        self.inner.lock().await.settle().await;
        let std = self.std.clone();
        blocking(&SYNC, move || std.sync_data()).await
    }

    /// Cuts the file, or extends it with zeros. See [`std::fs::File::set_len`].
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::set_len`].
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        let mut inner = self.inner.lock().await;
        inner.settle().await;
        let unread = inner.unread();
        let std = self.std.clone();
        inner.start(move |_| Done::SetLen(seek_by(&std, unread).and_then(|()| std.set_len(size))));
        match poll_fn(|cx| inner.poll_done(cx)).await? {
            Some(Done::SetLen(result)) => result,
            _ => Ok(()),
        }
    }

    /// Facts about the file.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::metadata`].
    pub fn metadata(&self) -> Operation<impl Work<Metadata> + use<>, Metadata> {
        let inner = self.inner.try_lock();
        let here = inner.is_ok_and(|inner| inner.reads.on_this_thread());
        blocking(&METADATA, StatFile::new(self.std.clone(), here))
    }

    /// A second handle of the same open file; the position is shared. It begins with the same
    /// [`max_buf_size`](File::max_buf_size).
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::try_clone`].
    pub async fn try_clone(&self) -> io::Result<File> {
        let mut inner = self.inner.lock().await;
        inner.settle().await;
        inner.reads = Reads::OnPool;
        drop(inner);
        let (std, max_buf_size) = (self.std.clone(), self.max_buf_size);
        blocking(&OPEN, move || -> io::Result<File> {
            let mut file = File::new(std.try_clone()?, Reads::OnPool);
            file.max_buf_size = max_buf_size;
            Ok(file)
        })
        .await
    }

    /// The file for blocking use, after the operation under way has ended.
    ///
    /// # Panics
    ///
    /// If an operation of this handle was given up half-way and is still on the pool.
    pub async fn into_std(self) -> std::fs::File {
        let File { std, mut inner, .. } = self;
        inner.get_mut().settle().await;
        Arc::try_unwrap(std).expect("an operation of the file is still on the pool")
    }

    /// The file for blocking use.
    ///
    /// # Errors
    ///
    /// The file itself, if an operation is under way.
    #[cfg_attr(
        feature = "telemetry",
        expect(clippy::result_large_err, reason = "the signature is tokio's")
    )]
    pub fn try_into_std(mut self) -> Result<std::fs::File, File> {
        match Arc::try_unwrap(self.std) {
            Ok(file) => Ok(file),
            Err(std) => {
                self.std = std;
                Err(self)
            }
        }
    }

    /// Changes the file's permissions.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::set_permissions`].
    pub fn set_permissions(
        &self,
        permissions: Permissions,
    ) -> Operation<impl Work<()> + use<>, ()> {
        let std = self.std.clone();
        blocking(&SET_PERMISSIONS, move || std.set_permissions(permissions))
    }

    /// Changes the file's times, after what is under way has ended. See
    /// [`std::fs::File::set_times`].
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::set_times`].
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.inner.lock().await.settle().await;
        let std = self.std.clone();
        blocking(&SET_TIMES, move || std.set_times(times.into_std())).await
    }

    /// Changes when the file was last written, after what is under way has ended. See
    /// [`std::fs::File::set_modified`].
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::set_modified`].
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }

    /// Sets the most bytes that one operation on the pool reads or writes. 2 MiB if not set.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn set_max_buf_size(&mut self, max_buf_size: usize) {
        assert!(max_buf_size > 0, "`max_buf_size` must be greater than 0");
        self.max_buf_size = max_buf_size;
    }

    /// The most bytes that one operation on the pool reads or writes.
    pub fn max_buf_size(&self) -> usize {
        self.max_buf_size
    }
}

impl AsyncRead for File {
    #[track_caller]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        dst: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let coop = ready!(coop::poll_proceed(cx));
        let this = self.get_mut();
        let inner = this.inner.get_mut();
        // Whether an answer, be it of no bytes, is there for this call.
        let mut answered = dst.remaining() == 0;
        loop {
            if let Some(done) = ready!(inner.poll_done(cx))? {
                inner.keep(&done);
                if let Done::Read(result, _) = done {
                    if result.is_err() {
                        coop.made_progress();
                        return Poll::Ready(result);
                    }
                    answered = true;
                }
            }
            let State::Idle(buf) = &mut inner.state else {
                unreachable!("nothing is under way")
            };
            if answered || !buf.is_empty() {
                buf.copy_to(dst);
                coop.made_progress();
                return Poll::Ready(Ok(()));
            }
            let max = dst.remaining().min(this.max_buf_size);
            if inner.reads.on_this_thread() && cached::allowed() {
                match here::read(&mut inner.reads, &this.std, dst, max) {
                    Read::Done(n) => {
                        coop.made_progress();
                        coop::spend(cached::units(n));
                        return Poll::Ready(Ok(()));
                    }
                    Read::Begun(bytes) => buf.hold(bytes),
                }
            }
            let (std, reads) = (this.std.clone(), inner.reads);
            inner.start(move |buf| {
                let result = buf.fill(&mut &*std, max);
                Done::Read(result, reads.found_out(&std))
            });
        }
    }
}

impl AsyncSeek for File {
    fn start_seek(self: Pin<&mut Self>, mut position: SeekFrom) -> io::Result<()> {
        let this = self.get_mut();
        let inner = this.inner.get_mut();
        if let State::Busy(_) = inner.state {
            return Err(io::Error::other(
                "other file operation is pending, call poll_complete before start_seek",
            ));
        }
        let mut unread = inner.unread();
        if let SeekFrom::Current(offset) = &mut position {
            // One seek instead of two, unless the sum is no number.
            if let Some(sum) = offset.checked_add(unread) {
                (*offset, unread) = (sum, 0);
            }
        } else {
            unread = 0;
        }
        if inner.reads.on_this_thread() && here::can_seek(position) && cached::allowed() {
            inner.pos = seek_by(&this.std, unread).and_then(|()| (&*this.std).seek(position))?;
            return Ok(());
        }
        let std = this.std.clone();
        inner.start(move |_| {
            Done::Seek(seek_by(&std, unread).and_then(|()| (&*std).seek(position)))
        });
        Ok(())
    }

    #[track_caller]
    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let coop = ready!(coop::poll_proceed(cx));
        let inner = self.get_mut().inner.get_mut();
        let done = ready!(inner.poll_done(cx))?;
        coop.made_progress();
        Poll::Ready(match done {
            Some(Done::Seek(result)) => result,
            done => {
                if let Some(done) = done {
                    inner.keep(&done);
                }
                Ok(inner.pos)
            }
        })
    }
}

impl AsyncWrite for File {
    #[track_caller]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        src: &[u8],
    ) -> Poll<io::Result<usize>> {
        let File {
            std,
            inner,
            max_buf_size,
        } = self.get_mut();
        inner
            .get_mut()
            .poll_write_with(cx, std, |buf| buf.put(&[IoSlice::new(src)], *max_buf_size))
    }

    #[track_caller]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let File {
            std,
            inner,
            max_buf_size,
        } = self.get_mut();
        inner
            .get_mut()
            .poll_write_with(cx, std, |buf| buf.put(bufs, *max_buf_size))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    #[track_caller]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().inner.get_mut().poll_flush(cx)
    }

    #[track_caller]
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl From<std::fs::File> for File {
    fn from(std: std::fs::File) -> File {
        File::from_std(std)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("std", &self.std).finish()
    }
}

#[cfg(test)]
mod tests;

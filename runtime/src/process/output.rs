//! Waiting for a child that the future owns.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::process::{ExitStatus, Output};
use std::task::{Context, Poll, ready};

// From tokio: `crate::io` has it with `io-util` only.
use tokio::io::AsyncReadExt;

use super::{Child, ChildStderr, ChildStdout};
use crate::io::AsyncRead;

/// A child, or why there is none; then the error is for the first poll.
pub(super) struct Launched(Result<Child, Option<io::Error>>);

impl Launched {
    pub(super) fn new(child: io::Result<Child>) -> Launched {
        Launched(child.map_err(Some))
    }

    /// # Panics
    ///
    /// If the error was given already.
    #[track_caller]
    fn child(&mut self) -> io::Result<&mut Child> {
        match &mut self.0 {
            Ok(child) => Ok(child),
            Err(error) => Err(error.take().expect("`async fn` resumed after completion")),
        }
    }
}

/// Future of [`Command::status`](super::Command::status).
pub(super) struct StatusOf(pub(super) Launched);

impl Future for StatusOf {
    type Output = io::Result<ExitStatus>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let child = self.0.child()?;
        // The child shall not wait for a pipe that nobody uses.
        drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
        child.poll_wait(cx, Location::caller())
    }
}

/// What comes from a pipe until its end.
struct Collected<P> {
    /// Kept until the child has ended, so that it gets no `SIGPIPE`.
    pipe: Option<P>,
    ended: bool,
    bytes: Vec<u8>,
}

/// Room for a read, in bytes, while there is less in the vector.
const MIN_ROOM: usize = 32;

impl<P: AsyncRead + Unpin> Collected<P> {
    fn new(pipe: Option<P>) -> Collected<P> {
        Collected {
            ended: pipe.is_none(),
            pipe,
            bytes: Vec::new(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(pipe) = self.pipe.as_mut().filter(|_| !self.ended) {
            if self.bytes.capacity() - self.bytes.len() < MIN_ROOM {
                self.bytes.reserve(MIN_ROOM.max(self.bytes.len()));
            }
            // What it has read is in `bytes` although the future is dropped.
            match ready!(pin!(pipe.read_buf(&mut self.bytes)).poll(cx)) {
                Ok(n) => self.ended = n == 0,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Future of [`Child::wait_with_output`] and [`Command::output`](super::Command::output).
pub(super) struct OutputOf {
    launched: Launched,
    status: Option<ExitStatus>,
    stdout: Collected<ChildStdout>,
    stderr: Collected<ChildStderr>,
}

impl OutputOf {
    pub(super) fn new(mut child: io::Result<Child>) -> OutputOf {
        let (stdout, stderr) = match &mut child {
            Ok(child) => (child.stdout.take(), child.stderr.take()),
            Err(_) => (None, None),
        };
        OutputOf {
            launched: Launched::new(child),
            status: None,
            stdout: Collected::new(stdout),
            stderr: Collected::new(stderr),
        }
    }
}

impl Future for OutputOf {
    type Output = io::Result<Output>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Output>> {
        let this = &mut *self;
        if this.status.is_none() {
            let child = this.launched.child()?;
            if let Poll::Ready(status) = child.poll_wait(cx, Location::caller())? {
                this.status = Some(status);
            }
        }
        let stdout = this.stdout.poll(cx)?;
        let stderr = this.stderr.poll(cx)?;
        let (Some(status), Poll::Ready(()), Poll::Ready(())) = (this.status, stdout, stderr) else {
            return Poll::Pending;
        };
        drop((this.stdout.pipe.take(), this.stderr.pipe.take()));
        Poll::Ready(Ok(Output {
            status,
            stdout: std::mem::take(&mut this.stdout.bytes),
            stderr: std::mem::take(&mut this.stderr.bytes),
        }))
    }
}

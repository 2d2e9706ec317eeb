//! Tools of `zokio::io`: copies, streams in memory, empty streams, standard streams, descriptors.
#![cfg(feature = "full")]

#[cfg(unix)]
mod async_fd;
mod copy;
mod copy_bidirectional;
mod empty;
mod memory;
mod names;
#[cfg(unix)]
mod stdio;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use zokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The output of a future that is ready at once.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    match poll_once(std::pin::pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("pending"),
    }
}

/// Runs `steps` in a task beside one that only yields, and fails if they never let that one go on.
fn assert_yields(steps: impl Future<Output = ()>) {
    runtime().block_on(async {
        zokio::select! {
            biased;
            () = steps => panic!("the steps never yielded"),
            () = zokio::task::yield_now() => {}
        }
    });
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wakes {
    fn new() -> (Arc<Wakes>, Waker) {
        let wakes = Arc::new(Wakes::default());
        (wakes.clone(), wakes.into())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// What a scripted stream does next.
enum Step {
    Read(&'static [u8]),
    Take(usize),
    Fail(io::ErrorKind),
    Wait,
}

/// A stream that does what it is told, and keeps what is written. After the script: reads end,
/// writes and flushes succeed.
#[derive(Default)]
struct Scripted {
    reads: VecDeque<Step>,
    writes: VecDeque<Step>,
    flushes: VecDeque<Step>,
    written: Vec<u8>,
    sizes: Vec<usize>,
    flushed: usize,
    shut_down: usize,
}

impl Scripted {
    fn reading(steps: impl IntoIterator<Item = Step>) -> Scripted {
        Scripted {
            reads: steps.into_iter().collect(),
            ..Scripted::default()
        }
    }

    fn writing(steps: impl IntoIterator<Item = Step>) -> Scripted {
        Scripted {
            writes: steps.into_iter().collect(),
            ..Scripted::default()
        }
    }
}

impl AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.reads.pop_front() {
            Some(Step::Read(bytes)) => buf.put_slice(bytes),
            Some(Step::Fail(kind)) => return Poll::Ready(Err(kind.into())),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            _ => {}
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n = match self.writes.pop_front() {
            Some(Step::Take(n)) => n.min(buf.len()),
            Some(Step::Fail(kind)) => return Poll::Ready(Err(kind.into())),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            _ => buf.len(),
        };
        self.written.extend_from_slice(&buf[..n]);
        self.sizes.push(n);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.flushes.pop_front() {
            Some(Step::Fail(kind)) => return Poll::Ready(Err(kind.into())),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            _ => self.flushed += 1,
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down += 1;
        Poll::Ready(Ok(()))
    }
}

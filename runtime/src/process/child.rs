//! What runs.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::process::{Child as StdChild, ExitStatus, Output};
use std::task::{Context, Poll, ready};

use super::exit::Exit;
use super::orphans;
use super::output::OutputOf;
use super::{ChildStderr, ChildStdin, ChildStdout};
use crate::task::coop::poll_proceed;

/// A child process.
///
/// Dropping it neither ends the child nor waits for it, unless
/// [`kill_on_drop`](super::Command::kill_on_drop) was asked for; see the [module](super).
#[derive(Debug)]
pub struct Child {
    child: State,
    /// Writes to the child's standard input, if that is a pipe and has not been taken.
    pub stdin: Option<ChildStdin>,
    /// Reads the child's standard output, if that is a pipe and has not been taken.
    pub stdout: Option<ChildStdout>,
    /// Reads the child's standard error, if that is a pipe and has not been taken.
    pub stderr: Option<ChildStderr>,
}

#[derive(Debug)]
enum State {
    Running(Running),
    Done(ExitStatus),
}

/// A child whose status is not known yet.
struct Running {
    /// `None` only in drop.
    std: Option<StdChild>,
    exit: Exit,
    kill_on_drop: bool,
}

impl Running {
    fn std(&mut self) -> &mut StdChild {
        self.std.as_mut().expect("taken only when dropped")
    }

    fn pid(&self) -> Option<u32> {
        self.std.as_ref().map(StdChild::id)
    }

    fn kill(&mut self) -> io::Result<()> {
        self.std().kill()?;
        self.kill_on_drop = false;
        Ok(())
    }

    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.std().try_wait()?;
        // There is nothing left to kill.
        self.kill_on_drop &= status.is_none();
        Ok(status)
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<ExitStatus>> {
        let coop = ready!(poll_proceed(cx));
        let mut told = false;
        let done = loop {
            if let Some(done) = self.try_wait().transpose() {
                break done;
            }
            if told && self.exit.doubt()? {
                // It may have ended before the new source of news was there.
                told = false;
                continue;
            }
            if let Err(error) = ready!(self.exit.poll(cx, location)) {
                break Err(error);
            }
            told = true;
        };
        coop.made_progress();
        Poll::Ready(done)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.kill_on_drop {
            // If it cannot be killed there is nobody to tell.
            let _ = self.kill();
        }
        let Some(mut std) = self.std.take() else {
            return;
        };
        if matches!(std.try_wait(), Ok(None)) {
            orphans::push(std);
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("pid", &self.pid())
            .field("kill_on_drop", &self.kill_on_drop)
            .finish()
    }
}

/// What this process has of a child besides the child.
struct Connections {
    exit: Exit,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

#[track_caller]
fn connect(std: &mut StdChild) -> io::Result<Connections> {
    // No closures, which would hide the caller.
    let stdin = match std.stdin.take() {
        Some(pipe) => Some(ChildStdin::from_std(pipe)?),
        None => None,
    };
    let stdout = match std.stdout.take() {
        Some(pipe) => Some(ChildStdout::from_std(pipe)?),
        None => None,
    };
    let stderr = match std.stderr.take() {
        Some(pipe) => Some(ChildStderr::from_std(pipe)?),
        None => None,
    };
    Ok(Connections {
        exit: Exit::of(std.id())?,
        stdin,
        stdout,
        stderr,
    })
}

impl Child {
    #[track_caller]
    pub(super) fn new(mut std: StdChild, kill_on_drop: bool) -> io::Result<Child> {
        match connect(&mut std) {
            Ok(connections) => Ok(Child {
                child: State::Running(Running {
                    std: Some(std),
                    exit: connections.exit,
                    kill_on_drop,
                }),
                stdin: connections.stdin,
                stdout: connections.stdout,
                stderr: connections.stderr,
            }),
            Err(error) => {
                if kill_on_drop {
                    let _ = std.kill();
                }
                orphans::push(std);
                Err(error)
            }
        }
    }

    /// The child's process id; `None` once its status is known, since the system may give the id
    /// to another process then.
    pub fn id(&self) -> Option<u32> {
        match &self.child {
            State::Running(running) => running.pid(),
            State::Done(_) => None,
        }
    }

    /// Kills the child (`SIGKILL`) without waiting for its end. Nothing if its status is known.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn start_kill(&mut self) -> io::Result<()> {
        match &mut self.child {
            State::Running(running) => running.kill(),
            State::Done(_) => Ok(()),
        }
    }

    /// Kills the child (`SIGKILL`) and waits for its end.
    ///
    /// # Errors
    ///
    /// Those of [`start_kill`](Child::start_kill) and [`wait`](Child::wait).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a cancelled call has killed the child if it was polled.
    pub fn kill(&mut self) -> impl Future<Output = io::Result<()>> + '_ {
        Kill {
            started: false,
            wait: Wait::new(self),
        }
    }

    /// Waits for the end of the child; its status. May be called again, with the same result.
    ///
    /// The pipe to its standard input is closed first, unless it was taken out of
    /// [`stdin`](Child::stdin): a child that reads to the end of its input would never end.
    ///
    /// # Errors
    ///
    /// If the system cannot tell, as when somebody else has waited for the child; or if the runtime
    /// that the child was spawned in is shut down before the child's end.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub fn wait(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + '_ {
        Wait::new(self)
    }

    /// The child's status, if it has ended. Neither closes its input nor wakes anybody later.
    ///
    /// # Errors
    ///
    /// If the system cannot tell.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match &mut self.child {
            State::Done(status) => Ok(Some(*status)),
            State::Running(running) => {
                let status = running.try_wait()?;
                if let Some(status) = status {
                    self.child = State::Done(status);
                }
                Ok(status)
            }
        }
    }

    /// Waits for the end of the child, and collects what it writes to its standard output and
    /// error meanwhile, as far as those are pipes and have not been taken.
    ///
    /// The pipe to its standard input is closed first, as by [`wait`](Child::wait).
    ///
    /// # Errors
    ///
    /// Those of [`wait`](Child::wait), and of reading the pipes. The child is dropped then.
    ///
    /// # Cancel safety
    ///
    /// A cancelled call drops the child and what was collected.
    pub fn wait_with_output(self) -> impl Future<Output = io::Result<Output>> {
        OutputOf::new(Ok(self))
    }

    pub(super) fn poll_wait(
        &mut self,
        cx: &mut Context<'_>,
        location: &'static Location<'static>,
    ) -> Poll<io::Result<ExitStatus>> {
        drop(self.stdin.take());
        match &mut self.child {
            State::Done(status) => Poll::Ready(Ok(*status)),
            State::Running(running) => {
                let status = ready!(running.poll(cx, location))?;
                self.child = State::Done(status);
                Poll::Ready(Ok(status))
            }
        }
    }

    fn stop_waiting(&mut self) {
        if let State::Running(running) = &mut self.child {
            running.exit.stop_waiting();
        }
    }
}

/// Future of [`Child::wait`].
struct Wait<'a> {
    child: &'a mut Child,
    pending: bool,
}

impl<'a> Wait<'a> {
    fn new(child: &'a mut Child) -> Wait<'a> {
        Wait {
            child,
            pending: false,
        }
    }
}

impl Future for Wait<'_> {
    type Output = io::Result<ExitStatus>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let polled = self.child.poll_wait(cx, Location::caller());
        self.pending = polled.is_pending();
        polled
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.pending {
            self.child.stop_waiting();
        }
    }
}

/// Future of [`Child::kill`].
struct Kill<'a> {
    started: bool,
    wait: Wait<'a>,
}

impl Future for Kill<'_> {
    type Output = io::Result<()>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.started {
            self.wait.child.start_kill()?;
            self.started = true;
        }
        Pin::new(&mut self.wait).poll(cx).map_ok(drop)
    }
}

//! Which polls are under way, and what the threads that run them are doing.
//!
//! This is for a thread outside of the runtime that looks while all workers may be stuck: nothing
//! here needs a worker's help. [`polls_in_progress`] reads three words a worker. A look at a
//! worker's thread ([`sample_worker`]) stops that thread for the time of one signal, some
//! microseconds.

use std::fmt;

use super::clock;
use super::thread_sample;
use crate::runtime::Handle;

/// A poll that is under way on a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollInProgress {
    /// Index of the worker.
    pub worker: u16,
    /// Id of the task.
    pub task_id: u64,
    /// When the poll began, on the clock of [`now_ns`](super::now_ns).
    pub since_ns: u64,
}

/// What a thread of a worker was doing when a signal reached it.
///
/// Registers and a piece of the stack, as they were: enough to unwind the stack elsewhere, at
/// leisure. The piece begins at [`sp`](ThreadSample::sp) and ends where the stack does, or after
/// 64 KiB or so.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadSample {
    /// Program counter.
    pub pc: u64,
    /// Stack pointer: the address of the first byte of `stack`.
    pub sp: u64,
    /// Frame pointer (`rbp`, `x29`).
    pub fp: u64,
    /// Link register (`x30`); 0 where the machine has none.
    pub lr: u64,
    /// The stack from `sp` upwards.
    pub stack: Vec<u8>,
    /// The thread's number, as the operating system counts.
    pub thread_id: u64,
    /// What the operating system says of the thread.
    pub state: ThreadState,
}

impl fmt::Debug for ThreadSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadSample")
            .field("pc", &format_args!("{:#x}", self.pc))
            .field("sp", &format_args!("{:#x}", self.sp))
            .field("stack_bytes", &self.stack.len())
            .field("thread_id", &self.thread_id)
            .field("state", &self.state)
            .finish()
    }
}

/// Whether a thread has a processor, as the operating system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadState {
    /// On a processor, or in line for one.
    Running,
    /// Off the processor, waiting for something: a lock, a timer, a socket.
    Sleeping,
    /// Off the processor, waiting for a device (state "D" of Linux).
    Disk,
    /// Stopped by a signal or a debugger.
    Stopped,
    /// The system does not say.
    Unknown,
}

impl ThreadState {
    /// The state in words.
    pub fn as_str(self) -> &'static str {
        match self {
            ThreadState::Running => "on-cpu",
            ThreadState::Sleeping => "off-cpu",
            ThreadState::Disk => "off-cpu (device)",
            ThreadState::Stopped => "stopped",
            ThreadState::Unknown => "unknown",
        }
    }
}

/// Why a worker's thread could not be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleError {
    /// Threads can be sampled on Linux on x86-64 and aarch64, with telemetry compiled in.
    Unsupported,
    /// There is no such worker, or no thread runs it now.
    NotRunning,
    /// The signal did not reach the thread in time: it blocks SIGURG, or the program has put a
    /// handler of its own over ours.
    TimedOut,
    /// The operating system refused a handler, a pipe or the signal.
    Refused,
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SampleError::Unsupported => {
                "threads can be sampled only on Linux on x86-64 and aarch64, with telemetry"
            }
            SampleError::NotRunning => "no thread runs this worker",
            SampleError::TimedOut => {
                "the thread did not answer SIGURG: it blocks the signal, or another handler has it"
            }
            SampleError::Refused => "the operating system refused to signal the thread",
        })
    }
}

impl std::error::Error for SampleError {}

/// The polls that are under way on the runtime's workers. Empty without telemetry.
///
/// Cheap enough for many times a second: it reads three words a worker, and no task.
pub fn polls_in_progress(handle: &Handle) -> Vec<PollInProgress> {
    let remotes = handle.shared().remotes.iter().zip(0..);
    let current = |(remote, worker): (&crate::scheduler::Remote, u16)| {
        let (task_id, since) = remote.counters.current()?;
        Some(PollInProgress {
            worker,
            task_id,
            since_ns: clock::stamp_to_ns(since),
        })
    };
    remotes.filter_map(current).collect()
}

/// Looks at the thread that runs a worker, by a signal (SIGURG) to it.
///
/// The thread's system calls may return `EINTR`, as with any signal; those that the system can
/// restart are restarted. The first call installs the handler, which passes on what is not its own
/// to the handler that was there before. Blocks the caller for some microseconds, at most 100 ms.
///
/// # Errors
///
/// See [`SampleError`].
pub fn sample_worker(handle: &Handle, worker: u16) -> Result<ThreadSample, SampleError> {
    let remote = handle.shared().remotes.get(usize::from(worker));
    let thread = remote
        .and_then(|remote| remote.counters.thread())
        .ok_or(SampleError::NotRunning)?;
    thread_sample::sample(thread)
}

//! The thread that finds the names of the functions on a stack, and tells the program's log.

use std::sync::{Arc, mpsc};
use std::thread;

use zokio::telemetry::{ThreadSample, now_ns};

use super::log::{Known, Log, LongPoll, Stack};
use crate::error::{Error, Kind};
use crate::stacks;

/// Stacks that wait to be named.
const QUEUE: usize = 64;

/// A long poll whose stack is to be named.
pub(super) struct Job {
    pub(super) long_poll: LongPoll,
    /// `None`: there is no stack, for a reason that the long poll says.
    pub(super) sample: Option<ThreadSample>,
    /// The poll has not been told of yet.
    pub(super) is_first: bool,
    pub(super) runtime_name: String,
}

/// Starts the thread. It ends when the sender is gone.
pub(super) fn start(log: Arc<Log>) -> Result<mpsc::SyncSender<Job>, Error> {
    let (sender, jobs) = mpsc::sync_channel::<Job>(QUEUE);
    thread::Builder::new()
        .name("zokio-symbols".to_owned())
        .spawn(move || {
            for job in jobs {
                name(&log, job);
            }
        })
        .map_err(Kind::Thread)?;
    Ok(sender)
}

fn name(log: &Log, job: Job) {
    let mut long_poll = job.long_poll;
    if let Some(sample) = job.sample {
        long_poll.stack = Stack {
            frames: stacks::frames(&sample).into(),
            error: String::new(),
            known: Known::All,
            ..long_poll.stack
        };
        log.name(&long_poll);
    }
    if job.is_first {
        report(&job.runtime_name, &long_poll);
    }
}

/// Tells the program's own log.
fn report(runtime: &str, poll: &LongPoll) {
    let spawned_at = poll.spawned_at.map(tracing::field::display);
    let culprit = stacks::culprit(&poll.stack.frames);
    tracing::warn!(
        target: "zokio::findings",
        runtime,
        worker = poll.worker,
        task = poll.task_id,
        spawned_at,
        poll_ms = now_ns().saturating_sub(poll.began_at_ns) / 1_000_000,
        thread = poll.stack.thread_state,
        function = culprit.map(|f| f.function.as_str()),
        at = culprit.map(|f| tracing::field::display(format!("{}:{}", f.file, f.line))),
        "a task kept its worker for long",
    );
}

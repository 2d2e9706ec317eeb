//! Asks tasks one after the other, and turns their answers into messages.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use zokio::runtime::Handle;
use zokio::sync::mpsc::Sender;
use zokio::telemetry::{
    self, Backtraces, CaptureOptions, PollInProgress, Snapshot, TaskBacktrace, TaskKind,
    TaskSnapshot, TaskState,
};
use zokio_console_proto::v1;

use super::{MAX_TIME, PATIENCE};
use crate::encode;
use crate::stacks;

/// Answers for one task, or for `limit` tasks, until the client has gone or the time is over.
pub(super) fn all(
    runtimes: &[(u64, Handle)],
    task: Option<u64>,
    limit: usize,
    out: &Sender<v1::TaskBacktrace>,
) {
    let end = Instant::now() + MAX_TIME;
    let mut left = limit;
    for (id, handle) in runtimes {
        let tasks = match task {
            Some(task) => telemetry::task_snapshot(handle, task).into_iter().collect(),
            None => Snapshot::capture_with(handle, CaptureOptions::new().tasks(true)).tasks,
        };
        let tasks: HashMap<u64, TaskSnapshot> = tasks.into_iter().map(|t| (t.id, t)).collect();
        if tasks.is_empty() {
            continue;
        }
        let mut gathering = Gathering {
            runtime: *id,
            handle,
            tasks,
            out,
            names: stacks::Names::default(),
        };
        let asked = match task {
            Some(task) => telemetry::backtrace(handle, task),
            None => telemetry::backtraces(handle),
        };
        if gathering.run(asked, &mut left, end).is_err() {
            return;
        }
    }
}

/// The client has gone.
struct Gone;

struct Gathering<'a> {
    runtime: u64,
    handle: &'a Handle,
    /// Those that have not been answered for.
    tasks: HashMap<u64, TaskSnapshot>,
    out: &'a Sender<v1::TaskBacktrace>,
    names: stacks::Names,
}

impl Gathering<'_> {
    fn run(&mut self, mut asked: Backtraces, left: &mut usize, end: Instant) -> Result<(), Gone> {
        let mut silent = false;
        while *left > 0 {
            let patience = end.saturating_duration_since(Instant::now()).min(PATIENCE);
            match next_before(&mut asked, Instant::now() + patience) {
                Poll::Ready(Some(answer)) => {
                    *left -= 1;
                    self.answer(answer)?;
                }
                Poll::Ready(None) => break,
                // Nobody got a turn in all this time: the others will not, either.
                Poll::Pending => {
                    silent = true;
                    break;
                }
            }
        }
        drop(asked);
        *left -= self.others(*left, silent)?;
        Ok(())
    }

    fn answer(&mut self, answer: TaskBacktrace) -> Result<(), Gone> {
        let task = self.tasks.remove(&answer.task_id);
        let mut message = self.message(answer.task_id, task.as_ref());
        message.taken_at_ns = answer.taken_at_ns;
        message.stacks_left_off = answer.leaves_left_off;
        for leaf in &answer.leaves {
            message
                .stacks
                .push(encode::backtrace_stack(&self.names.waiting(leaf)));
        }
        if answer.completed {
            message.state = v1::TaskState::Done.into();
            "it has finished meanwhile".clone_into(&mut message.error);
        }
        self.send(message)
    }

    /// Those that have not answered: for want of a turn, or since they are none that are asked.
    /// Of those it answers for `left` at most, and returns for how many.
    fn others(&mut self, left: usize, silent: bool) -> Result<usize, Gone> {
        let polls = telemetry::polls_in_progress(self.handle);
        let mut rest: Vec<TaskSnapshot> = std::mem::take(&mut self.tasks).into_values().collect();
        rest.sort_unstable_by_key(|task| task.id);
        rest.truncate(left);
        let mut sampled = Vec::new();
        for (index, task) in rest.iter().enumerate() {
            let mut message = self.message(task.id, Some(task));
            message.remaining = (rest.len() - index - 1) as u64;
            if let Some(poll) = polls.iter().find(|poll| poll.task_id == task.id) {
                self.executing(*poll, &mut message);
                sampled.push(poll.worker);
            } else {
                message.error = why_silent(task);
            }
            self.send(message)?;
        }
        if !silent {
            return Ok(rest.len());
        }
        // What keeps the workers from the tasks.
        for poll in polls.iter().filter(|poll| !sampled.contains(&poll.worker)) {
            let task = telemetry::task_snapshot(self.handle, poll.task_id);
            let mut message = self.message(poll.task_id, task.as_ref());
            self.executing(*poll, &mut message);
            self.send(message)?;
        }
        Ok(rest.len())
    }

    /// What the worker's thread executes.
    fn executing(&self, poll: PollInProgress, message: &mut v1::TaskBacktrace) {
        message.worker_plus_one = u32::from(poll.worker) + 1;
        match telemetry::sample_worker(self.handle, poll.worker) {
            Ok(sample) => {
                sample.state.as_str().clone_into(&mut message.thread_state);
                let frames = stacks::frames(&sample);
                message.stacks.push(encode::backtrace_stack(&frames));
            }
            Err(error) => message.error = error.to_string(),
        }
    }

    fn message(&self, id: u64, task: Option<&TaskSnapshot>) -> v1::TaskBacktrace {
        let task = task.map(encode::task_alone).unwrap_or_default();
        v1::TaskBacktrace {
            runtime_id: self.runtime,
            task_id: id,
            task_name: task.name,
            location: task.location,
            kind: task.kind,
            state: task.state,
            waits: task.waits,
            taken_at_ns: telemetry::now_ns(),
            remaining: self.tasks.len() as u64,
            ..Default::default()
        }
    }

    fn send(&self, message: v1::TaskBacktrace) -> Result<(), Gone> {
        self.out.blocking_send(message).map_err(|_| Gone)
    }
}

fn why_silent(task: &TaskSnapshot) -> String {
    let why = match (task.kind, task.state) {
        (TaskKind::Blocking, _) => "blocking work has a thread of its own, and is not polled",
        (TaskKind::BlockOn, _) => {
            "the future of a `block_on` is not asked: what it waits for is known"
        }
        (_, TaskState::Busy) => "it is being polled, by a thread that is no worker",
        (TaskKind::Local, _) => {
            "its turn has not come: its thread is busy, or does not poll its set"
        }
        _ => "its turn has not come: no worker was free",
    };
    why.to_owned()
}

/// The next answer, if it comes in time.
fn next_before(asked: &mut Backtraces, end: Instant) -> Poll<Option<TaskBacktrace>> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(answer) = asked.poll_next(&mut cx) {
            return Poll::Ready(answer);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Poll::Pending;
        }
        thread::park_timeout(left);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

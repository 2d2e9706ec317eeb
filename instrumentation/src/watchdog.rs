//! The watchdog: notices polls that take too long, and what their threads are doing.
//!
//! A thread of its own that needs nothing of the runtimes: it reads which polls are under way, and
//! samples the thread of one that is over the threshold with a signal. So it works while all
//! workers are stuck. A poll is sampled when it passes the threshold, and again at ten and a
//! hundred times the threshold; the latest sample is kept.
//!
//! Fifty looks a second at three words a worker: no measurable part of a core.

mod log;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use zokio::runtime::Handle;
use zokio::telemetry::{PollInProgress, now_ns, polls_in_progress, sample_worker, task_snapshot};

use crate::error::{Error, Kind};
use crate::runtimes::Runtimes;
use crate::stacks;
pub(crate) use log::{Log, LongPoll, Stack};

/// How long a poll may take before its thread is looked at.
pub const DEFAULT_LONG_POLL_THRESHOLD: Duration = Duration::from_millis(100);

/// Between two looks.
const TICK: Duration = Duration::from_millis(20);

/// The time that the thread gets to end.
const FAREWELL: Duration = Duration::from_millis(500);

/// Samples of one poll, each after ten times as long as the one before.
const MAX_SAMPLES: u32 = 3;

/// A running watchdog. Dropping it ends its thread, and waits for it for half a second at most.
pub(crate) struct Watchdog {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Watchdog {
    /// Starts the thread.
    pub(crate) fn start(
        runtimes: Arc<Runtimes>,
        log: Arc<Log>,
        threshold: Duration,
        sample_stacks: bool,
    ) -> Result<Watchdog, Error> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut looker = Looker {
            runtimes,
            log,
            threshold_ns: u64::try_from(threshold.as_nanos()).unwrap_or(u64::MAX),
            sample_stacks,
            watched: HashMap::new(),
        };
        let thread = thread::Builder::new()
            .name("zokio-watchdog".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    looker.look();
                    thread::park_timeout(TICK);
                }
            })
            .map_err(Kind::Thread)?;
        Ok(Watchdog {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else {
            return;
        };
        thread.thread().unpark();
        let deadline = Instant::now() + FAREWELL;
        while !thread.is_finished() {
            if Instant::now() > deadline {
                // It names the functions of a stack, which may take seconds. It ends by itself.
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        // A panic has been reported by the panic hook; the program goes on.
        drop(thread.join());
    }
}

struct Looker {
    runtimes: Arc<Runtimes>,
    log: Arc<Log>,
    threshold_ns: u64,
    sample_stacks: bool,
    /// The long polls that are under way, by runtime and worker.
    watched: HashMap<(u64, u16), Watched>,
}

/// A poll over the threshold.
struct Watched {
    poll: PollInProgress,
    samples: u32,
}

impl Looker {
    fn look(&mut self) {
        let now = now_ns();
        let mut under_way = Vec::new();
        for (runtime, handle) in self.runtimes.live() {
            for poll in polls_in_progress(&handle) {
                if now.saturating_sub(poll.since_ns) >= self.threshold_ns {
                    under_way.push((runtime, poll));
                    self.notice(runtime, &handle, poll, now);
                }
            }
        }
        let log = &self.log;
        self.watched.retain(|(runtime, _), watched| {
            let goes_on = under_way.contains(&(*runtime, watched.poll));
            if !goes_on {
                log.end(*runtime, &watched.poll, now);
            }
            goes_on
        });
    }

    /// A poll is over the threshold: samples it if that is due.
    fn notice(&mut self, runtime: u64, handle: &Handle, poll: PollInProgress, now: u64) {
        let key = (runtime, poll.worker);
        let known = self.watched.get(&key).filter(|w| w.poll == poll);
        let samples = known.map_or(0, |w| w.samples);
        let due = self.threshold_ns.saturating_mul(10_u64.pow(samples));
        if samples >= MAX_SAMPLES || now.saturating_sub(poll.since_ns) < due {
            return;
        }
        if let Some(other) = self.watched.get(&key).filter(|w| w.poll != poll) {
            // It ended, and another long one began between two looks.
            self.log.end(runtime, &other.poll, now);
        }
        let samples = samples + 1;
        self.watched.insert(key, Watched { poll, samples });
        let stack = self.sample(handle, poll.worker);
        if !polls_in_progress(handle).contains(&poll) {
            // It ended while it was looked at: the stack may be that of what came after.
            if samples == 1 {
                self.log
                    .put(long_poll(runtime, handle, &poll, Stack::missed()));
            }
            return;
        }
        let long_poll = long_poll(runtime, handle, &poll, stack);
        if samples == 1 {
            report(handle, &long_poll, now);
        }
        self.log.put(long_poll);
    }

    fn sample(&self, handle: &Handle, worker: u16) -> Stack {
        if !self.sample_stacks {
            return Stack::unknown("stacks are switched off");
        }
        match sample_worker(handle, worker) {
            Ok(sample) => Stack {
                taken_at_ns: now_ns(),
                thread_id: sample.thread_id,
                thread_state: sample.state.as_str(),
                frames: stacks::frames(&sample),
                error: String::new(),
            },
            Err(error) => Stack::unknown(error),
        }
    }
}

fn long_poll(runtime: u64, handle: &Handle, poll: &PollInProgress, stack: Stack) -> LongPoll {
    let task = task_snapshot(handle, poll.task_id);
    LongPoll {
        runtime_id: runtime,
        worker: poll.worker,
        task_id: poll.task_id,
        task_name: task.as_ref().and_then(|t| t.name.clone()),
        spawned_at: task.map(|t| t.location),
        began_at_ns: poll.since_ns,
        ended_at_ns: None,
        stack,
    }
}

/// Tells the program's own log.
fn report(handle: &Handle, poll: &LongPoll, now: u64) {
    let spawned_at = poll.spawned_at.map(tracing::field::display);
    let culprit = stacks::culprit(&poll.stack.frames);
    tracing::warn!(
        runtime = handle.label(),
        worker = poll.worker,
        task = poll.task_id,
        spawned_at,
        poll_ms = now.saturating_sub(poll.began_at_ns) / 1_000_000,
        thread = poll.stack.thread_state,
        function = culprit.map(|f| f.function.as_str()),
        at = culprit.map(|f| tracing::field::display(format!("{}:{}", f.file, f.line))),
        "a task keeps its worker: the poll has not returned",
    );
}

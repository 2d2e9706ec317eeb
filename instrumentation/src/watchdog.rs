//! The watchdog: notices polls that take too long, and what their threads are doing.
//!
//! A thread of its own that needs nothing of the runtimes: it reads which polls are under way, and
//! samples the thread of one that is over the threshold with a signal. So it works while all
//! workers are stuck. A poll is sampled when it passes the threshold, and again at ten and a
//! hundred times the threshold; the latest sample is kept.
//!
//! Fifty looks a second at three words a worker: no measurable part of a core. Naming the functions of
//! a stack may take seconds the first time, so a second thread does that, and the looks go on.

mod log;
mod namer;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use zokio::runtime::Handle;
use zokio::telemetry::{PollInProgress, now_ns, polls_in_progress, sample_worker, task_snapshot};

use crate::error::{Error, Kind};
use crate::nanos::nanos;
use crate::runtimes::Runtimes;
pub(crate) use log::{CpuWait, Known, Log, LongPoll, Stack};
use namer::Job;

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
        let namer = namer::start(Arc::clone(&log))?;
        let mut looker = Looker {
            runtimes,
            log,
            threshold_ns: nanos(threshold),
            sample_stacks,
            namer,
            watched: HashMap::new(),
        };
        let thread = thread::Builder::new()
            .name("zokio-watchdog".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    looker.look();
                    looker.rest();
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
    namer: mpsc::SyncSender<Job>,
    /// The long polls that are under way, by runtime and worker.
    watched: HashMap<(u64, u16), Watched>,
}

/// A poll over the threshold.
struct Watched {
    poll: PollInProgress,
    samples: u32,
}

impl Looker {
    fn rest(&self) {
        let began = Instant::now();
        thread::park_timeout(TICK);
        self.log.rested(began.elapsed().saturating_sub(TICK));
    }

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
        let sampled = if self.sample_stacks {
            sample_worker(handle, poll.worker).map_err(|error| error.to_string())
        } else {
            Err("stacks are switched off".to_owned())
        };
        // If it ended while it was looked at, the stack may be that of what came after.
        let goes_on = polls_in_progress(handle).contains(&poll);
        if !goes_on && samples > 1 {
            return;
        }
        let stack = match &sampled {
            _ if !goes_on => Stack::missed(),
            Ok(sample) => Stack::unnamed(sample),
            Err(why) => Stack::unknown(why),
        };
        let long_poll = long_poll(runtime, handle, &poll, stack);
        self.log.put(long_poll.clone());
        let job = Job {
            long_poll,
            sample: sampled.ok().filter(|_| goes_on),
            is_first: samples == 1,
            runtime_name: handle.label().to_owned(),
        };
        // A full queue: the stack stays unnamed.
        let _ = self.namer.try_send(job);
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

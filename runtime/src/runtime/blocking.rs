//! The pool of threads for work that blocks.
//!
//! Jobs wait in one queue; a thread is started for a job when none is idle, up to the limit, and
//! ends after being idle for the keep-alive time. Jobs still queued at shutdown are cancelled;
//! those that have begun are waited for, and so are those whose threads are just starting and
//! mandatory ones ([`spawn_mandatory`]).
//!
//! Waking a sleeping thread costs more than most jobs, on both sides. So a thread that has run out of
//! jobs stays *hot* for some microseconds, one at a time, and looks for the next: while it does, a
//! single new job needs no wake-up. When that keeps leading to nothing it is tried less often
//! ([`Heat`]).
//!
//! Workers run here too: a worker's loop is a job that does not count against the limit, so that
//! `block_in_place` can hand a worker to a thread that is there already.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::heat::{self, Heat};
use super::{Handle, context};
use crate::scheduler::Shared;
use crate::task::JoinHandle;
use crate::task::raw::Runnable;
use crate::telemetry::histogram::Histogram;
use crate::telemetry::{BlockingSnapshot, Counter, SiteTotals, TaskKind, clock, current};

/// How threads of the pool are made.
#[derive(Clone)]
pub(crate) struct ThreadConfig {
    pub(crate) name: Arc<dyn Fn() -> String + Send + Sync>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) keep_alive: Duration,
    pub(crate) max_threads: usize,
}

enum Job {
    Task(Runnable, Kind),
    Worker(Box<dyn FnOnce() + Send>),
}

/// What becomes of a job that is queued when the runtime ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is cancelled.
    Optional,
    /// It runs.
    Mandatory,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Of the jobs, those that are workers.
    worker_jobs: usize,
    threads: usize,
    /// Of the threads, those that run workers.
    worker_threads: usize,
    /// Of the threads, those that have been started and not yet looked at the queue.
    starting: usize,
    /// Of the threads, those that look no more and run the hook of their end.
    stopping: usize,
    idle: usize,
    /// Idle threads that have been notified and not yet woken: not to be counted on again.
    notified: usize,
    /// A thread looks for a job without being idle. It looks under the lock before it sleeps, so
    /// a job that is left to it is not forgotten.
    hot: bool,
    heat: Heat,
    shutdown: bool,
    next_thread: usize,
    handles: HashMap<usize, thread::JoinHandle<()>>,
}

/// A job that has run: ticks.
struct Ran {
    waited: u64,
    busy: u64,
}

/// The pool of one runtime.
pub(crate) struct BlockingPool {
    config: ThreadConfig,
    queue: Mutex<Queue>,
    /// Whether there are jobs, for the hot thread; changed under the lock.
    has_jobs: AtomicBool,
    /// Tasks queued or running, as workers see them: a hint.
    under_way: AtomicUsize,
    work: Condvar,
    ended: Condvar,
    completed: Counter,
    /// Both written under the queue's lock.
    queue_time: Histogram,
    run_time: Histogram,
    busy: Counter,
}

impl BlockingPool {
    pub(crate) fn new(config: ThreadConfig) -> BlockingPool {
        BlockingPool {
            config,
            queue: Mutex::default(),
            has_jobs: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
            work: Condvar::new(),
            ended: Condvar::new(),
            completed: Counter::new(0),
            queue_time: Histogram::new(),
            run_time: Histogram::new(),
            busy: Counter::new(0),
        }
    }

    /// Runs `f` on a thread of the pool.
    ///
    /// # Panics
    ///
    /// If the pool has no thread and the system refuses one.
    #[track_caller]
    pub(crate) fn spawn<F, R>(
        &self,
        shared: &Arc<Shared>,
        f: F,
        name: Option<Arc<str>>,
        location: &'static Location<'static>,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.spawn_kind(shared, f, name, location, Kind::Optional).0
    }

    /// [`spawn`](BlockingPool::spawn); whether the pool has taken the job. If it has not, because
    /// the runtime has ended, the handle says that the job was cancelled.
    #[track_caller]
    fn spawn_kind<F, R>(
        &self,
        shared: &Arc<Shared>,
        f: F,
        name: Option<Arc<str>>,
        location: &'static Location<'static>,
        kind: Kind,
    ) -> (JoinHandle<R>, bool)
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (runnable, handle) =
            shared.new_task(BlockingTask(Some(f)), TaskKind::Blocking, name, location);
        shared.elsewhere.unqueued.add_shared(1);
        // A paused clock stands still until the job has ended (`run_task`).
        shared.driver_handle().inhibit_auto_advance();
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let pushed = self.push(shared, Job::Task(runnable, kind));
        let taken = pushed.is_ok();
        if let Err((error, rejected)) = pushed {
            shared.driver_handle().allow_auto_advance();
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            if let Some(Job::Task(runnable, _)) = rejected {
                shared.cancel_unqueued(runnable);
            }
            if let Some(error) = error {
                panic!("OS can't spawn worker thread: {error}");
            }
        }
        (handle.handle(), taken)
    }

    /// Whether a job of a task is queued or running, so that its end is near.
    pub(crate) fn has_jobs_under_way(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) != 0
    }

    /// Runs a worker's loop on a thread of the pool.
    pub(crate) fn run_worker(
        &self,
        shared: &Arc<Shared>,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        match self.push(shared, Job::Worker(Box::new(run))) {
            Err((Some(error), _)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Queues a job and sees to a thread for it. What is rejected is handed back, to be dropped
    /// outside of the lock.
    fn push(&self, shared: &Arc<Shared>, job: Job) -> Result<(), (Option<io::Error>, Option<Job>)> {
        let mut queue = self.queue.lock();
        let is_worker = matches!(job, Job::Worker(_));
        if queue.shutdown && !is_worker {
            return Err((None, Some(job)));
        }
        if is_worker {
            queue.worker_jobs += 1;
            queue.jobs.push_front(job);
        } else {
            queue.jobs.push_back(job);
        }
        if queue.hot && queue.jobs.len() == 1 {
            self.has_jobs.store(true, Ordering::Relaxed);
            return Ok(());
        }
        if queue.idle > queue.notified {
            queue.notified += 1;
            self.work.notify_one();
            return Ok(());
        }
        // A thread is spoken for by each worker that waits for one.
        let for_workers = queue.worker_threads + queue.worker_jobs;
        let for_tasks = (queue.threads - queue.stopping).saturating_sub(for_workers);
        if !is_worker && for_tasks >= self.config.max_threads {
            // A thread will come to it.
            return Ok(());
        }
        let Err(error) = self.start_thread(shared, &mut queue) else {
            return Ok(());
        };
        if !is_worker && for_tasks > 0 {
            // A thread will come to it, if later.
            return Ok(());
        }
        let job = if is_worker {
            queue.jobs.pop_front()
        } else {
            queue.jobs.pop_back()
        };
        queue.worker_jobs -= usize::from(is_worker);
        Err((Some(error), job))
    }

    fn start_thread(&self, shared: &Arc<Shared>, queue: &mut Queue) -> io::Result<()> {
        let id = queue.next_thread;
        // The job is queued already: a panic would leave it to nobody.
        let name = catch_unwind(AssertUnwindSafe(|| (self.config.name)()))
            .map_err(|_| io::Error::other("the function that names threads has panicked"))?;
        if name.contains('\0') {
            let text = format!("the thread name {name:?} contains a NUL character");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let mut builder = thread::Builder::new().name(name);
        if let Some(size) = self.config.stack_size {
            builder = builder.stack_size(size);
        }
        let shared = shared.clone();
        let handle = builder.spawn(move || thread_main(&shared, id))?;
        queue.next_thread += 1;
        queue.threads += 1;
        queue.starting += 1;
        queue.handles.insert(id, handle);
        Ok(())
    }

    /// Runs jobs until there are none for the keep-alive time, or shutdown, and the hook that a thread
    /// ends with.
    fn run_jobs(&self, shared: &Arc<Shared>, id: usize) {
        let mut queue = self.queue.lock();
        queue.starting -= 1;
        loop {
            // Where a worker's loop has ended no further job is near.
            let mut ran_task = false;
            while let Some(job) = queue.jobs.pop_front() {
                let is_worker = matches!(job, Job::Worker(_));
                ran_task = !is_worker;
                queue.worker_jobs -= usize::from(is_worker);
                queue.worker_threads += usize::from(is_worker);
                drop(queue);
                let mut ran = None;
                match job {
                    Job::Worker(run) => run(),
                    // This thread was a worker's until the shutdown began, a moment ago.
                    Job::Task(runnable, Kind::Optional) if shared.is_shutdown() => {
                        shared.cancel_unqueued(runnable);
                        self.under_way.fetch_sub(1, Ordering::Relaxed);
                        shared.driver_handle().allow_auto_advance();
                    }
                    Job::Task(runnable, kind) => {
                        ran = self.run_task(shared, runnable, kind);
                        self.under_way.fetch_sub(1, Ordering::Relaxed);
                        shared.driver_handle().allow_auto_advance();
                    }
                }
                queue = self.queue.lock();
                queue.worker_threads -= usize::from(is_worker);
                if let Some(ran) = ran {
                    self.queue_time.record(ran.waited);
                    self.run_time.record(ran.busy);
                }
            }
            if queue.shutdown {
                break;
            }
            if ran_task && !queue.hot && queue.heat.is_worth_it() {
                queue.hot = true;
                drop(queue);
                heat::look_around(|_| self.has_jobs.load(Ordering::Relaxed));
                queue = self.queue.lock();
                queue.hot = false;
                self.has_jobs.store(false, Ordering::Relaxed);
                let found = !queue.jobs.is_empty();
                queue.heat.learn(found);
                if found || queue.shutdown {
                    continue;
                }
            }
            queue.idle += 1;
            let timed_out = self.wait_for_work(&mut queue);
            queue.idle -= 1;
            if timed_out && !queue.shutdown {
                break;
            }
        }
        let ends_by_itself = !queue.shutdown;
        queue.stopping += 1;
        drop(queue);
        shared.config.hooks.thread_stopping();
        let mut queue = self.queue.lock();
        if ends_by_itself {
            // Nobody will join this thread: if a shutdown has come meanwhile, it still counts it.
            drop(queue.handles.remove(&id));
        }
        queue.stopping -= 1;
        queue.threads -= 1;
        self.ended.notify_all();
    }

    /// Waits for a notification. True: there was none for the keep-alive time.
    fn wait_for_work(&self, queue: &mut parking_lot::MutexGuard<'_, Queue>) -> bool {
        let deadline = Instant::now().checked_add(self.config.keep_alive);
        loop {
            let timed_out = match deadline {
                Some(deadline) => self.work.wait_until(queue, deadline).timed_out(),
                None => {
                    self.work.wait(queue);
                    false
                }
            };
            if queue.notified > 0 {
                queue.notified -= 1;
                return false;
            }
            if queue.shutdown || timed_out {
                return timed_out;
            }
        }
    }

    /// `None`: it was cancelled.
    fn run_task(&self, shared: &Arc<Shared>, runnable: Runnable, kind: Kind) -> Option<Ran> {
        let header = runnable.header();
        let record = shared.records().get(header.slot);
        let begin = clock::raw();
        let waited = begin.saturating_sub(record.created.get());
        // A runtime's end cancels all tasks, also mandatory ones.
        if kind == Kind::Optional && header.state.view_acquire().is_cancelled() {
            record.scheduled.set(waited);
            shared.cancel_unqueued(runnable);
            return None;
        }
        record.since.set(begin);
        record.set_running(true);
        let polled = {
            let _current = current::Restore::enter(current::Current::task(header.id, 1, begin));
            runnable.poll()
        };
        let end = clock::raw();
        let busy = end.saturating_sub(begin);
        self.busy.add_shared(busy);
        self.completed.add_shared(1);
        let Poll::Ready(outcome) = polled else {
            unreachable!("blocking work is done in one go");
        };
        shared.elsewhere.unqueued_finished.add_shared(1);
        shared.finish(
            runnable,
            &SiteTotals::of_blocking(busy, waited, outcome),
            outcome,
        );
        Some(Ran { waited, busy })
    }

    /// Before anything is cancelled: jobs whose threads have been started, but have not come to
    /// them yet, count as begun.
    pub(crate) fn keep_begun_jobs(&self) {
        let mut queue = self.queue.lock();
        let begun = queue.starting.saturating_sub(queue.worker_jobs);
        let tasks = queue.jobs.iter_mut().filter_map(|job| match job {
            Job::Task(runnable, kind) => Some((runnable, kind)),
            Job::Worker(_) => None,
        });
        for (runnable, kind) in tasks.take(begun) {
            if !runnable.header().state.view_acquire().is_cancelled() {
                *kind = Kind::Mandatory;
            }
        }
    }

    /// Cancels queued jobs that may be, and tells the threads to end when their job does.
    pub(crate) fn begin_shutdown(&self, shared: &Arc<Shared>) {
        let cancelled: Vec<Runnable> = {
            let mut queue = self.queue.lock();
            queue.shutdown = true;
            // The hot thread need not look any longer.
            self.has_jobs.store(true, Ordering::Relaxed);
            let mut cancelled = Vec::new();
            for job in std::mem::take(&mut queue.jobs) {
                match job {
                    Job::Task(runnable, Kind::Optional) => cancelled.push(runnable),
                    left => queue.jobs.push_back(left),
                }
            }
            self.work.notify_all();
            cancelled
        };
        for runnable in cancelled {
            shared.cancel_unqueued(runnable);
            self.under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Waits until all threads have ended, at most until `deadline`.
    pub(crate) fn wait_for_threads(&self, deadline: Option<Instant>) {
        let own = thread::current().id();
        let mut queue = self.queue.lock();
        // A thread of the pool that drops the runtime does not wait for itself.
        let is_own = queue
            .handles
            .values()
            .any(|handle| handle.thread().id() == own);
        while queue.threads > usize::from(is_own) {
            match deadline {
                None => self.ended.wait(&mut queue),
                Some(deadline) => {
                    if self.ended.wait_until(&mut queue, deadline).timed_out() {
                        return;
                    }
                }
            }
        }
        let handles: Vec<_> = queue.handles.drain().map(|(_, handle)| handle).collect();
        drop(queue);
        for handle in handles
            .into_iter()
            .filter(|handle| handle.thread().id() != own)
        {
            // A panic in a hook has been reported by the panic hook.
            let _ = handle.join();
        }
    }

    pub(crate) fn snapshot(&self) -> BlockingSnapshot {
        let queue = self.queue.lock();
        let for_tasks = queue.threads - queue.stopping - queue.worker_threads;
        let threads = for_tasks.saturating_sub(queue.worker_jobs);
        BlockingSnapshot {
            threads: threads as u64,
            idle_threads: (queue.idle - queue.notified.min(queue.idle)) as u64,
            max_threads: self.config.max_threads as u64,
            queue_depth: (queue.jobs.len() - queue.worker_jobs) as u64,
            completed: self.completed.get(),
            busy_ns: clock::ticks_to_ns(self.busy.get()),
            queue_time: self.queue_time.snapshot(),
            run_time: self.run_time.snapshot(),
        }
    }
}

/// Runs a function on the current runtime's pool: also if the runtime's end comes before its turn,
/// which then waits for it. `None` if that has come already.
///
/// # Panics
///
/// As [`spawn_blocking`](crate::task::spawn_blocking).
#[track_caller]
pub(crate) fn spawn_mandatory<F, R>(f: F) -> Option<JoinHandle<R>>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let location = Location::caller();
    // As in `task::spawn_blocking`.
    let runtime = Handle::current();
    let shared = runtime.shared();
    let (handle, taken) = shared
        .blocking
        .spawn_kind(shared, f, None, location, Kind::Mandatory);
    taken.then_some(handle)
}

fn thread_main(shared: &Arc<Shared>, id: usize) {
    let handle = Handle::from_shared(shared.clone());
    let _current = context::set_handle(&handle);
    shared.config.hooks.thread_started();
    shared.blocking.run_jobs(shared, id);
}

/// Blocking work as a future: done at its first poll.
struct BlockingTask<F>(Option<F>);

impl<F> Unpin for BlockingTask<F> {}

impl<F, R> Future for BlockingTask<F>
where
    F: FnOnce() -> R,
{
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        let f = self.0.take().expect("blocking work is polled once");
        Poll::Ready(f())
    }
}

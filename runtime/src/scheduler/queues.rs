//! Where a worker finds its next task: LIFO slot, local queue, injector, the others' queues.

#![expect(
    unsafe_code,
    reason = "the LIFO slot holds the right to run a task as a pointer"
)]

use crossbeam_deque::Steal;

use super::Remote;
use super::worker::{Core, WorkerContext};
use crate::prefetch::prefetch;
use crate::runtime::RuntimeFlavor;
use crate::task::raw::Runnable;
use crate::telemetry::{self, Queued};

/// The local queue is spilled to the injector when it has this many tasks.
const LOCAL_QUEUE_BOUND: usize = 256;
/// Tasks from the LIFO slot in a row before the local queue gets its turn.
const LIFO_STREAK: u8 = 3;
/// The most tasks taken from the injector at once.
const INJECTOR_BATCH: usize = 32;

impl Remote {
    /// Tasks in the worker's queue and LIFO slot.
    pub(crate) fn queue_depth(&self) -> u64 {
        self.stealer.len() as u64 + u64::from(self.lifo.is_full())
    }

    /// Takes the task in the LIFO slot.
    pub(super) fn take_lifo(&self) -> Option<Runnable> {
        // SAFETY: `put_lifo` gave the right to run to the slot, which gives each task out once.
        self.lifo.take().map(|task| unsafe { Runnable::new(task) })
    }

    /// Puts a task into the LIFO slot and returns the one that was there.
    fn put_lifo(&self, runnable: Runnable) -> Option<Runnable> {
        let old = self.lifo.put(runnable.into_raw());
        // SAFETY: as in `take_lifo`.
        old.map(|task| unsafe { Runnable::new(task) })
    }
}

impl WorkerContext<'_> {
    /// Enqueues a task that this worker spawned or woke.
    #[inline]
    pub(crate) fn push_woken(&self, core: &mut Core, runnable: Runnable) {
        if core.in_driver || !self.shared().config.lifo {
            self.push_back(core, runnable);
            if !core.in_driver {
                self.shared().wake_a_worker();
            }
            return;
        }
        if let Some(displaced) = self.remote().put_lifo(runnable) {
            self.push_back(core, displaced);
            self.shared().wake_a_worker();
        }
        self.note_depth(core);
    }

    /// Enqueues a task at the tail of the local queue, spilling half of it when it is full.
    pub(super) fn push_back(&self, core: &mut Core, runnable: Runnable) {
        if core.queue.len() >= LOCAL_QUEUE_BOUND
            && self.shared().flavor == RuntimeFlavor::MultiThread
        {
            self.spill(core);
        }
        core.queue.push(runnable);
        self.note_depth(core);
    }

    #[cold]
    fn spill(&self, core: &mut Core) {
        let mut spilled = 0;
        while spilled < LOCAL_QUEUE_BOUND / 2 {
            let Some(runnable) = core.queue.pop() else {
                break;
            };
            self.shared().injector.push(runnable);
            spilled += 1;
        }
        self.remote().counters.spills.add(1);
        self.remote().counters.overflows.add(spilled as u64);
    }

    fn note_depth(&self, core: &Core) {
        if telemetry::is_enabled() {
            let counters = &self.remote().counters;
            counters.queue_depth_max.raise_to(self.depth(core));
        }
    }

    /// Tasks in the local queue and the LIFO slot.
    pub(super) fn depth(&self, core: &Core) -> u64 {
        core.queue.len() as u64 + u64::from(self.remote().lifo.is_full())
    }

    /// The next task without looking at other workers.
    #[inline]
    pub(super) fn next_task(&self, core: &mut Core) -> Option<Runnable> {
        if core.until_injector.is_over() {
            let to = &self.times.injector_interval;
            core.until_injector.tune(self.stamp(), to);
            if let Some(runnable) = self.take_injected(core) {
                return Some(runnable);
            }
        }
        self.next_local(core).or_else(|| self.take_injected(core))
    }

    fn next_local(&self, core: &mut Core) -> Option<Runnable> {
        if core.lifo_streak < LIFO_STREAK
            && let Some(runnable) = self.remote().take_lifo()
        {
            core.lifo_streak += 1;
            self.remote().counters.lifo_hits.add(1);
            self.queued.set(Queued::Lifo);
            return Some(runnable);
        }
        core.lifo_streak = 0;
        if let Some(runnable) = core.queue.pop() {
            self.queued.set(Queued::Local);
            return Some(runnable);
        }
        let runnable = self.remote().take_lifo()?;
        core.lifo_streak = 1;
        self.remote().counters.lifo_hits.add(1);
        self.queued.set(Queued::Lifo);
        Some(runnable)
    }

    /// Takes a fair share of the injector: one task to run, the rest into the local queue.
    fn take_injected(&self, core: &mut Core) -> Option<Runnable> {
        let shared = self.shared();
        if shared.injector.is_empty() {
            return None;
        }
        let room = LOCAL_QUEUE_BOUND.saturating_sub(core.queue.len()).max(1);
        let share = shared.injector.len() / shared.remotes.len() + 1;
        let limit = share.min(INJECTOR_BATCH).min(room);
        let first = retry(|| {
            shared
                .injector
                .steal_batch_with_limit_and_pop(&core.staging, limit)
        })?;
        let more = self.unload_staging(core);
        self.remote().counters.injector_takes.add(1 + more);
        self.queued.set(Queued::Injector);
        if more > 0 {
            // More than this worker can run at once: let another come for it.
            shared.wake_a_worker();
        }
        Some(first)
    }

    /// Moves what was stolen to the local queue, where it can be stolen again; says how much.
    fn unload_staging(&self, core: &mut Core) -> u64 {
        let mut moved = 0;
        while let Some(runnable) = core.staging.pop() {
            // Another worker has written to it last, and this one is to run it soon.
            prefetch(runnable.header());
            core.queue.push(runnable);
            moved += 1;
        }
        moved
    }

    /// Looks for a task elsewhere, and counts the rounds for which there was one.
    pub(super) fn steal(&self, core: &mut Core) -> Option<Runnable> {
        // Its own queue is empty, or it would not look elsewhere.
        let work_is_visible = telemetry::is_enabled() && self.shared().has_queued_work();
        let stolen = self.sweep(core);
        if work_is_visible {
            let counters = &self.remote().counters;
            counters.steal_sweeps.add(1);
            counters.steal_sweeps_won.add(u64::from(stolen.is_some()));
        }
        stolen
    }

    /// Looks at the other workers' queues, from a random one on; last, at their LIFO slots.
    fn sweep(&self, core: &mut Core) -> Option<Runnable> {
        let remotes = &self.shared().remotes;
        let start = core.random_below(remotes.len());
        let victims = || {
            let others = (start..remotes.len()).chain(0..start);
            others.filter(|victim| *victim != usize::from(self.index()))
        };
        for victim in victims() {
            self.remote().counters.steal_attempts.add(1);
            if remotes[victim].stealer.is_empty() {
                continue;
            }
            let stealer = &remotes[victim].stealer;
            let Some(first) = retry(|| stealer.steal_batch_and_pop(&core.staging)) else {
                continue;
            };
            let more = self.unload_staging(core);
            self.count_steal(victim, 1 + more);
            self.queued.set(Queued::Local);
            return Some(first);
        }
        if let Some(runnable) = self.take_injected(core) {
            return Some(runnable);
        }
        for victim in victims() {
            if let Some(runnable) = remotes[victim].take_lifo() {
                self.count_steal(victim, 1);
                self.queued.set(Queued::Lifo);
                return Some(runnable);
            }
        }
        None
    }

    /// The line that counts a steal.
    fn count_steal(&self, victim: usize, tasks: u64) {
        let counters = &self.remote().counters;
        counters.steals.add(1);
        counters.stolen_from[victim].add(tasks);
        self.remote().ring.steal(self.stamp(), victim, tasks);
    }
}

/// Repeats an attempt that lost a race.
fn retry(mut attempt: impl FnMut() -> Steal<Runnable>) -> Option<Runnable> {
    loop {
        match attempt() {
            Steal::Success(runnable) => return Some(runnable),
            Steal::Empty => return None,
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}

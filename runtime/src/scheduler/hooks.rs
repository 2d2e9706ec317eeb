//! Where the scheduler calls the user's hooks on tasks, and what follows from a task's panic.

use std::sync::Arc;

use super::Shared;
use super::worker::WorkerContext;
use crate::runtime::{Config, TaskMeta, UnhandledPanic, context};
use crate::task::raw::Runnable;

/// Whether something is to be done at each poll besides polling.
pub(super) fn polls_are_watched(config: &Config) -> bool {
    config.hooks.tasks.watch_polls() || config.poll_histogram.is_some()
}

impl Shared {
    /// What the user is told of a task that is not complete.
    pub(crate) fn meta_of(&self, runnable: &Runnable) -> TaskMeta<'static> {
        let header = runnable.header();
        let record = self.records.get(header.slot);
        TaskMeta::new(header.task_id(), header.place.spawned_at(record))
    }

    /// A task is about to be enqueued for the first time.
    pub(crate) fn call_spawn_hook(self: &Arc<Shared>, runnable: &Runnable) {
        let _current = context::set_handle_to(self);
        self.config.hooks.tasks.spawned(&self.meta_of(runnable));
    }

    /// A spawned task has panicked.
    #[cold]
    pub(crate) fn task_panicked(&self) {
        if matches!(self.config.unhandled_panic, UnhandledPanic::ShutdownRuntime) {
            self.begin_shutdown();
        }
    }
}

impl WorkerContext<'_> {
    /// As [`run_once`](WorkerContext::run_once), with hooks round it. What they take is no time of
    /// the task's.
    #[cold]
    pub(super) fn run_watched(&self, runnable: Runnable) {
        let shared = self.shared();
        let hooks = &shared.config.hooks.tasks;
        let counters = &self.remote().counters;
        let meta = shared.meta_of(&runnable);
        self.in_hook(|| hooks.before_poll(&meta));
        self.stamp_now();
        let (polls, sum_ns) = (counters.polls.get(), counters.poll_time.sum_ns());
        self.run_once(runnable);
        if let Some(histogram) = &self.remote().poll_histogram
            && self.with_core(|_| counters.polls.get() != polls) == Some(true)
        {
            // It was polled here, and nobody else had the core meanwhile.
            histogram.record(counters.poll_time.sum_ns() - sum_ns);
        }
        self.in_hook(|| hooks.after_poll(&meta));
        self.stamp_now();
    }
}

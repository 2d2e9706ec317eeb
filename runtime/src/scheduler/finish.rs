//! The end of tasks: their books are closed, then their output is published.

use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;

use super::Shared;
use crate::runtime::context;
use crate::task::header::{Header, NO_WORKER};
use crate::task::raw::Runnable;
use crate::telemetry::{self, Counter, Outcome, SiteTotals, clock, current};

impl Shared {
    /// A task's future is gone: closes its books, then publishes the output.
    pub(crate) fn finish(&self, runnable: Runnable, totals: &SiteTotals, outcome: Outcome) {
        let watch = self.config.hooks.tasks.watch_ends();
        let meta = watch.then(|| self.meta_of(&runnable));
        self.finish_quietly(runnable, totals, outcome);
        if let Some(meta) = meta {
            self.config.hooks.tasks.terminated(&meta);
        }
    }

    /// As [`finish`](Shared::finish), for a task that hooks are not told of.
    pub(crate) fn finish_quietly(&self, runnable: Runnable, totals: &SiteTotals, outcome: Outcome) {
        let slot = runnable.header().slot;
        let location = self.records.get(slot).location();
        // In this order, so that no reader finds a task among the finished and the live ones.
        let free_slot = self.records.retire(slot).then_some(slot);
        if telemetry::is_enabled() {
            let header = runnable.header();
            let bytes = header.vtable.future_bytes();
            self.book(header.id, location, totals, bytes, outcome, free_slot);
        } else if let Some(slot) = free_slot {
            self.give_slot(slot);
        }
        runnable.complete();
    }

    /// As [`cancel`](Shared::cancel), for what was never in a worker's queue.
    pub(crate) fn cancel_unqueued(self: &Arc<Shared>, runnable: Runnable) {
        let _current = context::set_handle_to(self);
        self.elsewhere.unqueued_finished.add_shared(1);
        self.cancel(runnable);
    }

    /// Adds a finished task to the totals, and gives its record's slot back if that is free.
    fn book(
        &self,
        task: u64,
        location: &'static Location<'static>,
        totals: &SiteTotals,
        future_bytes: usize,
        outcome: Outcome,
        free_slot: Option<u32>,
    ) {
        let booked = context::with_core_of(self, |worker, core| {
            let remote = worker.remote();
            let at = match outcome {
                Outcome::Cancelled => clock::raw(),
                // At the end of a poll.
                _ => worker.stamp(),
            };
            remote.ring.complete(task, at, location, outcome);
            remote.finished.count(outcome, Counter::add);
            if let Some(slot) = free_slot {
                self.keep_slot(core, slot);
            }
            remote.sites.add(location, totals, future_bytes)
        });
        if booked.is_none() {
            self.elsewhere.finished.count(outcome, Counter::add_shared);
            if let Some(slot) = free_slot {
                self.records.give_slots(std::iter::once(slot));
            }
        }
        if booked != Some(true) {
            self.elsewhere
                .sites
                .lock()
                .entry(location)
                .or_default()
                .add(&totals.with_future_bytes(future_bytes));
        }
    }

    /// Drops a task's future in place of polling it.
    pub(crate) fn cancel(&self, runnable: Runnable) {
        let (totals, outcome) = self.drop_future(&runnable);
        self.finish(runnable, &totals, outcome);
    }

    /// As [`cancel`](Shared::cancel), but for the end of the books.
    pub(crate) fn drop_future(&self, runnable: &Runnable) -> (SiteTotals, Outcome) {
        // It may be in the middle of another task's poll.
        let outer = current::take_self_wakes();
        let outcome = {
            // Destructors see the task that they belong to.
            let _current = current::Restore::enter(current::Current::task(
                runnable.header().id,
                0,
                clock::raw(),
            ));
            runnable.cancel()
        };
        current::take_self_wakes();
        current::give_self_wakes(outer);
        let totals = SiteTotals::of(self.records.get(runnable.header().slot), outcome);
        (totals, outcome)
    }

    /// Counts the spawn of a local task, which is the runtime's own if that is a local one.
    pub(crate) fn count_local_spawn(
        &self,
        own: bool,
        header: &Header,
        location: &'static Location<'static>,
    ) {
        let on_worker = context::with_core_of(self, |worker, _| {
            let remote = worker.remote();
            header.woken_on.set(worker.index());
            remote
                .ring
                .spawn(header.id, header.scheduled_at.get(), location);
            remote.counters.local_spawns.add(u64::from(own));
        });
        if !own {
            self.elsewhere.unqueued.add_shared(1);
        } else if on_worker.is_none() {
            self.elsewhere.spawned.add_shared(1);
        }
    }

    /// Counts a poll of a local task on this thread, which may be a worker's.
    pub(crate) fn count_local_poll(&self, header: &Header, waited: u64, poll: Range<u64>) {
        let busy = poll.end.saturating_sub(poll.start);
        let exhausted = current::take_exhausted();
        let on_worker = context::with_core_of(self, |worker, _| {
            let counters = &worker.remote().counters;
            counters.polls.add(1);
            counters.poll_time.record(busy);
            counters.wake_to_poll.record(waited);
            counters.budget_yields.add(u64::from(exhausted));
            let record = self.records.get(header.slot);
            worker.time_poll(record, header, busy, waited, poll.end);
            // In the poll of another task it is part of that.
            if current::spawned_task().is_none() {
                let outside = header.woken_on.get() == NO_WORKER;
                let ring = &worker.remote().ring;
                ring.poll(header.id, poll.start, poll.end, outside);
                worker.end_local_poll(poll.end);
            }
        });
        if on_worker.is_none() {
            self.elsewhere.polls.add_shared(1);
        }
    }
}

//! What is counted of a poll: for its worker, and in the task's record.

use super::WorkerContext;
use crate::task::header::{Header, NO_WORKER};
use crate::telemetry::TaskRecord;

/// A poll that has ended, in ticks.
pub(super) struct EndedPoll {
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) busy: u64,
    /// For its turn.
    pub(super) waited: u64,
    /// The task's first.
    pub(super) is_first: bool,
}

impl WorkerContext<'_> {
    /// Says how long the task had waited for its turn.
    #[inline(always)]
    pub(super) fn count_poll_begin(&self, header: &Header, record: &TaskRecord, begin: u64) -> u64 {
        let counters = &self.remote().counters;
        let scheduled_at = header.scheduled_at.get();
        let waited = begin.saturating_sub(scheduled_at);
        self.look_back(scheduled_at, begin);
        counters.wake_to_poll.record(waited);
        counters.polls.add(1);
        let last = header.worker.get();
        if last != NO_WORKER {
            // Not the first poll, so there are counts.
            record.polls.add(1);
            if header.woken_on.get() != last {
                counters.remote_wakes_of[usize::from(last)].add(1);
            }
        }
        header.worker.set(self.index);
        counters.begin_poll(header.id, begin);
        waited
    }

    /// What a poll is to the worker.
    #[inline(always)]
    pub(super) fn count_worker_poll(
        &self,
        header: &Header,
        record: &TaskRecord,
        poll: &EndedPoll,
        exhausted: bool,
    ) {
        let counters = &self.remote().counters;
        counters.poll_time.record(poll.busy);
        if exhausted {
            counters.budget_yields.add(1);
        }
        // While it was polled nobody else could write by whom it was woken before.
        let outside = header.woken_on.get() == NO_WORKER;
        let ring = &self.remote().ring;
        ring.poll(header.id, poll.begin, poll.end, outside);
        self.time_poll(record, header, poll.busy, poll.waited, poll.end);
    }
}

/// Counts the first poll, unless it has been: its beginning was before that of the counts.
#[inline]
fn count_first_poll(record: &TaskRecord) {
    if record.polls.get() == 0 {
        record.polls.set(1);
    }
}

/// Counts wakes that were taken out of the state word when the poll began, to make room there.
#[cold]
pub(super) fn count_wakes_at_once(record: &TaskRecord, wakes: u64) {
    record.ensure_counts();
    count_first_poll(record);
    record.wakes.add(wakes);
}

/// Counts the end of a poll, in which the task woke itself so often.
#[inline(always)]
pub(super) fn count_poll_end(record: &TaskRecord, poll: &EndedPoll, self_wakes: u64) {
    record.begin_to_count(poll.end);
    if poll.is_first {
        count_first_poll(record);
    }
    record.scheduled.add(poll.waited);
    record.add_busy(poll.busy, poll.end);
    if self_wakes > 0 {
        record.self_wakes.add(self_wakes);
    }
}

/// Counts what became known with a poll that returned `Pending`. Must come before the right to
/// run is given up: the next poller writes the same record.
#[inline]
pub(crate) fn count_pending(record: &TaskRecord, wakes: u64, clones: u64, is_first: bool) {
    // The first "wake" is the spawn.
    record.wakes.add(wakes.saturating_sub(u64::from(is_first)));
    if clones > 0 {
        record.waker_clones.add(clones);
    }
}

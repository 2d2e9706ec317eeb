//! The record of a future given to `block_on`: shown like a task, of kind `block_on`.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{NewTask, TaskKind, clock, current};
use crate::scheduler::Shared;
use crate::task::Id;
use crate::task::coop::{self, Budget};

/// A record until dropped. Its wakers are not counted: they are of many kinds.
pub(crate) struct BlockOnRecord<'a> {
    shared: &'a Shared,
    slot: u32,
    id: u64,
}

impl<'a> BlockOnRecord<'a> {
    pub(crate) fn new(shared: &'a Shared, location: &'static Location<'static>) -> Self {
        let (id, slot) = (Id::next().as_u64(), shared.records().take_slot());
        let task = NewTask {
            cell: None,
            id,
            kind: TaskKind::BlockOn,
            location,
            name: None,
            parent: 0,
            created: clock::raw(),
        };
        shared.records().publish(slot, task);
        BlockOnRecord { shared, slot, id }
    }

    /// Polls the future once and counts it; `wakes` so far.
    pub(crate) fn poll<F: Future>(
        &self,
        future: Pin<&mut F>,
        cx: &mut Context<'_>,
        wakes: u64,
    ) -> Poll<F::Output> {
        let record = self.shared.records().get(self.slot);
        let begin = clock::raw();
        record.polls.add(1);
        record.wakes.set(wakes);
        record.since.set(begin);
        record.set_running(true);
        let polled = {
            let _root = current::RootWaker::enter(cx.waker());
            let _current = current::Restore::enter(current::Current {
                task: self.id,
                poll: record.polls.get() as u32,
                began: begin,
                spawned: false,
                outside: current::Outside::Thread,
            });
            let _budget = coop::enter(Budget::initial());
            future.poll(cx)
        };
        // What the root did is no task's.
        if current::take_noted().exhausted {
            self.shared.elsewhere.budget_yields.add_shared(1);
        }
        let end = clock::raw();
        let busy = end.saturating_sub(begin);
        record.begin_to_count(0);
        record.add_busy(busy, end);
        record.set_running(false);
        record.end_counting(end);
        polled
    }
}

impl Drop for BlockOnRecord<'_> {
    fn drop(&mut self) {
        if self.shared.records().retire(self.slot) {
            self.shared.give_slot(self.slot);
        }
    }
}

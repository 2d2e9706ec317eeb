//! What a worker notes of single polls: those of a millisecond or more, a sample of the others, and
//! whom the long ones kept waiting; and who waited for a turn while another worker slept.
//!
//! All of it is made from the stamps that a poll has in any case. A poll that is neither long nor
//! sampled, nor behind a long one, costs three comparisons.

use std::cell::{Cell, RefCell};
use std::panic::Location;

use super::countdown::Interval;
use super::worker::WorkerContext;
use crate::task::header::Header;
use crate::telemetry::{LONG_POLL_NS, PollOfSite, TaskRecord, clock, is_enabled, is_sampled};

/// A wait for a turn is no matter if it is shorter: waking a thread takes longer than this.
const LAG_NS: u64 = 100_000;

/// Long polls that are remembered.
const REMEMBERED: usize = 8;

/// A poll of a millisecond or more, in stamps.
#[derive(Debug, Clone, Copy)]
struct LongPoll {
    begin: u64,
    end: u64,
    location: &'static Location<'static>,
}

/// What is remembered from poll to poll.
pub(super) struct Times {
    lag_ticks: u64,
    pub(super) injector_interval: Interval,
    pub(super) driver_interval: Interval,
    /// What a long poll takes at least.
    long_ticks: u64,
    /// Stamp of the end of the latest long poll; 0: there was none.
    last_long_end: Cell<u64>,
    /// The latest long polls, in no order.
    long_polls: RefCell<[Option<LongPoll>; REMEMBERED]>,
    next: Cell<usize>,
}

impl Times {
    pub(super) fn new() -> Times {
        Times {
            lag_ticks: clock::ns_to_ticks(LAG_NS),
            injector_interval: Interval::of_injector(),
            driver_interval: Interval::of_driver(),
            long_ticks: clock::ns_to_ticks(LONG_POLL_NS),
            last_long_end: Cell::new(0),
            long_polls: RefCell::new([None; REMEMBERED]),
            next: Cell::new(0),
        }
    }

    fn remember(&self, poll: LongPoll) {
        self.last_long_end.set(poll.end);
        let next = self.next.get();
        self.long_polls.borrow_mut()[next] = Some(poll);
        self.next.set((next + 1) % REMEMBERED);
    }
}

impl WorkerContext<'_> {
    /// A poll has ended on this worker, by whoever has the core.
    #[inline]
    pub(super) fn time_poll(
        &self,
        record: &TaskRecord,
        header: &Header,
        busy: u64,
        waited: u64,
        ended_at: u64,
    ) {
        if is_enabled() && (busy >= self.times.long_ticks || is_sampled(ended_at)) {
            self.note_poll(record.location(), header.id, busy, waited, ended_at);
        }
    }

    #[cold]
    #[inline(never)]
    fn note_poll(
        &self,
        location: &'static Location<'static>,
        task: u64,
        busy: u64,
        waited: u64,
        ended_at: u64,
    ) {
        let poll = &PollOfSite {
            task,
            ns: clock::ticks_to_ns(busy),
            waited,
            ended_at,
        };
        self.remote().sites.count_poll(location, poll);
        if poll.ns >= LONG_POLL_NS {
            let counters = &self.remote().counters;
            counters.note_long_poll(poll.task, location, poll.ns, poll.ended_at);
            self.times.remember(LongPoll {
                begin: poll.ended_at.saturating_sub(clock::ns_to_ticks(poll.ns)),
                end: poll.ended_at,
                location,
            });
        }
    }

    /// A task that became ready at the stamp `ready` has its turn at `now`, by whoever has the core.
    #[inline]
    pub(super) fn look_back(&self, ready: u64, now: u64) {
        let last_long_end = self.times.last_long_end.get();
        // Not after the present, as it is when the counter has begun anew.
        if last_long_end > ready && last_long_end <= now {
            self.blame_long_polls(ready);
        }
        if now.saturating_sub(ready) >= self.times.lag_ticks && self.shared().idle.any_sleeps() {
            self.count_lag(ready, now);
        }
    }

    /// Tells the sites of long polls how long a task waited while they lasted.
    #[cold]
    fn blame_long_polls(&self, ready: u64) {
        for poll in self.times.long_polls.borrow().iter().flatten() {
            let ticks = poll.end.saturating_sub(poll.begin.max(ready));
            if ticks > 0 {
                let ns = clock::ticks_to_ns(ticks);
                self.remote().sites.count_delay(poll.location, ns);
            }
        }
    }

    /// Counts that part of a wait in which another worker slept.
    #[cold]
    fn count_lag(&self, ready: u64, now: u64) {
        let remotes = self.shared().remotes.iter();
        let asleep_since = remotes.filter_map(|remote| remote.counters.asleep_since());
        let Some(asleep_since) = asleep_since.min() else {
            return;
        };
        let ticks = now.saturating_sub(ready.max(asleep_since));
        if ticks >= self.times.lag_ticks {
            let counters = &self.remote().counters;
            counters.count_lag(self.queued.get(), ticks);
        }
    }
}

//! Histograms of single tasks' poll times and waits for their turn, kept for the tasks that somebody
//! looks at.
//!
//! There are [`WATCHES`] of them in the process. The first request for a task takes one, from the
//! task whose last request is the longest ago if need be. A task's record holds the number of its
//! watch; its poller checks that the watch is still that task's before it counts.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::clock;
use super::histogram::Histogram;
use super::snapshot::HistogramSnapshot;

const WATCHES: usize = 32;

struct Watch {
    task: AtomicU64,
    /// Stamp of the latest request, 0 if there was none.
    requested: AtomicU64,
    poll_time: Histogram,
    wake_to_poll: Histogram,
}

/// What a watch has counted.
pub(super) struct Watched {
    pub(super) poll_time: HistogramSnapshot,
    pub(super) wake_to_poll: HistogramSnapshot,
}

static TABLE: [Watch; WATCHES] = [const {
    Watch {
        task: AtomicU64::new(0),
        requested: AtomicU64::new(0),
        poll_time: Histogram::new(),
        wake_to_poll: Histogram::new(),
    }
}; WATCHES];

/// Held by whoever changes which task a watch belongs to.
static ASSIGNING: Mutex<()> = Mutex::new(());

/// Counts a poll of a task whose record says `watch`, and the wait before it, in ticks.
#[cold]
pub(super) fn record(watch: u32, task: u64, busy: u64, waited: u64) {
    let watch = &TABLE[watch as usize % WATCHES];
    // Ordering: pairs with the Release in `request`: the histogram is empty by then.
    if watch.task.load(Ordering::Acquire) == task {
        watch.poll_time.record(busy);
        watch.wake_to_poll.record(waited);
    }
}

/// The watch of a task and its values so far, counted from the first request on.
pub(super) fn request(task: u64) -> (u32, Watched) {
    let _assigning = ASSIGNING.lock();
    let of_task = TABLE
        .iter()
        .position(|watch| watch.task.load(Ordering::Relaxed) == task);
    let index = of_task.unwrap_or_else(|| {
        let oldest = TABLE.iter().enumerate();
        let (index, watch) = oldest
            .min_by_key(|(_, watch)| watch.requested.load(Ordering::Relaxed))
            .expect("the table is not empty");
        watch.task.store(0, Ordering::Relaxed);
        watch.poll_time.reset();
        watch.wake_to_poll.reset();
        // Ordering: pairs with the Acquire in `record`.
        watch.task.store(task, Ordering::Release);
        index
    });
    TABLE[index]
        .requested
        .store(clock::raw(), Ordering::Relaxed);
    let watched = Watched {
        poll_time: TABLE[index].poll_time.snapshot(),
        wake_to_poll: TABLE[index].wake_to_poll.snapshot(),
    };
    (index as u32, watched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_counted_from_the_first_request_on_and_for_that_task_only() {
        let task = u64::MAX - 100;
        let (watch, empty) = request(task);
        assert_eq!((empty.poll_time.count, empty.wake_to_poll.count), (0, 0));
        record(watch, task, 5000, 700);
        record(watch, task - 1, 5000, 700);
        let (_, seen) = request(task);
        let [busy, waited] = [5000, 700].map(clock::ticks_to_ns);
        assert_eq!((seen.poll_time.count, seen.poll_time.sum_ns), (1, busy));
        let seen = seen.wake_to_poll;
        assert_eq!((seen.count, seen.sum_ns), (1, waited));
    }
}

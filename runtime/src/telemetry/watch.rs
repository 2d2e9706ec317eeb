//! Histograms of single tasks' poll times, kept for the tasks that somebody looks at.
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
}

static TABLE: [Watch; WATCHES] = [const {
    Watch {
        task: AtomicU64::new(0),
        requested: AtomicU64::new(0),
        poll_time: Histogram::new(),
    }
}; WATCHES];

/// Held by whoever changes which task a watch belongs to.
static ASSIGNING: Mutex<()> = Mutex::new(());

/// Counts a poll of a task whose record says `watch`.
#[cold]
pub(crate) fn record(watch: u32, task: u64, ns: u64) {
    let watch = &TABLE[watch as usize % WATCHES];
    // Ordering: pairs with the Release in `request`: the histogram is empty by then.
    if watch.task.load(Ordering::Acquire) == task {
        watch.poll_time.record(ns);
    }
}

/// The watch of a task and its values so far, counted from the first request on.
pub(crate) fn request(task: u64) -> (u32, HistogramSnapshot) {
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
        // Ordering: pairs with the Acquire in `record`.
        watch.task.store(task, Ordering::Release);
        index
    });
    TABLE[index]
        .requested
        .store(clock::raw(), Ordering::Relaxed);
    (index as u32, TABLE[index].poll_time.snapshot())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_counted_from_the_first_request_on_and_for_that_task_only() {
        let task = u64::MAX - 100;
        let (watch, empty) = request(task);
        assert_eq!(empty.count, 0);
        record(watch, task, 50);
        record(watch, task - 1, 50);
        assert_eq!(request(task).1.count, 1);
    }
}

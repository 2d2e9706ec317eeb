//! What telemetry costs, measured once when the first runtime is built.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Instant;

use super::{TaskRecord, WorkerCounters, clock, is_sampled};

/// Measured costs, in nanoseconds.
#[derive(Clone, Copy)]
pub(crate) struct Costs {
    pub(crate) poll_overhead_ns: f64,
    pub(crate) clock_read_ns: f64,
}

static COSTS: OnceLock<Costs> = OnceLock::new();

/// The costs, measured at the first call (about a tenth of a millisecond).
pub(crate) fn calibrate() -> Costs {
    *COSTS.get_or_init(|| Costs {
        poll_overhead_ns: measure(&poll_bookkeeping()),
        clock_read_ns: measure(&|| {
            black_box(clock::raw());
        }),
    })
}

/// What a poll does for telemetry: one clock read and the counters of worker and task.
fn poll_bookkeeping() -> impl Fn() {
    let counters = WorkerCounters::new(1);
    let record = TaskRecord::for_calibration();
    move || {
        let begin = black_box(1u64);
        counters
            .wake_to_poll
            .record(begin.saturating_sub(black_box(0)));
        counters.polls.add(1);
        record.polls.add(1);
        record.scheduled.add(1);
        counters.begin_poll(black_box(1), begin);
        let end = clock::raw();
        record.add_busy(black_box(2), end);
        black_box(is_sampled(end));
        counters.poll_time.record(black_box(70));
        record.wakes.add(1);
        record.since.set(end);
    }
}

/// Nanoseconds a call: the fastest of some rounds, so that an interruption does not count.
fn measure(f: &dyn Fn()) -> f64 {
    const CALLS: u32 = 256;
    let round = || {
        let begin = Instant::now();
        (0..CALLS).for_each(|_| f());
        begin.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    (0..8).map(|_| round()).fold(f64::INFINITY, f64::min)
}

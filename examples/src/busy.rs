//! Tasks that are always busy, and what they cost: how much CPU time an operation takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use zokio::runtime::Handle;
use zokio::task::yield_now;

use crate::process::cpu_ns;

/// They count their operations here and there, not all in one cache line.
#[repr(align(128))]
#[derive(Debug, Default)]
struct Counter(AtomicU64);

/// Busy tasks, until their runtime ends. An operation is a little work and a turn in the queue.
#[derive(Debug)]
pub struct Busy(Arc<[Counter]>);

/// What was used up to one moment.
#[derive(Debug)]
pub struct Used {
    at: Instant,
    operations: u64,
    workers_ns: u64,
    server_ns: u64,
}

/// What was used from one moment to another.
#[derive(Debug)]
pub struct Cost {
    /// The time between them.
    pub seconds: f64,
    /// CPU time of the workers for an operation.
    pub ns_per_operation: f64,
    /// Operations a second.
    pub operations_s: f64,
    /// Percent of a core of the thread that serves the telemetry.
    pub server_percent: f64,
}

impl Busy {
    /// Spawns so many.
    #[must_use]
    pub fn spawn(handle: &Handle, tasks: u32) -> Busy {
        let counters: Arc<[Counter]> = (0..tasks).map(|_| Counter::default()).collect();
        for task in 0..tasks as usize {
            let counters = Arc::clone(&counters);
            handle.spawn(async move {
                let mut mixed = task as u64;
                loop {
                    for _ in 0..64 {
                        mixed = std::hint::black_box(mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 1);
                    }
                    counters[task].0.fetch_add(1, Ordering::Relaxed);
                    yield_now().await;
                }
            });
        }
        Busy(counters)
    }

    /// What has been used so far.
    #[must_use]
    pub fn used(&self) -> Used {
        let count = |counter: &Counter| counter.0.load(Ordering::Relaxed);
        Used {
            at: Instant::now(),
            operations: self.0.iter().map(count).sum(),
            workers_ns: cpu_ns("zokio-rt-worker"),
            server_ns: cpu_ns("zokio-console"),
        }
    }
}

impl Used {
    /// What was used since then.
    #[must_use]
    pub fn since(&self, before: &Used) -> Cost {
        let operations = (self.operations - before.operations).max(1) as f64;
        let seconds = (self.at - before.at).as_secs_f64();
        Cost {
            seconds,
            ns_per_operation: (self.workers_ns - before.workers_ns) as f64 / operations,
            operations_s: operations / seconds,
            server_percent: (self.server_ns - before.server_ns) as f64 / seconds / 1e7,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn cost_is_what_came_between() {
        let before = Used {
            at: Instant::now(),
            operations: 1_000,
            workers_ns: 5_000,
            server_ns: 7,
        };
        let after = Used {
            at: before.at + Duration::from_secs(2),
            operations: 5_000,
            workers_ns: 45_000,
            server_ns: 20_000_007,
        };
        let cost = after.since(&before);
        assert_eq!((cost.seconds, cost.ns_per_operation), (2.0, 10.0));
        assert_eq!((cost.operations_s, cost.server_percent), (2_000.0, 1.0));
    }
}

//! The programs of the examples, each with one fault.

#![allow(dead_code, reason = "each has a `main` of its own")]

#[path = "../../../examples/src/bin/sick/blocked_worker.rs"]
pub(crate) mod blocked_worker;
#[path = "../../../examples/src/bin/sick/cpu_hog.rs"]
pub(crate) mod cpu_hog;
#[path = "../../../examples/src/bin/sick/deadlock.rs"]
pub(crate) mod deadlock;
#[path = "../../../examples/src/bin/sick/full_channel.rs"]
pub(crate) mod full_channel;
#[path = "../../../examples/src/bin/sick/imbalance.rs"]
pub(crate) mod imbalance;
#[path = "../../../examples/src/bin/sick/join_cycle.rs"]
pub(crate) mod join_cycle;
#[path = "../../../examples/src/bin/sick/leaked_permit.rs"]
pub(crate) mod leaked_permit;
#[path = "../../../examples/src/bin/sick/lifo_captive.rs"]
pub(crate) mod lifo_captive;
#[path = "../../../examples/src/bin/sick/lock_convoy.rs"]
pub(crate) mod lock_convoy;
#[path = "../../../examples/src/bin/sick/lost_waker.rs"]
pub(crate) mod lost_waker;
#[path = "../../../examples/src/bin/sick/never_yields.rs"]
pub(crate) mod never_yields;
#[path = "../../../examples/src/bin/sick/oversized_future.rs"]
pub(crate) mod oversized_future;
#[path = "../../../examples/src/bin/sick/panic_loop.rs"]
pub(crate) mod panic_loop;
#[path = "../../../examples/src/bin/sick/pool_exhausted.rs"]
pub(crate) mod pool_exhausted;
#[path = "../../../examples/src/bin/sick/queue_growth.rs"]
pub(crate) mod queue_growth;
#[path = "../../../examples/src/bin/sick/self_join.rs"]
pub(crate) mod self_join;
#[path = "../../../examples/src/bin/sick/self_wake_storm.rs"]
pub(crate) mod self_wake_storm;
#[path = "../../../examples/src/bin/sick/slow_polls.rs"]
pub(crate) mod slow_polls;
#[path = "../../../examples/src/bin/sick/task_leak.rs"]
pub(crate) mod task_leak;
#[path = "../../../examples/src/bin/sick/timer_late.rs"]
pub(crate) mod timer_late;
#[path = "../../../examples/src/bin/sick/unbounded_channel.rs"]
pub(crate) mod unbounded_channel;
#[path = "../../../examples/src/bin/sick/wake_storm.rs"]
pub(crate) mod wake_storm;

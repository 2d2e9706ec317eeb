//! All numbers that decide whether something is a finding.

use std::time::Duration;

/// See the fields. The defaults are meant to be silent on every healthy program.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Thresholds {
    /// Looks in a row in which a finding must hold before it is shown, unless one look proves it.
    pub(crate) looks_to_appear: u32,
    /// Looks in a row in which it must be absent before it goes.
    pub(crate) looks_to_go: u32,
    /// Tasks that are followed from look to look; those beyond are not looked at. What is kept of
    /// one is about 400 bytes.
    pub(crate) max_tasks: usize,
    /// Findings of one kind that are shown, the oldest.
    pub(crate) max_findings_of_a_kind: usize,

    /// blocked-worker, cpu-hog: a poll that takes this long keeps its worker.
    pub(crate) long_poll: Duration,
    /// And for this long it is critical.
    pub(crate) critical_poll: Duration,
    /// A poll that has ended is told for this long.
    pub(crate) ended_poll_shown: Duration,
    /// Without the names of the functions it is told after this time.
    pub(crate) names_waited_for: Duration,

    /// deadlock: all its tasks have been idle for this long. Long enough for no task of the circle
    /// to have run while the snapshot was taken.
    pub(crate) deadlock_idle: Duration,

    /// The same, for a circle through owned guards.
    pub(crate) deadlock_idle_inexact: Duration,

    /// self-wake-storm: polls a second of the one task.
    pub(crate) storm_polls_per_second: u64,
    /// Percent of its polls that it has asked for itself.
    pub(crate) storm_self_wakes_percent: u64,
    /// A poll that takes longer on average does some work.
    pub(crate) storm_mean_poll: Duration,
    /// Percent of the self-wakes that may come from a used-up budget: then it does make progress.
    pub(crate) storm_budget_percent: u64,

    /// lost-waker: idle for this long.
    pub(crate) lost_idle: Duration,

    /// imbalance: looks that it spans.
    pub(crate) imbalance_looks: usize,
    /// A task that has waited this long for its turn, while a worker slept all that time, is stranded;
    /// and in that many of the looks there must be one.
    pub(crate) imbalance_stranded: Duration,
    pub(crate) imbalance_looks_stranded: usize,
    /// Percent of that time that the saturated worker is busy, and that the idle one is parked.
    pub(crate) imbalance_busy_percent: u64,
    pub(crate) imbalance_parked_percent: u64,
    /// A parked worker that is woken more often than this a second does take part.
    pub(crate) imbalance_unparks_per_second: u64,
    /// Tasks that could have run, on average, in percent: 100 is one task all the time.
    pub(crate) imbalance_waiting_percent: u64,

    /// pool-exhausted: looks for which all threads are taken and the queue does not shrink.
    pub(crate) pool_looks: usize,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds {
            looks_to_appear: 2,
            looks_to_go: 3,
            max_tasks: 10_000,
            max_findings_of_a_kind: 8,
            long_poll: Duration::from_millis(100),
            critical_poll: Duration::from_secs(1),
            ended_poll_shown: Duration::from_secs(2),
            names_waited_for: Duration::from_secs(2),
            deadlock_idle: Duration::from_millis(500),
            deadlock_idle_inexact: Duration::from_secs(5),
            storm_polls_per_second: 5_000,
            storm_self_wakes_percent: 95,
            storm_mean_poll: Duration::from_micros(4),
            storm_budget_percent: 20,
            lost_idle: Duration::from_millis(500),
            imbalance_looks: 3,
            imbalance_stranded: Duration::from_millis(10),
            imbalance_looks_stranded: 2,
            imbalance_busy_percent: 90,
            imbalance_parked_percent: 80,
            imbalance_unparks_per_second: 20,
            imbalance_waiting_percent: 40,
            pool_looks: 3,
        }
    }
}

/// Nanoseconds of a threshold.
pub(super) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

//! All numbers that decide whether something is a finding.

mod parse;

use std::collections::BTreeSet;
use std::time::Duration;

/// From where on something is a [finding](crate::finding_kinds). The defaults are meant to be silent
/// on every healthy program.
///
/// ```
/// use std::time::Duration;
/// use zokio_instrumentation::Thresholds;
///
/// let mut thresholds = Thresholds::default();
/// thresholds.slow_poll = Duration::from_millis(20);
/// thresholds.set("task-leak", "off")?;
/// let builder = zokio_instrumentation::builder().thresholds(thresholds);
/// # drop(builder);
/// # Ok::<(), zokio_instrumentation::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Thresholds {
    /// Kinds of findings that are not looked for; see [`set`](Thresholds::set).
    pub(crate) off: BTreeSet<&'static str>,

    /// Looks in a row in which a finding must hold before it is shown, unless one look proves it.
    pub looks_to_appear: u32,
    /// Looks in a row in which it must be absent before it goes.
    pub looks_to_go: u32,
    /// Tasks that are followed from look to look; those beyond are not looked at. What is kept of
    /// one is about 400 bytes.
    pub max_tasks: usize,
    /// Findings of one kind that are shown, the oldest.
    pub max_findings_of_a_kind: usize,

    /// blocked-worker, cpu-hog: a poll that takes this long keeps its worker.
    pub long_poll: Duration,
    /// And for this long it is critical.
    pub critical_poll: Duration,
    /// A poll that has ended is told for this long.
    pub ended_poll_shown: Duration,
    /// Without the names of the functions it is told after this time.
    pub names_waited_for: Duration,

    /// slow-polls: a spawn site whose polls of 10 ms or more take at least this on average. What the
    /// machine kept the program's threads waiting does not count.
    pub slow_poll: Duration,
    /// Percent of its polls that take 10 ms or more.
    pub slow_percent: u64,
    /// Percent of its polls of a millisecond or more that take 10 ms or more.
    pub slow_of_long_percent: u64,
    /// How many of them there are in the window.
    pub slow_least: u64,
    /// Looks that the window spans.
    pub slow_looks: usize,

    /// panic-loop: looks that it spans, how many of the times between them may be without a panic,
    /// and panics in all.
    pub panic_looks: usize,
    /// See [`panic_looks`](Thresholds::panic_looks).
    pub panic_quiet_looks: usize,
    /// See [`panic_looks`](Thresholds::panic_looks).
    pub panics: u64,

    /// task-leak: looks that it spans; 12 at most.
    pub leak_looks: usize,
    /// How many of the times between them may be without growth.
    pub leak_pauses: usize,
    /// How many more tasks there are at the end.
    pub leak_growth: u64,
    /// Percent of those spawned meanwhile that may have ended.
    pub leak_ended_percent: u64,
    /// Tasks of the window's first half that must be there, and the percentage of them that must have
    /// slept through the second.
    pub leak_old_tasks: u64,
    /// See [`leak_old_tasks`](Thresholds::leak_old_tasks).
    pub leak_asleep_percent: u64,

    /// timer-late: a timer that fires this long after its time is late, and all of them together are
    /// that late on average. What the machine kept threads waiting does not count.
    pub timer_late: Duration,
    /// Percent of the timers that are late.
    pub timer_late_percent: u64,
    /// How many of them are in the window.
    pub timer_late_least: u64,
    /// Percent of the workers' time that polls of a millisecond or more take meanwhile.
    pub timer_late_long_percent: u64,
    /// Looks that the window spans.
    pub timer_late_looks: usize,

    /// oversized-future: bytes that a future may take.
    pub future_bytes: u64,

    /// lifo-captive: how long a task waits on average behind the one that woke it. What the machine
    /// kept threads waiting does not count.
    pub captive_wait: Duration,
    /// Percent of the time that all such waits together take.
    pub captive_percent: u64,
    /// How many of them are in the window.
    pub captive_least: u64,
    /// Looks that the window spans.
    pub captive_looks: usize,

    /// queue-growth: messages in an unbounded channel at the end of the window.
    pub queue_messages: u64,
    /// Looks for which they get more and more, though some are received each time.
    pub queue_message_looks: usize,
    /// Looks for which they get more and more, whatever is received; 32 at most. A receiver that takes
    /// all there is now and then must do so in this time, or it counts as one that does not come.
    pub queue_message_long_looks: usize,
    /// queue-growth: tasks that wait for their turn at the end of the window.
    pub queue_tasks: u64,
    /// Looks that the window spans, and how many of the times between them may be without growth.
    pub queue_looks: usize,
    /// See [`queue_looks`](Thresholds::queue_looks).
    pub queue_pauses: usize,
    /// Percent of the time that the workers are busy.
    pub queue_busy_percent: u64,
    /// If the machine keeps threads waiting for longer than this on average, nothing is told.
    pub queue_cpu_wait: Duration,

    /// never-yields: how long the polls that the budget ends take on average. What the machine kept
    /// threads waiting does not count.
    pub never_yields_poll: Duration,
    /// Percent of a task's polls that it asks for itself, and percent of these that the budget has
    /// ended.
    pub never_yields_percent: u64,
    /// How many of them there are between two looks.
    pub never_yields_least: u64,
    /// Percent of the time that others wait for it: 100 is one task all the time.
    pub never_yields_delay_percent: u64,

    /// wake-storm: times a second that others wake the one task.
    pub wakes_per_second: u64,
    /// And times for each of its polls.
    pub wakes_per_poll: u64,

    /// deadlock: all its tasks have been idle for this long. Long enough for no task of the circle
    /// to have run while the snapshot was taken.
    pub deadlock_idle: Duration,

    /// The same, for a circle through owned guards.
    pub deadlock_idle_inexact: Duration,

    /// self-wake-storm: polls a second of the one task.
    pub storm_polls_per_second: u64,
    /// Percent of its polls that it has asked for itself.
    pub storm_self_wakes_percent: u64,
    /// A poll that takes longer on average does some work.
    pub storm_mean_poll: Duration,
    /// Percent of the self-wakes that may come from a used-up budget: then it does make progress.
    pub storm_budget_percent: u64,

    /// lost-waker: idle for this long.
    pub lost_idle: Duration,

    /// lock-convoy: tasks that wait for one lock.
    pub convoy_waiters: u64,
    /// The first of them has waited for this long, and the last came half of it or more after it.
    pub convoy_waited: Duration,
    /// How long one of them has the lock, about.
    pub convoy_turn: Duration,

    /// guard-not-polled: somebody has waited for the lock for this long.
    pub unpolled_waited: Duration,
    /// And the task that it was handed to has been idle for this long, without having touched it.
    pub unpolled_idle: Duration,

    /// permits-leaked: somebody has waited for this long.
    pub(crate) leaked_waited: Duration,

    /// channel-full: somebody has waited for room, and the receiver for something else, for this long.
    pub(crate) full_waited: Duration,

    /// imbalance: looks that it spans.
    pub imbalance_looks: usize,
    /// A task that has waited this long for its turn, while a worker slept all that time, is stranded;
    /// and in that many of the looks there must be one.
    pub imbalance_stranded: Duration,
    /// See [`imbalance_stranded`](Thresholds::imbalance_stranded).
    pub imbalance_looks_stranded: usize,
    /// Percent of that time that the saturated worker is busy, and that the idle one is parked.
    pub imbalance_busy_percent: u64,
    /// See [`imbalance_busy_percent`](Thresholds::imbalance_busy_percent).
    pub imbalance_parked_percent: u64,
    /// A parked worker that is woken more often than this a second does take part.
    pub imbalance_unparks_per_second: u64,
    /// Tasks that could have run, on average, in percent: 100 is one task all the time.
    pub imbalance_waiting_percent: u64,

    /// pool-exhausted: looks for which all threads are taken and the queue does not shrink.
    pub pool_looks: usize,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds {
            off: BTreeSet::new(),
            looks_to_appear: 2,
            looks_to_go: 3,
            max_tasks: 10_000,
            max_findings_of_a_kind: 8,
            long_poll: Duration::from_millis(100),
            critical_poll: Duration::from_secs(1),
            ended_poll_shown: Duration::from_secs(2),
            names_waited_for: Duration::from_secs(2),
            slow_poll: Duration::from_millis(10),
            slow_percent: 1,
            slow_of_long_percent: 90,
            slow_least: 5,
            slow_looks: 3,
            panic_looks: 4,
            panic_quiet_looks: 1,
            panics: 5,
            leak_looks: 10,
            leak_pauses: 2,
            leak_growth: 50,
            leak_ended_percent: 10,
            leak_old_tasks: 20,
            leak_asleep_percent: 90,
            timer_late: Duration::from_millis(10),
            timer_late_percent: 50,
            timer_late_least: 10,
            timer_late_long_percent: 50,
            timer_late_looks: 3,
            future_bytes: 16 * 1_024,
            captive_wait: Duration::from_millis(5),
            captive_percent: 20,
            captive_least: 5,
            captive_looks: 3,
            queue_messages: 10_000,
            queue_message_looks: 8,
            queue_message_long_looks: 32,
            queue_tasks: 5_000,
            queue_looks: 5,
            queue_pauses: 0,
            queue_busy_percent: 90,
            queue_cpu_wait: Duration::from_millis(10),
            never_yields_poll: Duration::from_millis(1),
            never_yields_percent: 80,
            never_yields_least: 10,
            never_yields_delay_percent: 25,
            wakes_per_second: 20_000,
            wakes_per_poll: 50,
            deadlock_idle: Duration::from_millis(500),
            deadlock_idle_inexact: Duration::from_secs(5),
            storm_polls_per_second: 5_000,
            storm_self_wakes_percent: 95,
            storm_mean_poll: Duration::from_micros(4),
            storm_budget_percent: 20,
            lost_idle: Duration::from_millis(500),
            convoy_waiters: 8,
            convoy_waited: Duration::from_secs(1),
            convoy_turn: Duration::from_millis(10),
            unpolled_waited: Duration::from_secs(1),
            unpolled_idle: Duration::from_millis(500),
            leaked_waited: Duration::from_secs(1),
            full_waited: Duration::from_secs(3),
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

//! Every series that is published: name, type, unit, labels, help, and where its number comes from.
//!
//! One table, read by `/metrics` and by the bridge to the `metrics` facade. Dashboards and alerts
//! may use these names and no others. A name is stable once released: it may go, but it does not
//! change its meaning. Names are as Prometheus shows them: base units, counters end in `_total`.

use zokio::runtime::RuntimeFlavor;
use zokio::telemetry::{HistogramSnapshot, Snapshot, WorkerSnapshot};

use crate::diagnosis::Finding;
use crate::published::sites::Totals;
use crate::sampler::Serving;

/// What sort of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// Grows only, from 0 when the runtime was built.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution of durations.
    Histogram,
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricUnit {
    /// A number of things.
    Count,
    /// Seconds, with nanosecond resolution.
    Seconds,
    /// Bytes.
    Bytes,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Metric {
    /// The name, as Prometheus shows it. A histogram has it with `_bucket`, `_sum` and `_count`.
    pub name: &'static str,
    /// Its type.
    pub kind: MetricKind,
    /// Its unit, which its name says too.
    pub unit: MetricUnit,
    /// The labels of each of its series.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
    pub(crate) source: Source,
}

/// Where a metric's numbers come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    Runtime(fn(&Snapshot) -> Value),
    Worker(fn(&WorkerSnapshot) -> Value),
    /// What depends on the moment of the snapshot, on telemetry's clock.
    WorkerAt(fn(&WorkerSnapshot, u64) -> Value),
    /// One number a victim.
    Victims(fn(&WorkerSnapshot) -> &[u64]),
    RuntimeHistogram(fn(&Snapshot) -> &HistogramSnapshot),
    WorkerHistogram(fn(&WorkerSnapshot) -> &HistogramSnapshot),
    /// The number of findings, one number a kind.
    Findings(fn(&Finding) -> &'static str),
    /// One number a spawn site.
    Sites(fn(&Totals) -> Value),
    /// What a runtime is, said by labels: always 1.
    Info(fn(&Snapshot) -> [(&'static str, &'static str); 2]),
    /// What all runtimes of the process have in common, as any of their snapshots has it.
    Process(fn(&Snapshot) -> Value),
    Server(fn(&Serving) -> Value),
}

/// A number as the snapshot has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    Count(u64),
    /// Shown in seconds.
    Nanos(u64),
    /// Shown in seconds.
    FractionalNanos(f64),
}

/// The label that names the runtime: its name, made unique in the process.
pub const LABEL_RUNTIME: &str = "runtime";
/// The label that names the kind of a finding.
pub const LABEL_KIND: &str = "kind";
/// The label that names the worker, by its index.
pub const LABEL_WORKER: &str = "worker";
/// The label that names the worker that tasks were stolen from, by its index.
pub const LABEL_VICTIM: &str = "victim";
/// The label that names the place of a `spawn` call, as `file:line:column`; `other` for all that came
/// when as many as [may](crate::Builder::max_spawn_site_labels) had a label.
pub const LABEL_SPAWN_SITE: &str = "spawn_site";
/// The label that says whether a runtime is `multi_thread` or `current_thread`.
pub const LABEL_FLAVOR: &str = "flavor";
/// The label that says which version of zokio it is.
pub const LABEL_VERSION: &str = "version";

const RUNTIME: &[&str] = &[LABEL_RUNTIME];
const WORKER: &[&str] = &[LABEL_RUNTIME, LABEL_WORKER];
const VICTIM: &[&str] = &[LABEL_RUNTIME, LABEL_WORKER, LABEL_VICTIM];
const KIND: &[&str] = &[LABEL_RUNTIME, LABEL_KIND];
const SITE: &[&str] = &[LABEL_RUNTIME, LABEL_SPAWN_SITE];
const INFO: &[&str] = &[LABEL_RUNTIME, LABEL_FLAVOR, LABEL_VERSION];
const PROCESS: &[&str] = &[];

/// Writes one row of the table a metric.
macro_rules! table {
    ($($name:literal $kind:ident $unit:ident $labels:ident $source:ident($read:expr) $help:literal;)+) => {
        &[$(Metric {
            name: $name,
            kind: MetricKind::$kind,
            unit: MetricUnit::$unit,
            labels: $labels,
            help: $help,
            source: Source::$source($read),
        }),+]
    };
}

use Value::{Count as N, FractionalNanos as F, Nanos as T};

/// All metrics, in the order in which `/metrics` shows them.
#[rustfmt::skip]
pub const ALL: &[Metric] = table! {
    "zokio_worker_polls_total" Counter Count WORKER Worker(|w| N(w.polls)) "Polls of spawned tasks.";
    "zokio_worker_busy_seconds_total" Counter Seconds WORKER Worker(|w| T(w.busy_ns)) "Time spent running tasks.";
    "zokio_worker_searching_seconds_total" Counter Seconds WORKER Worker(|w| T(w.searching_ns)) "Time spent looking for work.";
    "zokio_worker_parked_seconds_total" Counter Seconds WORKER Worker(|w| T(w.parked_ns)) "Time spent asleep.";
    "zokio_worker_detached_seconds_total" Counter Seconds WORKER Worker(|w| T(w.detached_ns)) "Time without a thread: a current-thread runtime between two calls of block_on.";
    "zokio_worker_parks_total" Counter Count WORKER Worker(|w| N(w.parks)) "Times the worker went to sleep.";
    "zokio_worker_unparks_total" Counter Count WORKER Worker(|w| N(w.unparks)) "Times the worker was woken from sleep.";
    "zokio_worker_noop_unparks_total" Counter Count WORKER Worker(|w| N(w.noop_unparks)) "Wake-ups that found nothing to do.";
    "zokio_worker_steal_attempts_total" Counter Count WORKER Worker(|w| N(w.steal_attempts)) "Looks at one other worker's queue.";
    "zokio_worker_steals_total" Counter Count WORKER Worker(|w| N(w.steals)) "Looks at another worker's queue that brought at least one task.";
    "zokio_worker_steal_sweeps_total" Counter Count WORKER Worker(|w| N(w.steal_sweeps)) "Rounds over all other workers' queues that began when one of them had a task.";
    "zokio_worker_steal_sweeps_won_total" Counter Count WORKER Worker(|w| N(w.steal_sweeps_won)) "Of those rounds, the ones that brought a task.";
    "zokio_worker_stolen_tasks_total" Counter Count VICTIM Victims(|w| &w.stolen_from) "Tasks taken from another worker, by the worker that lost them.";
    "zokio_worker_lifo_hits_total" Counter Count WORKER Worker(|w| N(w.lifo_hits)) "Tasks run from the LIFO slot.";
    "zokio_worker_injector_takes_total" Counter Count WORKER Worker(|w| N(w.injector_takes)) "Tasks taken from the injector, the queue shared by all workers.";
    "zokio_worker_overflows_total" Counter Count WORKER Worker(|w| N(w.overflows)) "Tasks moved to the injector because the local queue was full.";
    "zokio_worker_spills_total" Counter Count WORKER Worker(|w| N(w.spills)) "Times the local queue was full and half of it went to the injector.";
    "zokio_worker_lifo_lag_seconds_total" Counter Seconds WORKER Worker(|w| T(w.lags.lifo.total_ns)) "Time that tasks polled here had waited in a LIFO slot, behind the task that woke them, while another worker slept.";
    "zokio_worker_lifo_lags_total" Counter Count WORKER Worker(|w| N(w.lags.lifo.count)) "Waits of 100 microseconds or more in a LIFO slot while another worker slept.";
    "zokio_worker_injector_lag_seconds_total" Counter Seconds WORKER Worker(|w| T(w.lags.injector.total_ns)) "Time that tasks taken from the injector had waited there while another worker slept.";
    "zokio_worker_injector_lags_total" Counter Count WORKER Worker(|w| N(w.lags.injector.count)) "Waits of 100 microseconds or more in the injector while another worker slept.";
    "zokio_worker_queue_lag_seconds_total" Counter Seconds WORKER Worker(|w| T(w.lags.queue.total_ns)) "Time that tasks polled here had waited in a local queue while another worker slept.";
    "zokio_worker_queue_lags_total" Counter Count WORKER Worker(|w| N(w.lags.queue.count)) "Waits of 100 microseconds or more in a local queue while another worker slept.";
    "zokio_worker_unpark_latency_seconds" Histogram Seconds WORKER WorkerHistogram(|w| &w.unpark_latency) "How long it takes from the decision to wake a worker to its first look for work.";
    "zokio_worker_local_spawns_total" Counter Count WORKER Worker(|w| N(w.local_spawns)) "Tasks spawned from this worker.";
    "zokio_worker_local_wakes_total" Counter Count WORKER Worker(|w| N(w.local_wakes)) "Wakes made on this worker that scheduled a task.";
    "zokio_worker_remote_wakes_total" Counter Count WORKER Worker(|w| N(w.remote_wakes)) "Wakes made elsewhere of tasks that last ran on this worker.";
    "zokio_worker_budget_yields_total" Counter Count WORKER Worker(|w| N(w.budget_yields)) "Polls that ended because the cooperative budget was used up.";
    "zokio_worker_queue_depth" Gauge Count WORKER Worker(|w| N(w.queue_depth)) "Tasks in the local queue, the LIFO slot included.";
    "zokio_worker_queue_depth_max" Gauge Count WORKER Worker(|w| N(w.queue_depth_max)) "The deepest the local queue has been.";
    "zokio_worker_current_poll_seconds" Gauge Seconds WORKER WorkerAt(|w, now| T(w.current_task.map_or(0, |task| now.saturating_sub(task.since_ns)))) "How long the poll that is under way has taken so far; 0 if there is none.";
    "zokio_task_poll_duration_seconds" Histogram Seconds WORKER WorkerHistogram(|w| &w.poll_time) "How long polls take.";
    "zokio_task_schedule_latency_seconds" Histogram Seconds WORKER WorkerHistogram(|w| &w.wake_to_poll) "How long a task that can run waits from its wake to its poll.";
    "zokio_task_poll_duration_max_seconds" Gauge Seconds WORKER Worker(|w| T(w.poll_time.max_ns)) "The longest poll since the runtime was built.";
    "zokio_task_schedule_latency_max_seconds" Gauge Seconds WORKER Worker(|w| T(w.wake_to_poll.max_ns)) "The longest time from a wake to its poll since the runtime was built.";
    "zokio_runtime_info" Gauge Count INFO Info(|s| [(LABEL_FLAVOR, flavor(s)), (LABEL_VERSION, zokio::VERSION)]) "What the runtime is, by its labels. Always 1.";
    "zokio_runtime_uptime_seconds" Gauge Seconds RUNTIME Runtime(|s| T(s.taken_at_ns.saturating_sub(s.started_at_ns))) "Time since the runtime was built.";
    "zokio_runtime_workers" Gauge Count RUNTIME Runtime(|s| N(s.workers.len() as u64)) "Workers of the runtime.";
    "zokio_runtime_ended" Gauge Count RUNTIME Runtime(|s| N(u64::from(s.ended))) "1 once the runtime has been shut down, else 0.";
    "zokio_runtime_polls_elsewhere_total" Counter Count RUNTIME Runtime(|s| N(s.polls_elsewhere)) "Polls of local tasks by threads that are no workers of the runtime.";
    "zokio_injector_depth" Gauge Count RUNTIME Runtime(|s| N(s.injector_depth)) "Tasks in the injector, the queue shared by all workers.";
    "zokio_tasks_alive" Gauge Count RUNTIME Runtime(|s| N(s.alive_tasks)) "Tasks spawned and not yet finished.";
    "zokio_tasks_spawned_total" Counter Count RUNTIME Runtime(|s| N(s.spawned_tasks)) "Tasks ever spawned.";
    "zokio_tasks_completed_total" Counter Count RUNTIME Runtime(|s| N(s.completed_tasks)) "Tasks that have finished, however they ended.";
    "zokio_tasks_panicked_total" Counter Count RUNTIME Runtime(|s| N(s.panicked_tasks)) "Tasks that panicked.";
    "zokio_tasks_cancelled_total" Counter Count RUNTIME Runtime(|s| N(s.cancelled_tasks)) "Tasks that were cancelled before they completed.";
    "zokio_spawn_site_spawned_total" Counter Count SITE Sites(|t| N(t.spawned)) "Tasks ever spawned at the place.";
    "zokio_spawn_site_alive" Gauge Count SITE Sites(|t| N(t.alive)) "Tasks spawned at the place and not yet finished.";
    "zokio_spawn_site_polls_total" Counter Count SITE Sites(|t| N(t.polls)) "Polls of the tasks spawned at the place. Work of the blocking pool counts none.";
    "zokio_spawn_site_busy_seconds_total" Counter Seconds SITE Sites(|t| T(t.busy_ns)) "Time in those polls, and the run time of blocking work.";
    "zokio_spawn_site_scheduled_seconds_total" Counter Seconds SITE Sites(|t| T(t.scheduled_ns)) "Time that the tasks spawned at the place have waited from a wake to its poll.";
    "zokio_spawn_site_panicked_total" Counter Count SITE Sites(|t| N(t.panicked)) "Tasks spawned at the place that panicked.";
    "zokio_spawn_site_cancelled_total" Counter Count SITE Sites(|t| N(t.cancelled)) "Tasks spawned at the place that were cancelled before they completed.";
    "zokio_blocking_threads" Gauge Count RUNTIME Runtime(|s| N(s.blocking.threads)) "Threads of the blocking pool.";
    "zokio_blocking_idle_threads" Gauge Count RUNTIME Runtime(|s| N(s.blocking.idle_threads)) "Threads of the blocking pool that wait for work.";
    "zokio_blocking_max_threads" Gauge Count RUNTIME Runtime(|s| N(s.blocking.max_threads)) "The most threads the blocking pool may have.";
    "zokio_blocking_queue_depth" Gauge Count RUNTIME Runtime(|s| N(s.blocking.queue_depth)) "Jobs waiting for a thread of the blocking pool.";
    "zokio_blocking_completed_total" Counter Count RUNTIME Runtime(|s| N(s.blocking.completed)) "Jobs that the blocking pool has finished.";
    "zokio_blocking_busy_seconds_total" Counter Seconds RUNTIME Runtime(|s| T(s.blocking.busy_ns)) "Time spent on finished jobs of the blocking pool.";
    "zokio_blocking_queue_time_seconds" Histogram Seconds RUNTIME RuntimeHistogram(|s| &s.blocking.queue_time) "How long jobs waited for a thread of the blocking pool.";
    "zokio_blocking_run_time_seconds" Histogram Seconds RUNTIME RuntimeHistogram(|s| &s.blocking.run_time) "How long jobs of the blocking pool ran.";
    "zokio_driver_sources" Gauge Count RUNTIME Runtime(|s| N(s.driver.sources)) "Sockets, pipes and the like registered with the I/O driver.";
    "zokio_driver_polls_total" Counter Count RUNTIME Runtime(|s| N(s.driver.polls)) "Calls into the operating system for I/O events.";
    "zokio_driver_events_total" Counter Count RUNTIME Runtime(|s| N(s.driver.events)) "I/O events received.";
    "zokio_driver_turn_time_seconds" Histogram Seconds RUNTIME RuntimeHistogram(|s| &s.driver.turn_time) "How long a turn of the driver takes, without the sleep before it.";
    "zokio_timers_armed" Gauge Count RUNTIME Runtime(|s| N(s.timers.armed)) "Timers waiting.";
    "zokio_timers_fired_total" Counter Count RUNTIME Runtime(|s| N(s.timers.fired)) "Timers that fired.";
    "zokio_timers_cancelled_total" Counter Count RUNTIME Runtime(|s| N(s.timers.cancelled)) "Timers dropped or moved before they fired.";
    "zokio_timer_lateness_seconds" Histogram Seconds RUNTIME RuntimeHistogram(|s| &s.timers.lateness) "How late timers fired after their deadline.";
    "zokio_timer_lateness_max_seconds" Gauge Seconds RUNTIME Runtime(|s| T(s.timers.lateness.max_ns)) "The latest that a timer fired after its deadline since the runtime was built.";
    "zokio_findings" Gauge Count KIND Findings(|f| f.kind) "Things found to be wrong with the program, by kind.";
    "zokio_telemetry_record_bytes" Gauge Bytes RUNTIME Runtime(|s| N(s.overhead.record_bytes)) "Memory that telemetry's task records take.";
    "zokio_telemetry_poll_overhead_seconds" Gauge Seconds RUNTIME Runtime(|s| F(s.overhead.poll_overhead_ns)) "Time that telemetry adds to a poll, measured when the process's first runtime was built.";
    "zokio_telemetry_clock_read_seconds" Gauge Seconds PROCESS Process(|s| F(s.overhead.clock_read_ns)) "Time that one read of telemetry's clock takes, measured likewise.";
    "zokio_telemetry_unattributed_events_total" Counter Count PROCESS Process(|s| N(s.overhead.unattributed_events)) "Wakes and waker clones that are in no task's count.";
    "zokio_telemetry_viewers" Gauge Count PROCESS Server(|s| N(s.viewers)) "Consoles that watch.";
    "zokio_telemetry_sent_bytes_total" Counter Bytes PROCESS Server(|s| N(s.bytes_sent)) "Sent to consoles and scrapers.";
    "zokio_telemetry_sample_seconds" Gauge Seconds PROCESS Server(|s| T(s.sample_ns)) "How long the last look at the runtimes for consoles took; 0 if none has watched.";
};

/// As a label.
fn flavor(snapshot: &Snapshot) -> &'static str {
    match snapshot.flavor {
        RuntimeFlavor::MultiThread => "multi_thread",
        RuntimeFlavor::CurrentThread => "current_thread",
        _ => "unknown",
    }
}

impl Metric {
    /// The name without what its type and its unit add to it.
    pub(crate) fn base_name(&self) -> &'static str {
        let name = self.name.strip_suffix("_total").unwrap_or(self.name);
        let unit = match self.unit {
            MetricUnit::Count => return name,
            MetricUnit::Seconds => "_seconds",
            MetricUnit::Bytes => "_bytes",
        };
        name.strip_suffix(unit).unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_say_type_and_unit() {
        for metric in ALL {
            let name = metric.name;
            assert!(name.starts_with("zokio_"), "{name}");
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            assert_eq!(
                name.ends_with("_total"),
                metric.kind == MetricKind::Counter,
                "{name}"
            );
            let stem = name.strip_suffix("_total").unwrap_or(name);
            assert_eq!(
                stem.ends_with("_seconds"),
                metric.unit == MetricUnit::Seconds,
                "{name}"
            );
            assert_eq!(
                stem.ends_with("_bytes"),
                metric.unit == MetricUnit::Bytes,
                "{name}"
            );
            assert!(
                metric.help.ends_with('.') && !metric.help.contains(['\n', '\\']),
                "{name}"
            );
            assert!(!metric.base_name().ends_with("_total"), "{name}");
        }
    }

    #[test]
    fn names_are_unique_also_without_suffixes() {
        let names: HashSet<_> = ALL.iter().map(|m| m.name).collect();
        let bases: HashSet<_> = ALL.iter().map(|m| (m.base_name(), m.unit as u8)).collect();
        assert_eq!((names.len(), bases.len()), (ALL.len(), ALL.len()));
    }

    #[test]
    fn labels_are_those_of_the_source() {
        for metric in ALL {
            let labels = match metric.source {
                Source::Runtime(_) | Source::RuntimeHistogram(_) => RUNTIME,
                Source::Worker(_) | Source::WorkerAt(_) | Source::WorkerHistogram(_) => WORKER,
                Source::Victims(_) => VICTIM,
                Source::Findings(_) => KIND,
                Source::Sites(_) => SITE,
                Source::Info(_) => INFO,
                Source::Process(_) | Source::Server(_) => PROCESS,
            };
            assert_eq!(metric.labels, labels, "{}", metric.name);
        }
    }
}

//! The object of `snapshot --json`. Stable: fields are only added; SNAPSHOT.md describes it.

use serde::Serialize;

use super::check::JsonFinding;
use crate::state::model;

mod chains;
mod resources;

/// Grows when a field changes its meaning or goes.
pub(crate) const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Serialize)]
pub(crate) struct Snapshot<'a> {
    schema_version: u32,
    server: Server<'a>,
    runtimes: Vec<Runtime<'a>>,
    telemetry: Telemetry,
}

#[derive(Debug, Serialize)]
struct Server<'a> {
    version: &'a str,
    runtime_version: &'a str,
    protocol: String,
    process_id: u32,
    process_name: &'a str,
    taken_at_unix_ns: u64,
    taken_at_ns: u64,
}

#[derive(Debug, Serialize)]
struct Runtime<'a> {
    name: &'a str,
    flavor: &'static str,
    workers: Vec<Worker<'a>>,
    spawn_sites: Vec<SpawnSite>,
    injector_depth: u64,
    alive_tasks: u64,
    spawned_tasks: u64,
    completed_tasks: u64,
    blocking: Blocking,
    driver: Driver,
    timers: Timers,
    tasks: Vec<Task<'a>>,
    long_polls: Vec<LongPoll<'a>>,
    longest_polls: Vec<LongestPoll<'a>>,
    waits: Vec<chains::Chain<'a>>,
    waits_left_off: u64,
    waited_resources: u64,
    resources: Vec<resources::Resource<'a>>,
    findings: Vec<JsonFinding<'a>>,
}

#[derive(Debug, Serialize)]
struct LongestPoll<'a> {
    worker: u32,
    task: u64,
    task_name: Option<&'a str>,
    spawned_at: String,
    duration_ns: u64,
    ended_at_ns: u64,
}

#[derive(Debug, Serialize)]
struct Lag {
    count: u64,
    total_ns: u64,
}

#[derive(Debug, Serialize)]
struct Lags {
    lifo: Lag,
    injector: Lag,
    queue: Lag,
}

#[derive(Debug, Serialize)]
struct LastWaker<'a> {
    kind: &'static str,
    task: Option<u64>,
    task_name: Option<&'a str>,
    worker: Option<u32>,
    at_ns: Option<u64>,
}

#[derive(Debug, Serialize)]
struct LongPoll<'a> {
    worker: u32,
    task: u64,
    task_name: Option<&'a str>,
    spawned_at: String,
    duration_ns: u64,
    goes_on: bool,
    thread_id: u64,
    thread_state: &'a str,
    frames: Vec<Frame<'a>>,
    error: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Frame<'a> {
    function: &'a str,
    location: Option<String>,
}

#[derive(Debug, Serialize)]
struct Worker<'a> {
    index: u32,
    state: &'static str,
    polls: u64,
    busy_ns: u64,
    parked_ns: u64,
    searching_ns: u64,
    parks: u64,
    unparks: u64,
    steal_attempts: u64,
    steals: u64,
    stolen_tasks: u64,
    stolen_from: &'a [u64],
    lifo_hits: u64,
    injector_takes: u64,
    queue_depth: u64,
    queue_depth_max: u64,
    local_wakes: u64,
    remote_wakes: u64,
    poll_time: Histogram,
    wake_to_poll: Histogram,
    current_task: Option<u64>,
    overflows: u64,
    spills: u64,
    lags: Lags,
    unpark_latency: Histogram,
}

#[derive(Debug, Serialize)]
struct Histogram {
    count: u64,
    p50_ns: u64,
    p99_ns: u64,
    max_ns: u64,
}

#[derive(Debug, Serialize)]
struct SpawnSite {
    location: String,
    spawned: u64,
    alive: u64,
    polls: u64,
    busy_ns: u64,
    scheduled_ns: u64,
    panicked: u64,
    cancelled: u64,
    poll_time: Histogram,
    wake_to_poll: Histogram,
    longest_poll_ns: u64,
    longest_poll_at_ns: Option<u64>,
    longest_poll_task: Option<u64>,
    long_polls: u64,
    delayed_others_ns: u64,
    future_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Blocking {
    threads: u64,
    idle_threads: u64,
    max_threads: u64,
    queue_depth: u64,
    completed: u64,
    busy_ns: u64,
    queue_time: Histogram,
    run_time: Histogram,
}

#[derive(Debug, Serialize)]
struct Driver {
    sources: u64,
    polls: u64,
    events: u64,
    turn_time: Histogram,
}

#[derive(Debug, Serialize)]
struct Timers {
    armed: u64,
    fired: u64,
    cancelled: u64,
    lateness: Histogram,
}

#[derive(Debug, Serialize)]
struct Task<'a> {
    id: u64,
    name: Option<&'a str>,
    kind: &'static str,
    state: &'static str,
    location: String,
    polls: u64,
    busy_ns: u64,
    scheduled_ns: u64,
    idle_ns: u64,
    wakes: u64,
    self_wakes: u64,
    waker_clones: u64,
    waker_drops: u64,
    waits_for: Option<Wait<'a>>,
    parent: Option<u64>,
    children: u64,
    future_bytes: Option<u64>,
    longest_poll_ns: u64,
    longest_poll_at_ns: Option<u64>,
    last_waker: Option<LastWaker<'a>>,
    fields: Vec<Field<'a>>,
}

#[derive(Debug, Serialize)]
struct Field<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Debug, Serialize)]
struct Wait<'a> {
    kind: &'a str,
    operation: &'a str,
    location: Option<String>,
    since_ns: u64,
    holder: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Telemetry {
    enabled: bool,
    poll_overhead_ns: f64,
    clock_read_ns: f64,
    record_bytes: u64,
    bytes_sent: u64,
    clients: u32,
    sample_ns: u64,
}

impl<'a> Snapshot<'a> {
    pub(crate) fn new(server: &'a model::Server, update: &'a model::Update) -> Snapshot<'a> {
        Snapshot {
            schema_version: SCHEMA_VERSION,
            server: Server {
                version: &server.server_version,
                runtime_version: &server.runtime_version,
                protocol: format!("{}.{}", server.major, server.minor),
                process_id: server.process_id,
                process_name: &server.process_name,
                taken_at_unix_ns: server.unix_ns(update.taken_at_ns),
                taken_at_ns: update.taken_at_ns,
            },
            runtimes: update.runtimes.iter().map(Runtime::new).collect(),
            telemetry: Telemetry {
                enabled: update.cost.enabled,
                poll_overhead_ns: update.cost.poll_overhead_ns,
                clock_read_ns: update.cost.clock_read_ns,
                record_bytes: update.cost.record_bytes,
                bytes_sent: update.cost.bytes_sent,
                clients: update.cost.clients,
                sample_ns: update.cost.sample_ns,
            },
        }
    }
}

impl<'a> Runtime<'a> {
    fn new(runtime: &'a model::RuntimeUpdate) -> Runtime<'a> {
        let summary = &runtime.summary;
        Runtime {
            name: &summary.name,
            flavor: summary.flavor.as_str(),
            workers: runtime.workers.iter().map(Worker::new).collect(),
            spawn_sites: runtime.spawn_sites.iter().map(SpawnSite::new).collect(),
            injector_depth: summary.injector_depth,
            alive_tasks: summary.alive_tasks,
            spawned_tasks: summary.spawned_tasks,
            completed_tasks: summary.completed_tasks,
            blocking: Blocking {
                threads: summary.blocking.threads,
                idle_threads: summary.blocking.idle_threads,
                max_threads: summary.blocking.max_threads,
                queue_depth: summary.blocking.queue_depth,
                completed: summary.blocking.completed,
                busy_ns: summary.blocking.busy_ns,
                queue_time: Histogram::new(&summary.blocking.queue_time),
                run_time: Histogram::new(&summary.blocking.run_time),
            },
            driver: Driver {
                sources: summary.driver.sources,
                polls: summary.driver.polls,
                events: summary.driver.events,
                turn_time: Histogram::new(&summary.driver.turn_time),
            },
            timers: Timers {
                armed: summary.timers.armed,
                fired: summary.timers.fired,
                cancelled: summary.timers.cancelled,
                lateness: Histogram::new(&summary.timers.lateness),
            },
            tasks: runtime.tasks.iter().map(Task::new).collect(),
            long_polls: runtime
                .long_polls
                .iter()
                .map(|poll| LongPoll::new(poll, summary.taken_at_ns))
                .collect(),
            longest_polls: runtime.longest_polls.iter().map(LongestPoll::new).collect(),
            waits: runtime
                .wait_chains
                .iter()
                .map(|chain| chains::Chain::new(chain, summary.taken_at_ns))
                .collect(),
            waits_left_off: runtime.waits_left_off,
            waited_resources: runtime.waited_resources,
            resources: runtime
                .resources
                .iter()
                .map(|resource| resources::Resource::new(resource, summary.taken_at_ns))
                .collect(),
            findings: runtime.findings.iter().map(JsonFinding::new).collect(),
        }
    }
}

impl<'a> LongestPoll<'a> {
    fn new(poll: &'a model::LongestPoll) -> LongestPoll<'a> {
        LongestPoll {
            worker: poll.worker,
            task: poll.task,
            task_name: some(&poll.task_name),
            spawned_at: poll.location.to_string(),
            duration_ns: poll.duration_ns,
            ended_at_ns: poll.ended_at_ns,
        }
    }
}

impl Lag {
    fn new(lag: model::Lag) -> Lag {
        Lag {
            count: lag.count,
            total_ns: lag.total_ns,
        }
    }
}

impl<'a> LongPoll<'a> {
    fn new(poll: &'a model::LongPoll, now_ns: u64) -> LongPoll<'a> {
        LongPoll {
            worker: poll.worker,
            task: poll.task,
            task_name: some(&poll.task_name),
            spawned_at: poll.location.to_string(),
            duration_ns: poll.duration_ns(now_ns),
            goes_on: poll.ended_at_ns.is_none(),
            thread_id: poll.thread_id,
            thread_state: &poll.thread_state,
            frames: poll.frames.iter().map(Frame::new).collect(),
            error: some(&poll.error),
        }
    }
}

impl<'a> Frame<'a> {
    fn new(frame: &'a model::Frame) -> Frame<'a> {
        Frame {
            function: &frame.function,
            location: frame.location.as_ref().map(ToString::to_string),
        }
    }
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

impl<'a> Worker<'a> {
    fn new(worker: &'a model::Worker) -> Worker<'a> {
        Worker {
            index: worker.index,
            state: worker.state.as_str(),
            polls: worker.polls,
            busy_ns: worker.busy_ns,
            parked_ns: worker.parked_ns,
            searching_ns: worker.searching_ns,
            parks: worker.parks,
            unparks: worker.unparks,
            steal_attempts: worker.steal_attempts,
            steals: worker.steals,
            stolen_tasks: worker.stolen_tasks,
            stolen_from: &worker.stolen_from,
            lifo_hits: worker.lifo_hits,
            injector_takes: worker.injector_takes,
            queue_depth: worker.queue_depth,
            queue_depth_max: worker.queue_depth_max,
            local_wakes: worker.local_wakes,
            remote_wakes: worker.remote_wakes,
            poll_time: Histogram::new(&worker.poll_time),
            wake_to_poll: Histogram::new(&worker.wake_to_poll),
            current_task: worker.current_task.map(|(id, _)| id),
            overflows: worker.overflows,
            spills: worker.spills,
            lags: Lags {
                lifo: Lag::new(worker.lags.lifo),
                injector: Lag::new(worker.lags.injector),
                queue: Lag::new(worker.lags.queue),
            },
            unpark_latency: Histogram::new(&worker.unpark_latency),
        }
    }
}

impl Histogram {
    fn new(histogram: &model::Histogram) -> Histogram {
        Histogram {
            count: histogram.count,
            p50_ns: histogram.quantile_ns(0.5),
            p99_ns: histogram.quantile_ns(0.99),
            max_ns: histogram.max_ns,
        }
    }
}

impl SpawnSite {
    fn new(site: &model::SpawnSite) -> SpawnSite {
        SpawnSite {
            location: site.location.to_string(),
            spawned: site.spawned,
            alive: site.alive,
            polls: site.polls,
            busy_ns: site.busy_ns,
            scheduled_ns: site.scheduled_ns,
            panicked: site.panicked,
            cancelled: site.cancelled,
            poll_time: Histogram::new(&site.poll_time),
            wake_to_poll: Histogram::new(&site.wake_to_poll),
            longest_poll_ns: site.longest_poll_ns,
            longest_poll_at_ns: site.longest_poll_end.map(|(at_ns, _)| at_ns),
            longest_poll_task: site.longest_poll_end.map(|(_, task)| task),
            long_polls: site.long_polls,
            delayed_others_ns: site.delayed_others_ns,
            future_bytes: site.future_bytes,
        }
    }
}

impl<'a> Task<'a> {
    fn new(task: &'a model::Task) -> Task<'a> {
        Task {
            id: task.id,
            name: some(&task.name),
            kind: task.kind.as_str(),
            state: task.state.as_str(),
            location: task.location.to_string(),
            polls: task.polls,
            busy_ns: task.busy_ns,
            scheduled_ns: task.scheduled_ns,
            idle_ns: task.idle_ns,
            wakes: task.wakes,
            self_wakes: task.self_wakes,
            waker_clones: task.waker_clones,
            waker_drops: task.waker_drops,
            waits_for: task.waits_for().map(|wait| Wait {
                kind: &wait.kind,
                operation: &wait.operation,
                location: wait.location.as_ref().map(ToString::to_string),
                since_ns: wait.since_ns,
                holder: wait.holder,
            }),
            parent: task.parent,
            children: task.children.count,
            future_bytes: task.future_bytes,
            longest_poll_ns: task.longest_poll_ns,
            longest_poll_at_ns: task.longest_poll_at_ns,
            last_waker: task.last_waker.as_ref().map(|waker| LastWaker {
                kind: waker.kind.as_str(),
                task: waker.task,
                task_name: some(&waker.task_name),
                worker: waker.worker,
                at_ns: task.last_wake_ns,
            }),
            fields: task
                .fields
                .iter()
                .map(|(name, value)| Field { name, value })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize;
    use crate::state::fixtures::{describe, snapshot};

    fn chain() -> model::WaitChain {
        let holder = model::LinkHolder {
            task: 42,
            role: model::Role::Holds,
            exact: true,
            held_at: Some(model::Location::default()),
            gone: false,
        };
        let wait = model::LinkWait {
            kind: "mutex".into(),
            operation: "lock".into(),
            holder: Some(holder),
            ..model::LinkWait::default()
        };
        let waiting = model::WaitLink {
            task: 17,
            wait: Some(wait),
            ..model::WaitLink::default()
        };
        let last = model::WaitLink {
            task: 42,
            ..model::WaitLink::default()
        };
        model::WaitChain {
            links: vec![waiting, last],
            circle: false,
            waiters: 1,
        }
    }

    fn written() -> String {
        let server = sanitize::server(&describe());
        let query = model::Query {
            limit: 3,
            resources: true,
            ..model::Query::default()
        };
        let mut update = sanitize::update(snapshot(30, &query));
        // The connections that wait for their sockets, the rwlock and the semaphore tell it all.
        let resources = &mut update.runtimes[0].resources;
        resources.truncate(3);
        resources[0].first_waiters.truncate(1);
        update.runtimes[0].wait_chains = vec![chain()];
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        update.runtimes[0].tasks[0].fields = vec![field("span", "request"), field("user", "eve")];
        serde_json::to_string_pretty(&Snapshot::new(&server, &update)).unwrap()
    }

    #[test]
    fn the_object_keeps_its_form() {
        insta::assert_snapshot!(written());
    }

    #[test]
    fn fields_stand_in_the_documented_order() {
        let text = written();
        let documented = include_str!("../../SNAPSHOT.md");
        let mut at = 0;
        for key in [
            "schema_version",
            "server",
            "runtimes",
            "workers",
            "steal_attempts",
            "wake_to_poll",
            "current_task",
            "spawn_sites",
            "injector_depth",
            "blocking",
            "driver",
            "timers",
            "tasks",
            "waits_for",
            "telemetry",
        ] {
            let quoted = format!("\"{key}\"");
            at += text[at..]
                .find(&quoted)
                .unwrap_or_else(|| panic!("{key} is missing or too early"));
            assert!(
                documented.contains(&format!("`{key}`")),
                "{key} is not documented"
            );
        }
    }

    #[test]
    fn every_field_is_documented() {
        let documented = include_str!("../../SNAPSHOT.md");
        for line in written().lines() {
            if let Some((key, _)) = line.trim().split_once("\": ") {
                let key = key.trim_start_matches('"');
                assert!(
                    documented.contains(&format!("`{key}`")),
                    "{key} is not documented"
                );
            }
        }
    }

    #[test]
    fn a_task_without_name_or_wait_says_null() {
        let task = model::Task::default();
        let text = serde_json::to_string(&Task::new(&task)).unwrap();
        assert!(
            text.contains("\"name\":null") && text.contains("\"waits_for\":null"),
            "{text}"
        );
    }
}

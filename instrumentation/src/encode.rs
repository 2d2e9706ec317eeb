//! From snapshots to wire messages.
//!
//! Everything that can grow with the program has a bound here: texts, waits, spawn sites and, as the
//! last resort, the whole message.

mod chains;
mod relations;
mod resources;

use std::panic::Location;

use prost::Message;
use zokio::runtime::RuntimeFlavor;
use zokio::telemetry::{
    BlockingSnapshot, DriverSnapshot, HistogramSnapshot, Lag, LongestPoll, PermitsSnapshot,
    Snapshot, SpawnSiteSnapshot, TaskDetail, TaskKind, TaskRelations, TaskSnapshot, TaskState,
    TimersSnapshot, Wait, WorkerSnapshot, WorkerState,
};
use zokio_console_proto::{MAX_MESSAGE_BYTES, v1};

use crate::diagnosis::{Finding, Place, Severity, Value};
use crate::sampler::query::Chains;
use crate::stacks::Frame;
use crate::tracing_layer;
use crate::watchdog::LongPoll;
use relations::Relations;

/// Characters of a name or a path that are sent.
const MAX_TEXT_CHARS: usize = 256;

/// Waits of a task that are sent, the most recent.
const MAX_WAITS: usize = 16;

/// Spawn sites that are sent one by one, the busiest; the rest is sent as one.
const MAX_SPAWN_SITES: usize = 500;

/// Long polls that are sent, the latest.
const MAX_LONG_POLLS: usize = 16;

/// Longest polls that are sent.
const MAX_LONGEST_POLLS: usize = 16;

/// Frames of a long poll's stack that are sent, the innermost.
const MAX_FRAMES: usize = 48;

/// Findings that are sent, the worst, and their places and pieces of evidence.
const MAX_FINDINGS: usize = 64;
const MAX_PLACES: usize = 16;
const MAX_EVIDENCE: usize = 32;

/// What a view may have; the frame around it needs a little more.
const MAX_VIEW_BYTES: usize = MAX_MESSAGE_BYTES - 64 * 1024;

/// The file that stands for all spawn sites beyond the most that are sent.
const OTHER_SITES: &str = "(other)";

/// What tasks wait for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waits {
    resources: Vec<v1::Resource>,
    waited_resources: u64,
    chains: Vec<v1::WaitChain>,
    chains_in_all: u64,
    /// Tasks that wait and are not counted in, since there are too many.
    left_off: u64,
}

/// What these tasks wait for. `is_partial`: they are not all that there are.
pub(crate) fn waits(
    tasks: &[TaskSnapshot],
    permits: &[PermitsSnapshot],
    is_partial: bool,
    left_off: u64,
) -> Waits {
    let (resources, waited_resources) = resources::of(tasks, permits);
    let (chains, chains_in_all) = chains::of(tasks, permits, is_partial);
    Waits {
        resources,
        waited_resources,
        chains,
        chains_in_all,
        left_off,
    }
}

/// What an update tells of a runtime's tasks.
#[derive(Default)]
pub(crate) struct Tasks<'a> {
    /// The rows of the window, in order.
    pub(crate) rows: &'a [TaskSnapshot],
    /// How many pass the filter.
    pub(crate) matching: usize,
    /// The rows' to others.
    pub(crate) relations: Option<&'a TaskRelations>,
    pub(crate) spawn_sites: &'a [SpawnSiteSnapshot],
    pub(crate) waits: Option<&'a Waits>,
    /// What of the waits was asked for.
    pub(crate) resources: bool,
    pub(crate) chains: Chains,
}

/// One runtime, whole.
pub(crate) fn runtime(
    snapshot: &Snapshot,
    tasks: Tasks<'_>,
    long_polls: &[LongPoll],
    findings: &[Finding],
) -> v1::RuntimeUpdate {
    let asks = tasks.resources || tasks.chains != Chains::No;
    // In one that has ended nobody waits.
    let nobody = Waits::default();
    let waits = tasks.waits.or(snapshot.ended.then_some(&nobody));
    let waits = waits.filter(|_| asks);
    let (mut resources, mut waited_resources) = Default::default();
    if let Some(waits) = waits.filter(|_| tasks.resources) {
        (resources, waited_resources) = (waits.resources.clone(), waits.waited_resources);
    }
    let (mut wait_chains, mut wait_chains_in_all) = (Vec::new(), None);
    if let Some(waits) = waits.filter(|_| tasks.chains != Chains::No) {
        wait_chains = waits.chains.clone();
        wait_chains_in_all = (tasks.chains == Chains::Counted).then_some(waits.chains_in_all);
    }
    let longest = snapshot.longest_polls.iter();
    let longest: Vec<_> = longest.copied().take(MAX_LONGEST_POLLS).collect();
    let relations = tasks.relations.map(Relations::of).unwrap_or_default();
    let rows = tasks.rows;
    v1::RuntimeUpdate {
        id: snapshot.runtime_id,
        name: clip(&snapshot.name),
        flavor: flavor(snapshot.flavor).into(),
        ended: snapshot.ended,
        started_at_ns: snapshot.started_at_ns,
        taken_at_ns: snapshot.taken_at_ns,
        workers: snapshot.workers.iter().map(worker).collect(),
        spawn_sites: spawn_sites(tasks.spawn_sites),
        injector_depth: snapshot.injector_depth,
        alive_tasks: snapshot.alive_tasks,
        spawned_tasks: snapshot.spawned_tasks,
        completed_tasks: snapshot.completed_tasks,
        panicked_tasks: snapshot.panicked_tasks,
        cancelled_tasks: snapshot.cancelled_tasks,
        blocking: Some(blocking(&snapshot.blocking)),
        driver: Some(driver(&snapshot.driver)),
        timers: Some(timers(&snapshot.timers)),
        rows: rows.iter().map(|t| t.id).collect(),
        tasks: rows.iter().map(|row| task(row, &relations)).collect(),
        matching_tasks: tasks.matching as u64,
        full: true,
        long_polls: long_polls
            .iter()
            .rev()
            .take(MAX_LONG_POLLS)
            .map(long_poll)
            .collect(),
        resources,
        waited_resources,
        findings: findings.iter().take(MAX_FINDINGS).map(finding).collect(),
        findings_unchanged: false,
        known_tasks: Vec::new(),
        same_waits: Vec::new(),
        long_polls_unchanged: false,
        longest_polls: longest
            .iter()
            .map(|poll| longest_poll(poll, &relations))
            .collect(),
        longest_polls_unchanged: false,
        wait_chains,
        wait_chains_in_all,
        known_chains: Vec::new(),
        waits_left_off: waits.map_or(0, |waits| waits.left_off),
    }
}

/// One task, in detail.
pub(crate) fn task_details(detail: &TaskDetail) -> v1::Task {
    let mut task = task(&detail.task, &Relations::of_detail(detail));
    if let Some(children) = &mut task.children {
        children.first = detail.children.iter().map(relations::child).collect();
    }
    task
}

/// What Describe says of a runtime.
pub(crate) fn runtime_info(snapshot: &Snapshot) -> v1::RuntimeInfo {
    v1::RuntimeInfo {
        id: snapshot.runtime_id,
        name: clip(&snapshot.name),
        flavor: flavor(snapshot.flavor).into(),
        workers: snapshot.workers.len() as u32,
        ended: snapshot.ended,
    }
}

/// Shortens the updates until they fit into one message together: rows first, then chains,
/// resources and spawn sites, then the workers' histograms, then findings, then workers. Counts such as
/// `matching_tasks` stay.
pub(crate) fn fit(updates: &mut [v1::RuntimeUpdate]) {
    fit_into(updates, MAX_VIEW_BYTES);
}

fn fit_into(updates: &mut [v1::RuntimeUpdate], max_bytes: usize) {
    while updates.iter().map(Message::encoded_len).sum::<usize>() > max_bytes {
        let Some(largest) = updates.iter_mut().max_by_key(|u| u.encoded_len()) else {
            return;
        };
        if !largest.tasks.is_empty() {
            largest.tasks.truncate(largest.tasks.len() / 2);
            largest.rows.truncate(largest.tasks.len());
        } else if !largest.wait_chains.is_empty() {
            largest.wait_chains.truncate(largest.wait_chains.len() / 2);
        } else if !largest.resources.is_empty() {
            largest.resources.truncate(largest.resources.len() / 2);
        } else if !largest.spawn_sites.is_empty() {
            largest.spawn_sites.truncate(largest.spawn_sites.len() / 2);
        } else if largest.workers.iter().any(|w| w.poll_time.is_some()) {
            for worker in &mut largest.workers {
                worker.poll_time = None;
                worker.wake_to_poll = None;
                worker.unpark_latency = None;
            }
        } else if !largest.findings.is_empty() {
            // The worst come first.
            largest.findings.truncate(largest.findings.len() / 2);
        } else if !largest.workers.is_empty() {
            largest.workers.truncate(largest.workers.len() / 2);
        } else {
            return;
        }
    }
}

fn flavor(flavor: RuntimeFlavor) -> v1::Flavor {
    match flavor {
        RuntimeFlavor::MultiThread => v1::Flavor::MultiThread,
        RuntimeFlavor::CurrentThread => v1::Flavor::CurrentThread,
        #[allow(unreachable_patterns, reason = "the enum is non-exhaustive")]
        _ => v1::Flavor::Unspecified,
    }
}

fn worker(w: &WorkerSnapshot) -> v1::Worker {
    let state = match w.state {
        WorkerState::Busy => v1::WorkerState::Busy,
        WorkerState::Searching => v1::WorkerState::Searching,
        WorkerState::Parked => v1::WorkerState::Parked,
        WorkerState::Detached => v1::WorkerState::Detached,
        _ => v1::WorkerState::Unspecified,
    };
    v1::Worker {
        index: w.index.into(),
        state: state.into(),
        state_since_ns: w.state_since_ns,
        polls: w.polls,
        busy_ns: w.busy_ns,
        searching_ns: w.searching_ns,
        parked_ns: w.parked_ns,
        detached_ns: w.detached_ns,
        parks: w.parks,
        unparks: w.unparks,
        noop_unparks: w.noop_unparks,
        steal_attempts: w.steal_attempts,
        steals: w.steals,
        stolen_tasks: w.stolen_tasks,
        stolen_from: w.stolen_from.clone(),
        lifo_hits: w.lifo_hits,
        injector_takes: w.injector_takes,
        overflows: w.overflows,
        local_spawns: w.local_spawns,
        local_wakes: w.local_wakes,
        remote_wakes: w.remote_wakes,
        budget_yields: w.budget_yields,
        queue_depth: w.queue_depth,
        queue_depth_max: w.queue_depth_max,
        poll_time: Some(histogram(&w.poll_time)),
        wake_to_poll: Some(histogram(&w.wake_to_poll)),
        current_task: w.current_task.map_or(0, |t| t.id),
        current_task_since_ns: w.current_task.map_or(0, |t| t.since_ns),
        spills: w.spills,
        lifo_lag: Some(lag(w.lags.lifo)),
        injector_lag: Some(lag(w.lags.injector)),
        queue_lag: Some(lag(w.lags.queue)),
        unpark_latency: Some(histogram(&w.unpark_latency)),
    }
}

fn lag(lag: Lag) -> v1::Lag {
    v1::Lag {
        count: lag.count,
        total_ns: lag.total_ns,
    }
}

pub(crate) fn histogram(h: &HistogramSnapshot) -> v1::Histogram {
    v1::Histogram {
        count: h.count,
        sum_ns: h.sum_ns,
        max_ns: h.max_ns,
        upper_bounds_ns: h.buckets.iter().map(|&(upper, _)| upper).collect(),
        counts: h.buckets.iter().map(|&(_, n)| n).collect(),
        changes_only: false,
    }
}

pub(crate) fn location(location: &Location<'_>) -> v1::Location {
    v1::Location {
        file: clip_start(location.file()),
        line: location.line(),
        column: location.column(),
    }
}

pub(crate) fn task_kind(kind: TaskKind) -> v1::TaskKind {
    match kind {
        TaskKind::Task => v1::TaskKind::Task,
        TaskKind::Local => v1::TaskKind::Local,
        TaskKind::Blocking => v1::TaskKind::Blocking,
        TaskKind::BlockOn => v1::TaskKind::BlockOn,
        _ => v1::TaskKind::Unspecified,
    }
}

/// The busiest sites, by location, and one that sums up the others so that the books stay closed.
fn spawn_sites(sites: &[SpawnSiteSnapshot]) -> Vec<v1::SpawnSite> {
    let mut sites: Vec<_> = sites.iter().collect();
    if sites.len() <= MAX_SPAWN_SITES {
        return sites.into_iter().map(spawn_site).collect();
    }
    sites.sort_unstable_by_key(|s| std::cmp::Reverse((s.busy_ns, s.polls, s.spawned)));
    let (shown, others) = sites.split_at(MAX_SPAWN_SITES);
    let mut rest = v1::SpawnSite {
        location: Some(v1::Location {
            file: OTHER_SITES.to_owned(),
            line: 0,
            column: 0,
        }),
        ..Default::default()
    };
    let mut poll_time = HistogramSnapshot::default();
    let mut wake_to_poll = HistogramSnapshot::default();
    for site in others {
        rest.spawned += site.spawned;
        rest.alive += site.alive;
        rest.polls += site.polls;
        rest.busy_ns += site.busy_ns;
        rest.scheduled_ns += site.scheduled_ns;
        rest.panicked += site.panicked;
        rest.cancelled += site.cancelled;
        rest.long_polls += site.long_polls;
        rest.delayed_others_ns += site.delayed_others_ns;
        rest.longest_poll_ns = rest.longest_poll_ns.max(site.longest_poll_ns);
        rest.future_bytes = rest.future_bytes.max(site.future_bytes);
        poll_time.merge(&site.poll_time);
        wake_to_poll.merge(&site.wake_to_poll);
    }
    rest.poll_time = Some(histogram(&poll_time));
    rest.wake_to_poll = Some(histogram(&wake_to_poll));
    shown.iter().map(|s| spawn_site(s)).chain([rest]).collect()
}

fn spawn_site(s: &SpawnSiteSnapshot) -> v1::SpawnSite {
    v1::SpawnSite {
        location: Some(location(s.location)),
        spawned: s.spawned,
        alive: s.alive,
        polls: s.polls,
        busy_ns: s.busy_ns,
        scheduled_ns: s.scheduled_ns,
        panicked: s.panicked,
        cancelled: s.cancelled,
        poll_time: some_histogram(&s.poll_time),
        wake_to_poll: some_histogram(&s.wake_to_poll),
        longest_poll_ns: s.longest_poll_ns,
        longest_poll_at_ns: s.longest_poll_end.map_or(0, |(at_ns, _)| at_ns),
        longest_poll_task: s.longest_poll_end.map_or(0, |(_, task)| task),
        long_polls: s.long_polls,
        delayed_others_ns: s.delayed_others_ns,
        future_bytes: s.future_bytes,
    }
}

/// A histogram, unless it is empty.
fn some_histogram(h: &HistogramSnapshot) -> Option<v1::Histogram> {
    (h.count > 0).then(|| histogram(h))
}

fn longest_poll(poll: &LongestPoll, relations: &Relations) -> v1::LongestPoll {
    v1::LongestPoll {
        worker: poll.worker.into(),
        task: poll.task,
        task_name: relations.name(poll.task),
        location: Some(location(poll.location)),
        duration_ns: poll.duration_ns,
        ended_at_ns: poll.ended_at_ns,
    }
}

fn task_state(state: TaskState) -> v1::TaskState {
    match state {
        TaskState::Busy => v1::TaskState::Busy,
        TaskState::Scheduled => v1::TaskState::Scheduled,
        TaskState::Idle => v1::TaskState::Idle,
        TaskState::Done => v1::TaskState::Done,
        _ => v1::TaskState::Unspecified,
    }
}

/// One task, without what others know of it.
pub(crate) fn task_alone(task: &TaskSnapshot) -> v1::Task {
    self::task(task, &Relations::default())
}

fn task(t: &TaskSnapshot, relations: &Relations) -> v1::Task {
    let kind = task_kind(t.kind);
    v1::Task {
        id: t.id,
        name: t.name.as_deref().map(clip).unwrap_or_default(),
        kind: kind.into(),
        state: task_state(t.state).into(),
        location: Some(location(t.location)),
        parent: t.parent.unwrap_or(0),
        worker_plus_one: t.worker.map_or(0, |w| u32::from(w) + 1),
        created_at_ns: t.created_at_ns,
        state_since_ns: t.state_since_ns,
        polls: t.polls,
        busy_ns: t.busy_ns,
        scheduled_ns: t.scheduled_ns,
        idle_ns: t.idle_ns,
        longest_poll_ns: t.longest_poll_ns,
        wakes: t.wakes,
        self_wakes: t.self_wakes,
        waker_clones: t.waker_clones,
        waker_drops: t.waker_drops,
        last_wake_ns: t.last_wake_ns.unwrap_or(0),
        waits: t.waits.iter().take(MAX_WAITS).map(wait).collect(),
        last_waker: t.last_waker.as_ref().map(|w| relations.last_waker(w)),
        children: relations.children(t.id),
        future_bytes: t.future_bytes.unwrap_or(0),
        longest_poll_at_ns: t.longest_poll_at_ns.unwrap_or(0),
        fields: tracing_layer::fields_of(t.id),
        same_fields: false,
    }
}

fn wait(w: &Wait) -> v1::Wait {
    v1::Wait {
        kind: clip(w.kind),
        operation: clip(w.operation),
        resource: w.resource,
        location: w.location.map(location),
        since_ns: w.since_ns,
        current: w.current,
        holder: w.holder.unwrap_or(0),
        holder_is_exact: w.holder_is_exact,
        held_at: w.held_at.map(location),
        created_at: w.created_at.map(location),
        capacity: w.capacity,
    }
}

fn long_poll(p: &LongPoll) -> v1::LongPoll {
    v1::LongPoll {
        worker: p.worker.into(),
        task: p.task_id,
        task_name: p.task_name.as_deref().map(clip).unwrap_or_default(),
        location: p.spawned_at.map(location),
        began_at_ns: p.began_at_ns,
        ended_at_ns: p.ended_at_ns.unwrap_or(0),
        sampled_at_ns: p.stack.taken_at_ns,
        thread_id: p.stack.thread_id,
        thread_state: p.stack.thread_state.to_owned(),
        frames: p.stack.frames.iter().take(MAX_FRAMES).map(frame).collect(),
        error: clip(&p.stack.error),
    }
}

/// A stack of a task's, with the innermost of its frames.
pub(crate) fn backtrace_stack(frames: &[Frame]) -> v1::BacktraceStack {
    v1::BacktraceStack {
        frames: frames.iter().take(MAX_FRAMES).map(frame).collect(),
    }
}

fn frame(f: &Frame) -> v1::Frame {
    v1::Frame {
        function: clip(&f.function),
        location: (f.line != 0).then(|| v1::Location {
            file: clip_start(&f.file),
            line: f.line,
            column: f.column,
        }),
    }
}

fn finding(f: &Finding) -> v1::Finding {
    let severity = match f.severity {
        Severity::Info => v1::FindingSeverity::Info,
        Severity::Warning => v1::FindingSeverity::Warning,
        Severity::Critical => v1::FindingSeverity::Critical,
    };
    v1::Finding {
        kind: f.kind.to_owned(),
        severity: severity.into(),
        summary: clip(&f.summary),
        locations: f.locations.iter().take(MAX_PLACES).map(place).collect(),
        task: f.task.as_ref().map(|task| v1::FindingTask {
            id: task.id,
            name: task.name.as_deref().map(clip).unwrap_or_default(),
            location: task.spawned_at.map(location),
        }),
        resource: f.resource.map(|resource| v1::FindingResource {
            kind: resource.kind.to_owned(),
            id: resource.id,
        }),
        worker_plus_one: f.worker.map_or(0, |w| u32::from(w) + 1),
        since_ns: f.since_ns,
        evidence: f.evidence.iter().take(MAX_EVIDENCE).map(evidence).collect(),
        hint: f.hint.to_owned(),
        id: f.id(),
    }
}

fn place(p: &Place) -> v1::Location {
    v1::Location {
        file: clip_start(&p.file),
        line: p.line,
        column: p.column,
    }
}

fn evidence((name, value): &(&'static str, Value)) -> v1::Evidence {
    use v1::evidence::Value as Wire;

    v1::Evidence {
        name: (*name).to_owned(),
        value: Some(match value {
            Value::Number(number) => Wire::Number(*number),
            Value::Text(text) => Wire::Text(clip(text)),
        }),
    }
}

fn blocking(b: &BlockingSnapshot) -> v1::Blocking {
    v1::Blocking {
        threads: b.threads,
        idle_threads: b.idle_threads,
        max_threads: b.max_threads,
        queue_depth: b.queue_depth,
        completed: b.completed,
        busy_ns: b.busy_ns,
        queue_time: Some(histogram(&b.queue_time)),
        run_time: Some(histogram(&b.run_time)),
    }
}

fn driver(d: &DriverSnapshot) -> v1::Driver {
    v1::Driver {
        sources: d.sources,
        polls: d.polls,
        events: d.events,
        turn_time: Some(histogram(&d.turn_time)),
    }
}

fn timers(t: &TimersSnapshot) -> v1::Timers {
    v1::Timers {
        armed: t.armed,
        fired: t.fired,
        cancelled: t.cancelled,
        lateness: Some(histogram(&t.lateness)),
    }
}

/// The first characters of a text; `…` in place of what is cut off.
pub(crate) fn clip(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT_CHARS) {
        None => text.to_owned(),
        Some(_) => text.chars().take(MAX_TEXT_CHARS - 1).chain(['…']).collect(),
    }
}

/// The last characters of a path: its end says more than its beginning.
pub(crate) fn clip_start(path: &str) -> String {
    let chars = path.chars().count();
    if chars <= MAX_TEXT_CHARS {
        return path.to_owned();
    }
    ['…']
        .into_iter()
        .chain(path.chars().skip(chars - (MAX_TEXT_CHARS - 1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zokio::telemetry::CurrentTask;

    fn here() -> &'static Location<'static> {
        Location::caller()
    }

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::empty("main", RuntimeFlavor::MultiThread);
        let mut worker = WorkerSnapshot::empty(3);
        worker.state = WorkerState::Busy;
        worker.stolen_from = vec![0, 7];
        worker.poll_time = HistogramSnapshot::from_parts(90, 60, vec![(36, 1), (64, 1)]);
        worker.current_task = Some(CurrentTask::new(8, 99));
        snapshot.workers.push(worker);
        let mut task = TaskSnapshot::empty(8, here());
        task.worker = Some(0);
        task.waits = vec![Wait::new("mutex", "lock", Some(here()))];
        snapshot.tasks.push(task);
        snapshot
    }

    fn whole(snapshot: &Snapshot) -> v1::RuntimeUpdate {
        let tasks = Tasks {
            rows: &snapshot.tasks,
            matching: snapshot.tasks.len(),
            spawn_sites: &snapshot.spawn_sites,
            ..Tasks::default()
        };
        runtime(snapshot, tasks, &[], &[])
    }

    #[test]
    fn in_a_runtime_that_has_ended_there_are_no_chains_and_while_it_lives_it_is_not_known() {
        let told = |snapshot: &Snapshot| {
            let tasks = Tasks {
                chains: Chains::Counted,
                ..Tasks::default()
            };
            runtime(snapshot, tasks, &[], &[]).wait_chains_in_all
        };
        let mut snapshot = snapshot();
        assert_eq!(told(&snapshot), None);
        snapshot.ended = true;
        assert_eq!(told(&snapshot), Some(0));
    }

    #[test]
    fn every_part_of_a_snapshot_arrives() {
        let update = whole(&snapshot());
        assert_eq!(update.flavor(), v1::Flavor::MultiThread);
        let worker = &update.workers[0];
        assert_eq!((worker.index, worker.state()), (3, v1::WorkerState::Busy));
        assert_eq!((worker.current_task, worker.current_task_since_ns), (8, 99));
        assert_eq!(worker.stolen_from, [0, 7]);
        let times = worker.poll_time.as_ref().unwrap();
        assert_eq!(
            (times.count, times.sum_ns, times.quantile_ns(0.5)),
            (2, 90, 35)
        );
        let task = &update.tasks[0];
        assert_eq!(
            (task.worker(), task.parent, task.last_wake_ns),
            (Some(0), 0, 0)
        );
        assert!(task.waits[0].to_string().starts_with("mutex.lock at "));
        assert_eq!(
            (update.rows, update.matching_tasks, update.full),
            (vec![8], 1, true)
        );
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        assert_eq!(clip("short"), "short");
        assert_eq!(clip(&"ä".repeat(256)), "ä".repeat(256));
        let cut = clip(&"ä".repeat(257));
        assert_eq!((cut.chars().count(), cut.ends_with("ä…")), (256, true));
        let cut = clip_start(&format!("{}/src/main.rs", "d".repeat(300)));
        assert!(cut.starts_with("…d") && cut.ends_with("/src/main.rs"));
        assert_eq!(cut.chars().count(), 256);
    }

    #[test]
    fn sites_beyond_the_most_are_summed_up() {
        let sites: Vec<_> = (0..MAX_SPAWN_SITES as u64 + 10)
            .map(|i| {
                let mut site = SpawnSiteSnapshot::empty(here());
                (site.busy_ns, site.polls) = (i, 1);
                site
            })
            .collect();
        let sent = spawn_sites(&sites);
        assert_eq!(sent.len(), MAX_SPAWN_SITES + 1);
        assert_eq!(
            sent.iter().map(|s| s.polls).sum::<u64>(),
            sites.len() as u64
        );
        assert_eq!(sent[0].busy_ns, MAX_SPAWN_SITES as u64 + 9);
        let rest = sent.last().unwrap();
        assert_eq!((rest.polls, rest.busy_ns), (10, 45));
        assert_eq!(rest.location.as_ref().unwrap().file, "(other)");
    }

    #[test]
    fn a_view_too_large_loses_rows_first_and_always_fits() {
        let mut large = snapshot();
        large.tasks = (1..=1_000)
            .map(|id| {
                let mut task = TaskSnapshot::empty(id, here());
                task.name = Some("n".repeat(400).into());
                task
            })
            .collect();
        let all = whole(&large);
        let mut updates = vec![all.clone(), whole(&snapshot())];
        fit_into(&mut updates, 100_000);
        assert!(updates.iter().map(Message::encoded_len).sum::<usize>() <= 100_000);
        assert!((1..1_000).contains(&updates[0].tasks.len()));
        assert_eq!(updates[0].rows.len(), updates[0].tasks.len());
        assert_eq!(updates[0].matching_tasks, 1_000);
        assert_eq!(updates[0].workers, all.workers);
        assert_eq!(updates[1].tasks.len(), 1);
        fit_into(&mut updates, 0);
        assert!(
            updates
                .iter()
                .all(|u| u.workers.is_empty() && u.spawn_sites.is_empty())
        );
    }
}

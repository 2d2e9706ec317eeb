//! The one place where what a server sent becomes what the console believes.
//!
//! Everything from the wire is hostile until it has been through here: texts lose control
//! characters, marks that turn the direction of writing, invisible characters and towers of
//! combining marks, and are cut to a bounded length; lists are cut to a bounded number of entries;
//! unknown enum values become "unknown". Numbers pass as they are: the state computes on them
//! with saturating arithmetic.

pub(crate) mod lanes;
pub(crate) mod trace;

use unicode_width::UnicodeWidthChar;
use zokio_console_proto::v1;

use crate::state::backtrace::Backtrace;
use crate::state::{findings, model};

mod chains;
mod resources;

const MAX_NAME: usize = 256;
const MAX_PATH: usize = 1_024;
const MAX_MESSAGE: usize = 400;
const MAX_RUNTIMES: usize = 256;
const MAX_WORKERS: usize = 1_024;
const MAX_SPAWN_SITES: usize = 10_000;
/// Rows of tasks accepted in one update.
const MAX_ROWS: usize = 20_000;
const MAX_WAITS: usize = 256;
/// Of a runtime. The frames of those of the update before are kept, too.
const MAX_LONG_POLLS: usize = 64;
const MAX_FRAMES: usize = 128;
const MAX_STACKS: usize = 256;
const MAX_RESOURCES: usize = 1_000;
const MAX_WAITERS: usize = 256;
const MAX_LONGEST_POLLS: usize = 64;
const MAX_CHILDREN: usize = 64;
const MAX_FINDINGS: usize = 256;
const MAX_PLACES: usize = 64;
const MAX_EVIDENCE: usize = 64;
const MAX_EVENTS: usize = 64;
const MAX_FIELDS: usize = 64;
const MAX_BUCKETS: usize = 1_024;
/// Combining marks on one character.
const MAX_MARKS: usize = 2;
const REPLACEMENT: char = '\u{fffd}';

/// A text of at most `max` characters that a terminal shows as what it is.
fn text(raw: &str, max: usize) -> String {
    let mut out = String::with_capacity(raw.len().min(max));
    let mut marks = 0;
    let mut taken = 0;
    for c in raw.chars() {
        let c = if is_unsafe(c) { REPLACEMENT } else { c };
        if c.width() == Some(0) {
            marks += 1;
            if marks > MAX_MARKS || out.is_empty() {
                continue;
            }
        } else {
            marks = 0;
        }
        if taken == max {
            out.push('…');
            break;
        }
        out.push(c);
        taken += 1;
    }
    out
}

/// Whether a character could move the cursor, turn the direction of writing, or hide.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{e000}'..='\u{f8ff}')
}

/// A message of the server or of a library, to be shown in one line.
pub(crate) fn message(raw: &str) -> String {
    text(raw, MAX_MESSAGE)
}

pub(crate) fn server(raw: &v1::DescribeResponse) -> model::Server {
    model::Server {
        major: raw.major,
        minor: raw.minor,
        server_version: text(&raw.server_version, MAX_NAME),
        runtime_version: text(&raw.runtime_version, MAX_NAME),
        process_id: raw.process_id,
        process_name: text(&raw.process_name, MAX_NAME),
        anchor_unix_ns: raw.anchor_unix_ns,
        anchor_clock_ns: raw.anchor_clock_ns,
        publish_interval_ns: raw.publish_interval_ns,
    }
}

pub(crate) fn update(raw: v1::Update) -> model::Update {
    let cost = raw.telemetry.unwrap_or_default();
    let finite = |n: f64| if n.is_finite() && n >= 0.0 { n } else { 0.0 };
    model::Update {
        sequence: raw.sequence,
        taken_at_ns: raw.taken_at_ns,
        runtimes: raw
            .runtimes
            .into_iter()
            .take(MAX_RUNTIMES)
            .map(runtime)
            .collect(),
        cost: model::Cost {
            enabled: cost.enabled,
            poll_overhead_ns: finite(cost.poll_overhead_ns),
            clock_read_ns: finite(cost.clock_read_ns),
            record_bytes: cost.record_bytes,
            bytes_sent: cost.bytes_sent,
            clients: cost.clients,
            sample_ns: cost.sample_ns,
            unattributed_events: cost.unattributed_events,
        },
        skipped: raw.skipped,
    }
}

fn runtime(raw: v1::RuntimeUpdate) -> model::RuntimeUpdate {
    let flavor = match raw.flavor() {
        v1::Flavor::MultiThread => model::Flavor::MultiThread,
        v1::Flavor::CurrentThread => model::Flavor::CurrentThread,
        v1::Flavor::Unspecified => model::Flavor::Unknown,
    };
    let blocking = raw.blocking.unwrap_or_default();
    let driver = raw.driver.unwrap_or_default();
    let timers = raw.timers.unwrap_or_default();
    let name = match text(&raw.name, MAX_NAME) {
        name if name.is_empty() => format!("runtime {}", raw.id),
        name => name,
    };
    model::RuntimeUpdate {
        summary: model::Summary {
            id: raw.id,
            name,
            flavor,
            ended: raw.ended,
            started_at_ns: raw.started_at_ns,
            taken_at_ns: raw.taken_at_ns,
            injector_depth: raw.injector_depth,
            alive_tasks: raw.alive_tasks,
            spawned_tasks: raw.spawned_tasks,
            completed_tasks: raw.completed_tasks,
            panicked_tasks: raw.panicked_tasks,
            cancelled_tasks: raw.cancelled_tasks,
            blocking: model::Blocking {
                threads: blocking.threads,
                idle_threads: blocking.idle_threads,
                max_threads: blocking.max_threads,
                queue_depth: blocking.queue_depth,
                completed: blocking.completed,
                busy_ns: blocking.busy_ns,
                queue_time: histogram(blocking.queue_time),
                run_time: histogram(blocking.run_time),
            },
            driver: model::Driver {
                sources: driver.sources,
                polls: driver.polls,
                events: driver.events,
                turn_time: histogram(driver.turn_time),
            },
            timers: model::Timers {
                armed: timers.armed,
                fired: timers.fired,
                cancelled: timers.cancelled,
                lateness: histogram(timers.lateness),
            },
        },
        workers: raw
            .workers
            .into_iter()
            .take(MAX_WORKERS)
            .map(worker)
            .collect(),
        spawn_sites: raw
            .spawn_sites
            .into_iter()
            .take(MAX_SPAWN_SITES)
            .map(spawn_site)
            .collect(),
        rows: raw.rows.into_iter().take(MAX_ROWS).collect(),
        tasks: raw.tasks.into_iter().take(MAX_ROWS).map(task).collect(),
        matching_tasks: raw.matching_tasks,
        full: raw.full,
        long_polls: raw
            .long_polls
            .into_iter()
            .take(MAX_LONG_POLLS)
            .map(long_poll)
            .collect(),
        resources: raw
            .resources
            .into_iter()
            .take(MAX_RESOURCES)
            .map(resources::resource)
            .collect(),
        waited_resources: raw.waited_resources,
        findings: raw
            .findings
            .into_iter()
            .take(MAX_FINDINGS)
            .map(finding)
            .collect(),
        findings_unchanged: raw.findings_unchanged,
        longest_polls: raw
            .longest_polls
            .into_iter()
            .take(MAX_LONGEST_POLLS)
            .map(longest_poll)
            .collect(),
        longest_polls_unchanged: raw.longest_polls_unchanged,
        wait_chains: raw
            .wait_chains
            .into_iter()
            .take(chains::MAX_CHAINS)
            .map(chains::chain)
            .collect(),
        wait_chains_in_all: raw.wait_chains_in_all,
        known_chains: raw
            .known_chains
            .into_iter()
            .take(chains::MAX_CHAINS)
            .collect(),
        waits_left_off: raw.waits_left_off,
    }
}

fn longest_poll(raw: v1::LongestPoll) -> model::LongestPoll {
    model::LongestPoll {
        worker: raw.worker,
        task: raw.task,
        task_name: text(&raw.task_name, MAX_NAME),
        location: location(raw.location),
        duration_ns: raw.duration_ns,
        ended_at_ns: raw.ended_at_ns,
    }
}

fn last_waker(raw: v1::LastWaker) -> model::LastWaker {
    let kind = match raw.kind() {
        v1::WakerKind::Task => model::WakerKind::Task,
        v1::WakerKind::Driver => model::WakerKind::Driver,
        v1::WakerKind::Timer => model::WakerKind::Timer,
        v1::WakerKind::Thread => model::WakerKind::Thread,
        v1::WakerKind::DuringPoll => model::WakerKind::DuringPoll,
        v1::WakerKind::Unspecified => model::WakerKind::Unknown,
    };
    model::LastWaker {
        kind,
        task: (raw.task != 0).then_some(raw.task),
        task_name: text(&raw.task_name, MAX_NAME),
        worker: raw.worker_plus_one.checked_sub(1),
    }
}

fn children(raw: v1::Children) -> model::Children {
    model::Children {
        count: raw.count,
        first: raw
            .first
            .into_iter()
            .take(MAX_CHILDREN)
            .map(child)
            .collect(),
    }
}

fn child(raw: v1::Child) -> model::Child {
    model::Child {
        id: raw.id,
        name: text(&raw.name, MAX_NAME),
        state: task_state(raw.state()),
        location: location(raw.location),
    }
}

fn lag(raw: Option<v1::Lag>) -> model::Lag {
    let raw = raw.unwrap_or_default();
    model::Lag {
        count: raw.count,
        total_ns: raw.total_ns,
    }
}

fn finding(raw: v1::Finding) -> findings::Finding {
    let severity = match raw.severity() {
        v1::FindingSeverity::Info => findings::Severity::Info,
        v1::FindingSeverity::Warning => findings::Severity::Warning,
        v1::FindingSeverity::Critical => findings::Severity::Critical,
        v1::FindingSeverity::Unspecified => findings::Severity::Unknown,
    };
    let place = |raw| location(Some(raw));
    findings::Finding {
        id: raw.id,
        kind: text(&raw.kind, MAX_NAME),
        severity,
        summary: text(&raw.summary, MAX_MESSAGE),
        locations: raw
            .locations
            .into_iter()
            .take(MAX_PLACES)
            .map(place)
            .collect(),
        task: raw.task.map(|task| findings::Culprit {
            id: task.id,
            name: text(&task.name, MAX_NAME),
            location: task.location.map(place),
        }),
        resource: raw.resource.map(|resource| findings::Resource {
            kind: text(&resource.kind, MAX_NAME),
            id: resource.id,
        }),
        worker: raw.worker_plus_one.checked_sub(1),
        since_ns: raw.since_ns,
        evidence: raw
            .evidence
            .into_iter()
            .take(MAX_EVIDENCE)
            .filter_map(evidence)
            .collect(),
        hint: message(&raw.hint),
    }
}

/// None: a name without a value, or one of a kind that is not known, proves nothing.
fn evidence(raw: v1::Evidence) -> Option<(String, findings::Value)> {
    let value = match raw.value? {
        v1::evidence::Value::Number(number) => findings::Value::Number(number),
        v1::evidence::Value::Text(raw) => findings::Value::Text(message(&raw)),
    };
    Some((text(&raw.name, MAX_NAME), value))
}

fn long_poll(raw: v1::LongPoll) -> model::LongPoll {
    model::LongPoll {
        worker: raw.worker,
        task: raw.task,
        task_name: text(&raw.task_name, MAX_NAME),
        location: location(raw.location),
        began_at_ns: raw.began_at_ns,
        ended_at_ns: (raw.ended_at_ns != 0).then_some(raw.ended_at_ns),
        sampled_at_ns: raw.sampled_at_ns,
        thread_id: raw.thread_id,
        thread_state: text(&raw.thread_state, MAX_NAME),
        frames: raw.frames.into_iter().take(MAX_FRAMES).map(frame).collect(),
        error: message(&raw.error),
    }
}

fn frame(raw: v1::Frame) -> model::Frame {
    model::Frame {
        function: text(&raw.function, MAX_NAME),
        location: raw.location.map(|at| location(Some(at))),
    }
}

/// Where a task waits, or what a worker executes.
pub(crate) fn backtrace(raw: v1::TaskBacktrace) -> Backtrace {
    let (kind, state) = (raw.kind(), raw.state());
    let stack = |stack: v1::BacktraceStack| {
        let frames = stack.frames.into_iter().take(MAX_FRAMES);
        frames.map(frame).collect()
    };
    Backtrace {
        runtime_id: raw.runtime_id,
        task: raw.task_id,
        name: text(&raw.task_name, MAX_NAME),
        location: location(raw.location),
        kind: task_kind(kind),
        state: task_state(state),
        stacks: raw.stacks.into_iter().take(MAX_STACKS).map(stack).collect(),
        stacks_left_off: raw.stacks_left_off,
        error: message(&raw.error),
        waits: raw.waits.into_iter().take(MAX_WAITS).map(wait).collect(),
        worker: raw.worker_plus_one.checked_sub(1),
        thread_state: text(&raw.thread_state, MAX_NAME),
        remaining: raw.remaining,
    }
}

fn worker(raw: v1::Worker) -> model::Worker {
    let state = match raw.state() {
        v1::WorkerState::Busy => model::WorkerState::Busy,
        v1::WorkerState::Searching => model::WorkerState::Searching,
        v1::WorkerState::Parked => model::WorkerState::Parked,
        v1::WorkerState::Detached => model::WorkerState::Detached,
        v1::WorkerState::Unspecified => model::WorkerState::Unknown,
    };
    model::Worker {
        index: raw.index,
        state,
        state_since_ns: raw.state_since_ns,
        polls: raw.polls,
        busy_ns: raw.busy_ns,
        searching_ns: raw.searching_ns,
        parked_ns: raw.parked_ns,
        detached_ns: raw.detached_ns,
        parks: raw.parks,
        unparks: raw.unparks,
        noop_unparks: raw.noop_unparks,
        steal_attempts: raw.steal_attempts,
        steals: raw.steals,
        stolen_tasks: raw.stolen_tasks,
        stolen_from: raw.stolen_from.into_iter().take(MAX_WORKERS).collect(),
        lifo_hits: raw.lifo_hits,
        injector_takes: raw.injector_takes,
        overflows: raw.overflows,
        local_spawns: raw.local_spawns,
        local_wakes: raw.local_wakes,
        remote_wakes: raw.remote_wakes,
        budget_yields: raw.budget_yields,
        queue_depth: raw.queue_depth,
        queue_depth_max: raw.queue_depth_max,
        poll_time: histogram(raw.poll_time),
        wake_to_poll: histogram(raw.wake_to_poll),
        current_task: (raw.current_task != 0)
            .then_some((raw.current_task, raw.current_task_since_ns)),
        spills: raw.spills,
        lags: model::Lags {
            lifo: lag(raw.lifo_lag),
            injector: lag(raw.injector_lag),
            queue: lag(raw.queue_lag),
        },
        unpark_latency: histogram(raw.unpark_latency),
    }
}

fn histogram(raw: Option<v1::Histogram>) -> model::Histogram {
    let Some(raw) = raw else {
        return model::Histogram::default();
    };
    let mut buckets: Vec<(u64, u64)> = raw
        .upper_bounds_ns
        .into_iter()
        .zip(raw.counts)
        .filter(|(_, n)| *n > 0)
        .take(MAX_BUCKETS)
        .collect();
    buckets.sort_unstable_by_key(|(upper_ns, _)| *upper_ns);
    buckets.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
    model::Histogram {
        count: raw.count,
        sum_ns: raw.sum_ns,
        max_ns: raw.max_ns,
        buckets,
    }
}

fn location(raw: Option<v1::Location>) -> model::Location {
    let raw = raw.unwrap_or_default();
    model::Location {
        file: text(&raw.file, MAX_PATH),
        line: raw.line,
        column: raw.column,
    }
}

fn spawn_site(raw: v1::SpawnSite) -> model::SpawnSite {
    model::SpawnSite {
        location: location(raw.location),
        spawned: raw.spawned,
        alive: raw.alive,
        polls: raw.polls,
        busy_ns: raw.busy_ns,
        scheduled_ns: raw.scheduled_ns,
        panicked: raw.panicked,
        cancelled: raw.cancelled,
        poll_time: histogram(raw.poll_time),
        wake_to_poll: histogram(raw.wake_to_poll),
        longest_poll_ns: raw.longest_poll_ns,
        longest_poll_end: (raw.longest_poll_task != 0)
            .then_some((raw.longest_poll_at_ns, raw.longest_poll_task)),
        long_polls: raw.long_polls,
        delayed_others_ns: raw.delayed_others_ns,
        future_bytes: raw.future_bytes,
    }
}

fn task_state(raw: v1::TaskState) -> model::TaskState {
    match raw {
        v1::TaskState::Busy => model::TaskState::Busy,
        v1::TaskState::Scheduled => model::TaskState::Scheduled,
        v1::TaskState::Idle => model::TaskState::Idle,
        v1::TaskState::Done => model::TaskState::Done,
        v1::TaskState::Unspecified => model::TaskState::Unknown,
    }
}

fn task_kind(raw: v1::TaskKind) -> model::TaskKind {
    match raw {
        v1::TaskKind::Task => model::TaskKind::Task,
        v1::TaskKind::Local => model::TaskKind::Local,
        v1::TaskKind::Blocking => model::TaskKind::Blocking,
        v1::TaskKind::BlockOn => model::TaskKind::BlockOn,
        v1::TaskKind::Unspecified => model::TaskKind::Unknown,
    }
}

fn task(raw: v1::Task) -> model::Task {
    let (kind, state) = (task_kind(raw.kind()), task_state(raw.state()));
    model::Task {
        id: raw.id,
        name: text(&raw.name, MAX_NAME),
        kind,
        state,
        location: location(raw.location),
        parent: (raw.parent != 0).then_some(raw.parent),
        worker: raw.worker_plus_one.checked_sub(1),
        created_at_ns: raw.created_at_ns,
        state_since_ns: raw.state_since_ns,
        polls: raw.polls,
        busy_ns: raw.busy_ns,
        scheduled_ns: raw.scheduled_ns,
        idle_ns: raw.idle_ns,
        longest_poll_ns: raw.longest_poll_ns,
        wakes: raw.wakes,
        self_wakes: raw.self_wakes,
        waker_clones: raw.waker_clones,
        waker_drops: raw.waker_drops,
        last_wake_ns: (raw.last_wake_ns != 0).then_some(raw.last_wake_ns),
        waits: raw.waits.into_iter().take(MAX_WAITS).map(wait).collect(),
        last_waker: raw.last_waker.map(last_waker),
        children: raw.children.map(children).unwrap_or_default(),
        future_bytes: (raw.future_bytes != 0).then_some(raw.future_bytes),
        longest_poll_at_ns: (raw.longest_poll_at_ns != 0).then_some(raw.longest_poll_at_ns),
        fields: fields(&raw.fields),
    }
}

fn wait(raw: v1::Wait) -> model::Wait {
    model::Wait {
        kind: text(&raw.kind, MAX_NAME),
        operation: text(&raw.operation, MAX_NAME),
        resource: raw.resource,
        location: raw.location.map(|raw| location(Some(raw))),
        since_ns: raw.since_ns,
        current: raw.current,
        holder: (raw.holder != 0).then_some(raw.holder),
    }
}

/// None: an answer without a task says nothing.
pub(crate) fn details(raw: v1::TaskDetailsResponse) -> Option<model::TaskDetails> {
    Some(model::TaskDetails {
        task: task(raw.task?),
        poll_time: raw.poll_time.map(|raw| histogram(Some(raw))),
        taken_at_ns: raw.taken_at_ns,
        events: raw.events.iter().take(MAX_EVENTS).map(event).collect(),
    })
}

fn event(raw: &v1::TaskEvent) -> model::TaskEvent {
    model::TaskEvent {
        at_ns: raw.at_ns,
        level: text(&raw.level, MAX_NAME),
        message: message(&raw.message),
        fields: fields(&raw.fields),
    }
}

fn fields(raw: &[v1::TaskField]) -> Vec<(String, String)> {
    let field = |raw: &v1::TaskField| (text(&raw.name, MAX_NAME), text(&raw.value, MAX_NAME));
    raw.iter().take(MAX_FIELDS).map(field).collect()
}

/// The query as the wire has it.
pub(crate) fn query(query: &model::Query) -> v1::TaskQuery {
    use model::SortKey;
    let sort = match query.sort {
        SortKey::Total => v1::TaskSort::Total,
        SortKey::Id => v1::TaskSort::Id,
        SortKey::State => v1::TaskSort::State,
        SortKey::Name => v1::TaskSort::Name,
        SortKey::Busy => v1::TaskSort::Busy,
        SortKey::Scheduled => v1::TaskSort::Scheduled,
        SortKey::Idle => v1::TaskSort::Idle,
        SortKey::Polls => v1::TaskSort::Polls,
        SortKey::Kind => v1::TaskSort::Kind,
        SortKey::Location => v1::TaskSort::Location,
        SortKey::WaitsFor => v1::TaskSort::WaitsFor,
        SortKey::Wakes => v1::TaskSort::Wakes,
        SortKey::Since => v1::TaskSort::Since,
        SortKey::Longest => v1::TaskSort::Longest,
        SortKey::Worker => v1::TaskSort::Worker,
        SortKey::Parent => v1::TaskSort::Parent,
    };
    v1::TaskQuery {
        sort: sort.into(),
        ascending: query.ascending,
        filter: query.filter.clone(),
        offset: query.offset,
        limit: query.limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_and_direction_marks_are_replaced() {
        assert_eq!(
            text("a\x1b[2Jb\nc\u{202e}d\u{200b}e", 100),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}e"
        );
        assert_eq!(text("héllo 日本 🦀", 100), "héllo 日本 🦀");
    }

    #[test]
    fn fields_of_tasks_are_neutralised_and_bounded() {
        let field = v1::TaskField {
            name: "us\x1b[2Jer\u{202e}".into(),
            value: "e\nve".repeat(1_000),
        };
        let raw = v1::Task {
            fields: vec![field; 1_000],
            ..Default::default()
        };
        let fields = task(raw).fields;
        assert_eq!(fields.len(), MAX_FIELDS);
        let (name, value) = &fields[0];
        assert_eq!(name, "us\u{fffd}[2Jer\u{fffd}");
        assert!(value.starts_with("e\u{fffd}vee\u{fffd}ve"));
        assert_eq!(value.chars().count(), MAX_NAME + 1);
    }

    #[test]
    fn towers_of_combining_marks_are_cut_down() {
        let tower = format!("z{}!", "\u{301}".repeat(500));
        assert_eq!(text(&tower, 100), "z\u{301}\u{301}!");
        assert_eq!(
            text("\u{301}x", 100),
            "x",
            "a mark with nothing to stand on is left out"
        );
    }

    #[test]
    fn a_megabyte_of_name_becomes_a_short_one() {
        let name = text(&"x".repeat(1 << 20), MAX_NAME);
        assert_eq!(name.chars().count(), MAX_NAME + 1);
        assert!(name.ends_with('…'));
    }

    #[test]
    fn a_histogram_out_of_order_or_uneven_is_put_right() {
        let raw = v1::Histogram {
            count: 9,
            upper_bounds_ns: vec![50, 10, 10, 70],
            counts: vec![1, u64::MAX, 3],
            ..Default::default()
        };
        assert_eq!(histogram(Some(raw)).buckets, [(10, u64::MAX), (50, 1)]);
    }

    #[test]
    fn lists_without_end_are_cut_off() {
        let raw = v1::Update {
            runtimes: vec![v1::RuntimeUpdate {
                workers: vec![v1::Worker::default(); 5_000],
                rows: vec![1; 100_000],
                ..Default::default()
            }],
            ..Default::default()
        };
        let runtime = &update(raw).runtimes[0];
        assert_eq!(runtime.workers.len(), MAX_WORKERS);
        assert_eq!(runtime.rows.len(), MAX_ROWS);
    }

    #[test]
    fn stacks_without_end_are_cut_off() {
        let frame = v1::Frame {
            function: "x".repeat(2_000),
            location: None,
        };
        let poll = v1::LongPoll {
            frames: vec![frame; 500],
            ..Default::default()
        };
        let raw = v1::RuntimeUpdate {
            long_polls: vec![poll; 200],
            ..Default::default()
        };
        let polls = runtime(raw).long_polls;
        assert_eq!(polls.len(), MAX_LONG_POLLS);
        assert_eq!(polls[0].frames.len(), MAX_FRAMES);
        let name = &polls[0].frames[0].function;
        assert_eq!(name.chars().count(), MAX_NAME + 1);
    }

    #[test]
    fn unknown_enum_values_and_nonsense_floats_are_survived() {
        let raw = v1::Task {
            state: 99,
            kind: -1,
            ..Default::default()
        };
        assert_eq!(task(raw).state, model::TaskState::Unknown);
        let telemetry = v1::TelemetryCost {
            poll_overhead_ns: f64::NAN,
            clock_read_ns: -1.0,
            ..Default::default()
        };
        let cost = update(v1::Update {
            telemetry: Some(telemetry),
            ..Default::default()
        })
        .cost;
        assert_eq!((cost.poll_overhead_ns, cost.clock_read_ns), (0.0, 0.0));
    }

    #[test]
    fn an_answer_without_a_task_is_no_answer() {
        assert!(details(v1::TaskDetailsResponse::default()).is_none());
    }
}

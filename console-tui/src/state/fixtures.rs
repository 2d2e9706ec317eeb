//! States for tests: a service as one would meet it, built through the same way as real data.

use prost::Message as _;
use zokio_console_proto::v1;

mod chains;

use super::model::{Query, TaskEvent};
use super::{State, update};
use crate::action::{Action, Command, DetailsAnswer, Now};
use crate::keymap::Key;
use crate::recording::{Frame, Kind, Play, Tape};
use crate::sanitize;

const SECOND: u64 = 1_000_000_000;

pub(crate) fn at(ms: u64) -> Now {
    Now {
        mono_ms: ms,
        unix_ms: 1_767_268_800_000 + ms,
    }
}

pub(crate) fn state(width: u16, height: u16) -> State {
    State::new("http://127.0.0.1:6669".into(), width, height, at(0))
}

pub(crate) fn describe() -> v1::DescribeResponse {
    v1::DescribeResponse {
        major: 1,
        minor: zokio_console_proto::MINOR,
        server_version: "0.1.0".into(),
        runtime_version: "0.1.0".into(),
        process_id: 4711,
        process_name: "http_server".into(),
        anchor_unix_ns: 1_767_268_740 * SECOND,
        anchor_clock_ns: 0,
        publish_interval_ns: SECOND / 10,
        ..Default::default()
    }
}

/// The service's wave of work: how busy worker `index` is in step `step`, in percent.
fn busy_percent(index: u64, step: u64) -> u64 {
    let wave = (step * 7 + index * 23) % 60;
    let rise = if wave < 30 { wave } else { 60 - wave };
    if index == 0 { 55 + rise } else { 10 + rise }
}

fn histogram(scale: u64) -> v1::Histogram {
    let upper_bounds_ns: Vec<u64> = (0..24)
        .map(|i| 512 << (i / 2))
        .map(|n: u64| n + n / 8)
        .collect();
    let counts: Vec<u64> = (0..24u64)
        .map(|i| scale * (24 - i.abs_diff(7)).saturating_sub(14))
        .collect();
    v1::Histogram {
        count: counts.iter().sum(),
        sum_ns: scale * 900_000,
        max_ns: 1_870_000,
        upper_bounds_ns,
        counts,
        changes_only: false,
    }
}

fn location(file: &str, line: u32) -> Option<v1::Location> {
    Some(v1::Location {
        file: file.into(),
        line,
        column: 9,
    })
}

fn worker(index: u64, step: u64) -> v1::Worker {
    let mut busy_ns = 0;
    for earlier in 0..step {
        busy_ns += SECOND / 100 * busy_percent(index, earlier);
    }
    let searching_ns = step * SECOND / 50;
    let n = step * (1_200 - index * 300);
    v1::Worker {
        index: index as u32,
        state: if index == 0 {
            v1::WorkerState::Busy
        } else {
            v1::WorkerState::Parked
        }
        .into(),
        state_since_ns: (60 + step) * SECOND,
        polls: n,
        busy_ns,
        searching_ns,
        parked_ns: (step * SECOND).saturating_sub(busy_ns + searching_ns),
        parks: n / 10,
        unparks: n / 10,
        steal_attempts: n / 40,
        steals: n / 90,
        stolen_tasks: n / 50,
        stolen_from: (0..2)
            .map(|victim| if victim == index { 0 } else { n / 50 })
            .collect(),
        lifo_hits: n / 3,
        injector_takes: n / 60,
        local_wakes: n / 2,
        remote_wakes: n / 7,
        queue_depth: 3 - index,
        queue_depth_max: 41,
        poll_time: Some(histogram(step)),
        wake_to_poll: Some(histogram(step / 2)),
        current_task: if index == 0 { 12 } else { 0 },
        current_task_since_ns: (60 + step) * SECOND - 1_200_000,
        spills: index,
        lifo_lag: Some(v1::Lag {
            count: step,
            total_ns: step * 400_000,
        }),
        injector_lag: Some(v1::Lag {
            count: index,
            total_ns: index * 130_000,
        }),
        queue_lag: Some(v1::Lag::default()),
        unpark_latency: Some(histogram(step / 3)),
        ..Default::default()
    }
}

fn task(id: u64, name: &str, state: v1::TaskState, file: &str, line: u32, now_ns: u64) -> v1::Task {
    let created_at_ns = id * 40_000_000;
    let busy_ns = (30 - id.min(29)) * 1_700_000;
    let scheduled_ns = busy_ns / 6;
    v1::Task {
        id,
        name: name.into(),
        kind: v1::TaskKind::Task.into(),
        state: state.into(),
        location: location(file, line),
        parent: if id == 1 { 0 } else { 1 },
        worker_plus_one: (id % 2) as u32 + 1,
        created_at_ns,
        state_since_ns: now_ns.saturating_sub(id * 90_000_000),
        polls: 4_000 / id,
        busy_ns,
        scheduled_ns,
        idle_ns: now_ns.saturating_sub(created_at_ns + busy_ns + scheduled_ns),
        longest_poll_ns: 1_870_000,
        wakes: 4_100 / id,
        self_wakes: 40 / id,
        waker_clones: 90 / id + 1,
        waker_drops: 90 / id,
        last_wake_ns: now_ns.saturating_sub(id * 90_000_000),
        waits: Vec::new(),
        last_waker: Some(last_waker(id)),
        children: (id == 1).then(|| v1::Children {
            count: 33,
            first: Vec::new(),
        }),
        future_bytes: 96 + 32 * id,
        longest_poll_at_ns: now_ns.saturating_sub(id * 190_000_000),
        ..Default::default()
    }
}

fn last_waker(id: u64) -> v1::LastWaker {
    let (kind, task, name) = match id % 4 {
        0 => (v1::WakerKind::Driver, 0, ""),
        1 => (v1::WakerKind::Timer, 0, ""),
        2 => (v1::WakerKind::Task, 1, "acceptor"),
        _ => (v1::WakerKind::Thread, 0, ""),
    };
    v1::LastWaker {
        kind: kind.into(),
        task,
        task_name: name.into(),
        worker_plus_one: if id % 4 == 3 { 0 } else { 2 },
    }
}

fn longest_poll(task: u64, duration_ns: u64, now_ns: u64) -> v1::LongestPoll {
    v1::LongestPoll {
        worker: 0,
        task,
        task_name: format!("conn {task}"),
        location: location("examples/src/bin/http_server/server.rs", 112),
        duration_ns,
        ended_at_ns: now_ns - duration_ns * 3,
    }
}

fn wait(kind: &str, operation: &str, line: u32, since_ns: u64) -> v1::Wait {
    v1::Wait {
        kind: kind.into(),
        operation: operation.into(),
        resource: 7,
        location: location("examples/src/bin/http_server/orders.rs", line),
        since_ns,
        current: true,
        holder: 0,
        ..Default::default()
    }
}

fn tasks(now_ns: u64) -> Vec<v1::Task> {
    use v1::TaskState::{Busy, Idle, Scheduled};
    const SERVER: &str = "examples/src/bin/http_server/server.rs";
    const ORDERS: &str = "examples/src/bin/http_server/orders.rs";
    const HYPER: &str = "/home/dev/.cargo/registry/src/registry-0123456789abcdef/hyper-1.12.0/src/proto/h2/client.rs";
    let mut tasks = vec![
        task(1, "accept", Idle, SERVER, 31, now_ns),
        task(2, "orders", Idle, ORDERS, 57, now_ns),
        task(3, "orders-waiter", Idle, ORDERS, 71, now_ns),
        task(4, "日本語のタスク", Scheduled, ORDERS, 88, now_ns),
    ];
    tasks[0].waits = vec![wait("tcp", "accept", 35, now_ns - 800_000)];
    tasks[1].waits = vec![wait("sleep", "sleep", 60, now_ns - 9 * SECOND)];
    tasks[2].waits = vec![
        v1::Wait {
            holder: 2,
            ..wait("mutex", "lock", 73, now_ns - 9 * SECOND)
        },
        wait("sleep", "sleep", 74, now_ns - 9 * SECOND),
    ];
    for id in 10..40 {
        let state = [Idle, Idle, Busy, Scheduled][id as usize % 4];
        let file = if id % 3 == 0 { HYPER } else { SERVER };
        let mut conn = task(
            id,
            if id % 3 == 0 { "" } else { "conn" },
            state,
            file,
            112,
            now_ns,
        );
        if state == Idle {
            conn.waits = vec![wait("tcp", "read", 121, now_ns - id * 1_000_000)];
            conn.fields = fields(id);
        }
        tasks.push(conn);
    }
    // Lints: spins, and starves.
    (tasks[5].wakes, tasks[5].self_wakes) = (400, 390);
    tasks
}

fn fields(id: u64) -> Vec<v1::TaskField> {
    let path = format!("/orders/{id}?show=all&sort=date");
    let field = |(name, value): (&str, &str)| v1::TaskField {
        name: name.into(),
        value: value.into(),
    };
    let fields = [
        ("span", "conn:request"),
        ("method", "GET"),
        ("path", &path),
        ("peer", "192.0.2.17:53210"),
    ];
    fields.map(field).into()
}

/// A poll in which the thread sleeps. `ended_at_ns` 0: it goes on.
pub(crate) fn long_poll(task: u64, began_at_ns: u64, ended_at_ns: u64) -> v1::LongPoll {
    let frame = |function: &str, file: &str, line| v1::Frame {
        function: function.into(),
        location: location(file, line),
    };
    const LIBRARY: &str = "/rustc/59807616e1fa/library/std/src/thread/functions.rs";
    v1::LongPoll {
        worker: 0,
        task,
        task_name: "conn".into(),
        location: location("examples/src/bin/http_server/server.rs", 112),
        began_at_ns,
        ended_at_ns,
        sampled_at_ns: began_at_ns + 100_000_000,
        thread_id: 4_243,
        thread_state: "off-cpu".into(),
        frames: vec![
            v1::Frame {
                function: "__GI___clock_nanosleep".into(),
                location: None,
            },
            frame("std::thread::functions::sleep", LIBRARY, 317),
            frame(
                "http_server::orders::Orders::write_audit_log",
                "examples/src/bin/http_server/orders.rs",
                141,
            ),
            frame(
                "http_server::server::handle::{closure#0}",
                "examples/src/bin/http_server/server.rs",
                88,
            ),
        ],
        error: String::new(),
    }
}

/// Two tasks that wait for each other, and one that blocks its worker again and again.
fn findings(now_ns: u64) -> Vec<v1::Finding> {
    const ORDERS: &str = "examples/src/bin/http_server/orders.rs";
    let number = |name: &str, number| v1::Evidence {
        name: name.into(),
        value: Some(v1::evidence::Value::Number(number)),
    };
    let text = |name: &str, text: &str| v1::Evidence {
        name: name.into(),
        value: Some(v1::evidence::Value::Text(text.into())),
    };
    let task = |id, name: &str, line| v1::FindingTask {
        id,
        name: name.into(),
        location: location(ORDERS, line),
    };
    vec![
        v1::Finding {
            id: 1,
            kind: "deadlock".into(),
            severity: v1::FindingSeverity::Critical.into(),
            summary: "2 tasks wait for each other: task 2 \"orders\" waits for a mutex held by \
                      task 3, task 3 \"orders-waiter\" waits for a mutex held by task 2"
                .into(),
            locations: vec![
                location(ORDERS, 60).unwrap_or_default(),
                location(ORDERS, 73).unwrap_or_default(),
            ],
            task: Some(task(3, "orders-waiter", 71)),
            resource: Some(v1::FindingResource {
                kind: "mutex".into(),
                id: 7,
            }),
            worker_plus_one: 0,
            since_ns: 75 * SECOND,
            evidence: vec![
                number("tasks", 2),
                text("circle", "2 -> 3 -> 2"),
                number("waited_ns", now_ns.saturating_sub(75 * SECOND)),
            ],
            hint: "None of these tasks can go on. Take locks in the same order everywhere.".into(),
        },
        v1::Finding {
            id: 2,
            kind: "blocked-worker".into(),
            severity: v1::FindingSeverity::Warning.into(),
            summary: "task 14 \"conn\" kept worker 0 for 260 ms, blocked in \
                      http_server::orders::Orders::write_audit_log"
                .into(),
            locations: vec![location(ORDERS, 141).unwrap_or_default()],
            task: Some(task(14, "conn", 112)),
            resource: None,
            worker_plus_one: 1,
            since_ns: 80 * SECOND,
            evidence: vec![number("poll_ns", 260_000_000), number("polls", 1)],
            hint: "Use zokio's own sleep, I/O or lock, or move the call into spawn_blocking."
                .into(),
        },
    ]
}

/// What the service says `step` seconds after its start, in answer to `query`.
pub(crate) fn snapshot(step: u64, query: &Query) -> v1::Update {
    let now_ns = 60 * SECOND + step * SECOND;
    let filter = query.filter.to_lowercase();
    let all = tasks(now_ns);
    let matching: Vec<v1::Task> = all
        .into_iter()
        .filter(|task| task.name.contains(&filter) || filter.is_empty())
        .collect();
    let matching_tasks = matching.len() as u64;
    let rows: Vec<v1::Task> = matching
        .into_iter()
        .skip(query.offset as usize)
        .take(query.limit as usize)
        .collect();
    let site = |file: &str, line, alive, polls, busy_ns| v1::SpawnSite {
        location: location(file, line),
        spawned: alive * 40,
        alive,
        polls,
        busy_ns,
        poll_time: Some(histogram(polls / 40)),
        wake_to_poll: Some(histogram(polls / 50)),
        longest_poll_ns: busy_ns / 200,
        longest_poll_at_ns: 44 * SECOND,
        longest_poll_task: u64::from(line),
        long_polls: alive,
        delayed_others_ns: if alive > 3 { 120_000_000 } else { 0 },
        future_bytes: 96 * u64::from(line),
        ..Default::default()
    };
    v1::Update {
        sequence: step,
        taken_at_ns: now_ns,
        skipped: 0,
        telemetry: Some(v1::TelemetryCost {
            enabled: true,
            poll_overhead_ns: 21.4,
            clock_read_ns: 8.2,
            record_bytes: 196_608,
            bytes_sent: 1_234_567,
            clients: 1,
            sample_ns: 84_000,
            unattributed_events: 3,
        }),
        runtimes: vec![v1::RuntimeUpdate {
            id: 1,
            name: "http_server".into(),
            flavor: v1::Flavor::MultiThread.into(),
            started_at_ns: 100_000,
            taken_at_ns: now_ns,
            workers: (0..2).map(|index| worker(index, step)).collect(),
            spawn_sites: vec![
                site(
                    "examples/src/bin/http_server/server.rs",
                    112,
                    20,
                    81_234,
                    3_400_000_000,
                ),
                site(
                    "examples/src/bin/http_server/orders.rs",
                    57,
                    3,
                    912,
                    40_000_000,
                ),
                site(
                    "examples/src/bin/http_server/server.rs",
                    31,
                    1,
                    400,
                    9_000_000,
                ),
            ],
            injector_depth: 2,
            alive_tasks: 34,
            spawned_tasks: 1_000 + step * 120,
            completed_tasks: 966 + step * 120,
            panicked_tasks: 1,
            cancelled_tasks: 12,
            blocking: Some(v1::Blocking {
                threads: 3,
                idle_threads: 2,
                max_threads: 512,
                queue_depth: 0,
                completed: step * 5,
                busy_ns: step * 90_000_000,
                queue_time: Some(histogram(step / 4)),
                run_time: Some(histogram(step / 2)),
            }),
            driver: Some(v1::Driver {
                sources: 35,
                polls: step * 800,
                events: step * 2_100,
                turn_time: Some(histogram(step)),
            }),
            timers: Some(v1::Timers {
                armed: 12,
                fired: step * 40,
                cancelled: step * 9,
                lateness: Some(histogram(step)),
            }),
            rows: rows.iter().map(|task| task.id).collect(),
            tasks: rows,
            matching_tasks,
            full: true,
            ended: false,
            long_polls: vec![long_poll(
                14,
                (60 + 20) * SECOND,
                (60 + 20) * SECOND + 260_000_000,
            )],
            resources: if query.resources {
                resources_at(now_ns)
            } else {
                Vec::new()
            },
            waited_resources: if query.resources { 5 } else { 0 },
            findings: findings(now_ns),
            findings_unchanged: false,
            known_tasks: Vec::new(),
            same_waits: Vec::new(),
            long_polls_unchanged: false,
            longest_polls: vec![
                longest_poll(14, 260_000_000, now_ns),
                longest_poll(9, 1_870_000, now_ns),
            ],
            longest_polls_unchanged: false,
            wait_chains: if query.chains {
                chains::at(now_ns)
            } else {
                Vec::new()
            },
            wait_chains_in_all: query.chains.then_some(5),
            known_chains: Vec::new(),
            waits_left_off: 0,
        }],
        ..v1::Update::default()
    }
}

fn resources_at(now_ns: u64) -> Vec<v1::Resource> {
    let waiter = |task, name: &str, operation: &str, age: u64, current| v1::Waiter {
        task,
        task_name: name.into(),
        operation: operation.into(),
        since_ns: now_ns - age,
        current,
    };
    let resource = |kind: &str, id, line, first_waiters: Vec<v1::Waiter>| v1::Resource {
        kind: kind.into(),
        id,
        operation: first_waiters[0].operation.clone(),
        waiters: first_waiters.len() as u64,
        oldest_since_ns: first_waiters[0].since_ns,
        location: location("examples/src/bin/http_server/orders.rs", line),
        first_waiters,
        ..Default::default()
    };
    let connections = (10..26)
        .map(|task| waiter(task, "conn", "read", (40 - task) * 20_000_000, true))
        .collect();
    vec![
        resource("tcp", 0, 121, connections),
        v1::Resource {
            created_at: location("examples/src/bin/http_server/main.rs", 24),
            holder: 2,
            holder_is_exact: true,
            held_at: location("examples/src/bin/http_server/orders.rs", 58),
            ..resource(
                "rwlock",
                0x7f3a,
                73,
                vec![
                    waiter(3, "orders-waiter", "write", 9 * SECOND, true),
                    waiter(27, "", "read", 4 * SECOND, false),
                    waiter(31, "日本語のタスク", "read", 90_000_000, true),
                ],
            )
        },
        v1::Resource {
            created_at: location("examples/src/bin/http_server/main.rs", 30),
            capacity: Some(4),
            used: Some(4),
            acquired_by: [(12, 90, true), (0, 91, false)]
                .map(|(task, line, owned)| v1::Acquirer {
                    task,
                    location: location("examples/src/bin/http_server/orders.rs", line),
                    owned,
                })
                .to_vec(),
            ..resource(
                "semaphore",
                0x8a10,
                90,
                vec![waiter(28, "conn", "acquire", 3 * SECOND, true)],
            )
        },
        resource(
            "sleep",
            0,
            60,
            vec![waiter(2, "orders", "sleep", 2 * SECOND, true)],
        ),
        resource(
            "tcp",
            0x11,
            35,
            vec![waiter(1, "accept", "accept", 800_000, true)],
        ),
    ]
}

/// The screen of what tasks wait for, with an update for it.
pub(crate) fn resources(state: &mut State) {
    press(state, "r");
    feed(state, 31);
}

/// The screen of who waits for whom, with an update for it.
pub(crate) fn waits(state: &mut State) {
    press(state, "W");
    feed(state, 31);
}

/// Sends the next update of the service to the console.
pub(crate) fn feed(state: &mut State, step: u64) {
    update(state, Action::Tick(at(step * 1_000)));
    let query = state.query().clone();
    let raw = snapshot(step, &query);
    update(
        state,
        Action::Update {
            update: Box::new(sanitize::update(raw)),
            query,
        },
    );
}

/// A console that has watched the service for some seconds.
pub(crate) fn watching(width: u16, height: u16) -> State {
    let mut state = state(width, height);
    update(&mut state, Action::Connecting { attempt: 1 });
    update(
        &mut state,
        Action::Connected(Box::new(sanitize::server(&describe()))),
    );
    for step in 0..30 {
        feed(&mut state, step);
    }
    state
}

/// What the connection reports of a second: what came over the wire, then the update.
pub(crate) fn hear(state: &mut State, second: u64) {
    update(state, Action::Tick(at(second * 1_000)));
    let raw = snapshot(second, &state.query().clone());
    let keyframe = second.is_multiple_of(10);
    let frame = Frame::new(0, Kind::Update, keyframe, raw.encode_to_vec());
    update(state, Action::Heard(frame));
    feed(state, second);
}

/// A console that has watched for `seconds` seconds and kept them.
pub(crate) fn kept(mut state: State, seconds: u64) -> State {
    let server = describe().encode_to_vec();
    let request = v1::SubscribeRequest::default().encode_to_vec();
    for (kind, payload) in [(Kind::Server, server), (Kind::Request, request)] {
        let frame = Frame::new(0, kind, false, payload);
        update(&mut state, Action::Heard(frame));
    }
    update(
        &mut state,
        Action::Connected(Box::new(sanitize::server(&describe()))),
    );
    for second in 0..seconds {
        hear(&mut state, second);
    }
    state
}

/// A console that shows what was five seconds ago.
pub(crate) fn looking_back(width: u16, height: u16) -> State {
    let mut state = kept(state(width, height).with_history(1 << 20), 30);
    press(&mut state, "space left left left left left");
    state
}

/// A console that plays a recording twice as fast; the recording is damaged.
pub(crate) fn replaying(width: u16, height: u16) -> State {
    let past = kept(state(width, height).with_history(1 << 20), 30).past;
    let mut tape = Tape::new(past.source, Some("damaged at byte 4711".into()));
    tape.perform(Play::Faster);
    tape.perform(Play::Toggle);
    tape.seek(12_400_000_000);
    let mut state = self::state(width, height).of_recording();
    state.connection.target = "run.zrec".into();
    let moment = tape.moment(&state.query().clone());
    update(&mut state, Action::Moment(Box::new(moment)));
    state
}

pub(crate) fn press(state: &mut State, keys: &str) {
    for key in keys.split_whitespace() {
        update(state, Action::Key(Key::parse(key).expect("a key")));
    }
}

/// Worker 0 has been in one poll of its current task for some seconds; the details of this task.
pub(crate) fn stuck(state: &mut State) {
    press(state, "t");
    feed(state, 30);
    let mut raw = snapshot(31, &state.query().clone());
    let runtime = &mut raw.runtimes[0];
    runtime.workers[0].current_task_since_ns = 88 * SECOND;
    runtime.long_polls = vec![long_poll(12, 88 * SECOND, 0)];
    let query = state.query().clone();
    let update_ = Box::new(sanitize::update(raw));
    update(
        state,
        Action::Update {
            update: update_,
            query,
        },
    );
}

/// The details of a task that waits, with its histogram.
pub(crate) fn detail(state: &mut State) {
    press(state, "t j j enter");
    let (runtime_id, task_id) = state
        .detail
        .as_ref()
        .map(|d| (d.runtime_id, d.task_id))
        .expect("a task is open");
    let child = |id, name: &str, state: v1::TaskState| v1::Child {
        id,
        name: name.into(),
        state: state.into(),
        location: location("examples/src/bin/http_server/orders.rs", 57),
    };
    let mut task = tasks(89 * SECOND)
        .into_iter()
        .find(|task| task.id == task_id);
    if let Some(task) = &mut task {
        task.children = Some(v1::Children {
            count: 2,
            first: vec![
                child(71, "order", v1::TaskState::Idle),
                child(72, "", v1::TaskState::Busy),
            ],
        });
    }
    let raw = v1::TaskDetailsResponse {
        task,
        poll_time: Some(histogram(9)),
        taken_at_ns: 89 * SECOND,
        ..Default::default()
    };
    let found = sanitize::details(raw).expect("a task");
    update(
        state,
        Action::Details {
            runtime_id,
            task_id,
            answer: DetailsAnswer::Found(Box::new(found)),
        },
    );
}

/// What the task of the detail screen told `tracing`.
pub(crate) fn told(state: &mut State) {
    let detail = state.detail.as_mut().expect("a task is open");
    let event = |at_s: u64, level: &str, message: &str, order: &str| TaskEvent {
        at_ns: at_s * SECOND,
        level: level.to_owned(),
        message: message.to_owned(),
        fields: vec![("order".to_owned(), order.to_owned())],
    };
    detail.events = vec![
        event(80, "INFO", "order taken", "1041"),
        event(84, "INFO", "order taken", "1042"),
        event(88, "WARN", "the store is slow", "1042"),
    ];
}

/// What the task of the detail screen answers when it is asked where it waits.
pub(crate) fn backtrace(state: &mut State) {
    let detail = state.detail.as_ref().expect("a task is open");
    let (runtime_id, task_id) = (detail.runtime_id, detail.task_id);
    let stack = |functions: &[(&str, u32)]| v1::BacktraceStack {
        frames: functions
            .iter()
            .map(|(function, line)| v1::Frame {
                function: (*function).to_owned(),
                location: location("examples/src/bin/http_server/orders.rs", *line),
            })
            .collect(),
    };
    let raw = v1::TaskBacktrace {
        runtime_id,
        task_id,
        stacks: vec![
            stack(&[
                ("zokio::sync::mutex::Lock::poll", 240),
                ("http_server::orders::place::{closure#0}", 71),
                ("http_server::orders::serve::{closure#0}", 57),
            ]),
            stack(&[
                ("zokio::time::sleep::Sleep::poll", 109),
                ("http_server::orders::serve::{closure#0}", 57),
            ]),
        ],
        ..v1::TaskBacktrace::default()
    };
    let answer = Ok(vec![sanitize::backtrace(raw)]);
    update(
        state,
        Action::Backtrace {
            runtime_id,
            task_id,
            answer,
        },
    );
}

pub(crate) fn command(state: &mut State, command: Command) {
    update(state, Action::Command(command));
}

pub(crate) fn trace_event(
    kind: v1::TraceEventKind,
    at_ns: u64,
    duration_ns: u64,
    task_id: u64,
) -> v1::TraceEvent {
    v1::TraceEvent {
        kind: kind.into(),
        at_ns,
        duration_ns,
        task_id,
        polls: 1,
        ..Default::default()
    }
}

/// What two workers did in 80 ms: short polls with parks between, two long polls, a steal.
pub(crate) fn recording() -> crate::state::timeline::recording::Recording {
    use v1::TraceEventKind as Kind;
    const MS: u64 = 1_000_000;
    let mut events = [Vec::new(), Vec::new()];
    for (lane, events) in events.iter_mut().enumerate() {
        let long = [50, 30][lane] * MS;
        let task = [12, 7][lane];
        for step in 0..40 {
            let at = step * 2 * MS;
            if (long..long + 10 * MS).contains(&at) {
                continue;
            }
            let wake = v1::TraceEvent {
                by_driver: true,
                ..trace_event(Kind::Wake, at, 0, 2)
            };
            events.push(wake);
            events.push(trace_event(Kind::Poll, at + 1_000, step * 9_000, 2));
            events.push(trace_event(Kind::Park, at + MS / 2, MS * 3 / 2, 0));
        }
        events.push(v1::TraceEvent {
            by_task_id: 2,
            ..trace_event(Kind::Wake, long - 1_000, 0, task)
        });
        events.push(trace_event(Kind::Poll, long, 9 * MS, task));
    }
    events[1].push(trace_event(Kind::Steal, 70 * MS, 0, 0));
    let name = |id, name: &str, line| v1::TraceTask {
        id,
        name: name.into(),
        location: location("examples/src/bin/http_server/server.rs", line),
        ..Default::default()
    };
    let workers = (0..2).map(|index| v1::TraceWorker {
        index,
        capacity_bytes: 4096,
        overwritten: u64::from(index),
        complete_since_ns: 6 * MS,
        ..Default::default()
    });
    let mut collector = sanitize::lanes::Collector::new(1, 10_000);
    collector.add(v1::TraceChunk {
        runtime_id: 1,
        runtime: Some(v1::TraceRuntime {
            name: "http".into(),
            taken_at_ns: 80 * MS,
            workers: workers.collect(),
            ..Default::default()
        }),
        tasks: vec![name(12, "conn", 112), name(2, "accept", 40)],
        events: (0..)
            .zip(events)
            .map(|(worker, events)| v1::TraceEvents { worker, events })
            .collect(),
    });
    collector.finish()
}

/// A console that shows this recording.
pub(crate) fn recorded(width: u16, height: u16) -> State {
    let mut state = watching(width, height);
    press(&mut state, "T");
    let answer = Ok(Box::new(recording()));
    update(
        &mut state,
        Action::Timeline {
            runtime_id: 1,
            answer,
        },
    );
    state
}

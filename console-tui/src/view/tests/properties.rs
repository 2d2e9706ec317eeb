//! Random updates from the wire, random keys, random sizes: drawing never panics.

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use zokio_console_proto::v1;

use crate::action::{Action, Command, DetailsAnswer, Mouse, MouseKind};
use crate::keymap::{BINDINGS, Key};
use crate::sanitize;
use crate::sanitize::lanes::Collector;
use crate::state::fixtures::{at, describe, state};
use crate::state::timeline::Reading;
use crate::state::update;
use crate::theme::{Depth, Palette, Theme};

fn number() -> BoxedStrategy<u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), 0..10_000u64, any::<u64>()].boxed()
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        Just(String::new()),
        "\\PC{0,40}",
        any::<String>(),
        Just("日本語\u{202e}\x1b[31m🦀\u{301}\u{301}\u{301}".to_owned()),
        Just("x".repeat(5_000)),
    ]
    .boxed()
}

fn histogram() -> BoxedStrategy<Option<v1::Histogram>> {
    let parts = (
        number(),
        number(),
        number(),
        prop::collection::vec((number(), number()), 0..12),
    );
    prop::option::of(parts.prop_map(|(count, sum_ns, max_ns, buckets)| {
        let (upper_bounds_ns, counts) = buckets.into_iter().unzip();
        v1::Histogram {
            count,
            sum_ns,
            max_ns,
            upper_bounds_ns,
            counts,
            changes_only: false,
        }
    }))
    .boxed()
}

fn location() -> BoxedStrategy<Option<v1::Location>> {
    prop::option::of(
        (text(), any::<u32>(), any::<u32>()).prop_map(|(file, line, column)| v1::Location {
            file,
            line,
            column,
        }),
    )
    .boxed()
}

fn wait() -> BoxedStrategy<v1::Wait> {
    (text(), text(), location(), number(), any::<bool>())
        .prop_map(|(kind, operation, location, since_ns, current)| v1::Wait {
            kind,
            operation,
            resource: 1,
            location,
            since_ns,
            current,
            holder: since_ns,
            ..Default::default()
        })
        .boxed()
}

fn resource() -> BoxedStrategy<v1::Resource> {
    let waiter = (number(), text(), text(), number(), any::<bool>()).prop_map(
        |(task, task_name, operation, since_ns, current)| v1::Waiter {
            task,
            task_name,
            operation,
            since_ns,
            current,
        },
    );
    let waiters = prop::collection::vec(waiter, 0..6);
    let acquirer =
        (0..3u64, location(), any::<bool>()).prop_map(|(task, location, owned)| v1::Acquirer {
            task,
            location,
            owned,
        });
    (
        text(),
        0..3u64,
        text(),
        prop::array::uniform5(number()),
        location(),
        (waiters, prop::collection::vec(acquirer, 0..12)),
        any::<bool>(),
    )
        .prop_map(
            |(kind, id, operation, n, location, (first_waiters, acquired_by), flag)| v1::Resource {
                kind,
                id,
                operation,
                waiters: n[0],
                oldest_since_ns: n[1],
                location: location.clone(),
                first_waiters,
                created_at: location.clone(),
                capacity: flag.then_some(n[2]),
                used: Some(n[3]),
                holder: n[4] % 3,
                holder_is_exact: flag,
                held_at: location,
                acquired_by,
                latest_holds: flag,
            },
        )
        .boxed()
}

fn chain() -> BoxedStrategy<v1::WaitChain> {
    let numbers = prop::array::uniform8(number());
    let link = (text(), text(), location(), numbers, -1..6i32).prop_map(
        |(task_name, kind, location, n, state)| v1::WaitLink {
            task: n[0] % 40,
            task_name,
            spawned_at: location.clone(),
            state,
            state_since_ns: n[1],
            operation: kind.clone(),
            kind,
            resource: n[2] % 3,
            location: location.clone(),
            since_ns: n[3],
            created_at: location.clone(),
            capacity: Some(n[4]),
            used: Some(n[5]),
            holder: n[6] % 40,
            role: state,
            holder_is_exact: n[0] == 0,
            held_at: location,
            holder_is_gone: n[1] == 0,
            other_waits: n[7],
            permits: (n[2] == 0).then_some(n[3]),
            worker_plus_one: n[4] as u32,
        },
    );
    (prop::collection::vec(link, 0..6), any::<bool>(), number())
        .prop_map(|(links, circle, waiters)| v1::WaitChain {
            links,
            circle,
            waiters,
        })
        .boxed()
}

fn task() -> BoxedStrategy<v1::Task> {
    let numbers = prop::array::uniform12(number());
    let waits = prop::collection::vec(wait(), 0..4);
    let field = (text(), text()).prop_map(|(name, value)| v1::TaskField { name, value });
    let fields = prop::collection::vec(field, 0..4);
    (
        0..40u64,
        text(),
        -1..6i32,
        -1..6i32,
        location(),
        any::<u32>(),
        numbers,
        (waits, fields),
    )
        .prop_map(
            |(id, name, kind, state, location, worker_plus_one, n, (waits, fields))| v1::Task {
                id,
                name: name.clone(),
                kind,
                state,
                location: location.clone(),
                // Often that of another row, for the tree.
                parent: n[0] % 60,
                worker_plus_one,
                created_at_ns: n[1],
                state_since_ns: n[2],
                polls: n[3],
                busy_ns: n[4],
                scheduled_ns: n[5],
                idle_ns: n[6],
                longest_poll_ns: n[7],
                wakes: n[8],
                self_wakes: n[9],
                waker_clones: n[10],
                waker_drops: n[11],
                last_wake_ns: n[0],
                waits,
                last_waker: Some(v1::LastWaker {
                    kind,
                    task: n[1] % 3,
                    task_name: name.clone(),
                    worker_plus_one,
                }),
                children: Some(v1::Children {
                    count: n[2],
                    first: vec![v1::Child {
                        id: n[3],
                        name,
                        state,
                        location,
                    }],
                }),
                future_bytes: n[4],
                longest_poll_at_ns: n[5],
                fields,
                ..Default::default()
            },
        )
        .boxed()
}

fn worker() -> BoxedStrategy<v1::Worker> {
    let numbers = prop::array::uniform12(number());
    let stolen_from = prop::collection::vec(number(), 0..5);
    (
        0..6u32,
        -1..7i32,
        numbers,
        stolen_from,
        histogram(),
        histogram(),
    )
        .prop_map(
            |(index, state, n, stolen_from, poll_time, wake_to_poll)| v1::Worker {
                index,
                state,
                polls: n[0],
                busy_ns: n[1],
                searching_ns: n[2],
                parked_ns: n[3],
                detached_ns: n[4],
                parks: n[5],
                steals: n[6],
                stolen_tasks: n[7],
                stolen_from,
                queue_depth: n[8],
                queue_depth_max: n[9],
                current_task: n[10],
                current_task_since_ns: n[11],
                poll_time,
                wake_to_poll,
                ..Default::default()
            },
        )
        .boxed()
}

fn finding() -> BoxedStrategy<v1::Finding> {
    let task = prop::option::of(
        (number(), text(), location()).prop_map(|(id, name, location)| v1::FindingTask {
            id,
            name,
            location,
        }),
    );
    let evidence = (text(), number(), any::<bool>()).prop_map(|(name, number, is_text)| {
        use v1::evidence::Value;
        let value = if is_text {
            Value::Text(name.clone())
        } else {
            Value::Number(number)
        };
        v1::Evidence {
            name,
            value: Some(value),
        }
    });
    (
        text(),
        -1..6i32,
        prop::collection::vec(location(), 0..4),
        task,
        number(),
        prop::collection::vec(evidence, 0..4),
    )
        .prop_map(
            |(words, severity, locations, task, since_ns, evidence)| v1::Finding {
                id: since_ns,
                kind: words.clone(),
                severity,
                summary: words.clone(),
                locations: locations.into_iter().flatten().collect(),
                task,
                resource: None,
                worker_plus_one: 0,
                since_ns,
                evidence,
                hint: words,
            },
        )
        .boxed()
}

fn runtime() -> BoxedStrategy<v1::RuntimeUpdate> {
    let numbers = prop::array::uniform10(number());
    let lists = (
        prop::collection::vec(worker(), 0..40),
        prop::collection::vec(task(), 0..12),
        prop::collection::vec(0..50u64, 0..30),
        prop::collection::vec((location(), number(), number()), 0..6),
        prop::collection::vec(resource(), 0..6),
        prop::collection::vec(finding(), 0..12),
        prop::collection::vec(chain(), 0..6),
        prop::collection::vec(0..8u32, 0..8),
    );
    (
        0..4u64,
        text(),
        any::<bool>(),
        any::<bool>(),
        numbers,
        lists,
        histogram(),
    )
        .prop_map(
            |(
                id,
                name,
                ended,
                full,
                n,
                (workers, tasks, rows, sites, resources, findings, wait_chains, known_chains),
                lateness,
            )| {
                v1::RuntimeUpdate {
                    id,
                    name,
                    flavor: 1,
                    ended,
                    full,
                    started_at_ns: n[0],
                    taken_at_ns: n[1],
                    injector_depth: n[2],
                    alive_tasks: n[3],
                    spawned_tasks: n[4],
                    completed_tasks: n[5],
                    panicked_tasks: n[6],
                    cancelled_tasks: n[7],
                    matching_tasks: n[8],
                    workers,
                    tasks,
                    rows,
                    resources,
                    waited_resources: n[2],
                    wait_chains,
                    wait_chains_in_all: (n[3] != 0).then_some(n[3]),
                    known_chains,
                    waits_left_off: n[9],
                    blocking: Some(v1::Blocking {
                        threads: n[3],
                        idle_threads: n[4],
                        max_threads: n[5],
                        queue_depth: n[6],
                        completed: n[7],
                        busy_ns: n[8],
                        queue_time: lateness.clone(),
                        run_time: lateness.clone(),
                    }),
                    driver: Some(v1::Driver {
                        sources: n[0],
                        polls: n[1],
                        events: n[2],
                        turn_time: lateness.clone(),
                    }),
                    findings,
                    spawn_sites: sites
                        .into_iter()
                        .map(|(location, busy_ns, polls)| v1::SpawnSite {
                            location,
                            busy_ns,
                            polls,
                            poll_time: lateness.clone(),
                            longest_poll_ns: polls,
                            delayed_others_ns: busy_ns,
                            future_bytes: busy_ns,
                            ..Default::default()
                        })
                        .collect(),
                    timers: Some(v1::Timers {
                        armed: n[9],
                        fired: n[0],
                        cancelled: n[1],
                        lateness,
                    }),
                    ..Default::default()
                }
            },
        )
        .boxed()
}

#[derive(Debug, Clone)]
enum Step {
    Update(v1::Update),
    Key(usize, usize),
    Text(char),
    Details(Box<v1::Task>, Option<v1::Histogram>),
    Size(u16, u16),
    Mouse(Mouse),
    Trace(v1::TraceChunk),
    Lost(String),
    Refused(String),
    Connected,
}

fn trace() -> BoxedStrategy<v1::TraceChunk> {
    let event =
        (-1..9i32, prop::array::uniform6(number()), any::<bool>()).prop_map(|(kind, n, flag)| {
            v1::TraceEvent {
                kind,
                at_ns: n[0],
                duration_ns: n[1],
                task_id: n[2] % 5,
                polls: n[3] as u32,
                from_outside: flag,
                under_way: flag,
                by_task_id: n[4],
                by_driver: n[5] % 2 == 0,
                ..Default::default()
            }
        });
    let events = (0..6u32, prop::collection::vec(event, 0..40))
        .prop_map(|(worker, events)| v1::TraceEvents { worker, events });
    let worker =
        (0..40u32, number(), number()).prop_map(|(index, overwritten, n)| v1::TraceWorker {
            index,
            overwritten,
            complete_since_ns: n,
            capacity_bytes: n,
            ..Default::default()
        });
    let task = (0..5u64, text(), location()).prop_map(|(id, name, location)| v1::TraceTask {
        id,
        name,
        location,
        ..Default::default()
    });
    (
        text(),
        number(),
        number(),
        prop::collection::vec(worker, 0..40),
        prop::collection::vec(events, 0..6),
        prop::collection::vec(task, 0..5),
    )
        .prop_map(
            |(name, taken_at_ns, from_ns, workers, events, tasks)| v1::TraceChunk {
                runtime_id: 0,
                runtime: Some(v1::TraceRuntime {
                    name,
                    taken_at_ns,
                    from_ns,
                    workers,
                    events: 0,
                }),
                tasks,
                events,
            },
        )
        .boxed()
}

fn steps() -> BoxedStrategy<Vec<Step>> {
    let update = (prop::collection::vec(runtime(), 0..3), number(), number()).prop_map(
        |(runtimes, taken_at_ns, skipped)| {
            Step::Update(v1::Update {
                runtimes,
                taken_at_ns,
                skipped,
                ..Default::default()
            })
        },
    );
    let step = prop_oneof![
        3 => update,
        6 => (any::<usize>(), any::<usize>()).prop_map(|(binding, key)| Step::Key(binding, key)),
        1 => any::<char>().prop_map(Step::Text),
        1 => (task(), histogram()).prop_map(|(task, histogram)| Step::Details(Box::new(task), histogram)),
        2 => (1..=300u16, 1..=100u16).prop_map(|(width, height)| Step::Size(width, height)),
        3 => (0..3u8, 0..120u16, 0..40u16).prop_map(|(kind, x, y)| {
            let kind = [MouseKind::Press, MouseKind::ScrollUp, MouseKind::ScrollDown]
                [usize::from(kind)];
            Step::Mouse(Mouse { kind, x, y })
        }),
        4 => trace().prop_map(Step::Trace),
        1 => text().prop_map(Step::Lost),
        1 => text().prop_map(Step::Refused),
        1 => Just(Step::Connected),
    ];
    prop::collection::vec(step, 1..12).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_state_is_drawn_at_any_size(
        steps in steps(),
        start in prop_oneof![(1..=300u16, 1..=100u16), (1..=20u16, 1..=8u16)],
        palette in prop_oneof![Just(Palette::Dark), Just(Palette::Light), Just(Palette::HighContrast)],
        depth in prop::sample::select(Depth::ALL.to_vec()),
        ascii: bool,
    ) {
        let mut state = state(start.0, start.1);
        for (at_step, step) in steps.into_iter().enumerate() {
            update(&mut state, Action::Tick(at(at_step as u64 * 700)));
            let action = match step {
                Step::Update(raw) => {
                    let query = state.query().clone();
                    Action::Update { update: Box::new(sanitize::update(raw)), query }
                }
                Step::Key(binding, key) => {
                    let keys = BINDINGS[binding % BINDINGS.len()].keys;
                    let name = keys[key % keys.len()].split(' ').next().unwrap_or("q");
                    Action::Key(Key::parse(name).unwrap())
                }
                Step::Text(c) => Action::Key(Key { code: crate::keymap::KeyCode::Char(c), ctrl: false }),
                Step::Details(task, poll_time) => {
                    let (runtime_id, task_id) = state.detail.as_ref().map_or((0, 0), |d| (d.runtime_id, d.task_id));
                    let raw = v1::TaskDetailsResponse { task: Some(*task), poll_time, taken_at_ns: 5, ..Default::default() };
                    let answer = DetailsAnswer::Found(Box::new(sanitize::details(raw).unwrap()));
                    Action::Details { runtime_id, task_id, answer }
                }
                Step::Mouse(mouse) => Action::Mouse(mouse),
                Step::Size(width, height) => Action::Resize { width, height },
                Step::Trace(chunk) => {
                    update(&mut state, Action::Command(Command::ShowTimeline));
                    let runtime_id = state.runtime.unwrap_or(0);
                    state.timeline.reading = Reading::Waiting { runtime_id };
                    let mut collector = Collector::new(0, 20);
                    collector.add(sanitize::trace::chunk(chunk));
                    let answer = Ok(Box::new(collector.finish()));
                    Action::Timeline { runtime_id, answer }
                }
                Step::Lost(reason) => Action::Lost { reason: sanitize::message(&reason), retry_in_ms: 5 },
                Step::Refused(message) => Action::Refused {
                    message: sanitize::message(&message),
                    query: state.query().clone(),
                },
                Step::Connected => Action::Connected(Box::new(sanitize::server(&describe()))),
            };
            update(&mut state, action);
            let area = Rect::new(0, 0, state.width, state.height);
            let mut buffer = Buffer::empty(area);
            super::super::render(&state, Theme { palette, depth, ascii }, area, &mut buffer);
            if ascii {
                prop_assert!(buffer.content.iter().all(|cell| cell.symbol().is_ascii()));
            }
        }
    }
}

/// As much as a message can hold, and more, of what a server could send.
#[test]
fn a_flood_from_the_wire_is_cut_and_drawn() {
    let name: String = "\u{202e}\x1b[2J日本\u{7}".repeat(1 << 17);
    assert!(name.len() > 1 << 20);
    let task = |id| v1::Task {
        id,
        name: if id == 0 { name.clone() } else { String::new() },
        busy_ns: u64::MAX,
        ..Default::default()
    };
    let mut state = state(80, 24);
    // Ids come again, time runs back.
    for (tasks, taken_at_ns) in [(200_000, u64::MAX), (10, 1_000), (200_000, 0)] {
        let runtime = v1::RuntimeUpdate {
            id: 1,
            name: name.clone(),
            full: true,
            taken_at_ns,
            matching_tasks: u64::MAX,
            tasks: (0..tasks).map(|n| task(n / 2)).collect(),
            rows: (0..1_000_000).collect(),
            spawn_sites: vec![v1::SpawnSite::default(); 100_000],
            resources: vec![v1::Resource::default(); 100_000],
            workers: vec![v1::Worker::default(); 10_000],
            ..Default::default()
        };
        let raw = v1::Update {
            runtimes: vec![runtime],
            taken_at_ns,
            ..Default::default()
        };
        let query = state.query().clone();
        let action = Action::Update {
            update: Box::new(sanitize::update(raw)),
            query,
        };
        update(&mut state, action);
        for key in [
            "w", "t", "e", "s", "r", "W", "p", "d", "T", "S", "t", "enter",
        ] {
            update(&mut state, Action::Key(Key::parse(key).unwrap()));
            let area = Rect::new(0, 0, 80, 24);
            let mut buffer = Buffer::empty(area);
            let theme = Theme {
                palette: Palette::Dark,
                depth: Depth::ALL[0],
                ascii: false,
            };
            super::super::render(&state, theme, area, &mut buffer);
            let text: String = buffer.content.iter().map(|cell| cell.symbol()).collect();
            assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{text}");
        }
    }
    let kept = &state.world().runtimes[0];
    assert!(
        kept.tasks.rows.len() <= 20_000,
        "{} rows",
        kept.tasks.rows.len()
    );
}

//! The layer under a real subscriber.

use std::fmt;

use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;
use zokio::runtime::{Builder, Runtime};

use super::*;

/// One thread: the subscriber is that of the thread.
fn run<T>(program: impl FnOnce(&Runtime) -> T) -> T {
    let runtime = Builder::new_current_thread().build().unwrap();
    with_default(registry().with(TaskEvents::new()), || program(&runtime))
}

fn told(task: u64) -> Vec<String> {
    let text = |event: TaskEvent| {
        let fields = event.fields.iter();
        let fields: Vec<_> = fields.map(|f| format!("{}={}", f.name, f.value)).collect();
        format!("{} {} {}", event.level, event.message, fields.join(" "))
    };
    events_of(task).into_iter().map(text).collect()
}

#[test]
fn two_tasks_that_take_turns_keep_their_events_apart() {
    let tell = |request: u64| async move {
        let span = tracing::info_span!("request", request, user = tracing::field::Empty);
        for step in 0..2 {
            span.in_scope(|| tracing::info!(step, "working"));
            span.record("user", format!("u{step}"));
            zokio::task::yield_now().await;
        }
    };
    run(|runtime| {
        let tasks = [runtime.spawn(tell(1)), runtime.spawn(tell(2))];
        let ids = [tasks[0].id().as_u64(), tasks[1].id().as_u64()];
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        for (id, request) in ids.into_iter().zip(1..) {
            let first = format!("INFO working step=0 request={request}");
            let second = format!("INFO working step=1 request={request} user=u0");
            assert_eq!(told(id), [first, second]);
        }
    });
}

fn fields_told(task: u64) -> String {
    let fields = fields_of(task).into_iter();
    let fields: Vec<_> = fields.map(|f| format!("{}={}", f.name, f.value)).collect();
    fields.join(" ")
}

#[test]
fn a_task_has_the_fields_of_the_spans_it_is_in() {
    let serve = async {
        for id in 1..=2 {
            let request = tracing::info_span!("request", id, user = tracing::field::Empty);
            let answer = async {
                zokio::task::yield_now().await;
                tracing::Span::current().record("user", "eve");
                zokio::task::yield_now().await;
            };
            tracing::Instrument::instrument(answer, request).await;
        }
        zokio::task::yield_now().await;
    };
    run(|runtime| {
        let peer = tracing::info_span!("peer", at = "[::1]:9", id = 0);
        let task = runtime.spawn(tracing::Instrument::instrument(serve, peer));
        let id = task.id().as_u64();
        let mut seen = Vec::new();
        while !task.is_finished() {
            runtime.block_on(zokio::task::yield_now());
            let fields = fields_told(id);
            if seen.last() != Some(&fields) {
                seen.push(fields);
            }
        }
        let expected = [
            "",
            "span=peer:request id=1 at=[::1]:9",
            "span=peer:request id=1 user=eve at=[::1]:9",
            "span=peer:request id=2 at=[::1]:9",
            "span=peer:request id=2 user=eve at=[::1]:9",
            "span=peer at=[::1]:9 id=0",
            "",
        ];
        let seen = seen.iter().map(String::as_str);
        let first = usize::from(seen.clone().next() != Some(""));
        assert_eq!(seen.collect::<Vec<_>>(), expected[first..]);
    });
}

#[test]
fn a_task_that_shares_a_span_has_its_fields_and_a_thread_has_none() {
    run(|runtime| {
        let service = tracing::info_span!("service", port = 80);
        let both = [1, 2].map(|_| {
            let task = tracing::Instrument::instrument(zokio::task::yield_now(), service.clone());
            runtime.spawn(task)
        });
        let ids = both.each_ref().map(|task| task.id().as_u64());
        runtime.block_on(async {
            for task in both {
                task.await.unwrap();
            }
        });
        // They are told as long as the span is open.
        assert_eq!(ids.map(fields_told), ["span=service port=80"; 2]);
        service.in_scope(|| assert_eq!(fields_told(0), ""));
        drop(service);
        assert_eq!(ids.map(fields_told), [""; 2]);
    });
}

#[test]
fn fields_of_a_task_are_cut_off() {
    run(|runtime| {
        let long = "ö".repeat(10_000);
        let task = runtime.spawn(async move {
            let spans: Vec<_> = (0..20)
                .map(|n| tracing::info_span!("a_span", long, n, a = 1, b = 2, c = 3).entered())
                .collect();
            let fields = fields_of(zokio::task::id().as_u64());
            drop(spans);
            fields
        });
        let fields = runtime.block_on(task).unwrap();
        let texts = fields.iter().map(|f| (f.name.len(), f.value.len()));
        assert!(
            texts
                .clone()
                .all(|(name, value)| name <= 64 && value <= 256)
        );
        assert!(texts.map(|(name, value)| name + value).sum::<usize>() <= spans::MAX_BYTES);
        assert!(fields.len() <= spans::MAX_FIELDS);
        assert_eq!(fields[2].value, "19", "{fields:?}");
    });
}

#[test]
fn events_are_cut_off_and_only_the_last_are_kept() {
    run(|runtime| {
        let task = runtime.spawn(async {
            for n in 0..100 {
                tracing::warn!(n, long = "ä".repeat(10_000), "{}", "m".repeat(10_000));
            }
        });
        let id = task.id().as_u64();
        runtime.block_on(task).unwrap();
        let events = events_of(id);
        assert_eq!(events.len(), store::EVENTS_OF_A_TASK);
        assert_eq!(events[0].fields[0].value, "84");
        for event in events {
            let texts = event.fields.iter().map(|f| f.name.len() + f.value.len());
            let bytes = texts.sum::<usize>() + event.message.len();
            assert!(bytes <= 512, "{bytes}");
            assert!(event.message.ends_with('…') && event.fields[1].value.ends_with('…'));
        }
    });
}

#[test]
fn an_event_without_a_task_is_not_kept() {
    run(|runtime| {
        runtime.block_on(async { tracing::info!("of block_on") });
        tracing::info!("of a thread");
        assert_eq!(events_of(0), []);
    });
}

struct Panics;

impl fmt::Display for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("of this test");
    }
}

#[test]
fn a_field_that_panics_does_not_harm_the_task() {
    run(|runtime| {
        let task = runtime.spawn(async {
            tracing::error!(bad = %Panics, good = 1, "told");
        });
        let id = task.id().as_u64();
        runtime.block_on(task).unwrap();
        let note = "bad=(it panicked when it was formatted)";
        assert_eq!(told(id), [format!("ERROR told {note} good=1")]);
    });
}

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

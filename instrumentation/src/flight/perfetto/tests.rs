use super::*;

fn event(kind: Kind, at_ns: u64, duration_ns: u64, task_id: u64) -> v1::TraceEvent {
    v1::TraceEvent {
        kind: kind.into(),
        at_ns,
        duration_ns,
        task_id,
        polls: 1,
        ..v1::TraceEvent::default()
    }
}

fn wake(at_ns: u64, task_id: u64, by_task_id: u64) -> v1::TraceEvent {
    v1::TraceEvent {
        by_task_id,
        ..event(Kind::Wake, at_ns, 0, task_id)
    }
}

fn poll(at_ns: u64, duration_ns: u64, task_id: u64) -> v1::TraceEvent {
    event(Kind::Poll, at_ns, duration_ns, task_id)
}

fn runtime(lanes: Vec<Vec<v1::TraceEvent>>) -> Runtime {
    Runtime {
        id: 1,
        lanes: (0..).zip(lanes).collect(),
        ..Runtime::default()
    }
}

/// As (worker, number of the wake, worker of the poll, its beginning).
fn arrows(lanes: Vec<Vec<v1::TraceEvent>>) -> Vec<(u32, usize, u32, u64)> {
    let arrows = runtime(lanes).arrows();
    let mut arrows: Vec<_> = arrows
        .into_iter()
        .map(|((worker, index), to)| (worker, index, to.to_worker, to.to_ns))
        .collect();
    arrows.sort_unstable();
    arrows
}

#[test]
fn arrow_goes_from_the_wakers_poll_to_the_next_poll_of_the_woken() {
    let waker = vec![poll(10, 10, 7), wake(15, 8, 7), poll(40, 5, 7)];
    let woken = vec![poll(5, 5, 8), poll(20, 5, 8), poll(30, 5, 8)];
    assert_eq!(arrows(vec![waker, woken]), [(0, 1, 1, 20)]);
}

#[test]
fn wake_that_another_one_follows_or_that_was_not_the_cause_has_no_arrow() {
    // Woken again before a poll: the first one's poll is not known.
    let twice = vec![
        poll(10, 20, 7),
        wake(15, 8, 7),
        wake(25, 8, 7),
        poll(40, 5, 8),
    ];
    assert_eq!(arrows(vec![twice]), [(0, 2, 0, 40)]);
    // The poll tells of a wake by somebody else.
    let mut outside = poll(40, 5, 8);
    outside.from_outside = true;
    assert_eq!(
        arrows(vec![vec![poll(10, 20, 7), wake(15, 8, 7), outside]]),
        []
    );
    // The waker's poll was overwritten.
    assert_eq!(arrows(vec![vec![wake(15, 8, 7), poll(40, 5, 8)]]), []);
    // Made by a destructor after a poll.
    let after = vec![poll(10, 2, 7), wake(15, 8, 0), poll(40, 5, 8)];
    assert_eq!(arrows(vec![after]), []);
}

#[test]
fn wakes_by_the_driver_begin_in_its_slice() {
    let mut by_driver = wake(15, 8, 0);
    by_driver.by_driver = true;
    let lane = vec![event(Kind::Park, 10, 10, 0), by_driver, poll(40, 5, 8)];
    assert_eq!(arrows(vec![lane]), [(0, 1, 0, 40)]);
}

#[test]
fn texts_and_times_are_written_exactly() {
    assert_eq!(Micros(1_234_567).to_string(), "1234.567");
    assert_eq!(Micros(5).to_string(), "0.005");
    assert_eq!(
        Text("a\"b\\\n\u{7f}é").to_string(),
        "\"a\\\"b\\\\\\u000a\u{7f}é\""
    );
}

#[test]
fn hostile_numbers_are_written_too() {
    let mut trace = Trace::new();
    trace.add(v1::TraceChunk {
        runtime_id: u64::MAX,
        events: vec![v1::TraceEvents {
            worker: u32::MAX,
            events: vec![
                poll(u64::MAX, u64::MAX, u64::MAX),
                wake(0, u64::MAX, u64::MAX),
                event(Kind::Unspecified, 0, 0, 0),
            ],
        }],
        ..v1::TraceChunk::default()
    });
    let mut out = Vec::new();
    trace
        .write_json("p", &mut out)
        .expect("memory does not fail");
    let text = String::from_utf8(out).expect("text");
    assert!(text.contains("\"ts\":18446744073709551.615,"), "{text}");
}

use zokio_console_proto::v1::{self, TraceEventKind as Kind};

use super::*;
use crate::action::Action;
use crate::sanitize::lanes::Collector;
use crate::state::fixtures::{press, recorded, recording, trace_event as event, watching};
use crate::state::update;

fn collected(worker_events: Vec<v1::TraceEvent>, max: usize) -> Recording {
    let mut collector = Collector::new(1, max);
    collector.add(v1::TraceChunk {
        runtime_id: 1,
        runtime: Some(v1::TraceRuntime {
            taken_at_ns: 1_000,
            workers: vec![v1::TraceWorker {
                capacity_bytes: 1,
                ..Default::default()
            }],
            ..Default::default()
        }),
        events: vec![v1::TraceEvents {
            worker: 0,
            events: worker_events,
        }],
        ..Default::default()
    });
    collector.finish()
}

#[test]
fn zooming_goes_around_the_cursor_and_never_out_of_the_recording() {
    let mut state = recorded(80, 24);
    let whole = (state.timeline.from_ns, state.timeline.width_ns);
    press(&mut state, "page-up");
    let cell = state.timeline.cursor_cell(cells(80));
    press(&mut state, "+ + +");
    assert_eq!(state.timeline.width_ns, whole.1 / 8);
    let now = state.timeline.cursor_cell(cells(80));
    assert!(now.abs_diff(cell) <= 1, "{now} {cell}");
    for _ in 0..80 {
        press(&mut state, "+");
    }
    assert_eq!(state.timeline.width_ns, MIN_WIDTH_NS);
    for _ in 0..80 {
        press(&mut state, "-");
    }
    assert_eq!((state.timeline.from_ns, state.timeline.width_ns), whole);
}

#[test]
fn the_part_shown_goes_with_the_cursor_up_to_the_ends() {
    let mut state = recorded(80, 24);
    press(&mut state, "+ + h");
    let from = state.timeline.from_ns;
    for _ in 0..400 {
        press(&mut state, "left");
    }
    let recording = state.timeline.recording().unwrap();
    let (first, last) = (recording.from_ns, recording.until_ns);
    assert!(state.timeline.from_ns < from);
    assert_eq!(state.timeline.from_ns, first);
    assert_eq!(state.timeline.cursor_ns, first);
    for _ in 0..20 {
        press(&mut state, "page-down");
    }
    assert_eq!(state.timeline.cursor_ns, last - 1);
    assert_eq!(state.timeline.from_ns + state.timeline.width_ns, last);
    press(&mut state, "j j j j j");
    assert_eq!(state.timeline.lane, 1);
}

#[test]
fn long_polls_are_gone_to_one_by_one_and_enter_opens_their_task() {
    let mut state = recorded(80, 24);
    press(&mut state, "N");
    let second = state.timeline.selected(cells(80)).copied().unwrap();
    assert_eq!(second.task(), Some(12));
    press(&mut state, "N");
    assert_eq!(state.timeline.lane, 1);
    assert_eq!(task(&state), Some((1, 7)));
    press(&mut state, "N");
    assert_eq!(
        state.notice(),
        Some("there is no earlier poll of 1.00ms or more")
    );
    press(&mut state, "n");
    assert_eq!(state.timeline.selected(cells(80)), Some(&second));
    let effects = update(&mut state, Action::Command(Command::Open));
    assert_eq!(state.screen, Screen::Detail);
    let asked = Effect::FetchDetails {
        runtime_id: 1,
        task_id: 12,
    };
    assert!(effects.contains(&asked));
    press(&mut state, "esc");
    assert_eq!(state.screen, Screen::Timeline);
    assert!(state.timeline.recording().is_some());
}

#[test]
fn only_the_answer_that_is_waited_for_is_taken() {
    let mut state = watching(80, 24);
    let effects = update(&mut state, Action::Command(Command::ShowTimeline));
    assert!(effects.contains(&Effect::FetchTimeline { runtime_id: 1 }));
    answer(&mut state, 2, Ok(Box::new(recording())));
    assert!(state.timeline.recording().is_none());
    update(
        &mut state,
        Action::Lost {
            reason: "x".into(),
            retry_in_ms: 1,
        },
    );
    assert!(matches!(&state.timeline.reading, Reading::Failed(why) if why == NO_CONNECTION));
    answer(&mut state, 1, Ok(Box::new(recording())));
    assert!(state.timeline.recording().is_none());
    assert_eq!(update(&mut state, Action::Command(Command::ReadAgain)), []);
}

#[test]
fn a_poll_is_ascribed_to_nothing_from_before_the_poll_before_it() {
    let wake = |at| v1::TraceEvent {
        by_task_id: 9,
        ..event(Kind::Wake, at, 0, 5)
    };
    let recording = collected(
        vec![
            wake(10),
            event(Kind::Poll, 20, 5, 5),
            event(Kind::Poll, 40, 5, 5),
            event(Kind::Poll, 60, 5, 6),
        ],
        100,
    );
    let spans = &recording.lanes[0].spans;
    let how = |at: usize| recording.cause(&spans[at]).map(|cause| cause.how);
    let woken = recording::How::Woken {
        by_task: 9,
        by_driver: false,
    };
    assert_eq!([how(0), how(1), how(2)], [Some(woken), None, None]);
}

#[test]
fn of_too_many_events_the_newest_stay() {
    let polls = (0..50)
        .map(|at| event(Kind::Poll, at * 10, 5, at))
        .collect();
    let recording = collected(polls, 20);
    assert_eq!(recording.left_off, 30);
    let lane = &recording.lanes[0];
    assert_eq!(lane.spans.len(), 20);
    assert_eq!((lane.spans[0].at_ns, lane.complete_since_ns), (300, 300));
}

#[test]
fn spans_that_cannot_be_are_cut_to_the_recording_and_to_one_another() {
    let recording = collected(
        vec![
            event(Kind::Poll, 500, u64::MAX, 1),
            event(Kind::Park, 100, 700, 0),
            event(Kind::Poll, u64::MAX, u64::MAX, 2),
        ],
        100,
    );
    let spans: Vec<_> = recording.lanes[0]
        .spans
        .iter()
        .map(|s| (s.at_ns, s.until_ns))
        .collect();
    assert_eq!(spans, [(100, 500), (500, 1_000), (1_000, 1_000)]);
    assert!(collected(Vec::new(), 0).lanes[0].spans.is_empty());
}

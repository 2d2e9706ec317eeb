//! Pausing, looking back, and playing a recording.

use super::super::fixtures::hear;
use super::*;
use crate::action::Save;
use crate::recording::{Frame, Kind, Play, Ring, Source as _, Tape};

const HISTORY: usize = 1 << 20;

fn kept(seconds: u64, max_bytes: usize) -> State {
    fixtures::kept(state(80, 24).with_history(max_bytes), seconds)
}

/// The second of the world that is shown.
fn second(state: &State) -> u64 {
    state.world().taken_at_ns / 1_000_000_000 - 60
}

#[test]
fn arrows_on_a_paused_clock_go_through_the_last_minutes_and_space_comes_back() {
    let mut state = kept(30, HISTORY);
    press(&mut state, "space");
    assert!(state.paused());
    assert_eq!(second(&state), 29);
    press(&mut state, "left left left");
    assert_eq!(second(&state), 26);
    press(&mut state, "right");
    assert_eq!(second(&state), 27);
    // The program goes on, and so does what is kept of it; the screen does not.
    hear(&mut state, 30);
    hear(&mut state, 31);
    assert_eq!(second(&state), 27);
    press(&mut state, "[");
    assert_eq!(second(&state), 17);
    press(&mut state, "home");
    assert_eq!(second(&state), 0);
    press(&mut state, "end");
    assert_eq!(second(&state), 31);
    press(&mut state, "left space");
    assert!(!state.paused());
    assert_eq!(second(&state), 31);
}

#[test]
fn a_large_step_back_needs_no_pause_first() {
    let mut state = kept(30, HISTORY);
    press(&mut state, "[");
    assert!(state.paused());
    assert_eq!(second(&state), 19);
}

#[test]
fn the_past_is_sorted_and_filtered_without_asking_anybody() {
    let mut state = kept(30, HISTORY);
    press(&mut state, "t space left");
    assert_eq!(key(&mut state, "l"), [], "sorts by busy time");
    press(&mut state, "/ o r d e r s -");
    assert_eq!(key(&mut state, "enter"), []);
    let runtime = state.shown_runtime().unwrap();
    assert_eq!(
        (runtime.tasks.rows.as_slice(), runtime.tasks.matching),
        (&[3][..], 1)
    );
    assert_eq!(second(&state), 28);
    // Back in the present the server is asked.
    let effects = key(&mut state, "space");
    assert!(
        matches!(&effects[..], [Effect::Subscribe(q)] if q.filter == "orders-" && q.sort == SortKey::Busy),
        "{effects:?}"
    );
}

#[test]
fn the_past_is_filtered_by_the_fields_of_spans() {
    let mut state = kept(30, HISTORY);
    press(
        &mut state,
        "t space left / f i e l d : o r d e r s / 1 3 ? enter",
    );
    let runtime = state.shown_runtime().unwrap();
    assert_eq!(runtime.tasks.rows, [13]);
}

/// The rows that are shown, and how deep they are.
fn tree(state: &State) -> Vec<(u64, Option<u16>)> {
    let tasks = &state.shown_runtime().unwrap().tasks;
    let rows = tasks.rows.iter().enumerate();
    rows.map(|(row, id)| (*id, tasks.depth_at(row))).collect()
}

#[test]
fn the_tree_of_the_past_has_the_rows_that_the_filter_lets_through() {
    let mut state = kept(30, HISTORY);
    press(&mut state, "t space left / o r d e r s - enter e");
    assert_eq!(tree(&state), [(3, Some(0))]);
    press(&mut state, "left");
    assert_eq!(tree(&state), [(3, Some(0))], "another moment, still a tree");
    press(&mut state, "e");
    assert_eq!(tree(&state), [(3, None)]);
}

#[test]
fn the_tree_of_a_recording_keeps_the_order_and_stays_while_it_plays() {
    let (mut state, mut tape) = replayed();
    // By busy time, the least first: the parent of all comes last.
    press(&mut state, "t l i");
    show(&mut state, &mut tape);
    let flat = tree(&state);
    assert!(flat.len() > 3 && flat.last() == Some(&(1, None)));
    press(&mut state, "e");
    let children = flat.iter().rev().skip(1).rev();
    let below = children.map(|(id, _)| (*id, Some(1)));
    let arranged: Vec<_> = [(1, Some(0))].into_iter().chain(below).collect();
    assert_eq!(tree(&state), arranged);
    tape.perform(Play::Step { seconds: 1 });
    show(&mut state, &mut tape);
    assert_eq!(tree(&state), arranged);
    press(&mut state, "e");
    assert_eq!(tree(&state), flat);
}

#[test]
fn a_task_that_the_past_does_not_know_is_asked_for_again_in_the_present() {
    let nobody = Query {
        filter: "nobody".into(),
        ..Query::default()
    };
    let without_tasks = |step| fixtures::snapshot(step, &nobody);
    let mut state = kept(0, HISTORY);
    for second in 0..5 {
        update(&mut state, Action::Tick(at(second * 1_000)));
        let payload = prost::Message::encode_to_vec(&without_tasks(second));
        let frame = Frame::new(0, Kind::Update, true, payload);
        update(&mut state, Action::Heard(frame));
        feed(&mut state, second);
    }
    press(&mut state, "t");
    let asked = key(&mut state, "enter");
    let [
        Effect::FetchDetails {
            runtime_id,
            task_id,
        },
    ] = asked[..]
    else {
        panic!("{asked:?}")
    };
    let answer = |answer| Action::Details {
        runtime_id,
        task_id,
        answer,
    };
    press(&mut state, "space left");
    assert!(state.detail.as_ref().unwrap().gone);
    update(&mut state, answer(DetailsAnswer::Failed));
    // In the present it has left the window meanwhile.
    let live = Box::new(sanitize::update(without_tasks(5)));
    let query = nobody.clone();
    update(
        &mut state,
        Action::Update {
            update: live,
            query,
        },
    );
    let effects = key(&mut state, "space");
    assert!(effects.contains(&asked[0]), "{effects:?}");
    assert!(!state.detail.as_ref().unwrap().gone);
    update(&mut state, answer(DetailsAnswer::Gone));
    assert!(state.detail.as_ref().unwrap().gone);
}

#[test]
fn a_task_of_the_past_is_shown_as_it_was() {
    let mut state = kept(30, HISTORY);
    press(&mut state, "t enter space left left left left left");
    let idle = |state: &State| {
        let detail = state.detail.as_ref().unwrap();
        (detail.task.as_ref().unwrap().idle_ns, detail.gone)
    };
    let then = idle(&state);
    press(&mut state, "end");
    assert_eq!(idle(&state), (then.0 + 5_000_000_000, false));
}

#[test]
fn without_history_there_is_a_pause_and_a_word() {
    let mut state = kept(5, 0);
    press(&mut state, "space left");
    assert_eq!((second(&state), state.paused()), (4, true));
    assert!(state.notice().unwrap().contains("--history 0"));
    update(&mut state, Action::Tick(at(60_000)));
    assert_eq!(state.notice(), None);
}

#[test]
fn keeping_what_comes_does_not_draw_the_screen() {
    let mut state = kept(5, HISTORY);
    state.dirty = false;
    update(
        &mut state,
        Action::Heard(Frame::new(0, Kind::Update, true, vec![0; 100])),
    );
    assert!(!state.dirty);
}

#[test]
fn what_is_kept_can_be_saved_as_a_recording() {
    let mut state = kept(30, HISTORY);
    let effects = key(&mut state, "ctrl-s");
    let [Effect::Save(Save { name, frames, .. })] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert!(
        name.starts_with("http_server-17672") && name.ends_with(".zrec"),
        "{name}"
    );
    let mut ring = Ring::new(HISTORY);
    frames.iter().cloned().for_each(|frame| ring.push(frame));
    assert_eq!(ring.frames().end, 32);
    let mut tape = Tape::new(ring, None);
    tape.seek(u64::MAX);
    let moment = tape.moment(&Query::default());
    assert_eq!(moment.world.taken_at_ns, 89_000_000_000);
    assert_eq!(moment.server.unwrap().process_name, "http_server");
    let mut empty = kept(0, HISTORY);
    assert_eq!(key(&mut empty, "ctrl-s"), []);
    assert!(empty.notice().is_some());
}

/// A recording as it comes from outside.
fn replayed() -> (State, Tape<Ring>) {
    let past = kept(30, HISTORY).past;
    let mut state = state(80, 24).of_recording();
    let mut tape = past;
    tape.seek(0);
    show(&mut state, &mut tape);
    (state, tape)
}

fn show(state: &mut State, tape: &mut Tape<Ring>) {
    let moment = tape.moment(&state.query().clone());
    update(state, Action::Moment(Box::new(moment)));
}

#[test]
fn a_recording_is_played_outside_and_shown_with_the_same_screens() {
    let (mut state, mut tape) = replayed();
    assert!(state.paused());
    assert_eq!(second(&state), 0);
    assert_eq!(state.connection.server.as_ref().unwrap().process_id, 4711);
    for (keys, play) in [
        ("space", Play::Toggle),
        ("right", Play::Step { seconds: 1 }),
        ("]", Play::Step { seconds: 10 }),
        (">", Play::Faster),
        ("<", Play::Slower),
        ("end", Play::End),
        ("home", Play::Start),
    ] {
        assert_eq!(key(&mut state, keys), [Effect::Play(play)], "{keys}");
    }
    tape.perform(Play::Step { seconds: 12 });
    show(&mut state, &mut tape);
    press(&mut state, "t");
    assert_eq!(second(&state), 12);
    // While it plays, arrows sort: what is asked for is asked of the player.
    tape.perform(Play::Toggle);
    show(&mut state, &mut tape);
    let effects = key(&mut state, "right");
    assert!(matches!(&effects[..], [Effect::Subscribe(q)] if q.sort == SortKey::Busy));
    show(&mut state, &mut tape);
    assert_eq!(state.shown_runtime().unwrap().tasks.rows[0], 1);
    press(&mut state, "ctrl-s");
    assert!(state.notice().unwrap().contains("already"));
}

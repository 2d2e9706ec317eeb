//! Behaviour of the state, key by key.

mod clock;
mod screens;

use super::fixtures::{
    at, backtrace, command, describe, detail, feed, press, snapshot, state, watching,
};
use super::*;
use crate::action::DetailsAnswer;
use crate::sanitize;
use model::SortKey;

fn key(state: &mut State, text: &str) -> Vec<Effect> {
    update(state, Action::Key(Key::parse(text).unwrap()))
}

fn selected_id(state: &State) -> Option<u64> {
    state.shown_runtime()?.tasks.id_at(state.tasks.selected)
}

#[test]
fn keys_walk_through_the_screens_and_back() {
    let mut state = watching(80, 24);
    press(&mut state, "t");
    assert_eq!(state.screen, Screen::Tasks);
    press(&mut state, "enter");
    assert_eq!(state.screen, Screen::Detail);
    press(&mut state, "?");
    assert!(state.help.is_some());
    press(&mut state, "esc");
    assert!(state.help.is_none());
    assert_eq!(state.screen, Screen::Detail);
    press(&mut state, "esc esc");
    assert_eq!(state.screen, Screen::Workers);
    assert_eq!(key(&mut state, "q"), [Effect::Quit]);
    assert_eq!(key(&mut state, "ctrl-c"), [Effect::Quit]);
}

/// Sends an update that is changed by `change`.
fn feed_changed(state: &mut State, change: impl Fn(&mut zokio_console_proto::v1::RuntimeUpdate)) {
    let query = state.query().clone();
    let mut raw = snapshot(31, &query);
    change(&mut raw.runtimes[0]);
    let raw = Box::new(sanitize::update(raw));
    update(state, Action::Update { update: raw, query });
}

#[test]
fn a_finding_leads_to_its_task_and_back() {
    let mut state = watching(80, 24);
    press(&mut state, "d j");
    assert_eq!(
        (state.screen, state.findings.selected),
        (Screen::Findings, 1)
    );
    let effects = key(&mut state, "enter");
    assert!(
        matches!(&effects[..], [Effect::FetchDetails { task_id: 14, .. }]),
        "{effects:?}"
    );
    assert_eq!(state.screen, Screen::Detail);
    press(&mut state, "esc");
    assert_eq!(
        (state.screen, state.findings.selected),
        (Screen::Findings, 1)
    );
    press(&mut state, "esc");
    assert_eq!(state.screen, Screen::Workers);
}

#[test]
fn a_finding_without_a_task_leads_nowhere() {
    let mut state = watching(80, 24);
    press(&mut state, "d");
    feed_changed(&mut state, |runtime| runtime.findings[0].task = None);
    assert!(key(&mut state, "enter").is_empty());
    assert_eq!(state.screen, Screen::Findings);
}

#[test]
fn findings_that_are_not_sent_again_stay() {
    let mut state = watching(80, 24);
    for (unchanged, left) in [(true, 2), (false, 0)] {
        feed_changed(&mut state, |runtime| {
            runtime.findings.clear();
            runtime.findings_unchanged = unchanged;
        });
        assert_eq!(state.shown_runtime().unwrap().findings.len(), left);
    }
}

#[test]
fn sorting_by_another_column_asks_the_server_anew() {
    let mut state = watching(80, 24);
    press(&mut state, "t");
    let effects = key(&mut state, "right");
    assert!(
        matches!(&effects[..], [Effect::Subscribe(q)] if q.sort == SortKey::Busy && !q.ascending)
    );
    let effects = key(&mut state, "i");
    assert!(
        matches!(&effects[..], [Effect::Subscribe(q)] if q.sort == SortKey::Busy && q.ascending)
    );
}

#[test]
fn moving_within_the_window_asks_nothing_and_leaving_it_does() {
    let mut state = watching(80, 24);
    let query = state.query().clone();
    let mut raw = snapshot(31, &query);
    raw.runtimes[0].matching_tasks = 10_000;
    update(
        &mut state,
        Action::Update {
            update: Box::new(sanitize::update(raw)),
            query,
        },
    );
    press(&mut state, "t");
    assert_eq!(key(&mut state, "j"), []);
    assert_eq!(key(&mut state, "page-down"), []);
    let effects = key(&mut state, "G");
    let Some(Effect::Subscribe(query)) = effects.first() else {
        panic!("{effects:?}")
    };
    let end = query.offset as usize + query.limit as usize;
    assert!(query.offset as usize <= state.tasks.top && state.tasks.top + state.task_rows() <= end);
    assert_eq!(state.tasks.selected, 9_999);
    press(&mut state, "g g");
    assert_eq!((state.tasks.selected, state.tasks.top), (0, 0));
}

#[test]
fn a_filter_is_typed_kept_cancelled_and_dropped() {
    let mut state = watching(80, 24);
    press(&mut state, "t /");
    let effects = key(&mut state, "q");
    assert!(matches!(&effects[..], [Effect::Subscribe(q)] if q.filter == "q"));
    press(&mut state, "backspace c o n n enter");
    assert_eq!(
        (state.tasks.filter.as_str(), state.tasks.editing()),
        ("conn", false)
    );
    feed(&mut state, 31);
    assert_eq!(state.shown_runtime().unwrap().tasks.matching, 20);
    press(&mut state, "/ x x esc");
    assert_eq!(state.tasks.filter, "conn");
    press(&mut state, "esc");
    assert_eq!(state.tasks.filter, "");
    assert_eq!(state.screen, Screen::Tasks);
}

#[test]
fn a_filter_with_a_mistake_is_not_sent_and_cannot_be_kept() {
    let mut state = watching(80, 24);
    press(&mut state, "t / c o n n");
    assert_eq!(key(&mut state, "("), []);
    assert_eq!(state.tasks.filter, "conn", "the last that could be read");
    assert_eq!(key(&mut state, "enter"), []);
    assert!(state.tasks.editing(), "a mistake does not go unseen");
    press(&mut state, "backspace enter");
    assert!(!state.tasks.editing());
    press(&mut state, "/ ctrl-u up enter");
    assert_eq!(state.tasks.filter, "conn", "it was in the history");
}

#[test]
fn an_older_server_is_sent_any_text() {
    let mut state = watching(80, 24);
    let old = zokio_console_proto::v1::DescribeResponse {
        minor: 1,
        ..describe()
    };
    update(
        &mut state,
        Action::Connected(Box::new(sanitize::server(&old))),
    );
    press(&mut state, "t / (");
    assert_eq!(state.query().filter, "(");
    press(&mut state, "esc s j enter");
    assert_eq!(
        state.query().filter,
        "examples/src/bin/http_server/orders.rs:57:9"
    );
}

#[test]
fn a_refused_filter_says_so_until_another_is_used() {
    let mut state = watching(80, 24);
    press(&mut state, "t / x enter");
    let query = state.query().clone();
    let refuse = |state: &mut State| {
        let (message, query) = ("no".to_owned(), query.clone());
        update(state, Action::Refused { message, query })
    };
    assert_eq!(refuse(&mut state), [], "it is not asked again");
    assert_eq!(state.tasks.refused.as_deref(), Some("no"));
    press(&mut state, "/ y enter");
    assert_eq!(state.tasks.refused, None);
    refuse(&mut state);
    assert_eq!(state.tasks.refused, None, "that was the filter before");
}

#[test]
fn a_saved_filter_is_chosen_from_the_list() {
    let mut state = watching(80, 24);
    press(&mut state, "t F j j");
    assert_eq!(state.tasks.filter, "", "looking is not choosing");
    let effects = key(&mut state, "enter");
    let filter = state.settings.filters[2].filter.clone();
    assert!(matches!(&effects[..], [Effect::Subscribe(q)] if q.filter == filter));
    assert_eq!(state.menu, None);
    press(&mut state, "F esc");
    assert_eq!((state.menu, state.screen), (None, Screen::Tasks));
    assert_eq!(state.tasks.filter, filter);
}

#[test]
fn columns_are_hidden_shown_and_moved_and_one_stays() {
    use columns::Column;
    let mut state = watching(80, 24);
    press(&mut state, "t c J space");
    let shown = |state: &State| state.settings.columns.clone();
    assert_eq!(shown(&state)[0], Column::Id);
    assert!(!shown(&state).contains(&Column::Warn), "moved, then hidden");
    assert_eq!(
        menu::columns(&state)[state.menu.unwrap().selected].0.column,
        Column::Warn,
        "the selection has gone with it"
    );
    press(&mut state, "space K K");
    assert_eq!(
        shown(&state)[10..],
        [Column::Warn, Column::WaitsFor, Column::Fields]
    );
    for _ in 0..40 {
        press(&mut state, "g g space");
    }
    assert_eq!(shown(&state).len(), 1);
    assert!(!state.paused(), "the space bar is the list's");
}

#[test]
fn there_is_a_column_for_fields_if_a_task_has_some() {
    let mut state = watching(160, 50);
    let last = |state: &State| state.task_columns().last().unwrap().title;
    assert_eq!(last(&state), "Fields");
    feed_changed(&mut state, |runtime| {
        for task in &mut runtime.tasks {
            task.fields.clear();
        }
    });
    assert_eq!(last(&state), "Waits for");
}

#[test]
fn only_columns_that_are_shown_are_sorted_by() {
    use columns::Column;
    let mut state = watching(80, 24);
    state.settings.columns = vec![Column::Name, Column::Warn, Column::Longest, Column::Wakes];
    press(&mut state, "t l");
    assert_eq!(state.tasks.sort, SortKey::Longest, "not by warnings");
    press(&mut state, "l");
    assert_eq!(state.tasks.sort, SortKey::Wakes);
    press(&mut state, "l");
    assert_eq!(state.tasks.sort, SortKey::Name);
}

#[test]
fn the_selection_stays_on_its_task_when_rows_move() {
    let mut state = watching(80, 24);
    press(&mut state, "t j j");
    let id = selected_id(&state);
    let query = state.query().clone();
    let mut raw = snapshot(31, &query);
    raw.runtimes[0].rows.reverse();
    update(
        &mut state,
        Action::Update {
            update: Box::new(sanitize::update(raw)),
            query,
        },
    );
    assert_eq!(selected_id(&state), id);
    assert!(
        state.tasks.top <= state.tasks.selected
            && state.tasks.selected < state.tasks.top + state.task_rows()
    );
}

#[test]
fn a_shrinking_table_pulls_the_selection_in() {
    let mut state = watching(80, 24);
    press(&mut state, "t G");
    let query = state.query().clone();
    let mut raw = snapshot(31, &query);
    raw.runtimes[0].rows.truncate(3);
    raw.runtimes[0].matching_tasks = 3;
    update(
        &mut state,
        Action::Update {
            update: Box::new(sanitize::update(raw)),
            query,
        },
    );
    assert_eq!((state.tasks.selected, state.tasks.top), (2, 0));
}

#[test]
fn a_pause_freezes_the_screen_while_data_goes_on() {
    let mut state = watching(80, 24);
    let shown = |state: &State| state.shown_runtime().unwrap().summary.taken_at_ns;
    let before = shown(&state);
    press(&mut state, "space");
    feed(&mut state, 40);
    assert!(state.paused());
    assert_eq!(shown(&state), before);
    press(&mut state, "space");
    assert!(shown(&state) > before);
}

#[test]
fn an_open_task_is_asked_for_once_at_a_time() {
    let mut state = watching(80, 24);
    press(&mut state, "t");
    let effects = key(&mut state, "enter");
    let [
        Effect::FetchDetails {
            runtime_id,
            task_id,
        },
    ] = effects[..]
    else {
        panic!("{effects:?}")
    };
    let query = state.query().clone();
    let next = |state: &mut State, step| {
        let update_ = Box::new(sanitize::update(snapshot(step, &query)));
        update(
            state,
            Action::Update {
                update: update_,
                query: query.clone(),
            },
        )
    };
    assert_eq!(next(&mut state, 31), [], "one request is under way");
    update(
        &mut state,
        Action::Details {
            runtime_id,
            task_id,
            answer: DetailsAnswer::Failed,
        },
    );
    assert_eq!(
        next(&mut state, 32),
        [Effect::FetchDetails {
            runtime_id,
            task_id
        }]
    );
    update(
        &mut state,
        Action::Details {
            runtime_id,
            task_id,
            answer: DetailsAnswer::Gone,
        },
    );
    assert!(state.detail.as_ref().unwrap().gone);
}

#[test]
fn details_of_another_task_are_not_shown() {
    let mut state = watching(80, 24);
    press(&mut state, "t enter");
    let before = state.detail.as_ref().unwrap().task.clone();
    update(
        &mut state,
        Action::Details {
            runtime_id: 1,
            task_id: 999,
            answer: DetailsAnswer::Gone,
        },
    );
    assert_eq!(state.detail.as_ref().unwrap().task, before);
    assert!(!state.detail.as_ref().unwrap().gone);
}

#[test]
fn a_lost_connection_keeps_what_is_on_the_screen() {
    let mut state = watching(80, 24);
    update(
        &mut state,
        Action::Lost {
            reason: "the connection was closed".into(),
            retry_in_ms: 400,
        },
    );
    assert!(state.shown_runtime().is_some());
    assert_eq!(
        state.connection.retry_in_ms(at(state.now.mono_ms + 100)),
        Some(300)
    );
    update(
        &mut state,
        Action::Connected(Box::new(sanitize::server(&describe()))),
    );
    assert_eq!(
        state.shown_runtime().unwrap().workers[0].rates.polls,
        1_200.0
    );
}

#[test]
fn another_process_at_the_same_address_starts_over_with_its_first_update() {
    let mut state = watching(80, 24);
    let restarted = v1_describe(4712);
    update(&mut state, Action::Connected(Box::new(restarted)));
    assert!(
        state.shown_runtime().is_some(),
        "the old data stays until there is new"
    );
    feed(&mut state, 0);
    assert_eq!(state.shown_runtime().unwrap().workers[0].rates.polls, 0.0);
}

fn v1_describe(process_id: u32) -> model::Server {
    sanitize::server(&zokio_console_proto::v1::DescribeResponse {
        process_id,
        ..describe()
    })
}

#[test]
fn tab_goes_round_the_runtimes() {
    let mut state = watching(80, 24);
    let query = state.query().clone();
    let mut raw = snapshot(31, &query);
    let second = zokio_console_proto::v1::RuntimeUpdate {
        id: 2,
        name: "side".into(),
        ..Default::default()
    };
    raw.runtimes.push(second);
    update(
        &mut state,
        Action::Update {
            update: Box::new(sanitize::update(raw)),
            query,
        },
    );
    assert_eq!(state.runtime, Some(1));
    press(&mut state, "tab");
    assert_eq!(state.runtime, Some(2));
    press(&mut state, "tab");
    assert_eq!(state.runtime, Some(1));
    press(&mut state, "back-tab");
    assert_eq!(state.runtime, Some(2));
}

#[test]
fn nothing_known_yet_takes_every_key() {
    let mut state = state(80, 24);
    for binding in &keymap::BINDINGS {
        command(&mut state, binding.command);
    }
    press(&mut state, "g G enter x");
    assert!(state.shown_runtime().is_none());
}

#[test]
fn a_tick_alone_redraws_once_a_second() {
    let mut state = watching(80, 24);
    state.dirty = false;
    let then = state.now;
    update(
        &mut state,
        Action::Tick(Now {
            mono_ms: then.mono_ms + 10,
            unix_ms: then.unix_ms + 10,
        }),
    );
    assert!(!state.dirty);
    update(
        &mut state,
        Action::Tick(Now {
            mono_ms: then.mono_ms + 1_000,
            unix_ms: then.unix_ms + 1_000,
        }),
    );
    assert!(state.dirty);
}

#[test]
fn a_task_is_asked_where_it_waits_and_another_ones_answer_is_ignored() {
    let mut state = watching(80, 24);
    detail(&mut state);
    let effects = key(&mut state, "b");
    let task = state.detail.as_ref().unwrap().task_id;
    assert!(matches!(effects[..], [Effect::FetchBacktrace { task_id, .. }] if task_id == task));
    let other = Action::Backtrace {
        runtime_id: 1,
        task_id: task + 1,
        answer: Err("no".into()),
    };
    update(&mut state, other);
    let asked = |state: &State| state.detail.as_ref().unwrap().backtrace.clone();
    assert!(matches!(asked(&state), Some(Asked::Waiting)));
    backtrace(&mut state);
    assert!(matches!(asked(&state), Some(Asked::Answered(Ok(_)))));
    assert!(key(&mut state, "b").is_empty());
    assert!(asked(&state).is_none());
    // An answer that nobody waits for any more.
    backtrace(&mut state);
    assert!(asked(&state).is_none());
}

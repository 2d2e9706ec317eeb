//! A picture of every screen, and the proof that no state at no size panics.

mod colours;
mod properties;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::action::Action;
use crate::sanitize;
use crate::state::fixtures::{
    at, backtrace, detail, feed, press, resources, snapshot, state, stuck, told, waits, watching,
};
use crate::state::targets::Targets;
use crate::state::{State, update};
use crate::theme::{Depth, Palette, Theme};

const UNICODE: Theme = Theme {
    palette: Palette::Dark,
    depth: Depth::Indexed,
    ascii: false,
};
const ASCII: Theme = Theme {
    palette: Palette::Dark,
    depth: Depth::None,
    ascii: true,
};
const SIZES: [(u16, u16); 2] = [(80, 24), (160, 50)];

fn draw(state: &State, theme: Theme) -> String {
    let backend = TestBackend::new(state.width, state.height);
    let mut terminal = Terminal::new(backend).expect("a test backend never fails");
    terminal
        .draw(|frame| {
            let area = frame.area();
            super::render(state, theme, area, frame.buffer_mut());
        })
        .expect("a test backend never fails");
    terminal.backend().to_string()
}

fn picture(name: &str, prepare: impl Fn(&mut State)) {
    for (width, height) in SIZES {
        let mut state = watching(width, height);
        prepare(&mut state);
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), draw(&state, UNICODE));
    }
}

#[test]
fn workers_screen() {
    picture("workers", |_| {});
}

#[test]
fn tasks_screen() {
    picture("tasks", |state| press(state, "t j j"));
}

#[test]
fn tasks_screen_as_a_tree() {
    picture("tasks_tree", |state| press(state, "t e j"));
}

#[test]
fn tasks_screen_while_the_filter_is_typed() {
    picture("tasks_filter", |state| {
        press(state, "t / c o n n");
        feed(state, 31);
    });
}

#[test]
fn tasks_screen_with_completions_of_the_filter() {
    picture("tasks_filter_completion", |state| {
        press(state, "t / w tab tab");
    });
}

#[test]
fn tasks_screen_with_a_mistake_in_the_filter() {
    picture("tasks_filter_mistake", |state| {
        press(state, "t / c o n n space i d l e > 5 x");
    });
}

#[test]
fn tasks_screen_with_a_filter_that_the_server_refuses() {
    picture("tasks_filter_refused", |state| {
        press(state, "t / n e w : x enter esc / x enter");
        let query = state.query().clone();
        let message = "column 1 of the filter: there is no field `x`".into();
        update(state, Action::Refused { message, query });
    });
}

#[test]
fn tasks_screen_with_the_saved_filters() {
    picture("tasks_saved_filters", |state| press(state, "t F j"));
}

#[test]
fn tasks_screen_while_columns_are_chosen() {
    picture("tasks_columns", |state| {
        press(state, "t c j j j K space G space");
    });
}

#[test]
fn tasks_screen_with_other_columns() {
    use crate::state::columns::Column as C;
    picture("tasks_other_columns", |state| {
        state.settings.columns = vec![
            C::Name,
            C::Worker,
            C::Parent,
            C::Since,
            C::Longest,
            C::Wakes,
            C::Location,
        ];
        press(state, "t");
    });
}

#[test]
fn detail_screen() {
    picture("detail", detail);
}

#[test]
fn detail_screen_of_a_task_that_was_asked_where_it_waits() {
    picture("detail_backtrace", |state| {
        detail(state);
        press(state, "b");
        backtrace(state);
    });
}

#[test]
fn workers_screen_of_a_stuck_worker() {
    picture("workers_stuck", |state| {
        stuck(state);
        press(state, "w");
    });
}

#[test]
fn detail_screen_of_a_task_that_told_tracing_something() {
    picture("detail_events", |state| {
        detail(state);
        told(state);
    });
}

#[test]
fn all_that_a_task_told_tracing_is_scrolled_through() {
    let mut state = watching(80, 24);
    detail(&mut state);
    told(&mut state);
    let screen = draw(&state, UNICODE);
    assert!(screen.contains("Waits for (v: 3 events)"), "{screen}");
    press(&mut state, "v");
    let screen = draw(&state, UNICODE);
    assert!(screen.contains("Events, the latest first"), "{screen}");
    assert!(screen.contains("the store is slow") && !screen.contains("order=1041"));
    press(&mut state, "j j");
    let screen = draw(&state, UNICODE);
    assert!(!screen.contains("the store is slow") && screen.contains("order=1041"));
    press(&mut state, "v");
    assert!(draw(&state, UNICODE).contains("Waits for"));
}

#[test]
fn detail_screen_of_a_task_that_keeps_its_worker() {
    picture("detail_stuck", |state| {
        stuck(state);
        press(state, "t enter");
        while state.detail.as_ref().is_none_or(|d| d.task_id != 12) {
            press(state, "esc j enter");
        }
    });
}

/// What a stranger does who knows only that the program is slow: the mark at the diagnosis leads to
/// the finding, its place in the code, the task, and what its thread was doing.
#[test]
fn from_it_is_slow_to_file_and_line_in_five_keys() {
    for (width, height) in SIZES {
        let mut state = watching(width, height);
        stuck(&mut state);
        press(&mut state, "w");
        let mut keys = 0;
        let mut after = |state: &mut State, key: &str| {
            keys += 1;
            press(state, key);
            draw(state, UNICODE)
        };
        let first = draw(&state, UNICODE);
        assert!(first.contains("Diag") && first.contains('!'), "{first}");
        after(&mut state, "d");
        let finding = after(&mut state, "j");
        assert!(finding.contains("orders.rs:141:9"), "{finding}");
        assert!(finding.contains("write_audit_log"), "{finding}");
        assert!(finding.contains("spawn_blocking"), "what to try: {finding}");
        let task = after(&mut state, "enter");
        assert!(task.contains("Task 14"), "{task}");
        assert!(keys <= 5);
    }
}

#[test]
fn workers_screen_of_the_past() {
    for (width, height) in SIZES {
        let mut state = crate::state::fixtures::looking_back(width, height);
        feed(&mut state, 31);
        insta::assert_snapshot!(format!("past_{width}x{height}"), draw(&state, UNICODE));
    }
}

#[test]
fn tasks_screen_of_a_damaged_recording() {
    for (width, height) in SIZES {
        let mut state = crate::state::fixtures::replaying(width, height);
        press(&mut state, "t");
        insta::assert_snapshot!(format!("replay_{width}x{height}"), draw(&state, UNICODE));
    }
}

#[test]
fn sites_screen() {
    picture("sites", |state| press(state, "s j"));
}

#[test]
fn resources_screen() {
    picture("resources", |state| {
        resources(state);
        press(state, "j");
    });
}

#[test]
fn resource_screen_with_its_waiters_in_order() {
    picture("resource", |state| {
        resources(state);
        press(state, "j enter j");
    });
}

#[test]
fn waits_screen() {
    picture("waits", |state| {
        waits(state);
        press(state, "j");
    });
}

#[test]
fn waits_screen_of_more_tasks_than_are_looked_at() {
    picture("waits_of_many", |state| {
        press(state, "W");
        let query = state.query().clone();
        let mut raw = crate::state::fixtures::snapshot(31, &query);
        raw.runtimes[0].waits_left_off = 980_000;
        let update = Box::new(crate::sanitize::update(raw));
        crate::state::update(state, Action::Update { update, query });
    });
}

#[test]
fn waits_screen_when_nobody_waits_for_anything_that_is_held() {
    picture("waits_nothing", |state| {
        press(state, "W");
        let query = state.query().clone();
        let mut raw = crate::state::fixtures::snapshot(31, &query);
        raw.runtimes[0].wait_chains.clear();
        raw.runtimes[0].wait_chains_in_all = Some(0);
        let update = Box::new(crate::sanitize::update(raw));
        crate::state::update(state, Action::Update { update, query });
    });
}

#[test]
fn resource_screen_from_a_chain_before_its_waiters_are_known() {
    picture("waits_resource", |state| {
        waits(state);
        press(state, "j o");
    });
}

#[test]
fn log_screen() {
    picture("log", |state| {
        for attempt in 1..4 {
            let reason = "127.0.0.1:6669: connection refused".into();
            let lost = Action::Lost {
                reason,
                retry_in_ms: 100,
            };
            crate::state::update(state, Action::Connecting { attempt });
            crate::state::update(state, lost);
        }
        let server = state.connection.server.clone().expect("it was connected");
        crate::state::update(state, Action::Connected(Box::new(server)));
        press(state, "L");
    });
}

#[test]
fn pool_screen() {
    picture("pool", |state| press(state, "p"));
}

#[test]
fn cost_screen() {
    picture("cost", |state| press(state, "S"));
}

#[test]
fn a_narrow_column_that_is_sorted_by_keeps_its_arrow() {
    let mut state = watching(80, 24);
    press(&mut state, "t l l");
    assert_eq!(state.tasks.sort, crate::state::model::SortKey::Polls);
    assert!(draw(&state, UNICODE).contains(" Poll▼ "));
}

#[test]
fn why_updates_come_seldom_is_said_if_looks_take_long() {
    let mut state = watching(80, 24);
    press(&mut state, "S");
    assert!(!draw(&state, UNICODE).contains("the last after"));
    let query = state.query().clone();
    let mut raw = snapshot(30, &query);
    raw.telemetry.get_or_insert_default().sample_ns = 300_000_000;
    let action = Action::Update {
        update: Box::new(sanitize::update(raw)),
        query,
    };
    update(&mut state, action);
    assert!(draw(&state, UNICODE).contains("the last after   1.00s: long looks"));
}

#[test]
fn diagnosis_screen() {
    picture("diagnosis", |state| press(state, "d"));
}

#[test]
fn diagnosis_screen_with_another_finding_selected() {
    picture("diagnosis_second", |state| press(state, "d j"));
}

#[test]
fn several_programs_have_a_line_of_their_own() {
    for (width, height) in SIZES {
        let mut first = watching(width, height - 1);
        press(&mut first, "t");
        let mut targets = three(first, width, height);
        let lost = Action::Lost {
            reason: "the server closed the connection".into(),
            retry_in_ms: 1_600,
        };
        targets.update(Some(1), lost);
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| {
                let area = frame.area();
                super::targets::render(&targets, UNICODE, area, frame.buffer_mut());
            })
            .unwrap();
        let drawn = terminal.backend().to_string();
        insta::assert_snapshot!(format!("targets_{width}x{height}"), drawn);
    }
}

fn three(first: State, width: u16, height: u16) -> Targets {
    let names = [
        "http://127.0.0.1:6669",
        "http://10.0.0.7:6669",
        "unix:/run/app",
    ];
    let states = names.map(|name| State::new(name.into(), width, height, at(0)));
    let mut targets = Targets::new(states.into(), None, (width, height));
    targets.replace(0, first);
    targets
}

#[test]
fn help_screen() {
    picture("help", |state| press(state, "?"));
}

#[test]
fn connection_lost() {
    picture("lost", |state| {
        press(state, "t space");
        update(
            state,
            Action::Lost {
                reason: "the server closed the connection".into(),
                retry_in_ms: 1_600,
            },
        );
        update(state, Action::Tick(at(32_500)));
    });
}

#[test]
fn nothing_received_yet() {
    for (width, height) in SIZES {
        let mut state = state(width, height);
        update(&mut state, Action::Connecting { attempt: 3 });
        insta::assert_snapshot!(format!("empty_{width}x{height}"), draw(&state, UNICODE));
    }
}

#[test]
fn ascii_screens_hold_nothing_but_ascii() {
    for keys in [
        "w", "t", "t F", "t c", "t / s", "t enter", "d", "?", "s", "r", "p", "S", "r", "r enter",
    ] {
        let mut state = watching(100, 30);
        resources(&mut state);
        press(&mut state, keys);
        let drawn = draw(&state, ASCII);
        assert!(drawn.is_ascii(), "{drawn}");
    }
    insta::assert_snapshot!("workers_ascii_80x24", draw(&watching(80, 24), ASCII));
}

#[test]
fn timeline_screen() {
    for (width, height) in SIZES {
        let mut state = crate::state::fixtures::recorded(width, height);
        press(&mut state, "N");
        let name = format!("timeline_{width}x{height}");
        insta::assert_snapshot!(name, draw(&state, UNICODE));
        let name = format!("timeline_ascii_{width}x{height}");
        insta::assert_snapshot!(name, draw(&state, ASCII));
    }
}

#[test]
fn timeline_screen_without_the_right_to_read() {
    picture("timeline_refused", |state| {
        press(state, "T");
        let answer = Err(
            "127.0.0.1:6669 refused: the token shown lets one look only: to read the \
                          flight recorders, show the control token"
                .into(),
        );
        update(
            state,
            Action::Timeline {
                runtime_id: 1,
                answer,
            },
        );
    });
}

//! Spawn sites, resources and the mouse.

use super::*;
use crate::action::{Mouse, MouseKind};
use crate::state::fixtures::{resources, waits};
use crate::state::resources::ResourceColumn;
use crate::state::sites::SiteColumn;

fn click(state: &mut State, x: u16, y: u16) -> Vec<Effect> {
    let kind = MouseKind::Press;
    update(state, Action::Mouse(Mouse { kind, x, y }))
}

#[test]
fn a_spawn_site_leads_to_its_tasks() {
    let mut state = watching(80, 24);
    press(&mut state, "s j");
    let effects = key(&mut state, "enter");
    assert_eq!(state.screen, Screen::Tasks);
    let place = "examples/src/bin/http_server/orders.rs:57:9";
    assert!(
        matches!(&effects[..], [Effect::Subscribe(q)] if q.filter == format!("loc=\"{place}\""))
    );
    press(&mut state, "esc");
    assert_eq!(state.tasks.filter, "", "it is dropped as any other filter");
}

#[test]
fn the_site_that_stands_for_the_others_leads_nowhere() {
    let other = model::Location {
        file: "(other)".into(),
        line: 0,
        column: 0,
    };
    assert_eq!(sites::filter_for(&other, true), None);
}

#[test]
fn sites_are_sorted_by_each_column_and_the_selection_goes_along() {
    let mut state = watching(80, 24);
    press(&mut state, "s");
    let lines = |state: &State| -> Vec<u32> {
        let runtime = state.shown_runtime().unwrap();
        let sites = sites::sorted(&state.sites, runtime);
        sites.iter().map(|site| site.location.line).collect()
    };
    assert_eq!(lines(&state), [112, 57, 31], "by busy time");
    press(&mut state, "i");
    assert_eq!(lines(&state), [31, 57, 112]);
    while state.sites.sort != SiteColumn::MeanPoll {
        press(&mut state, "l");
    }
    assert_eq!(lines(&state), [57, 112, 31], "43.8µs, 41.9µs, 22.5µs");
}

#[test]
fn resources_are_asked_for_while_they_are_shown() {
    let mut state = watching(80, 24);
    let effects = key(&mut state, "r");
    assert!(matches!(&effects[..], [Effect::Subscribe(q)] if q.resources));
    assert!(!state.resources_known);
    feed(&mut state, 31);
    assert!(state.resources_known);
    assert_eq!(state.shown_runtime().unwrap().resources.len(), 5);
    let effects = key(&mut state, "w");
    assert!(matches!(&effects[..], [Effect::Subscribe(q)] if !q.resources));
}

#[test]
fn chains_are_asked_for_while_they_are_shown_and_below() {
    let mut state = watching(80, 24);
    let asks = |effects: Vec<Effect>, chains: bool| match &effects[..] {
        [Effect::Subscribe(q)] => q.chains == chains && !q.resources,
        _ => false,
    };
    assert!(asks(key(&mut state, "W"), true));
    feed(&mut state, 31);
    press(&mut state, "j");
    let effects = key(&mut state, "enter");
    let task_id = 3;
    let runtime_id = 1;
    let details = Effect::FetchDetails {
        runtime_id,
        task_id,
    };
    assert_eq!(effects, [details], "and the chains go on");
    feed(&mut state, 32);
    press(&mut state, "esc");
    assert_eq!(state.screen, Screen::Waits);
    assert_eq!(state.waits.selected, 1, "as it was left");
    assert!(asks(key(&mut state, "w"), false));
}

#[test]
fn a_line_of_a_chain_leads_to_what_is_waited_for_and_back() {
    let mut state = watching(80, 24);
    waits(&mut state);
    press(&mut state, "j o");
    assert_eq!(state.screen, Screen::Resource);
    let open = state.resource.as_ref().unwrap();
    assert_eq!(
        (open.resource.key.kind.as_str(), open.resource.key.id),
        ("mutex", 8)
    );
    assert!(state.query().resources && state.query().chains);
    press(&mut state, "esc");
    assert_eq!((state.screen, state.waits.selected), (Screen::Waits, 1));
}

#[test]
fn the_line_of_a_task_that_is_gone_leads_to_what_it_had() {
    let mut state = watching(160, 50);
    waits(&mut state);
    press(&mut state, "j j j j j j j j");
    let effects = key(&mut state, "enter");
    assert_eq!(state.screen, Screen::Resource);
    assert!(
        matches!(&effects[..], [Effect::Subscribe(_)]),
        "{effects:?}"
    );
    let kind = &state.resource.as_ref().unwrap().resource.key.kind;
    assert_eq!(kind, "semaphore");
}

#[test]
fn clicks_sort_chains_select_a_line_and_open_it() {
    let mut state = watching(80, 24);
    waits(&mut state);
    click(&mut state, 3, 2);
    assert!(state.waits.ascending);
    click(&mut state, 3, 2);
    click(&mut state, 20, 4);
    assert_eq!(state.waits.selected, 1);
    let effects = click(&mut state, 20, 4);
    assert_eq!(state.screen, Screen::Detail);
    assert!(matches!(
        &effects[..],
        [Effect::FetchDetails { task_id: 3, .. }]
    ));
}

#[test]
fn a_pause_keeps_the_chains_and_one_from_elsewhere_says_that_it_has_none() {
    let mut state = watching(80, 24);
    waits(&mut state);
    press(&mut state, "space");
    feed(&mut state, 32);
    assert_eq!(state.rows_in_all(), 11, "as of the pause");
    press(&mut state, "space w");
    feed(&mut state, 33);
    press(&mut state, "space W");
    assert_eq!(state.rows_in_all(), 0);
}

#[test]
fn a_waiter_leads_to_its_task_and_back() {
    let mut state = watching(80, 24);
    resources(&mut state);
    press(&mut state, "j enter j");
    let open = state.resource.as_ref().unwrap();
    assert_eq!(open.resource.key.kind, "rwlock");
    let effects = key(&mut state, "enter");
    assert_eq!(
        effects,
        [Effect::FetchDetails {
            runtime_id: 1,
            task_id: 27
        }]
    );
    press(&mut state, "esc");
    assert_eq!(state.screen, Screen::Resource);
    assert_eq!(state.resource.as_ref().unwrap().waiters.selected, 1);
    press(&mut state, "esc");
    assert_eq!(state.screen, Screen::Resources);
    press(&mut state, "esc");
    assert_eq!(state.screen, Screen::Workers);
}

#[test]
fn a_resource_that_nobody_waits_for_any_more_says_so_and_stays() {
    let mut state = watching(80, 24);
    resources(&mut state);
    press(&mut state, "j enter");
    let query = state.query().clone();
    let mut raw = snapshot(32, &query);
    raw.runtimes[0].resources.remove(1);
    let update_ = Box::new(sanitize::update(raw));
    update(
        &mut state,
        Action::Update {
            update: update_,
            query,
        },
    );
    let open = state.resource.as_ref().unwrap();
    assert!(open.gone);
    assert_eq!(open.resource.first_waiters.len(), 3);
    feed(&mut state, 33);
    assert!(!state.resource.as_ref().unwrap().gone);
}

#[test]
fn a_click_on_a_tab_shows_its_screen() {
    let mut state = watching(160, 50);
    for tab in tabs::of(&state).entries {
        if tab.command == Command::Quit {
            let x = u16::try_from(tab.x).unwrap();
            assert_eq!(click(&mut state, x, 0), [Effect::Quit]);
        }
    }
    let sites = tabs::of(&state).entries[2].x;
    click(&mut state, u16::try_from(sites).unwrap(), 0);
    assert_eq!(state.screen, Screen::Sites);
    assert_eq!(click(&mut state, 0, 0), [], "the name is no tab");
}

#[test]
fn the_tabs_fit_on_every_screen_that_has_room_for_them_at_all() {
    for width in 80..200 {
        let state = watching(width, 24);
        let tabs = tabs::of(&state).entries;
        let last = tabs.last().unwrap();
        assert!(last.x + last.width() + 10 <= usize::from(width), "{width}");
    }
}

#[test]
fn a_click_selects_a_row_and_a_second_one_opens_it() {
    let mut state = watching(80, 24);
    press(&mut state, "t");
    click(&mut state, 10, 5);
    assert_eq!(state.tasks.selected, 2);
    assert_eq!(state.screen, Screen::Tasks);
    click(&mut state, 10, 5);
    assert_eq!(state.screen, Screen::Detail);
}

#[test]
fn a_click_beside_the_rows_does_nothing() {
    let mut state = watching(80, 24);
    press(&mut state, "s");
    // Frame, empty rows, hints, status.
    for (x, y) in [
        (0, 4),
        (79, 4),
        (10, 9),
        (10, 21),
        (10, 22),
        (10, 23),
        (500, 500),
    ] {
        assert_eq!(click(&mut state, x, y), []);
        assert_eq!((state.screen, state.sites.selected), (Screen::Sites, 0));
    }
}

#[test]
fn a_click_on_a_title_sorts_and_a_second_one_inverts() {
    let mut state = watching(80, 24);
    resources(&mut state);
    click(&mut state, 1, 2);
    assert_eq!(state.resources.sort, ResourceColumn::Kind);
    assert!(state.resources.ascending);
    click(&mut state, 1, 2);
    assert!(!state.resources.ascending);
    press(&mut state, "t");
    let effects = click(&mut state, 5, 2);
    assert!(matches!(&effects[..], [Effect::Subscribe(q)] if q.sort == SortKey::Id));
}

#[test]
fn the_wheel_moves_by_some_rows() {
    let mut state = watching(80, 24);
    press(&mut state, "t");
    let wheel = |state: &mut State, kind| update(state, Action::Mouse(Mouse { kind, x: 5, y: 5 }));
    wheel(&mut state, MouseKind::ScrollDown);
    assert_eq!(state.tasks.selected, 3);
    wheel(&mut state, MouseKind::ScrollUp);
    assert_eq!(state.tasks.selected, 0);
}

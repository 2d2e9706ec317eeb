//! Lists that stand over the task table: saved filters to choose from, columns to show.

use super::columns::{self, ColumnInfo};
use super::{State, stepped};
use crate::action::Command;
use crate::keymap::Context;

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MenuKind {
    Filters,
    Columns,
}

/// The list that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Menu {
    pub(crate) kind: MenuKind,
    pub(crate) selected: usize,
}

impl Menu {
    pub(super) fn new(kind: MenuKind) -> Menu {
        Menu { kind, selected: 0 }
    }

    pub(super) fn context(self) -> Context {
        match self.kind {
            MenuKind::Filters => Context::FilterMenu,
            MenuKind::Columns => Context::ColumnMenu,
        }
    }
}

/// The columns in the order of the menu: those shown, then the others.
pub(crate) fn columns(state: &State) -> Vec<(&'static ColumnInfo, bool)> {
    let shown = &state.settings.columns;
    let others = columns::all().filter(|info| !shown.contains(&info.column));
    columns::chosen(shown)
        .into_iter()
        .map(|info| (info, true))
        .chain(others.map(|info| (info, false)))
        .collect()
}

fn len(state: &State, kind: MenuKind) -> usize {
    match kind {
        MenuKind::Filters => state.settings.filters.len(),
        MenuKind::Columns => columns::all().count(),
    }
}

/// Moves the selection.
pub(super) fn step(state: &mut State, mut menu: Menu, command: Command) {
    let page = state.task_rows();
    menu.selected = stepped(menu.selected, command, page, len(state, menu.kind));
    state.menu = Some(menu);
}

/// Uses the selected filter.
pub(super) fn choose(state: &mut State, menu: Menu) {
    state.menu = None;
    let saved = state.settings.filters.get(menu.selected);
    if let (MenuKind::Filters, Some(saved)) = (menu.kind, saved) {
        let filter = saved.filter.clone();
        state.tasks.set_filter(filter);
    }
}

/// Shows the selected column, or hides it, unless it is the last one.
pub(super) fn toggle(state: &mut State) {
    let Some(menu) = state.menu.filter(|menu| menu.kind == MenuKind::Columns) else {
        return;
    };
    let Some((info, is_shown)) = columns(state).get(menu.selected).copied() else {
        return;
    };
    let chosen = &mut state.settings.columns;
    if !is_shown {
        chosen.push(info.column);
    } else if chosen.len() > 1 {
        chosen.retain(|column| *column != info.column);
    }
    // The column has gone elsewhere in the list: the selection goes with it.
    let at = columns(state)
        .iter()
        .position(|(other, _)| other.column == info.column);
    if let (Some(menu), Some(at)) = (&mut state.menu, at) {
        menu.selected = at;
    }
}

/// Moves the selected column by one place.
pub(super) fn shift(state: &mut State, later: bool) {
    let Some(menu) = &mut state.menu else { return };
    let from = menu.selected;
    let to = if later {
        from + 1
    } else {
        from.wrapping_sub(1)
    };
    let chosen = &mut state.settings.columns;
    if menu.kind == MenuKind::Columns && from < chosen.len() && to < chosen.len() {
        chosen.swap(from, to);
        menu.selected = to;
    }
}

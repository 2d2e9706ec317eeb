//! What the mouse means: where the views put rows, headers and tabs, looked up backwards.

use super::columns::column_at;
use super::{
    Effect, Screen, State, help_lines, open, perform, resources, select, sites, tabs, waits,
};
use crate::action::{Command, Mouse, MouseKind};

/// Line of the screen with the titles of a table's columns: below the tabs and the frame.
const HEADER_Y: u16 = 2;

/// Cells before a table's first column: the frame.
const TABLE_X: u16 = 1;

/// Rows that one notch of the wheel moves by.
const NOTCH: usize = 3;

pub(super) fn act(state: &mut State, mouse: Mouse, effects: &mut Vec<Effect>) {
    match mouse.kind {
        MouseKind::Press => press(state, mouse.x, mouse.y, effects),
        MouseKind::ScrollUp => scroll(state, Command::Up, effects),
        MouseKind::ScrollDown => scroll(state, Command::Down, effects),
    }
}

fn scroll(state: &mut State, command: Command, effects: &mut Vec<Effect>) {
    let notch = NOTCH.min(help_lines());
    for _ in 0..notch {
        perform(state, command, effects);
    }
}

fn press(state: &mut State, x: u16, y: u16, effects: &mut Vec<Effect>) {
    if y == 0 {
        if let Some(command) = tabs::at(state, x) {
            perform(state, command, effects);
        }
        return;
    }
    // A click beside the list or on it ends it.
    if state.menu.take().is_some() {
        return;
    }
    let inside = x >= TABLE_X && x < state.width.saturating_sub(1);
    if state.help.is_some() || !inside || y < HEADER_Y {
        return;
    }
    if y == HEADER_Y {
        sort_at(state, x - TABLE_X);
        return;
    }
    let row = usize::from(y - HEADER_Y - 1);
    // Below the rows there are a line of hints, the frame and the status.
    if row >= state.list_rows() {
        return;
    }
    press_row(state, row, effects);
}

/// Selects the row; opens it if it is selected already.
fn press_row(state: &mut State, row: usize, effects: &mut Vec<Effect>) {
    let (top, selected) = match state.screen {
        Screen::Tasks => (state.tasks.top, state.tasks.selected),
        Screen::Sites => (state.sites.top, state.sites.selected),
        Screen::Resources => (state.resources.top, state.resources.selected),
        Screen::Waits => (state.waits.top, state.waits.selected),
        Screen::Resource => match &state.resource {
            Some(open) => (open.waiters.top, open.waiters.selected),
            None => return,
        },
        Screen::Workers
        | Screen::Detail
        | Screen::Findings
        | Screen::Pool
        | Screen::Cost
        | Screen::Timeline
        | Screen::Log => return,
    };
    let at = top.saturating_add(row);
    if at >= state.rows_in_all() {
        return;
    }
    if at == selected {
        open(state, effects);
    } else {
        select(state, at);
    }
}

fn sort_at(state: &mut State, x: u16) {
    let width = state.width.saturating_sub(2);
    match state.screen {
        Screen::Tasks => {
            let shown = state.task_columns();
            if let Some(column) = column_at(shown, width, x) {
                state.tasks.sort_by(column);
            }
        }
        Screen::Sites => {
            if let Some(column) = column_at(&sites::COLUMNS, width, x) {
                state.sites.sort_by(column);
            }
        }
        Screen::Resources => {
            if let Some(column) = column_at(&resources::COLUMNS, width, x) {
                state.resources.sort_by(column);
            }
        }
        Screen::Waits => {
            if let Some(column) = column_at(&waits::COLUMNS, width, x) {
                state.waits.sort_by(column);
            }
        }
        _ => {}
    }
}

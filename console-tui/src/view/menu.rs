//! The list that stands over the task table.
//!
//! ```text
//! ╭ Columns ─────────────────────────────────────────────╮
//! │ [x] Name      the name given with task::Builder      │
//! │ [ ] Worker    the worker that polled it last         │
//! ╰ space show or hide  K J move  Enter done ────────────╯
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::widgets::{panel, placeholder, put};
use crate::action::Command;
use crate::format;
use crate::keymap::key_of;
use crate::state::State;
use crate::state::menu::{self, Menu, MenuKind};
use crate::theme::{Role, Theme};

/// Cells of a name, where a name is a title of a column and where it is the user's own.
const TITLES: usize = 14;
const NAMES: usize = 20;
const MIN_WIDTH: usize = 50;

pub(super) fn render(state: &State, menu: Menu, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let entries = entries(state, menu.kind);
    let height = u16::try_from(entries.len().max(1) + 2).unwrap_or(u16::MAX);
    let names = match menu.kind {
        MenuKind::Filters => NAMES,
        MenuKind::Columns => TITLES,
    };
    let longest = entries.iter().map(|(_, what)| format::width(what)).max();
    // The frame, a blank at either side, two between.
    let wanted = (names + longest.unwrap_or(0) + 6).max(MIN_WIDTH);
    let width = u16::try_from(wanted).unwrap_or(u16::MAX);
    // Not so wide that letters of the table look out at its sides.
    let width = if width.saturating_add(6) < area.width {
        width
    } else {
        area.width
    };
    let height = height.min(area.height.saturating_sub(2));
    if width < 8 || height < 3 {
        return;
    }
    let area = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + 1,
        width,
        height,
    };
    Clear.render(area, buffer);
    let title = match menu.kind {
        MenuKind::Filters => "Saved filters",
        MenuKind::Columns => "Columns",
    };
    let inner = panel(title, theme, area, buffer);
    if entries.is_empty() {
        placeholder(
            "none: see `zokio-console config init`",
            theme,
            inner,
            buffer,
        );
    }
    let rows = usize::from(inner.height);
    let first = menu.selected.saturating_sub(rows.saturating_sub(1));
    for (row, (name, what)) in entries.iter().enumerate().skip(first).take(rows) {
        let mut line = Line::from(vec![
            Span::raw(format!(" {}  ", format::left(name, names))),
            Span::styled(what.clone(), theme.style(Role::Dim)),
        ]);
        if row == menu.selected {
            let left = usize::from(inner.width).saturating_sub(line.width());
            line.push_span(" ".repeat(left));
            line = line.style(theme.style(Role::Selected));
        }
        put(row - first, line, inner, buffer);
    }
    hints(menu.kind, theme, area, buffer);
}

fn entries(state: &State, kind: MenuKind) -> Vec<(String, String)> {
    match kind {
        MenuKind::Filters => state
            .settings
            .filters
            .iter()
            .map(|saved| (saved.name.clone(), saved.filter.clone()))
            .collect(),
        MenuKind::Columns => menu::columns(state)
            .into_iter()
            .map(|(info, is_shown)| {
                let mark = if is_shown { "x" } else { " " };
                (format!("[{mark}] {}", info.title), info.help.to_owned())
            })
            .collect(),
    }
}

fn hints(kind: MenuKind, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let key = |command| Span::styled(format!(" {}", key_of(command)), theme.style(Role::Key));
    let text = |text: &str| Span::styled(format!(" {text} "), theme.style(Role::Dim));
    let spans = match kind {
        MenuKind::Filters => vec![
            key(Command::Open),
            text("use"),
            key(Command::Back),
            text("back"),
        ],
        MenuKind::Columns => vec![
            key(Command::ToggleColumn),
            text("show or hide"),
            key(Command::ColumnEarlier),
            key(Command::ColumnLater),
            text("move"),
            key(Command::Back),
            text("done"),
        ],
    };
    let edge = Rect {
        x: area.x + 1,
        y: area.bottom() - 1,
        width: area.width - 2,
        height: 1,
    };
    put(0, Line::from(spans), edge, buffer);
}

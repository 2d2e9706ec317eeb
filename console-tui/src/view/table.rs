//! Tables with columns to sort by: titles, rows, a line of hints.
//!
//! ```text
//! ╭ title ───────────────────────────────────────────────────────╮
//! │Spawned at              Alive     Busy▼  …                    │
//! │server.rs:31:9             12     1.20s  …                    │
//! │ Enter …  ←→ sort by column                                   │
//! ╰──────────────────────────────────────────────────────────────╯
//! ```
//!
//! `state::mouse` knows where header and rows are.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::widgets::{panel, placeholder, put};
use crate::action::Command;
use crate::format;
use crate::keymap::key_of;
use crate::state::columns::{ColumnInfo, Fitted, fit};
use crate::theme::{Role, Theme};

/// A table that is to be drawn.
pub(super) struct Table<'a, C: 'static, S: 'static> {
    pub(super) title: String,
    pub(super) columns: &'static [ColumnInfo<C, S>],
    pub(super) sort: S,
    pub(super) ascending: bool,
    /// Rows in all, and of those the selected one and the first shown.
    pub(super) rows: usize,
    pub(super) selected: usize,
    pub(super) top: usize,
    /// What is said if there are no rows.
    pub(super) nothing: &'a str,
    /// What the enter key does.
    pub(super) hint: &'a str,
}

impl<C: Copy, S: Copy + PartialEq> Table<'_, C, S> {
    /// Draws it; `cell` gives the text of a row's column, which has so many cells.
    pub(super) fn render(
        &self,
        theme: Theme,
        area: Rect,
        buffer: &mut Buffer,
        cell: impl Fn(usize, C, usize) -> (String, Style),
    ) {
        let inner = panel(&self.title, theme, area, buffer);
        let columns = fit(self.columns, inner.width);
        put(
            0,
            header(&columns, self.sort, self.ascending, theme),
            inner,
            buffer,
        );
        let hint_row = usize::from(inner.height.saturating_sub(1));
        if self.rows == 0 {
            placeholder(self.nothing, theme, inner, buffer);
        }
        let shown = self.rows.saturating_sub(self.top);
        for row in 0..shown.min(hint_row.saturating_sub(1)) {
            let at = self.top.saturating_add(row);
            let mut spans = Vec::new();
            for (info, width) in &columns {
                separate(&mut spans);
                let width = usize::from(*width);
                let (text, style) = cell(at, info.column, width);
                spans.push(Span::styled(
                    aligned(&text, width, info.right_aligned),
                    style,
                ));
            }
            let mut line = Line::from(spans);
            if at == self.selected {
                line = line.style(theme.style(Role::Selected));
            }
            put(row + 1, line, inner, buffer);
        }
        if hint_row > 0 {
            let open = [(Command::Open, self.hint)];
            put(hint_row, hints(&open, theme), inner, buffer);
        }
    }
}

/// What keys lead to, and how to sort.
pub(super) fn hints(leads: &[(Command, &str)], theme: Theme) -> Line<'static> {
    let key = |command| Span::styled(key_of(command), theme.style(Role::Key));
    let text = |text: String| Span::styled(text, theme.style(Role::Dim));
    let mut spans = Vec::new();
    for (command, hint) in leads {
        spans.extend([key(*command), text(format!(" {hint}  "))]);
    }
    spans.extend([
        key(Command::SortLeft),
        key(Command::SortRight),
        text(" sort by column  ".into()),
        key(Command::InvertSort),
        text(" invert".into()),
    ]);
    Line::from(spans)
}

/// The titles of the columns, an arrow at the one that is sorted by.
pub(super) fn header<C, S: PartialEq>(
    columns: &[Fitted<C, S>],
    sort: S,
    ascending: bool,
    theme: Theme,
) -> Line<'static> {
    let sort = Some(sort);
    let mut spans = Vec::new();
    for (info, width) in columns {
        let sorted = info.sort == sort;
        let arrow = match (sorted, ascending) {
            (true, true) => "▲",
            (true, false) => "▼",
            (false, _) => "",
        };
        let role = if sorted { Role::Active } else { Role::Label };
        separate(&mut spans);
        let width = usize::from(*width);
        // A narrow column loses a letter rather than the arrow.
        let letters = match sorted {
            true => info.title.chars().take(width.saturating_sub(1)).collect(),
            false => info.title.to_owned(),
        };
        let title = format!("{letters}{arrow}");
        spans.push(Span::styled(
            aligned(&title, width, info.right_aligned),
            theme.style(role),
        ));
    }
    Line::from(spans)
}

/// The cell between two columns.
pub(super) fn separate(spans: &mut Vec<Span<'static>>) {
    if !spans.is_empty() {
        spans.push(Span::raw(" "));
    }
}

fn aligned(text: &str, width: usize, right: bool) -> String {
    if right {
        format::right(text, width)
    } else {
        format::left(text, width)
    }
}

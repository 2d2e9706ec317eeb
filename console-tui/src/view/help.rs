//! The help, made from the key table and the list of columns.
//!
//! ```text
//! ╭ Help ────────────────────────────────────────╮
//! │ Screens                                      │
//! │   w            workers                       │
//! │ …                                            │
//! │ Columns of the task table                    │
//! │   Sched        time between a wake and …     │
//! ╰──────────────────────────────────────────────╯
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use zokio_instrumentation::filter;

use super::widgets::{panel, put};
use crate::format;
use crate::keymap::{bound, clock, targets};
use crate::state::columns;
use crate::state::{resources, sites, waits};
use crate::theme::{Role, Theme};

/// Below this width everything stands in one column.
const TWO_COLUMNS: u16 = 100;

pub(super) fn render(first: usize, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let keys = keys(theme);
    let columns = columns(theme);
    let rows = usize::from(area.height.saturating_sub(2));
    let lines = match area.width >= TWO_COLUMNS + 2 {
        true => keys.len().max(columns.len()),
        false => keys.len() + 1 + columns.len(),
    };
    let title = match lines.saturating_sub(rows) {
        0 => "Help".to_owned(),
        more => {
            let first = first.min(more);
            format!(
                "Help  {}-{} of {lines} lines: scroll",
                first + 1,
                first + rows
            )
        }
    };
    let inner = panel(&title, theme, area, buffer);
    if inner.width >= TWO_COLUMNS {
        let left = Rect {
            width: inner.width * 2 / 5,
            ..inner
        };
        let right = Rect {
            x: inner.x + left.width,
            width: inner.width - left.width,
            ..inner
        };
        let first = first.min(keys.len().saturating_sub(usize::from(inner.height)));
        put_from(first, &keys, left, buffer);
        let last = columns.len().saturating_sub(usize::from(inner.height));
        put_from(first.min(last), &columns, right, buffer);
    } else {
        let all: Vec<_> = keys
            .into_iter()
            .chain([Line::default()])
            .chain(columns)
            .collect();
        let first = first.min(all.len().saturating_sub(usize::from(inner.height)));
        put_from(first, &all, inner, buffer);
    }
}

fn put_from(first: usize, lines: &[Line<'static>], area: Rect, buffer: &mut Buffer) {
    for (row, line) in lines
        .iter()
        .skip(first)
        .take(usize::from(area.height))
        .enumerate()
    {
        put(row, line.clone(), area, buffer);
    }
}

fn keys(theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut group = "";
    for binding in bound::active().bindings() {
        if binding.group != group {
            group = binding.group;
            lines.push(heading(group, theme));
        }
        lines.push(entry(&binding.shown_keys(), 16, binding.help, theme));
    }
    // Of the same group as the last ones.
    for binding in clock::bindings() {
        let key = clock::key_of(binding.command);
        lines.push(entry(&key, 16, binding.help, theme));
    }
    lines.push(heading("Several programs", theme));
    lines.push(entry(targets::SHOWN, 16, targets::HELP, theme));
    lines
}

fn columns(theme: Theme) -> Vec<Line<'static>> {
    let mut lines = vec![heading("Columns of the task table", theme)];
    lines.extend(columns::all().map(|info| entry(info.title, 10, info.help, theme)));
    lines.push(heading("Fields of filters", theme));
    lines.extend(
        filter::fields()
            .iter()
            .map(|field| entry(field.name(), 10, field.help(), theme)),
    );
    lines.push(heading("Columns of the table of spawn sites", theme));
    lines.extend(
        sites::COLUMNS
            .iter()
            .map(|info| entry(info.title, 10, info.help, theme)),
    );
    lines.push(heading("Columns of the table of resources", theme));
    lines.extend(
        resources::COLUMNS
            .iter()
            .map(|info| entry(info.title, 14, info.help, theme)),
    );
    lines.push(heading("Columns of the chains of waits", theme));
    lines.extend(
        waits::COLUMNS
            .iter()
            .map(|info| entry(info.title, 14, info.help, theme)),
    );
    lines.push(heading("Lanes of the workers", theme));
    for (glyph, role, help) in [
        ("█", Role::Busy, "busy: running tasks"),
        (
            "▒",
            Role::Searching,
            "searching: looking for work in the injector, other queues, the drivers",
        ),
        ("·", Role::Parked, "parked: asleep"),
    ] {
        lines.push(Line::from(vec![
            Span::styled(format!(" {glyph}          "), theme.style(role)),
            Span::raw(help),
        ]));
    }
    lines.push(entry(
        "imbalance",
        10,
        "1 - mean / maximum of the workers' busy shares; 0%: all alike",
        theme,
    ));
    lines
}

fn heading(text: &str, theme: Theme) -> Line<'static> {
    Line::from(Span::styled(text.to_owned(), theme.style(Role::Active)))
}

fn entry(key: &str, width: usize, help: &str, theme: Theme) -> Line<'static> {
    Line::from(vec![
        Span::styled(
            format!(" {} ", format::left(key, width)),
            theme.style(Role::Key),
        ),
        Span::raw(help.to_owned()),
    ])
}

//! What the task told `tracing`: the last of it below what it waits for, or all that is kept.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::super::widgets::{panel, placeholder, put};
use crate::action::Command;
use crate::format;
use crate::keymap::key_of;
use crate::state::Detail;
use crate::state::model::TaskEvent;
use crate::theme::{Role, Theme};

/// The last events, below what the task waits for, if there are any and there is room. Gives what is
/// left of the area.
pub(super) fn last(detail: &Detail, theme: Theme, area: Rect, buffer: &mut Buffer) -> Rect {
    let rows = u16::try_from(detail.events.len()).unwrap_or(u16::MAX);
    let height = rows.saturating_add(2).min(area.height / 2);
    if rows == 0 || height < 3 {
        return area;
    }
    let [rest, area] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(height)]).areas(area);
    let shown = usize::from(height - 2).min(detail.events.len());
    let key = key_of(Command::ToggleEvents);
    let title = match detail.events.len() - shown {
        0 => "Events".to_owned(),
        more => format!("Events ({key}: {more} more)"),
    };
    let inner = panel(&title, theme, area, buffer);
    let last = &detail.events[detail.events.len() - shown..];
    for (row, event) in last.iter().enumerate() {
        put(row, event_line(event, detail, inner, theme), inner, buffer);
    }
    rest
}

/// How to come to events for which there is no room.
pub(super) fn hint(detail: &Detail) -> String {
    let key = key_of(Command::ToggleEvents);
    match detail.events.len() {
        0 => String::new(),
        n => format!(" ({key}: {n} event{})", format::plural(n as u64)),
    }
}

/// All that are kept, in place of what the task waits for.
pub(super) fn all(detail: &Detail, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let key = key_of(Command::ToggleEvents);
    let title = format!("Events, the latest first ({key}: what it waits for)");
    let inner = panel(&title, theme, area, buffer);
    if detail.events.is_empty() {
        let text = "none: it told tracing nothing, or the program has no layer for it";
        placeholder(text, theme, inner, buffer);
    }
    let events = detail.events.iter().rev().skip(detail.scroll);
    for (row, event) in events.take(usize::from(inner.height)).enumerate() {
        put(row, event_line(event, detail, inner, theme), inner, buffer);
    }
}

fn event_line(event: &TaskEvent, detail: &Detail, area: Rect, theme: Theme) -> Line<'static> {
    let room = usize::from(area.width).saturating_sub(18);
    let ago = format::duration(detail.taken_at_ns.saturating_sub(event.at_ns));
    let fields = event.fields.iter();
    let fields: String = fields
        .map(|(name, value)| format!(" {name}={value}"))
        .collect();
    let role = match event.level.as_str() {
        "ERROR" | "WARN" => Role::Bad,
        _ => Role::Text,
    };
    let text = format::truncate_end(&format!("{}{fields}", event.message), room);
    Line::from(vec![
        Span::styled(
            format!("{} ago ", format::right(&ago, 7)),
            theme.style(Role::Dim),
        ),
        Span::styled(format::left(&event.level, 6), theme.style(role)),
        Span::raw(text),
    ])
}

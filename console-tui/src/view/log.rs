//! What has become of the connection, the latest first.
//!
//! ```text
//! ╭ Log of the connection  1-4 of 4 ─────────────────────────────────────────────╮
//! │12:34:56Z  connected to http_server[4711]: another process than before        │
//! │12:34:41Z  connection refused  (9 times, since 12:34:20Z)                     │
//! │12:34:20Z  runtime main is watched                                            │
//! │12:34:20Z  connected to http_server[4706], zokio 0.1.0                        │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::widgets::{panel, placeholder, put};
use crate::format;
use crate::state::State;
use crate::state::log::{self, Tone};
use crate::theme::{Role, Theme};

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let lines = state.log.len();
    let rows = usize::from(area.height.saturating_sub(2));
    let first = state.log.scroll.min(lines.saturating_sub(rows));
    let title = match lines {
        0 => "Log of the connection".to_owned(),
        _ => format!(
            "Log of the connection  {}-{} of {lines}",
            first + 1,
            lines.min(first + rows)
        ),
    };
    let inner = panel(&title, theme, area, buffer);
    if lines == 0 {
        let why = match state.replay {
            true => "a recording: there is no connection",
            false => "nothing has happened yet",
        };
        placeholder(why, theme, inner, buffer);
    }
    let room = usize::from(inner.width);
    for (row, line) in state.log.lines().skip(first).take(rows).enumerate() {
        put(row, entry(line, room, theme), inner, buffer);
    }
}

fn entry(line: &log::Line, room: usize, theme: Theme) -> Line<'static> {
    let at = format::time_of_day(line.last_ms);
    let role = match line.tone {
        Tone::Plain => Role::Text,
        Tone::Good => Role::Good,
        Tone::Warn => Role::Warn,
        Tone::Bad => Role::Bad,
    };
    let again = match line.times {
        1 => String::new(),
        times => format!(
            "  ({} times, since {})",
            format::count(times),
            format::time_of_day(line.first_ms)
        ),
    };
    let left = room.saturating_sub(at.len() + 2 + format::width(&again));
    Line::from(vec![
        Span::styled(at + "  ", theme.style(Role::Dim)),
        Span::styled(format::truncate_end(&line.text, left), theme.style(role)),
        Span::styled(again, theme.style(Role::Dim)),
    ])
}

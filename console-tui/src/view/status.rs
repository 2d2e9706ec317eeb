//! The last line: how the connection stands and how fresh the data is.
//!
//! ```text
//!  ● connected  http://127.0.0.1:6669  http_server[4711]  zokio 0.1.0  lag 0ms  skipped 3  12:34:56Z
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::widgets::put;
use crate::format;
use crate::state::State;
use crate::state::connection::Link;
use crate::theme::{Role, Theme};

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.width);
    let clock = format::time_of_day(state.now.unix_ms);
    let for_clock = if room >= 40 { clock.len() + 2 } else { 0 };
    let left = room.saturating_sub(for_clock + 1);
    let mut used = 0;
    let mut spans = vec![Span::raw(" ")];
    for (text, role) in segments(state) {
        let separator = if used == 0 { 0 } else { 2 };
        let free = left.saturating_sub(used + separator);
        let width = format::width(&text);
        // The first segment says what matters and is cut; others are shown whole or not at all.
        if used > 0 && width > free {
            continue;
        }
        let text = format::truncate_end(&text, free);
        used += separator + format::width(&text);
        spans.push(Span::raw(" ".repeat(separator)));
        spans.push(Span::styled(text, theme.style(role)));
    }
    if for_clock > 0 {
        spans.push(Span::raw(" ".repeat(left.saturating_sub(used) + 1)));
        spans.push(Span::styled(clock, theme.style(Role::Dim)));
    }
    put(0, Line::from(spans), area, buffer);
}

/// What to say, the most important first.
fn segments(state: &State) -> Vec<(String, Role)> {
    let connection = &state.connection;
    let mut out = vec![match &connection.link {
        Link::Starting => ("○ starting".to_owned(), Role::Dim),
        Link::Connecting { attempt: 0 | 1 } => ("○ connecting…".to_owned(), Role::Warn),
        Link::Connecting { attempt } => (format!("○ connecting… (attempt {attempt})"), Role::Warn),
        Link::Connected => ("● connected".to_owned(), Role::Good),
        Link::Lost { reason, .. } => {
            let when = match connection.retry_in_ms(state.now) {
                None | Some(0) => "trying again".to_owned(),
                Some(ms) => format!("again in {:.1}s", ms as f64 / 1e3),
            };
            (format!("● connection lost, {when}: {reason}"), Role::Bad)
        }
    }];
    if state.paused() {
        out.push(("⏸ PAUSED".to_owned(), Role::Warn));
    }
    if let Some(ms) = connection.stale_ms(state.now) {
        out.push((
            format!(
                "data {} old",
                format::duration(ms.saturating_mul(1_000_000))
            ),
            Role::Warn,
        ));
    }
    let world = state.world();
    if world.skipped > 0 {
        out.push((
            format!("skipped {}", format::count(world.skipped)),
            Role::Warn,
        ));
    }
    if connection.link == Link::Connected {
        out.push((
            format!("lag {}ms", format::count(connection.lag_ms)),
            Role::Dim,
        ));
    }
    out.push((connection.target.clone(), Role::Text));
    if let Some(server) = &connection.server {
        let name = format::truncate_end(&server.process_name, 24);
        out.push((format!("{name}[{}]", server.process_id), Role::Text));
        out.push((
            format!(
                "zokio {}",
                format::truncate_end(&server.runtime_version, 16)
            ),
            Role::Dim,
        ));
    }
    out
}

//! The last line: how the connection stands and how fresh the data is.
//!
//! ```text
//!  ● connected  http://127.0.0.1:6669  http_server[4711]  zokio 0.1.0  lag 0ms  skipped 3  12:34:56Z
//!  ⏸ PAUSED −12.4s  ←→ through time, space back to now  http://127.0.0.1:6669             12:34:44Z
//!  ▶ 0:12.4 of 5:00.0  2×  run.zrec  http_server[4711]                                     12:34:44Z
//! ```
//!
//! The clock is that of what is shown.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::widgets::put;
use crate::action::Command;
use crate::format;
use crate::keymap::{clock, key_of};
use crate::state::State;
use crate::state::connection::Link;
use crate::state::playback::{Playback, Speed};
use crate::theme::{Role, Theme};

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.width);
    let clock = format::time_of_day(shown_unix_ms(state));
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

/// The wall-clock time of what is shown.
fn shown_unix_ms(state: &State) -> u64 {
    match (&state.playback, &state.connection.server) {
        (Some(_), Some(server)) => server.unix_ns(state.world().taken_at_ns) / 1_000_000,
        _ => state.now.unix_ms,
    }
}

/// What to say, the most important first.
fn segments(state: &State) -> Vec<(String, Role)> {
    let mut out = Vec::new();
    if let Some(notice) = state.notice() {
        out.push((notice.to_owned(), Role::Active));
    }
    match &state.playback {
        Some(playback) => past(state, playback, &mut out),
        None => present(state, &mut out),
    }
    out.push((state.connection.target.clone(), Role::Text));
    if let Some(server) = &state.connection.server {
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

/// Where on the recording the screen is, and what is missing there.
fn past(state: &State, playback: &Playback, out: &mut Vec<(String, Role)>) {
    let since_start = |at_ns: u64| format::clock(at_ns.saturating_sub(playback.start_ns));
    if state.replay {
        let sign = if playback.playing { "▶" } else { "⏸" };
        let (at, end) = (since_start(playback.at_ns), since_start(playback.end_ns));
        out.push((format!("{sign} {at} of {end}"), Role::Active));
        if playback.speed != Speed::default() {
            out.push((playback.speed.to_string(), Role::Active));
        }
    } else {
        let back_ms = state.now.mono_ms.saturating_sub(playback.at_ns / 1_000_000);
        let back = match back_ms {
            0..60_000 => format!("{:.1}s", back_ms as f64 / 1e3),
            _ => format::clock(back_ms.saturating_mul(1_000_000)),
        };
        let key = key_of(Command::TogglePause);
        out.push((format!("⏸ PAUSED −{back}"), Role::Warn));
        match state.connection.link {
            Link::Connected => {}
            // In short, so that there is room for it.
            Link::Lost { .. } => out.push(("● connection lost".into(), Role::Bad)),
            _ => out.push(link(state)),
        }
        let arrows = clock::key_of(Command::SeekBack) + &clock::key_of(Command::SeekForward);
        let keys = format!("{arrows} through time, {key} back to now");
        out.push((keys, Role::Dim));
    }
    if let Some(reason) = &playback.lost {
        out.push((format!("connection lost here: {reason}"), Role::Bad));
    }
    if let Some(damage) = &playback.damage {
        out.push((damage.clone(), Role::Bad));
    }
    let not_recorded = state
        .shown_runtime()
        .map_or(0, |runtime| runtime.tasks.not_recorded);
    if not_recorded > 0 {
        let count = format::count(not_recorded as u64);
        out.push((format!("{count} tasks not recorded"), Role::Warn));
    }
}

/// How the connection stands and how fresh the data is.
fn present(state: &State, out: &mut Vec<(String, Role)>) {
    let connection = &state.connection;
    out.push(link(state));
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
}

/// How the connection stands.
fn link(state: &State) -> (String, Role) {
    let connection = &state.connection;
    match &connection.link {
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
    }
}

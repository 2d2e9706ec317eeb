//! The first line: screens and their keys, and which runtime is shown.
//!
//! ```text
//!  zokio  w Workers  t Tasks  ? Help  space Pause  q Quit            tab demo 1/2
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::widgets::put;
use crate::action::Command;
use crate::format;
use crate::keymap;
use crate::state::{State, tabs};
use crate::theme::{Role, Theme};

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let right = runtime(state);
    let room = usize::from(area.width);
    let tabs = tabs::of(state);
    let name = if tabs.named { tabs::NAME } else { " " };
    let mut used = name.len();
    let mut spans = vec![Span::styled(name, theme.style(Role::Title))];
    for tab in tabs.entries {
        if used + tab.width() > room {
            break;
        }
        used += tab.width();
        let role = if tab.active { Role::Active } else { Role::Dim };
        spans.push(Span::styled(tab.key, theme.style(Role::Key)));
        spans.push(Span::styled(format!(" {}  ", tab.label), theme.style(role)));
    }
    let left = room.saturating_sub(used + 1);
    if left >= 8 {
        let text = format::truncate_end(&right, left);
        spans.push(Span::raw(" ".repeat(left - format::width(&text))));
        spans.push(Span::styled(text, theme.style(Role::Text)));
    }
    put(0, Line::from(spans), area, buffer);
}

fn runtime(state: &State) -> String {
    let Some(shown) = state.shown_runtime() else {
        return String::new();
    };
    let ended = if shown.summary.ended { ", ended" } else { "" };
    let runtimes = &state.world().runtimes;
    let at = runtimes
        .iter()
        .position(|runtime| runtime.summary.id == shown.summary.id)
        .unwrap_or(0);
    let which = match runtimes.len() {
        1 => String::new(),
        n => format!(
            " {}/{n} ({} next)",
            at + 1,
            keymap::key_of(Command::NextRuntime)
        ),
    };
    format!(
        "{}{ended}{which}",
        format::truncate_end(&shown.summary.name, 30)
    )
}

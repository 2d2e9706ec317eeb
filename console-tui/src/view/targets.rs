//! The last line, if several programs are watched: which, and how each stands.
//!
//! ```text
//!  1 ● api[4711]!  2 ○ http://10.0.0.7:6669  3 × worker[4712]                 Tab next
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::widgets::put;
use crate::action::Command;
use crate::keymap::key_of;
use crate::state::targets::Targets;
use crate::theme::{Role, Theme};

/// Draws the program that is shown, and the line.
pub(crate) fn render(targets: &Targets, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if !targets.is_several() {
        super::render(targets.shown(), theme, area, buffer);
        return;
    }
    let [screen, last] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    super::render(targets.shown(), theme, screen, buffer);
    let mut line = Line::raw(" ");
    for tab in targets.tabs() {
        let (mark, role) = match tab.is_connected {
            Some(true) => ("●", Role::Good),
            Some(false) => ("×", Role::Bad),
            None => ("○", Role::Warn),
        };
        let number = format!("{} ", tab.number());
        line.push_span(Span::styled(number, theme.style(Role::Dim)));
        line.push_span(Span::styled(mark, theme.style(role)));
        let role = if tab.is_shown {
            Role::Active
        } else {
            Role::Dim
        };
        let lost = if tab.is_connected == Some(false) && !tab.is_shown {
            Role::Bad
        } else {
            role
        };
        line.push_span(Span::styled(format!(" {}", tab.label), theme.style(lost)));
        let sick = if tab.is_sick { "!" } else { "" };
        line.push_span(Span::styled(format!("{sick}  "), theme.style(Role::Bad)));
    }
    let hint = format!("{} next", key_of(Command::NextRuntime));
    let left = usize::from(last.width).saturating_sub(line.width() + hint.len() + 1);
    if left > 0 {
        line.push_span(" ".repeat(left));
        line.push_span(Span::styled(hint, theme.style(Role::Dim)));
    }
    put(0, line, last, buffer);
    theme.finish(buffer);
}

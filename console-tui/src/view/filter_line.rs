//! The line below the tasks: the filter, while it is typed too, and what helps with it.
//!
//! ```text
//! │/state:idle id█                                  Enter keep  Esc cancel │
//! ╰ Tab  id:  idle> ───────────────────────────────────────────────────────╯
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::widgets::put;
use crate::action::Command;
use crate::format;
use crate::keymap::key_of;
use crate::state::filter_input::{FilterInput, Hint};
use crate::state::tasks::TasksView;
use crate::theme::{Role, Theme};

/// Cells kept for the keys at the right of the line.
const FOR_KEYS: usize = 26;

/// What stands in the last line inside the frame.
pub(super) fn line(view: &TasksView, room: usize, theme: Theme) -> Line<'static> {
    let key = |command| Span::styled(key_of(command), theme.style(Role::Key));
    let text = |text: &str| Span::styled(text.to_owned(), theme.style(Role::Dim));
    if let Some(input) = &view.input {
        let mut line = typed(input, room.saturating_sub(FOR_KEYS), theme);
        line.spans.extend([
            text("  "),
            key(Command::ApplyFilter),
            text(" keep  "),
            key(Command::CancelFilter),
            text(" cancel"),
        ]);
        return line;
    }
    if view.filtered() {
        return Line::from(vec![
            text("filter "),
            Span::styled(
                format::truncate_middle(&view.filter, room.saturating_sub(30)),
                theme.style(Role::Active),
            ),
            text("  "),
            key(Command::EditFilter),
            text(" change  "),
            key(Command::Back),
            text(" drop"),
        ]);
    }
    Line::from(vec![
        key(Command::EditFilter),
        text(" filter  "),
        key(Command::SavedFilters),
        text(" saved  "),
        key(Command::ChooseColumns),
        text(" columns  "),
        key(Command::ToggleTree),
        text(" tree  "),
        key(Command::SortLeft),
        key(Command::SortRight),
        text(" sort  "),
        key(Command::InvertSort),
        text(" invert  "),
        key(Command::Open),
        text(" details"),
    ])
}

/// The text with the cursor and the place of the mistake; its part round the cursor if it is long.
fn typed(input: &FilterInput, room: usize, theme: Theme) -> Line<'static> {
    let room = room.max(8);
    let chars: Vec<char> = input.line.text().chars().collect();
    let cursor = input.line.text()[..input.line.cursor()].chars().count();
    let mistake = input.mistake.as_ref().map(|mistake| mistake.column() - 1);
    // One cell for the slash, one for a cursor at the end.
    let first = cursor.saturating_sub(room.saturating_sub(3));
    let mut spans = vec![Span::styled("/", theme.style(Role::Active))];
    let mut used = 1;
    for (at, c) in chars.iter().enumerate().skip(first) {
        let text = c.to_string();
        used += format::width(&text);
        if used >= room {
            break;
        }
        let mut style = theme.style(Role::Text);
        if mistake == Some(at) {
            style = theme.style(Role::Bad).add_modifier(Modifier::UNDERLINED);
        }
        if cursor == at {
            style = style.add_modifier(Modifier::REVERSED);
        }
        spans.push(Span::styled(text, style));
    }
    if cursor == chars.len() {
        spans.push(Span::styled("█", theme.style(Role::Active)));
    }
    Line::from(spans)
}

/// Writes into the lower edge of the frame round the tasks what helps with the filter.
pub(super) fn hint(view: &TasksView, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(text) = hint_text(view, theme) else {
        return;
    };
    if area.width < 8 || area.height < 2 {
        return;
    }
    let edge = Rect {
        x: area.x + 1,
        y: area.bottom() - 1,
        width: area.width - 2,
        height: 1,
    };
    let mut left = usize::from(edge.width);
    let mut spans = Vec::new();
    for span in text {
        let cut = format::truncate_end(&span.content, left);
        left -= format::width(&cut);
        spans.push(Span::styled(cut, span.style));
    }
    put(0, Line::from(spans), edge, buffer);
}

fn hint_text(view: &TasksView, theme: Theme) -> Option<Vec<Span<'static>>> {
    let say = |text: String, role| Span::styled(text, theme.style(role));
    let Some(input) = &view.input else {
        let refused = view.refused.as_ref()?;
        return Some(vec![say(
            format!(" the server refuses the filter: {refused} "),
            Role::Bad,
        )]);
    };
    match (input.hint(), &input.mistake) {
        (Hint::Candidates(candidates, chosen), _) => {
            let tab = key_of(Command::CompleteFilter);
            let mut spans = vec![say(format!(" {tab}"), Role::Key)];
            for (at, candidate) in candidates.into_iter().enumerate() {
                let role = if chosen == Some(at) {
                    Role::Active
                } else {
                    Role::Text
                };
                spans.push(say(format!("  {candidate}"), role));
            }
            spans.push(say(" ".into(), Role::Text));
            Some(spans)
        }
        (hint, Some(mistake)) => {
            let mut spans = vec![say(
                format!(" column {}: {} ", mistake.column(), mistake.what()),
                Role::Bad,
            )];
            if let Hint::Field { name, help } = hint {
                spans.push(say(format!(" {name}: {help} "), Role::Dim));
            }
            Some(spans)
        }
        (Hint::Field { name, help }, None) => Some(vec![
            say(format!(" {name}"), Role::Label),
            say(format!(": {help} "), Role::Dim),
        ]),
        (Hint::Nothing, None) => None,
    }
}

//! Colours by meaning, and what remains of the picture without colours or without Unicode.
//!
//! Views ask for the style of a [`Role`]. [`Theme::finish`] then takes the drawn screen down to
//! what the terminal can do, in one place: a view never asks whether it may use a box character.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use crate::state::model::{TaskState, WorkerState};

/// What a piece of the screen means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Ordinary text.
    Text,
    /// Text that is there if wanted.
    Dim,
    /// Frames.
    Frame,
    /// Titles of panels.
    Title,
    /// Column titles and labels.
    Label,
    /// The tab or sort column in use.
    Active,
    /// The selected row.
    Selected,
    /// A key that can be pressed.
    Key,
    Busy,
    Searching,
    Parked,
    Scheduled,
    Idle,
    Done,
    Good,
    Warn,
    Bad,
    /// What a task waits for.
    Wait,
    Location,
}

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Theme {
    pub(crate) color: bool,
    pub(crate) ascii: bool,
}

impl Theme {
    /// The style of a role.
    pub(crate) fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let fg = |color: u8| plain.fg(Color::Indexed(color));
        match role {
            Role::Text => plain,
            Role::Dim => fg(245),
            Role::Frame => fg(240),
            Role::Title => fg(117).add_modifier(Modifier::BOLD),
            Role::Label => fg(109),
            Role::Active => fg(222).add_modifier(Modifier::BOLD),
            Role::Selected if self.color => {
                plain.bg(Color::Indexed(238)).add_modifier(Modifier::BOLD)
            }
            Role::Selected => plain.add_modifier(Modifier::REVERSED),
            Role::Key => fg(222),
            Role::Busy => fg(78),
            Role::Searching => fg(221),
            Role::Parked => fg(61),
            Role::Scheduled => fg(221),
            Role::Idle => fg(110),
            Role::Done => fg(243),
            Role::Good => fg(78),
            Role::Warn => fg(215).add_modifier(Modifier::BOLD),
            Role::Bad => fg(203).add_modifier(Modifier::BOLD),
            Role::Wait => fg(180),
            Role::Location => fg(146),
        }
    }

    pub(crate) fn worker_state(self, state: WorkerState) -> Style {
        self.style(match state {
            WorkerState::Busy => Role::Busy,
            WorkerState::Searching => Role::Searching,
            WorkerState::Parked => Role::Parked,
            WorkerState::Detached | WorkerState::Unknown => Role::Done,
        })
    }

    pub(crate) fn task_state(self, state: TaskState) -> Style {
        self.style(match state {
            TaskState::Busy => Role::Busy,
            TaskState::Scheduled => Role::Scheduled,
            TaskState::Idle => Role::Idle,
            TaskState::Done | TaskState::Unknown => Role::Done,
        })
    }

    /// Takes the drawn screen down to what the terminal can show.
    pub(crate) fn finish(self, buffer: &mut Buffer) {
        if self.color && !self.ascii {
            return;
        }
        for cell in &mut buffer.content {
            if !self.color {
                cell.fg = Color::Reset;
                cell.bg = Color::Reset;
            }
            if self.ascii && !cell.symbol().is_ascii() {
                let ascii = ascii(cell.symbol());
                cell.set_symbol(ascii);
            }
        }
    }
}

/// The ASCII character that comes closest.
fn ascii(symbol: &str) -> &'static str {
    match symbol {
        "─" | "━" | "╌" => "-",
        "│" | "┃" => "|",
        "┌" | "┐" | "└" | "┘" | "├" | "┤" | "┬" | "┴" | "┼" | "╭" | "╮" | "╰" | "╯" => {
            "+"
        }
        "█" | "▉" | "▊" | "▇" | "▆" => "#",
        "▋" | "▌" | "▅" | "▄" => "=",
        "▍" | "▎" | "▏" | "▃" | "▂" => "-",
        "▁" => "_",
        "░" => "~",
        "▒" => "%",
        "▲" | "↑" => "^",
        "▼" | "↓" => "v",
        "←" => "<",
        "→" | "▸" | "›" => ">",
        "●" => "*",
        "○" => "o",
        "·" => ".",
        "…" => "~",
        "µ" => "u",
        "Σ" => "=",
        "⏸" => "=",
        "–" => "-",
        "×" => "x",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;

    #[test]
    fn ascii_and_no_color_leave_neither_unicode_nor_colour() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        buffer.set_string(0, 0, "│█12µs 日本…", Style::new().fg(Color::Red));
        Theme {
            color: false,
            ascii: true,
        }
        .finish(&mut buffer);
        for cell in &buffer.content {
            assert!(cell.symbol().is_ascii(), "{:?}", cell.symbol());
            assert_eq!(cell.fg, Color::Reset);
        }
        assert!(buffer.content[4].symbol() == "u");
    }
}

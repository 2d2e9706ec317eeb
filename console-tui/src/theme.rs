//! Colours by meaning, and what remains of the picture without colours or without Unicode.
//!
//! Views ask for the style of a [`Role`]. [`Theme::finish`] then takes the drawn screen down to
//! what the terminal can do, in one place: a view never asks whether it may use a box character.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use crate::state::model::{TaskState, WorkerState};
pub(crate) use depth::Depth;

mod depth;
mod palette;

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

/// Colours that go together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Palette {
    /// For a dark background.
    #[default]
    Dark,
    /// For a light background.
    Light,
    /// Few and strong colours on black, whatever the terminal's background is.
    HighContrast,
}

/// What the screen is drawn with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Theme {
    pub(crate) palette: Palette,
    pub(crate) depth: Depth,
    pub(crate) ascii: bool,
}

impl Theme {
    /// The style of a role.
    pub(crate) fn style(self, role: Role) -> Style {
        if role == Role::Selected {
            return self.selected();
        }
        let color = palette::color(self.palette, role).and_then(|shade| self.depth.color(shade));
        let bold = matches!(role, Role::Title | Role::Active | Role::Warn | Role::Bad);
        let mut style = Style::new();
        if let Some(color) = color {
            style = style.fg(color);
        }
        if bold {
            style = style.add_modifier(Modifier::BOLD);
        }
        style
    }

    /// A background where it can be told from the others, else reversed.
    fn selected(self) -> Style {
        let style = Style::new();
        let shade = match self.palette {
            Palette::Dark => palette::DARK_SELECTED,
            Palette::Light => palette::LIGHT_SELECTED,
            Palette::HighContrast => return style.add_modifier(Modifier::REVERSED),
        };
        match self.depth {
            Depth::None | Depth::Eight | Depth::Sixteen => style.add_modifier(Modifier::REVERSED),
            Depth::Indexed | Depth::True => match self.depth.color(shade) {
                Some(color) => style.bg(color).add_modifier(Modifier::BOLD),
                None => style,
            },
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
        let colorless = self.depth == Depth::None;
        let own_ground = self.palette == Palette::HighContrast && !colorless;
        if !colorless && !own_ground && !self.ascii {
            return;
        }
        for cell in &mut buffer.content {
            if colorless {
                cell.fg = Color::Reset;
                cell.bg = Color::Reset;
            } else if own_ground {
                if cell.fg == Color::Reset {
                    cell.fg = Color::White;
                }
                if cell.bg == Color::Reset {
                    cell.bg = Color::Black;
                }
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
            depth: Depth::None,
            ascii: true,
            ..Theme::default()
        }
        .finish(&mut buffer);
        for cell in &buffer.content {
            assert!(cell.symbol().is_ascii(), "{:?}", cell.symbol());
            assert_eq!(cell.fg, Color::Reset);
        }
        assert!(buffer.content[4].symbol() == "u");
    }

    #[test]
    fn a_selected_row_is_seen_in_every_theme() {
        for palette in [Palette::Dark, Palette::Light, Palette::HighContrast] {
            for depth in Depth::ALL {
                let theme = Theme {
                    palette,
                    depth,
                    ascii: false,
                };
                let style = theme.style(Role::Selected);
                let reversed = style.add_modifier.contains(Modifier::REVERSED);
                assert!(reversed || style.bg.is_some(), "{theme:?}");
            }
        }
    }

    #[test]
    fn high_contrast_brings_its_own_ground() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 1));
        Theme {
            palette: Palette::HighContrast,
            depth: Depth::Sixteen,
            ascii: false,
        }
        .finish(&mut buffer);
        assert!(
            buffer
                .content
                .iter()
                .all(|cell| (cell.fg, cell.bg) == (Color::White, Color::Black))
        );
    }
}

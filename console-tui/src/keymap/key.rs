//! One key press, and how it is written.

use std::fmt;

/// One key press.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) code: KeyCode,
    pub(crate) ctrl: bool,
}

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum KeyCode {
    Char(char),
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
}

const NAMES: [(&str, KeyCode, &str); 15] = [
    ("space", KeyCode::Char(' '), "space"),
    ("up", KeyCode::Up, "↑"),
    ("down", KeyCode::Down, "↓"),
    ("left", KeyCode::Left, "←"),
    ("right", KeyCode::Right, "→"),
    ("page-up", KeyCode::PageUp, "PgUp"),
    ("page-down", KeyCode::PageDown, "PgDn"),
    ("home", KeyCode::Home, "Home"),
    ("end", KeyCode::End, "End"),
    ("enter", KeyCode::Enter, "Enter"),
    ("esc", KeyCode::Esc, "Esc"),
    ("tab", KeyCode::Tab, "Tab"),
    ("back-tab", KeyCode::BackTab, "Shift-Tab"),
    ("backspace", KeyCode::Backspace, "Backspace"),
    ("delete", KeyCode::Delete, "Del"),
];

impl Key {
    /// Reads a key as the table writes it: `q`, `ctrl-c`, `page-up`.
    pub(crate) fn parse(text: &str) -> Option<Key> {
        let (ctrl, name) = match text.strip_prefix("ctrl-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if let Some((_, code, _)) = NAMES.iter().find(|(known, ..)| *known == name) {
            return Some(Key { code: *code, ctrl });
        }
        let mut chars = name.chars();
        let only = chars.next().filter(|_| chars.next().is_none())?;
        Some(Key {
            code: KeyCode::Char(only),
            ctrl,
        })
    }
}

impl Key {
    /// As the table and configuration files write it.
    pub(crate) fn name(&self) -> String {
        let ctrl = if self.ctrl { "ctrl-" } else { "" };
        let named = NAMES.iter().find(|(_, code, _)| *code == self.code);
        match (named, self.code) {
            (Some((name, ..)), _) => format!("{ctrl}{name}"),
            (None, KeyCode::Char(c)) => format!("{ctrl}{c}"),
            (None, _) => String::new(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        match (
            NAMES.iter().find(|(_, code, _)| *code == self.code),
            self.code,
        ) {
            (Some((.., shown)), _) => f.write_str(shown),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, _) => Ok(()),
        }
    }
}

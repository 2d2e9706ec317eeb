//! The keys that show one of several programs: its number in the last line.
//!
//! They mean so only where nothing else is bound to them, and are no others in a configuration.

use super::{Context, Key, KeyCode, When};

/// How the help shows them.
pub(crate) const SHOWN: &str = "1 2 … 12 …";

/// What the help says of them.
pub(crate) const HELP: &str = "of several programs the one of this number";

/// Lines of the help.
pub(crate) const LINES: usize = 1;

/// The digit of a program's number that a key stands for.
pub(crate) fn digit(context: Context, key: Key) -> Option<usize> {
    match key.code {
        KeyCode::Char(c @ '0'..='9') if !key.ctrl && When::Anywhere.holds(context) => {
            Some(c as usize - '0' as usize)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_numbers_but_not_in_a_text() {
        let press = |context, text| digit(context, Key::parse(text).unwrap());
        assert_eq!(press(Context::Workers, "1"), Some(1));
        assert_eq!(press(Context::Detail, "9"), Some(9));
        assert_eq!(press(Context::Detail, "0"), Some(0));
        assert_eq!(press(Context::Detail, "ctrl-1"), None);
        assert_eq!(press(Context::FilterInput, "1"), None);
    }
}

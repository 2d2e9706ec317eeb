//! The keys: one table that dispatch and the help screen read.
//!
//! Each entry names its keys as text, where they work, what they do and the line of help. Keys
//! are data, not a terminal library's types, so that a configuration file can name them too.

pub(crate) mod bound;
pub(crate) mod clock;
mod key;
mod table;
pub(crate) mod targets;

use crate::action::Command;

pub(crate) use key::{Key, KeyCode};
use table::bind;
pub(crate) use table::{BINDINGS, Binding};

/// Where keys are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    Workers,
    Tasks,
    Detail,
    Sites,
    Resources,
    Resource,
    Waits,
    /// Screens without rows.
    Panels,
    Findings,
    Timeline,
    Log,
    Help,
    /// The filter is being typed: other characters are text.
    FilterInput,
    /// A saved filter is chosen.
    FilterMenu,
    /// Columns are chosen.
    ColumnMenu,
}

/// All of them.
pub(crate) const CONTEXTS: [Context; 15] = [
    Context::Workers,
    Context::Tasks,
    Context::Detail,
    Context::Sites,
    Context::Resources,
    Context::Resource,
    Context::Waits,
    Context::Panels,
    Context::Findings,
    Context::Timeline,
    Context::Log,
    Context::Help,
    Context::FilterInput,
    Context::FilterMenu,
    Context::ColumnMenu,
];

/// The contexts in which a binding works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Everywhere but where text is typed or something is chosen from a list over the screen.
    Anywhere,
    Screens(&'static [Context]),
}

impl When {
    fn holds(self, context: Context) -> bool {
        match self {
            When::Anywhere => !matches!(
                context,
                Context::FilterInput | Context::FilterMenu | Context::ColumnMenu
            ),
            When::Screens(contexts) => contexts.contains(&context),
        }
    }
}

/// What a key press means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resolution {
    Command(Command),
    /// The first key of a sequence: wait for the next.
    Pending,
    /// A character of a text being typed.
    Text(char),
    Nothing,
}

/// Looks a key up, after the keys pressed before it that have not yet meant anything.
pub(crate) fn resolve(context: Context, pending: Option<Key>, key: Key) -> Resolution {
    bound::active().resolve(context, pending, key)
}

/// The first key of a command, as shown; empty if it has none.
pub(crate) fn key_of(command: Command) -> String {
    bound::active().key_of(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(context: Context, text: &str) -> Resolution {
        resolve(context, None, Key::parse(text).unwrap())
    }

    #[test]
    fn every_key_in_the_table_can_be_read() {
        for binding in &BINDINGS {
            for keys in binding.keys {
                for key in keys.split(' ') {
                    assert!(Key::parse(key).is_some(), "{key}");
                }
            }
            assert!(!binding.help.is_empty());
        }
    }

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for context in CONTEXTS {
            let mut seen = std::collections::HashMap::new();
            for binding in BINDINGS
                .iter()
                .filter(|binding| binding.when.holds(context))
            {
                for keys in binding.keys {
                    if let Some(other) = seen.insert(*keys, binding.command) {
                        panic!("{keys} in {context:?}: {other:?} and {:?}", binding.command);
                    }
                }
            }
        }
    }

    #[test]
    fn the_keys_of_tokio_console_mean_what_its_users_expect() {
        let tasks = [
            ("t", Command::ShowTasks),
            ("space", Command::TogglePause),
            ("?", Command::ToggleHelp),
            ("esc", Command::Back),
            ("q", Command::Quit),
            ("ctrl-c", Command::Quit),
            ("left", Command::SortLeft),
            ("l", Command::SortRight),
            ("k", Command::Up),
            ("down", Command::Down),
            ("i", Command::InvertSort),
            ("G", Command::Last),
            ("enter", Command::Open),
        ];
        for (key, command) in tasks {
            assert_eq!(
                press(Context::Tasks, key),
                Resolution::Command(command),
                "{key}"
            );
        }
    }

    #[test]
    fn two_gs_go_to_the_top_and_one_waits() {
        let g = Key::parse("g").unwrap();
        assert_eq!(resolve(Context::Tasks, None, g), Resolution::Pending);
        assert_eq!(
            resolve(Context::Tasks, Some(g), g),
            Resolution::Command(Command::First)
        );
        let q = Key::parse("q").unwrap();
        assert_eq!(
            resolve(Context::Tasks, Some(g), q),
            Resolution::Command(Command::Quit)
        );
    }

    #[test]
    fn letters_are_text_while_the_filter_is_typed() {
        assert_eq!(press(Context::FilterInput, "q"), Resolution::Text('q'));
        assert_eq!(press(Context::FilterInput, "?"), Resolution::Text('?'));
        assert_eq!(press(Context::FilterInput, "g"), Resolution::Text('g'));
        assert_eq!(
            press(Context::FilterInput, "enter"),
            Resolution::Command(Command::ApplyFilter)
        );
        assert_eq!(
            press(Context::FilterInput, "ctrl-c"),
            Resolution::Command(Command::Quit)
        );
        assert_eq!(press(Context::FilterInput, "page-up"), Resolution::Nothing);
    }
}

//! The keys: one table that dispatch and the help screen read.
//!
//! Each entry names its keys as text, where they work, what they do and the line of help. Keys
//! are data, not a terminal library's types, so that a configuration file can name them too.

pub(crate) mod bound;
pub(crate) mod clock;
pub(crate) mod targets;

use std::fmt;

use crate::action::Command;

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

/// Where keys are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    Workers,
    Tasks,
    Detail,
    Sites,
    Resources,
    Resource,
    /// Screens without rows.
    Panels,
    Findings,
    Timeline,
    Help,
    /// The filter is being typed: other characters are text.
    FilterInput,
    /// A saved filter is chosen.
    FilterMenu,
    /// Columns are chosen.
    ColumnMenu,
}

/// All of them.
pub(crate) const CONTEXTS: [Context; 13] = [
    Context::Workers,
    Context::Tasks,
    Context::Detail,
    Context::Sites,
    Context::Resources,
    Context::Resource,
    Context::Panels,
    Context::Findings,
    Context::Timeline,
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

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Binding {
    /// Each a key or, with blanks, a sequence of keys.
    pub(crate) keys: &'static [&'static str],
    pub(crate) when: When,
    pub(crate) command: Command,
    pub(crate) group: &'static str,
    pub(crate) help: &'static str,
}

const LISTS: When = When::Screens(&[
    Context::Workers,
    Context::Tasks,
    Context::Detail,
    Context::Sites,
    Context::Resources,
    Context::Resource,
    Context::Findings,
    Context::Timeline,
    Context::Help,
    Context::FilterMenu,
    Context::ColumnMenu,
]);
const TASKS: When = When::Screens(&[Context::Tasks]);
const TABLES: When = When::Screens(&[Context::Tasks, Context::Sites, Context::Resources]);
const FINDINGS: When = When::Screens(&[Context::Findings]);
const TIMELINE: When = When::Screens(&[Context::Timeline]);
const TYPING: When = When::Screens(&[Context::FilterInput]);
const EVERYWHERE: When = When::Screens(&[
    Context::Workers,
    Context::Tasks,
    Context::Detail,
    Context::Sites,
    Context::Resources,
    Context::Resource,
    Context::Panels,
    Context::Findings,
    Context::Timeline,
    Context::Help,
    Context::FilterInput,
    Context::FilterMenu,
    Context::ColumnMenu,
]);
const MENUS: When = When::Screens(&[Context::FilterMenu, Context::ColumnMenu]);
const COLUMN_MENU: When = When::Screens(&[Context::ColumnMenu]);

const fn bind(
    keys: &'static [&'static str],
    when: When,
    command: Command,
    group: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        keys,
        when,
        command,
        group,
        help,
    }
}

/// All keys, as they are unless the user binds others.
pub(crate) static BINDINGS: [Binding; 65] = [
    bind(
        &["w"],
        When::Anywhere,
        Command::ShowWorkers,
        "Screens",
        "workers",
    ),
    bind(
        &["t"],
        When::Anywhere,
        Command::ShowTasks,
        "Screens",
        "tasks",
    ),
    bind(
        &["s"],
        When::Anywhere,
        Command::ShowSites,
        "Screens",
        "spawn sites",
    ),
    bind(
        &["r"],
        When::Anywhere,
        Command::ShowResources,
        "Screens",
        "resources: what tasks wait for",
    ),
    bind(
        &["p"],
        When::Anywhere,
        Command::ShowPool,
        "Screens",
        "blocking pool, driver, timers",
    ),
    bind(
        &["S"],
        When::Anywhere,
        Command::ShowCost,
        "Screens",
        "what telemetry itself costs",
    ),
    bind(
        &["d"],
        When::Anywhere,
        Command::ShowFindings,
        "Screens",
        "diagnosis: what is wrong",
    ),
    bind(
        &["T"],
        When::Anywhere,
        Command::ShowTimeline,
        "Screens",
        "timeline: what the workers did lately",
    ),
    bind(
        &["?"],
        When::Anywhere,
        Command::ToggleHelp,
        "Screens",
        "this help",
    ),
    bind(
        &["esc"],
        When::Anywhere,
        Command::Back,
        "Screens",
        "back; drops the filter first",
    ),
    bind(
        &["tab"],
        When::Anywhere,
        Command::NextRuntime,
        "Screens",
        "next runtime",
    ),
    bind(
        &["back-tab"],
        When::Anywhere,
        Command::PreviousRuntime,
        "Screens",
        "previous runtime",
    ),
    bind(
        &["space"],
        When::Anywhere,
        Command::TogglePause,
        "Screens",
        "pause and go on",
    ),
    bind(&["q"], When::Anywhere, Command::Quit, "Screens", "quit"),
    bind(
        &["ctrl-c"],
        EVERYWHERE,
        Command::Quit,
        "Screens",
        "quit, also while typing",
    ),
    bind(&["up", "k"], LISTS, Command::Up, "Lists", "one row up"),
    bind(
        &["down", "j"],
        LISTS,
        Command::Down,
        "Lists",
        "one row down",
    ),
    bind(
        &["page-up", "ctrl-u"],
        LISTS,
        Command::PageUp,
        "Lists",
        "one page up",
    ),
    bind(
        &["page-down", "ctrl-d"],
        LISTS,
        Command::PageDown,
        "Lists",
        "one page down",
    ),
    bind(
        &["g g", "home"],
        LISTS,
        Command::First,
        "Lists",
        "first row",
    ),
    bind(&["G", "end"], LISTS, Command::Last, "Lists", "last row"),
    bind(
        &["left", "h"],
        TABLES,
        Command::SortLeft,
        "Tables",
        "sort by the column to the left",
    ),
    bind(
        &["right", "l"],
        TABLES,
        Command::SortRight,
        "Tables",
        "sort by the column to the right",
    ),
    bind(
        &["i"],
        TABLES,
        Command::InvertSort,
        "Tables",
        "invert the order",
    ),
    bind(
        &["e"],
        TASKS,
        Command::ToggleTree,
        "Tables",
        "tasks: below those that spawned them",
    ),
    bind(
        &["enter"],
        TASKS,
        Command::Open,
        "Tables",
        "tasks: details of the task",
    ),
    bind(
        &["enter"],
        When::Screens(&[Context::Sites]),
        Command::Open,
        "Tables",
        "sites: the tasks spawned there",
    ),
    bind(
        &["enter"],
        When::Screens(&[Context::Resources]),
        Command::Open,
        "Tables",
        "resources: who waits for it",
    ),
    bind(
        &["enter"],
        When::Screens(&[Context::Resource]),
        Command::Open,
        "Tables",
        "waiters: details of the task",
    ),
    bind(
        &["/"],
        TASKS,
        Command::EditFilter,
        "Tables",
        "tasks: filter",
    ),
    bind(
        &["F"],
        TASKS,
        Command::SavedFilters,
        "Tables",
        "tasks: saved filters",
    ),
    bind(
        &["c"],
        TASKS,
        Command::ChooseColumns,
        "Tables",
        "tasks: which columns, in which order",
    ),
    bind(
        &["b"],
        When::Screens(&[Context::Detail]),
        Command::ToggleBacktrace,
        "Tables",
        "task: where it waits, function by function",
    ),
    bind(
        &["enter"],
        FINDINGS,
        Command::Open,
        "Diagnosis",
        "details of the task that is to blame",
    ),
    bind(
        &["left", "h"],
        TIMELINE,
        Command::Earlier,
        "Timeline",
        "earlier; a page up: half of it",
    ),
    bind(
        &["right", "l"],
        TIMELINE,
        Command::Later,
        "Timeline",
        "later; a page down: half of it",
    ),
    bind(
        &["+", "="],
        TIMELINE,
        Command::ZoomIn,
        "Timeline",
        "closer, around the cursor",
    ),
    bind(&["-"], TIMELINE, Command::ZoomOut, "Timeline", "wider"),
    bind(
        &["n"],
        TIMELINE,
        Command::NextLongPoll,
        "Timeline",
        "the next long poll of any worker",
    ),
    bind(
        &["N"],
        TIMELINE,
        Command::PreviousLongPoll,
        "Timeline",
        "the long poll before",
    ),
    bind(
        &["R"],
        TIMELINE,
        Command::ReadAgain,
        "Timeline",
        "read the recorders again",
    ),
    bind(
        &["enter"],
        TIMELINE,
        Command::Open,
        "Timeline",
        "details of the task under the cursor",
    ),
    bind(
        &["enter"],
        TYPING,
        Command::ApplyFilter,
        "Filter",
        "keep the filter",
    ),
    bind(
        &["esc"],
        TYPING,
        Command::CancelFilter,
        "Filter",
        "back to the filter before",
    ),
    bind(
        &["tab"],
        TYPING,
        Command::CompleteFilter,
        "Filter",
        "complete the word, then go through what it could be",
    ),
    bind(
        &["up"],
        TYPING,
        Command::OlderFilter,
        "Filter",
        "the filter used before",
    ),
    bind(
        &["down"],
        TYPING,
        Command::NewerFilter,
        "Filter",
        "the filter used after",
    ),
    bind(
        &["left"],
        TYPING,
        Command::CursorLeft,
        "Filter",
        "one character to the left",
    ),
    bind(
        &["right"],
        TYPING,
        Command::CursorRight,
        "Filter",
        "one character to the right",
    ),
    bind(
        &["home", "ctrl-a"],
        TYPING,
        Command::CursorToStart,
        "Filter",
        "to the beginning",
    ),
    bind(
        &["end", "ctrl-e"],
        TYPING,
        Command::CursorToEnd,
        "Filter",
        "to the end",
    ),
    bind(
        &["backspace"],
        TYPING,
        Command::DeleteBefore,
        "Filter",
        "delete the character before",
    ),
    bind(
        &["delete"],
        TYPING,
        Command::DeleteAt,
        "Filter",
        "delete the character at the cursor",
    ),
    bind(
        &["ctrl-w"],
        TYPING,
        Command::DeleteWord,
        "Filter",
        "delete a word",
    ),
    bind(
        &["ctrl-u"],
        TYPING,
        Command::ClearLine,
        "Filter",
        "delete everything",
    ),
    bind(
        &["enter"],
        MENUS,
        Command::Open,
        "Lists over the tasks",
        "use it",
    ),
    bind(
        &["esc"],
        MENUS,
        Command::Back,
        "Lists over the tasks",
        "back to the tasks",
    ),
    bind(
        &["space"],
        COLUMN_MENU,
        Command::ToggleColumn,
        "Lists over the tasks",
        "show the column, or hide it",
    ),
    bind(
        &["K"],
        COLUMN_MENU,
        Command::ColumnEarlier,
        "Lists over the tasks",
        "move the column to the left",
    ),
    bind(
        &["J"],
        COLUMN_MENU,
        Command::ColumnLater,
        "Lists over the tasks",
        "move the column to the right",
    ),
    bind(
        &["["],
        When::Anywhere,
        Command::SeekBackFar,
        "Clock",
        "ten seconds back",
    ),
    bind(
        &["]"],
        When::Anywhere,
        Command::SeekForwardFar,
        "Clock",
        "ten seconds on",
    ),
    bind(
        &["<"],
        When::Anywhere,
        Command::Slower,
        "Clock",
        "play a recording more slowly",
    ),
    bind(
        &[">"],
        When::Anywhere,
        Command::Faster,
        "Clock",
        "play a recording faster",
    ),
    bind(
        &["ctrl-s"],
        When::Anywhere,
        Command::SaveHistory,
        "Clock",
        "save the last minutes as a recording",
    ),
];

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

//! The entries of the first line: which there are, which is in use, and where each stands.
//!
//! In here, because a mouse click has to find what the view has drawn.

use crate::action::Command;
use crate::format;
use crate::keymap;

use super::{Screen, State};

/// Cells of the program's name before the entries, where there is room for it.
pub(crate) const NAME: &str = " zokio  ";

/// Cells that are kept for the runtime's name.
const FOR_RUNTIME: usize = 12;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tab {
    pub(crate) command: Command,
    pub(crate) key: String,
    pub(crate) label: &'static str,
    pub(crate) active: bool,
    /// First cell of the key.
    pub(crate) x: usize,
}

impl Tab {
    /// Cells that it takes: key, blank, label, two blanks.
    pub(crate) fn width(&self) -> usize {
        format::width(&self.key) + 1 + self.label.len() + 2
    }
}

/// The first line of a screen: whether the program's name is there, and the entries.
#[derive(Debug)]
pub(crate) struct Tabs {
    pub(crate) named: bool,
    pub(crate) entries: Vec<Tab>,
}

/// Command, label, label where there is little room (empty: it is left out there), screens.
type Entry = (Command, &'static str, &'static str, &'static [Screen]);

const SCREENS: [Entry; 10] = [
    (Command::ShowWorkers, "Workers", "Work", &[Screen::Workers]),
    (
        Command::ShowTasks,
        "Tasks",
        "Tasks",
        &[Screen::Tasks, Screen::Detail],
    ),
    (Command::ShowSites, "Sites", "Sites", &[Screen::Sites]),
    (
        Command::ShowResources,
        "Resources",
        "Res",
        &[Screen::Resources, Screen::Resource],
    ),
    (Command::ShowWaits, "Waits", "Waits", &[Screen::Waits]),
    (Command::ShowPool, "Pool", "Pool", &[Screen::Pool]),
    (Command::ShowCost, "Self", "", &[Screen::Cost]),
    (Command::ShowTimeline, "Timeline", "", &[Screen::Timeline]),
    (Command::ShowLog, "Log", "", &[Screen::Log]),
    (
        Command::ShowFindings,
        "Diagnosis",
        "Diag",
        &[Screen::Findings],
    ),
];

/// The line for a screen of the state's width: with everything, else without what one can do
/// everywhere, else short.
pub(crate) fn of(state: &State) -> Tabs {
    let room = usize::from(state.width);
    let fits = |tabs: &Tabs| {
        let end = tabs.entries.last().map_or(0, |tab| tab.x + tab.width());
        end + FOR_RUNTIME <= room
    };
    [
        (true, true, true),
        (true, true, false),
        (true, false, false),
    ]
    .into_iter()
    .map(|(named, long, everywhere)| line(state, named, long, everywhere))
    .find(fits)
    .unwrap_or_else(|| line(state, false, false, false))
}

fn line(state: &State, named: bool, long: bool, everywhere: bool) -> Tabs {
    let mut x = if named { NAME.len() } else { 1 };
    let mut entries = Vec::new();
    // Something wrong is to be seen from every screen.
    let found = state
        .shown_runtime()
        .is_some_and(|r| !r.findings.is_empty());
    let mut push = |command, label, active| {
        let tab = Tab {
            command,
            key: keymap::key_of(command),
            label,
            active,
            x,
        };
        x += tab.width();
        entries.push(tab);
    };
    for (command, label, short, screens) in SCREENS {
        if !long && short.is_empty() {
            continue;
        }
        let active = state.help.is_none() && screens.contains(&state.screen);
        let (label, short) = match (command, found) {
            (Command::ShowFindings, true) => ("Diagnosis!", "Diag!"),
            _ => (label, short),
        };
        push(command, if long { label } else { short }, active);
    }
    push(Command::ToggleHelp, "Help", state.help.is_some());
    if everywhere {
        let pause = if state.paused() { "Go on" } else { "Pause" };
        push(Command::TogglePause, pause, state.paused());
        push(Command::Quit, "Quit", false);
    }
    Tabs { named, entries }
}

/// The command of the entry at cell `x`.
pub(super) fn at(state: &State, x: u16) -> Option<Command> {
    let x = usize::from(x);
    let hit = |tab: &Tab| (tab.x..tab.x + tab.width() - 2).contains(&x);
    of(state)
        .entries
        .into_iter()
        .find(hit)
        .map(|tab| tab.command)
}

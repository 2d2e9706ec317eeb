//! The keys that move through time while it stands still: the arrows, Home and End.
//!
//! They come before those of the screens, and are no others in a configuration. Sorting keeps `h`
//! and `l`, lists keep `gg` and `G`.

use super::{Binding, Context, Key, When, bind};
use crate::action::Command;

static CLOCK: [Binding; 4] = [
    on(&["left"], Command::SeekBack, "while paused: a second back"),
    on(
        &["right"],
        Command::SeekForward,
        "while paused: a second on",
    ),
    on(
        &["home"],
        Command::SeekStart,
        "while paused: to the beginning",
    ),
    on(&["end"], Command::SeekEnd, "while paused: to the end"),
];

const fn on(keys: &'static [&'static str], command: Command, help: &'static str) -> Binding {
    bind(keys, When::Anywhere, command, "Clock", help)
}

/// All of them, for the help.
pub(crate) fn bindings() -> impl Iterator<Item = &'static Binding> {
    CLOCK.iter()
}

/// The key of a command, as shown; empty if it has none here.
pub(crate) fn key_of(command: Command) -> String {
    let binding = CLOCK.iter().find(|binding| binding.command == command);
    let keys = binding.map_or(&[][..], |binding| binding.keys);
    let shown = keys.iter().filter_map(|key| Key::parse(key));
    shown.map(|key| key.to_string()).collect()
}

/// What a key means while time stands still.
pub(crate) fn command(context: Context, key: Key) -> Option<Command> {
    let binding = CLOCK.iter().find(|binding| {
        let is_key = |text: &&str| Key::parse(text) == Some(key);
        binding.when.holds(context) && binding.keys.iter().any(is_key)
    })?;
    Some(binding.command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_move_through_time_and_letters_still_sort() {
        let press = |context, text| command(context, Key::parse(text).unwrap());
        assert_eq!(press(Context::Tasks, "left"), Some(Command::SeekBack));
        assert_eq!(press(Context::Tasks, "h"), None);
        assert_eq!(press(Context::FilterInput, "left"), None, "text is typed");
        assert_eq!(key_of(Command::SeekForward), "→");
    }
}

//! The key table with what the user has bound otherwise.
//!
//! It is made before the first screen and never changes: dispatch, help and all hints read the same.

use std::sync::OnceLock;

use super::{BINDINGS, Binding, CONTEXTS, Context, Key, KeyCode, Resolution, When};
use crate::action::Command;

/// One line of the table, its keys read.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    /// Each a key, or two in a row.
    pub(crate) keys: Vec<Vec<Key>>,
    pub(crate) when: When,
    pub(crate) command: Command,
    pub(crate) group: &'static str,
    pub(crate) help: &'static str,
}

/// The whole table.
#[derive(Debug, Clone)]
pub(crate) struct Keymap {
    bindings: Vec<Bound>,
}

static ACTIVE: OnceLock<Keymap> = OnceLock::new();

/// The table in use.
pub(crate) fn active() -> &'static Keymap {
    ACTIVE.get_or_init(Keymap::default)
}

/// Uses this table from now on. The first one counts, and only before a key is looked up.
pub(crate) fn install(keymap: Keymap) {
    let _ = ACTIVE.set(keymap);
}

impl Default for Keymap {
    fn default() -> Keymap {
        let bound = |binding: &Binding| Bound {
            keys: binding.keys.iter().filter_map(|keys| parse(keys)).collect(),
            when: binding.when,
            command: binding.command,
            group: binding.group,
            help: binding.help,
        };
        Keymap {
            bindings: BINDINGS.iter().map(bound).collect(),
        }
    }
}

/// Reads a key, or two with a blank between them.
fn parse(text: &str) -> Option<Vec<Key>> {
    let keys: Option<Vec<Key>> = text.split(' ').map(Key::parse).collect();
    keys.filter(|keys| keys.len() <= 2)
}

/// The name of a command in a configuration file: `show-tasks`.
pub(crate) fn name_of(command: Command) -> String {
    let mut name = String::new();
    for c in format!("{command:?}").chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// Whether a line keeps its keys whatever the user binds: the way out that works everywhere.
fn is_fixed(binding: &Bound) -> bool {
    CONTEXTS.iter().all(|context| binding.when.holds(*context))
}

impl Keymap {
    pub(crate) fn bindings(&self) -> &[Bound] {
        &self.bindings
    }

    /// Commands and their keys, in the order of the table, as a configuration file has them.
    pub(crate) fn by_name(&self) -> Vec<(String, Vec<String>)> {
        let mut out: Vec<(String, Vec<String>)> = Vec::new();
        for binding in self.bindings.iter().filter(|binding| !is_fixed(binding)) {
            let name = name_of(binding.command);
            if !out.iter().any(|(known, _)| *known == name) {
                out.push((
                    name,
                    binding.keys.iter().map(|keys| written(keys)).collect(),
                ));
            }
        }
        out
    }

    /// Gives a command other keys, wherever it works.
    ///
    /// # Errors
    ///
    /// What is wrong with the name or a key.
    pub(crate) fn rebind(&mut self, name: &str, keys: &[String]) -> Result<(), String> {
        let read: Result<Vec<_>, String> = keys
            .iter()
            .map(|text| {
                parse(text).ok_or_else(|| {
                    format!(
                        "`{text}` is no key: write x, ctrl-x, page-up, or two with a blank: \"g g\""
                    )
                })
            })
            .collect();
        let read = read?;
        let mut known = false;
        for binding in self.bindings.iter_mut().filter(|b| !is_fixed(b)) {
            if name_of(binding.command) != name {
                continue;
            }
            known = true;
            let types = |key: &Key| matches!(key.code, KeyCode::Char(_)) && !key.ctrl;
            if binding.when.holds(Context::FilterInput) && read.iter().flatten().any(types) {
                return Err(format!(
                    "{name} works while text is typed: give it a key that types nothing, such as ctrl-x"
                ));
            }
            binding.keys.clone_from(&read);
        }
        if known {
            return Ok(());
        }
        let names = self.by_name();
        let near =
            zokio_instrumentation::filter::nearest(name, names.iter().map(|(n, _)| n.as_str()));
        Err(match near {
            Some(near) => format!("there is no command `{name}`: did you mean `{near}`?"),
            None => {
                format!("there is no command `{name}`: `zokio-console config print` lists them")
            }
        })
    }

    /// Keys that mean two things in one place, in words.
    pub(crate) fn conflicts(&self) -> Vec<String> {
        let mut out = Vec::new();
        for context in CONTEXTS {
            let here: Vec<(&Vec<Key>, Command)> = self
                .bindings
                .iter()
                .filter(|binding| binding.when.holds(context))
                .flat_map(|binding| binding.keys.iter().map(|keys| (keys, binding.command)))
                .collect();
            for (at, (keys, command)) in here.iter().enumerate() {
                for (others, other) in &here[at + 1..] {
                    // A key that begins a sequence would end it.
                    let shorter = keys.len().min(others.len());
                    if keys[..shorter] != others[..shorter] || command == other {
                        continue;
                    }
                    let what = format!(
                        "the key `{}` means {} and {}",
                        written(&keys[..shorter]),
                        name_of(*command),
                        name_of(*other)
                    );
                    if !out.contains(&what) {
                        out.push(what);
                    }
                }
            }
        }
        out
    }

    pub(super) fn resolve(&self, context: Context, pending: Option<Key>, key: Key) -> Resolution {
        let mut waits = false;
        for binding in self.bindings.iter().filter(|b| b.when.holds(context)) {
            for keys in &binding.keys {
                match keys[..] {
                    [only] if only == key => return Resolution::Command(binding.command),
                    [first, second] if pending == Some(first) && second == key => {
                        return Resolution::Command(binding.command);
                    }
                    [first, _] if first == key => waits = true,
                    _ => {}
                }
            }
        }
        match key {
            Key {
                code: KeyCode::Char(c),
                ctrl: false,
            } if context == Context::FilterInput => Resolution::Text(c),
            _ if waits => Resolution::Pending,
            _ => Resolution::Nothing,
        }
    }

    pub(super) fn key_of(&self, command: Command) -> String {
        let binding = self.bindings.iter().find(|b| b.command == command);
        let keys = binding.and_then(|binding| binding.keys.first());
        keys.map(|keys| shown(keys)).unwrap_or_default()
    }
}

impl Bound {
    /// The keys as the help shows them: `↑ k`, `gg Home`.
    pub(crate) fn shown_keys(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(|keys| shown(keys)).collect();
        keys.join(" ")
    }
}

fn shown(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect()
}

/// As a configuration file has it.
fn written(keys: &[Key]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| key.name()).collect();
    keys.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(keymap: &Keymap, context: Context, key: &str) -> Resolution {
        keymap.resolve(context, None, Key::parse(key).unwrap())
    }

    #[test]
    fn a_command_gets_other_keys_and_the_old_ones_are_free() {
        let mut keymap = Keymap::default();
        keymap
            .rebind("show-tasks", &["T".into(), "x x".into()])
            .unwrap();
        let tasks = Resolution::Command(Command::ShowTasks);
        assert_eq!(press(&keymap, Context::Workers, "T"), tasks);
        assert_eq!(press(&keymap, Context::Workers, "t"), Resolution::Nothing);
        let x = Key::parse("x").unwrap();
        assert_eq!(
            keymap.resolve(Context::Workers, None, x),
            Resolution::Pending
        );
        assert_eq!(keymap.resolve(Context::Workers, Some(x), x), tasks);
        assert_eq!(keymap.key_of(Command::ShowTasks), "T");
        keymap.rebind("show-tasks", &[]).unwrap();
        assert_eq!(keymap.key_of(Command::ShowTasks), "");
    }

    #[test]
    fn the_way_out_stays_whatever_is_bound() {
        let mut keymap = Keymap::default();
        keymap.rebind("quit", &["Q".into()]).unwrap();
        let quit = Resolution::Command(Command::Quit);
        assert_eq!(press(&keymap, Context::Tasks, "q"), Resolution::Nothing);
        for context in CONTEXTS {
            assert_eq!(press(&keymap, context, "ctrl-c"), quit, "{context:?}");
        }
    }

    #[test]
    fn what_cannot_be_bound_is_told() {
        let mut keymap = Keymap::default();
        let mut told = |name: &str, key: &str| keymap.rebind(name, &[key.into()]).unwrap_err();
        assert!(told("show-task", "x").contains("did you mean `show-tasks`?"));
        assert!(told("zzz", "x").contains("config print"));
        assert!(told("quit", "f99").contains("`f99` is no key"));
        assert!(told("apply-filter", "y").contains("types nothing"));
    }

    #[test]
    fn conflicts_are_found_where_both_work_and_nowhere_else() {
        assert_eq!(Keymap::default().conflicts(), [] as [String; 0]);
        let mut keymap = Keymap::default();
        keymap.rebind("show-tasks", &["w".into()]).unwrap();
        keymap.rebind("quit", &["g".into()]).unwrap();
        assert_eq!(
            keymap.conflicts(),
            [
                "the key `w` means show-workers and show-tasks",
                "the key `g` means quit and first",
            ]
        );
        let mut apart = Keymap::default();
        // `K` moves columns in one list, and nothing else knows it.
        apart.rebind("invert-sort", &["K".into()]).unwrap();
        assert_eq!(apart.conflicts(), [] as [String; 0]);
    }

    #[test]
    fn the_table_is_written_as_it_is_read() {
        let mut keymap = Keymap::default();
        for (name, keys) in Keymap::default().by_name() {
            keymap.rebind(&name, &keys).unwrap();
        }
        assert_eq!(keymap.by_name(), Keymap::default().by_name());
    }
}

//! The user's configuration file: what the screens are to be like.
//!
//! It is read by what shows screens, and by nothing else: a command in a script must not depend on
//! somebody's taste. Flags go before it. What is not understood is an error with its line: a
//! misspelt key would be a setting that silently does nothing.

mod path;
mod read;
mod write;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use path::default_path;

use crate::error::ConsoleError;
use crate::keymap::bound::Keymap;
use crate::state::settings::Settings;
use crate::target::{self, Target};
use crate::theme::Palette;

/// The longest file that is read.
const MAX_BYTES: u64 = 256 * 1024;

/// What can be configured.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// What is watched if the command line names nothing. Never empty.
    pub(crate) targets: Vec<Target>,
    /// None: what the server suggests.
    pub(crate) interval: Option<Duration>,
    pub(crate) theme: Palette,
    pub(crate) colors: bool,
    pub(crate) ascii_only: bool,
    pub(crate) mouse: bool,
    pub(crate) settings: Settings,
    pub(crate) keymap: Keymap,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            targets: vec![target::default()],
            interval: None,
            theme: Palette::default(),
            colors: true,
            ascii_only: false,
            mouse: true,
            settings: Settings::default(),
            keymap: Keymap::default(),
        }
    }
}

impl Config {
    /// Reads the file that is named, or else the one in its usual place, if it is there.
    pub(crate) fn load(named: Option<&Path>) -> Result<Config, ConsoleError> {
        let (path, is_named) = match (named, default_path()) {
            (Some(path), _) => (path.to_owned(), true),
            (None, Some(path)) => (path, false),
            (None, None) => return Ok(Config::default()),
        };
        match read_file(&path) {
            Ok(text) => Config::parse(&text).map_err(|problems| ConsoleError::Config {
                path,
                problems: problems.join("; "),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => {
                Ok(Config::default())
            }
            Err(source) => Err(ConsoleError::File {
                what: "the configuration",
                path,
                source,
            }),
        }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// All problems, each with its line.
    pub(crate) fn parse(text: &str) -> Result<Config, Vec<String>> {
        read::parse(text)
    }

    /// The text of a file that says all this.
    pub(crate) fn text(&self) -> String {
        write::text(self)
    }
}

fn read_file(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MAX_BYTES {
        let what = format!("it has more than {} KiB", MAX_BYTES / 1024);
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    fs::read_to_string(path)
}

/// Writes a file with everything as it is, unless there is one.
pub(crate) fn init(path: &Path) -> Result<(), ConsoleError> {
    let failed = |source| ConsoleError::WriteFile {
        path: PathBuf::from(path),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    io::Write::write_all(&mut file, Config::default().text().as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests;

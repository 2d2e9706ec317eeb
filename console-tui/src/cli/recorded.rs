//! Recordings that are named on the command line.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::error::ConsoleError;
use crate::recording::{FileSource, Tape};
use crate::replay;
use crate::sanitize;

/// A recording to be read without screens: what is wrong with it is told.
pub(super) fn opened(file: &Path) -> Result<Tape<FileSource<File>>, ConsoleError> {
    let tape = replay::open(file)?;
    if let Some(words) = tape.source.condition().in_words() {
        // If stderr has gone there is nobody to tell.
        let _ = writeln!(
            io::stderr(),
            "zokio-console: {} is {words}: the rest is read",
            file.display()
        );
    }
    Ok(tape)
}

/// The name of a recording, as a terminal may show it.
pub(super) fn shown_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    sanitize::message(&name.to_string_lossy())
}

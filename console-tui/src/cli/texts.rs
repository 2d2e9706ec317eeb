//! What is made from the command line's own description: completions and the manual page.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Cli;
use crate::error::ConsoleError;

const NAME: &str = "zokio-console";

/// Writes the completions for a shell.
pub(super) fn completions(shell: Shell, out: &mut impl Write) -> Result<(), ConsoleError> {
    // Into memory first: clap_complete panics where a reader has gone.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut text);
    write(&text, out)
}

/// Writes the manual page in roff: one page, which lists the commands.
pub(super) fn manual(out: &mut impl Write) -> Result<(), ConsoleError> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut text)
        .map_err(ConsoleError::Output)?;
    write(&text, out)
}

fn write(text: &[u8], out: &mut impl Write) -> Result<(), ConsoleError> {
    let written: io::Result<()> = out.write_all(text).and_then(|()| out.flush());
    written.map_err(ConsoleError::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_has_completions_that_name_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            let mut out = Vec::new();
            completions(shell, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains("snapshot"), "{shell}: {text}");
        }
    }

    #[test]
    fn the_manual_tells_of_commands_and_exit_codes() {
        let mut out = Vec::new();
        manual(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with(".ie") || text.starts_with(".TH"), "{text}");
        for part in ["snapshot", "\\-\\-theme", "Exit codes"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

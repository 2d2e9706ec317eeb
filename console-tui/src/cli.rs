//! The command line: what can be asked, and how it ends.

mod args;
mod plain;
mod recorded;
mod screen;
mod screens;
mod texts;
mod values;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::access::AccessArgs;
use crate::config;
use crate::error::ConsoleError;
use args::{Cli, Command, ConfigCommand, ConnectArgs};
use plain::{check, dump, record, snapshot, top, trace};
use screen::ScreenArgs;
use screens::{connect, replay, run_demo};

pub(crate) use values::parse_duration;

/// Exit code for everything that kept the console from doing what it was asked.
const FAILED: u8 = 2;

/// Runs the console with the arguments of the process (the first is the program's name) and says
/// how it ended. Errors are one line on stderr.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let screen = cli.screen;
    let command = cli.command.unwrap_or_else(|| {
        Command::Connect(ConnectArgs {
            targets: Vec::new(),
            runtime: None,
            access: AccessArgs::default(),
            interval: None,
            wait: false,
            observe_self: None,
        })
    });
    let done = match command {
        Command::Connect(arguments) => connect(arguments, &screen),
        Command::Config { what } => config_command(what, &screen),
        Command::GenConfig => config_command(ConfigCommand::Print, &screen),
        Command::Snapshot(arguments) => snapshot(&arguments),
        Command::Top(arguments) => top(&arguments),
        Command::Dump(arguments) => dump(arguments, screen),
        Command::Trace(arguments) => trace(&arguments),
        Command::Completions { shell } => texts::completions(shell, &mut io::stdout().lock()),
        Command::Man => texts::manual(&mut io::stdout().lock()),
        Command::Record(arguments) => record(&arguments),
        Command::Replay { file } => replay(&file, &screen),
        Command::Check(arguments) => return outcome(check(&arguments)),
        Command::Demo(arguments) => run_demo(&arguments, &screen),
    };
    outcome(done.map(|()| ExitCode::SUCCESS))
}

fn outcome(done: Result<ExitCode, ConsoleError>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(message: &str) -> ExitCode {
    // If stderr has gone there is nobody to tell.
    let _ = writeln!(io::stderr(), "zokio-console: {message}");
    ExitCode::from(FAILED)
}

/// Help and version as clap prints them; a mistake in one line.
fn usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // The reader has seen what it wanted (`--help | head`).
            let _ = error.print();
            ExitCode::SUCCESS
        }
        _ => fail(&usage_line(&error.render().to_string())),
    }
}

/// What is wrong, clap's tip if it has one, and where the help is.
fn usage_line(rendered: &str) -> String {
    let line = |prefix: &str| {
        rendered
            .lines()
            .find_map(|line| line.trim().strip_prefix(prefix))
    };
    let what = line("error:")
        .unwrap_or("the arguments are not understood")
        .trim();
    let tip = line("tip:")
        .map(|tip| format!(" ({})", tip.trim()))
        .unwrap_or_default();
    format!("{what}{tip}; see `zokio-console --help`")
}

fn runtime() -> Result<zokio::runtime::Runtime, ConsoleError> {
    zokio::runtime::Builder::new_current_thread()
        .name("zokio-console")
        .enable_all()
        .build()
        .map_err(ConsoleError::Runtime)
}

/// Where the file is, or is to be.
fn config_path(screen: &ScreenArgs) -> Result<PathBuf, ConsoleError> {
    let named = screen.config.clone();
    named
        .or_else(config::default_path)
        .ok_or(ConsoleError::NoConfigFolder)
}

fn config_command(what: ConfigCommand, screen: &ScreenArgs) -> Result<(), ConsoleError> {
    let text = match what {
        ConfigCommand::Print => screen.load()?.text(),
        ConfigCommand::Path => format!("{}\n", config_path(screen)?.display()),
        ConfigCommand::Init => {
            let path = config_path(screen)?;
            config::init(&path)?;
            format!("{}\n", path.display())
        }
    };
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(ConsoleError::Output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{self, Target};
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_mistake_is_told_in_one_line_with_a_way_out() {
        let line = |arguments: &[&str]| {
            usage_line(
                &Cli::try_parse_from(arguments)
                    .unwrap_err()
                    .render()
                    .to_string(),
            )
        };
        let unknown = line(&["zokio-console", "snapshot", "--jsn"]);
        assert!(
            unknown.contains("--jsn") && unknown.contains("--json"),
            "{unknown}"
        );
        let target = line(&["zokio-console", "connect", "ftp://x"]);
        assert!(
            target.contains("unknown scheme; write http://HOST:PORT or unix:/PATH"),
            "{target}"
        );
        let command = line(&["zokio-console", "conect"]);
        for line in [unknown, target, command] {
            assert!(
                !line.contains('\n') && line.ends_with("see `zokio-console --help`"),
                "{line}"
            );
        }
    }

    #[test]
    fn the_default_target_of_the_help_is_the_default() {
        let default: Target = target::DEFAULT.parse().unwrap();
        assert_eq!(
            default,
            Target::Tcp {
                host: "127.0.0.1".into(),
                port: 6669
            }
        );
    }
}

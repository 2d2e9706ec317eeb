//! The command line: what can be asked, and how it ends.

mod texts;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use zokio::signal::unix::{SignalKind, signal};
use zokio_instrumentation::filter::Filter;

use crate::access::AccessArgs;
use crate::app::{self, Feed};
use crate::config::{self, Config};
use crate::connection::{self, Destination};
use crate::demo;
use crate::error::ConsoleError;
use crate::headless;
use crate::headless::record;
use crate::keymap::bound;
use crate::recording::{FileSource, Tape};
use crate::replay;
use crate::sanitize;
use crate::state::backtrace::Strokes;
use crate::state::lints::{self, Limits};
use crate::target::{self, Target};
use crate::terminal;
use crate::theme::{Depth, Palette, Theme};

/// Exit code for everything that kept the console from doing what it was asked.
const FAILED: u8 = 2;

/// Exit code of `check` when something was found.
const FOUND: u8 = 1;

/// How long the demo runs without a terminal.
const DEMO_TIME: Duration = Duration::from_secs(5);

/// Watch a running zokio program: its workers, its tasks, and what they wait for.
///
/// The program serves its telemetry once it calls zokio_instrumentation::init(); by default on
/// 127.0.0.1:6669.
#[derive(Debug, Parser)]
#[command(name = "zokio-console", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    screen: ScreenArgs,
}

/// How screens are drawn.
#[derive(Debug, Clone, Args)]
struct ScreenArgs {
    /// Draw without colours. Also by setting NO_COLOR.
    #[arg(long, alias = "no-color", global = true)]
    no_colors: bool,

    /// Draw with ASCII characters only.
    #[arg(long, alias = "ascii", global = true)]
    ascii_only: bool,

    /// Colours to draw with; how many there are, the terminal says.
    /// [default: dark]
    #[arg(long, value_enum, value_name = "THEME", global = true)]
    theme: Option<Palette>,

    /// How many colours to draw with, whatever the terminal says.
    #[arg(long, value_enum, value_name = "COLORS", global = true)]
    palette: Option<Colors>,

    /// The terminal's locale: without UTF-8 in it, ASCII characters only.
    #[arg(long, value_name = "LOCALE", global = true)]
    lang: Option<String>,

    /// Leave the mouse to the terminal.
    #[arg(long, global = true)]
    no_mouse: bool,

    /// Do not show this warning at tasks (`all`: none of them).
    #[arg(short = 'A', long = "allow", value_name = "WARNING", value_parser = parse_lint, global = true)]
    allow: Vec<String>,

    /// Show this warning at tasks even if the configuration does not want it.
    #[arg(short = 'W', long = "warn", value_name = "WARNING", value_parser = parse_lint, global = true)]
    warn: Vec<String>,

    /// The configuration file. Else: the one that `zokio-console config path` tells.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Memory for looking back at the last minutes, such as 32MiB, divided among the
    /// programs watched; 0: none is kept.
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, default_value = "32MiB", global = true)]
    history: usize,
}

/// Colours that a terminal can have, as tokio-console names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colors {
    #[value(name = "8")]
    Eight,
    #[value(name = "16")]
    Sixteen,
    #[value(name = "256")]
    Indexed,
    #[value(name = "all")]
    True,
    #[value(name = "off")]
    None,
}

impl ScreenArgs {
    /// What the configuration file says, and these arguments over it.
    fn load(&self) -> Result<Config, ConsoleError> {
        let mut config = Config::load(self.config.as_deref())?;
        let is_ascii = |lang: &String| {
            let lang = lang.to_ascii_lowercase();
            !lang.contains("utf-8") && !lang.contains("utf8")
        };
        config.theme = self.theme.unwrap_or(config.theme);
        config.colors &= !self.no_colors;
        config.ascii_only |= self.ascii_only || self.lang.as_ref().is_some_and(is_ascii);
        config.mouse &= !self.no_mouse;
        let limits = &mut config.settings.limits;
        for name in &self.warn {
            restore(limits, name);
        }
        for name in &self.allow {
            for known in lints::NAMES {
                if (name == known || name == ALL)
                    && let Some(limit) = limits.named(known)
                {
                    *limit = None;
                }
            }
        }
        Ok(config)
    }

    fn theme(&self, config: &Config) -> Theme {
        let depth = match self.palette {
            _ if !config.colors => Depth::None,
            Some(Colors::None) => Depth::None,
            Some(Colors::Eight) => Depth::Eight,
            Some(Colors::Sixteen) => Depth::Sixteen,
            Some(Colors::Indexed) => Depth::Indexed,
            Some(Colors::True) => Depth::True,
            None => Depth::detect(|name| std::env::var(name).ok()),
        };
        Theme {
            palette: config.theme,
            depth,
            ascii: config.ascii_only,
        }
    }
}

/// The name that stands for all warnings.
const ALL: &str = "all";

/// Gives warnings that are off their usual limits.
fn restore(limits: &mut Limits, name: &str) {
    let mut usual = Limits::default();
    for known in lints::NAMES {
        if (name == known || name == ALL)
            && let (Some(limit), Some(usual)) = (limits.named(known), usual.named(known))
        {
            *limit = limit.or(*usual);
        }
    }
}

/// Reads the name of a warning, as it is here or as tokio-console has it.
fn parse_lint(text: &str) -> Result<String, String> {
    let name = match text {
        "self-wake-percent" => "self-wakes",
        "never-yielded" => "never-yields",
        other => other,
    };
    if name == ALL || lints::NAMES.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(format!(
        "warnings are {} and {ALL}",
        lints::NAMES.join(", ")
    ))
}

const EXAMPLES: &str = "\
Examples:
  zokio-console                                     watch the program on this machine
  zokio-console connect http://10.0.0.7:6669        watch one elsewhere
  zokio-console connect https://app.example --tls-ca ca.pem --token-file token
                                                    watch one elsewhere, safely
  zokio-console connect unix:/run/app/console.sock  watch one over a Unix socket
  zokio-console snapshot --json | jq '.runtimes[].alive_tasks'
  zokio-console top --interval 10s >> numbers.log   a line every ten seconds
  zokio-console check --for 30s                     say what is wrong; exit code 1 if anything is
  zokio-console snapshot --tasks 'state:idle since>5s waits:mutex'
                                                    the tasks that hang at a mutex
  zokio-console record run.zrec --for 5m            keep what happens, to be looked at later
  zokio-console replay run.zrec                     look at it, with the same screens
  zokio-console dump 42                             say where task 42 waits, function by function
  zokio-console trace -o trace.json                 what the workers did lately, for Perfetto
  zokio-console demo                                try it without a program of your own

Exit codes: 0 fine; 1 check has found something; 2 cannot connect, bad usage, connection lost.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the screens of a running program (the default).
    Connect(ConnectArgs),
    /// Print one snapshot and end.
    Snapshot(SnapshotArgs),
    /// Print a line of numbers for each runtime, again and again: for logs.
    Top(TopArgs),
    /// Watch for a while and say what is wrong: blocked workers, deadlocks and the like.
    ///
    /// Ends with exit code 1 if something was found, 0 if not, 2 if the program cannot be watched.
    Check(CheckArgs),
    /// Record a running program in a file.
    Record(RecordArgs),
    /// Show the screens of a recording.
    Replay {
        /// The recording.
        file: PathBuf,
    },
    /// Print where tasks wait: a tree of functions for one task, or for all.
    ///
    /// Each task that is asked is polled once more than it would have been. One whose turn does not
    /// come is not, and then the workers' threads are looked at instead.
    Dump(DumpArgs),
    /// Write what the workers did lately to a file for a trace viewer: Perfetto or chrome://tracing.
    ///
    /// Each worker remembers its latest polls, wakes, steals and sleeps (zokio's Builder::flight_recorder
    /// says how many), so nothing has to be switched on before. Where there are tokens it takes the
    /// control token.
    Trace(TraceArgs),
    /// Start a built-in service with faults and watch it.
    Demo(DemoArgs),
    /// Print completions for a shell, to be put where it looks for them.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, in roff.
    Man,
    /// The configuration file: keys, columns, saved filters, colours, warnings.
    Config {
        /// What to do with it.
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Print the configuration as a file: `config print`, by tokio-console's name.
    #[command(hide = true)]
    GenConfig,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum ConfigCommand {
    /// Print the configuration in use as a file that says all of it.
    Print,
    /// Print where the file is looked for.
    Path,
    /// Write a file with everything as it is without one; one that is there is left alone.
    Init,
}

#[derive(Debug, Args)]
struct ConnectArgs {
    /// Where the program serves: http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH.
    /// Several are shown one at a time: Tab goes to the next. All are shown the same certificate and
    /// token.
    /// [default: what the configuration says, else http://127.0.0.1:6669]
    #[arg(value_name = "TARGET")]
    targets: Vec<Target>,

    /// Show the runtime of this name first.
    #[arg(long, value_name = "NAME")]
    runtime: Option<String>,

    #[command(flatten)]
    access: AccessArgs,

    /// Time between two updates, such as 100ms or 1s; never shorter than the server allows.
    /// [default: what the server suggests]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    interval: Option<Duration>,

    /// If nobody listens yet, keep trying instead of ending.
    #[arg(long)]
    wait: bool,

    /// Serve this console's own telemetry on an address, for a second console to watch.
    #[arg(long, value_name = "ADDR")]
    observe_self: Option<String>,
}

#[derive(Debug, Args)]
struct SnapshotArgs {
    /// Where the program serves: http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH.
    #[arg(default_value = target::DEFAULT)]
    target: Target,

    #[command(flatten)]
    access: AccessArgs,

    /// Print one JSON object, in the format of SNAPSHOT.md.
    #[arg(long)]
    json: bool,

    /// Only tasks that this filter leaves, such as `state:idle since>5s waits:mutex`.
    #[arg(long, value_name = "FILTER", default_value = "", value_parser = parse_filter)]
    tasks: String,

    /// Of a recording instead of a running program.
    #[arg(long, value_name = "FILE", conflicts_with = "target")]
    from: Option<PathBuf>,

    /// So long after the recording's beginning. [default: its end]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "from")]
    at: Option<Duration>,
}

#[derive(Debug, Args)]
struct TopArgs {
    /// Where the program serves: http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH.
    #[arg(default_value = target::DEFAULT)]
    target: Target,

    #[command(flatten)]
    access: AccessArgs,

    /// Time between two lines.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    interval: Duration,

    /// Say also how many tasks this filter leaves, such as `waits:mutex since>1s`.
    #[arg(long, value_name = "FILTER", value_parser = parse_filter)]
    tasks: Option<String>,

    /// End after this time. Else: when the program ends, or by Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    time: Option<Duration>,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Where the program serves: http://HOST[:PORT] or unix:/PATH.
    #[arg(default_value = target::DEFAULT)]
    target: Target,
    #[command(flatten)]
    access: AccessArgs,

    /// Say what was wrong while this recording was made, instead of watching a program.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "time"])]
    from: Option<PathBuf>,

    /// Watch for this long.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    time: Duration,

    /// Only findings of these kinds make the exit code 1; the others are still told.
    #[arg(long, value_name = "KIND", num_args = 1.., value_delimiter = ',', value_parser = parse_kind)]
    deny: Vec<String>,

    /// Tasks that this filter leaves, such as `longest>100ms`, are a finding, too: `filtered-tasks`.
    #[arg(long, value_name = "FILTER", value_parser = parse_filter)]
    tasks: Option<String>,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RecordArgs {
    /// The file to record in; it must not be there yet.
    file: PathBuf,

    /// Where the program serves: http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH.
    #[arg(default_value = target::DEFAULT)]
    target: Target,

    #[command(flatten)]
    access: AccessArgs,

    /// Time between two updates: the shorter, the larger the file.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "250ms")]
    interval: Duration,

    /// Record for this long. Else: until Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    time: Option<Duration>,

    /// Only tasks that this filter leaves, such as `state:idle since>5s waits:mutex`.
    #[arg(long, value_name = "FILTER", default_value = "", value_parser = parse_filter)]
    tasks: String,

    /// Write over the file if it is there.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
struct DumpArgs {
    /// The number of a task, and where the program serves, each of which may be left out: all
    /// tasks, http://127.0.0.1:6669.
    #[arg(value_names = ["TASK", "TARGET"], num_args = 0..=2, value_parser = parse_subject)]
    subjects: Vec<Subject>,

    #[command(flatten)]
    access: AccessArgs,

    /// All tasks, those that wait in the same place once. The default without a task.
    #[arg(long)]
    all: bool,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `dump` is asked about.
#[derive(Debug, Clone)]
enum Subject {
    Task(u64),
    At(Target),
}

fn parse_subject(text: &str) -> Result<Subject, String> {
    if let Ok(task) = text.parse() {
        return Ok(Subject::Task(task));
    }
    let target = text.parse().map(Subject::At);
    target.map_err(|error| format!("neither a task's number nor an address: {error}"))
}

impl DumpArgs {
    /// The task, if it is about one, and the target.
    fn what(&self) -> Result<(Option<u64>, Target), ConsoleError> {
        let (mut task, mut target) = (None, None);
        for subject in &self.subjects {
            let twice = match subject {
                Subject::Task(number) => task.replace(*number).is_some(),
                Subject::At(at) => target.replace(at.clone()).is_some(),
            };
            if twice {
                let what = "dump is about one task or all tasks of one program";
                return Err(ConsoleError::Access(what.into()));
            }
        }
        if self.all && task.is_some() {
            return Err(ConsoleError::Access(
                "give a task or --all, not both".into(),
            ));
        }
        let target = target.map_or_else(|| target::DEFAULT.parse(), Ok);
        let target = target.map_err(|error| ConsoleError::Access(format!("{error}")))?;
        Ok((task.filter(|task| *task != 0), target))
    }
}

#[derive(Debug, Args)]
struct TraceArgs {
    /// Where the program serves: http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH.
    #[arg(default_value = target::DEFAULT)]
    target: Target,

    #[command(flatten)]
    access: AccessArgs,

    /// The file to write; - is the standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// How far to look back.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    last: Duration,
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// Run this long without screens, then print a summary. Without a terminal: 5s.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    time: Option<Duration>,

    /// Print the JSON object of `snapshot --json` instead of a summary.
    #[arg(long)]
    json: bool,
}

/// Reads the kind of a finding: a misspelt one would never be found.
fn parse_kind(text: &str) -> Result<String, String> {
    let known: Vec<_> = zokio_instrumentation::finding_kinds()
        .chain([headless::check::FILTERED])
        .collect();
    if known.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("kinds of findings are {}", known.join(", ")))
    }
}

/// Reads a filter, to say what is wrong with it before anybody is connected to.
fn parse_filter(text: &str) -> Result<String, String> {
    match Filter::parse(text) {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(mistake) => Err(mistake.to_string()),
    }
}

/// Reads an amount of memory: a number and `KiB`, `MiB` or `GiB`, or 0.
fn parse_bytes(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => 0,
    };
    let bytes = digits.parse().ok().and_then(|n: usize| n.checked_mul(unit));
    bytes
        .filter(|_| unit > 0)
        .ok_or_else(|| "an amount is a number and KiB, MiB or GiB, such as 32MiB".into())
}

/// Reads a time: a number and `ms`, `s` or `m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wanted = || "a time is a number and ms, s or m, such as 100ms or 1.5s".to_owned();
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .ok_or_else(wanted)?;
    let (number, unit) = text.split_at(unit_at);
    let seconds_per_unit = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err(wanted()),
    };
    let value: f64 = number.parse().map_err(|_| wanted())?;
    match Duration::try_from_secs_f64(value * seconds_per_unit) {
        Ok(time) if !time.is_zero() && time <= Duration::from_secs(86_400) => Ok(time),
        _ => Err("a time must be more than 0 and at most a day".into()),
    }
}

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
    zokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("console-worker")
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

fn connect(arguments: ConnectArgs, screen: &ScreenArgs) -> Result<(), ConsoleError> {
    if !terminal::is_interactive() {
        return Err(ConsoleError::NoTerminal);
    }
    let config = screen.load()?;
    let targets = if arguments.targets.is_empty() {
        config.targets.clone()
    } else {
        arguments.targets
    };
    let destinations: Result<Vec<Destination>, _> = targets
        .into_iter()
        .map(|target| arguments.access.destination(target))
        .collect();
    let destinations = destinations?;
    let runtime = runtime()?;
    let _observed = match &arguments.observe_self {
        Some(address) => Some(
            zokio_instrumentation::builder()
                .bind(address.as_str())
                .attach(runtime.handle())
                .start()
                .map_err(|error| ConsoleError::Instrumentation(error.to_string()))?,
        ),
        None => None,
    };
    let interval = arguments.interval.or(config.interval).unwrap_or_default();
    let mut options = options(config, screen);
    options.runtime = arguments.runtime;
    runtime.block_on(async {
        let mut session = match &destinations[..] {
            [only] => match connection::connect(only).await {
                Ok(session) => Some(session),
                Err(ConsoleError::Unreachable { .. }) if arguments.wait => None,
                Err(error) => return Err(error),
            },
            // One that is not there is no reason not to show the others.
            _ => None,
        };
        let feeds = destinations.into_iter().map(|destination| Feed::Live {
            destination,
            interval,
            session: session.take(),
        });
        app::run(options, feeds.collect()).await
    })
}

fn replay(file: &Path, screen: &ScreenArgs) -> Result<(), ConsoleError> {
    if !terminal::is_interactive() {
        return Err(ConsoleError::NoTerminal);
    }
    let tape = replay::open(file)?;
    let name = shown_name(file);
    let options = options(screen.load()?, screen);
    runtime()?.block_on(app::run(options, vec![Feed::Recording { name, tape }]))
}

/// A recording to be read without screens: what is wrong with it is told.
fn opened(file: &Path) -> Result<Tape<FileSource<File>>, ConsoleError> {
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
fn shown_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    sanitize::message(&name.to_string_lossy())
}

fn record(arguments: &RecordArgs) -> Result<(), ConsoleError> {
    let destination = arguments.access.destination(arguments.target.clone())?;
    let plan = record::Plan {
        path: arguments.file.clone(),
        force: arguments.force,
        time: arguments.time,
        interval: arguments.interval,
        filter: arguments.tasks.clone(),
    };
    let tells = io::stderr().is_terminal();
    let recorded = runtime()?.block_on(async {
        let session = connection::connect(&destination).await?;
        session.check_filter(&plan.filter)?;
        let stop = stopped().map_err(ConsoleError::Signals)?;
        record::record(&destination, session, &plan, stop, |line| {
            if tells {
                record::overwrite(line, &mut io::stderr());
            }
        })
        .await
    });
    if tells {
        record::overwrite("", &mut io::stderr());
    }
    let summary = recorded?.summary(&plan.path);
    io::stdout()
        .write_all(summary.as_bytes())
        .map_err(ConsoleError::Output)
}

/// Is over when the user, or the system, wants the console to end.
fn stopped() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        zokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// What the screens are started with. From here on the keys are those of the configuration.
fn options(config: Config, screen: &ScreenArgs) -> app::Options {
    let theme = screen.theme(&config);
    bound::install(config.keymap);
    app::Options {
        theme,
        mouse: config.mouse,
        history_bytes: screen.history,
        runtime: None,
        settings: config.settings,
    }
}

fn snapshot(arguments: &SnapshotArgs) -> Result<(), ConsoleError> {
    if let Some(file) = &arguments.from {
        return headless::print_recorded(
            &mut opened(file)?,
            &shown_name(file),
            arguments.at,
            &arguments.tasks,
            arguments.json,
            &mut io::stdout().lock(),
        );
    }
    let destination = arguments.access.destination(arguments.target.clone())?;
    runtime()?.block_on(async {
        let mut session = connection::connect(&destination).await?;
        headless::print(
            &mut session,
            &arguments.tasks,
            arguments.json,
            &mut io::stdout().lock(),
        )
        .await
    })
}

fn top(arguments: &TopArgs) -> Result<(), ConsoleError> {
    let destination = arguments.access.destination(arguments.target.clone())?;
    runtime()?.block_on(async {
        let mut session = connection::connect(&destination).await?;
        headless::top::print(
            &mut session,
            arguments.interval,
            arguments.time,
            arguments.tasks.as_deref(),
            &mut io::stdout().lock(),
        )
        .await
    })
}

fn trace(arguments: &TraceArgs) -> Result<(), ConsoleError> {
    let destination = arguments.access.destination(arguments.target.clone())?;
    runtime()?.block_on(async {
        let mut session = connection::connect(&destination).await?;
        let mut stderr = io::stderr();
        let watched = stderr.is_terminal();
        headless::trace::save(
            &mut session,
            arguments.last,
            &arguments.output.clone().into(),
            watched.then_some(&mut stderr as &mut dyn Write),
            &mut io::stderr(),
        )
        .await
    })
}

fn check(arguments: &CheckArgs) -> Result<ExitCode, ConsoleError> {
    let filter = arguments.tasks.as_deref();
    let report = match &arguments.from {
        Some(file) => headless::check::recorded(&mut opened(file)?, filter),
        None => {
            let destination = arguments.access.destination(arguments.target.clone())?;
            runtime()?.block_on(async {
                let mut session = connection::connect(&destination).await?;
                headless::check::watch(&mut session, arguments.time, filter).await
            })?
        }
    };
    let code = if report.is_denied(&arguments.deny) {
        ExitCode::from(FOUND)
    } else {
        ExitCode::SUCCESS
    };
    match report.print(arguments.json, &mut io::stdout().lock()) {
        // Whoever does not want to read it may still want to know.
        Err(error) if error.is_broken_pipe() => Ok(code),
        printed => printed.map(|()| code),
    }
}

fn dump(arguments: DumpArgs, screen: ScreenArgs) -> Result<(), ConsoleError> {
    let (task, target) = arguments.what()?;
    let destination = arguments.access.destination(target)?;
    let strokes = if screen.ascii_only {
        Strokes::ASCII
    } else {
        Strokes::UNICODE
    };
    runtime()?.block_on(async {
        let mut session = connection::connect(&destination).await?;
        let out = &mut io::stdout().lock();
        headless::dump::print(&mut session, task, arguments.json, strokes, out).await
    })
}

fn run_demo(arguments: &DemoArgs, screen: &ScreenArgs) -> Result<(), ConsoleError> {
    let with_screens = arguments.time.is_none() && !arguments.json && terminal::is_interactive();
    let config = if with_screens {
        screen.load()?
    } else {
        Config::default()
    };
    let demo = demo::Demo::start()?;
    let destination = Destination::from(demo.target()?);
    let runtime = runtime()?;
    runtime.block_on(async {
        if with_screens {
            let session = connection::connect(&destination).await?;
            let feed = Feed::Live {
                destination,
                interval: config.interval.unwrap_or_default(),
                session: Some(session),
            };
            return app::run(options(config, screen), vec![feed]).await;
        }
        let time = arguments.time.unwrap_or(DEMO_TIME);
        if io::stderr().is_terminal() {
            // Not being told is no reason to stop.
            let _ = writeln!(
                io::stderr(),
                "zokio-console: the demo runs for {time:?}; meanwhile: zokio-console connect {}",
                destination.target
            );
        }
        zokio::time::sleep(time).await;
        let mut session = connection::connect(&destination).await?;
        headless::print(&mut session, "", arguments.json, &mut io::stdout().lock()).await
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(parse_duration("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        for text in [
            "", "5", "s", "-1s", "0s", "1h", "NaNs", "1e30s", "1 s", "inf",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
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

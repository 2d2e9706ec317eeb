//! What can be asked: commands and their arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::screen::ScreenArgs;
use super::values::{Subject, parse_duration, parse_filter, parse_kind, parse_subject};
use crate::access::AccessArgs;
use crate::error::ConsoleError;
use crate::target::{self, Target};

/// Watch a running zokio program: its workers, its tasks, and what they wait for.
///
/// The program serves its telemetry once it calls zokio_instrumentation::init(); by default on
/// 127.0.0.1:6669.
#[derive(Debug, Parser)]
#[command(name = "zokio-console", version, after_help = EXAMPLES)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,

    #[command(flatten)]
    pub(super) screen: ScreenArgs,
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
pub(super) enum Command {
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
pub(super) enum ConfigCommand {
    /// Print the configuration in use as a file that says all of it.
    Print,
    /// Print where the file is looked for.
    Path,
    /// Write a file with everything as it is without one; one that is there is left alone.
    Init,
}

#[derive(Debug, Args)]
pub(super) struct ConnectArgs {
    /// Where the program serves: http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH.
    /// Several are shown one at a time: Tab goes to the next. All are shown the same certificate and
    /// token.
    /// [default: what the configuration says, else http://127.0.0.1:6669]
    #[arg(value_name = "TARGET")]
    pub(super) targets: Vec<Target>,

    /// Show the runtime of this name first.
    #[arg(long, value_name = "NAME")]
    pub(super) runtime: Option<String>,

    #[command(flatten)]
    pub(super) access: AccessArgs,

    /// Time between two updates, such as 100ms or 1s; never shorter than the server allows.
    /// [default: what the server suggests]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) interval: Option<Duration>,

    /// If nobody listens yet, keep trying instead of ending.
    #[arg(long)]
    pub(super) wait: bool,

    /// Serve this console's own telemetry on an address, for a second console to watch.
    #[arg(long, value_name = "ADDR")]
    pub(super) observe_self: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct SnapshotArgs {
    /// Where the program serves: http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH.
    #[arg(default_value = target::DEFAULT)]
    pub(super) target: Target,

    #[command(flatten)]
    pub(super) access: AccessArgs,

    /// Print one JSON object, in the format of SNAPSHOT.md.
    #[arg(long)]
    pub(super) json: bool,

    /// Only tasks that this filter leaves, such as `state:idle since>5s waits:mutex`.
    #[arg(long, value_name = "FILTER", default_value = "", value_parser = parse_filter)]
    pub(super) tasks: String,

    /// Of a recording instead of a running program.
    #[arg(long, value_name = "FILE", conflicts_with = "target")]
    pub(super) from: Option<PathBuf>,

    /// So long after the recording's beginning. [default: its end]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "from")]
    pub(super) at: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct TopArgs {
    /// Where the program serves: http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH.
    #[arg(default_value = target::DEFAULT)]
    pub(super) target: Target,

    #[command(flatten)]
    pub(super) access: AccessArgs,

    /// Time between two lines.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    pub(super) interval: Duration,

    /// Say also how many tasks this filter leaves, such as `waits:mutex since>1s`.
    #[arg(long, value_name = "FILTER", value_parser = parse_filter)]
    pub(super) tasks: Option<String>,

    /// End after this time. Else: when the program ends, or by Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub(super) time: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Where the program serves: http://HOST[:PORT] or unix:/PATH.
    #[arg(default_value = target::DEFAULT)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) access: AccessArgs,

    /// Say what was wrong while this recording was made, instead of watching a program.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "time"])]
    pub(super) from: Option<PathBuf>,

    /// Watch for this long.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    pub(super) time: Duration,

    /// Only findings of these kinds make the exit code 1; the others are still told.
    #[arg(long, value_name = "KIND", num_args = 1.., value_delimiter = ',', value_parser = parse_kind)]
    pub(super) deny: Vec<String>,

    /// Tasks that this filter leaves, such as `longest>100ms`, are a finding, too: `filtered-tasks`.
    #[arg(long, value_name = "FILTER", value_parser = parse_filter)]
    pub(super) tasks: Option<String>,

    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// The file to record in; it must not be there yet.
    pub(super) file: PathBuf,

    /// Where the program serves: http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH.
    #[arg(default_value = target::DEFAULT)]
    pub(super) target: Target,

    #[command(flatten)]
    pub(super) access: AccessArgs,

    /// Time between two updates: the shorter, the larger the file.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "250ms")]
    pub(super) interval: Duration,

    /// Record for this long. Else: until Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub(super) time: Option<Duration>,

    /// Only tasks that this filter leaves, such as `state:idle since>5s waits:mutex`.
    #[arg(long, value_name = "FILTER", default_value = "", value_parser = parse_filter)]
    pub(super) tasks: String,

    /// Write over the file if it is there.
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct DumpArgs {
    /// The number of a task, and where the program serves, each of which may be left out: all
    /// tasks, http://127.0.0.1:6669.
    #[arg(value_names = ["TASK", "TARGET"], num_args = 0..=2, value_parser = parse_subject)]
    pub(super) subjects: Vec<Subject>,

    #[command(flatten)]
    pub(super) access: AccessArgs,

    /// All tasks, those that wait in the same place once. The default without a task.
    #[arg(long)]
    pub(super) all: bool,

    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

impl DumpArgs {
    /// The task, if it is about one, and the target.
    pub(super) fn what(&self) -> Result<(Option<u64>, Target), ConsoleError> {
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
pub(super) struct TraceArgs {
    /// Where the program serves: http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH.
    #[arg(default_value = target::DEFAULT)]
    pub(super) target: Target,

    #[command(flatten)]
    pub(super) access: AccessArgs,

    /// The file to write; - is the standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,

    /// How far to look back.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    pub(super) last: Duration,
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Run this long without screens, then print a summary. Without a terminal: 5s.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub(super) time: Option<Duration>,

    /// Print the JSON object of `snapshot --json` instead of a summary.
    #[arg(long)]
    pub(super) json: bool,
}

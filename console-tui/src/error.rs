//! What can go wrong, each with what to do about it, in one line.

use std::io;
use std::path::PathBuf;

/// Why the console ends with exit code 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsoleError {
    #[error(
        "nobody listens at {target} ({source}): start the program with zokio_instrumentation::init(), \
         or give the address that ZOKIO_CONSOLE_BIND names there"
    )]
    Unreachable { target: String, source: io::Error },

    #[error(
        "{target} does not answer within {seconds} s: is it a zokio program, and is it running?"
    )]
    NoAnswer { target: String, seconds: u64 },

    #[error(
        "the server at {target} is not zokio's ({what}): give the address of a program with \
         zokio_instrumentation::init()"
    )]
    NotZokio { target: String, what: String },

    #[error("the server at {target} cannot be watched: {source}")]
    OtherVersion {
        target: String,
        source: zokio_console_proto::VersionMismatch,
    },

    #[error(
        "{target} does not let this console in ({message}): give its token with --token-file FILE or \
         in ZOKIO_CONSOLE_TOKEN"
    )]
    TokenRefused { target: String, message: String },

    #[cfg_attr(
        not(feature = "tls"),
        expect(dead_code, reason = "without TLS nothing of it goes wrong")
    )]
    #[error("no TLS connection to {target} ({what}): {advice}")]
    Tls {
        target: String,
        what: String,
        advice: &'static str,
    },

    #[error("cannot read {what} from {path}: {source}", path = path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },

    #[error("the configuration {path} is not understood: {problems}", path = path.display())]
    Config { path: PathBuf, problems: String },

    #[error("cannot write {path}: {source}", path = path.display())]
    WriteFile { path: PathBuf, source: io::Error },

    #[error(
        "neither HOME nor its like says where configuration is kept: name a file with --config"
    )]
    NoConfigFolder,

    /// The arguments that say how to get in do not go together.
    #[error("{0}")]
    Access(String),

    #[error("cannot play {path}: {source}", path = path.display())]
    Recording {
        path: PathBuf,
        source: crate::recording::OpenError,
    },

    #[error("cannot record in {path} ({source}): {advice}", path = path.display())]
    NotBegun {
        path: PathBuf,
        source: io::Error,
        advice: &'static str,
    },

    #[error(
        "the recording ended early, {path} cannot be written ({source}): what was written until then \
         ({kept}) can be played",
        path = path.display()
    )]
    NotRecorded {
        path: PathBuf,
        source: io::Error,
        kept: String,
    },

    #[error("the server at {target} refuses: {message}")]
    Refused { target: String, message: String },

    #[error(
        "the program at {target} looks for one word only (its zokio-instrumentation is older than \
         filters): give --tasks WORD"
    )]
    FilterUnknown { target: String },

    #[error("the connection to {target} was lost ({reason}): run the command again")]
    Lost { target: String, reason: String },

    #[error(
        "there is no terminal to draw on: run `zokio-console snapshot` for a summary, or `snapshot --json`"
    )]
    NoTerminal,

    #[error("the terminal cannot be used: {0}")]
    Terminal(#[source] io::Error),

    #[error("the runtime cannot be started: {0}")]
    Runtime(#[source] io::Error),

    #[error("the console's own telemetry cannot be served: {0}")]
    Instrumentation(String),

    #[error("the demo cannot be started: {0}")]
    Demo(#[source] io::Error),

    #[error("an error in the console itself, shown above, ended it: please report it")]
    Panicked,

    #[error("signals cannot be heard: {0}")]
    Signals(#[source] io::Error),

    #[error("the output cannot be written: {0}")]
    Output(#[source] io::Error),
}

impl ConsoleError {
    /// Whether the reader of the output has gone, which is no error of ours.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, ConsoleError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

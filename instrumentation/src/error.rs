//! What can go wrong when the server is started.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::address::Address;

/// Why the server was not started. The text says what to do about it.
///
/// The program itself is not harmed: it runs on without a server.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    NoRuntime,
    TelemetryOff,
    Setting {
        name: String,
        value: String,
        expected: &'static str,
    },
    NotLoopback {
        address: Address,
        has_tls: bool,
        has_token: bool,
    },
    /// The value is a secret, perhaps, and not told.
    Token {
        name: String,
        problem: &'static str,
    },
    File {
        what: String,
        path: PathBuf,
        source: io::Error,
    },
    Tls(String),
    Flight(String),
    Bind(Address, io::Error),
    Thread(io::Error),
    Runtime(io::Error),
    RecorderInstalled,
}

impl Error {
    /// The address is in use, most likely by another instrumented program.
    pub fn is_address_in_use(&self) -> bool {
        matches!(&self.kind, Kind::Bind(_, e) if e.kind() == io::ErrorKind::AddrInUse)
    }

    /// The address can be reached from other machines, and that was not allowed.
    pub fn is_not_loopback(&self) -> bool {
        matches!(self.kind, Kind::NotLoopback { .. })
    }

    /// There was no runtime to attach.
    pub fn is_no_runtime(&self) -> bool {
        matches!(self.kind, Kind::NoRuntime)
    }

    /// zokio was built without its feature `telemetry`.
    pub fn is_telemetry_off(&self) -> bool {
        matches!(self.kind, Kind::TelemetryOff)
    }

    /// An address, an interval, a token, a file or an environment variable could not be read.
    pub fn is_setting(&self) -> bool {
        matches!(
            self.kind,
            Kind::Setting { .. } | Kind::Token { .. } | Kind::File { .. }
        )
    }

    /// TLS could not be set up: what the files hold does not fit, or it is asked for by halves.
    pub fn is_tls(&self) -> bool {
        matches!(self.kind, Kind::Tls(_))
    }

    pub(crate) fn setting(
        name: impl Into<String>,
        value: impl Into<String>,
        expected: &'static str,
    ) -> Error {
        Kind::Setting {
            name: name.into(),
            value: value.into(),
            expected,
        }
        .into()
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Error {
        Error { kind }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::NoRuntime => f.write_str(
                "there is no zokio runtime to watch: call this inside a runtime, or give the \
                 builder one with attach(&handle)",
            ),
            Kind::TelemetryOff => f.write_str(
                "zokio was built without its feature `telemetry`: there is nothing to serve; \
                 build with it, or leave the instrumentation out",
            ),
            Kind::Setting {
                name,
                value,
                expected,
            } => {
                write!(f, "{name} is {value:?}, expected {expected}")
            }
            Kind::NotLoopback {
                address,
                has_tls,
                has_token,
            } => {
                let missing = match (has_tls, has_token) {
                    (true, _) => {
                        "a token, without which anyone may look: set one with \
                         ZOKIO_CONSOLE_TOKEN_FILE or token"
                    }
                    (false, true) => {
                        "TLS, without which the token can be overheard: set it with \
                         ZOKIO_CONSOLE_TLS_CERT and ZOKIO_CONSOLE_TLS_KEY or tls"
                    }
                    (false, false) => {
                        "TLS and a token: set them with ZOKIO_CONSOLE_TLS_CERT, \
                         ZOKIO_CONSOLE_TLS_KEY and ZOKIO_CONSOLE_TOKEN_FILE, or tls and token"
                    }
                };
                write!(
                    f,
                    "{address} can be reached from other machines and lacks {missing}; or bind to \
                     127.0.0.1 or a unix: path and forward it (ssh -L), or allow it in words with \
                     insecure_bind(true)"
                )
            }
            Kind::Token { name, problem } => write!(
                f,
                "{name} {problem}; `openssl rand -hex 32` makes a good one"
            ),
            Kind::File { what, path, source } => {
                write!(f, "cannot read {what} from {}: {source}", path.display())
            }
            Kind::Tls(problem) => write!(f, "TLS cannot be set up: {problem}"),
            Kind::Flight(problem) => f.write_str(problem),
            Kind::Bind(address, e) if e.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "{address} is in use, most likely by another instrumented program: end that one, \
                 or choose another address with ZOKIO_CONSOLE_BIND or bind (port 0 takes any \
                 free one)",
            ),
            Kind::Bind(address, e) => write!(
                f,
                "cannot listen on {address}: {e}; choose another address with \
                 ZOKIO_CONSOLE_BIND or bind",
            ),
            Kind::Thread(e) => write!(f, "cannot start the server's thread: {e}"),
            Kind::Runtime(e) => write!(f, "cannot build the server's runtime: {e}"),
            Kind::RecorderInstalled => f.write_str(
                "a `metrics` recorder is installed already: leave metrics_recorder off, or start \
                 the instrumentation before it",
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Bind(_, e)
            | Kind::Thread(e)
            | Kind::Runtime(e)
            | Kind::File { source: e, .. } => Some(e),
            _ => None,
        }
    }
}

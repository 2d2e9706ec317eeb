//! Makes a program on zokio visible: to `zokio-console`, to Prometheus, to the `metrics` facade.
//!
//! # One line
//!
//! ```no_run
//! # async fn main_() {
//! // Anywhere inside a runtime, once:
//! zokio_instrumentation::init();
//! # }
//! ```
//!
//! Then `zokio-console` shows the runtime live, and `curl http://127.0.0.1:6669/metrics` its
//! metrics. [`builder`] sets up what [`init`] does not: several runtimes, other addresses, a guard.
//!
//! With the feature `tokio-console`, a default one, the stock `tokio-console` (0.1.14) can connect to
//! the same port: tasks with their details, what they wait for, pause and resume. It is told all tasks,
//! in messages that it can take, and updates every
//! [`publish_interval`](Builder::publish_interval). A task that is born and gone between two updates
//! is not on its list, and what tasks wait for is known there by those who wait.
//!
//! # What it costs
//!
//! The server has a thread and a runtime of its own and takes no worker's time. zokio counts in any
//! case; here numbers are only read. Without viewers and scrapes the thread wakes once a second to
//! see whether something is wrong, which takes at most one five-hundredth of a core. Looking for
//! viewers takes at most one twentieth of a core however many tasks there are, and a viewer is sent
//! its screen, not all tasks (`tokio-console`: what has changed). A viewer that is too slow gets the
//! newest update when it is ready; the others are skipped and counted.
//!
//! # What it finds
//!
//! Workers that are blocked, tasks that wait for each other, wakers that were lost and more (see
//! [`finding_kinds`]): with the place in the code and the numbers that prove it, in the console, by
//! `zokio-console check`, and as `zokio_findings` on `/metrics`. The program's own log is told of
//! each when it appears, and of each long poll, as `tracing` events under the target
//! `zokio::findings`; info, warnings and errors as they are severe.
//!
//! # Who can look
//!
//! By default only this machine: the server listens on 127.0.0.1. Web pages are refused by their
//! `Origin` and by foreign `Host` names.
//!
//! An address that other machines can reach is served with [TLS](Builder::tls) and a
//! [token](Builder::token), and refused without, unless it is
//! [allowed in words](Builder::insecure_bind). A token lets one look; tokio-console's pause, which
//! all viewers feel, takes a [control token](Builder::control_token). With
//! [an authority for clients](Builder::require_client_certificates) only certified clients get as far
//! as showing one. Of a peer that shows wrong tokens each is answered more slowly. The stock
//! `tokio-console` has neither TLS nor tokens: it needs a loopback port or a Unix socket without.
//!
//! What clients may take is limited: connections, streams, requests a second, the sizes of headers
//! and messages, the time until the first request. A connection that has not asked for anything yet
//! makes room for a new one, so those that only hold on keep nobody waiting.
//!
//! # What this crate does not do
//!
//! It installs no `tracing` subscriber and never ends the program: what goes wrong is an [`Error`]
//! and, from [`init`], a `tracing` error event. It changes nothing in the runtimes it watches.

mod address;
mod backtraces;
mod builder;
#[cfg_attr(not(feature = "tokio-console"), path = "compat/off.rs")]
mod compat;
mod diagnosis;
mod encode;
mod env;
mod error;
mod facade;
pub mod filter;
mod findings;
mod flight;
mod grpc;
mod mailbox;
pub mod metric_names;
mod nanos;
mod of_process;
mod prometheus;
mod published;
mod recorder;
mod row;
mod runtimes;
mod sampler;
mod security;
mod series;
mod server;
mod stacks;
#[cfg_attr(not(feature = "tracing-layer"), path = "tracing_layer/off.rs")]
mod tracing_layer;
mod wait_chains;
mod watchdog;

pub use address::{Address, BindTo, DEFAULT_BIND};
pub use builder::{
    Builder, DEFAULT_DIAGNOSIS_INTERVAL, DEFAULT_MAX_SPAWN_SITE_LABELS, DEFAULT_PUBLISH_INTERVAL,
    Guard,
};
pub use diagnosis::{Thresholds, finding_kinds};
pub use error::Error;
pub use flight::Trace;
pub use flight::dumps::{DEFAULT_FLIGHT_BYTES, DEFAULT_FLIGHT_FILES};
pub use row::{SourcePlace, TaskRow, WaitRow};
pub use sampler::query::select_tasks;
pub use security::tls::Tls;
#[cfg(feature = "tracing-layer")]
pub use tracing_layer::TaskEvents;
pub use watchdog::DEFAULT_LONG_POLL_THRESHOLD;

/// What came of [`init`]. It may be ignored: failures have been reported through `tracing`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Init {
    /// The runtime is watched, and the server listens here.
    Serving(Address),
    /// The environment says `ZOKIO_CONSOLE=off`.
    Off,
    /// The environment says `ZOKIO_CONSOLE=sigusr2`: the signal starts the server.
    Waiting,
    /// The program runs on without a server.
    Failed(Error),
}

impl Init {
    /// Where the server listens, if it does.
    pub fn addr(&self) -> Option<&Address> {
        match self {
            Init::Serving(address) => Some(address),
            Init::Off | Init::Waiting | Init::Failed(_) => None,
        }
    }

    /// The address, `None` if there is no server or not yet, or the error.
    ///
    /// # Errors
    ///
    /// That of [`Init::Failed`].
    pub fn into_result(self) -> Result<Option<Address>, Error> {
        match self {
            Init::Serving(address) => Ok(Some(address)),
            Init::Off | Init::Waiting => Ok(None),
            Init::Failed(error) => Err(error),
        }
    }
}

/// Watches the current runtime and serves it, for the life of the process.
///
/// The environment decides how:
///
/// | variable | meaning | default |
/// |---|---|---|
/// | `ZOKIO_CONSOLE` | `off`: do nothing; `sigusr2`: nothing before that signal comes | `on` |
/// | `ZOKIO_CONSOLE_BIND` | where to listen: `IP:PORT` or `unix:PATH` | `127.0.0.1:6669` |
/// | `ZOKIO_CONSOLE_STACKS` | `off`: threads of stuck workers are not signalled, and have no stacks | `on` |
/// | `ZOKIO_CONSOLE_THRESHOLDS` | from where on something is a [finding](Thresholds), such as `slow-polls=20ms,task-leak=off` | those of [`Thresholds::default`] |
/// | `ZOKIO_CONSOLE_FLIGHT_DIR` | directory for [flight recordings](Builder::flight_dir) | none are written |
/// | `ZOKIO_CONSOLE_FLIGHT_SIGUSR1` | `on`: [SIGUSR1](Builder::flight_on_sigusr1) writes one | `off` |
/// | `ZOKIO_CONSOLE_PUBLISH_INTERVAL` | how often viewers are sent updates, such as `250ms` | `100ms` |
/// | `ZOKIO_CONSOLE_TLS_CERT`, `ZOKIO_CONSOLE_TLS_KEY` | PEM files: speak [TLS](Builder::tls) | no TLS |
/// | `ZOKIO_CONSOLE_CLIENT_CA` | PEM file: serve [clients certified by it](Builder::require_client_certificates) only | everyone |
/// | `ZOKIO_CONSOLE_TOKEN_FILE` or `ZOKIO_CONSOLE_TOKEN` | the [token](Builder::token) for looking | none |
/// | `ZOKIO_CONSOLE_CONTROL_TOKEN_FILE` or `ZOKIO_CONSOLE_CONTROL_TOKEN` | the [token](Builder::control_token) for looking and pausing | none |
///
/// What is set and cannot be used is an error: it is never left out to serve without.
///
/// Called again, in another runtime, it adds that one to the server that is there.
///
/// With `ZOKIO_CONSOLE=sigusr2` (on Unix) the program runs with one more thread, which sleeps, and
/// without a server, until `kill -USR2` asks for one. That works also when all workers are stuck by
/// then. What goes wrong at that time is a `tracing` error, and the next signal tries again. The signal
/// is then ours: a program that handles it too is told as well.
///
/// It never panics and never ends the program. A failure, such as an address in use or a call
/// outside of a runtime, is reported as a `tracing` error and returned; the result may be ignored.
pub fn init() -> Init {
    of_process::watch_current().unwrap_or_else(|error| {
        tracing::error!(%error, "zokio-console cannot watch this program");
        Init::Failed(error)
    })
}

/// Sets a server up by hand.
///
/// ```no_run
/// # fn main() -> Result<(), zokio_instrumentation::Error> {
/// # let runtime = zokio::runtime::Builder::new_current_thread().build().unwrap();
/// let guard = zokio_instrumentation::builder()
///     .bind("127.0.0.1:0")
///     .attach(runtime.handle())
///     .start()?;
/// println!("zokio-console connect {}", guard.addr());
/// # Ok(())
/// # }
/// ```
pub fn builder() -> Builder {
    Builder::new()
}

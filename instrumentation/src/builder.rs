//! Setting a server up by hand.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use zokio::runtime::Handle;
use zokio::telemetry;

use crate::address::{Address, BindTo, DEFAULT_BIND};
use crate::diagnosis::Thresholds;
use crate::env::Settings;
use crate::error::{Error, Kind};
use crate::flight::dumps::{self, DEFAULT_FLIGHT_BYTES, DEFAULT_FLIGHT_FILES, Dumps, Place};
use crate::recorder;
use crate::runtimes::Runtimes;
use crate::sampler::{MAX_INTERVAL, MIN_INTERVAL, Sampler};
use crate::security::tls::Tls;
use crate::security::token::{Token, Tokens};
use crate::server::{Config, Limits, Server};
use crate::watchdog::{DEFAULT_LONG_POLL_THRESHOLD, Log, Watchdog};

/// How often viewers that do not say are sent an update.
pub const DEFAULT_PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

/// How often it is looked whether something is wrong with the program.
pub const DEFAULT_DIAGNOSIS_INTERVAL: Duration = Duration::from_secs(1);

/// Spawn sites of one runtime that have metrics of their own.
pub const DEFAULT_MAX_SPAWN_SITE_LABELS: usize = 100;

const MIN_DIAGNOSIS_INTERVAL: Duration = Duration::from_millis(100);

/// Sets a server up; made by [`builder`](crate::builder).
///
/// It does not look at the environment; [`init`](crate::init) does.
#[must_use = "nothing is served until `start` is called"]
pub struct Builder {
    bind: BindTo,
    insecure_bind: bool,
    tls: Option<Tls>,
    client_authority: Option<PathBuf>,
    /// As given: read when the server starts.
    token: Option<String>,
    control_token: Option<String>,
    publish_interval: Duration,
    attached: Vec<Handle>,
    serve_prometheus: bool,
    metrics_recorder: bool,
    publish_to_metrics_facade: bool,
    max_spawn_site_labels: usize,
    observe_self: bool,
    long_poll_threshold: Duration,
    sample_stacks: bool,
    diagnosis_interval: Duration,
    thresholds: Thresholds,
    flight: Option<Place>,
    flight_on_sigusr1: bool,
}

impl Builder {
    pub(crate) fn new() -> Builder {
        Builder {
            bind: DEFAULT_BIND.into(),
            insecure_bind: false,
            tls: None,
            client_authority: None,
            token: None,
            control_token: None,
            publish_interval: DEFAULT_PUBLISH_INTERVAL,
            attached: Vec::new(),
            serve_prometheus: true,
            metrics_recorder: false,
            publish_to_metrics_facade: false,
            max_spawn_site_labels: DEFAULT_MAX_SPAWN_SITE_LABELS,
            observe_self: false,
            long_poll_threshold: DEFAULT_LONG_POLL_THRESHOLD,
            sample_stacks: true,
            diagnosis_interval: DEFAULT_DIAGNOSIS_INTERVAL,
            thresholds: Thresholds::default(),
            flight: None,
            flight_on_sigusr1: false,
        }
    }

    /// Where to listen: a socket address, or text such as `127.0.0.1:6669`, `localhost:6669` or
    /// `unix:/run/app.sock`. Port 0 takes any free one; [`Guard::addr`] tells which. Default:
    /// [`DEFAULT_BIND`](crate::DEFAULT_BIND).
    ///
    /// Text is read by [`start`](Builder::start), which fails if it cannot be understood.
    pub fn bind(mut self, addr: impl Into<BindTo>) -> Builder {
        self.bind = addr.into();
        self
    }

    /// Listens on a Unix socket, which only the same user can open. A file left behind there by a
    /// program that is gone is replaced; the server removes its own when it ends.
    pub fn bind_unix(mut self, path: impl Into<PathBuf>) -> Builder {
        self.bind = BindTo::unix(path.into());
        self
    }

    /// Allows an address that other machines can reach without TLS or without a token. Everyone who
    /// can reach it sees what the program does: names of tasks, places in the code, timings; and
    /// without TLS a token can be overheard. So this is for networks that are protected otherwise.
    /// Default: not allowed.
    pub fn insecure_bind(mut self, allowed: bool) -> Builder {
        self.insecure_bind = allowed;
        self
    }

    /// Speaks TLS 1.3, and nothing else, on a TCP address. Default: no TLS.
    pub fn tls(mut self, tls: Tls) -> Builder {
        self.tls = Some(tls);
        self
    }

    /// Serves only clients that show a certificate by an authority, or one of several, in this PEM
    /// file (mutual TLS). It needs [`tls`](Builder::tls), and tokens are still asked for, if there
    /// are any. Default: clients need no certificate.
    ///
    /// The file is read by [`start`](Builder::start).
    pub fn require_client_certificates(mut self, authority: impl Into<PathBuf>) -> Builder {
        self.client_authority = Some(authority.into());
        self
    }

    /// A token that lets one look: at everything, `/metrics` included. From then on each request
    /// has to show it, or the [control token](Builder::control_token), as `Authorization: Bearer …`.
    /// Without any token everyone who can reach the server may do everything.
    ///
    /// It has 16 to 1,024 visible ASCII characters, and should be random: `openssl rand -hex 32`
    /// makes a good one. [`start`](Builder::start) refuses others.
    pub fn token(mut self, token: impl Into<String>) -> Builder {
        self.token = Some(token.into());
        self
    }

    /// A token that lets one look and change what other viewers see: tokio-console's pause and
    /// resume. With a [token](Builder::token) alone nobody may do that; with a control token alone
    /// one has to show it also to look.
    pub fn control_token(mut self, token: impl Into<String>) -> Builder {
        self.control_token = Some(token.into());
        self
    }

    /// How often viewers that do not say are sent an update, from 50 ms to 1 h; what lies outside
    /// is brought within. Without viewers there are no updates. Default:
    /// [`DEFAULT_PUBLISH_INTERVAL`].
    pub fn publish_interval(mut self, interval: Duration) -> Builder {
        self.publish_interval = interval.clamp(MIN_INTERVAL, MAX_INTERVAL);
        self
    }

    /// Watches a runtime; call it once for each. Viewers and metrics tell them apart by their
    /// names. Default: the runtime that [`start`](Builder::start) is called in.
    pub fn attach(mut self, runtime: &Handle) -> Builder {
        self.attached.push(runtime.clone());
        self
    }

    /// Whether `/metrics` is served. Default: yes.
    pub fn serve_prometheus(mut self, serve: bool) -> Builder {
        self.serve_prometheus = serve;
        self
    }

    /// Installs a recorder for the `metrics` facade, so that the program's own series
    /// (`metrics::counter!` and so on) appear on `/metrics`. It stays installed for the life of the
    /// process. Histograms are counted in fixed buckets, powers of 4. Default: no.
    pub fn metrics_recorder(mut self, install: bool) -> Builder {
        self.metrics_recorder = install;
        self
    }

    /// Publishes zokio's series, once a second, into the recorder that the program installed for
    /// the `metrics` facade before. Histograms appear as their sum and count, counters in seconds
    /// as gauges: the facade has no better place for them. Not done together with
    /// [`metrics_recorder`](Builder::metrics_recorder), whose page shows these series anyway.
    /// Default: no.
    pub fn publish_to_metrics_facade(mut self, publish: bool) -> Builder {
        self.publish_to_metrics_facade = publish;
        self
    }

    /// How many spawn sites of a runtime get metrics of their own, under the label `spawn_site`. The
    /// first to come get one, the busiest of them first, and keep it; all others are added up under
    /// `other`. Each takes seven series. Default: [`DEFAULT_MAX_SPAWN_SITE_LABELS`].
    pub fn max_spawn_site_labels(mut self, sites: usize) -> Builder {
        self.max_spawn_site_labels = sites;
        self
    }

    /// Watches the server's own runtime, too. Default: no.
    pub fn observe_self(mut self, observe: bool) -> Builder {
        self.observe_self = observe;
        self
    }

    /// How long a poll may take before the watchdog notes it, with the stack of its worker's thread.
    /// It looks every 20 ms, so less than that makes no sense. Default:
    /// [`DEFAULT_LONG_POLL_THRESHOLD`].
    pub fn long_poll_threshold(mut self, threshold: Duration) -> Builder {
        self.long_poll_threshold = threshold;
        self
    }

    /// Whether the thread of a worker that is stuck in a poll is looked at, to tell where. That
    /// takes a signal (SIGURG) to this thread, up to three a poll, so a system call of the program
    /// may return `EINTR`, as with any signal. Works on Linux on x86-64 and aarch64. Default: yes.
    pub fn sample_stacks(mut self, sample: bool) -> Builder {
        self.sample_stacks = sample;
        self
    }

    /// How often it is looked whether something is wrong with the program, from 100 ms to 1 h; what
    /// lies outside is brought within. Large programs are looked at less often, so that it never
    /// takes more than one five-hundredth of a core. Default: [`DEFAULT_DIAGNOSIS_INTERVAL`].
    pub fn diagnosis_interval(mut self, interval: Duration) -> Builder {
        self.diagnosis_interval = interval.clamp(MIN_DIAGNOSIS_INTERVAL, MAX_INTERVAL);
        self
    }

    /// From where on something is a finding: see [`Thresholds`]. Default: what is silent on every
    /// healthy program.
    pub fn thresholds(mut self, thresholds: Thresholds) -> Builder {
        self.thresholds = thresholds;
        self
    }

    /// Writes what the workers did lately into this directory, a file each time, when something
    /// happens: a finding that is critical, a panic of any thread, [`Guard::dump_now`], and
    /// [a signal](Builder::flight_on_sigusr1) if asked for. Viewers of traces read the files: open
    /// them in <https://ui.perfetto.dev>. Default: none are written.
    ///
    /// The directory is made if it is not there. At most `files` of ours are kept in it, and at most
    /// `bytes`, the newest in any case ([`DEFAULT_FLIGHT_FILES`](crate::DEFAULT_FLIGHT_FILES) and
    /// [`DEFAULT_FLIGHT_BYTES`](crate::DEFAULT_FLIGHT_BYTES) are good values). What happens within
    /// 30 s of the last recording makes no other one. A thread of its own writes them; for panics a
    /// hook is put before the one that is there, for the life of the process. A panic that ends the
    /// process at once (`panic = "abort"`) ends it before its recording is written.
    pub fn flight_dir(mut self, dir: impl Into<PathBuf>, files: usize, bytes: u64) -> Builder {
        self.flight = Some(Place {
            dir: dir.into(),
            files,
            bytes,
        });
        self
    }

    /// Whether the signal SIGUSR1 writes a recording into the [directory](Builder::flight_dir). On
    /// Unix only. The signal is then ours: a program that handles it too is told as well. Default: no.
    pub fn flight_on_sigusr1(mut self, on: bool) -> Builder {
        self.flight_on_sigusr1 = on;
        self
    }

    /// Starts the server on a thread and a runtime of its own. Waits until it listens, which takes
    /// about a millisecond.
    ///
    /// # Errors
    ///
    /// There is no runtime to watch, zokio was built without telemetry, the address cannot be
    /// read, is in use, or can be reached from other machines without TLS and a token (unless
    /// [`insecure_bind`](Builder::insecure_bind) allows it), a token could be guessed, TLS is set up
    /// by halves or for a Unix socket, the directory for recordings cannot be made, another `metrics`
    /// recorder is installed, or the operating
    /// system gives no thread. The program is not harmed: it runs on without a server.
    pub fn start(mut self) -> Result<Guard, Error> {
        check_telemetry()?;
        let read_token =
            |name, text: Option<String>| text.map(|t| Token::new(name, &t)).transpose();
        let tokens = Tokens {
            read: read_token("the token", self.token.take())?,
            control: read_token("the control token", self.control_token.take())?,
        };
        let bind = secured(self.bind.clone().resolve()?, self.tls.is_some())?;
        if !bind.is_local() && !self.insecure_bind {
            let (has_tls, has_token) = (self.tls.is_some(), tokens.are_set());
            if !has_tls || !has_token {
                return Err(Kind::NotLoopback {
                    address: bind,
                    has_tls,
                    has_token,
                }
                .into());
            }
        }
        let tls = match (&self.tls, self.client_authority.as_deref()) {
            (Some(tls), authority) => Some(tls.acceptor(authority)?),
            (None, None) => None,
            (None, Some(_)) => {
                return Err(Kind::Tls(
                    "clients are to show certificates, and the server has none: set \
                     ZOKIO_CONSOLE_TLS_CERT and ZOKIO_CONSOLE_TLS_KEY, or tls"
                        .to_owned(),
                )
                .into());
            }
        };
        if self.attached.is_empty() {
            self.attached.extend(Handle::try_current());
        }
        if self.attached.is_empty() && !self.observe_self {
            return Err(Kind::NoRuntime.into());
        }
        let runtimes = Arc::new(Runtimes::default());
        for runtime in &self.attached {
            runtimes.attach(runtime);
        }
        if self.metrics_recorder {
            recorder::install()?;
        }
        let dumps = self.start_dumps(&runtimes)?;
        let long_polls = Arc::new(Log::default());
        let watchdog = Watchdog::start(
            Arc::clone(&runtimes),
            Arc::clone(&long_polls),
            self.long_poll_threshold,
            self.sample_stacks,
        )?;
        let server = Server::start(Config {
            bind,
            tls,
            tokens,
            limits: Limits::default(),
            sampler: Arc::new(Sampler::new(Arc::clone(&runtimes), long_polls)),
            publish_interval: self.publish_interval,
            serve_prometheus: self.serve_prometheus,
            max_spawn_site_labels: self.max_spawn_site_labels,
            publish_to_facade: self.publish_to_metrics_facade && !self.metrics_recorder,
            observe_self: self.observe_self,
            diagnosis_interval: self.diagnosis_interval,
            thresholds: self.thresholds,
            flight: dumps.as_ref().map(Dumps::trigger),
            flight_on_sigusr1: self.flight_on_sigusr1,
        })?;
        tracing::info!(address = %server.address(), "zokio-console can connect");
        Ok(Guard {
            server,
            runtimes,
            _watchdog: watchdog,
            dumps,
        })
    }

    /// Starts the thread that writes recordings, if there is a place for them.
    fn start_dumps(&self, runtimes: &Arc<Runtimes>) -> Result<Option<Dumps>, Error> {
        let Some(place) = self.flight.clone() else {
            if self.flight_on_sigusr1 {
                let text = "SIGUSR1 is to write flight recordings, and there is no directory for \
                     them: set ZOKIO_CONSOLE_FLIGHT_DIR, or flight_dir";
                return Err(Kind::Flight(text.to_owned()).into());
            }
            return Ok(None);
        };
        let dir = place.dir.clone();
        let dumps = Dumps::start(place, Arc::clone(runtimes)).map_err(|error| {
            let dir = dir.display();
            Kind::Flight(format!(
                "flight recordings cannot be written to {dir}: {error}"
            ))
        })?;
        dumps::on_panic(&dumps);
        Ok(Some(dumps))
    }

    /// Takes over what the environment says.
    pub(crate) fn apply(mut self, settings: Settings) -> Result<Builder, Error> {
        if let Some(bind) = settings.bind {
            self.bind = bind.into();
        }
        if let Some(sample) = settings.stacks {
            self.sample_stacks = sample;
        }
        if let Some(thresholds) = settings.thresholds {
            self.thresholds = thresholds;
        }
        if let Some(dir) = settings.flight_dir {
            self = self.flight_dir(dir, DEFAULT_FLIGHT_FILES, DEFAULT_FLIGHT_BYTES);
        }
        if let Some(on) = settings.flight_on_sigusr1 {
            self.flight_on_sigusr1 = on;
        }
        if let Some((certificate, key)) = settings.tls {
            self.tls = Some(Tls::from_pem_files(certificate, key)?);
        }
        if let Some(authority) = settings.client_ca {
            self.client_authority = Some(authority);
        }
        if let Some(token) = settings.token {
            self.token = Some(token.into_text());
        }
        if let Some(token) = settings.control_token {
            self.control_token = Some(token.into_text());
        }
        Ok(match settings.publish_interval {
            Some(interval) => self.publish_interval(interval),
            None => self,
        })
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("bind", &self.bind)
            .finish_non_exhaustive()
    }
}

/// The address as it will be, with TLS or without.
fn secured(bind: Address, has_tls: bool) -> Result<Address, Error> {
    match bind {
        Address::Tcp(addr) if has_tls => Ok(Address::Tls(addr)),
        Address::Tls(_) if !has_tls => Err(Kind::Tls(format!(
            "{bind} needs a certificate: set ZOKIO_CONSOLE_TLS_CERT and ZOKIO_CONSOLE_TLS_KEY, or \
             tls"
        ))
        .into()),
        Address::Unix(_) if has_tls => Err(Kind::Tls(format!(
            "{bind} is a Unix socket, which is private to its user without TLS: leave TLS out, or \
             bind to an IP address"
        ))
        .into()),
        bind => Ok(bind),
    }
}

pub(crate) fn check_telemetry() -> Result<(), Error> {
    if telemetry::is_enabled() {
        Ok(())
    } else {
        Err(Kind::TelemetryOff.into())
    }
}

/// A running server.
///
/// Dropping it sends each viewer a last update, ends the streams and waits for the server's thread,
/// half a second at most. It may be dropped inside a runtime, whose thread then waits.
#[must_use = "the server ends when the guard is dropped"]
pub struct Guard {
    server: Server,
    runtimes: Arc<Runtimes>,
    _watchdog: Watchdog,
    dumps: Option<Dumps>,
}

impl Guard {
    /// Where the server listens, with the port that was taken.
    pub fn addr(&self) -> &Address {
        self.server.address()
    }

    /// Writes what the workers did lately into the [directory](Builder::flight_dir), and says which
    /// file it is. Waits for it, which takes some milliseconds a worker.
    ///
    /// # Errors
    ///
    /// There is no directory, or the file cannot be written.
    pub fn dump_now(&self) -> io::Result<PathBuf> {
        match &self.dumps {
            Some(dumps) => dumps.dump_now("asked"),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "there is no directory for flight recordings: set ZOKIO_CONSOLE_FLIGHT_DIR, or \
                 flight_dir",
            )),
        }
    }

    /// Watches one more runtime. One that is watched already is not watched twice.
    ///
    /// # Errors
    ///
    /// None at present: without telemetry there is no guard.
    pub fn attach(&self, runtime: &Handle) -> Result<(), Error> {
        self.runtimes.attach(runtime);
        Ok(())
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("addr", self.addr())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zokio::runtime::Runtime;

    fn runtime() -> Runtime {
        zokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    fn start(addr: &str) -> Result<Guard, Error> {
        Builder::new().bind(addr).attach(runtime().handle()).start()
    }

    #[test]
    fn addresses_open_to_others_are_refused_unless_allowed_in_words() {
        for addr in ["0.0.0.0:0", "[::]:0"] {
            let error = start(addr).unwrap_err();
            assert!(error.is_not_loopback());
            let text = error.to_string();
            assert!(
                text.contains("TLS") && text.contains("insecure_bind(true)"),
                "{text}"
            );
        }
        let runtime = runtime();
        let builder = Builder::new().bind("0.0.0.0:0").attach(runtime.handle());
        let guard = builder.insecure_bind(true).start().unwrap();
        assert_ne!(guard.addr().socket_addr().unwrap().port(), 0);
    }

    #[test]
    fn a_port_in_use_is_an_error_that_names_it() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = taken.local_addr().unwrap();
        let error = start(&addr.to_string()).unwrap_err();
        assert!(error.is_address_in_use());
        let text = error.to_string();
        assert!(
            text.contains(&addr.to_string()) && text.contains("ZOKIO_CONSOLE_BIND"),
            "{text}"
        );
    }

    #[test]
    fn an_address_that_cannot_be_read_is_an_error_that_quotes_it() {
        let error = start("nowhere").unwrap_err();
        assert!(error.is_setting());
        assert!(
            error
                .to_string()
                .starts_with("the address to bind to is \"nowhere\"")
        );
    }

    #[test]
    fn there_must_be_something_to_watch() {
        assert!(
            Builder::new()
                .bind("127.0.0.1:0")
                .start()
                .unwrap_err()
                .is_no_runtime()
        );
        let guard = Builder::new()
            .bind("127.0.0.1:0")
            .observe_self(true)
            .start()
            .unwrap();
        drop(guard);
    }

    #[test]
    fn the_runtime_that_start_is_called_in_is_watched() {
        let runtime = runtime();
        let guard = runtime
            .block_on(async { Builder::new().bind("127.0.0.1:0").start() })
            .unwrap();
        assert!(guard.runtimes.contains(runtime.handle().id().as_u64()));
    }

    #[test]
    fn the_environment_overrides_the_defaults() {
        let settings = Settings {
            bind: Some(Address::Unix("/x".into())),
            publish_interval: Some(Duration::from_millis(1)),
            stacks: Some(false),
            token: Some(Token::new("t", "0123456789abcdef").unwrap()),
            ..Settings::default()
        };
        let builder = Builder::new().apply(settings).unwrap();
        assert_eq!(builder.token.as_deref(), Some("0123456789abcdef"));
        assert_eq!(builder.publish_interval, MIN_INTERVAL);
        assert_eq!(builder.bind.resolve().unwrap(), Address::Unix("/x".into()));
        let builder = Builder::new().apply(Settings::default()).unwrap();
        assert_eq!(builder.publish_interval, DEFAULT_PUBLISH_INTERVAL);
    }

    #[test]
    fn what_the_environment_sets_to_protect_and_cannot_be_used_is_an_error() {
        let settings = Settings {
            tls: Some(("/nonexistent/c".into(), "/nonexistent/k".into())),
            ..Settings::default()
        };
        Builder::new().apply(settings).unwrap_err();
        let settings = Settings {
            client_ca: Some("/nonexistent/ca".into()),
            ..Settings::default()
        };
        let runtime = runtime();
        let builder = Builder::new().attach(runtime.handle());
        let error = builder.apply(settings).unwrap().start().unwrap_err();
        assert!(error.is_tls(), "{error}");
    }
}

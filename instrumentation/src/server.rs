//! The server: a thread, a runtime of its own, one listener, connections.
//!
//! The thread runs a current-thread runtime that nothing else uses, so that a program whose own
//! runtime is stuck can still be looked at, and so that serving never takes a worker's time.
//!
//! HTTP/1 and HTTP/2 come in on one port ([`sniff`]); [`route`] decides what a request is for.
//! Limits: connections, the time to say the first word, header sizes, streams a connection,
//! buffers, and a client that stops answering pings is dropped.
//!
//! Shutdown: the listener is closed, the viewers get a last view and the end of their streams, the
//! connections are asked to end and get a moment for it, then the runtime is dropped.

pub(crate) mod route;
pub(crate) mod sniff;

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use zokio::net::TcpListener;
#[cfg(unix)]
use zokio::net::UnixListener;
use zokio::rt::{HyperExecutor, HyperTimer};
use zokio::sync::Notify;

use crate::address::Address;
use crate::compat::Compat;
use crate::error::{Error, Kind};
use crate::facade;
use crate::sampler::Sampler;
use route::Router;
use sniff::{Protocol, Sniffed};

/// The thread's and the runtime's name.
const NAME: &str = "zokio-console";

/// Connections at one time; more are closed at once.
const MAX_CONNECTIONS: usize = 256;

/// Streams that one connection may have open.
const MAX_STREAMS: u32 = 16;

/// The time a client has to begin its first request, and an idle HTTP/1 connection to begin the
/// next.
const FIRST_WORD_TIMEOUT: Duration = Duration::from_secs(10);
const HTTP1_IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// A silent HTTP/2 client is pinged this often, and dropped if it does not answer for that long.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What may be under way to one client, and from it: live numbers that are not read are stale.
const WINDOW_BYTES: u32 = 64 * 1024;

const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// After a failed accept (out of file descriptors, say), until the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time that connections get to end when the server is shut down.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the server is to do.
pub(crate) struct Config {
    pub(crate) bind: Address,
    pub(crate) sampler: Arc<Sampler>,
    pub(crate) publish_interval: Duration,
    pub(crate) serve_prometheus: bool,
    pub(crate) publish_to_facade: bool,
    pub(crate) observe_self: bool,
}

/// A running server. Dropping it shuts it down and waits for its thread.
pub(crate) struct Server {
    address: Address,
    shutdown: Arc<Shutdown>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Starts the thread, and returns when it listens or has failed to.
    pub(crate) fn start(config: Config) -> Result<Server, Error> {
        let shutdown = Arc::new(Shutdown::default());
        let (ready, listening) = mpsc::sync_channel(1);
        let theirs = Arc::clone(&shutdown);
        let thread = thread::Builder::new()
            .name(NAME.to_owned())
            .spawn(move || run(config, &theirs, &ready))
            .map_err(Kind::Thread)?;
        match listening.recv() {
            Ok(Ok(address)) => Ok(Server {
                address,
                shutdown,
                thread: Some(thread),
            }),
            Ok(Err(error)) => Err(error),
            // The thread is gone without a word: it panicked.
            Err(_) => Err(Kind::Thread(io::Error::other("the server's thread panicked")).into()),
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.begin();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // A panic of the server has been reported by the panic hook; the program goes on.
            drop(thread.join());
        }
    }
}

/// Tells all connections that the server ends.
#[derive(Default)]
struct Shutdown {
    begun: AtomicBool,
    notify: Notify,
}

impl Shutdown {
    fn begin(&self) {
        // Ordering: Release pairs with the Acquire load in `wait`.
        self.begun.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    async fn wait(&self) {
        // Created before the flag is read: a `begin` after that read wakes it.
        let notified = self.notify.notified();
        // Ordering: Acquire pairs with the Release store in `begin`.
        if !self.begun.load(Ordering::Acquire) {
            notified.await;
        }
    }
}

/// The thread's life.
fn run(config: Config, shutdown: &Arc<Shutdown>, ready: &mpsc::SyncSender<Result<Address, Error>>) {
    let runtime = zokio::runtime::Builder::new_current_thread()
        .enable_all()
        .name(NAME)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // The receiver waits for this one message.
            drop(ready.send(Err(Kind::Runtime(error).into())));
            return;
        }
    };
    if config.observe_self {
        config.sampler.runtimes().attach(runtime.handle());
    }
    runtime.block_on(async {
        let listener = Listener::bind(&config.bind).await;
        match listener.and_then(|l| Ok((l.address()?, l))) {
            Ok((address, listener)) => {
                drop(ready.send(Ok(address.clone())));
                serve(config, address, listener, shutdown).await;
            }
            Err(error) => drop(ready.send(Err(Kind::Bind(config.bind, error).into()))),
        }
    });
}

async fn serve(config: Config, address: Address, listener: Listener, shutdown: &Arc<Shutdown>) {
    let sampler = Arc::clone(&config.sampler);
    zokio::task::spawn({
        let sampler = Arc::clone(&sampler);
        async move { sampler.run().await }
    });
    if config.publish_to_facade {
        zokio::task::spawn(facade::publish(Arc::clone(&sampler)));
    }
    let compat = Arc::new(Compat::new(Arc::clone(&sampler), config.publish_interval));
    zokio::task::spawn({
        let compat = Arc::clone(&compat);
        async move { compat.run().await }
    });
    let router = Arc::new(Router::new(
        Arc::clone(&sampler),
        Arc::clone(&compat),
        config.publish_interval,
        config.serve_prometheus,
        &address,
    ));
    let connections = Arc::new(Connections::default());
    let mut ended = pin!(shutdown.wait());
    loop {
        let accepted = zokio::select! {
            () = &mut ended => break,
            accepted = listener.accept() => accepted,
        };
        let context = Context {
            router: Arc::clone(&router),
            sampler: Arc::clone(&sampler),
            shutdown: Arc::clone(shutdown),
        };
        match accepted {
            Ok(stream) => {
                if let Some(place) = connections.enter() {
                    stream.serve(context, place);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "zokio-console: cannot accept a connection");
                zokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    sampler.finish();
    compat.finish();
    // A client that does not read its last bytes does not keep the program from ending.
    drop(zokio::time::timeout(FAREWELL, connections.all_gone()).await);
}

/// How many connections there are.
#[derive(Default)]
struct Connections {
    count: AtomicUsize,
    left: Notify,
}

/// One connection's place among the most that there may be.
struct Place(Arc<Connections>);

impl Connections {
    fn enter(self: &Arc<Self>) -> Option<Place> {
        // Only the server's thread counts up, so nothing comes in between.
        if self.count.load(Ordering::Relaxed) >= MAX_CONNECTIONS {
            return None;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(Place(Arc::clone(self)))
    }

    async fn all_gone(&self) {
        while self.count.load(Ordering::Relaxed) > 0 {
            self.left.notified().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
        self.0.left.notify_one();
    }
}

/// What a connection needs.
struct Context {
    router: Arc<Router>,
    sampler: Arc<Sampler>,
    shutdown: Arc<Shutdown>,
}

/// Where connections come from. A Unix socket's file is removed when it is dropped.
enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, std::path::PathBuf),
}

/// A connection of either kind.
enum Accepted {
    Tcp(zokio::net::TcpStream),
    #[cfg(unix)]
    Unix(zokio::net::UnixStream),
}

impl Listener {
    async fn bind(address: &Address) -> io::Result<Listener> {
        match address {
            Address::Tcp(addr) => Ok(Listener::Tcp(TcpListener::bind(*addr).await?)),
            #[cfg(unix)]
            Address::Unix(path) => {
                remove_dead_socket(path)?;
                let listener = UnixListener::bind(path)?;
                let listener = Listener::Unix(listener, path.clone());
                only_for_owner(path)?;
                Ok(listener)
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn address(&self) -> io::Result<Address> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            #[cfg(unix)]
            Listener::Unix(_, path) => Ok(Address::Unix(path.clone())),
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Updates are small and wanted now; a stream without it still works.
                drop(stream.set_nodelay(true));
                Ok(Accepted::Tcp(stream))
            }
            #[cfg(unix)]
            Listener::Unix(listener, _) => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }
}

#[cfg(unix)]
impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = self {
            // Nobody listens there any more; if it is gone already, so much the better.
            drop(std::fs::remove_file(path));
        }
    }
}

/// Removes a socket file that a dead program left behind; one that is listened on stays.
#[cfg(unix)]
fn remove_dead_socket(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;

    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

/// Other users of the machine do not get in.
#[cfg(unix)]
fn only_for_owner(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

impl Accepted {
    fn serve(self, context: Context, place: Place) {
        match self {
            Accepted::Tcp(stream) => drop(zokio::task::spawn(connection(stream, context, place))),
            #[cfg(unix)]
            Accepted::Unix(stream) => drop(zokio::task::spawn(connection(stream, context, place))),
        }
    }
}

/// One connection from its first byte to its end. Whatever goes wrong on it concerns nobody else.
async fn connection<S>(stream: S, context: Context, place: Place)
where
    S: Read + Write + Unpin + Send + 'static,
{
    let _place = place;
    let mut io = Sniffed::new(stream, context.sampler);
    let mut ended = pin!(context.shutdown.wait());
    let sniffed = zokio::select! {
        sniffed = zokio::time::timeout(FIRST_WORD_TIMEOUT, io.sniff()) => sniffed,
        () = &mut ended => return,
    };
    let Ok(Ok(protocol)) = sniffed else {
        return;
    };
    let router = context.router;
    let service = hyper::service::service_fn(move |request| Arc::clone(&router).handle(request));
    let result = match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(HyperTimer::new())
                .header_read_timeout(HTTP1_IDLE_TIMEOUT)
                .max_buf_size(MAX_HEADER_BYTES as usize)
                .serve_connection(io, service);
            let mut connection = pin!(connection);
            zokio::select! {
                result = connection.as_mut() => result,
                () = &mut ended => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(HyperExecutor::new())
                .timer(HyperTimer::new())
                .initial_stream_window_size(WINDOW_BYTES)
                .initial_connection_window_size(WINDOW_BYTES)
                .max_send_buf_size(WINDOW_BYTES as usize)
                .max_header_list_size(MAX_HEADER_BYTES)
                .max_concurrent_streams(MAX_STREAMS)
                .keep_alive_interval(PING_INTERVAL)
                .keep_alive_timeout(PING_TIMEOUT)
                .serve_connection(io, service);
            let mut connection = pin!(connection);
            zokio::select! {
                result = connection.as_mut() => result,
                () = &mut ended => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "zokio-console: a connection ended early");
    }
}

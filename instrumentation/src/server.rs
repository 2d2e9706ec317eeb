//! The server: a thread, a runtime of its own, one listener, connections.
//!
//! The thread runs a current-thread runtime that nothing else uses, so that a program whose own
//! runtime is stuck can still be looked at, and so that serving never takes a worker's time.
//!
//! HTTP/1 and HTTP/2, with TLS or without, come in on one port ([`connection`], [`sniff`]);
//! [`route`] decides what a request is for. Limits: connections, and the time until the first request
//! of each ([`places`]), what a connection may ask for ([`visitor`]) and send ([`inflow`]), buffers; a client
//! that stops answering pings is dropped. How often a peer may ask is for the [gate](crate::security).
//!
//! Shutdown: the listener is closed, the viewers get a last view and the end of their streams, the
//! connections are asked to end and get a moment for it, then the runtime is dropped.

mod connection;
mod inflow;
mod listener;
pub(crate) mod places;
pub(crate) mod route;
pub(crate) mod sniff;
#[cfg(test)]
mod tests;
pub(crate) mod visitor;

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use zokio::sync::Notify;

use crate::address::Address;
use crate::compat::Compat;
use crate::diagnosis::Thresholds;
use crate::error::{Error, Kind};
use crate::facade;
use crate::findings;
use crate::flight::dumps::Trigger;
use crate::published::Publisher;
use crate::sampler::Sampler;
use crate::security::Gate;
use crate::security::tls::Acceptor;
use crate::security::token::Tokens;
use connection::Context;
use listener::Listener;
use places::Connections;
pub(crate) use places::Limits;
use route::Router;

/// The thread's and the runtime's name.
const NAME: &str = "zokio-console";

/// After a failed accept (out of file descriptors, say), until the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time that connections get to end when the server is shut down.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the server is to do.
pub(crate) struct Config {
    pub(crate) bind: Address,
    pub(crate) tls: Option<Acceptor>,
    pub(crate) tokens: Tokens,
    pub(crate) limits: Limits,
    pub(crate) sampler: Arc<Sampler>,
    pub(crate) publish_interval: Duration,
    pub(crate) serve_prometheus: bool,
    pub(crate) publish_to_facade: bool,
    pub(crate) max_spawn_site_labels: usize,
    pub(crate) observe_self: bool,
    pub(crate) diagnosis_interval: Duration,
    pub(crate) thresholds: Thresholds,
    /// Where to say that something happened.
    pub(crate) flight: Option<Trigger>,
    pub(crate) flight_on_sigusr1: bool,
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

/// Has each SIGUSR1 told.
#[cfg(unix)]
fn on_sigusr1(trigger: Trigger) {
    use zokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::user_defined1()) {
        Ok(mut signals) => drop(zokio::task::spawn(async move {
            while signals.recv().await.is_some() {
                trigger.happened("sigusr1");
            }
        })),
        Err(error) => tracing::error!(%error, "SIGUSR1 writes no flight recordings"),
    }
}

#[cfg(not(unix))]
fn on_sigusr1(_: Trigger) {
    tracing::error!("there is no SIGUSR1 on this system to write flight recordings");
}

async fn serve(config: Config, address: Address, listener: Listener, shutdown: &Arc<Shutdown>) {
    let sampler = Arc::clone(&config.sampler);
    zokio::task::spawn({
        let sampler = Arc::clone(&sampler);
        async move { sampler.run().await }
    });
    zokio::task::spawn(findings::watch(
        Arc::clone(&sampler),
        config.diagnosis_interval,
        config.thresholds,
        config.flight.clone(),
    ));
    if let Some(trigger) = config.flight.filter(|_| config.flight_on_sigusr1) {
        on_sigusr1(trigger);
    }
    let publisher = Arc::new(Publisher::new(
        Arc::clone(&sampler),
        config.max_spawn_site_labels,
    ));
    if config.publish_to_facade {
        zokio::task::spawn(facade::publish(Arc::clone(&publisher)));
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
        config.serve_prometheus.then_some(publisher),
        Gate::new(&address, config.tokens),
    ));
    let connections = Arc::new(Connections::new(config.limits));
    let context = Context {
        router,
        sampler: Arc::clone(&sampler),
        shutdown: Arc::clone(shutdown),
        tls: config.tls,
    };
    let mut ended = pin!(shutdown.wait());
    loop {
        let accepted = zokio::select! {
            () = &mut ended => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some(place) = connections.enter() {
                    connection::start(stream, context.clone(), peer, place);
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

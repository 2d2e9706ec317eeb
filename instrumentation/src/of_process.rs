//! The one server of the process that [`init`](crate::init) starts: at once, or when SIGUSR2 comes.
//!
//! Until the signal comes there is a list of runtimes and a thread that sleeps. It has a runtime of its
//! own, so that a program whose workers are stuck can be looked at late, too.

use std::sync::{Mutex, MutexGuard, PoisonError};

use zokio::runtime::{Handle, WeakHandle};

use crate::Init;
use crate::builder::{Builder, Guard, check_telemetry};
use crate::env::Settings;
use crate::error::{Error, Kind};

/// What there is so far.
enum State {
    Nothing,
    /// Runtimes that are to be watched, if they are still there when the signal comes.
    Waiting(Vec<WeakHandle>),
    /// Never dropped: statics are not.
    Serving(Guard),
}

static STATE: Mutex<State> = Mutex::new(State::Nothing);

/// Watches the runtime that this is called in, as the environment says.
pub(crate) fn watch_current() -> Result<Init, Error> {
    let settings = Settings::from_env()?;
    if settings.off {
        return Ok(Init::Off);
    }
    let runtime = Handle::try_current().map_err(|_| Kind::NoRuntime)?;
    let mut state = lock();
    match &mut *state {
        State::Serving(guard) => {
            guard.attach(&runtime)?;
            return Ok(Init::Serving(guard.addr().clone()));
        }
        State::Waiting(runtimes) => {
            remember(runtimes, &runtime);
            return Ok(Init::Waiting);
        }
        State::Nothing => {}
    }
    if settings.on_sigusr2 {
        check_telemetry()?;
        // What is wrong with the settings is said now.
        drop(Builder::new().apply(settings)?);
        on_sigusr2::start_then()?;
        *state = State::Waiting(vec![runtime.downgrade()]);
        return Ok(Init::Waiting);
    }
    let guard = Builder::new().apply(settings)?.attach(&runtime).start()?;
    let address = guard.addr().clone();
    *state = State::Serving(guard);
    Ok(Init::Serving(address))
}

/// Adds a runtime that is not there yet, and forgets those that are gone.
fn remember(runtimes: &mut Vec<WeakHandle>, runtime: &Handle) {
    runtimes.retain(|known| known.upgrade().is_some());
    let mut known = runtimes.iter().filter_map(WeakHandle::upgrade);
    if known.all(|known| known.id() != runtime.id()) {
        runtimes.push(runtime.downgrade());
    }
}

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
mod on_sigusr2 {
    use std::io;
    use std::sync::mpsc;
    use std::thread;

    use zokio::signal::unix::{Signal, SignalKind, signal};

    use super::*;
    use crate::runtimes::Runtimes;

    /// The thread's and its runtime's name.
    const NAME: &str = "zokio-sigusr2";

    /// Has the signal start the server. From when this returns it does not end the program any more.
    pub(super) fn start_then() -> Result<(), Error> {
        let (ready, listening) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name(NAME.to_owned())
            .spawn(move || wait(&ready))
            .map_err(Kind::Thread)?;
        match listening.recv() {
            Ok(result) => result.map_err(|error| Kind::Runtime(error).into()),
            // The thread is gone without a word: it panicked.
            Err(_) => Err(Kind::Thread(io::Error::other("the thread panicked")).into()),
        }
    }

    /// The thread's life.
    fn wait(ready: &mpsc::SyncSender<io::Result<()>>) {
        let runtime = zokio::runtime::Builder::new_current_thread()
            .enable_all()
            .name(NAME)
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            // The receiver waits for this one message.
            Err(error) => return drop(ready.send(Err(error))),
        };
        runtime.block_on(async {
            match signal(SignalKind::user_defined2()) {
                Ok(signals) => {
                    drop(ready.send(Ok(())));
                    until_served(signals).await;
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
    }

    async fn until_served(mut signals: Signal) {
        while signals.recv().await.is_some() {
            match serve() {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(%error, "zokio-console cannot watch this program yet");
                }
            }
        }
    }

    fn serve() -> Result<(), Error> {
        let mut state = lock();
        let State::Waiting(runtimes) = &*state else {
            return Ok(());
        };
        // Read again: files may be newer by now.
        let mut builder = Builder::new().apply(Settings::from_env()?)?;
        let there = Runtimes::default();
        for runtime in runtimes.iter().filter_map(WeakHandle::upgrade) {
            there.attach(&runtime);
        }
        // Lets go of those that have ended, and that somebody has a handle of.
        there.capture(&[]);
        for (_, runtime) in there.live() {
            builder = builder.attach(&runtime);
        }
        *state = State::Serving(builder.start()?);
        Ok(())
    }
}

#[cfg(not(unix))]
mod on_sigusr2 {
    use super::*;

    pub(super) fn start_then() -> Result<(), Error> {
        let expected = "on or off: there is no SIGUSR2 on this system";
        Err(Error::setting("ZOKIO_CONSOLE", "sigusr2", expected))
    }
}

//! The commands with screens: `connect`, `replay` and `demo`.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use super::args::{ConnectArgs, DemoArgs};
use super::recorded::shown_name;
use super::runtime;
use super::screen::ScreenArgs;
use crate::app::{self, Feed};
use crate::config::Config;
use crate::connection::{self, Destination};
use crate::demo;
use crate::error::ConsoleError;
use crate::headless;
use crate::keymap::bound;
use crate::replay;
use crate::terminal;

/// How long the demo runs without a terminal.
const DEMO_TIME: Duration = Duration::from_secs(5);

pub(super) fn connect(arguments: ConnectArgs, screen: &ScreenArgs) -> Result<(), ConsoleError> {
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

pub(super) fn replay(file: &Path, screen: &ScreenArgs) -> Result<(), ConsoleError> {
    if !terminal::is_interactive() {
        return Err(ConsoleError::NoTerminal);
    }
    let tape = replay::open(file)?;
    let name = shown_name(file);
    let options = options(screen.load()?, screen);
    runtime()?.block_on(app::run(options, vec![Feed::Recording { name, tape }]))
}

pub(super) fn run_demo(arguments: &DemoArgs, screen: &ScreenArgs) -> Result<(), ConsoleError> {
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

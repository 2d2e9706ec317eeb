//! The commands without screens: what they print is for people, files and programs.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use zokio::signal::unix::{SignalKind, signal};

use super::args::{CheckArgs, DumpArgs, RecordArgs, SnapshotArgs, TopArgs, TraceArgs};
use super::recorded::{opened, shown_name};
use super::runtime;
use super::screen::ScreenArgs;
use crate::connection;
use crate::error::ConsoleError;
use crate::headless;
use crate::headless::record;
use crate::state::backtrace::Strokes;

/// Exit code of `check` when something was found.
const FOUND: u8 = 1;

pub(super) fn snapshot(arguments: &SnapshotArgs) -> Result<(), ConsoleError> {
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

pub(super) fn top(arguments: &TopArgs) -> Result<(), ConsoleError> {
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

pub(super) fn record(arguments: &RecordArgs) -> Result<(), ConsoleError> {
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

pub(super) fn trace(arguments: &TraceArgs) -> Result<(), ConsoleError> {
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

pub(super) fn check(arguments: &CheckArgs) -> Result<ExitCode, ConsoleError> {
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

pub(super) fn dump(arguments: DumpArgs, screen: ScreenArgs) -> Result<(), ConsoleError> {
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

//! The interactive console: actions in, state, screen out.
//!
//! Keys, updates and signals arrive as [`Action`]s on one channel. All that have arrived are
//! applied, then the screen is drawn once, and only if something changed.

use std::fs::File;
use std::io::{self, BufWriter, Stdout};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use zokio::signal::unix::{SignalKind, signal};
use zokio::sync::mpsc;
use zokio::time::Instant;

use crate::action::{Action, Command, Effect, Now, Save};
use crate::connection::{self, Destination, Request, Session, Watching};
use crate::error::ConsoleError;
use crate::format;
use crate::headless::record;
use crate::recording::{FileSource, Tape};
use crate::replay;
use crate::state::connection::Link;
use crate::state::settings::Settings;
use crate::state::{State, update};
use crate::terminal::{self, Input, TerminalGuard};
use crate::theme::Theme;
use crate::view;

/// Actions that may wait for the state. Few: a screen that cannot keep up is to slow the server's
/// stream down, which conflates, rather than to show old data.
const QUEUE: usize = 16;

/// Time between two looks at the clock while the status line counts down.
const COUNTDOWN: Duration = Duration::from_millis(100);

/// What most screens take at most; a larger one is several writes.
const SCREEN_BYTES: usize = 32 * 1024;

/// What the interactive console is started with.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) theme: Theme,
    /// Whether clicks and the wheel are ours.
    pub(crate) mouse: bool,
    pub(crate) settings: Settings,
    /// Bytes for looking back; 0: none.
    pub(crate) history_bytes: usize,
}

/// Where what is shown comes from.
#[derive(Debug)]
pub(crate) enum Feed {
    /// A server; without a session it is waited for.
    Live {
        destination: Destination,
        interval: Duration,
        session: Option<Session>,
    },
    Recording {
        name: String,
        tape: Tape<FileSource<File>>,
    },
}

impl Feed {
    fn name(&self) -> String {
        match self {
            Feed::Live { destination, .. } => destination.target.to_string(),
            Feed::Recording { name, .. } => name.clone(),
        }
    }
}

/// The console's clock.
#[derive(Debug)]
struct Clock {
    start: Instant,
}

impl Clock {
    fn now(&self) -> Now {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            mono_ms: ms(self.start.elapsed()),
            unix_ms: ms(unix),
        }
    }
}

/// Shows the screens until the user quits.
pub(crate) async fn run(options: Options, feed: Feed) -> Result<(), ConsoleError> {
    let clock = Clock {
        start: Instant::now(),
    };
    let (width, height) = crossterm::terminal::size().map_err(ConsoleError::Terminal)?;
    let state = State::new(feed.name(), width, height, clock.now());
    let mut state = match &feed {
        Feed::Live { .. } => state.with_history(options.history_bytes),
        Feed::Recording { .. } => state.of_recording(),
    };
    state.settings = options.settings;
    let (out, mut actions) = mpsc::channel(QUEUE);
    // Unbounded, but asked by keys and answered updates only. A bounded queue could block the state
    // while the connection waits for the state.
    let (requests, asked) = mpsc::unbounded_channel();
    let query = state.query().clone();
    match feed {
        Feed::Live {
            destination,
            interval,
            session,
        } => {
            let keep = options.history_bytes > 0;
            let watching = Watching { interval, keep };
            let answers = out.clone();
            zokio::spawn(connection::run(
                destination,
                watching,
                session,
                query,
                asked,
                answers,
            ))
        }
        Feed::Recording { tape, .. } => zokio::spawn(replay::run(tape, query, asked, out.clone())),
    };
    quit_on_signals(&out).map_err(ConsoleError::Terminal)?;

    let _guard = TerminalGuard::take(options.mouse).map_err(ConsoleError::Terminal)?;
    let saved = out.downgrade();
    let _input = Input::start(out).map_err(ConsoleError::Terminal)?;
    // A screen is one write: stdout's own buffer is small, and looked through for line ends.
    let output = BufWriter::with_capacity(SCREEN_BYTES, io::stdout());
    let backend = CrosstermBackend::new(output);
    let mut screen = Terminal::new(backend).map_err(ConsoleError::Terminal)?;
    loop {
        if terminal::is_gone() {
            return Err(ConsoleError::Panicked);
        }
        if std::mem::take(&mut state.dirty) {
            draw(&mut screen, &state, options.theme)?;
        }
        let mut next = match zokio::time::timeout(until_tick(&state), actions.recv()).await {
            Ok(Some(action)) => Some(action),
            Ok(None) => return Ok(()),
            Err(_) => None,
        };
        update(&mut state, Action::Tick(clock.now()));
        while let Some(action) = next {
            for effect in update(&mut state, action) {
                match effect {
                    Effect::Quit => return Ok(()),
                    Effect::Play(play) => ask(&requests, Request::Play(play)),
                    Effect::Save(save) => save_aside(save, saved.clone()),
                    Effect::Subscribe(query) => ask(&requests, Request::Subscribe(query)),
                    Effect::FetchBacktrace {
                        runtime_id,
                        task_id,
                    } => ask(
                        &requests,
                        Request::FetchBacktrace {
                            runtime_id,
                            task_id,
                        },
                    ),
                    Effect::FetchDetails {
                        runtime_id,
                        task_id,
                    } => ask(
                        &requests,
                        Request::FetchDetails {
                            runtime_id,
                            task_id,
                        },
                    ),
                }
            }
            next = actions.try_recv().ok();
        }
    }
}

fn ask(requests: &mpsc::UnboundedSender<Request>, request: Request) {
    // The connection ends only with the console.
    let _ = requests.send(request);
}

/// Writes a recording on a thread that may wait for the disk.
fn save_aside(save: Save, out: mpsc::WeakSender<Action>) {
    drop(zokio::task::spawn_blocking(move || {
        let written = record::save(Path::new(&save.name), save.began_unix_ns, &save.frames);
        let text = match written {
            Ok(bytes) => format!("saved {} in {}", format::bytes(bytes), save.name),
            Err(error) => format!("{} cannot be written: {error}", save.name),
        };
        // If the console has ended, nobody is to be told.
        if let Some(out) = out.upgrade() {
            let _ = out.blocking_send(Action::Saved(text));
        }
    }));
}

/// Time until the status line may say something new on its own.
fn until_tick(state: &State) -> Duration {
    match state.connection.link {
        Link::Lost { .. } => COUNTDOWN,
        _ => Duration::from_millis(1_000 - state.now.unix_ms % 1_000),
    }
}

fn draw(
    screen: &mut Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    state: &State,
    theme: Theme,
) -> Result<(), ConsoleError> {
    screen
        .draw(|frame| {
            let area = frame.area();
            view::render(state, theme, area, frame.buffer_mut());
        })
        .map(|_| ())
        .map_err(ConsoleError::Terminal)
}

fn quit_on_signals(out: &mpsc::Sender<Action>) -> io::Result<()> {
    for kind in [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ] {
        let mut signal = signal(kind)?;
        let out = out.clone();
        zokio::spawn(async move {
            if signal.recv().await.is_some() {
                // The console has ended already.
                let _ = out.send(Action::Command(Command::Quit)).await;
            }
        });
    }
    Ok(())
}

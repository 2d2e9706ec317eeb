//! The interactive console: actions in, state, screen out.
//!
//! Keys, updates and signals arrive as [`Event`]s on one channel. All that have arrived are
//! applied, then the screen is drawn once, and only if something changed.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ratatui::layout::Rect;
use zokio::signal::unix::{SignalKind, signal};
use zokio::sync::mpsc;
use zokio::time::Instant;

use crate::action::{Action, Command, Effect, Now, Save};
use crate::connection::{self, Destination, Request, Session, Watching};
use crate::error::ConsoleError;
use crate::format;
use crate::headless::record;
use crate::recording::{FileSource, KEYFRAME_INTERVAL, Tape};
use crate::replay;
use crate::screen::Screen;
use crate::state::State;
use crate::state::connection::Link;
use crate::state::model::Query;
use crate::state::settings::Settings;
use crate::state::targets::Targets;
use crate::terminal::{self, Input, TerminalGuard};
use crate::theme::Theme;
use crate::view;

/// Actions that may wait for the state. Few: a screen that cannot keep up is to slow the server's
/// stream down, which conflates, rather than to show old data.
const QUEUE: usize = 16;

/// Time between two looks at the clock while the status line counts down.
const COUNTDOWN: Duration = Duration::from_millis(100);

/// How late the clock may be: where updates come more often than that, they bring it, and no screen is
/// drawn for it alone.
const CLOCK_LAG: Duration = Duration::from_millis(120);

/// How often the terminal is asked for its size. A change is told by a signal; one that came before
/// that was listened for is seen so.
const SIZE_CHECK: Duration = Duration::from_secs(1);

/// What has happened, and to which of the programs watched; None: to the screen.
pub(crate) type Event = (Option<usize>, Action);

/// What the interactive console is started with.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) theme: Theme,
    /// Whether clicks and the wheel are ours.
    pub(crate) mouse: bool,
    pub(crate) settings: Settings,
    /// Bytes for looking back, of all programs together; 0: none.
    pub(crate) history_bytes: usize,
    /// Name of the runtime to be shown first.
    pub(crate) runtime: Option<String>,
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

    /// A state that shows what comes from here.
    fn state(&self, (width, height): (u16, u16), history_bytes: usize, now: Now) -> State {
        let state = State::new(self.name(), width, height, now);
        match self {
            Feed::Live { .. } => state.with_history(history_bytes),
            Feed::Recording { .. } => state.of_recording(),
        }
    }

    /// Runs until `asked` ends.
    async fn run(
        self,
        keep: bool,
        query: Query,
        asked: mpsc::UnboundedReceiver<Request>,
        out: mpsc::Sender<Action>,
    ) {
        match self {
            Feed::Live {
                destination,
                interval,
                session,
            } => {
                let watching = Watching {
                    interval,
                    keep: keep.then_some(KEYFRAME_INTERVAL),
                };
                connection::run(destination, watching, session, query, asked, out).await;
            }
            Feed::Recording { tape, .. } => replay::run(tape, query, asked, out).await,
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

/// Shows the screens until the user quits. There is at least one feed; the first is shown first.
pub(crate) async fn run(options: Options, feeds: Vec<Feed>) -> Result<(), ConsoleError> {
    let clock = Clock {
        start: Instant::now(),
    };
    let size = crossterm::terminal::size().map_err(ConsoleError::Terminal)?;
    let share = options.history_bytes / feeds.len().max(1);
    let states = feeds.iter().map(|feed| {
        let mut state = feed.state(size, share, clock.now());
        state.settings = options.settings.clone();
        state
    });
    let mut targets = Targets::new(states.collect(), options.runtime.as_deref(), size);
    let (out, mut actions) = mpsc::channel(QUEUE);
    let requests = start(feeds, &targets, share > 0, &out);
    quit_on_signals(&out).map_err(ConsoleError::Terminal)?;

    let _guard = TerminalGuard::take(options.mouse).map_err(ConsoleError::Terminal)?;
    let saved = out.downgrade();
    let _input = Input::start(out).map_err(ConsoleError::Terminal)?;
    let mut area = area_of(size);
    let mut screen = Screen::new(io::stdout(), area);
    let mut asked = Instant::now();
    // What is heard is kept for the past; its update follows, and is drawn with the clock.
    let mut only_heard = false;
    loop {
        if terminal::is_gone() {
            return Err(ConsoleError::Panicked);
        }
        if asked.elapsed() >= SIZE_CHECK {
            asked = Instant::now();
            // What cannot be told stays as it is.
            let size = crossterm::terminal::size().unwrap_or(targets.size());
            if size != targets.size() {
                let (width, height) = size;
                targets.update(None, Action::Resize { width, height });
            }
        }
        if !only_heard && std::mem::take(&mut targets.dirty) {
            let now = area_of(targets.size());
            if now != area {
                area = now;
                screen.resize(area);
            }
            screen
                .draw(|area, buffer| view::targets::render(&targets, options.theme, area, buffer))
                .map_err(ConsoleError::Terminal)?;
        }
        let mut next = match zokio::time::timeout(until_tick(&targets), actions.recv()).await {
            Ok(Some(action)) => Some(action),
            Ok(None) => return Ok(()),
            Err(_) => None,
        };
        targets.update(None, Action::Tick(clock.now()));
        only_heard = next.is_some();
        while let Some((of, action)) = next {
            only_heard &= matches!(action, Action::Heard(_));
            for (at, effect) in targets.update(of, action) {
                let request = match effect {
                    Effect::Quit => return Ok(()),
                    // Carried out by the targets themselves.
                    Effect::SwitchTarget(_) => continue,
                    Effect::Save(save) => {
                        save_aside(at, save, saved.clone());
                        continue;
                    }
                    Effect::Play(play) => Request::Play(play),
                    Effect::Subscribe(query) => Request::Subscribe(query),
                    Effect::FetchBacktrace {
                        runtime_id,
                        task_id,
                    } => Request::FetchBacktrace {
                        runtime_id,
                        task_id,
                    },
                    Effect::FetchTimeline { runtime_id } => Request::FetchTimeline { runtime_id },
                    Effect::FetchDetails {
                        runtime_id,
                        task_id,
                    } => Request::FetchDetails {
                        runtime_id,
                        task_id,
                    },
                };
                // The feed ends only with the console.
                let _ = requests.get(at).map(|requests| requests.send(request));
            }
            next = actions.try_recv().ok();
        }
    }
}

fn area_of((width, height): (u16, u16)) -> Rect {
    Rect::new(0, 0, width, height)
}

/// Starts the feeds; gives back where to ask each for something.
fn start(
    feeds: Vec<Feed>,
    targets: &Targets,
    keep: bool,
    out: &mpsc::Sender<Event>,
) -> Vec<mpsc::UnboundedSender<Request>> {
    let start = |(at, (feed, state)): (usize, (Feed, &State))| {
        // Unbounded, but asked by keys and answered updates only. A bounded queue could block the
        // state while the connection waits for the state.
        let (requests, asked) = mpsc::unbounded_channel();
        // One place: an update waits where it can still be replaced, at the server.
        let (own, mut heard) = mpsc::channel(1);
        zokio::spawn(feed.run(keep, state.query().clone(), asked, own));
        let out = out.clone();
        zokio::spawn(async move {
            while let Some(action) = heard.recv().await {
                if out.send((Some(at), action)).await.is_err() {
                    return;
                }
            }
        });
        requests
    };
    let feeds = feeds.into_iter().zip(targets.states()).enumerate();
    feeds.map(start).collect()
}

/// Writes a recording of the program `at` on a thread that may wait for the disk.
fn save_aside(at: usize, save: Save, out: mpsc::WeakSender<Event>) {
    drop(zokio::task::spawn_blocking(move || {
        let written = record::save(Path::new(&save.name), save.began_unix_ns, &save.frames);
        let text = match written {
            Ok(bytes) => format!("saved {} in {}", format::bytes(bytes), save.name),
            Err(error) => format!("{} cannot be written: {error}", save.name),
        };
        // If the console has ended, nobody is to be told.
        if let Some(out) = out.upgrade() {
            let _ = out.blocking_send((Some(at), Action::Saved(text)));
        }
    }));
}

/// Time until the screen may say something new on its own.
fn until_tick(targets: &Targets) -> Duration {
    let state = targets.shown();
    match state.connection.link {
        Link::Lost { .. } => COUNTDOWN,
        _ => Duration::from_millis(1_000 - state.now.unix_ms % 1_000) + CLOCK_LAG,
    }
}

fn quit_on_signals(out: &mpsc::Sender<Event>) -> io::Result<()> {
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
                let _ = out.send((None, Action::Command(Command::Quit))).await;
            }
        });
    }
    Ok(())
}

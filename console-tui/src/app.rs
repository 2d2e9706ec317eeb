//! The interactive console: actions in, state, screen out.
//!
//! Keys, updates and signals arrive as [`Action`]s on one channel. All that have arrived are
//! applied, then the screen is drawn once, and only if something changed.

use std::io::{self, BufWriter, Stdout};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use zokio::signal::unix::{SignalKind, signal};
use zokio::sync::mpsc;
use zokio::time::Instant;

use crate::action::{Action, Command, Effect, Now};
use crate::connection::{self, Destination, Request, Session};
use crate::error::ConsoleError;
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
    pub(crate) destination: Destination,
    pub(crate) interval: Duration,
    pub(crate) theme: Theme,
    /// Whether clicks and the wheel are ours.
    pub(crate) mouse: bool,
    pub(crate) settings: Settings,
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

/// Shows the screens until the user quits. Without a session, the server is waited for.
pub(crate) async fn run(options: Options, session: Option<Session>) -> Result<(), ConsoleError> {
    let clock = Clock {
        start: Instant::now(),
    };
    let (width, height) = crossterm::terminal::size().map_err(ConsoleError::Terminal)?;
    let mut state = State::new(
        options.destination.target.to_string(),
        width,
        height,
        clock.now(),
    );
    state.settings = options.settings;
    let (out, mut actions) = mpsc::channel(QUEUE);
    // Unbounded, but asked by keys and answered updates only. A bounded queue could block the state
    // while the connection waits for the state.
    let (requests, asked) = mpsc::unbounded_channel();
    zokio::spawn(connection::run(
        options.destination,
        options.interval,
        session,
        state.query().clone(),
        asked,
        out.clone(),
    ));
    quit_on_signals(&out).map_err(ConsoleError::Terminal)?;

    let _guard = TerminalGuard::take(options.mouse).map_err(ConsoleError::Terminal)?;
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
                    Effect::Subscribe(query) => ask(&requests, Request::Subscribe(query)),
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

//! The terminal: taken over for the screens, given back whatever happens.
//!
//! [`TerminalGuard`] restores it when dropped; a panic hook does so before the panic is printed,
//! and SIGTERM, SIGINT and SIGHUP end the console through the same way as `q`. Input is read by a
//! thread of its own, because a read of the terminal blocks.

use std::io::{self, IsTerminal};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossterm::event::{
    self, Event, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use crossterm::{cursor, execute, terminal};
use zokio::sync::mpsc::{self, error::TrySendError};

use crate::action::{Action, Mouse, MouseKind};
use crate::app::Event as Happening;
use crate::keymap::{Key, KeyCode};

/// How often the input thread looks whether it is to stop. Nobody waits for it.
const STOP_CHECK: Duration = Duration::from_secs(1);

/// How long the input thread waits for room in the queue.
const FULL_QUEUE: Duration = Duration::from_millis(5);

/// Whether the terminal is ours: it must be given back exactly once.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether there is a terminal to draw on and to read keys from.
pub(crate) fn is_interactive() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// Holds the terminal in raw mode on its alternate screen.
#[derive(Debug)]
pub(crate) struct TerminalGuard {
    _private: (),
}

impl TerminalGuard {
    /// Takes the terminal over, the mouse too if asked for: then the terminal itself marks text
    /// only with the shift key.
    ///
    /// # Errors
    ///
    /// Those of the terminal; it is restored then.
    pub(crate) fn take(mouse: bool) -> io::Result<TerminalGuard> {
        restore_on_panic();
        // Ordering: SeqCst, pairs with the swap in `restore`.
        TAKEN.store(true, Ordering::SeqCst);
        let guard = TerminalGuard { _private: () };
        terminal::enable_raw_mode()?;
        execute!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        if mouse {
            execute!(io::stdout(), event::EnableMouseCapture)?;
        }
        Ok(guard)
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    // Ordering: SeqCst, pairs with itself and the store in `take`; the guard and a panic hook on
    // another thread may both come here, one of them restores.
    if TAKEN.swap(false, Ordering::SeqCst) {
        // Nothing can be done about a terminal that has gone.
        let _ = execute!(
            io::stdout(),
            event::DisableMouseCapture,
            terminal::LeaveAlternateScreen,
            cursor::Show
        );
        let _ = terminal::disable_raw_mode();
    }
}

fn restore_on_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let earlier = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            earlier(info);
        }));
    });
}

/// Whether the terminal was given back behind the screen's back: by the panic hook.
pub(crate) fn is_gone() -> bool {
    // Ordering: SeqCst, pairs with the swap in `restore`.
    !TAKEN.load(Ordering::SeqCst)
}

/// The thread that reads keys; told to stop when dropped. It is not waited for: when the terminal has
/// gone away, crossterm reads its end again and again and does not return.
#[derive(Debug)]
pub(crate) struct Input {
    stop: Arc<AtomicBool>,
}

impl Input {
    /// Starts reading. Ends by itself when nobody listens or the terminal has gone.
    pub(crate) fn start(out: mpsc::Sender<Happening>) -> io::Result<Input> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::Builder::new()
            .name("console-input".into())
            .spawn(move || {
                // Ordering: Relaxed, a mere flag: nothing else is handed over with it.
                while !stopped.load(Ordering::Relaxed) {
                    match event::poll(STOP_CHECK) {
                        Ok(false) => {}
                        Ok(true) => match event::read() {
                            Ok(event) => {
                                if let Some(action) = action(event)
                                    && !send(&out, (None, action), &stopped)
                                {
                                    return;
                                }
                            }
                            Err(_) => return,
                        },
                        Err(_) => return,
                    }
                }
            })?;
        Ok(Input { stop })
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // Ordering: Relaxed, see `start`.
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Hands an action over, waiting for room. False: nobody listens.
fn send(out: &mpsc::Sender<Happening>, mut action: Happening, stopped: &AtomicBool) -> bool {
    loop {
        action = match out.try_send(action) {
            Ok(()) => return true,
            Err(TrySendError::Closed(_)) => return false,
            Err(TrySendError::Full(action)) => action,
        };
        // Ordering: Relaxed, see `Input::start`.
        if stopped.load(Ordering::Relaxed) {
            return false;
        }
        thread::sleep(FULL_QUEUE);
    }
}

fn action(event: Event) -> Option<Action> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => self::key(key).map(Action::Key),
        Event::Mouse(event) => mouse(event).map(Action::Mouse),
        Event::Resize(width, height) => Some(Action::Resize { width, height }),
        _ => None,
    }
}

/// The left button and the wheel. Moves, drags and other buttons mean nothing.
fn mouse(event: MouseEvent) -> Option<Mouse> {
    let kind = match event.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseKind::Press,
        MouseEventKind::ScrollUp => MouseKind::ScrollUp,
        MouseEventKind::ScrollDown => MouseKind::ScrollDown,
        _ => return None,
    };
    Some(Mouse {
        kind,
        x: event.column,
        y: event.row,
    })
}

fn key(event: KeyEvent) -> Option<Key> {
    use crossterm::event::KeyCode as Code;
    let code = match event.code {
        Code::Char(c) => KeyCode::Char(c),
        Code::Up => KeyCode::Up,
        Code::Down => KeyCode::Down,
        Code::Left => KeyCode::Left,
        Code::Right => KeyCode::Right,
        Code::PageUp => KeyCode::PageUp,
        Code::PageDown => KeyCode::PageDown,
        Code::Home => KeyCode::Home,
        Code::End => KeyCode::End,
        Code::Enter => KeyCode::Enter,
        Code::Esc => KeyCode::Esc,
        Code::Tab => KeyCode::Tab,
        Code::BackTab => KeyCode::BackTab,
        Code::Backspace => KeyCode::Backspace,
        Code::Delete => KeyCode::Delete,
        _ => return None,
    };
    Some(Key {
        code,
        ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
    })
}

#[cfg(all(test, target_os = "linux"))]
#[path = "../tests/pty/terminal.rs"]
#[allow(dead_code, reason = "the tests of the whole console use more of it")]
mod pty;

#[cfg(all(test, target_os = "linux"))]
mod in_a_terminal {
    use super::pty::Terminal;
    use super::*;
    use std::process::Command;

    /// Set for the process that is to panic in a terminal: this test, run once more.
    const ROLE: &str = "ZOKIO_CONSOLE_TEST_PANIC";

    #[test]
    fn a_panic_of_any_thread_gives_the_terminal_back_before_it_is_told() {
        if std::env::var_os(ROLE).is_some() {
            let _guard = TerminalGuard::take(true).unwrap();
            assert!(!is_gone());
            assert!(thread::spawn(|| panic!("of a worker")).join().is_err());
            assert!(is_gone());
            return;
        }
        let this = "terminal::in_a_terminal::\
                    a_panic_of_any_thread_gives_the_terminal_back_before_it_is_told";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", this, "--nocapture"])
            .env(ROLE, "1");
        let mut terminal = Terminal::start(command, 80, 24);
        terminal.wait_for("panic on the main screen", |screen| {
            !screen.alternate_screen() && screen.contents().contains("of a worker")
        });
        assert!(terminal.wait_until_given_back().success());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: event::KeyCode, modifiers: KeyModifiers) -> Option<Key> {
        key(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn keys_of_the_terminal_become_keys_of_the_table() {
        use event::KeyCode as Code;
        assert_eq!(
            pressed(Code::Char('c'), KeyModifiers::CONTROL),
            Key::parse("ctrl-c")
        );
        assert_eq!(
            pressed(Code::Char('G'), KeyModifiers::SHIFT),
            Key::parse("G")
        );
        assert_eq!(
            pressed(Code::PageDown, KeyModifiers::NONE),
            Key::parse("page-down")
        );
        assert_eq!(pressed(Code::F(5), KeyModifiers::NONE), None);
    }

    #[test]
    fn presses_and_the_wheel_count_and_moves_do_not() {
        let event = |kind| MouseEvent {
            kind,
            column: 7,
            row: 3,
            modifiers: KeyModifiers::NONE,
        };
        let pressed = mouse(event(MouseEventKind::Down(MouseButton::Left)));
        let expected = Mouse {
            kind: MouseKind::Press,
            x: 7,
            y: 3,
        };
        assert_eq!(pressed, Some(expected));
        assert!(mouse(event(MouseEventKind::ScrollDown)).is_some());
        assert_eq!(mouse(event(MouseEventKind::Moved)), None);
        assert_eq!(mouse(event(MouseEventKind::Down(MouseButton::Right))), None);
    }

    #[test]
    fn a_released_key_is_not_pressed_again() {
        let mut event = KeyEvent::new(event::KeyCode::Char('q'), KeyModifiers::NONE);
        event.kind = KeyEventKind::Release;
        assert!(action(Event::Key(event)).is_none());
    }
}

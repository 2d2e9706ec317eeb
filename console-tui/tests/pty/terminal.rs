//! A terminal with a program in it: a pseudo-terminal of the kernel's, its screen kept by an emulator.
//!
//! Nothing here sleeps: [`Terminal::wait_for`] looks at the screen whenever the program has written
//! something.

#![expect(unsafe_code, reason = "the child makes the terminal its own")]

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use rustix::pty::{self, OpenptFlags};
use rustix::termios::{self, Termios, Winsize};
use vt100::{MouseProtocolMode, Parser, Screen};

/// For anything to appear on the screen of a machine under load.
const DEADLINE: Duration = Duration::from_secs(30);

/// See the module. The program is killed when it is dropped.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    /// The program's side; as long as it is open, the terminal is there.
    theirs: Option<OwnedFd>,
    modes: Termios,
    screen: Arc<Shown>,
    reader: Option<JoinHandle<()>>,
}

struct Shown {
    parser: Mutex<Parser>,
    changed: Condvar,
}

impl Shown {
    fn lock(&self) -> MutexGuard<'_, Parser> {
        self.parser.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terminal {
    /// Starts the program in a terminal of that size.
    pub(crate) fn start(mut command: Command, columns: u16, rows: u16) -> Terminal {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = pty::openpt(flags).unwrap();
        pty::grantpt(&ours).unwrap();
        pty::unlockpt(&ours).unwrap();
        termios::tcsetwinsize(&ours, size(columns, rows)).unwrap();
        let theirs = pty::ioctl_tiocgptpeer(&ours, flags).unwrap();
        let modes = termios::tcgetattr(&theirs).unwrap();
        command
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .stdin(theirs.try_clone().unwrap())
            .stdout(theirs.try_clone().unwrap())
            .stderr(theirs.try_clone().unwrap());
        // SAFETY: between fork and exec the closure makes two system calls and nothing else: both may
        // be made there, and neither allocates nor takes a lock.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(std::io::stdin())?;
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        let screen = Arc::new(Shown {
            parser: Mutex::new(Parser::new(some(rows), some(columns), 0)),
            changed: Condvar::new(),
        });
        let mut output = File::from(ours.try_clone().unwrap());
        let shown = Arc::clone(&screen);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 16 * 1024];
            // An error is the end: nobody has the other side open any more.
            while let Ok(n @ 1..) = output.read(&mut bytes) {
                shown.lock().process(&bytes[..n]);
                shown.changed.notify_all();
            }
        });
        Terminal {
            child,
            keys: File::from(ours),
            theirs: Some(theirs),
            modes,
            screen,
            reader: Some(reader),
        }
    }

    /// The program's process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Presses keys, given as the bytes that a terminal sends.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Makes the window another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.screen
            .lock()
            .screen_mut()
            .set_size(some(rows), some(columns));
        termios::tcsetwinsize(&self.keys, size(columns, rows)).unwrap();
    }

    pub(crate) fn send(&self, signal: Signal) {
        let id = Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Waits until the screen is as wanted, and tells what it says then.
    pub(crate) fn wait_for(&self, what: &str, is_there: impl Fn(&Screen) -> bool) -> String {
        let until = Instant::now() + DEADLINE;
        let mut parser = self.screen.lock();
        loop {
            let text = parser.screen().contents();
            if is_there(parser.screen()) {
                return text;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what:?} on the screen:\n{text}");
            let waited = self.screen.changed.wait_timeout(parser, left);
            parser = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until all of these are on the screen, and tells what it says then.
    pub(crate) fn wait_for_text(&self, wanted: &[&str]) -> String {
        self.wait_for(&format!("{wanted:?}"), |screen| {
            let text = screen.contents();
            wanted.iter().all(|w| text.contains(w))
        })
    }

    /// Waits for the program's end, and checks that it has left the terminal as it found it.
    pub(crate) fn wait_until_given_back(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        self.wait_for("terminal as it was", |screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && screen.mouse_protocol_mode() == MouseProtocolMode::None
        });
        let now = termios::tcgetattr(self.theirs.as_ref().unwrap().as_fd()).unwrap();
        let modes = |t: &Termios| {
            (
                t.input_modes,
                t.output_modes,
                t.control_modes,
                t.local_modes,
            )
        };
        assert_eq!(modes(&now), modes(&self.modes));
        status
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        drop(self.theirs.take());
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn some(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).unwrap()
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

//! Signals of Unix systems.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

use crate::driver::registration::current_with_io;
use crate::sync::futures::Notified;
use crate::telemetry::waits::WaitPoint;

mod registry;

use registry::Slot;

static RECV: WaitPoint = WaitPoint::new("signal", "recv");

/// A signal's number.
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
pub struct SignalKind(libc::c_int);

macro_rules! kinds {
    ($($(#[$attribute:meta])* $name:ident = $signal:ident, $meaning:literal;)*) => {
        impl SignalKind {$(
            #[doc = concat!("`", stringify!($signal), "`: ", $meaning)]
            $(#[$attribute])*
            pub const fn $name() -> SignalKind {
                SignalKind(libc::$signal)
            }
        )*}
    };
}

kinds! {
    alarm = SIGALRM, "a timer of the process has run out. Ends the process if not listened to.";
    child = SIGCHLD, "a child has ended or stopped. Ignored if not listened to.";
    hangup = SIGHUP, "the terminal is gone. Ends the process if not listened to.";
    interrupt = SIGINT, "the user interrupts (Ctrl-C). Ends the process if not listened to.";
    #[cfg(not(target_os = "haiku"))]
    io = SIGIO, "a descriptor is ready.";
    #[cfg(target_os = "haiku")]
    io = SIGPOLL, "a descriptor is ready.";
    pipe = SIGPIPE, "a write to a pipe that nobody reads. Rust programs ignore it from the start.";
    quit = SIGQUIT, "the user wants the process to quit. Ends it if not listened to.";
    terminate = SIGTERM, "the process shall end, which it does if not listened to.";
    user_defined1 = SIGUSR1, "of the user's making. Ends the process if not listened to.";
    user_defined2 = SIGUSR2, "of the user's making. Ends the process if not listened to.";
    window_change = SIGWINCH, "the terminal has another size. Ignored if not listened to.";
    #[cfg(any(
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "illumos"
    ))]
    info = SIGINFO, "the user asks for a status. Ignored if not listened to.";
}

impl SignalKind {
    /// Any signal, by its number.
    pub const fn from_raw(signum: std::os::raw::c_int) -> SignalKind {
        SignalKind(signum)
    }

    /// The signal's number.
    pub const fn as_raw_value(&self) -> std::os::raw::c_int {
        self.0
    }
}

impl From<std::os::raw::c_int> for SignalKind {
    fn from(signum: std::os::raw::c_int) -> SignalKind {
        SignalKind(signum)
    }
}

impl From<SignalKind> for std::os::raw::c_int {
    fn from(kind: SignalKind) -> std::os::raw::c_int {
        kind.0
    }
}

/// Listens to a signal.
///
/// From the first call for a signal on, the signal's default action is replaced for the life of
/// the process. Signals delivered before the call are not seen.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use zokio::signal::unix::{SignalKind, signal};
///
/// let mut hangups = signal(SignalKind::hangup())?;
/// loop {
///     hangups.recv().await;
///     // read the configuration again
/// }
/// # }
/// ```
///
/// # Errors
///
/// If the signal cannot be listened to (`SIGKILL`, `SIGSTOP`, `SIGILL`, `SIGFPE`, `SIGSEGV`, or
/// no signal at all), or if the system refuses the handler, the pipe or the thread.
///
/// # Panics
///
/// Outside of a runtime with I/O enabled. (The listener needs none: it may be awaited anywhere.)
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    drop(current_with_io());
    listen(kind)
}

/// Calls `action` on a thread of the process after deliveries of a signal, of which several may
/// make one call. Only the first action of a signal counts. It must not panic.
pub(crate) fn call_on_delivery(kind: SignalKind, action: fn()) -> io::Result<()> {
    registry::call_on_delivery(kind.0, action)
}

/// [`signal`] anywhere.
pub(crate) fn listen(kind: SignalKind) -> io::Result<Signal> {
    let slot = registry::listen(kind.0)?;
    let changed = Box::pin(slot.changed.notified());
    Ok(Signal {
        slot,
        seen: slot.deliveries(),
        changed,
    })
}

/// A listener to one signal, from [`signal`].
///
/// Deliveries that come before the listener looks again count as one.
#[must_use = "streams do nothing unless polled"]
pub struct Signal {
    slot: &'static Slot,
    /// The deliveries that `recv` has told of.
    seen: usize,
    /// Of the wait for the next one. Made before each look at the counter.
    changed: Pin<Box<Notified<'static>>>,
}

impl Signal {
    /// Waits for the signal. Never returns `None`.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a signal is not lost by a cancelled call.
    pub fn recv(&mut self) -> Recv<'_> {
        Recv { signal: self }
    }

    /// Ready if the signal was delivered since the last time; else the task is woken when it is.
    /// Never `None`.
    #[track_caller]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let resource = ptr::from_ref(self.slot).cast();
        self.poll_as(cx, &RECV, resource, Location::caller())
            .map(Some)
    }

    /// Polls as part of another operation, which is what the wait note shows.
    pub(crate) fn poll_as(
        &mut self,
        cx: &mut Context<'_>,
        point: &'static WaitPoint,
        resource: *const (),
        location: &'static Location<'static>,
    ) -> Poll<()> {
        loop {
            let deliveries = self.slot.deliveries();
            if deliveries != self.seen {
                self.seen = deliveries;
                // Ends the wait and its note.
                self.changed.set(self.slot.changed.notified());
                return Poll::Ready(());
            }
            match self
                .changed
                .as_mut()
                .poll_as(cx, point, resource.into(), location)
            {
                Poll::Ready(()) => self.changed.set(self.slot.changed.notified()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Signal {
    /// The task waits no longer, and its note must not say so. No delivery is lost: those are
    /// counted.
    pub(crate) fn stop_waiting(&mut self) {
        self.changed.set(self.slot.changed.notified());
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").finish_non_exhaustive()
    }
}

/// Future of [`Signal::recv`].
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Recv<'a> {
    signal: &'a mut Signal,
}

impl Future for Recv<'_> {
    type Output = Option<()>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.signal.poll_recv(cx)
    }
}

impl Drop for Recv<'_> {
    fn drop(&mut self) {
        self.signal.stop_waiting();
    }
}

/// Waits for the user's interrupt (`SIGINT`, Ctrl-C).
///
/// Listening begins at the first poll, and from then on the interrupt does not end the process any
/// more, also after this has returned. For repeated interrupts keep a [`Signal`].
///
/// # Errors
///
/// Those of [`signal`].
///
/// # Panics
///
/// If first polled outside of a runtime with I/O enabled.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// zokio::signal::ctrl_c().await?;
/// println!("shutting down");
/// # Ok(())
/// # }
/// ```
pub fn ctrl_c() -> CtrlC {
    CtrlC { signal: None }
}

/// Future of [`ctrl_c`].
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct CtrlC {
    /// `None` before the first poll.
    signal: Option<Signal>,
}

impl Future for CtrlC {
    type Output = io::Result<()>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let signal = match &mut self.signal {
            Some(signal) => signal,
            none => none.insert(signal(SignalKind::interrupt())?),
        };
        signal.poll_recv(cx).map(|_| Ok(()))
    }
}

#[cfg(test)]
mod tests;

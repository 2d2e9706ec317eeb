//! The process's signals: counters, the pipe, the thread that reads it.
//!
//! # Why no delivery is missed
//!
//! The handler counts, then writes. The thread reads, then notifies the listeners of every counter
//! that has moved since it looked last; a count is thus followed by a look. A full pipe means that
//! the thread has still to read, and so to look. A listener makes its `Notified` before it looks
//! at the counter, so a notification after its look reaches it.

#![expect(
    unsafe_code,
    reason = "signal handlers are installed and write to a raw descriptor"
)]

use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::panic::catch_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

use crate::sync::Notify;

/// Signal numbers are below this on all systems (Linux has 64, on MIPS 127).
const SIGNALS: usize = 128;

/// The largest number of a signal.
fn largest() -> libc::c_int {
    #[cfg(any(target_os = "linux", target_os = "illumos"))]
    return libc::SIGRTMAX();
    #[cfg(not(any(target_os = "linux", target_os = "illumos")))]
    33
}

/// One signal.
pub(super) struct Slot {
    /// Bumped by the handler.
    deliveries: AtomicUsize,
    /// Notified by the thread when `deliveries` has moved.
    pub(super) changed: Notify,
    /// Whether the handler is installed.
    installed: Mutex<bool>,
    /// Called by the thread when `deliveries` has moved.
    action: OnceLock<fn()>,
}

impl Slot {
    crate::loom::const_unless_loom! {
        const fn new() -> Slot {
            Slot {
                deliveries: AtomicUsize::new(0),
                changed: Notify::const_new(),
                installed: Mutex::new(false),
                action: OnceLock::new(),
            }
        }
    }

    pub(super) fn deliveries(&self) -> usize {
        // Ordering: Acquire pairs with the Release in `deliver`: who sees a delivery sees what
        // the raising thread did before it.
        self.deliveries.load(Ordering::Acquire)
    }
}

#[cfg(not(zokio_loom))]
static SLOTS: [Slot; SIGNALS] = [const { Slot::new() }; SIGNALS];
/// No model has signals; what they are made of is no constant under loom.
#[cfg(zokio_loom)]
static SLOTS: std::sync::LazyLock<[Slot; SIGNALS]> =
    std::sync::LazyLock::new(|| std::array::from_fn(|_| Slot::new()));

/// The pipe's writing end, -1 before there is one. It is never closed.
static WRITER: AtomicI32 = AtomicI32::new(-1);
static STARTED: Mutex<bool> = Mutex::new(false);

/// The slot of a signal, with its handler installed and the thread running.
pub(super) fn listen(signal: libc::c_int) -> io::Result<&'static Slot> {
    if signal <= 0 || signal_hook_registry::FORBIDDEN.contains(&signal) {
        return Err(io::Error::other(format!(
            "Refusing to register signal {signal}"
        )));
    }
    let slot = usize::try_from(signal)
        .ok()
        .filter(|_| signal <= largest())
        .and_then(|signal| SLOTS.get(signal))
        .ok_or_else(|| io::Error::other("signal too large"))?;
    start()?;
    let mut installed = slot.installed.lock();
    if !*installed {
        // SAFETY: `deliver` is async-signal-safe: two atomics and one `write`, and the registry
        // keeps `errno`.
        unsafe { signal_hook_registry::register(signal, || deliver(slot)) }?;
        *installed = true;
    }
    Ok(slot)
}

/// From now on `action` is called, on the thread, after deliveries of the signal; several may make
/// one call. Only the first action of a signal counts. It must not panic.
pub(super) fn call_on_delivery(signal: libc::c_int, action: fn()) -> io::Result<()> {
    // The action is there before the handler is: no delivery that the handler counts lacks it.
    if let Some(slot) = usize::try_from(signal).ok().and_then(|i| SLOTS.get(i)) {
        let _ = slot.action.set(action);
    }
    listen(signal).map(drop)
}

/// What a delivery does; runs in the handler.
fn deliver(slot: &Slot) {
    // Ordering: Release pairs with the Acquire of `Slot::deliveries`.
    slot.deliveries.fetch_add(1, Ordering::Release);
    let writer: RawFd = WRITER.load(Ordering::Relaxed);
    // SAFETY: one byte of a static is read. The descriptor was opened before the first handler
    // was installed and is never closed. It does not block: of a full pipe nothing is wanted.
    unsafe { libc::write(writer, c"!".as_ptr().cast(), 1) };
}

/// Makes the pipe and the thread, once. After a failure the next call tries again.
fn start() -> io::Result<()> {
    let mut started = STARTED.lock();
    if *started {
        return Ok(());
    }
    let (reader, writer) = UnixStream::pair()?;
    writer.set_nonblocking(true)?;
    thread::Builder::new()
        .name("zokio-signal".to_owned())
        .spawn(move || watch(reader))?;
    // Relaxed: handlers are installed after this, by system calls.
    WRITER.store(writer.as_raw_fd(), Ordering::Relaxed);
    // Handlers may run for as long as the process does.
    std::mem::forget(writer);
    *started = true;
    Ok(())
}

/// The thread: reads the pipe and notifies.
fn watch(mut reader: UnixStream) {
    let mut seen = [0; SIGNALS];
    let mut bytes = [0; 256];
    loop {
        match reader.read(&mut bytes) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The pipe is the process's own; if its descriptor was closed from outside there is
            // nothing left to read.
            Err(_) => return,
        }
        for (slot, seen) in SLOTS.iter().zip(&mut seen) {
            let deliveries = slot.deliveries();
            if deliveries != *seen {
                *seen = deliveries;
                // Wakers are the user's code. A panic of one was reported by the panic hook; it
                // keeps no signal from anybody else.
                let changed = &slot.changed;
                let _ = catch_unwind(|| changed.notify_waiters());
                if let Some(action) = slot.action.get() {
                    action();
                }
            }
        }
    }
}

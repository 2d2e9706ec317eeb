//! Signals from the operating system.
//!
//! [`ctrl_c`] waits for the user's interrupt; on Unix `unix::signal` listens to any signal that
//! may be listened to. The first listener to a signal replaces the signal's default action for the
//! rest of the process's life, also after all listeners are gone.
//!
//! # Protocol
//!
//! The handler of a signal may only do what is async-signal-safe: it bumps the signal's counter
//! and writes a byte to a pipe of the process. A thread named `zokio-signal`, started with the
//! first listener, reads the pipe and wakes the listeners of the signals whose counters have
//! moved; each listener compares the counter with what it saw last. Deliveries between two looks
//! count as one, as they do in the operating system. The thread depends on no runtime: listeners of
//! several runtimes get the same deliveries. (`signal` asks for a runtime with I/O all the same, as
//! tokio's does, so that what works with one works with the other.)
//!
//! Non-goals: Windows (this module is empty there for now); a process that forks without `exec`:
//! the child has neither the thread nor a pipe of its own.

#[cfg(unix)]
pub mod unix;

#[cfg(unix)]
pub use unix::{CtrlC, ctrl_c};

//! A terminal console for programs that run on zokio: workers, tasks and what they wait for, live.
//!
//! Elm-shaped: keys, updates from the server and signals become actions, `state` turns actions into
//! new state and effects (it is pure: no terminal, no sockets, no clock), `view` draws the state.
//! The console is itself a program on zokio.
//!
//! ```text
//! connection ─ sanitize ─▶ action ─▶ state ─▶ view ─▶ terminal
//!     ▲                                │
//!     └──────────── effects ───────────┘
//! ```
//!
//! Non-goal: a library for other viewers; the wire is `zokio-console-proto`. What is public here is
//! the command line as a function, so that the binary stays empty.

mod access;
mod action;
mod app;
mod cli;
mod config;
mod connection;
mod demo;
mod error;
mod format;
mod headless;
mod keymap;
mod nanos;
mod recording;
mod replay;
mod sanitize;
mod screen;
mod state;
mod target;
mod terminal;
mod theme;
mod view;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs `zokio-console` with these arguments, the first of which is the program's name.
///
/// Prints to stdout and, one line, to stderr. The exit code is 0 if all went well, 1 if `check` has
/// found something, and 2 if the arguments are wrong, no connection was made, or it was lost.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    cli::run(arguments)
}

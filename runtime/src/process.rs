//! Child processes. On Unix only, for now.
//!
//! [`Command`] says what to run, [`Child`] is what runs. Both follow tokio's, and those of the
//! standard library under them, but for what has to wait: the pipes to a child are asynchronous
//! streams, and its end is awaited.
//!
//! ```
//! # zokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use std::process::Stdio;
//! use zokio::io::AsyncWriteExt;
//! use zokio::process::Command;
//!
//! let mut child = Command::new("cat")
//!     .stdin(Stdio::piped())
//!     .stdout(Stdio::piped())
//!     .spawn()?;
//! child.stdin.take().unwrap().write_all(b"hello").await?;
//! let output = child.wait_with_output().await?;
//! assert!(output.status.success());
//! assert_eq!(output.stdout, b"hello");
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! # Dropping
//!
//! A [`Child`] that is dropped goes on running, as in the standard library, unless
//! [`kill_on_drop`](Command::kill_on_drop) was asked for.
//!
//! # Protocol
//!
//! How the end of a child is learned of (`exit`): on Linux its pidfd becomes readable, which the
//! driver of the runtime waits for like for any other descriptor. Elsewhere, and where the kernel
//! has no pidfds, each `SIGCHLD` makes the waiting tasks look after their child. In both cases what
//! counts is the system's `waitpid`, asked first of all: a child that has ended already needs
//! neither.
//!
//! A process that has ended stays in the system's table, as a zombie, until its parent asks for its
//! status. A child that is dropped before that is queued (`orphans`) and asked after at each
//! `SIGCHLD`, by the thread that delivers signals: that needs no runtime, so children outlive
//! theirs without leaving zombies.
//!
//! Non-goals: Windows. There is no process-wide signal to build on there, and the pipes need
//! overlapped I/O: programs take the standard library's `Command` on the pool of blocking threads.

mod child;
mod command;
mod exit;
mod orphans;
mod output;
mod stdio;

pub use child::Child;
pub use command::Command;
pub use stdio::{ChildStderr, ChildStdin, ChildStdout};

#[cfg(test)]
mod tests;

//! Programs written for tokio: not a word of zokio is in their sources.
//!
//! | program | what it is | what it uses |
//! |---|---|---|
//! | `chat` | a chat server | `broadcast`, `select!`, `task_local!`, lines |
//! | `kv` | a key-value server and its client | framing, `RwLock`, `Notify`, timers |
//! | `proxy` | a TCP proxy | `copy_bidirectional`, `Semaphore`, `timeout`, `watch` |
//! | `supervise` | keeps a command running | child processes, signals |
//! | `workers` | a pool with limits of rate and number | `JoinSet`, `Semaphore`, `interval`, `spawn_blocking` |
//!
//! The manifest says `tokio = { package = "zokio", … }`. With the real tokio in that line the same
//! sources and their tests do the same, which `.ci/examples-on-tokio` checks. Here are
//! the parts of programs that are more than their command line.

pub mod frame;
pub mod interrupt;
#[cfg(unix)]
pub mod supervisor;

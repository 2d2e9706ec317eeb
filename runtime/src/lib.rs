//! zokio: a tokio-compatible, work-stealing async runtime that can be watched while it runs.
//!
//! Names, signatures and behaviour follow tokio's documentation; what is new is that the runtime
//! tells, always and at next to no cost, what it is doing: see [`telemetry`].
//!
//! ```
//! use zokio::net::{TcpListener, TcpStream};
//! use zokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! #[zokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     zokio::spawn(async move {
//!         let (mut socket, _) = listener.accept().await?;
//!         socket.write_all(b"hello").await
//!     });
//!     let mut text = String::new();
//!     TcpStream::connect(address).await?.read_to_string(&mut text).await?;
//!     assert_eq!(text, "hello");
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! Each is named as in tokio and makes public what it makes public there. The default is `full` and
//! `telemetry`, so that code that moves from tokio finds what it used: none of them but `macros`
//! brings a large dependency. Libraries should say `default-features = false` and name what they
//! use, so that programs can choose.
//!
//! | feature | what it makes public |
//! |---|---|
//! | `full` (default) | all of the following |
//! | `fs` | [`fs`] |
//! | `io-std` | standard input, output and error |
//! | `io-util` | the tools of [`io`]: `AsyncReadExt`, `BufReader`, `copy`, …; the traits are always there |
//! | `macros` | [`select!`], [`join!`], [`try_join!`]; with `rt`, `#[zokio::main]` and `#[zokio::test]` |
//! | `net` | [`net`], and `io::unix` |
//! | `process` | child processes, with `net` and `signal` |
//! | `rt` | [`runtime`], [`task`], [`spawn`], [`task_local!`] |
//! | `rt-multi-thread` | runtimes of several workers |
//! | `signal` | [`signal`] |
//! | `sync` | [`sync`] |
//! | `time` | [`time`] |
//!
//! | feature | what else there is |
//! |---|---|
//! | `telemetry` (default) | counters, task records and wait notes; without it [`telemetry`] has the same interface and shows next to nothing |
//! | `test-util` | nothing: [`time::pause`] and `start_paused` need no feature. It is there for manifests that ask tokio for it |
//! | `hyper` | hyper's I/O traits on zokio's sockets, module `rt` |
//! | `stream` | module `stream`: channels, intervals, listeners and more as streams of the `futures` crates |
//!
//! Whatever the features, the scheduler has its timers, its driver and its locks; a feature that is
//! off hides such a module and leaves out only what nothing else needs.
//!
//! Forking the process without `exec` is not supported: only the forking thread exists in the
//! child, and no runtime of the parent works there.

// A part of the crate cannot use all of what it is made of.
#![cfg_attr(
    not(feature = "full"),
    allow(
        dead_code,
        unused_imports,
        unreachable_pub,
        reason = "modules that are compiled for others are then not public"
    )
)]

#[cfg(all(test, not(feature = "full")))]
compile_error!("the tests need the feature `full`");

extern crate self as zokio;

#[cfg(feature = "fs")]
pub mod fs;
pub mod io;
#[cfg(feature = "net")]
pub mod net;
#[cfg(all(unix, feature = "process"))]
pub mod process;
#[cfg(feature = "hyper")]
pub mod rt;
#[cfg(feature = "signal")]
pub mod signal;
#[cfg(feature = "stream")]
pub mod stream;
pub mod telemetry;

// What the runtime itself needs is compiled always, and public with its feature.
#[cfg(not(feature = "rt"))]
mod runtime;
#[cfg(feature = "rt")]
pub mod runtime;
#[cfg(not(feature = "sync"))]
mod sync;
#[cfg(feature = "sync")]
pub mod sync;
#[cfg(not(feature = "rt"))]
mod task;
#[cfg(feature = "rt")]
pub mod task;
#[cfg(not(feature = "time"))]
mod time;
#[cfg(feature = "time")]
pub mod time;

mod driver;
mod loom;
#[doc(hidden)]
pub mod macros;
mod prefetch;
mod scheduler;
mod ticks;

#[cfg(feature = "rt")]
pub use task::spawn;

/// The version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(all(feature = "macros", feature = "rt-multi-thread"))]
pub use zokio_macros::{main, test};
// These say which feature is missing.
#[cfg(all(feature = "macros", not(feature = "rt")))]
pub use zokio_macros::{main_fail as main, test_fail as test};
#[cfg(all(feature = "macros", feature = "rt", not(feature = "rt-multi-thread")))]
pub use zokio_macros::{main_rt as main, test_rt as test};

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
//! | feature | what it adds |
//! |---|---|
//! | `macros` (default) | `#[zokio::main]`, `#[zokio::test]` |
//! | `telemetry` (default) | counters, task records and wait notes; without it [`telemetry`] has the same interface and shows next to nothing |
//! | `hyper` | hyper's I/O traits on zokio's sockets, module `rt` |
//!
//! Forking the process without `exec` is not supported: only the forking thread exists in the
//! child, and no runtime of the parent works there.

extern crate self as zokio;

pub mod fs;
pub mod io;
pub mod net;
#[cfg(feature = "hyper")]
pub mod rt;
pub mod runtime;
pub mod signal;
pub mod sync;
pub mod task;
pub mod telemetry;
pub mod time;

mod driver;
mod loom;
#[doc(hidden)]
pub mod macros;
mod scheduler;
mod ticks;

pub use task::spawn;

/// The version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(feature = "macros")]
pub use zokio_macros::{main, test};

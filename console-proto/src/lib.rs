//! The wire between a program instrumented with zokio and `zokio-console`.
//!
//! One gRPC service, `zokio.console.v1.Console`, with five calls: describe, subscribe, task details,
//! backtraces, trace. A client keeps one [`v1::RuntimeUpdate`] a runtime and brings it up to date with
//! [`v1::RuntimeUpdate::apply`]. The schema, with the meaning and unit of every field, is
//! `proto/zokio/console/v1/console.proto`; the module [`v1`] is generated from it (messages, client
//! and server) and checked in, so that users need neither `protoc` nor a build script. The test
//! `generated_code_is_current` fails when the two differ.
//!
//! Neither a transport nor a runtime comes with it: the client and the server work over any HTTP/2
//! connection.
//!
//! ```
//! use zokio_console_proto::{MAJOR, check_major, v1};
//!
//! let request = v1::DescribeRequest { major: MAJOR, minor: 0 };
//! assert!(check_major(request.major).is_ok());
//! assert_eq!(
//!     check_major(7).unwrap_err().to_string(),
//!     "the peer speaks protocol version 7 of zokio.console, this side speaks version 1: \
//!      install versions of zokio-console and zokio-instrumentation that agree",
//! );
//! ```

mod compact;
mod delta;
mod helpers;

/// Messages, client and server of protocol version 1, generated from the schema.
#[allow(
    clippy::all,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "generated code"
)]
pub mod v1 {
    include!("generated/zokio.console.v1.rs");
}

/// What the stock `tokio-console` speaks, version 0.1: a schema of our own for the same wire
/// (`proto/rs/tokio/console/`), generated and checked in likewise.
#[cfg(feature = "tokio-console")]
#[allow(
    clippy::all,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "generated code"
)]
pub mod tokio_console {
    /// What the other packages have in common.
    pub mod common {
        include!("generated/rs.tokio.console.common.rs");
    }
    /// Tasks.
    pub mod tasks {
        include!("generated/rs.tokio.console.tasks.rs");
    }
    /// What tasks wait for.
    pub mod resources {
        include!("generated/rs.tokio.console.resources.rs");
    }
    /// What tasks do with it.
    pub mod async_ops {
        include!("generated/rs.tokio.console.async_ops.rs");
    }
    /// Events of `tracing`, which zokio does not serve.
    pub mod trace {
        include!("generated/rs.tokio.console.trace.rs");
    }
    /// The service, its client and its server.
    pub mod instrument {
        include!("generated/rs.tokio.console.instrument.rs");
    }
}

pub use compact::Unpacker;
pub use helpers::{UnknownText, VersionMismatch, check_major, is_program_function};

/// Major version of the protocol. Peers with different ones do not understand each other.
pub const MAJOR: u32 = 1;

/// Minor version of the protocol: grows when fields or calls are added. Any two are compatible.
pub const MINOR: u32 = 2;

/// The largest message that either side sends, in bytes. Stock gRPC clients refuse more.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

//! The parts of the examples that are tested by themselves. Without I/O: what a command line means,
//! which target a load generator may have, what a run amounts to. With it: both sides of the gRPC
//! example, the load of those that measure, and the whole HTTP server, which the console's tests run.
//!
//! Non-goal: a library for others.

pub mod busy;
pub mod duration;
pub mod figures;
pub mod greeter;
pub mod http_server;
pub mod interrupt;
pub mod process;
pub mod report;
pub mod target;

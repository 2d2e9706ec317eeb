//! The parts of the examples that are tested by themselves. Without I/O: what a command line means,
//! which target a load generator may have, what a run amounts to. With it: both sides of the gRPC
//! example.
//!
//! Non-goal: a library for others.

pub mod duration;
pub mod greeter;
pub mod interrupt;
pub mod process;
pub mod report;
pub mod target;

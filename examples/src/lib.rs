//! The parts of the examples that do no I/O: what a command line means, which target a load
//! generator may have, what a run amounts to.
//!
//! Non-goal: a library for others. It exists so that these parts can be tested without a network.

pub mod duration;
pub mod report;
pub mod target;

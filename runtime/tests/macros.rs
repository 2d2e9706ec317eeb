//! The macros as a user sees them, on futures of std alone: no runtime is needed.
//!
//! The lints below are part of the test: an expansion must not warn, or use `unsafe`, in a user's
//! crate.
#![cfg(feature = "macros")]
#![forbid(unsafe_code)]
#![deny(warnings, unused, unused_qualifications, clippy::all)]

#[path = "macros/entry.rs"]
mod entry;
#[path = "macros/join.rs"]
mod join;
#[path = "macros/pin.rs"]
mod pin;
#[path = "macros/select.rs"]
mod select;
#[path = "macros/select_patterns.rs"]
mod select_patterns;
#[path = "macros/support.rs"]
mod support;
#[path = "macros/task_local.rs"]
mod task_local;

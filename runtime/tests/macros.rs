//! The macros as a user sees them, on futures of std alone: no runtime is needed.
//!
//! The lints below are part of the test: an expansion must not warn, or use `unsafe`, in a user's
//! crate.
#![cfg(feature = "full")]
#![forbid(unsafe_code)]
#![deny(warnings, unused, unused_qualifications, clippy::all)]

#[path = "macros/bare_scope.rs"]
mod bare_scope;
#[path = "macros/entry.rs"]
mod entry;
#[path = "macros/forms.rs"]
mod forms;
#[path = "macros/join.rs"]
mod join;
#[path = "macros/join_flow.rs"]
mod join_flow;
#[path = "support/panics.rs"]
mod panics;
#[path = "macros/pin.rs"]
mod pin;
#[path = "macros/select.rs"]
mod select;
#[path = "macros/select_flow.rs"]
mod select_flow;
#[path = "macros/select_patterns.rs"]
mod select_patterns;
#[path = "macros/support.rs"]
mod support;
#[path = "macros/task_local.rs"]
mod task_local;

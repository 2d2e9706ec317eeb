//! `select!`, `join!`, `try_join!`, `pin!` and `task_local!`.
//!
//! The first three are thin: the tokens go to a procedural macro of `zokio-macros` together with
//! the path of [`support`], which holds everything that the expansion calls. Nothing in an
//! expansion is `unsafe`.

mod join;
mod pin;
mod select;
#[doc(hidden)]
pub mod support;
#[cfg(feature = "rt")]
mod task_local;

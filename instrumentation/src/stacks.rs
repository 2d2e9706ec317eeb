//! From a sample of a thread to the functions that it was in.
//!
//! The thread itself did no more than show its registers and its stack; the unwinding happens
//! here, on a thread of ours, with the unwind tables that the program has in memory. Names and
//! lines come from the program's debug information, as far as there is any; the first look at it
//! takes the longest, up to seconds for a large program.

mod futures;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod modules;
#[cfg_attr(
    not(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )),
    path = "stacks/no_unwind.rs"
)]
mod unwind;

use std::collections::HashMap;
use std::ffi::c_void;

use zokio::telemetry::ThreadSample;
use zokio_console_proto::is_program_function;

/// Frames that are kept of a stack.
const MAX_FRAMES: usize = 128;

/// Functions that poll a task: what has called them is the runtime, the same on every stack.
const POLLERS: [&str; 2] = ["zokio::task::raw::poll", "zokio::scheduler::"];

/// The file that they are in. Of an inlined function debug information may tell the bare name only.
const POLLERS_FILE: &str = "/src/task/raw.rs";

/// Below zokio's sources, the file with the function that takes the stack of a task: the innermost.
const TAKER_FILE: &str = "telemetry/trace/native.rs";

/// A function on a stack.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Frame {
    /// The function's name; the address if there is none.
    pub(crate) function: String,
    /// Empty: unknown.
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// The functions of a stack, the innermost first, down to where the runtime polls the task.
pub(crate) fn frames(sample: &ThreadSample) -> Vec<Frame> {
    let mut frames = Vec::new();
    for address in unwind::addresses(sample, MAX_FRAMES) {
        symbolise(address, &mut frames);
        if frames.len() >= MAX_FRAMES {
            break;
        }
    }
    trim(frames)
}

/// Names of functions by address, kept: tasks of one kind wait at the same places.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<usize, Vec<Frame>>);

impl Names {
    /// The functions that a task waits in, given by return addresses: from the operation that it
    /// awaits down to the task's own future. What polls futures in between is left out.
    pub(crate) fn waiting(&mut self, stack: &[usize]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for address in stack {
            let named = self.0.entry(*address).or_insert_with(|| {
                let mut named = Vec::new();
                symbolise((*address as u64).saturating_sub(1), &mut named);
                named
            });
            frames.extend_from_slice(named);
        }
        from_operation(trim(frames))
    }
}

/// Cuts off what the runtime does within the operation that is awaited, and the standard library's
/// glue.
fn from_operation(mut frames: Vec<Frame>) -> Vec<Frame> {
    // Of an inlined function the bare name may be all that is known, so the file counts, too: where
    // zokio's are is told by the function that took the stack.
    let taker = frames.first().map(|f| f.file.clone()).unwrap_or_default();
    let sources = taker.strip_suffix(TAKER_FILE).filter(|s| !s.is_empty());
    let is_zokio = |f: &Frame| {
        starts_in(f, &["zokio::"]) || sources.is_some_and(|sources| f.file.starts_with(sources))
    };
    // With the function that the program has called itself the innermost one left.
    let inside = frames.iter().position(|f| is_own(f) && !is_zokio(f));
    let operation = frames[..inside.unwrap_or(frames.len())]
        .iter()
        .rposition(is_zokio);
    frames.drain(..operation.unwrap_or(0));
    frames.retain(|f| {
        !starts_in(f, &["core::", "std::", "alloc::"]) && !f.file.starts_with("/rustc/")
    });
    frames
}

fn starts_in(frame: &Frame, crates: &[&str]) -> bool {
    let name = frame.function.trim_start_matches(['<', '&', '(']);
    crates.iter().any(|start| name.starts_with(start))
}

/// Adds the functions at an address, several if some are inlined.
fn symbolise(address: u64, frames: &mut Vec<Frame>) {
    let before = frames.len();
    // `resolve` looks up the byte before the address that it is given, as for return addresses;
    // ours is already within the instruction.
    let ip = (address as usize).wrapping_add(1) as *mut c_void;
    backtrace::resolve(ip, |symbol| {
        frames.push(Frame {
            // Without the hash at its end.
            function: symbol.name().map(|n| format!("{n:#}")).unwrap_or_default(),
            file: symbol
                .filename()
                .map(|f| f.to_string_lossy().into_owned())
                .unwrap_or_default(),
            line: symbol.lineno().unwrap_or(0),
            column: symbol.colno().unwrap_or(0),
        });
    });
    if frames.len() == before {
        frames.push(Frame::default());
    }
    for frame in &mut frames[before..] {
        if frame.function.is_empty() {
            frame.function = format!("{address:#x}");
        }
    }
}

/// Cuts off the runtime, and what catches panics for it, once it has told what it polls.
fn trim(mut frames: Vec<Frame>) -> Vec<Frame> {
    futures::name(&mut frames);
    let is_poller = |f: &Frame| {
        f.file.ends_with(POLLERS_FILE) || POLLERS.iter().any(|poller| f.function.contains(poller))
    };
    let Some(poller) = frames.iter().position(is_poller) else {
        return frames;
    };
    frames.truncate(poller);
    let catches = |f: &Frame| {
        let name = f.function.trim_start_matches('<');
        name.starts_with("std::panic")
            || name.starts_with("core::panic")
            || name.starts_with("__rust_try")
            || name.contains("AssertUnwindSafe")
    };
    while frames.last().is_some_and(catches) {
        frames.pop();
    }
    frames
}

/// The innermost function of the program's own whose line is known.
pub(crate) fn culprit(frames: &[Frame]) -> Option<&Frame> {
    frames.iter().find(|f| is_own(f) && f.line != 0)
}

/// The same, be its line known or not: a program without debug information has only names.
pub(crate) fn own_function(frames: &[Frame]) -> Option<&Frame> {
    culprit(frames).or_else(|| {
        frames
            .iter()
            .find(|f| is_own(f) && !f.function.starts_with("0x"))
    })
}

fn is_own(frame: &Frame) -> bool {
    is_program_function(&frame.function, &frame.file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str) -> Frame {
        Frame {
            function: function.to_owned(),
            file: "src/x.rs".to_owned(),
            line: 7,
            column: 1,
        }
    }

    #[test]
    fn runtime_and_its_panic_catching_are_cut_off() {
        let frames = trim(vec![
            frame("std::thread::sleep"),
            frame("app::handler::{closure#0}"),
            frame("core::panic::unwind_safe::AssertUnwindSafe"),
            frame("std::panicking::catch_unwind"),
            frame("zokio::task::raw::poll::<app::handler>"),
            frame("zokio::scheduler::worker::run"),
            frame("start_thread"),
        ]);
        let names: Vec<_> = frames.iter().map(|f| &*f.function).collect();
        assert_eq!(names, ["std::thread::sleep", "app::handler::{closure#0}"]);
    }

    #[test]
    fn operation_is_found_if_inlined_functions_have_bare_names() {
        let at = |function: &str, file: &str| Frame {
            file: file.to_owned(),
            ..frame(function)
        };
        let frames = from_operation(vec![
            at("walk", "/src/zokio-0.1.0/src/telemetry/trace/native.rs"),
            at(
                "try_with",
                "/rustc/59807616/library/std/src/thread/local.rs",
            ),
            at("poll_proceed", "/src/zokio-0.1.0/src/task/coop.rs"),
            at("poll", "/src/zokio-0.1.0/src/time/sleep.rs"),
            at(
                "poll<Sleep>",
                "/rustc/59807616/library/core/src/future/future.rs",
            ),
            at("{async_fn#0}", "/home/app/src/client.rs"),
            at("app::run::{closure#0}", "/home/app/src/main.rs"),
        ]);
        let names: Vec<_> = frames.iter().map(|f| &*f.function).collect();
        assert_eq!(names, ["poll", "{async_fn#0}", "app::run::{closure#0}"]);
    }

    #[test]
    fn stack_without_a_poller_is_kept_whole() {
        let frames = vec![frame("a"), frame("b")];
        assert_eq!(trim(frames.clone()), frames);
    }

    #[test]
    fn culprit_is_the_innermost_function_of_the_program() {
        let frames = [
            frame("__GI___clock_nanosleep"),
            frame("std::thread::sleep"),
            frame("app::db::query"),
            frame("app::handler"),
        ];
        assert_eq!(culprit(&frames).unwrap().function, "app::db::query");
        assert_eq!(culprit(&frames[..2]), None);
    }
}

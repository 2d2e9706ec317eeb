//! runtime-in-runtime: a poll that does not return, since it runs another executor on its worker: a
//! `block_on` in async code.
//!
//! Proof: the watchdog's look at the thread, with a function of that name on its stack, be it called
//! by whatever library. zokio's own `block_on` panics in a task, and in `block_in_place`, where it is
//! allowed, it keeps no worker.
//!
//! Not seen: without the names of functions it is a blocked worker, as any other.

use super::finding::Finding;
use super::history::History;
use super::long_polls::{self, Kind};
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::stacks::Frame;

pub(super) const RULE: Rule = Rule {
    kind: KIND.kind,
    reads: Reads::Counters,
    find,
};

const KIND: Kind = Kind {
    kind: "runtime-in-runtime",
    wants: |stack| stack.thread_state != "stopped" && is_one(&stack.frames),
    frames: callers,
    what: "in a block_on of",
    hint: "Other tasks of this worker do not run meanwhile, and if the future that is blocked on needs \
           one of them, none ever will. Await it instead; where code is not async, wrap the call in \
           spawn_blocking or block_in_place.",
};

const NAME: &str = "block_on";

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    long_polls::find(&KIND, history, thresholds)
}

/// Whether another executor runs in the poll.
pub(super) fn is_one(frames: &[Frame]) -> bool {
    frames.iter().any(|frame| is_block_on(&frame.function))
}

/// The functions that called the executor.
fn callers(frames: &[Frame]) -> &[Frame] {
    let executor = frames.iter().rposition(|f| is_block_on(&f.function));
    executor.map_or(frames, |at| &frames[at + 1..])
}

/// `futures_executor::local_pool::block_on::<F>`, `<tokio::runtime::Runtime>::block_on`, `block_on<F>`;
/// closures within it, too.
fn is_block_on(function: &str) -> bool {
    function.match_indices(NAME).any(|(at, _)| {
        let (before, after) = (&function[..at], &function[at + NAME.len()..]);
        // Among generic arguments it is something else's.
        let depth = |c| before.matches(c).count();
        let alone = depth('<') == before.replace("->", "").matches('>').count();
        let begins = before.is_empty() || before.ends_with("::");
        let ends = after.is_empty() || after.starts_with('<') || after.starts_with("::");
        alone && begins && ends
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{found, long_poll, snapshot_at};
    use super::super::{blocked_worker, cpu_hog};
    use super::*;

    fn frame(function: &str, file: &str) -> Frame {
        Frame {
            function: function.to_owned(),
            file: file.to_owned(),
            line: 7,
            column: 5,
        }
    }

    fn history(state: &'static str, executor: &str) -> History {
        let mut poll = long_poll(7, 1_000, state);
        poll.stack.frames = [
            frame("std::thread::park", "/rustc/1/library/std/src/thread.rs"),
            frame("app::fetch::{closure#0}", "src/fetch.rs"),
            frame(executor, "/deps/executor-1.0.0/src/lib.rs"),
            frame("app::handler::{closure#0}", "src/app.rs"),
        ]
        .into();
        let mut history = History::default();
        history.note_counters(&snapshot_at(1_300));
        history.note_long_polls(vec![poll]);
        history
    }

    #[test]
    fn an_executor_in_a_poll_is_found_where_it_was_called() {
        for state in ["off-cpu", "on-cpu", "unknown"] {
            let history = history(
                state,
                "futures_executor::local_pool::block_on::<app::Fetch>",
            );
            let found_here = found(&RULE, &history);
            assert_eq!(found_here.len(), 1);
            assert!(found_here[0].exact);
            assert_eq!(found_here[0].locations[0].file, "src/app.rs");
            assert_eq!(
                found_here[0].summary,
                "task 7 keeps worker 0 since 300 ms, in a block_on of app::handler::{closure#0}"
            );
            assert!(found(&blocked_worker::RULE, &history).is_empty());
            assert!(found(&cpu_hog::RULE, &history).is_empty());
        }
    }

    #[test]
    fn what_only_sounds_like_it_is_a_blocked_worker() {
        let history = history("off-cpu", "app::block_on_disk");
        assert!(found(&RULE, &history).is_empty());
        assert_eq!(found(&blocked_worker::RULE, &history).len(), 1);
    }

    #[test]
    fn a_debuggers_stop_is_nobodys_fault() {
        assert!(found(&RULE, &history("stopped", "pollster::block_on")).is_empty());
    }

    #[test]
    fn names_of_executors_are_told_from_others() {
        for name in [
            "block_on",
            "block_on<app::main::{async_block_env#0}>",
            "pollster::block_on::<app::main::{closure#0}>",
            "<tokio::runtime::runtime::Runtime>::block_on::<app::F>",
            "futures_executor::local_pool::block_on::<F>::{closure#0}",
            "<app::Exec<fn() -> u8>>::block_on",
        ] {
            assert!(is_block_on(name), "{name}");
        }
        for name in [
            "app::run::<executor::block_on::<F>>",
            "block_on_all",
            "unblock_on",
            "app::block_once",
            "",
        ] {
            assert!(!is_block_on(name), "{name}");
        }
    }
}

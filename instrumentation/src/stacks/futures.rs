//! Names of async functions and blocks that debug information calls by their last part only.
//!
//! In a release build `{async_fn#0}` is all that is told of one which was inlined into what polls it.
//! But what polls it is generic over it, and named with it: `poll<app::serve::{async_fn_env#0}>`. That
//! says which it is, unless several could be meant.

use super::{Frame, POLLERS_FILE};

/// Gives the futures their whole names, as far as those who poll them tell.
pub(super) fn name(frames: &mut [Frame]) {
    for at in 1..frames.len() {
        let (polled, poller) = (&frames[at - 1], &frames[at]);
        if polls(poller)
            && let Some(path) = path_in(&poller.function, &polled.function)
        {
            frames[at - 1].function = path;
        }
    }
}

/// Whether all that a function calls among its generic arguments is what it was made to call: the
/// runtime's and the standard library's functions, and `poll` of whatever library. One of the program
/// may await anything besides.
fn polls(frame: &Frame) -> bool {
    let name = frame.function.split('<').next().unwrap_or_default();
    frame.file.ends_with(POLLERS_FILE) || frame.file.starts_with("/rustc/") || name == "poll"
}

/// The whole name of the future with this last part, if it is the only one in the arguments.
fn path_in(poller: &str, polled: &str) -> Option<String> {
    let (kind, number) = polled
        .strip_prefix('{')?
        .strip_suffix('}')?
        .split_once('#')?;
    if !matches!(kind, "async_fn" | "async_block") {
        return None;
    }
    let state = format!("::{{{kind}_env#{number}}}");
    let mut paths = poller.match_indices(&state).map(|(at, _)| {
        let before = &poller[..at];
        let of_path = |c: char| c.is_alphanumeric() || "_:{}#".contains(c);
        let begin = before.rfind(|c| !of_path(c)).map_or(0, |at| at + 1);
        &before[begin..]
    });
    let first = paths.next().filter(|path| !path.is_empty())?;
    paths
        .all(|other| other == first)
        .then(|| format!("{first}::{polled}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(stack: &[(&str, &str)]) -> Vec<String> {
        let frame = |(function, file): &(&str, &str)| Frame {
            function: (*function).to_owned(),
            file: (*file).to_owned(),
            ..Frame::default()
        };
        let mut frames: Vec<_> = stack.iter().map(frame).collect();
        name(&mut frames);
        frames.into_iter().map(|frame| frame.function).collect()
    }

    const RAW: &str = "/deps/zokio-0.1.0/src/task/raw.rs";

    #[test]
    fn a_future_is_named_by_who_polls_it() {
        let names = named(&[
            ("sleep", "/rustc/1/library/std/src/thread.rs"),
            ("{async_fn#0}", "src/main.rs"),
            ("{closure#0}<app::report::{async_fn_env#0}>", RAW),
        ]);
        assert_eq!(names[1], "app::report::{async_fn#0}");
        let names = named(&[
            ("{async_block#2}", "src/main.rs"),
            (
                "poll<app::{impl#3}::run::{async_block_env#2}<alloc::string::String>>",
                "/deps/timeout-1.0.0/src/lib.rs",
            ),
        ]);
        assert_eq!(names[0], "app::{impl#3}::run::{async_block#2}");
    }

    #[test]
    fn what_an_async_function_awaits_besides_is_not_its_argument() {
        let stack = [
            ("{async_fn#0}", "src/helper.rs"),
            ("{async_fn#0}<app::job::{async_fn_env#0}>", "src/retry.rs"),
        ];
        assert_eq!(named(&stack)[0], "{async_fn#0}");
    }

    #[test]
    fn what_may_be_one_of_two_or_another_stays_as_it_was() {
        for (polled, poller) in [
            (
                "{async_fn#0}",
                "poll<a::{async_fn_env#0}, b::{async_fn_env#0}>",
            ),
            ("{async_fn#0}", "poll<a::{async_fn_env#1}>"),
            ("{async_block#0}", "poll<a::{async_fn_env#0}>"),
            ("{closure#0}", "poll<a::{closure_env#0}>"),
            ("app::query", "poll<a::{async_fn_env#0}>"),
        ] {
            assert_eq!(named(&[(polled, "src/a.rs"), (poller, RAW)])[0], polled);
        }
    }
}

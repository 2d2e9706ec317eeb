/// Waits until all of several futures have completed; gives a tuple of their outputs.
///
/// All futures run on the current task, and so never at the same time: what blocks in one of them
/// blocks them all. Where they should run in parallel, spawn them and join their handles.
///
/// Each poll begins with another future than the one before, so that a shared budget is spent
/// fairly. With `biased;` in front they are polled in the order they are written in, always.
///
/// For futures with `Result`s, [`try_join!`](crate::try_join) ends at the first error.
///
/// # Examples
///
/// ```
/// async fn name() -> &'static str { "zokio" }
/// async fn year() -> u32 { 2026 }
///
/// # async fn run() {
/// let (name, year) = zokio::join!(name(), year());
/// assert_eq!((name, year), ("zokio", 2026));
///
/// let in_order = zokio::join!(biased; async { 1 }, async { 2 });
/// assert_eq!(in_order, (1, 2));
/// # }
/// # let run = std::pin::pin!(run());
/// # use std::{future::Future, task::{Context, Waker}};
/// # assert!(run.poll(&mut Context::from_waker(Waker::noop())).is_ready());
/// ```
///
/// Outside of an `async` function it does not compile:
///
/// ```compile_fail
/// zokio::join!(async {});
/// ```
#[cfg(feature = "macros")]
#[macro_export]
macro_rules! join {
    ($($futures:tt)*) => {
        $crate::macros::support::join_inner!([$crate::macros::support] $($futures)*)
    };
}

/// Waits until all of several futures have succeeded, or one has failed.
///
/// Gives `Ok` with a tuple of the values, or the first error, in which case the other futures are
/// dropped where they are. All futures have the same error type.
///
/// Order of polling, `biased;` and the lack of parallelism are those of [`join!`](crate::join).
///
/// # Examples
///
/// ```
/// async fn parse(text: &str) -> Result<u32, std::num::ParseIntError> { text.parse() }
///
/// # async fn run() {
/// assert_eq!(zokio::try_join!(parse("1"), parse("2")), Ok((1, 2)));
/// assert!(zokio::try_join!(parse("1"), parse("two")).is_err());
/// # }
/// # let run = std::pin::pin!(run());
/// # use std::{future::Future, task::{Context, Waker}};
/// # assert!(run.poll(&mut Context::from_waker(Waker::noop())).is_ready());
/// ```
///
/// A future without a `Result` does not compile:
///
/// ```compile_fail
/// async fn run() -> Result<(u32,), ()> { zokio::try_join!(async { 1 }) }
/// ```
#[cfg(feature = "macros")]
#[macro_export]
macro_rules! try_join {
    ($($futures:tt)*) => {
        $crate::macros::support::try_join_inner!([$crate::macros::support] $($futures)*)
    };
}

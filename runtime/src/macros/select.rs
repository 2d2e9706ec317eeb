/// Waits on several futures at once, and runs the handler of the first that completes.
///
/// ```text
/// select! {
///     biased;                                          // optional
///     <pattern> = <future> (, if <precondition>)? => <handler>,
///     …                                                // up to 64 branches
///     else => <handler>                                // optional
/// }
/// ```
///
/// All branches run on the current task, and so never at the same time: what blocks in one of them
/// blocks them all. Where they should run in parallel, spawn them and select on their handles.
///
/// # What happens, in this order
///
/// 1. The preconditions are evaluated. A branch whose precondition is false is disabled until this
///    `select!` ends. Entered again, in a loop, all are evaluated again.
/// 2. The future expressions are evaluated, those of disabled branches too (their futures are not
///    polled).
/// 3. The futures of the enabled branches are polled, as long as none completes.
/// 4. When one completes, its value is matched against its pattern. If it matches, all futures are
///    dropped, then the handler runs, and its value is that of `select!`. If it does not match, the
///    branch is disabled and the others go on.
/// 5. When all branches are disabled, the handler of `else` runs.
///
/// Handlers are ordinary code of the surrounding function: `?`, `return`, `break`, `continue` and
/// `.await` mean there what they mean outside. All handlers have the same type. A handler that is a
/// block needs no comma.
///
/// A future that is to survive the `select!` is passed by reference, pinned if it is not `Unpin`
/// ([`pin!`](crate::pin)).
///
/// # Fairness
///
/// Each time the futures are polled, a branch picked at random is polled first, so that a branch
/// that is always ready does not starve the others. With `biased;` they are polled from top to
/// bottom, which saves the random number and puts the order into your hands: a stream of messages
/// that never dries up must not stand above the shutdown signal.
///
/// A task that has used up its cooperative budget yields before any branch is polled.
///
/// # Panics
///
/// When all branches are disabled and there is no `else`.
///
/// # Cancel safety
///
/// The futures that did not win are dropped wherever they are. That is harmless for a future that
/// says "cancel safe" in its documentation, or one passed by reference; what another has read so far
/// is lost.
///
/// # Examples
///
/// ```
/// # use std::future::{pending, ready};
/// # async fn run() {
/// let winner = zokio::select! {
///     text = ready("left") => text,
///     _ = pending::<()>() => "right",
/// };
/// assert_eq!(winner, "left");
/// # }
/// # let run = std::pin::pin!(run());
/// # use std::{future::Future, task::{Context, Waker}};
/// # assert!(run.poll(&mut Context::from_waker(Waker::noop())).is_ready());
/// ```
///
/// A loop over two sources that ends when both are exhausted:
///
/// ```
/// # use std::future::ready;
/// # async fn run() -> u32 {
/// let (mut left, mut right) = (1..=3, 10..=12);
/// let mut sum = 0;
/// loop {
///     zokio::select! {
///         Some(n) = ready(left.next()) => sum += n,
///         Some(n) = ready(right.next()) => sum += n,
///         else => break sum,
///     }
/// }
/// # }
/// # let run = std::pin::pin!(run());
/// # use std::{future::Future, task::{Context, Poll, Waker}};
/// # assert!(matches!(run.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(_)));
/// ```
///
/// At least one branch is needed:
///
/// ```compile_fail
/// async fn run() { zokio::select! {} }
/// ```
///
/// and `else` comes last:
///
/// ```compile_fail
/// async fn run() { zokio::select! { else => (), _ = async {} => () } }
/// ```
///
/// Handlers must agree on a type:
///
/// ```compile_fail
/// async fn run() { zokio::select! { _ = async {} => 1, _ = async {} => "two" }; }
/// ```
///
/// What is awaited must be a future:
///
/// ```compile_fail
/// async fn run() { zokio::select! { _ = 5 => () } }
/// ```
/// A future by reference must be pinned, unless it is `Unpin`:
///
/// ```compile_fail
/// async fn run() {
///     let mut future = async {};
///     zokio::select! { _ = &mut future => () }
/// }
/// ```
///
/// Futures that are polled side by side cannot both borrow mutably, as handlers can:
///
/// ```compile_fail
/// async fn push(list: &mut Vec<u32>) { list.push(1) }
/// async fn run(list: &mut Vec<u32>) {
///     zokio::select! { _ = push(list) => (), _ = push(list) => () }
/// }
/// ```
#[cfg(feature = "macros")]
#[macro_export]
macro_rules! select {
    ($($branches:tt)*) => {
        $crate::macros::support::select_inner!([$crate::macros::support] $($branches)*)
    };
}

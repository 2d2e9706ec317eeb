/// Pins values to the stack.
///
/// A future that is polled by reference, in a loop around [`select!`](crate::select) for one, must
/// be pinned first. `pin!(x)` takes the variable `x` and puts a `Pin<&mut _>` of the same name in
/// its place; several variables are separated by commas.
///
/// # Examples
///
/// ```
/// use zokio::pin;
///
/// async fn compute() -> u32 { 42 }
///
/// async fn run() -> u32 {
///     let future = compute();
///     pin!(future);
///     (&mut future).await
/// }
/// # use std::{future::Future, task::{Context, Poll, Waker}};
/// # let run = std::pin::pin!(run());
/// # assert_eq!(run.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(42));
/// ```
///
/// Declaring and pinning in one step:
///
/// ```
/// # async fn first() {}
/// # async fn second() {}
/// zokio::pin! {
///     let one = first();
///     let two = second();
/// }
/// # let _ = (one, two);
/// ```
///
/// An expression is not a variable: `pin!(compute())` does not compile.
///
/// ```compile_fail
/// # async fn compute() {}
/// zokio::pin!(compute());
/// ```
#[macro_export]
macro_rules! pin {
    ($($x:ident),* $(,)?) => {$(
        // The variable is moved and its name taken, so nobody can move it again.
        #[allow(unused_mut)]
        let mut $x = ::core::pin::pin!($x);
    )*};
    ($(let $x:ident = $init:expr;)*) => {$(
        #[allow(unused_mut)]
        let mut $x = ::core::pin::pin!($init);
    )*};
}

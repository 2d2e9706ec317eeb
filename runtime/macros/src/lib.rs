//! Procedural macros of zokio: `#[zokio::main]`, `#[zokio::test]` and the inside of `select!`,
//! `join!` and `try_join!`.
//!
//! Not meant to be used directly: the crate `zokio` re-exports what is public, and its documentation
//! says how the macros behave.
//!
//! Purpose of the rooms: `entry` turns an `async fn` into one that starts a runtime,
//! `crate_name` finds the name under which the user's manifest knows zokio (with the TOML scanner
//! of `toml`), `select` and `join` write the polling loops. All of them are functions from
//! tokens to tokens that unit tests call without a compiler; this file is the thin shell over them.
//!
//! Non-goal: type checking. What cannot be seen in the tokens is left to the compiler, with spans
//! that point into the user's own text.

mod crate_name;
mod entry;
mod join;
mod select;
mod toml;

use proc_macro::TokenStream;

/// Makes an `async fn` an ordinary one that builds a runtime and runs the body on it.
///
/// For `main`, and for any other function that is to have a runtime of its own. The function keeps
/// its arguments (`main` has none), its attributes and its return type: `?` works with
/// `Result<(), Box<dyn Error>>` as in a plain `main`.
///
/// The body runs on the calling thread, not as a task on a worker; what it spawns runs on the
/// workers.
///
/// # Options
///
/// | option | meaning | default |
/// |---|---|---|
/// | `flavor = "multi_thread"`, `"current_thread"` or `"local"` | which scheduler | `multi_thread` |
/// | `worker_threads = N` | workers, at least 1; `multi_thread` only | available parallelism |
/// | `start_paused = true` | the clock of timers stands still; not with `multi_thread` | `false` |
/// | `unhandled_panic = "ignore"` or `"shutdown_runtime"` | what a panic in a task does to the others; not with `multi_thread` | `ignore` |
/// | `name = "…"` | what telemetry calls the runtime | `runtime-N` |
/// | `crate = "path"` | where zokio is found | what Cargo.toml calls it |
///
/// The name of the crate is read from Cargo.toml: with `tokio = { package = "zokio", … }` the
/// attribute is `#[tokio::main]` and nothing else changes. In a crate that does not depend on zokio
/// itself, but sees it through another one, the attribute takes what `zokio` means where it stands.
///
/// # Panics
///
/// With "Failed building the Runtime" when the runtime cannot be built: no thread or no descriptor
/// is to be had.
///
/// # Examples
///
/// ```no_run
/// #[zokio::main]
/// async fn main() {
///     println!("Hello world");
/// }
/// ```
///
/// does the same as
///
/// ```no_run
/// zokio::runtime::Builder::new_multi_thread()
///     .enable_all()
///     .build()
///     .expect("Failed building the Runtime")
///     .block_on(async { println!("Hello world") })
/// ```
///
/// With options and errors:
///
/// ```no_run
/// #[zokio::main(flavor = "multi_thread", worker_threads = 2)]
/// async fn main() -> Result<(), std::io::Error> {
///     let hosts = std::fs::read_to_string("/etc/hosts")?;
///     println!("{hosts}");
///     Ok(())
/// }
/// ```
///
/// Misuse is a compile error:
///
/// ```compile_fail
/// #[zokio::main]
/// fn main() {} // the `async` keyword is missing from the function declaration
/// ```
///
/// ```compile_fail
/// #[zokio::main]
/// async fn main(arguments: Vec<String>) {} // the main function cannot accept arguments
/// ```
///
/// ```compile_fail
/// #[zokio::main(flavor = "multi_thread", start_paused = true)] // one thread only
/// async fn main() {}
/// ```
///
/// ```compile_fail
/// #[zokio::main]
/// async fn main() -> Result<(), std::io::Error> {
///     "mismatched types: expected `Result<(), Error>`"
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(
        entry::Kind::Main,
        args.into(),
        item.into(),
        entry::Available::All,
        crate_name::resolve,
    )
    .into()
}

/// Makes an `async fn` a test that runs on a runtime of its own.
///
/// The options are those of [`macro@main`], but the default flavor is `current_thread`, so that
/// tests are deterministic and start fast. With `start_paused = true` the time that the test sleeps
/// passes at once. The test may return a `Result`, and other attributes, `#[should_panic]` and
/// `#[ignore]` for two, work as on any test; a second `#[test]` is an error.
///
/// # Examples
///
/// ```no_run
/// #[zokio::test]
/// async fn it_adds() {
///     assert_eq!(1 + 1, 2);
/// }
///
/// #[zokio::test(flavor = "multi_thread", worker_threads = 2)]
/// async fn it_parses() -> Result<(), std::num::ParseIntError> {
///     assert_eq!("2".parse::<u32>()?, 2);
///     Ok(())
/// }
/// ```
///
/// A test is one once:
///
/// ```compile_fail
/// #[zokio::test]
/// #[test]
/// async fn twice() {} // second test attribute is supplied
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(
        entry::Kind::Test,
        args.into(),
        item.into(),
        entry::Available::All,
        crate_name::resolve,
    )
    .into()
}

/// [`macro@main`] where zokio is built without `rt-multi-thread`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn main_rt(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(
        entry::Kind::Main,
        args.into(),
        item.into(),
        entry::Available::OneThread,
        crate_name::resolve,
    )
    .into()
}

/// [`macro@test`] where zokio is built without `rt-multi-thread`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn test_rt(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(
        entry::Kind::Test,
        args.into(),
        item.into(),
        entry::Available::OneThread,
        crate_name::resolve,
    )
    .into()
}

/// [`macro@main`] where zokio is built without any runtime.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn main_fail(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(
        entry::Kind::Main,
        args.into(),
        item.into(),
        entry::Available::None,
        crate_name::resolve,
    )
    .into()
}

/// [`macro@test`] where zokio is built without any runtime.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn test_fail(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(
        entry::Kind::Test,
        args.into(),
        item.into(),
        entry::Available::None,
        crate_name::resolve,
    )
    .into()
}

/// The inside of `zokio::select!`. Input: `[path of zokio::macros::support] branches`.
#[doc(hidden)]
#[proc_macro]
pub fn select_inner(input: TokenStream) -> TokenStream {
    select::expand(input.into()).into()
}

/// The inside of `zokio::join!`. Input: `[path of zokio::macros::support] futures`.
#[doc(hidden)]
#[proc_macro]
pub fn join_inner(input: TokenStream) -> TokenStream {
    join::expand(join::Kind::Join, input.into()).into()
}

/// The inside of `zokio::try_join!`. Input: `[path of zokio::macros::support] futures`.
#[doc(hidden)]
#[proc_macro]
pub fn try_join_inner(input: TokenStream) -> TokenStream {
    join::expand(join::Kind::TryJoin, input.into()).into()
}

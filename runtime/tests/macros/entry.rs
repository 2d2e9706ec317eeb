//! `#[zokio::main]` and `#[zokio::test]` against a builder that writes down what it is told.

use std::cell::RefCell;
use std::fmt::Debug;

use crate::support::after;

/// Stands in for the crate `zokio`, through `crate = "…"`.
pub(crate) mod recording {
    pub(crate) mod runtime {
        use std::cell::RefCell;
        use std::future::Future;
        use std::panic::Location;

        use crate::support;

        thread_local! {
            pub(crate) static CALLS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
        }

        fn note(call: impl Into<String>) {
            CALLS.with_borrow_mut(|calls| calls.push(call.into()));
        }

        pub(crate) struct Builder;

        impl Builder {
            pub(crate) fn new_multi_thread() -> Builder {
                note("multi_thread");
                Builder
            }

            pub(crate) fn new_current_thread() -> Builder {
                note("current_thread");
                Builder
            }

            pub(crate) fn worker_threads(&mut self, n: usize) -> &mut Builder {
                note(format!("worker_threads {n}"));
                self
            }

            pub(crate) fn start_paused(&mut self, on: bool) -> &mut Builder {
                note(format!("start_paused {on}"));
                self
            }

            pub(crate) fn unhandled_panic(&mut self, what: UnhandledPanic) -> &mut Builder {
                note(format!("unhandled_panic {what:?}"));
                self
            }

            pub(crate) fn name(&mut self, name: &str) -> &mut Builder {
                note(format!("name {name}"));
                self
            }

            pub(crate) fn enable_all(&mut self) -> &mut Builder {
                note("enable_all");
                self
            }

            pub(crate) fn build(&mut self) -> std::io::Result<Runtime> {
                Ok(Runtime)
            }

            pub(crate) fn build_local(&mut self, _: LocalOptions) -> std::io::Result<Runtime> {
                note("local");
                Ok(Runtime)
            }
        }

        #[derive(Debug)]
        pub(crate) enum UnhandledPanic {
            Ignore,
            ShutdownRuntime,
        }

        #[derive(Default)]
        pub(crate) struct LocalOptions;

        pub(crate) struct Runtime;

        impl Runtime {
            #[track_caller]
            pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
                note(format!("block_on line {}", Location::caller().line()));
                support::block_on(future)
            }
        }
    }
}

fn calls() -> Vec<String> {
    recording::runtime::CALLS.take()
}

fn told() -> String {
    let mut calls = calls();
    calls.retain(|call| !call.starts_with("block_on"));
    calls.join(", ")
}

#[zokio::main(crate = "recording")]
async fn run() {
    after(1, ()).await;
}

#[zokio::main(flavor = "multi_thread", worker_threads = 3, crate = "recording")]
async fn run_on_three() -> u32 {
    after(1, 3).await
}

#[zokio::main(flavor = "current_thread", start_paused = true, crate = "recording")]
async fn run_paused() {}

#[test]
fn main_starts_many_threads_unless_told_otherwise() {
    run();
    assert_eq!(told(), "multi_thread, enable_all");
    assert_eq!(run_on_three(), 3);
    assert_eq!(told(), "multi_thread, worker_threads 3, enable_all");
    run_paused();
    assert_eq!(told(), "current_thread, start_paused true, enable_all");
}

#[zokio::test(crate = "recording")]
async fn a_test_runs_on_the_current_thread() {
    after(1, ()).await;
    assert_eq!(told(), "current_thread, enable_all");
}

#[zokio::test(crate = "recording", flavor = "multi_thread", worker_threads = 1)]
async fn a_test_may_ask_for_workers() -> Result<(), Box<dyn std::error::Error>> {
    let n: u32 = "1".parse()?;
    assert_eq!(
        told(),
        format!("multi_thread, worker_threads {n}, enable_all")
    );
    Ok(())
}

#[zokio::test(crate = "recording")]
#[should_panic(expected = "as it should")]
async fn other_attributes_stay_on_the_test() {
    after(1, ()).await;
    panic!("as it should");
}

#[zokio::main(crate = "recording")]
async fn located() {} // the line that telemetry shows

#[test]
fn the_root_task_is_placed_at_the_function() {
    let line = line!() - 4;
    located();
    assert_eq!(calls().last(), Some(&format!("block_on line {line}")));
}

/// Arguments, generics, lifetimes and early returns work as in any function.
#[zokio::main(crate = "recording")]
async fn longest<'a, T: Debug>(a: &'a [T], b: &'a [T]) -> &'a [T] {
    if a.len() > b.len() {
        return a;
    }
    after(1, ()).await;
    b
}

#[test]
fn arguments_may_be_borrowed_and_returned() {
    assert_eq!(longest(&[1], &[2, 3]), [2, 3]);
    assert_eq!(longest(&["a"], &[]), ["a"]);
}

#[derive(Debug)]
struct Failure;

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failure")
    }
}

impl std::error::Error for Failure {}

/// Both errors become trait objects without a word, as in a plain function.
#[zokio::main(crate = "recording")]
async fn fallible(text: &str) -> Result<u32, Box<dyn std::error::Error>> {
    if text.is_empty() {
        return Err(Box::new(Failure));
    }
    Ok(after(1, text.parse::<u32>()).await?)
}

#[test]
fn the_return_type_is_known_inside_of_the_body() {
    assert_eq!(fallible("5").unwrap(), 5);
    assert_eq!(fallible("").unwrap_err().to_string(), "failure");
    assert_eq!(
        fallible("x").unwrap_err().to_string(),
        "invalid digit found in string"
    );
}

struct Counter(RefCell<u32>);

impl Counter {
    #[zokio::main(crate = "recording")]
    async fn add(&self, n: u32) -> impl Debug + PartialEq<u32> + use<> {
        let sum = after(1, n).await + *self.0.borrow();
        self.0.replace(sum);
        sum
    }

    #[zokio::main(crate = "recording")]
    async fn abort(&self) -> ! {
        panic!("aborted at {}", self.0.borrow())
    }
}

#[test]
fn methods_opaque_types_and_never_are_accepted() {
    let counter = Counter(RefCell::new(1));
    assert_eq!(counter.add(2), 3);
    let aborted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| counter.abort()));
    assert_eq!(
        aborted.unwrap_err().downcast_ref::<String>().unwrap(),
        "aborted at 3"
    );
}

#[zokio::main(crate = "recording", name = "front", worker_threads = 2)]
async fn run_named() {}

#[test]
fn the_name_is_told_to_the_builder() {
    run_named();
    assert_eq!(
        told(),
        "multi_thread, worker_threads 2, name front, enable_all"
    );
}

#[zokio::main(
    crate = "recording",
    flavor = "local",
    unhandled_panic = "shutdown_runtime"
)]
async fn run_local() {}

#[zokio::main(
    crate = "recording",
    flavor = "current_thread",
    unhandled_panic = "ignore"
)]
async fn run_ignoring() {}

#[test]
fn a_local_runtime_is_built_as_one_thread() {
    run_local();
    assert_eq!(
        told(),
        "current_thread, unhandled_panic ShutdownRuntime, enable_all, local"
    );
}

#[test]
fn what_panics_do_is_told_to_the_builder() {
    run_ignoring();
    assert_eq!(told(), "current_thread, unhandled_panic Ignore, enable_all");
}

#[zokio::main(crate = "recording")]
async fn with_inner_attributes() -> u32 {
    //! Documentation may stand inside.
    #![allow(unused_variables)]
    let unused = 1;
    after(1, 2).await
}

#[test]
fn inner_attributes_are_accepted() {
    assert_eq!(with_inner_attributes(), 2);
}

#[zokio::test(crate = "recording")]
async fn a_test_may_return_something_opaque() -> impl std::process::Termination {
    after(1, ()).await;
    std::process::ExitCode::SUCCESS
}

#[zokio::test(crate = "recording")]
async fn a_test_may_return_an_exit_code() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}

#[zokio::main(crate = "recording")]
async fn takes_apart((a, b): (u32, u32), mut c: u32, [d, ..]: [u32; 2]) -> u32 {
    c += after(1, a + b).await;
    c + d
}

#[test]
fn arguments_may_be_patterns() {
    assert_eq!(takes_apart((1, 2), 3, [4, 5]), 10);
}

#[zokio::main(crate = "recording")]
async fn converts<T>(value: T) -> String
where
    T: Into<String> + Unpin,
{
    after(1, value).await.into()
}

#[test]
fn where_clauses_are_accepted() {
    assert_eq!(converts("text"), "text");
}

trait Runs {
    fn run(&self) -> u32;
}

impl Runs for u32 {
    #[zokio::main(crate = "recording")]
    async fn run(&self) -> u32 {
        after(1, *self).await
    }
}

#[test]
fn a_method_of_a_trait_may_be_an_entry() {
    assert_eq!(Runs::run(&5), 5);
}

#[zokio::main(crate = "recording")]
async fn leaves_early(n: Option<u32>) -> Option<u32> {
    let n = n?;
    if n == 0 {
        return Some(100);
    }
    let mut sum = 0;
    loop {
        after(1, ()).await;
        sum += 1;
        if sum == n {
            break Some(sum);
        }
    }
}

#[test]
fn question_mark_and_return_leave_the_body() {
    assert_eq!(leaves_early(None), None);
    assert_eq!(leaves_early(Some(0)), Some(100));
    assert_eq!(leaves_early(Some(7)), Some(7));
}

#[test]
fn a_local_variable_called_body_is_the_user_s() {
    #[zokio::main(crate = "recording")]
    async fn run() -> u32 {
        let body = 4;
        let output = after(1, body).await;
        output + body
    }
    assert_eq!(run(), 8);
}

#[zokio::main(crate = "crate::entry::recording")]
async fn by_path() {}

#[test]
fn the_crate_may_be_given_by_a_path() {
    by_path();
    assert_eq!(told(), "multi_thread, enable_all");
}

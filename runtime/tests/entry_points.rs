//! `#[zokio::main]` and `#[zokio::test]` on the runtime itself, and the macros inside of tasks.
#![cfg(feature = "full")]
#![forbid(unsafe_code)]

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use zokio::runtime::{Handle, RuntimeFlavor};
use zokio::time::{Instant, sleep};

#[path = "support/panics.rs"]
mod panics;

use panics::caught;

fn flavor() -> RuntimeFlavor {
    Handle::current().runtime_flavor()
}

#[zokio::main]
async fn default_main() -> RuntimeFlavor {
    flavor()
}

#[test]
fn main_has_many_threads() {
    assert_eq!(default_main(), RuntimeFlavor::MultiThread);
}

#[zokio::main(flavor = "multi_thread")]
async fn many_threads() -> RuntimeFlavor {
    flavor()
}

#[test]
fn many_threads_may_be_asked_for() {
    assert_eq!(many_threads(), RuntimeFlavor::MultiThread);
}

#[zokio::main(flavor = "current_thread")]
async fn one_thread() -> RuntimeFlavor {
    flavor()
}

#[test]
fn one_thread_may_be_asked_for() {
    assert_eq!(one_thread(), RuntimeFlavor::CurrentThread);
}

#[zokio::main(worker_threads = 3)]
async fn three_workers() -> usize {
    Handle::current().metrics().num_workers()
}

#[test]
fn workers_are_as_many_as_asked_for() {
    assert_eq!(three_workers(), 3);
}

#[zokio::main(flavor = "current_thread", name = "front-desk")]
async fn named() -> String {
    format!("{:?}", Handle::current().name())
}

#[test]
fn the_runtime_is_called_as_asked_for() {
    assert!(named().contains("front-desk"));
}

#[zokio::main(flavor = "current_thread", start_paused = true)]
async fn an_hour() -> Duration {
    let start = Instant::now();
    sleep(Duration::from_secs(3600)).await;
    start.elapsed()
}

#[test]
fn the_clock_may_start_paused() {
    assert_eq!(an_hour(), Duration::from_secs(3600));
}

#[zokio::main(flavor = "local", start_paused = true)]
async fn local() -> Duration {
    let start = Instant::now();
    let shared = std::rc::Rc::new(std::cell::Cell::new(Duration::ZERO));
    let theirs = shared.clone();
    let task = zokio::task::spawn_local(async move {
        sleep(Duration::from_secs(60)).await;
        theirs.set(start.elapsed());
    });
    task.await.unwrap();
    shared.get()
}

#[test]
fn a_local_runtime_may_be_asked_for() {
    assert_eq!(local(), Duration::from_secs(60));
}

#[zokio::test(flavor = "local")]
async fn a_test_may_have_a_local_runtime() {
    let shared = std::rc::Rc::new(5);
    assert_eq!(
        zokio::task::spawn_local(async move { *shared })
            .await
            .unwrap(),
        5
    );
}

#[zokio::main(flavor = "current_thread", unhandled_panic = "shutdown_runtime")]
async fn panics_in_a_task() {
    zokio::spawn(async { panic!("as it should") });
    pending::<()>().await;
}

#[test]
fn a_panic_may_shut_the_runtime_down() {
    let refused = caught(panics_in_a_task);
    assert!(refused.text.contains("unhandled panic"), "{}", refused.text);
}

#[zokio::main(flavor = "current_thread", unhandled_panic = "ignore")]
async fn ignores_a_panic() -> bool {
    zokio::spawn(async { panic!("as it should") })
        .await
        .unwrap_err()
        .is_panic()
}

#[test]
fn a_panic_is_ignored_if_told_so() {
    assert!(ignores_a_panic());
}

#[test]
fn selects_follow_the_seed_of_their_runtime() {
    let wins = |seed: &[u8]| {
        let runtime = zokio::runtime::Builder::new_current_thread()
            .rng_seed(zokio::runtime::RngSeed::from_bytes(seed))
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut wins = Vec::new();
            for _ in 0..64 {
                wins.push(zokio::select! {
                    () = std::future::ready(()) => 0,
                    () = std::future::ready(()) => 1,
                    () = std::future::ready(()) => 2,
                });
            }
            wins
        })
    };
    assert_eq!(wins(b"one"), wins(b"one"));
    assert_ne!(wins(b"one"), wins(b"other"));
}

#[zokio::test]
async fn a_test_has_one_thread() {
    assert_eq!(flavor(), RuntimeFlavor::CurrentThread);
}

#[zokio::test(flavor = "multi_thread")]
async fn a_test_may_have_many_threads() {
    assert_eq!(flavor(), RuntimeFlavor::MultiThread);
    zokio::task::block_in_place(|| ());
}

#[zokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_s_workers_are_as_many_as_asked_for() {
    assert_eq!(Handle::current().metrics().num_workers(), 2);
}

#[zokio::test]
async fn the_body_is_not_a_task() {
    assert!(zokio::task::try_id().is_none());
    assert!(
        zokio::spawn(async { zokio::task::try_id() })
            .await
            .unwrap()
            .is_some()
    );
}

#[zokio::test]
async fn timers_and_sockets_are_enabled() {
    sleep(Duration::ZERO).await;
    zokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
}

#[zokio::test]
async fn a_test_may_fail_with_an_error() -> Result<(), Box<dyn std::error::Error>> {
    let n: u32 = zokio::spawn(async { "5".parse() }).await??;
    assert_eq!(n, 5);
    Ok(())
}

#[zokio::test]
#[should_panic(expected = "inside of a test")]
async fn a_test_may_panic() {
    zokio::task::yield_now().await;
    panic!("inside of a test");
}

#[zokio::test]
#[cfg_attr(any(), ignore)]
#[allow(clippy::bool_assert_comparison)]
async fn a_test_keeps_its_attributes() {
    assert_eq!(true, true);
}

#[zokio::test]
async fn a_value_that_is_not_send_lives_across_awaits() {
    let shared = std::rc::Rc::new(std::cell::Cell::new(1));
    zokio::task::yield_now().await;
    shared.set(2);
    assert_eq!(shared.get(), 2);
}

#[zokio::main(flavor = "current_thread")]
async fn leaves_a_task_behind(dropped: Arc<AtomicBool>) {
    struct Note(Arc<AtomicBool>);
    impl Drop for Note {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let note = Note(dropped);
    zokio::spawn(async move {
        let _note = note;
        pending::<()>().await;
    });
    zokio::task::yield_now().await;
}

#[test]
fn tasks_that_are_left_behind_end_with_the_function() {
    let dropped = Arc::new(AtomicBool::new(false));
    leaves_a_task_behind(dropped.clone());
    assert!(dropped.load(Ordering::Relaxed));
}

#[test]
fn a_runtime_inside_of_another_is_refused_at_the_function() {
    let line = line!() + 3;
    #[zokio::main(flavor = "current_thread")]
    #[rustfmt::skip]
    async fn inner() {}
    #[zokio::main(flavor = "current_thread")]
    async fn outer() {
        inner();
    }
    let refused = caught(outer);
    assert!(
        refused
            .text
            .starts_with("Cannot start a runtime from within a runtime")
    );
    assert_eq!((refused.file.as_str(), refused.line), (file!(), line));
}

mod renamed {
    use zokio as tokio;

    #[tokio::main(flavor = "current_thread", crate = "tokio")]
    pub(super) async fn run() -> u32 {
        let one = tokio::spawn(async { 1 });
        tokio::select! { n = one => n.unwrap(), else => 0 }
    }

    #[tokio::test(crate = "tokio")]
    async fn a_test_works_under_another_name() {
        let (one, two) = tokio::join!(async { 1 }, async { 2 });
        tokio::pin!(let three = async { 3 };);
        assert_eq!((one, two, three.await), (1, 2, 3));
    }
}

#[test]
fn main_works_under_another_name() {
    assert_eq!(renamed::run(), 1);
}

#[zokio::test]
async fn a_select_of_ready_branches_yields_when_the_budget_is_used_up() {
    let turns = Arc::new(AtomicU32::new(0));
    let busy = zokio::spawn({
        let turns = turns.clone();
        async move {
            let (sender, mut receiver) = zokio::sync::mpsc::unbounded_channel();
            loop {
                sender.send(()).unwrap();
                zokio::select! {
                    _ = receiver.recv() => turns.fetch_add(1, Ordering::Relaxed),
                    () = pending() => 0,
                };
            }
        }
    });
    // It comes back to this future again and again, however much there is to receive.
    for _ in 0..10 {
        zokio::task::yield_now().await;
    }
    busy.abort();
    assert!(busy.await.unwrap_err().is_cancelled());
    assert!(turns.load(Ordering::Relaxed) >= 9);
}

#[zokio::test]
async fn a_select_without_budget_polls_no_branch() {
    zokio::spawn(async {
        while zokio::task::coop::has_budget_remaining() {
            zokio::task::consume_budget().await;
        }
        let mut polls = 0;
        let mut select = Box::pin(async {
            zokio::select! { () = poll_fn(|_| { polls += 1; Poll::Ready(()) }) => {} }
        });
        let first = poll_fn(|cx| Poll::Ready(select.as_mut().poll(cx).is_ready())).await;
        assert!(!first);
        select.await;
        assert_eq!(polls, 1);
    })
    .await
    .unwrap();
}

#[zokio::test]
async fn a_select_itself_costs_no_budget() {
    zokio::spawn(async {
        for _ in 0..1_000 {
            zokio::select! { () = std::future::ready(()) => {} }
        }
        assert!(zokio::task::coop::has_budget_remaining());
    })
    .await
    .unwrap();
}

/// Takes all of the budget at each of its polls, and ends after some.
async fn greedy(polls: u32) {
    let mut polls = polls;
    poll_fn(|cx| {
        polls -= 1;
        while let Poll::Ready(unit) = zokio::task::coop::poll_proceed(cx) {
            unit.made_progress();
        }
        if polls == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[zokio::test]
async fn a_greedy_future_does_not_starve_those_joined_with_it() {
    zokio::spawn(async {
        let (sender, mut receiver) = zokio::sync::mpsc::channel(10);
        let receive = async {
            let mut all = 0;
            while let Some(n) = receiver.recv().await {
                all += n;
            }
            all
        };
        for n in 0..10 {
            sender.try_send(n).unwrap();
        }
        drop(sender);
        let ((), all) = zokio::join!(greedy(20), receive);
        assert_eq!(all, 45);
    })
    .await
    .unwrap();
}

#[zokio::test]
async fn a_message_is_not_lost_in_a_select_that_another_branch_wins() {
    let (sender, mut receiver) = zokio::sync::mpsc::channel(4);
    let mut seen = Vec::new();
    for n in 0..100 {
        sender.try_send(n).unwrap();
        while seen.len() <= n {
            zokio::select! {
                m = receiver.recv() => seen.push(m.unwrap()),
                () = std::future::ready(()) => {}
            }
        }
    }
    assert!(seen.into_iter().eq(0..100));
}

zokio::task_local! {
    static REQUEST: u32;
}

#[zokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_local_follows_its_task_and_not_its_children() {
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            zokio::spawn(REQUEST.scope(n, async move {
                let child = zokio::spawn(async { REQUEST.try_get().is_err() });
                zokio::task::yield_now().await;
                assert!(child.await.unwrap());
                assert_eq!(REQUEST.get(), n);
            }))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

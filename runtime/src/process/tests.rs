use std::process::Stdio;

use super::*;
use crate::runtime::{Builder, Runtime};
use crate::sync::test_util::{block_on, spawned};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A child that ends when its input does.
fn cat() -> Command {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    command
}

/// Waits until the child has left the queue of orphans.
fn until_reaped(pid: u32) {
    while orphans::contains(pid) {
        std::thread::yield_now();
    }
    assert!(!is_child(pid), "a zombie is left");
}

/// Whether the process exists and is this one's child, as far as the system tells.
fn is_child(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().nth(1) == Some(&std::process::id().to_string())
}

#[test]
fn dropped_child_is_an_orphan_until_it_ends_and_then_no_zombie() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let mut child = cat().spawn().unwrap();
    let (pid, stdin) = (child.id().unwrap(), child.stdin.take());
    drop(child);
    assert!(orphans::contains(pid), "it runs");
    drop(stdin);
    until_reaped(pid);
}

#[test]
fn orphan_outlives_its_runtime() {
    let runtime = runtime();
    let entered = runtime.enter();
    let mut child = cat().spawn().unwrap();
    let pid = child.id().unwrap();
    let stdin = child.stdin.take().unwrap().into_owned_fd().unwrap();
    drop(child);
    drop(entered);
    drop(runtime);
    assert!(orphans::contains(pid));
    drop(stdin);
    until_reaped(pid);
}

#[test]
fn child_killed_on_drop_ends_and_is_no_zombie() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let mut child = cat().kill_on_drop(true).spawn().unwrap();
    let (pid, stdin) = (child.id().unwrap(), child.stdin.take());
    drop(child);
    until_reaped(pid);
    drop(stdin);
}

#[test]
fn child_that_was_waited_for_is_no_orphan() {
    runtime().block_on(async {
        let mut child = cat().spawn().unwrap();
        let pid = child.id().unwrap();
        child.wait().await.unwrap();
        assert!(!is_child(pid));
        drop(child);
        assert!(!orphans::contains(pid));
    });
}

#[test]
fn end_is_learned_of_by_signals_too() {
    runtime().block_on(async {
        for _ in 0..10 {
            let mut std = std::process::Command::new("cat")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let stdin = std.stdin.take();
            let mut exit = exit::Exit::by_signal().unwrap();
            assert!(std.try_wait().unwrap().is_none());
            let closer = std::thread::spawn(move || drop(stdin));
            let status = loop {
                if let Some(status) = std.try_wait().unwrap() {
                    break status;
                }
                let here = std::panic::Location::caller();
                std::future::poll_fn(|cx| exit.poll(cx, here))
                    .await
                    .unwrap();
            };
            assert!(status.success());
            closer.join().unwrap();
        }
    });
}

#[test]
fn wait_goes_on_when_the_pidfd_is_doubted() {
    runtime().block_on(async {
        let mut std = std::process::Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = std.stdin.take();
        let mut exit = exit::Exit::of(std.id()).unwrap();
        assert_eq!(exit.doubt().unwrap(), cfg!(target_os = "linux"));
        assert!(!exit.doubt().unwrap(), "signals are not doubted");
        drop(stdin);
        while std.try_wait().unwrap().is_none() {
            let here = std::panic::Location::caller();
            std::future::poll_fn(|cx| exit.poll(cx, here))
                .await
                .unwrap();
        }
    });
}

#[test]
fn wait_after_the_runtime_s_shutdown_gives_the_status_of_an_ended_child_only() {
    let runtime = runtime();
    let entered = runtime.enter();
    let mut running = cat().spawn().unwrap();
    let stdin = running.stdin.take().unwrap().into_owned_fd().unwrap();
    let mut ended = Command::new("true").spawn().unwrap();
    drop(entered);
    drop(runtime);
    while ended.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    assert!(block_on(ended.wait()).unwrap().success());
    let mut wait = spawned(running.wait());
    // By pidfd the runtime's driver is needed; by signals it is not.
    #[cfg(target_os = "linux")]
    assert!(wait.assert_ready().is_err());
    #[cfg(not(target_os = "linux"))]
    wait.assert_pending();
    drop((wait, stdin));
}

#[cfg(feature = "telemetry")]
#[test]
fn pending_wait_notes_the_await_and_forgets_it() {
    use crate::sync::test_util::{assert_notes, awaiting};
    let runtime = runtime();
    let _entered = runtime.enter();
    let mut child = cat().spawn().unwrap();
    let stdin = child.stdin.take();
    let (future, line) = awaiting!(child.wait());
    assert_notes(future, line, "process", "wait");
    let (future, line) = awaiting!(child.wait_with_output());
    assert_notes(future, line, "process", "wait");
    drop(stdin);
}

#[cfg(feature = "telemetry")]
#[test]
fn wait_by_signals_notes_the_same() {
    use crate::sync::test_util::{fresh_task, notes_of, polling};
    let task = fresh_task();
    let _polling = polling(task);
    let mut exit = exit::Exit::by_signal().unwrap();
    let here = std::panic::Location::caller();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    // Children of other tests may end meanwhile.
    while exit.poll(&mut cx, here).is_ready() {}
    let notes = notes_of(task);
    assert_eq!(
        (notes[0].point.kind(), notes[0].point.operation()),
        ("process", "wait")
    );
    exit.stop_waiting();
    assert!(notes_of(task).is_empty());
}

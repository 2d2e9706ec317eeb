use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::task::{Context, Poll, Waker};

use super::{runtime, sh};
use zokio::io::AsyncWriteExt;
use zokio::process::{Child, Command};
use zokio::runtime::Builder;

/// A child that ends when its input does.
fn cat() -> Child {
    Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn exit_code_is_told() {
    runtime().block_on(async {
        for code in [0, 1, 42, 255] {
            let status = sh(&format!("exit {code}")).status().await.unwrap();
            assert_eq!(status.code(), Some(code));
            assert_eq!(status.success(), code == 0);
        }
    });
}

#[test]
fn end_by_a_signal_is_told() {
    runtime().block_on(async {
        let status = sh("kill -TERM $$").status().await.unwrap();
        assert_eq!(status.code(), None);
        assert_eq!(status.signal(), Some(libc::SIGTERM));
    });
}

#[test]
fn wait_gives_the_same_status_again() {
    runtime().block_on(async {
        let mut child = sh("exit 7").spawn().unwrap();
        for _ in 0..3 {
            assert_eq!(child.wait().await.unwrap().code(), Some(7));
        }
        assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(7));
    });
}

#[test]
fn id_is_the_process_s_until_its_status_is_known() {
    runtime().block_on(async {
        let mut child = sh("echo $$").stdout(Stdio::piped()).spawn().unwrap();
        let id = child.id().unwrap();
        assert_eq!(child.id(), Some(id));
        let stdout = child.stdout.take();
        child.wait().await.unwrap();
        assert_eq!(child.id(), None);
        let mut text = String::new();
        zokio::io::AsyncReadExt::read_to_string(&mut stdout.unwrap(), &mut text)
            .await
            .unwrap();
        assert_eq!(text.trim(), id.to_string());
    });
}

#[test]
fn wait_closes_the_child_s_input() {
    runtime().block_on(async {
        let mut child = cat();
        assert!(child.wait().await.unwrap().success());
        assert!(child.stdin.is_none());
    });
}

#[test]
fn input_that_was_taken_stays_open_while_waiting() {
    runtime().block_on(async {
        let mut child = cat();
        let mut stdin = child.stdin.take().unwrap();
        {
            let mut wait = Box::pin(child.wait());
            assert!(poll_once(&mut wait).is_pending());
        }
        stdin.write_all(b"still open").await.unwrap();
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(output.stdout, b"still open");
    });
}

#[test]
fn wait_does_nothing_before_it_is_polled() {
    runtime().block_on(async {
        let mut child = cat();
        drop(child.wait());
        assert!(child.stdin.is_some(), "the input is closed by polling");
        child.wait().await.unwrap();
    });
}

#[test]
fn cancelled_wait_loses_nothing() {
    runtime().block_on(async {
        let mut child = cat();
        let stdin = child.stdin.take();
        for _ in 0..3 {
            let mut wait = Box::pin(child.wait());
            assert!(poll_once(&mut wait).is_pending());
        }
        drop(stdin);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn try_wait_says_nothing_of_a_child_that_runs_and_leaves_its_input_open() {
    runtime().block_on(async {
        let mut child = cat();
        assert!(child.try_wait().unwrap().is_none());
        assert!(child.stdin.is_some());
        assert!(child.id().is_some());
        drop(child.stdin.take());
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            zokio::task::yield_now().await;
        };
        assert!(status.success());
        assert_eq!(child.id(), None);
    });
}

#[test]
fn kill_ends_the_child_and_waits() {
    runtime().block_on(async {
        let mut child = cat();
        child.kill().await.unwrap();
        assert_eq!(
            child.try_wait().unwrap().unwrap().signal(),
            Some(libc::SIGKILL)
        );
        assert_eq!(child.id(), None);
    });
}

#[test]
fn start_kill_does_not_wait() {
    runtime().block_on(async {
        let mut child = cat();
        child.start_kill().unwrap();
        assert!(child.id().is_some(), "nobody has asked for the status");
        assert_eq!(child.wait().await.unwrap().signal(), Some(libc::SIGKILL));
    });
}

#[test]
fn killing_a_child_that_has_ended_is_no_error() {
    runtime().block_on(async {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().await.unwrap();
        child.start_kill().unwrap();
        child.kill().await.unwrap();
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn output_is_collected_from_both_pipes_however_much_it_is() {
    runtime().block_on(async {
        let script = "i=0; while [ $i -lt 3000 ]; do \
            echo 0123456789012345678901234567890123456789; \
            echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done";
        let output = sh(script).output().await.unwrap();
        assert_eq!(output.stdout.len(), 3000 * 41);
        assert_eq!(output.stderr, output.stdout);
    });
}

#[test]
fn pipes_that_were_taken_are_not_collected() {
    runtime().block_on(async {
        let mut child = sh("printf out; printf err >&2")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let taken = child.stdout.take().unwrap();
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(output.stdout, b"");
        assert_eq!(output.stderr, b"err");
        drop(taken);
    });
}

#[test]
fn output_without_pipes_is_empty() {
    runtime().block_on(async {
        let child = Command::new("true").spawn().unwrap();
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success());
        assert!(output.stdout.is_empty() && output.stderr.is_empty());
    });
}

#[test]
fn output_waits_for_a_pipe_that_a_grandchild_holds() {
    runtime().block_on(async {
        // The shell ends at once; the `cat` that it leaves holds the pipe until its input ends.
        let (child, mut input) = sh("cat <&3 & exit 0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn_with_descriptor_3();
        let mut output = Box::pin(child.wait_with_output());
        assert!(poll_once(&mut output).is_pending());
        std::io::Write::write_all(&mut input, b"late").unwrap();
        drop(input);
        assert_eq!(output.await.unwrap().stdout, b"late");
    });
}

/// A child that has the reading end of a pipe as descriptor 3.
trait SpawnWithDescriptor3 {
    fn spawn_with_descriptor_3(&mut self) -> (Child, std::io::PipeWriter);
}

impl SpawnWithDescriptor3 for Command {
    #[expect(unsafe_code, reason = "hands a descriptor to the child")]
    fn spawn_with_descriptor_3(&mut self) -> (Child, std::io::PipeWriter) {
        use std::os::fd::AsRawFd;
        let (reader, writer) = std::io::pipe().unwrap();
        let fd = reader.as_raw_fd();
        let dup = move || {
            // SAFETY: a call without memory, which is async-signal-safe.
            match unsafe { libc::dup2(fd, 3) } {
                -1 => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            }
        };
        // SAFETY: `dup` is async-signal-safe.
        unsafe { self.pre_exec(dup) };
        (self.spawn().unwrap(), writer)
    }
}

#[test]
fn several_children_are_waited_for_at_once() {
    runtime().block_on(async {
        let tasks: Vec<_> = (0..20)
            .map(|code| {
                zokio::spawn(async move { sh(&format!("exit {code}")).status().await.unwrap() })
            })
            .collect();
        for (code, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap().code(), i32::try_from(code).ok());
        }
    });
}

#[test]
fn children_are_waited_for_on_several_workers() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..20)
            .map(|_| zokio::spawn(async { Command::new("true").status().await.unwrap() }))
            .collect();
        for task in tasks {
            assert!(task.await.unwrap().success());
        }
    });
}

#[test]
fn child_of_one_runtime_is_waited_for_in_another() {
    let first = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let mut child = first.block_on(async { cat() });
    let status = runtime().block_on(child.wait()).unwrap();
    assert!(status.success());
}

#[test]
fn child_that_somebody_else_waited_for_is_an_error() {
    runtime().block_on(async {
        let mut child = Command::new("true").spawn().unwrap();
        reap(libc::pid_t::try_from(child.id().unwrap()).unwrap());
        let error = child.wait().await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ECHILD));
        assert!(child.try_wait().is_err());
    });
}

#[expect(unsafe_code, reason = "waits for a child behind its owner's back")]
fn reap(pid: libc::pid_t) {
    let mut status = 0;
    // SAFETY: the system writes one integer, which is borrowed mutably.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
}

#[test]
fn future_of_status_kills_its_child_if_that_was_asked_for() {
    runtime().block_on(async {
        // The writing end of the pipe is the child's: its end is the child's.
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = Command::new("sleep");
        command.arg("1000").stdout(writer).kill_on_drop(true);
        let mut status = Box::pin(command.status());
        assert!(poll_once(&mut status).is_pending());
        drop((status, command));
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut bytes).unwrap();
    });
}

#[test]
fn child_goes_on_when_it_is_dropped() {
    runtime().block_on(async {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = sh("read line; printf \"$line\"");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(writer)
            .spawn()
            .unwrap();
        drop(command);
        let mut stdin = child.stdin.take().unwrap();
        drop(child);
        stdin.write_all(b"alive\n").await.unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "alive");
    });
}

#[test]
fn debug_shows_the_process_id() {
    runtime().block_on(async {
        let mut child = cat();
        let text = format!("{child:?}");
        assert!(text.contains(&format!("pid: Some({})", child.id().unwrap())));
        child.wait().await.unwrap();
        assert!(format!("{child:?}").contains("Done"));
    });
}

fn assert_send<T: Send>(value: T) -> T {
    value
}

#[test]
fn futures_may_change_threads() {
    runtime().block_on(async {
        let mut child = cat();
        drop(assert_send(child.wait()));
        drop(assert_send(child.kill()));
        assert_send(child.wait_with_output()).await.unwrap();
        assert_send(Command::new("true").status()).await.unwrap();
        assert_send(Command::new("true").output()).await.unwrap();
    });
}

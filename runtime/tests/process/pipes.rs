use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Stdio;
use std::task::{Context, Poll, Waker};

use super::{runtime, sh};
use zokio::io::{AsyncReadExt, AsyncWriteExt};
use zokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

fn cat() -> Child {
    Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn pipes_are_there_only_if_asked_for() {
    runtime().block_on(async {
        let mut child = Command::new("true").spawn().unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
        child.wait().await.unwrap();
    });
}

#[test]
fn what_is_written_comes_back() {
    runtime().block_on(async {
        let mut child = cat();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        for word in [&b"ping"[..], b"pong"] {
            stdin.write_all(word).await.unwrap();
            let mut back = [0; 4];
            stdout.read_exact(&mut back).await.unwrap();
            assert_eq!(back, word);
        }
        drop(stdin);
        assert_eq!(stdout.read(&mut [0; 1]).await.unwrap(), 0, "the end");
        child.wait().await.unwrap();
    });
}

#[test]
fn more_than_a_pipe_holds_goes_through() {
    runtime().block_on(async {
        let mut child = cat();
        let mut stdin = child.stdin.take().unwrap();
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
        let expected = sent.clone();
        let writer = zokio::spawn(async move { stdin.write_all(&sent).await });
        let output = child.wait_with_output().await.unwrap();
        writer.await.unwrap().unwrap();
        assert_eq!(output.stdout, expected);
    });
}

#[test]
fn full_pipe_makes_the_writer_wait() {
    runtime().block_on(async {
        let mut child = sh("read line")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let block = vec![b'x'; 1 << 20];
        // No newline comes: the shell reads byte by byte without end, slower than we write, or
        // the pipe fills.
        let mut cx = Context::from_waker(Waker::noop());
        let mut written = 0;
        while let Poll::Ready(n) = std::pin::pin!(stdin.write(&block)).poll(&mut cx) {
            written += n.unwrap();
        }
        assert!(written > 0);
        child.kill().await.unwrap();
    });
}

#[test]
fn several_buffers_are_written_at_once() {
    runtime().block_on(async {
        let mut child = cat();
        let mut stdin = child.stdin.take().unwrap();
        let n = stdin
            .write_vectored(&[IoSlice::new(b"one "), IoSlice::new(b"two")])
            .await
            .unwrap();
        assert_eq!(n, 7);
        drop(stdin);
        assert_eq!(child.wait_with_output().await.unwrap().stdout, b"one two");
    });
}

#[test]
fn stdin_says_that_it_writes_several_buffers() {
    runtime().block_on(async {
        let mut child = cat();
        assert!(child.stdin.as_ref().unwrap().is_write_vectored_here());
        child.wait().await.unwrap();
    });
}

trait Vectored {
    fn is_write_vectored_here(&self) -> bool;
}

impl<W: zokio::io::AsyncWrite> Vectored for W {
    fn is_write_vectored_here(&self) -> bool {
        self.is_write_vectored()
    }
}

#[test]
fn shutdown_of_the_input_closes_nothing() {
    runtime().block_on(async {
        let mut child = cat();
        let mut stdin = child.stdin.take().unwrap();
        stdin.flush().await.unwrap();
        stdin.shutdown().await.unwrap();
        stdin.write_all(b"after").await.unwrap();
        drop(stdin);
        assert_eq!(child.wait_with_output().await.unwrap().stdout, b"after");
    });
}

#[test]
fn writing_to_a_child_that_has_ended_is_a_broken_pipe() {
    runtime().block_on(async {
        let mut child = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        child.wait().await.unwrap();
        let error = stdin.write_all(b"x").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn error_stream_is_a_stream_of_its_own() {
    runtime().block_on(async {
        let mut child = sh("printf oops >&2")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let mut text = String::new();
        stderr.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "oops");
        child.wait().await.unwrap();
    });
}

#[test]
fn read_into_an_empty_buffer_is_ready() {
    runtime().block_on(async {
        let mut child = cat();
        let mut stdout = child.stdout.take().unwrap();
        assert_eq!(stdout.read(&mut []).await.unwrap(), 0);
        child.wait().await.unwrap();
    });
}

#[test]
fn output_of_one_child_is_the_input_of_another() {
    runtime().block_on(async {
        let mut first = sh("printf 'hello world'")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe: Stdio = first.stdout.take().unwrap().try_into().unwrap();
        let second = Command::new("tr")
            .args(["a-z", "A-Z"])
            .stdin(pipe)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = second.wait_with_output().await.unwrap();
        assert!(first.wait().await.unwrap().success());
        assert_eq!(output.stdout, b"HELLO WORLD");
    });
}

#[test]
fn input_and_error_streams_become_stdio_too() {
    runtime().block_on(async {
        let mut sink = cat();
        let into: Stdio = sink.stdin.take().unwrap().try_into().unwrap();
        let mut source = sh("printf from-source");
        source.stdout(into).status().await.unwrap();
        drop(source);
        assert_eq!(
            sink.wait_with_output().await.unwrap().stdout,
            b"from-source"
        );
        let mut child = sh("printf e >&2").stderr(Stdio::piped()).spawn().unwrap();
        let stderr: Stdio = child.stderr.take().unwrap().try_into().unwrap();
        let output = Command::new("cat").stdin(stderr).output().await.unwrap();
        assert_eq!(output.stdout, b"e");
        child.wait().await.unwrap();
    });
}

#[test]
fn descriptor_is_non_blocking_here_and_blocking_when_it_leaves() {
    runtime().block_on(async {
        let mut child = cat();
        let stdin = child.stdin.take().unwrap();
        assert!(is_nonblocking(stdin.as_raw_fd()));
        assert_eq!(stdin.as_fd().as_raw_fd(), stdin.as_raw_fd());
        let fd = stdin.into_owned_fd().unwrap();
        assert!(!is_nonblocking(fd.as_raw_fd()));
        let stdout = child.stdout.take().unwrap();
        assert!(is_nonblocking(stdout.as_raw_fd()));
        assert_eq!(stdout.as_fd().as_raw_fd(), stdout.as_raw_fd());
        let out = stdout.into_owned_fd().unwrap();
        assert!(!is_nonblocking(out.as_raw_fd()));
        drop(fd);
        child.wait().await.unwrap();
    });
}

#[expect(unsafe_code, reason = "asks for the flags of a descriptor")]
fn is_nonblocking(fd: std::os::fd::RawFd) -> bool {
    // SAFETY: a call without memory.
    unsafe { libc::fcntl(fd, libc::F_GETFL) & libc::O_NONBLOCK != 0 }
}

#[test]
fn streams_of_the_standard_library_become_asynchronous() {
    runtime().block_on(async {
        let mut std = std::process::Command::new("/bin/sh")
            .args(["-c", "cat; printf e >&2"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = ChildStdin::from_std(std.stdin.take().unwrap()).unwrap();
        let mut stdout = ChildStdout::from_std(std.stdout.take().unwrap()).unwrap();
        let mut stderr = ChildStderr::from_std(std.stderr.take().unwrap()).unwrap();
        stdin.write_all(b"in").await.unwrap();
        drop(stdin);
        let (mut out, mut err) = (String::new(), String::new());
        stdout.read_to_string(&mut out).await.unwrap();
        stderr.read_to_string(&mut err).await.unwrap();
        assert_eq!((&*out, &*err), ("in", "e"));
        std.wait().unwrap();
    });
}

#[test]
fn read_that_waits_is_woken_by_the_child() {
    runtime().block_on(async {
        let mut child = cat();
        let mut stdout = child.stdout.take().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let reader = zokio::spawn(async move {
            let mut byte = [0];
            stdout.read_exact(&mut byte).await.map(|_| byte[0])
        });
        zokio::task::yield_now().await;
        stdin.write_all(b"w").await.unwrap();
        assert_eq!(reader.await.unwrap().unwrap(), b'w');
        drop(stdin);
        child.wait().await.unwrap();
    });
}

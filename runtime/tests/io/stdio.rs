//! The standard streams, of this test run again as a child.

use std::os::fd::{AsFd, AsRawFd};
use std::process::Stdio;

use super::runtime;
use zokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use zokio::process::Command;

const ROLE: &str = "ZOKIO_TEST_STDIO_ROLE";

/// This test's program, playing a role.
fn child(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "stdio::child_plays_its_role", "--nocapture"])
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Not a test but in a child.
#[test]
fn child_plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    runtime().block_on(async {
        let mut out = zokio::io::stdout();
        match &*role {
            "echo" => {
                let mut input = zokio::io::stdin();
                zokio::io::copy(&mut input, &mut out).await.unwrap();
            }
            "lines" => {
                let mut lines = BufReader::new(zokio::io::stdin()).lines();
                while let Some(line) = lines.next_line().await.unwrap() {
                    out.write_all(format!("<{line}>").as_bytes()).await.unwrap();
                    out.flush().await.unwrap();
                }
            }
            "error" => {
                let mut err = zokio::io::stderr();
                err.write_all(b"<oops>").await.unwrap();
                err.flush().await.unwrap();
            }
            // The write is under way when the runtime ends.
            "unflushed" => out.write_all(b"<last words>\n").await.unwrap(),
            "shutdown" => {
                out.write_all(b"<no newline>").await.unwrap();
                out.shutdown().await.unwrap();
                out.write_all(b"<still open>").await.unwrap();
                out.flush().await.unwrap();
            }
            other => panic!("no such role: {other}"),
        }
    });
}

async fn output_of(role: &str, input: &[u8]) -> (String, String) {
    let mut child = child(role).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = zokio::spawn(async move { stdin.write_all(&input).await });
    let output = child.wait_with_output().await.unwrap();
    let written = writer.await.unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    drop(written);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn input_is_read_to_its_end_and_output_written() {
    runtime().block_on(async {
        let sent: String = (0..50_000).map(|n| format!("{n} ")).collect();
        let (out, _) = output_of("echo", sent.as_bytes()).await;
        assert!(out.contains(&sent));
    });
}

#[test]
fn lines_are_answered_while_the_input_is_open() {
    runtime().block_on(async {
        let mut child = child("lines").spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut bytes = Vec::new();
        for word in ["one", "two"] {
            stdin
                .write_all(format!("{word}\n").as_bytes())
                .await
                .unwrap();
            bytes.clear();
            stdout.read_until(b'>', &mut bytes).await.unwrap();
            assert!(bytes.ends_with(format!("<{word}>").as_bytes()));
        }
        drop(stdin);
        stdout.read_to_end(&mut bytes).await.unwrap();
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn errors_go_to_the_error_stream() {
    runtime().block_on(async {
        let (out, err) = output_of("error", b"").await;
        assert!(err.contains("<oops>") && !out.contains("<oops>"));
    });
}

#[test]
fn write_that_was_begun_is_made_although_the_runtime_ends() {
    runtime().block_on(async {
        let (out, _) = output_of("unflushed", b"").await;
        assert!(out.contains("<last words>"));
    });
}

#[test]
fn shutdown_flushes_and_leaves_the_stream_open() {
    runtime().block_on(async {
        let (out, _) = output_of("shutdown", b"").await;
        assert!(out.contains("<no newline><still open>"));
    });
}

#[test]
fn streams_have_the_descriptors_of_the_process() {
    let (input, out, err) = (zokio::io::stdin(), zokio::io::stdout(), zokio::io::stderr());
    assert_eq!(
        [input.as_raw_fd(), out.as_raw_fd(), err.as_raw_fd()],
        [0, 1, 2]
    );
    assert_eq!(input.as_fd().as_raw_fd(), 0);
    assert_eq!(err.as_fd().as_raw_fd(), 2);
}

#[test]
fn debug_names_the_stream() {
    assert_eq!(format!("{:?}", zokio::io::stdin()), "Stdin { .. }");
    assert_eq!(format!("{:?}", zokio::io::stdout()), "Stdout { .. }");
    assert_eq!(format!("{:?}", zokio::io::stderr()), "Stderr { .. }");
}

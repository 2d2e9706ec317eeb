//! The binary as scripts meet it: what it prints where, and its exit code.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

fn console(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zokio-console"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

/// Fails as documented: nothing on stdout, one line on stderr, exit code 2.
fn complaint(arguments: &[&str]) -> String {
    let output = console(arguments);
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

#[test]
fn unknown_flags_and_commands_are_one_line_with_a_way_out() {
    for arguments in [
        &["--bogus"][..],
        &["snapshot", "--jsn"],
        &["conect"],
        &["demo", "--for", "soon"],
        &["--theme", "plaid"],
        &["completions", "cmd"],
        &["top", "--interval", "0s"],
        &["check", "--deny", "deadlok"],
        &["-W", "starvd"],
        &["--palette", "17"],
    ] {
        let stderr = complaint(arguments);
        assert!(stderr.contains("see `zokio-console --help`"), "{stderr}");
    }
}

#[test]
fn a_malformed_target_is_told_what_to_write() {
    for target in ["ftp://host", "http://", "http://host:99999", "unix:"] {
        let stderr = complaint(&["snapshot", target]);
        assert!(
            stderr.contains("write http://HOST:PORT or unix:/PATH"),
            "{stderr}"
        );
    }
}

#[test]
fn a_mistake_in_a_filter_is_told_before_anybody_is_connected_to() {
    for command in ["snapshot", "top", "check"] {
        let stderr = complaint(&[command, "--tasks", "state:idle idel>5s"]);
        let told = "column 12 of the filter: there is no field `idel`: did you mean `idle`?";
        assert!(stderr.contains(told), "{stderr}");
    }
}

#[test]
fn nobody_listening_is_exit_code_2() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = listener.local_addr().expect("its address").to_string();
    drop(listener);
    let stderr = complaint(&["snapshot", &target, "--json"]);
    assert!(
        stderr.contains("nobody listens") && stderr.contains("zokio_instrumentation::init()"),
        "{stderr}"
    );
}

#[test]
fn a_check_of_nobody_is_exit_code_2() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = listener.local_addr().expect("its address").to_string();
    drop(listener);
    let stderr = complaint(&["check", &target, "--for", "1s"]);
    assert!(stderr.contains("nobody listens"), "{stderr}");
}

#[test]
fn an_http_1_server_is_not_zokios() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = listener.local_addr().expect("its address").to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut preface = [0u8; 24];
        stream
            .read_exact(&mut preface)
            .expect("the preface of HTTP/2");
        stream
            .write_all(b"HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: 0\r\n\r\n")
            .expect("the console listens");
    });
    let stderr = complaint(&["snapshot", &target]);
    assert!(stderr.contains("not zokio's"), "{stderr}");
    server.join().expect("the server did its part");
}

#[test]
fn screens_without_a_terminal_point_to_the_snapshot() {
    let stderr = complaint(&["connect"]);
    assert!(stderr.contains("zokio-console snapshot"), "{stderr}");
}

#[test]
fn completions_and_the_manual_go_to_stdout() {
    for (arguments, part) in [
        (&["completions", "bash"][..], "complete -F"),
        (&["man"], "zokio"),
    ] {
        let output = console(arguments);
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains(part));
    }
}

#[test]
fn lines_for_logs_need_a_server() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = listener.local_addr().expect("its address").to_string();
    drop(listener);
    assert!(complaint(&["top", &target]).contains("nobody listens"));
}

#[test]
fn the_flags_of_tokio_console_are_known() {
    for flags in [
        &["--no-colors"][..],
        &["--ascii-only"],
        &["--no-color"],
        &["--ascii"],
        &["--lang", "en_us.UTF-8"],
        &["--palette", "256"],
        &["--palette", "off"],
        &["-W", "never-yielded"],
        &["-A", "all"],
    ] {
        let arguments = [flags, &["config", "path"]].concat();
        assert!(console(&arguments).status.success(), "{flags:?}");
    }
}

#[test]
fn the_configuration_is_written_printed_and_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("own/config.toml");
    let file = path.to_str().expect("a path in UTF-8");
    let told = console(&["config", "path", "--config", file]);
    assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), file);
    assert!(
        console(&["config", "init", "--config", file])
            .status
            .success()
    );
    let again = complaint(&["config", "init", "--config", file]);
    assert!(again.contains(file), "{again}");
    let written = std::fs::read_to_string(&path).expect("it was written");
    let printed = console(&["config", "print", "--config", file, "-A", "starved"]);
    let printed = String::from_utf8(printed.stdout).expect("text");
    assert!(written.contains("starved = \"500ms\""), "{written}");
    assert_eq!(
        printed,
        written.replace("starved = \"500ms\"", "starved = false")
    );
    std::fs::write(&path, "[keys]\nquit = 't'\n").expect("it is ours");
    let conflict = complaint(&["config", "print", "--config", file]);
    assert!(
        conflict.contains("the key `t` means show-tasks and quit"),
        "{conflict}"
    );
}

#[test]
fn help_and_version_go_to_stdout_with_exit_code_0() {
    for argument in ["--help", "--version"] {
        let output = console(&[argument]);
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("zokio"));
    }
}

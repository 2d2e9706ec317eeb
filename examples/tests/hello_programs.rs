//! `axum_hello` and `grpc_hello`, run as their users run them.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A server that is killed when the test ends.
struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts it; also the second word of its first line, which says where it is.
    fn start(program: &str, args: &[&str]) -> (Server, String) {
        let mut child = Command::new(program)
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut server = Server { child, output };
        let mut line = String::new();
        server.output.read_line(&mut line).unwrap();
        let place = line.split_whitespace().nth(1).unwrap();
        (server, place.to_owned())
    }

    /// Interrupts it; what it said then, and whether it ended well.
    fn interrupt(mut self) -> (String, bool) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-INT", &id]).status();
        assert!(killed.unwrap().success());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().success())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer to a request, on a connection of its own.
fn http(address: &str, request: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{request} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn axum_hello_answers_counts_and_stops() {
    let program = env!("CARGO_BIN_EXE_axum_hello");
    let (server, place) = Server::start(program, &["--addr", "127.0.0.1:0"]);
    let address = place.trim_start_matches("http://").trim_end_matches('/');
    let answer = http(address, "GET /hello/zokio", "");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nHello, zokio!"), "{answer}");
    let answer = http(address, "POST /echo", "twice");
    assert!(answer.ends_with("\r\n\r\ntwice"), "{answer}");
    let answer = http(address, "GET /visits", "");
    assert!(answer.ends_with("\r\n\r\n3"), "{answer}");
    assert_eq!(server.interrupt(), ("stopped\n".to_owned(), true));
}

/// What a client of the server says and whether it was content.
fn grpc(address: &str, args: &[&str]) -> (String, String, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_grpc_hello"))
        .args(["--addr", address])
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.success(),
    )
}

#[test]
fn grpc_hello_answers_its_own_client_and_stops() {
    let program = env!("CARGO_BIN_EXE_grpc_hello");
    let (server, address) = Server::start(program, &["serve", "--addr", "127.0.0.1:0"]);
    let (said, _, ok) = grpc(&address, &["call", "World"]);
    assert_eq!((said.as_str(), ok), ("Hello, World!\n", true));
    let (said, _, ok) = grpc(&address, &["call", "Ada", "Grace"]);
    assert_eq!((said.as_str(), ok), ("Hello, Ada!\nHello, Grace!\n", true));
    let (said, _, ok) = grpc(&address, &["count-down", "2"]);
    assert_eq!((said.as_str(), ok), ("2\n1\n0\n", true));
    let (said, complaint, ok) = grpc(&address, &["call", ""]);
    assert_eq!((said.as_str(), ok), ("", false));
    assert!(complaint.contains("whom to greet?"), "{complaint}");
    assert_eq!(server.interrupt(), ("stopped\n".to_owned(), true));
    let (_, complaint, ok) = grpc(&address, &["call", "World"]);
    assert!(!ok);
    assert!(complaint.starts_with("error: cannot reach"), "{complaint}");
}

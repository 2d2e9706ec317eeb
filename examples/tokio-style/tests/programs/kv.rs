use std::process::Command;

use tokio::net::TcpStream;
use zokio_examples_tokio_style::frame::{read_frame, write_frame};

use crate::Program;

/// What the program's client prints, and its exit code.
fn client(address: &str, args: &[&str]) -> (String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_kv"))
        .args(["--addr", address])
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (said, output.status.code().unwrap())
}

fn server() -> (Program, String) {
    let program = env!("CARGO_BIN_EXE_kv");
    Program::listening(program, &["serve", "--addr", "127.0.0.1:0"])
}

#[test]
fn values_are_kept_replaced_and_deleted() {
    let (server, address) = server();
    let said = |text: &str, code| (text.to_owned(), code);
    assert_eq!(client(&address, &["get", "a"]), said("", 1));
    assert_eq!(client(&address, &["set", "a", "1"]), said("OK\n", 0));
    assert_eq!(
        client(&address, &["set", "a", "two words"]),
        said("OK\n", 0)
    );
    assert_eq!(client(&address, &["get", "a"]), said("two words\n", 0));
    assert_eq!(client(&address, &["delete", "a"]), said("OK\n", 0));
    assert_eq!(client(&address, &["delete", "a"]), said("", 1));
    assert_eq!(server.interrupt(), ("stopped\n".to_owned(), true));
    assert_eq!(client(&address, &["get", "a"]).1, 2);
}

/// Asks on a connection of the test's.
async fn ask(stream: &mut TcpStream, words: &[&str]) -> Vec<String> {
    write_frame(stream, words).await.unwrap();
    read_frame(stream).await.unwrap().unwrap()
}

#[tokio::test]
async fn value_expires_and_one_that_was_replaced_does_not() {
    let (_server, address) = server();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    // Due long after the test.
    assert_eq!(
        ask(&mut stream, &["SET", "later", "x", "100000"]).await[0],
        "OK"
    );
    assert_eq!(
        ask(&mut stream, &["SET", "short", "x", "20"]).await[0],
        "OK"
    );
    assert_eq!(
        ask(&mut stream, &["SET", "replaced", "x", "20"]).await[0],
        "OK"
    );
    assert_eq!(ask(&mut stream, &["SET", "replaced", "y"]).await[0], "OK");
    // Until it is gone; if it never goes, neither does the test end.
    while ask(&mut stream, &["GET", "short"]).await[0] == "VALUE" {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(&mut stream, &["GET", "replaced"]).await, ["VALUE", "y"]);
    assert_eq!(ask(&mut stream, &["GET", "later"]).await, ["VALUE", "x"]);
}

#[tokio::test]
async fn nonsense_is_answered_and_does_not_end_the_connection() {
    let (_server, address) = server();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    assert_eq!(
        ask(&mut stream, &["SING"]).await,
        ["ERROR", "no such command"]
    );
    let answer = ask(&mut stream, &["SET", "a", "1", "soon"]).await;
    assert_eq!(answer[0], "ERROR");
    assert_eq!(ask(&mut stream, &["GET", "a"]).await[0], "NONE");
}

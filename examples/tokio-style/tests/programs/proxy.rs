use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Program;

/// A proxy to a listener of the test's.
async fn proxy(args: &[&str]) -> (Program, String, TcpListener) {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = target.local_addr().unwrap().to_string();
    let args = [&["--listen", "127.0.0.1:0", &address], args].concat();
    let (program, address) = Program::listening(env!("CARGO_BIN_EXE_proxy"), &args);
    (program, address, target)
}

#[tokio::test]
async fn bytes_and_ends_pass_both_ways_and_are_counted() {
    let (program, address, target) = proxy(&[]).await;
    let mut near = TcpStream::connect(&address).await.unwrap();
    let (mut far, _) = target.accept().await.unwrap();
    near.write_all(b"question").await.unwrap();
    near.shutdown().await.unwrap();
    let mut text = String::new();
    far.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "question");
    // The other half goes on.
    far.write_all(b"the answer").await.unwrap();
    drop(far);
    text.clear();
    near.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "the answer");
    let said = "stopped: 1 connections, 8 bytes up, 10 bytes down\n";
    assert_eq!(program.interrupt(), (said.to_owned(), true));
}

#[tokio::test]
async fn more_connections_than_the_limit_wait_for_one_to_end() {
    let (_program, address, target) = proxy(&["--limit", "1"]).await;
    let first = TcpStream::connect(&address).await.unwrap();
    let (far, _) = target.accept().await.unwrap();
    // In the backlog of the system.
    let mut second = TcpStream::connect(&address).await.unwrap();
    second.write_all(b"second").await.unwrap();
    drop((first, far));
    let (mut far, _) = target.accept().await.unwrap();
    let mut bytes = [0; 6];
    far.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"second");
}

#[tokio::test]
async fn client_of_a_target_that_is_gone_sees_the_end() {
    let (_program, address, target) = proxy(&[]).await;
    drop(target);
    let mut near = TcpStream::connect(&address).await.unwrap();
    assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
}

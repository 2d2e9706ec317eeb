//! tonic's generated service and client, over hyper's HTTP/2.

use tonic::{Code, Request};
use zokio::net::TcpListener;
use zokio::stream::wrappers::ReceiverStream;
use zokio::sync::{mpsc, oneshot};
use zokio_examples::greeter::proto::greeter_client::GreeterClient;
use zokio_examples::greeter::proto::{CountDownRequest, GreetRequest};
use zokio_examples::greeter::{Channel, ConnectError, connect, serve};

/// A client, and what stops its server and tells that it has stopped.
async fn serving() -> (
    GreeterClient<Channel>,
    oneshot::Sender<()>,
    zokio::task::JoinHandle<std::io::Result<()>>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = zokio::spawn(serve(listener, async move {
        let _ = stopped.await;
    }));
    (connect(address).await.unwrap(), stop, server)
}

fn request(name: &str) -> GreetRequest {
    GreetRequest { name: name.into() }
}

#[zokio::test]
async fn one_message_is_answered_by_one() {
    let (mut client, _stop, _server) = serving().await;
    let reply = client.greet(request("World")).await.unwrap();
    assert_eq!(reply.get_ref().text, "Hello, World!");
}

#[zokio::test]
async fn status_of_a_refused_call_reaches_the_client() {
    let (mut client, _stop, _server) = serving().await;
    let status = client.greet(request("")).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "whom to greet?");
}

#[zokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_messages_answer_one() {
    let (mut client, _stop, _server) = serving().await;
    let replies = client.count_down(CountDownRequest { from: 10_000 }).await;
    let mut replies = replies.unwrap().into_inner();
    for left in (0..=10_000).rev() {
        assert_eq!(replies.message().await.unwrap().unwrap().left, left);
    }
    assert!(replies.message().await.unwrap().is_none());
}

#[zokio::test]
async fn messages_go_both_ways_in_turn() {
    let (mut client, _stop, _server) = serving().await;
    let (sender, receiver) = mpsc::channel(1);
    let replies = client.greet_all(Request::new(ReceiverStream::new(receiver)));
    let mut replies = replies.await.unwrap().into_inner();
    for name in ["Ada", "Grace", "Barbara"] {
        sender.send(request(name)).await.unwrap();
        let reply = replies.message().await.unwrap().unwrap();
        assert_eq!(reply.text, format!("Hello, {name}!"));
    }
    drop(sender);
    assert!(replies.message().await.unwrap().is_none());
}

#[zokio::test]
async fn stopping_server_lets_an_open_call_finish() {
    let (mut client, stop, server) = serving().await;
    let (sender, receiver) = mpsc::channel(1);
    let replies = client.greet_all(ReceiverStream::new(receiver)).await;
    let mut replies = replies.unwrap().into_inner();
    stop.send(()).unwrap();
    sender.send(request("Ada")).await.unwrap();
    assert!(replies.message().await.unwrap().is_some());
    assert!(!server.is_finished());
    drop(sender);
    assert!(replies.message().await.unwrap().is_none());
    server.await.unwrap().unwrap();
    assert!(client.greet(request("World")).await.is_err());
}

#[zokio::test]
async fn nobody_at_the_address_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = connect(address).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(to, _) if to == address));
}

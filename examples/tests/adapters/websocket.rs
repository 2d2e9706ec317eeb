//! tokio-tungstenite over a socket, and over a connection that hyper has upgraded.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{SinkExt, Stream};
use http_body_util::Empty;
use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};
use zokio::io::{AsyncRead, AsyncWrite};
use zokio::rt::HyperIo;

use crate::tcp_pair;

async fn next<S>(socket: &mut WebSocketStream<S>) -> Option<Result<Message, Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    poll_fn(|cx| Pin::new(&mut *socket).poll_next(cx)).await
}

/// Sends back what comes, until the peer closes.
async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) {
    while let Some(message) = next(&mut socket).await {
        let message = message.unwrap();
        if message.is_text() || message.is_binary() {
            socket.send(message).await.unwrap();
        }
    }
}

async fn talk_and_close<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) {
    for message in [Message::text("hello"), Message::binary(vec![7; 300_000])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(next(&mut socket).await.unwrap().unwrap(), message);
    }
    socket.send(Message::Ping("?".into())).await.unwrap();
    let pong = next(&mut socket).await.unwrap().unwrap();
    assert_eq!(pong, Message::Pong("?".into()));
    let goodbye = CloseFrame {
        code: CloseCode::Normal,
        reason: "done".into(),
    };
    socket.close(Some(goodbye.clone())).await.unwrap();
    let answer = next(&mut socket).await.unwrap().unwrap();
    assert_eq!(answer, Message::Close(Some(goodbye)));
    assert!(next(&mut socket).await.is_none());
}

#[zokio::test]
async fn messages_travel_over_tcp_until_one_side_closes() {
    let (client, server) = tcp_pair().await;
    let server = zokio::spawn(async move { echo(accept_async(server).await.unwrap()).await });
    let (socket, response) = client_async("ws://localhost/", client).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    talk_and_close(socket).await;
    server.await.unwrap();
}

#[zokio::test]
async fn messages_travel_over_an_upgraded_http_connection() {
    async fn upgrade(
        mut request: Request<hyper::body::Incoming>,
    ) -> Result<Response<Empty<Bytes>>, Infallible> {
        let key = request.headers()[SEC_WEBSOCKET_KEY].clone();
        zokio::spawn(async move {
            let upgraded = HyperIo::new(hyper::upgrade::on(&mut request).await.unwrap());
            echo(WebSocketStream::from_raw_socket(upgraded, Role::Server, None).await).await;
        });
        let mut response = Response::new(Empty::new());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let accept = derive_accept_key(key.as_bytes());
        let headers = response.headers_mut();
        headers.insert(CONNECTION, "upgrade".parse().unwrap());
        headers.insert(UPGRADE, "websocket".parse().unwrap());
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept.parse().unwrap());
        Ok(response)
    }

    let (client, server) = tcp_pair().await;
    let server = zokio::spawn(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(server, service_fn(upgrade))
            .with_upgrades(),
    );
    let (socket, _) = client_async("ws://localhost/chat", client).await.unwrap();
    talk_and_close(socket).await;
    server.await.unwrap().unwrap();
}

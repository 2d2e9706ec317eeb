//! hyper, both versions of HTTP and both sides, and axum.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version, client, server};
use tower_service::Service as _;
use zokio::net::TcpStream;
use zokio::rt::{HyperExecutor, HyperTimer};
use zokio::time::{Instant, sleep};

use crate::tcp_pair;

/// Says what was asked for and what came with it.
async fn describe(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    if head.uri.path() == "/slow" {
        sleep(Duration::from_secs(3600)).await;
    }
    let body = body.collect().await?.to_bytes();
    let text = format!("{} {} {}", head.method, head.uri.path(), body.len());
    Ok(Response::new(Full::new(text.into())))
}

async fn http1_client(stream: TcpStream) -> client::conn::http1::SendRequest<Full<Bytes>> {
    let (requests, connection) = client::conn::http1::handshake(stream).await.unwrap();
    zokio::spawn(connection);
    requests
}

fn request(method: Method, uri: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(uri)
        .header("host", "localhost")
        .body(Full::new(body.into()))
        .unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.into()).unwrap()
}

#[zokio::test]
async fn http1_answers_requests_one_after_the_other_on_one_connection() {
    let (client, server) = tcp_pair().await;
    let server = zokio::spawn(
        server::conn::http1::Builder::new()
            .timer(HyperTimer::new())
            .serve_connection(server, service_fn(describe)),
    );
    let mut requests = http1_client(client).await;
    let large = vec![b'x'; 1_000_000];
    for (request, answer) in [
        (request(Method::GET, "/a", ""), "GET /a 0"),
        (request(Method::POST, "/b", large), "POST /b 1000000"),
    ] {
        let response = requests.send_request(request).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_11);
        assert_eq!(text(response).await, answer);
    }
    drop(requests);
    server.await.unwrap().unwrap();
}

#[zokio::test(start_paused = true)]
async fn http1_server_gives_up_on_a_client_that_sends_no_request() {
    let (client, server) = tcp_pair().await;
    let limit = Duration::from_secs(30);
    let start = Instant::now();
    let error = server::conn::http1::Builder::new()
        .timer(HyperTimer::new())
        .header_read_timeout(limit)
        .serve_connection(server, service_fn(describe))
        .await
        .unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(start.elapsed(), limit);
    drop(client);
}

#[zokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_answers_many_requests_at_once_on_one_connection() {
    let (client, server) = tcp_pair().await;
    let server = zokio::spawn(
        server::conn::http2::Builder::new(HyperExecutor::new())
            .timer(HyperTimer::new())
            .keep_alive_interval(Duration::from_secs(5))
            .serve_connection(server, service_fn(describe)),
    );
    let (requests, connection) = client::conn::http2::Builder::new(HyperExecutor::new())
        .timer(HyperTimer::new())
        .keep_alive_interval(Duration::from_secs(5))
        .handshake(client)
        .await
        .unwrap();
    zokio::spawn(connection);
    let calls: Vec<_> = (0..64)
        .map(|n| {
            let mut requests = requests.clone();
            zokio::spawn(async move {
                let request = request(Method::PUT, &format!("http://localhost/{n}"), vec![0; n]);
                let response = requests.send_request(request).await.unwrap();
                assert_eq!(response.version(), Version::HTTP_2);
                text(response).await
            })
        })
        .collect();
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), format!("PUT /{n} {n}"));
    }
    drop(requests);
    server.await.unwrap().unwrap();
}

#[zokio::test]
async fn http2_request_that_is_dropped_is_cancelled_at_the_server() {
    struct TellsOfItsEnd(zokio::sync::mpsc::UnboundedSender<()>);

    impl Drop for TellsOfItsEnd {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    let (client, server) = tcp_pair().await;
    let (sender, mut ended) = zokio::sync::mpsc::unbounded_channel();
    let (begun, mut has_begun) = zokio::sync::mpsc::unbounded_channel();
    let service = service_fn(move |request| {
        let guard = TellsOfItsEnd(sender.clone());
        begun.send(()).unwrap();
        async move {
            let response = describe(request).await;
            drop(guard);
            response
        }
    });
    zokio::spawn(
        server::conn::http2::Builder::new(HyperExecutor::new()).serve_connection(server, service),
    );
    let (mut requests, connection) = client::conn::http2::handshake(HyperExecutor::new(), client)
        .await
        .unwrap();
    zokio::spawn(connection);
    let never = zokio::spawn(requests.send_request(Request::new(Empty::<Bytes>::new())));
    assert!(never.await.unwrap().is_ok());
    assert_eq!(has_begun.recv().await, Some(()));
    assert_eq!(ended.recv().await, Some(()));

    let slow = Request::get("http://localhost/slow").body(Empty::new());
    let call = zokio::spawn(requests.send_request(slow.unwrap()));
    assert_eq!(has_begun.recv().await, Some(()));
    call.abort();
    assert_eq!(ended.recv().await, Some(()));
}

#[zokio::test]
async fn axum_routes_requests_that_hyper_reads() {
    let app = Router::new()
        .route(
            "/hello/{name}",
            get(|Path(name): Path<String>| async { name }),
        )
        .route("/echo", post(|body: String| async { body }));
    let (client, server) = tcp_pair().await;
    zokio::spawn(
        server::conn::http1::Builder::new()
            .serve_connection(server, service_fn(move |request| app.clone().call(request))),
    );
    let mut requests = http1_client(client).await;
    for (request, status, answer) in [
        (
            request(Method::GET, "/hello/zokio", ""),
            StatusCode::OK,
            "zokio",
        ),
        (
            request(Method::POST, "/echo", "same"),
            StatusCode::OK,
            "same",
        ),
        (
            request(Method::GET, "/echo", ""),
            StatusCode::METHOD_NOT_ALLOWED,
            "",
        ),
        (request(Method::GET, "/none", ""), StatusCode::NOT_FOUND, ""),
    ] {
        let response = requests.send_request(request).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(text(response).await, answer);
    }
}

#[cfg(unix)]
#[zokio::test]
async fn http1_is_served_on_a_unix_socket() {
    let (client, server) = zokio::net::UnixStream::pair().unwrap();
    zokio::spawn(server::conn::http1::Builder::new().serve_connection(
        server,
        service_fn(|_| async {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("unix"))))
        }),
    ));
    let (mut requests, connection) = client::conn::http1::handshake(client).await.unwrap();
    zokio::spawn(connection);
    let response = requests.send_request(request(Method::GET, "/", "")).await;
    assert_eq!(text(response.unwrap()).await, "unix");
}

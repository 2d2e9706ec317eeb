//! tokio-rustls over zokio's sockets, with a certificate made for these tests, and HTTP/2 over that.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName,
};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use zokio::io::{AsyncReadExt, AsyncWriteExt};
use zokio::net::TcpStream;
use zokio::rt::{HyperExecutor, HyperIo, HyperTimer};

use crate::tcp_pair;

// For `localhost`, signed by itself, valid from 2000 to 2099:
// openssl ca -selfsign … -startdate 20000101000000Z -enddate 21000101000000Z
const CERTIFICATE: &[u8] = include_bytes!("localhost.crt.der");
const KEY: &[u8] = include_bytes!("localhost.key.der");

fn acceptor() -> TlsAcceptor {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY));
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Trusts the certificate, or nobody.
fn connector(trusting: bool) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    if trusting {
        roots.add(CertificateDer::from(CERTIFICATE)).unwrap();
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn tls_pair() -> (client::TlsStream<TcpStream>, server::TlsStream<TcpStream>) {
    let (client, server) = tcp_pair().await;
    let name = ServerName::try_from("localhost").unwrap();
    let (connector, acceptor) = (connector(true), acceptor());
    let (client, server) = zokio::join!(connector.connect(name, client), acceptor.accept(server));
    (client.unwrap(), server.unwrap())
}

#[zokio::test]
async fn bytes_travel_encrypted_both_ways_and_the_end_is_announced() {
    let (mut client, mut server) = tls_pair().await;
    let echo = zokio::spawn(async move {
        let mut text = String::new();
        server.read_to_string(&mut text).await.unwrap();
        server
            .write_all(text.to_uppercase().as_bytes())
            .await
            .unwrap();
        server.shutdown().await.unwrap();
    });
    client.write_all(b"hello").await.unwrap();
    client.shutdown().await.unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "HELLO");
    echo.await.unwrap();
}

#[zokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn megabytes_pass_while_both_sides_write() {
    let (client, server) = tls_pair().await;
    let exchange = async |stream| {
        let (mut reading, mut writing) = zokio::io::split(stream);
        let sent = async {
            writing.write_all(&vec![7; 2_000_000]).await.unwrap();
            writing.shutdown().await.unwrap();
        };
        let mut received = Vec::new();
        let (read, ()) = zokio::join!(reading.read_to_end(&mut received), sent);
        read.unwrap()
    };
    let client = exchange(tokio_rustls::TlsStream::from(client));
    let server = exchange(tokio_rustls::TlsStream::from(server));
    assert_eq!(zokio::join!(client, server), (2_000_000, 2_000_000));
}

#[zokio::test]
async fn unknown_certificate_is_refused_and_both_sides_learn_of_it() {
    let (client, server) = tcp_pair().await;
    let name = ServerName::try_from("localhost").unwrap();
    let (connector, acceptor) = (connector(false), acceptor());
    let connecting = async { connector.connect(name, client).await.map(drop) };
    let accepting = async { acceptor.accept(server).await.map(drop) };
    let (client, server) = zokio::join!(connecting, accepting);
    let error = client.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert!(server.is_err());
}

#[zokio::test]
async fn http2_is_served_over_tls() {
    let (client, server) = tls_pair().await;
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    zokio::spawn(async move {
        let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
            Response::builder().body(Full::new(Bytes::from(request.uri().path().to_owned())))
        });
        hyper::server::conn::http2::Builder::new(HyperExecutor::new())
            .timer(HyperTimer::new())
            .serve_connection(HyperIo::new(server), service)
            .await
    });
    let (mut requests, connection) = hyper::client::conn::http2::Builder::new(HyperExecutor::new())
        .timer(HyperTimer::new())
        .handshake(HyperIo::new(client))
        .await
        .unwrap();
    zokio::spawn(connection);
    let request = Request::get("https://localhost/over-tls").body(Empty::<Bytes>::new());
    let response = requests.send_request(request.unwrap()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "/over-tls");
}

//! hyper's HTTP/2 connection over a zokio stream, as the service that tonic's client wants.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use tonic::body::Body;
use tonic::codegen::http::header::AUTHORIZATION;
use tonic::codegen::http::{HeaderValue, Request, Response};
use tower_service::Service;
use zokio::net::{TcpStream, UnixStream};
use zokio::rt::{HyperExecutor, HyperTimer};
use zokio::sync::watch;
use zokio::time::timeout;

use super::tls::Troubles;
use crate::access::Access;
use crate::error::ConsoleError;
use crate::target::Target;

/// What a server may send ahead of a console that does not read: little, because old telemetry is
/// worthless.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 128 * 1024;

/// A peer that has gone without a word is noticed within twice this time.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// After a connection's end its requests fail within this time, if they ever do.
const LAST_ANSWERS: Duration = Duration::from_millis(100);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// One HTTP/2 connection. Clones share it; it closes with the last one.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    requests: SendRequest<Body>,
    /// Closed once the connection has ended. A request that is handed over while the connection
    /// ends can stay in hyper's queue, unanswered, for as long as there is a handle like `requests`.
    ended: watch::Receiver<()>,
    authorization: Option<HeaderValue>,
    pub(super) troubles: Troubles,
}

/// Opens a connection. Does not wait for the server's first word of HTTP: HTTP/2 lets the client
/// speak first.
pub(super) async fn open(target: &Target, access: &Access) -> Result<Channel, ConsoleError> {
    let unreachable = |source| ConsoleError::Unreachable {
        target: target.to_string(),
        source,
    };
    let authorization = access.authorization.clone();
    let ((requests, ended), troubles) = match target {
        Target::Tcp { host, port } => {
            let stream = tcp(host, *port).await.map_err(unreachable)?;
            (handshake(target, stream).await?, Troubles::default())
        }
        Target::Tls { host, port } => {
            let Some(client) = &access.tls else {
                return Err(ConsoleError::Access(format!(
                    "{target} speaks TLS: say whom to trust with --tls-ca FILE"
                )));
            };
            let stream = tcp(host, *port).await.map_err(unreachable)?;
            let (stream, troubles) = client.connect(target, stream).await?;
            let requests = handshake(target, stream).await;
            let requests = requests.map_err(|error| troubles.error(target).unwrap_or(error))?;
            (requests, troubles)
        }
        Target::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(unreachable)?;
            (handshake(target, stream).await?, Troubles::default())
        }
    };
    Ok(Channel {
        requests,
        ended,
        authorization,
        troubles,
    })
}

async fn tcp(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    // Without it only the latency of small requests suffers.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

async fn handshake<S>(
    target: &Target,
    stream: S,
) -> Result<(SendRequest<Body>, watch::Receiver<()>), ConsoleError>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (requests, connection) = Builder::new(HyperExecutor::new())
        .timer(HyperTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .handshake(stream)
        .await
        .map_err(|error| ConsoleError::NotZokio {
            target: target.to_string(),
            what: crate::sanitize::message(&error.to_string()),
        })?;
    let (alive, ended) = watch::channel(());
    // Its error reaches whoever has a request under way.
    zokio::spawn(async move {
        let _ = connection.await;
        drop(alive);
    });
    Ok((requests, ended))
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.requests.poll_ready(cx).map_err(Error::from)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(value) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, value.clone());
        }
        let response = self.requests.send_request(request);
        let mut ended = self.ended.clone();
        Box::pin(async move {
            let mut response = pin!(response);
            zokio::select! {
                response = &mut response => return Ok(response?),
                _ = ended.changed() => {}
            }
            match timeout(LAST_ANSWERS, response).await {
                Ok(response) => Ok(response?),
                Err(_) => Err("the connection has ended".into()),
            }
        })
    }
}

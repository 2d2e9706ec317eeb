//! One connection from its first byte to its end. Whatever goes wrong on it concerns nobody else.
//!
//! ```text
//! accepted ─▶ first bytes ─┬─ TLS handshake ─▶ first bytes ─┬─▶ HTTP/1 ─▶ Router
//!                          └────────────────────────────────┴─▶ HTTP/2 ─▶ Router
//! ```
//!
//! The first path is that of a server with a certificate. A client that speaks to it in the clear is
//! told so in the clear, and nothing else.

use std::fmt::Display;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use zokio::rt::{HyperExecutor, HyperTimer};

use super::Shutdown;
use super::listener::Accepted;
use super::places::Place;
use super::route::Router;
use super::sniff::{Protocol, Sniffed};
use super::visitor::{HARD_MAX_HEADER_BYTES, HARD_MAX_STREAMS, Visitor};
use crate::sampler::Sampler;
use crate::security::Refusal;
use crate::security::peers::Peer;
use crate::security::tls::Acceptor;

/// The time an idle HTTP/1 connection has to begin the next request.
const HTTP1_IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// A silent HTTP/2 client is pinged this often, and dropped if it does not answer for that long.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What may be under way to one client, and from it: live numbers that are not read are stale.
const WINDOW_BYTES: u32 = 64 * 1024;

/// The time that a connection has to be told why it is closed.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Said to who has said nothing, in the simplest protocol.
const TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 36\r\n\
    connection: close\r\n\
    \r\n\
    No request came in time: try again.\n";

/// What connections share.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) router: Arc<Router>,
    pub(super) sampler: Arc<Sampler>,
    pub(super) shutdown: Arc<Shutdown>,
    pub(super) tls: Option<Acceptor>,
}

/// Serves a connection in a task of its own.
pub(super) fn start(stream: Accepted, context: Context, peer: Peer, place: Place) {
    match stream {
        Accepted::Tcp(stream) => drop(zokio::task::spawn(live(stream, context, peer, place))),
        #[cfg(unix)]
        Accepted::Unix(stream) => drop(zokio::task::spawn(live(stream, context, peer, place))),
    }
}

async fn live<S>(stream: S, context: Context, peer: Peer, place: Place)
where
    S: Read + Write + Unpin + Send + 'static,
{
    let place = Arc::new(place);
    zokio::select! {
        () = converse(stream, &context, peer, &place) => {}
        () = place.overdue(LAST_WORD) => {
            tracing::debug!(?peer, "zokio-console: closed a connection that asked for nothing");
        }
    }
}

async fn converse<S>(stream: S, context: &Context, peer: Peer, place: &Arc<Place>)
where
    S: Read + Write + Unpin + Send + 'static,
{
    let mut io = Sniffed::new(stream, Some(Arc::clone(&context.sampler)));
    let Some(protocol) = first_word(&mut io, context, place).await else {
        return;
    };
    let mut visitor = Visitor::new(peer, Arc::clone(place), place.refusal());
    let Some(acceptor) = &context.tls else {
        return serve(io, protocol, context, visitor).await;
    };
    if protocol != Protocol::Tls {
        visitor.refusal = Some(Refusal::NotEncrypted);
        return serve(io, protocol, context, visitor).await;
    }
    let accepted = zokio::select! {
        accepted = zokio::time::timeout_at(place.settle_until, acceptor.accept(io)) => accepted,
        () = context.shutdown.wait() => return,
    };
    match accepted {
        Ok(Ok(stream)) => {
            let mut io = Sniffed::new(stream, None);
            if let Some(protocol) = first_word(&mut io, context, place).await {
                serve(io, protocol, context, visitor).await;
            }
        }
        Ok(Err(error)) => early(&error),
        Err(_) => early(&"the TLS handshake took too long"),
    }
}

/// Waits for the client's first bytes; one that sends none is told that it is too late.
async fn first_word<S>(io: &mut Sniffed<S>, context: &Context, place: &Place) -> Option<Protocol>
where
    S: Read + Write + Unpin,
{
    let sniffed = zokio::select! {
        sniffed = zokio::time::timeout_at(place.settle_until, io.sniff()) => sniffed,
        () = context.shutdown.wait() => return None,
    };
    match sniffed {
        Ok(Ok(protocol)) => Some(protocol),
        Ok(Err(error)) => {
            early(&error);
            None
        }
        Err(_) => {
            if let Err(error) = io.say(TIMED_OUT).await {
                early(&error);
            }
            None
        }
    }
}

/// Answers requests until the client leaves or the server ends.
async fn serve<S>(io: Sniffed<S>, protocol: Protocol, context: &Context, visitor: Visitor)
where
    S: Read + Write + Unpin + Send + 'static,
{
    let mut ended = pin!(context.shutdown.wait());
    let router = Arc::clone(&context.router);
    let visitor = Arc::new(visitor);
    let service = hyper::service::service_fn(move |request| {
        Arc::clone(&router).handle(request, Arc::clone(&visitor))
    });
    let result = match protocol {
        // A client that speaks TLS where there is none gets an answer of HTTP/1: it cannot read it,
        // but its complaint is the usual one for that mistake.
        Protocol::Http1 | Protocol::Tls => {
            let connection = http1::Builder::new()
                .timer(HyperTimer::new())
                .header_read_timeout(HTTP1_IDLE_TIMEOUT)
                .max_buf_size(HARD_MAX_HEADER_BYTES as usize)
                .serve_connection(io, service);
            let mut connection = pin!(connection);
            zokio::select! {
                result = connection.as_mut() => result,
                () = &mut ended => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(HyperExecutor::new())
                .timer(HyperTimer::new())
                .initial_stream_window_size(WINDOW_BYTES)
                .initial_connection_window_size(WINDOW_BYTES)
                .max_send_buf_size(WINDOW_BYTES as usize)
                .max_header_list_size(HARD_MAX_HEADER_BYTES)
                .max_concurrent_streams(HARD_MAX_STREAMS)
                .keep_alive_interval(PING_INTERVAL)
                .keep_alive_timeout(PING_TIMEOUT)
                .serve_connection(io, service);
            let mut connection = pin!(connection);
            zokio::select! {
                result = connection.as_mut() => result,
                () = &mut ended => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
    };
    if let Err(error) = result {
        early(&error);
    }
}

fn early(error: &dyn Display) {
    tracing::debug!(%error, "zokio-console: a connection ended early");
}

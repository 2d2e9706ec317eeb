//! What a request is for: `/metrics`, the gRPC calls of a console, or nothing that is here.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CONNECTION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};
use zokio_console_proto::v1::console_server::ConsoleServer;

use crate::compat::Compat;
use crate::grpc::{self, Service};
use crate::prometheus::{self, Format};
use crate::published::Publisher;
use crate::recorder;
use crate::sampler::Sampler;
use crate::security::{Gate, Refusal};
use crate::server::visitor::Visitor;

const WELCOME: &str = "This is a program on zokio. Watch it with `zokio-console connect`; its \
                       metrics are at /metrics.\n";

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// See the module.
pub(crate) struct Router {
    console: grpc::Server,
    compat: Arc<Compat>,
    /// For `/metrics`, if it is served.
    publisher: Option<Arc<Publisher>>,
    gate: Gate,
}

impl Router {
    pub(crate) fn new(
        sampler: Arc<Sampler>,
        compat: Arc<Compat>,
        publish_interval: Duration,
        publisher: Option<Arc<Publisher>>,
        gate: Gate,
    ) -> Router {
        Router {
            console: Service::server(sampler, publish_interval),
            compat,
            publisher,
            gate,
        }
    }

    /// Answers a request.
    pub(crate) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        visitor: Arc<Visitor>,
    ) -> Result<Response<Body>, Infallible> {
        let (mut head, body) = request.into_parts();
        let (call, judged) = visitor.begin(&head);
        let admitted = match judged {
            Ok(is_paid) => self.gate.admit(&head, visitor.peer, is_paid).await,
            Err(refusal) => Err(refusal),
        };
        let response = match admitted {
            // The calls that need more than reading look for it there.
            Ok(grant) => {
                head.extensions.insert(grant);
                visitor.let_in();
                self.answer(Request::from_parts(head, body)).await?
            }
            Err(refusal) => refused(refusal, &head),
        };
        Ok(response.map(|body| call.until_end_of(body)))
    }

    /// Answers a request that may be made.
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let service = service_of(path);
        let is_console = service == Some(<ConsoleServer<Service> as NamedService>::NAME);
        if is_console || self.compat.serves(service) {
            if head.version != Version::HTTP_2 {
                return Ok(text(
                    StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                    "gRPC needs HTTP/2 (with prior knowledge)\n",
                ));
            }
            let request = Request::from_parts(head, body);
            let answer = if is_console {
                self.console.call(request).await?
            } else {
                self.compat.call(request).await?
            };
            return Ok(advise(answer));
        }
        if is_grpc(&head.headers) {
            return Ok(Status::unimplemented(format!("there is no {path} here")).into_http());
        }
        Ok(match (path, &self.publisher) {
            ("/", _) => only_get(&head.method, || text(StatusCode::OK, WELCOME)),
            ("/metrics", Some(publisher)) => {
                only_get(&head.method, || metrics(publisher, &head.headers))
            }
            _ => text(
                StatusCode::NOT_FOUND,
                "There is nothing here; try /metrics.\n",
            ),
        })
    }
}

fn metrics(publisher: &Publisher, headers: &HeaderMap) -> Response<Body> {
    let accept = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|v| v.to_str().ok());
    let format = Format::negotiate(accept);
    let page = prometheus::page(publisher.now(), recorder::installed(), format);
    let mut response = text(StatusCode::OK, page);
    let content_type = HeaderValue::from_static(format.content_type());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// A refusal as the client can read it.
fn refused(refusal: Refusal, head: &Parts) -> Response<Body> {
    if is_grpc(&head.headers) && head.version == Version::HTTP_2 {
        return Status::new(refusal.code(), refusal.text()).into_http();
    }
    let mut response = text(refusal.status(), format!("{}\n", refusal.text()));
    let headers = response.headers_mut();
    if refusal.status() == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if head.version != Version::HTTP_2 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Says what to do about a message that is too large, which tonic refuses by its numbers alone.
fn advise(answer: Response<Body>) -> Response<Body> {
    match Status::from_header_map(answer.headers()) {
        Some(status) if status.code() == Code::OutOfRange => {
            let advice = "ask for less in one message, such as with a shorter filter";
            Status::out_of_range(format!("{}: {advice}", status.message())).into_http()
        }
        _ => answer,
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|v| v.as_bytes().starts_with(b"application/grpc"))
}

/// The service's name in a path `/service/method`.
fn service_of(path: &str) -> Option<&str> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    (!method.is_empty()).then_some(service)
}

fn only_get(method: &Method, answer: impl FnOnce() -> Response<Body>) -> Response<Body> {
    // hyper leaves the body out for HEAD.
    if method == Method::GET || method == Method::HEAD {
        return answer();
    }
    let mut response = text(
        StatusCode::METHOD_NOT_ALLOWED,
        "Only GET and HEAD work here.\n",
    );
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(body.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, PLAIN);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_told_by_their_whole_name() {
        let console = <ConsoleServer<Service> as NamedService>::NAME;
        assert_eq!(
            service_of("/zokio.console.v1.Console/Describe"),
            Some(console)
        );
        assert_ne!(
            service_of("/zokio.console.v1.ConsoleX/Describe"),
            Some(console)
        );
        assert_eq!(service_of("/metrics"), None);
        assert_eq!(service_of("/x/"), None);
    }
}

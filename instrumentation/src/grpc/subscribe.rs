//! The service as it is called: `Subscribe` by hand, the other calls as they are generated.
//!
//! The generated code encodes each message for each viewer; here viewers that wish the same share the
//! bytes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use prost::Message as _;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::BoxFuture;
use tonic::codegen::tokio_stream::Stream;
use tonic::server::{Grpc, ServerStreamingService};
use tower_service::Service as _;
use zokio_console_proto::v1::console_server::{Console as _, ConsoleServer};
use zokio_console_proto::{MAX_MESSAGE_BYTES, v1};

use super::{MAX_REQUEST_BYTES, Service};
use crate::sampler::{Encoded, Subscription};

const SUBSCRIBE: &str = "/zokio.console.v1.Console/Subscribe";

/// See the module.
#[derive(Clone)]
pub(crate) struct Server {
    service: Arc<Service>,
    generated: ConsoleServer<Service>,
}

impl Server {
    pub(super) fn new(service: Service) -> Server {
        let service = Arc::new(service);
        let generated = ConsoleServer::from_arc(Arc::clone(&service))
            .max_decoding_message_size(MAX_REQUEST_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Server { service, generated }
    }

    /// Answers a call.
    pub(crate) async fn call(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        if request.uri().path() != SUBSCRIBE {
            return self.generated.clone().call(request).await;
        }
        let mut grpc = Grpc::new(Updates)
            .apply_max_message_size_config(Some(MAX_REQUEST_BYTES), Some(MAX_MESSAGE_BYTES));
        let method = Subscribe(Arc::clone(&self.service));
        Ok(grpc.server_streaming(method, request).await)
    }
}

/// The call.
struct Subscribe(Arc<Service>);

impl ServerStreamingService<v1::SubscribeRequest> for Subscribe {
    type Response = Encoded;
    type ResponseStream = EncodedStream;
    type Future = BoxFuture<tonic::Response<EncodedStream>, Status>;

    fn call(&mut self, request: tonic::Request<v1::SubscribeRequest>) -> Self::Future {
        let service = Arc::clone(&self.0);
        Box::pin(async move { Ok(service.subscribe(request).await?.map(EncodedStream)) })
    }
}

/// The messages of a subscription.
struct EncodedStream(Subscription);

impl Stream for EncodedStream {
    type Item = Result<Encoded, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.poll_encoded(cx).map(|next| next.map(Ok))
    }
}

/// Requests are decoded, updates are encoded already.
#[derive(Default)]
struct Updates;

impl Codec for Updates {
    type Encode = Encoded;
    type Decode = v1::SubscribeRequest;
    type Encoder = Updates;
    type Decoder = Updates;

    fn encoder(&mut self) -> Updates {
        Updates
    }

    fn decoder(&mut self) -> Updates {
        Updates
    }
}

impl Encoder for Updates {
    type Item = Encoded;
    type Error = Status;

    fn encode(&mut self, update: Encoded, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        update.put(buf);
        Ok(())
    }
}

impl Decoder for Updates {
    type Item = v1::SubscribeRequest;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let request = v1::SubscribeRequest::decode(buf);
        let request = request.map_err(|error| {
            Status::invalid_argument(format!("the request cannot be read: {error}"))
        })?;
        Ok(Some(request))
    }
}

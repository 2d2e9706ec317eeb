//! Servers for the tests: ours, and others that one might meet at a console's address.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::rt::{ReadBuf, Write};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use tonic::codegen::tokio_stream::Stream;
use tonic::{Request, Response, Status};
use tower_service::Service;
use zokio::net::{TcpListener, TcpStream};
use zokio::rt::{HyperExecutor, HyperTimer};
use zokio::sync::mpsc;
use zokio_console_proto::v1;
use zokio_console_proto::v1::console_server::{Console, ConsoleServer};

use crate::state::fixtures;
use crate::state::model;

/// How a server behaves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    Healthy,
    /// Ends each stream after so many updates.
    EndsAfter(u64),
    /// Speaks another protocol version.
    Major(u32),
    /// Turns everybody away.
    Refuses(&'static str),
    /// Speaks gRPC, but has another service.
    OtherService,
    /// Writes these bytes and hangs up.
    Says(&'static [u8]),
}

/// A server on a port of its own; ends with the runtime.
#[derive(Debug)]
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    asked: Asked,
}

/// The intervals of the subscriptions, in the order in which they came.
type Asked = Arc<Mutex<Vec<Duration>>>;

impl Fake {
    pub(super) async fn start(manner: Manner) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Asked::default();
        let console = FakeConsole {
            manner,
            asked: Arc::clone(&asked),
        };
        zokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                zokio::spawn(serve(stream, console.clone()));
            }
        });
        Fake { address, asked }
    }

    /// How often updates were asked for, subscription by subscription.
    pub(super) fn intervals(&self) -> Vec<Duration> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, console: FakeConsole) {
    let manner = console.manner;
    if let Manner::Says(bytes) = manner {
        let mut first = [0u8; 16];
        let mut buffer = ReadBuf::new(&mut first);
        let _ = std::future::poll_fn(|cx| {
            hyper::rt::Read::poll_read(Pin::new(&mut stream), cx, buffer.unfilled())
        })
        .await;
        let _ = std::future::poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, bytes)).await;
        let _ = std::future::poll_fn(|cx| Pin::new(&mut stream).poll_shutdown(cx)).await;
        return;
    }
    let console = ConsoleServer::new(console);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut console = console.clone();
        async move {
            if matches!(manner, Manner::OtherService) {
                return Ok::<_, Infallible>(Status::unimplemented("").into_http());
            }
            console.call(request).await
        }
    });
    let _ = http2::Builder::new(HyperExecutor::new())
        .timer(HyperTimer::new())
        .serve_connection(stream, service)
        .await;
}

#[derive(Clone)]
struct FakeConsole {
    manner: Manner,
    asked: Asked,
}

/// Messages from a channel.
pub(super) struct Messages<T>(mpsc::Receiver<T>);

impl<T> Stream for Messages<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|update| update.map(Ok))
    }
}

#[tonic::async_trait]
impl Console for FakeConsole {
    async fn describe(
        &self,
        _: Request<v1::DescribeRequest>,
    ) -> Result<Response<v1::DescribeResponse>, Status> {
        match self.manner {
            Manner::Refuses(why) => Err(Status::unauthenticated(why)),
            Manner::Major(major) => Ok(Response::new(v1::DescribeResponse {
                major,
                ..fixtures::describe()
            })),
            _ => Ok(Response::new(fixtures::describe())),
        }
    }

    type SubscribeStream = Messages<v1::Update>;

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Messages<v1::Update>>, Status> {
        let request = request.into_inner();
        let interval = Duration::from_nanos(request.interval_ns);
        self.asked.lock().unwrap().push(interval);
        let asked = request.tasks.unwrap_or_default();
        if asked.filter == "refused" {
            return Err(Status::invalid_argument("not this one"));
        }
        let query = model::Query {
            filter: asked.filter,
            offset: asked.offset,
            limit: asked.limit,
            ..model::Query::default()
        };
        let last = match self.manner {
            Manner::EndsAfter(n) => n,
            _ => u64::MAX,
        };
        let (sender, receiver) = mpsc::channel(1);
        zokio::spawn(async move {
            for step in 0..last {
                if sender.send(fixtures::snapshot(step, &query)).await.is_err() {
                    return;
                }
                zokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Ok(Response::new(Messages(receiver)))
    }

    type BacktracesStream = Messages<v1::TaskBacktrace>;

    async fn backtraces(
        &self,
        request: Request<v1::BacktracesRequest>,
    ) -> Result<Response<Messages<v1::TaskBacktrace>>, Status> {
        let asked = request.into_inner();
        if asked.task_id == 999 {
            return Err(Status::not_found("no such task"));
        }
        let (sender, receiver) = mpsc::channel(1);
        let answer = v1::TaskBacktrace {
            runtime_id: asked.runtime_id,
            task_id: asked.task_id,
            ..Default::default()
        };
        zokio::spawn(async move { sender.send(answer).await });
        Ok(Response::new(Messages(receiver)))
    }

    type TraceStream = tonic::codegen::BoxStream<v1::TraceChunk>;

    /// It is one that does not know the call yet.
    async fn trace(
        &self,
        _: Request<v1::TraceRequest>,
    ) -> Result<Response<Self::TraceStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn task_details(
        &self,
        request: Request<v1::TaskDetailsRequest>,
    ) -> Result<Response<v1::TaskDetailsResponse>, Status> {
        let id = request.into_inner().task_id;
        let query = model::Query {
            limit: 100,
            ..model::Query::default()
        };
        let tasks = fixtures::snapshot(30, &query).runtimes.remove(0).tasks;
        match tasks.into_iter().find(|task| task.id == id) {
            Some(task) => Ok(Response::new(v1::TaskDetailsResponse {
                task: Some(task),
                ..Default::default()
            })),
            None => Err(Status::not_found("no such task")),
        }
    }
}

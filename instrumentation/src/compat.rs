//! The stock `tokio-console`, served on the same port: the gRPC service
//! `rs.tokio.console.instrument.Instrument` as its version 0.1.14 wants it.
//!
//! `tokio-console http://127.0.0.1:6669` shows a program on zokio as it shows one on tokio: tasks
//! with their states, times, wakers, kinds, places and fields, the details of one task, what tasks
//! wait for, pause and resume. Where the two differ:
//!
//! - zokio is looked at, it does not report: each [interval](crate::Builder::publish_interval) there
//!   is a look at what is there, while somebody watches. A task that is born and gone between two
//!   looks is not listed, and one that is gone is shown as it was when last seen.
//! - Resources are known by those who wait for them: there is one for each thing that is waited for,
//!   until some seconds after the last wait. Where it was made is not known, so it shows where it is awaited; a timer is
//!   its own resource. An operation is a task that waits; of its polls only the one that began the
//!   wait is known.
//! - Yielding counts as a self-wake, which in tokio it does not.
//! - The histograms of a task begin when its details are first asked for. Tasks that no worker polls
//!   (blocking work, `block_on`) have none.
//! - "Dropped" counts changes that a slow client was not shown one by one. It has the newest state
//!   all the same.
//! - A pause holds for all clients, and until somebody resumes, as with the stock server. Where
//!   tokens are asked for it takes the control token.
//! - The stock client has neither TLS nor tokens: a server that asks for one of them is for others.
//!
//! The path of an update: [`feed`] looks and makes a [`view`] of [`rows`]; each client's stream
//! ([`updates`]) makes messages ([`wire`]) of how the view differs from the one that the client has.

mod feed;
mod histogram;
mod rows;
mod updates;
mod view;
mod wire;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request as HttpRequest, Response as HttpResponse};
use hyper::body::Incoming;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Request, Response, Status};
use tower_service::Service as _;
use zokio_console_proto::MAX_MESSAGE_BYTES;
use zokio_console_proto::tokio_console::instrument::instrument_server::{
    Instrument, InstrumentServer,
};
use zokio_console_proto::tokio_console::instrument::{
    InstrumentRequest, PauseRequest, PauseResponse, ResumeRequest, ResumeResponse,
    State as Temporalities, StateRequest, TaskDetailsRequest,
};
use zokio_console_proto::tokio_console::tasks::TaskDetails;

use crate::sampler::Sampler;
use crate::security::token::check_control;
use feed::{Feed, Letters, MAX_WATCHERS, Refusal};
use updates::Updates;

/// The largest request that is read.
const MAX_REQUEST_BYTES: usize = 1024;

/// What takes the control token: pausing is felt by all viewers.
const PAUSE: &str = "pause and resume what all viewers see";

/// See the module.
pub(crate) struct Compat {
    feed: Arc<Feed>,
    server: InstrumentServer<Service>,
}

impl Compat {
    pub(crate) fn new(sampler: Arc<Sampler>, interval: Duration) -> Compat {
        let feed = Arc::new(Feed::new(sampler, interval));
        let server = InstrumentServer::new(Service(Arc::clone(&feed)))
            .max_decoding_message_size(MAX_REQUEST_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Compat { feed, server }
    }

    /// Looks whenever a look is due. Does not return.
    pub(crate) async fn run(&self) {
        self.feed.run().await;
    }

    /// A last look for everybody, then the end of all streams.
    pub(crate) fn finish(&self) {
        self.feed.finish();
    }

    /// Whether calls of that service are for this module.
    pub(crate) fn serves(&self, service: Option<&str>) -> bool {
        service == Some(<InstrumentServer<Service> as NamedService>::NAME)
    }

    pub(crate) async fn call(
        &self,
        request: HttpRequest<Incoming>,
    ) -> Result<HttpResponse<Body>, Infallible> {
        self.server.clone().call(request).await
    }
}

struct Service(Arc<Feed>);

#[tonic::async_trait]
impl Instrument for Service {
    type WatchUpdatesStream = Updates;
    type WatchTaskDetailsStream = Letters<TaskDetails>;
    type WatchStateStream = Letters<Temporalities>;

    async fn watch_updates(
        &self,
        _: Request<InstrumentRequest>,
    ) -> Result<Response<Updates>, Status> {
        Ok(Response::new(self.0.watch_updates()?))
    }

    async fn watch_task_details(
        &self,
        request: Request<TaskDetailsRequest>,
    ) -> Result<Response<Letters<TaskDetails>>, Status> {
        let Some(id) = request.into_inner().id else {
            return Err(Status::invalid_argument("the task's id is missing"));
        };
        Ok(Response::new(self.0.watch_details(id.id)?))
    }

    async fn watch_state(
        &self,
        _: Request<StateRequest>,
    ) -> Result<Response<Letters<Temporalities>>, Status> {
        Ok(Response::new(self.0.watch_temporality()?))
    }

    async fn pause(
        &self,
        request: Request<PauseRequest>,
    ) -> Result<Response<PauseResponse>, Status> {
        check_control(&request, PAUSE)?;
        self.0.set_paused(true);
        Ok(Response::new(PauseResponse {}))
    }

    async fn resume(
        &self,
        request: Request<ResumeRequest>,
    ) -> Result<Response<ResumeResponse>, Status> {
        check_control(&request, PAUSE)?;
        self.0.set_paused(false);
        Ok(Response::new(ResumeResponse {}))
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        match refusal {
            Refusal::TooMany => Status::resource_exhausted(format!(
                "{MAX_WATCHERS} clients watch this program already, which is the most: close one \
                 and try again"
            )),
            Refusal::NoSuchTask => {
                Status::not_found("there is no such task: it has finished, or never was")
            }
        }
    }
}

//! The gRPC service `zokio.console.v1.Console`: checks requests and answers them from the sampler.

mod subscribe;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tonic::{Request, Response, Status};
use zokio::telemetry::{now_ns, task_snapshot};
use zokio_console_proto::v1::console_server::Console;
use zokio_console_proto::{MAJOR, MINOR, v1};

use crate::backtraces::{Answers, Backtraces};
use crate::encode;
use crate::flight::{Sending, Tracing};
use crate::nanos::nanos;
use crate::sampler::query::Query;
use crate::sampler::{
    MAX_DEPTH, MAX_VIEWERS, MAX_WINDOWS, MAX_WISHES, Sampler, Subscription, TooMany, Wish,
};
use crate::security::token::check_control;
use crate::tracing_layer;
pub(crate) use subscribe::Server;

/// The largest request that is read.
const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// Runtimes that one subscription may name.
const MAX_RUNTIME_IDS: usize = 64;

/// See the module.
pub(crate) struct Service {
    sampler: Arc<Sampler>,
    publish_interval: Duration,
    backtraces: Backtraces,
    tracing: Tracing,
}

impl Service {
    /// The service, ready to be called.
    pub(crate) fn server(sampler: Arc<Sampler>, publish_interval: Duration) -> Server {
        Server::new(Service {
            sampler,
            publish_interval,
            backtraces: Backtraces::default(),
            tracing: Tracing::default(),
        })
    }
}

#[tonic::async_trait]
impl Console for Service {
    async fn describe(
        &self,
        request: Request<v1::DescribeRequest>,
    ) -> Result<Response<v1::DescribeResponse>, Status> {
        check_version(request.get_ref().major, request.get_ref().minor)?;
        let anchor_clock_ns = now_ns();
        let anchor_unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let samples = self.sampler.runtimes().capture(&[]);
        Ok(Response::new(v1::DescribeResponse {
            major: MAJOR,
            minor: MINOR,
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
            runtime_version: zokio::VERSION.to_owned(),
            process_id: std::process::id(),
            process_name: process_name(),
            anchor_unix_ns: nanos(anchor_unix),
            anchor_clock_ns,
            publish_interval_ns: nanos(self.publish_interval),
            runtimes: samples
                .iter()
                .map(|s| encode::runtime_info(&s.snapshot))
                .collect(),
        }))
    }

    type SubscribeStream = Subscription;

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let request = request.into_inner();
        check_version(request.major, request.minor)?;
        check_runtime_ids(&request.runtime_ids)?;
        let query = Query::new(request.tasks.unwrap_or_default(), request.minor)
            .map_err(Status::invalid_argument)?;
        let query = query.with_waits(request.resources, request.wait_chains);
        let interval = Duration::from_nanos(request.interval_ns);
        let wish = Wish::new(interval, self.publish_interval, request.runtime_ids, query);
        match self.sampler.subscribe(wish) {
            Ok(subscription) => Ok(Response::new(subscription.compact(request.compact))),
            Err(TooMany::Viewers) => Err(Status::resource_exhausted(format!(
                "{MAX_VIEWERS} viewers watch this program already, which is the most: close one \
                 and try again"
            ))),
            Err(TooMany::Wishes) => Err(Status::resource_exhausted(format!(
                "viewers watch this program in {MAX_WISHES} different ways already, which is the \
                 most: ask for the filter, order, rows and interval of one of them, or close one"
            ))),
            Err(TooMany::Depth) => Err(Status::resource_exhausted(format!(
                "too far down: the windows of all viewers together begin at most {MAX_DEPTH} rows \
                 below the first: turn the order round or filter"
            ))),
            Err(TooMany::Rows) => Err(Status::resource_exhausted(format!(
                "the windows of all viewers together have at most {MAX_WINDOWS} rows: ask for \
                 fewer, or close one"
            ))),
        }
    }

    type BacktracesStream = Answers;

    async fn backtraces(
        &self,
        request: Request<v1::BacktracesRequest>,
    ) -> Result<Response<Answers>, Status> {
        // A task that is asked is polled.
        check_control(&request, "ask tasks where they wait, which polls them")?;
        let request = request.into_inner();
        let runtimes = self.sampler.runtimes();
        self.check_runtime(request.runtime_id)?;
        let mut runtimes = runtimes.live();
        runtimes.retain(|(id, _)| request.runtime_id == 0 || *id == request.runtime_id);
        if request.task_id != 0 {
            runtimes.retain(|(_, handle)| task_snapshot(handle, request.task_id).is_some());
            if runtimes.is_empty() {
                return Err(no_task(request.task_id));
            }
        }
        Ok(Response::new(self.backtraces.start(runtimes, &request)?))
    }

    async fn task_details(
        &self,
        request: Request<v1::TaskDetailsRequest>,
    ) -> Result<Response<v1::TaskDetailsResponse>, Status> {
        let v1::TaskDetailsRequest {
            runtime_id,
            task_id,
        } = request.into_inner();
        self.check_runtime(runtime_id)?;
        let runtimes = self.sampler.runtimes();
        let Some(detail) = runtimes.task_detail(runtime_id, task_id) else {
            return Err(no_task(task_id));
        };
        Ok(Response::new(v1::TaskDetailsResponse {
            task: Some(encode::task_details(&detail)),
            poll_time: detail.poll_time.as_ref().map(encode::histogram),
            taken_at_ns: now_ns(),
            events: tracing_layer::events_of(task_id),
        }))
    }

    type TraceStream = Sending;

    async fn trace(&self, request: Request<v1::TraceRequest>) -> Result<Response<Sending>, Status> {
        check_control(&request, "read the flight recorders")?;
        let v1::TraceRequest {
            major,
            minor,
            runtime_ids,
            last_ns,
        } = request.into_inner();
        check_version(major, minor)?;
        check_runtime_ids(&runtime_ids)?;
        let Some(permit) = self.tracing.begin() else {
            return Err(Status::resource_exhausted(
                "another client is reading the flight recorders: try again in a moment",
            ));
        };
        let last = if last_ns == 0 { u64::MAX } else { last_ns };
        let sampler = Arc::clone(&self.sampler);
        let read = zokio::task::spawn_blocking(move || {
            let last = Duration::from_nanos(last);
            sampler.runtimes().recordings(&runtime_ids, last)
        });
        let recordings = read.await.map_err(|_| {
            Status::unavailable("the server is ending, or has no thread to read the recorders on")
        })?;
        Ok(Response::new(Sending::new(recordings, permit)))
    }
}

fn check_runtime_ids(ids: &[u64]) -> Result<(), Status> {
    if ids.len() <= MAX_RUNTIME_IDS {
        return Ok(());
    }
    Err(Status::invalid_argument(format!(
        "{} runtimes are asked for, at most {MAX_RUNTIME_IDS} are allowed: ask for none by id to get \
         all",
        ids.len()
    )))
}

impl Service {
    /// Refuses a runtime that is not there; 0 is all of them.
    fn check_runtime(&self, id: u64) -> Result<(), Status> {
        if id == 0 || self.sampler.runtimes().contains(id) {
            return Ok(());
        }
        Err(Status::not_found(format!("no runtime {id} is attached")))
    }
}

fn no_task(id: u64) -> Status {
    Status::not_found(format!(
        "there is no task {id}: it has finished, or never was"
    ))
}

/// Refuses another major version in words that name both.
fn check_version(major: u32, minor: u32) -> Result<(), Status> {
    if major == MAJOR {
        return Ok(());
    }
    let advice = if major > MAJOR {
        "update zokio-instrumentation in the program, or use an older zokio-console"
    } else {
        "update zokio-console"
    };
    Err(Status::failed_precondition(format!(
        "the client speaks version {major}.{minor} of the console protocol, this program \
         (zokio-instrumentation {}) speaks {MAJOR}.{MINOR}: {advice}",
        env!("CARGO_PKG_VERSION"),
    )))
}

/// The file name of the program.
fn process_name() -> String {
    let path = std::env::current_exe()
        .ok()
        .or_else(|| std::env::args_os().next().map(Into::into));
    let name = path
        .as_deref()
        .and_then(|p| p.file_name())
        .unwrap_or_default();
    encode::clip(without_mark(&name.to_string_lossy()))
}

/// Linux marks the name of a program whose file was replaced since it began, as a new build does.
fn without_mark(name: &str) -> &str {
    match name.strip_suffix(" (deleted)") {
        Some(name) if cfg!(target_os = "linux") => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_program_whose_file_was_replaced_keeps_its_name() {
        assert_eq!(without_mark("server (deleted)"), "server");
        assert_eq!(without_mark("server"), "server");
    }

    #[test]
    fn another_major_version_is_refused_naming_both() {
        assert!(check_version(1, 99).is_ok());
        let newer = check_version(2, 3).unwrap_err();
        assert_eq!(newer.code(), Code::FailedPrecondition);
        assert!(
            newer.message().contains("version 2.3 of"),
            "{}",
            newer.message()
        );
        assert!(
            newer.message().contains(&format!("speaks {MAJOR}.{MINOR}")),
            "{}",
            newer.message()
        );
        assert!(newer.message().contains("update zokio-instrumentation"));
        assert!(
            check_version(0, 0)
                .unwrap_err()
                .message()
                .ends_with("update zokio-console")
        );
    }
}

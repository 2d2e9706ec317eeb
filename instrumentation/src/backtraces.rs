//! Where tasks wait, on request: asks them, names the functions on their stacks, and says what
//! workers execute while tasks do not get their turn.
//!
//! All of it happens on a thread of its own, one a request and few at a time: names take up to
//! seconds the first time, and a runtime that is stuck answers nothing. What it costs the program
//! is bounded: a few tasks are asked at a time ([`zokio::telemetry::backtraces`]), so many in all
//! ([`MAX_TASKS`]), and no longer than [`MAX_TIME`].

mod gather;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use tonic::Status;
use tonic::codegen::tokio_stream::Stream;
use zokio::runtime::Handle;
use zokio::sync::mpsc;
use zokio_console_proto::v1;

/// Most tasks of one request.
const MAX_TASKS: usize = 10_000;

/// The longest that a request is worked at.
const MAX_TIME: Duration = Duration::from_secs(20);

/// A task that has not had its turn after this time, while no other has either, is not waited for.
const PATIENCE: Duration = Duration::from_millis(200);

/// Requests that are worked at at a time.
const MAX_REQUESTS: usize = 2;

/// Answers that wait for a slow client.
const QUEUE: usize = 32;

/// The requests that are worked at.
#[derive(Debug, Default)]
pub(crate) struct Backtraces {
    running: Arc<AtomicUsize>,
}

/// The answers to one request.
#[derive(Debug)]
pub(crate) struct Answers(mpsc::Receiver<v1::TaskBacktrace>);

impl Stream for Answers {
    type Item = Result<v1::TaskBacktrace, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|answer| answer.map(Ok))
    }
}

/// One of the places for requests, given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Backtraces {
    /// Begins to answer for tasks of these runtimes.
    pub(crate) fn start(
        &self,
        runtimes: Vec<(u64, Handle)>,
        request: &v1::BacktracesRequest,
    ) -> Result<Answers, Status> {
        let place = self.place()?;
        let (out, answers) = mpsc::channel(QUEUE);
        let task = (request.task_id != 0).then_some(request.task_id);
        let limit = match request.limit as usize {
            0 => MAX_TASKS,
            limit => limit.min(MAX_TASKS),
        };
        thread::Builder::new()
            .name("zokio-backtrace".to_owned())
            .spawn(move || {
                let _place = place;
                gather::all(&runtimes, task, limit, &out);
            })
            .map_err(|error| {
                Status::unavailable(format!("no thread to ask tasks from: {error}"))
            })?;
        Ok(Answers(answers))
    }

    fn place(&self) -> Result<Place, Status> {
        let place = Place(Arc::clone(&self.running));
        if self.running.fetch_add(1, Ordering::Relaxed) >= MAX_REQUESTS {
            // Dropping the place takes back the addition.
            drop(place);
            return Err(Status::resource_exhausted(format!(
                "{MAX_REQUESTS} requests for backtraces are under way, which is the most: try \
                 again in a moment"
            )));
        }
        Ok(place)
    }
}

//! The connection to one server: connect, describe, subscribe, and again after a loss.
//!
//! [`connect`] is one attempt and ends with the server's answer to `Describe`: only then is it
//! known to be zokio's and of our version. [`run`] keeps a connection up for the interactive
//! console: it reports as [`Action`]s and takes [`Request`]s. A dead HTTP/2 connection never
//! recovers, so every error of a stream leads to a new connection, after a wait that grows from
//! 100 ms to 5 s.
//!
//! Shutdown: dropping the sender of requests ends [`run`]; dropping a [`Session`] closes its
//! connection.

mod backoff;
mod channel;
mod stream;
#[cfg(test)]
mod tests;
#[cfg_attr(not(feature = "tls"), path = "connection/no_tls.rs")]
pub(crate) mod tls;

use std::future::Future;
use std::time::Duration;

use prost::Message as _;
use tonic::{Code, Status, Streaming};
use zokio::sync::mpsc;
use zokio::time::Instant;
use zokio_console_proto::v1::console_client::ConsoleClient;
use zokio_console_proto::{MAJOR, MAX_MESSAGE_BYTES, MINOR, check_major, v1};
use zokio_instrumentation::filter::Filter;

use crate::access::Access;
use crate::action::{Action, DetailsAnswer};
use crate::error::ConsoleError;
use crate::nanos::nanos;
use crate::recording::{Frame, KEYFRAME_UPDATES, Kind, Play};
use crate::sanitize;
use crate::sanitize::lanes::{Collector, MAX_EVENTS};
use crate::state::backtrace::Backtrace;
use crate::state::model::{Query, Server, Update};
use crate::state::timeline::LAST_NS;
use crate::state::timeline::recording::Recording;
use crate::target::Target;
pub(crate) use backoff::Backoff;
use channel::Channel;
use stream::Stream;
use tls::Troubles;

/// Longest wait for an answer: to a connect, to a request, for a first update.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a server may take to find the names of the functions on a stack.
const NAMING_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two updates of what nobody looks at.
const SLOW: Duration = Duration::from_secs(1);

/// Where a server is, and what it takes to get in.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    pub(crate) target: Target,
    pub(crate) access: Access,
}

/// One that lets everybody in.
impl From<Target> for Destination {
    fn from(target: Target) -> Destination {
        Destination {
            target,
            access: Access::default(),
        }
    }
}

/// A connection whose server has described itself.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    client: ConsoleClient<Channel>,
    target: Target,
    troubles: Troubles,
    /// As the server sent it.
    pub(crate) described: v1::DescribeResponse,
    pub(crate) server: Server,
}

/// What the console asks of [`run`].
#[derive(Debug)]
pub(crate) enum Request {
    Subscribe(Query),
    FetchDetails {
        runtime_id: u64,
        task_id: u64,
    },
    FetchBacktrace {
        runtime_id: u64,
        task_id: u64,
    },
    FetchTimeline {
        runtime_id: u64,
    },
    /// For a recording that is being played.
    Play(Play),
}

/// Connects once.
pub(crate) async fn connect(destination: &Destination) -> Result<Session, ConsoleError> {
    let target = &destination.target;
    let channel = in_time(target, channel::open(target, &destination.access)).await??;
    let troubles = channel.troubles.clone();
    let origin = target
        .origin()
        .parse()
        .map_err(|_| ConsoleError::NotZokio {
            target: target.to_string(),
            what: "its address cannot be an origin".into(),
        })?;
    let mut client =
        ConsoleClient::with_origin(channel, origin).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let request = v1::DescribeRequest {
        major: MAJOR,
        minor: MINOR,
    };
    let answer = in_time(target, client.describe(request)).await?;
    let described = answer
        .map_err(|status| {
            let trouble = troubles.error(target);
            trouble.unwrap_or_else(|| not_described(target, &status))
        })?
        .into_inner();
    check_major(described.major).map_err(|source| ConsoleError::OtherVersion {
        target: target.to_string(),
        source,
    })?;
    Ok(Session {
        client,
        target: target.clone(),
        troubles,
        server: sanitize::server(&described),
        described,
    })
}

async fn in_time<T>(target: &Target, future: impl Future<Output = T>) -> Result<T, ConsoleError> {
    zokio::time::timeout(ANSWER_TIMEOUT, future)
        .await
        .map_err(|_| ConsoleError::NoAnswer {
            target: target.to_string(),
            seconds: ANSWER_TIMEOUT.as_secs(),
        })
}

/// What an error says that came instead of the server's description.
fn not_described(target: &Target, status: &Status) -> ConsoleError {
    let target = target.to_string();
    let message = sanitize::message(status.message());
    match status.code() {
        Code::Unimplemented | Code::NotFound => ConsoleError::NotZokio {
            target,
            what: "it speaks gRPC, but not zokio.console; another console's server, perhaps".into(),
        },
        Code::Unauthenticated => ConsoleError::TokenRefused { target, message },
        Code::FailedPrecondition
        | Code::InvalidArgument
        | Code::PermissionDenied
        | Code::ResourceExhausted => ConsoleError::Refused { target, message },
        _ => ConsoleError::NotZokio {
            target,
            what: "it does not answer in gRPC over HTTP/2".into(),
        },
    }
}

/// The query as a request for updates.
pub(crate) fn request(query: &Query, interval: Duration) -> v1::SubscribeRequest {
    v1::SubscribeRequest {
        major: MAJOR,
        minor: MINOR,
        interval_ns: nanos(interval),
        runtime_ids: Vec::new(),
        tasks: Some(sanitize::query(query)),
        resources: query.resources,
        compact: true,
        wait_chains: Some(query.chains),
    }
}

/// Whether an update can be understood without those before it.
pub(crate) fn is_keyframe(update: &v1::Update) -> bool {
    let whole = |runtime: &v1::RuntimeUpdate| runtime.full && !runtime.findings_unchanged;
    update.runtimes.iter().all(whole)
}

impl Session {
    /// Subscribes; each call gives a stream of its own.
    pub(crate) async fn subscribe(
        &mut self,
        request: v1::SubscribeRequest,
    ) -> Result<Stream, ConsoleError> {
        let answer = in_time(&self.target, self.client.subscribe(request)).await?;
        let stream = answer.map_err(|status| self.lost(&status))?.into_inner();
        Ok(Stream::new(stream))
    }

    /// The first update for a query.
    pub(crate) async fn update(&mut self, query: &Query) -> Result<Update, ConsoleError> {
        let mut stream = self.subscribe(request(query, Duration::ZERO)).await?;
        self.next(&mut stream).await
    }

    /// The next update of a subscription.
    pub(crate) async fn next(&self, stream: &mut Stream) -> Result<Update, ConsoleError> {
        match in_time(&self.target, stream.message()).await? {
            Ok(Some(update)) => Ok(sanitize::update(update)),
            Ok(None) => Err(self.ended()),
            Err(status) => Err(self.lost(&status)),
        }
    }

    /// All updates for a query, one an interval.
    pub(crate) async fn updates(
        &mut self,
        query: &Query,
        interval: Duration,
    ) -> Result<Updates, ConsoleError> {
        let stream = self.subscribe(request(query, interval)).await?;
        Ok(Updates {
            stream,
            target: self.target.clone(),
        })
    }

    /// Whether the server understands a filter as it is meant.
    pub(crate) fn check_filter(&self, filter: &str) -> Result<(), ConsoleError> {
        if self.server.knows_filters() || Filter::is_plain(filter) {
            return Ok(());
        }
        Err(ConsoleError::FilterUnknown {
            target: self.target(),
        })
    }

    /// Asks a task where it waits; 0: all tasks, of all runtimes if `runtime_id` is 0.
    pub(crate) async fn backtraces(
        &mut self,
        runtime_id: u64,
        task_id: u64,
    ) -> Result<Streaming<v1::TaskBacktrace>, ConsoleError> {
        let request = v1::BacktracesRequest {
            runtime_id,
            task_id,
            limit: 0,
        };
        let answer = in_time(&self.target, self.client.backtraces(request)).await?;
        Ok(answer
            .map_err(|status| self.not_asked(&status))?
            .into_inner())
    }

    /// The next answer; `None` after the last one. Finding names takes long the first time.
    pub(crate) async fn next_backtrace(
        &self,
        stream: &mut Streaming<v1::TaskBacktrace>,
    ) -> Result<Option<Backtrace>, ConsoleError> {
        match zokio::time::timeout(NAMING_TIMEOUT, stream.message()).await {
            Ok(Ok(answer)) => Ok(answer.map(sanitize::backtrace)),
            Ok(Err(status)) => Err(self.lost(&status)),
            Err(_) => Err(ConsoleError::NoAnswer {
                target: self.target(),
                seconds: NAMING_TIMEOUT.as_secs(),
            }),
        }
    }

    fn not_asked(&self, status: &Status) -> ConsoleError {
        let message = match status.code() {
            Code::Unimplemented => {
                "its zokio-instrumentation is too old to ask tasks where they wait".into()
            }
            Code::NotFound => sanitize::message(status.message()),
            _ => return self.lost(status),
        };
        ConsoleError::Refused {
            target: self.target(),
            message,
        }
    }

    /// What the workers of these runtimes, or of all, did in the time `last` before now, in chunks.
    pub(crate) async fn trace(
        &mut self,
        runtime_ids: Vec<u64>,
        last: Duration,
    ) -> Result<Streaming<v1::TraceChunk>, ConsoleError> {
        let request = v1::TraceRequest {
            major: MAJOR,
            minor: MINOR,
            runtime_ids,
            last_ns: nanos(last),
        };
        let answer = in_time(&self.target, self.client.trace(request)).await?;
        let answer = answer.map_err(|status| match status.code() {
            Code::Unimplemented => ConsoleError::Refused {
                target: self.target.to_string(),
                message: "its zokio-instrumentation is older than this command: update it".into(),
            },
            _ => self.lost(&status),
        });
        Ok(answer?.into_inner())
    }

    /// The next chunk; `None`: that was all.
    pub(crate) async fn next_chunk(
        &self,
        stream: &mut Streaming<v1::TraceChunk>,
    ) -> Result<Option<v1::TraceChunk>, ConsoleError> {
        match in_time(&self.target, stream.message()).await? {
            Ok(chunk) => Ok(chunk.map(sanitize::trace::chunk)),
            Err(status) => Err(self.lost(&status)),
        }
    }

    /// Where it is connected to.
    pub(crate) fn target(&self) -> String {
        self.target.to_string()
    }

    pub(crate) fn lost(&self, status: &Status) -> ConsoleError {
        let trouble = self.troubles.error(&self.target);
        trouble.unwrap_or_else(|| lost(&self.target, status))
    }

    pub(crate) fn ended(&self) -> ConsoleError {
        ended(&self.target)
    }
}

/// The updates of one subscription.
#[derive(Debug)]
pub(crate) struct Updates {
    stream: Stream,
    target: Target,
}

impl Updates {
    /// The next one. The end of the stream is an error.
    pub(crate) async fn next(&mut self) -> Result<Update, ConsoleError> {
        match self.stream.message().await {
            Ok(Some(update)) => Ok(sanitize::update(update)),
            Ok(None) => Err(ended(&self.target)),
            Err(status) => Err(lost(&self.target, &status)),
        }
    }
}

fn lost(target: &Target, status: &Status) -> ConsoleError {
    let target = target.to_string();
    match status.code() {
        Code::Unauthenticated => ConsoleError::TokenRefused {
            target,
            message: sanitize::message(status.message()),
        },
        Code::InvalidArgument | Code::ResourceExhausted | Code::PermissionDenied => {
            ConsoleError::Refused {
                target,
                message: sanitize::message(status.message()),
            }
        }
        _ => ConsoleError::Lost {
            target,
            reason: reason(status),
        },
    }
}

fn ended(target: &Target) -> ConsoleError {
    ConsoleError::Lost {
        target: target.to_string(),
        reason: "the server ended it".into(),
    }
}

/// Why a stream broke, for a reader who has not read hyper.
fn reason(status: &Status) -> String {
    match (status.code(), status.message()) {
        (Code::Unknown | Code::Unavailable | Code::Cancelled | Code::Internal, _) => {
            "the server closed the connection".into()
        }
        (Code::OutOfRange, _) => "the server sent a message over 4 MiB".into(),
        (code, "") => sanitize::message(&format!("{code:?}")),
        (_, message) => sanitize::message(message),
    }
}

/// How updates are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watching {
    pub(crate) interval: Duration,
    /// Report what came over the wire, too, with a whole update each time that this has passed, or
    /// that so many updates have come as a step through the past may decode.
    pub(crate) keep: Option<Duration>,
}

impl Watching {
    /// The query as a request for updates as often as this watches.
    fn request(self, query: &Query) -> v1::SubscribeRequest {
        let interval = if query.slow {
            self.interval.max(SLOW)
        } else {
            self.interval
        };
        request(query, interval)
    }
}

/// Keeps a connection up until the requests end. Starts with `session`, if there is one.
pub(crate) async fn run(
    destination: Destination,
    watching: Watching,
    mut session: Option<Session>,
    mut query: Query,
    mut requests: mpsc::UnboundedReceiver<Request>,
    out: mpsc::Sender<Action>,
) {
    let mut backoff = Backoff::default();
    let mut attempt = 0;
    loop {
        let connected = match session.take() {
            Some(session) => Ok(session),
            None => {
                attempt += 1;
                if out.send(Action::Connecting { attempt }).await.is_err() {
                    return;
                }
                connect(&destination).await
            }
        };
        let (error, connected_before) = match connected {
            Ok(mut session) => {
                let server = Box::new(session.server.clone());
                if out.send(Action::Connected(server)).await.is_err() {
                    return;
                }
                let watched = watch(
                    &mut session,
                    watching,
                    &mut query,
                    &mut requests,
                    &out,
                    &mut backoff,
                )
                .await;
                let Err(error) = watched else { return };
                attempt = 0;
                (error, true)
            }
            Err(error) => (error, false),
        };
        if watching.keep.is_some() && connected_before {
            let reason = in_short(&error).into_bytes();
            heard(&out, Kind::Lost, false, reason).await;
        }
        let wait = backoff.next();
        let lost = Action::Lost {
            reason: in_short(&error),
            retry_in_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        };
        if out.send(lost).await.is_err() || !pause(wait, &mut query, &mut requests).await {
            return;
        }
    }
}

/// The reason without the target and the advice: the status line has the target already, and the
/// advice is to wait.
pub(crate) fn in_short(error: &ConsoleError) -> String {
    match error {
        ConsoleError::Unreachable { source, .. } => format!("nobody listens ({source})"),
        ConsoleError::NoAnswer { .. } => "no answer".into(),
        ConsoleError::NotZokio { .. } => "the server there is not zokio's".into(),
        ConsoleError::OtherVersion { source, .. } => {
            format!(
                "the server there has protocol version {}, not {MAJOR}",
                source.peer
            )
        }
        ConsoleError::Refused { message, .. } | ConsoleError::TokenRefused { message, .. } => {
            format!("refused: {message}")
        }
        ConsoleError::Tls { what, .. } => format!("no TLS connection: {what}"),
        ConsoleError::Lost { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}

/// Waits, with an ear for requests. False: there are no more.
async fn pause(
    wait: Duration,
    query: &mut Query,
    requests: &mut mpsc::UnboundedReceiver<Request>,
) -> bool {
    let until = Instant::now() + wait;
    loop {
        match zokio::time::timeout_at(until, requests.recv()).await {
            Err(_) => return true,
            Ok(None) => return false,
            Ok(Some(Request::Subscribe(new))) => *query = new,
            Ok(Some(
                Request::FetchDetails { .. }
                | Request::FetchBacktrace { .. }
                | Request::FetchTimeline { .. }
                | Request::Play(_),
            )) => {}
        }
    }
}

/// Reports updates until the connection breaks (an error) or the requests end (`Ok`).
async fn watch(
    session: &mut Session,
    watching: Watching,
    query: &mut Query,
    requests: &mut mpsc::UnboundedReceiver<Request>,
    out: &mpsc::Sender<Action>,
    backoff: &mut Backoff,
) -> Result<(), ConsoleError> {
    if watching.keep.is_some() {
        let described = session.described.encode_to_vec();
        heard(out, Kind::Server, false, described).await;
    }
    let mut stream = open(session, watching, query, out).await?;
    let (mut opened, mut updates) = (Instant::now(), 0);
    // Updates that were skipped in the streams before.
    let (mut skipped_before, mut skipped) = (0, 0);
    loop {
        zokio::select! {
            message = stream.message() => match message {
                Ok(Some(mut raw)) => {
                    backoff.reset();
                    skipped = raw.skipped.saturating_add(skipped_before);
                    raw.skipped = skipped;
                    raw.padding.clear();
                    if watching.keep.is_some() {
                        heard(out, Kind::Update, is_keyframe(&raw), raw.encode_to_vec()).await;
                    }
                    let update = Box::new(sanitize::update(raw));
                    if out.send(Action::Update { update, query: query.clone() }).await.is_err() {
                        return Ok(());
                    }
                    updates += 1;
                    let is_time = |interval| {
                        updates >= KEYFRAME_UPDATES || opened.elapsed() >= interval
                    };
                    if watching.keep.is_some_and(is_time) {
                        // A new stream begins with a whole update.
                        stream = session.subscribe(watching.request(query)).await?;
                        (opened, updates, skipped_before) = (Instant::now(), 0, skipped);
                    }
                }
                Ok(None) => return Err(session.ended()),
                Err(status) => return Err(session.lost(&status)),
            },
            request = requests.recv() => match request {
                None => return Ok(()),
                Some(request) => {
                    let mut asked = take(request, session, out);
                    // Keys held down ask faster than a server answers: only the last counts.
                    while let Ok(next) = requests.try_recv() {
                        asked = take(next, session, out).or(asked);
                    }
                    if let Some(asked) = asked {
                        match open(session, watching, &asked, out).await {
                            Ok(new) => {
                                (stream, *query) = (new, asked);
                                (opened, updates, skipped_before) = (Instant::now(), 0, skipped);
                            }
                            Err(ConsoleError::Refused { message, .. }) => {
                                let refused = Action::Refused { message, query: asked };
                                if out.send(refused).await.is_err() {
                                    return Ok(());
                                }
                            }
                            Err(error) => return Err(error),
                        }
                    }
                }
            },
        }
    }
}

/// Subscribes, and reports what is asked for.
async fn open(
    session: &mut Session,
    watching: Watching,
    query: &Query,
    out: &mpsc::Sender<Action>,
) -> Result<Stream, ConsoleError> {
    let request = watching.request(query);
    let stream = session.subscribe(request.clone()).await?;
    if watching.keep.is_some() {
        heard(out, Kind::Request, false, request.encode_to_vec()).await;
    }
    Ok(stream)
}

/// Reports what came over the wire.
async fn heard(out: &mpsc::Sender<Action>, kind: Kind, keyframe: bool, payload: Vec<u8>) {
    // When it came, the state knows. If the console has ended, the next report finds out.
    let frame = Frame::new(0, kind, keyframe, payload);
    let _ = out.send(Action::Heard(frame)).await;
}

/// All that a task answers, or why it does not, in words.
async fn backtrace(
    mut session: Session,
    runtime_id: u64,
    task_id: u64,
) -> Result<Vec<Backtrace>, String> {
    let asked = session.backtraces(runtime_id, task_id).await;
    let mut stream = asked.map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    while let Some(answer) = session
        .next_backtrace(&mut stream)
        .await
        .map_err(|e| e.to_string())?
    {
        all.push(answer);
    }
    Ok(all)
}

/// All that the workers of a runtime did lately, or why that cannot be told, in words.
async fn timeline(mut session: Session, runtime_id: u64) -> Result<Box<Recording>, String> {
    let last = Duration::from_nanos(LAST_NS);
    let asked = session.trace(vec![runtime_id], last).await;
    let mut stream = asked.map_err(|error| error.to_string())?;
    let mut collector = Collector::new(runtime_id, MAX_EVENTS);
    while let Some(chunk) = session
        .next_chunk(&mut stream)
        .await
        .map_err(|error| error.to_string())?
    {
        collector.add(chunk);
    }
    Ok(Box::new(collector.finish()))
}

/// Starts what a request asks for; gives back the query if it was one.
fn take(request: Request, session: &Session, out: &mpsc::Sender<Action>) -> Option<Query> {
    match request {
        Request::Subscribe(query) => Some(query),
        Request::Play(_) => None,
        Request::FetchBacktrace {
            runtime_id,
            task_id,
        } => {
            let (session, out) = (session.clone(), out.clone());
            zokio::spawn(async move {
                let answer = backtrace(session, runtime_id, task_id).await;
                // The console has ended: nobody wants the answer.
                let _ = out
                    .send(Action::Backtrace {
                        runtime_id,
                        task_id,
                        answer,
                    })
                    .await;
            });
            None
        }
        Request::FetchTimeline { runtime_id } => {
            let (session, out) = (session.clone(), out.clone());
            zokio::spawn(async move {
                let answer = timeline(session, runtime_id).await;
                // The console has ended: nobody wants the answer.
                let _ = out.send(Action::Timeline { runtime_id, answer }).await;
            });
            None
        }
        Request::FetchDetails {
            runtime_id,
            task_id,
        } => {
            let client = session.client.clone();
            let out = out.clone();
            zokio::spawn(async move {
                let answer = details(client, runtime_id, task_id).await;
                // The console has ended: nobody wants the answer.
                let _ = out
                    .send(Action::Details {
                        runtime_id,
                        task_id,
                        answer,
                    })
                    .await;
            });
            None
        }
    }
}

async fn details(
    mut client: ConsoleClient<Channel>,
    runtime_id: u64,
    task_id: u64,
) -> DetailsAnswer {
    let request = v1::TaskDetailsRequest {
        runtime_id,
        task_id,
    };
    match zokio::time::timeout(ANSWER_TIMEOUT, client.task_details(request)).await {
        Ok(Ok(answer)) => match sanitize::details(answer.into_inner()) {
            Some(details) => DetailsAnswer::Found(Box::new(details)),
            None => DetailsAnswer::Gone,
        },
        Ok(Err(status)) if status.code() == Code::NotFound => DetailsAnswer::Gone,
        Ok(Err(_)) | Err(_) => DetailsAnswer::Failed,
    }
}

//! What the workers did lately: from the flight recorders to the wire, and to a file that trace
//! viewers read ([`perfetto`]).
//!
//! A recording is encoded chunk by chunk as the client takes it, so a slow client holds one
//! recording and no more; [`Tracing`] lets one be on its way at a time.

pub(crate) mod dumps;
mod perfetto;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tonic::Status;
use tonic::codegen::tokio_stream::Stream;
use zokio::telemetry::{
    FlightEvent, FlightEventKind, FlightRecording, FlightTask, PollEnd, TaskOutcome, WakeSource,
};
use zokio_console_proto::v1;

use crate::encode;
pub use perfetto::Trace;

/// Events in a chunk: at most 60 bytes each.
const CHUNK_EVENTS: usize = 16_384;

/// Tasks in a chunk: at most 2 KiB each.
const CHUNK_TASKS: usize = 1_000;

/// Whether a recording is on its way to a client.
#[derive(Default)]
pub(crate) struct Tracing(Arc<AtomicBool>);

/// Ends it.
pub(crate) struct Permit(Arc<AtomicBool>);

impl Tracing {
    /// Leave to send a recording. `None`: somebody is being sent one.
    pub(crate) fn begin(&self) -> Option<Permit> {
        let taken = self.0.swap(true, Ordering::Relaxed);
        (!taken).then(|| Permit(Arc::clone(&self.0)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The chunks of recordings, as a stream of the server's.
pub(crate) struct Sending {
    chunks: Chunks,
    _permit: Permit,
}

impl Sending {
    pub(crate) fn new(recordings: Vec<FlightRecording>, permit: Permit) -> Sending {
        Sending {
            chunks: Chunks::new(recordings),
            _permit: permit,
        }
    }
}

impl Stream for Sending {
    type Item = Result<v1::TraceChunk, Status>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.get_mut().chunks.next().map(Ok))
    }
}

/// Recordings, encoded bit by bit.
pub(crate) struct Chunks {
    left: std::vec::IntoIter<FlightRecording>,
    current: Option<Cursor>,
}

/// How much of a recording has been encoded.
struct Cursor {
    recording: FlightRecording,
    begun: bool,
    tasks: usize,
    lane: usize,
    /// Of that lane.
    events: usize,
}

impl Chunks {
    pub(crate) fn new(recordings: Vec<FlightRecording>) -> Chunks {
        Chunks {
            left: recordings.into_iter(),
            current: None,
        }
    }
}

impl Iterator for Chunks {
    type Item = v1::TraceChunk;

    fn next(&mut self) -> Option<v1::TraceChunk> {
        loop {
            if let Some(chunk) = self.current.as_mut().and_then(Cursor::chunk) {
                return Some(chunk);
            }
            self.current = Some(Cursor {
                recording: self.left.next()?,
                begun: false,
                tasks: 0,
                lane: 0,
                events: 0,
            });
        }
    }
}

impl Cursor {
    /// The next chunk; `None`: that was all.
    fn chunk(&mut self) -> Option<v1::TraceChunk> {
        let runtime = (!self.begun).then(|| runtime(&self.recording));
        let more_tasks = &self.recording.tasks[self.tasks..];
        let tasks: Vec<_> = more_tasks.iter().take(CHUNK_TASKS).map(task).collect();
        self.tasks += tasks.len();
        let mut events = Vec::new();
        if self.tasks == self.recording.tasks.len() {
            self.take_events(&mut events);
        }
        if self.begun && tasks.is_empty() && events.is_empty() {
            return None;
        }
        self.begun = true;
        Some(v1::TraceChunk {
            runtime_id: self.recording.runtime_id,
            runtime,
            tasks,
            events,
        })
    }

    fn take_events(&mut self, out: &mut Vec<v1::TraceEvents>) {
        let mut room = CHUNK_EVENTS;
        while let Some(lane) = self.recording.lanes.get(self.lane).filter(|_| room > 0) {
            let more = &lane.events[self.events..];
            let taken = &more[..more.len().min(room)];
            if !taken.is_empty() {
                out.push(v1::TraceEvents {
                    worker: lane.worker.into(),
                    events: taken.iter().map(event).collect(),
                });
            }
            room -= taken.len();
            if taken.len() == more.len() {
                (self.lane, self.events) = (self.lane + 1, 0);
            } else {
                self.events += taken.len();
            }
        }
    }
}

fn runtime(recording: &FlightRecording) -> v1::TraceRuntime {
    let lanes = || recording.lanes.iter();
    v1::TraceRuntime {
        name: encode::clip(&recording.runtime_name),
        taken_at_ns: recording.taken_at_ns,
        from_ns: recording.from_ns,
        workers: lanes()
            .map(|lane| v1::TraceWorker {
                index: lane.worker.into(),
                recorded: lane.recorded,
                overwritten: lane.overwritten,
                complete_since_ns: lane.complete_since_ns,
                capacity_bytes: lane.capacity_bytes,
            })
            .collect(),
        events: lanes().map(|lane| lane.events.len() as u64).sum(),
    }
}

fn task(task: &FlightTask) -> v1::TraceTask {
    v1::TraceTask {
        id: task.id,
        name: task.name.as_deref().map(encode::clip).unwrap_or_default(),
        kind: task.kind.map_or(0, |kind| encode::task_kind(kind).into()),
        location: task.location.map(encode::location),
    }
}

fn event(event: &FlightEvent) -> v1::TraceEvent {
    let mut out = v1::TraceEvent {
        at_ns: event.at_ns,
        duration_ns: event.duration_ns,
        task_id: event.kind.task().unwrap_or(0),
        ..v1::TraceEvent::default()
    };
    let by = |out: &mut v1::TraceEvent, by| match by {
        WakeSource::Task(task) => out.by_task_id = task,
        WakeSource::Driver => out.by_driver = true,
        _ => {}
    };
    let kind = match event.kind {
        FlightEventKind::Poll {
            polls,
            from_outside,
            end,
            ..
        } => {
            out.polls = polls;
            out.from_outside = from_outside;
            out.handed_over = end == PollEnd::HandedOver;
            out.under_way = end == PollEnd::UnderWay;
            v1::TraceEventKind::Poll
        }
        FlightEventKind::Wake { by: source, .. } => {
            by(&mut out, source);
            v1::TraceEventKind::Wake
        }
        FlightEventKind::Spawn { by: source, .. } => {
            by(&mut out, source);
            v1::TraceEventKind::Spawn
        }
        FlightEventKind::Complete { outcome, .. } => {
            out.outcome = outcome_of(outcome).into();
            v1::TraceEventKind::Complete
        }
        FlightEventKind::Steal { victim, tasks } => {
            (out.victim, out.stolen_tasks) = (victim.into(), tasks);
            v1::TraceEventKind::Steal
        }
        FlightEventKind::Park {
            io_events,
            timers,
            under_way,
        } => {
            (out.io_events, out.timers, out.under_way) = (io_events, timers, under_way);
            v1::TraceEventKind::Park
        }
        FlightEventKind::Driver { io_events, timers } => {
            (out.io_events, out.timers) = (io_events, timers);
            v1::TraceEventKind::Driver
        }
        _ => v1::TraceEventKind::Unspecified,
    };
    out.kind = kind.into();
    out
}

fn outcome_of(outcome: TaskOutcome) -> v1::TraceOutcome {
    match outcome {
        TaskOutcome::Completed => v1::TraceOutcome::Completed,
        TaskOutcome::Panicked => v1::TraceOutcome::Panicked,
        TaskOutcome::Cancelled => v1::TraceOutcome::Cancelled,
        _ => v1::TraceOutcome::Unspecified,
    }
}

#[cfg(test)]
mod tests;

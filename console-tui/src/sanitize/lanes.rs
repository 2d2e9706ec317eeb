//! Chunks of a recording into lanes for the screen, bounded in memory whatever the server sends.

use zokio_console_proto::v1;

use super::{MAX_WORKERS, location};
use crate::state::timeline::recording::{Cause, How, Lane, Named, Recording, Span, What};

/// Events that are kept, of all workers together.
pub(crate) const MAX_EVENTS: usize = 200_000;
/// Tasks whose names are kept.
const MAX_TASKS: usize = 20_000;

/// One that grows chunk by chunk.
#[derive(Debug)]
pub(crate) struct Collector {
    recording: Recording,
    max_events: usize,
    /// A worker each: the newest events, up to twice as many as will stay.
    events: Vec<Vec<v1::TraceEvent>>,
}

impl Collector {
    pub(crate) fn new(runtime_id: u64, max_events: usize) -> Collector {
        let recording = Recording {
            runtime_id,
            ..Recording::default()
        };
        Collector {
            recording,
            max_events,
            events: Vec::new(),
        }
    }

    /// Takes a chunk whose texts have been looked through. Those of other runtimes are not wanted.
    pub(crate) fn add(&mut self, chunk: v1::TraceChunk) {
        if chunk.runtime_id != self.recording.runtime_id {
            return;
        }
        if let Some(runtime) = chunk.runtime
            && self.events.is_empty()
        {
            self.begin(runtime);
        }
        for task in chunk.tasks {
            if self.recording.tasks.len() < MAX_TASKS {
                let named = Named {
                    name: task.name,
                    location: location(task.location),
                };
                self.recording.tasks.insert(task.id, named);
            }
        }
        for part in chunk.events {
            let lanes = &self.recording.lanes;
            let lane = lanes.iter().position(|lane| lane.worker == part.worker);
            let Some(lane) = lane else {
                self.recording.left_off += part.events.len() as u64;
                continue;
            };
            self.events[lane].extend(part.events);
            if self.events[lane].len() > self.most() * 2 {
                self.shorten(lane);
            }
        }
    }

    fn begin(&mut self, runtime: v1::TraceRuntime) {
        let recording = &mut self.recording;
        recording.name = runtime.name;
        recording.until_ns = runtime.taken_at_ns;
        recording.from_ns = runtime.from_ns.min(runtime.taken_at_ns);
        let workers = runtime.workers.iter().take(MAX_WORKERS);
        recording.lanes = workers
            .map(|worker| Lane {
                worker: worker.index,
                off: worker.capacity_bytes == 0,
                complete_since_ns: if worker.overwritten > 0 {
                    worker.complete_since_ns
                } else {
                    0
                },
                ..Lane::default()
            })
            .collect();
        recording.lanes.sort_by_key(|lane| lane.worker);
        recording.lanes.dedup_by_key(|lane| lane.worker);
        self.events = vec![Vec::new(); recording.lanes.len()];
    }

    /// Events that stay of one worker.
    fn most(&self) -> usize {
        (self.max_events / self.events.len().max(1)).max(1)
    }

    /// Leaves the oldest off.
    fn shorten(&mut self, lane: usize) {
        let events = &mut self.events[lane];
        let most = (self.max_events / self.recording.lanes.len().max(1)).max(1);
        let over = events.len().saturating_sub(most);
        if over > 0 {
            events.drain(..over);
            self.recording.left_off += over as u64;
            let first = events.first().map_or(0, |event| event.at_ns);
            let lane = &mut self.recording.lanes[lane];
            lane.complete_since_ns = lane.complete_since_ns.max(first);
        }
    }

    /// All that came.
    pub(crate) fn finish(mut self) -> Recording {
        for lane in 0..self.events.len() {
            self.shorten(lane);
            let events = std::mem::take(&mut self.events[lane]);
            place(events, lane, &mut self.recording);
        }
        self.recording.causes.sort_unstable();
        self.recording
    }
}

/// Puts a worker's events where they belong.
fn place(events: Vec<v1::TraceEvent>, lane: usize, recording: &mut Recording) {
    let (from, until) = (recording.from_ns, recording.until_ns);
    let lane = &mut recording.lanes[lane];
    for event in events {
        let at_ns = event.at_ns.min(until);
        let cause = |how| Cause {
            task: event.task_id,
            at_ns,
            how,
            worker: lane.worker,
        };
        let by_task = event.by_task_id;
        let what = match event.kind() {
            v1::TraceEventKind::Poll => {
                recording.causes.push(cause(How::Polled));
                What::Poll {
                    task: event.task_id,
                    polls: event.polls,
                    from_outside: event.from_outside,
                }
            }
            v1::TraceEventKind::Park => What::Park,
            v1::TraceEventKind::Driver => What::Driver,
            v1::TraceEventKind::Wake => {
                let by_driver = event.by_driver;
                let how = How::Woken { by_task, by_driver };
                recording.causes.push(cause(how));
                continue;
            }
            v1::TraceEventKind::Spawn => {
                recording.causes.push(cause(How::Spawned { by_task }));
                continue;
            }
            v1::TraceEventKind::Steal => {
                lane.steals.push(at_ns);
                continue;
            }
            v1::TraceEventKind::Complete | v1::TraceEventKind::Unspecified => continue,
        };
        let until_ns = at_ns.saturating_add(event.duration_ns).min(until);
        if until_ns >= from {
            lane.spans.push(Span {
                at_ns,
                until_ns,
                what,
                under_way: event.under_way,
            });
        }
    }
    lane.steals.sort_unstable();
    lane.spans.sort_by_key(|span| span.at_ns);
    // The server sends none that overlap. One that does ends where the next begins.
    let starts: Vec<u64> = lane.spans.iter().skip(1).map(|span| span.at_ns).collect();
    for (span, next) in lane.spans.iter_mut().zip(starts) {
        span.until_ns = span.until_ns.min(next);
    }
}

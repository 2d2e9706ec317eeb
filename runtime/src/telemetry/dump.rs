//! Reading the flight recorder: from rings to plain values.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use super::flight_recorder::*;
use super::ring::{Event, Kind, Recorded};
use super::snapshot::WorkerState;
use super::{Outcome, clock};
use crate::runtime::Handle;
use crate::scheduler::{Remote, Shared};

/// What a worker is in the middle of, since a stamp.
#[derive(Debug, Clone, Copy)]
enum UnderWay {
    Poll(u64, u64),
    Park(u64),
}

/// What the runtime's workers did in the time `last` before now, as far as they remember: see
/// [`Builder::flight_recorder`](crate::runtime::Builder::flight_recorder).
///
/// It stops nobody and can be called anywhere, also after the runtime's end. It takes time in
/// proportion to what is remembered, and to find names a look at each live task: some milliseconds,
/// which are better not taken from a worker. Without telemetry the lanes are empty.
///
/// ```
/// use std::time::Duration;
/// # let runtime = zokio::runtime::Runtime::new()?;
/// runtime.block_on(async { zokio::spawn(async {}).await.unwrap() });
/// let recording = zokio::telemetry::dump(runtime.handle(), Duration::from_secs(1));
/// assert_eq!(recording.lanes.len(), runtime.metrics().num_workers());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn dump(handle: &Handle, last: Duration) -> FlightRecording {
    let shared = &**handle.shared();
    let mut places = BTreeMap::new();
    let last_ns = u64::try_from(last.as_nanos()).unwrap_or(u64::MAX);
    let asked_at_ns = clock::now_ns();
    let from_ns = asked_at_ns.saturating_sub(last_ns);
    let started_ns = clock::stamp_to_ns(shared.started);
    let remotes = shared.remotes.iter().zip(0..);
    let lanes: Vec<FlightLane> = remotes
        .map(|(remote, worker)| {
            let recorded = remote.ring.read();
            // What is read from here on comes after the events.
            fence(Ordering::SeqCst);
            let mut lane = lane(&recorded, under_way(remote), clock::raw(), &mut places);
            lane.worker = worker;
            lane.capacity_bytes = remote.ring.bytes();
            lane.complete_since_ns = lane.complete_since_ns.max(started_ns);
            // Ends of spans grow with their beginnings, and instants lie within spans or between.
            lane.events.retain(|event| event.end_ns() >= from_ns);
            lane
        })
        .collect();
    FlightRecording {
        runtime_id: shared.id.as_u64(),
        runtime_name: shared.name.clone(),
        taken_at_ns: clock::now_ns(),
        from_ns,
        tasks: tasks(shared, &lanes, &places),
        lanes,
    }
}

fn under_way(remote: &Remote) -> Option<UnderWay> {
    match remote.counters.state_since() {
        (WorkerState::Parked, since) => Some(UnderWay::Park(since)),
        _ => {
            let (task, since) = remote.counters.current()?;
            Some(UnderWay::Poll(task, since))
        }
    }
}

type Places = BTreeMap<u64, &'static Location<'static>>;

/// One worker's events, in order, as of `now`. Notes where tasks were spawned.
fn lane(
    recorded: &Recorded,
    under_way: Option<UnderWay>,
    now: u64,
    places: &mut Places,
) -> FlightLane {
    let mut events = Vec::with_capacity(recorded.events.len() + 1);
    let mut free_from = 0;
    let under_way = under_way.filter(|under_way| !has_ended(*under_way, &recorded.events));
    let sources = sources(&recorded.events, under_way);
    for (event, source) in recorded.events.iter().zip(sources) {
        let (Some(kind), at_ns) = (decode(event, source), clock::stamp_to_ns(event.stamp)) else {
            continue;
        };
        if let (Some(location), Some(task)) = (event.location(), kind.task()) {
            places.insert(task, location);
        }
        events.push(if kind.is_span() {
            let end_ns = clock::stamp_to_ns(event.stamp.saturating_add(event.value()));
            span(kind, at_ns, end_ns, &mut free_from)
        } else {
            FlightEvent {
                at_ns,
                duration_ns: 0,
                kind,
            }
        });
    }
    let kept = events.len() as u64;
    let complete_since_ns = events.first().filter(|_| kept < recorded.ever);
    let complete_since_ns = complete_since_ns.map_or(0, FlightEvent::end_ns);
    if let Some((kind, since)) = under_way.map(kind_under_way) {
        let (since_ns, now_ns) = (clock::stamp_to_ns(since), clock::stamp_to_ns(now));
        events.push(span(kind, since_ns, now_ns, &mut free_from));
    }
    // What happened within a poll was recorded before the poll.
    events.sort_by_key(|event| event.at_ns);
    FlightLane {
        worker: 0,
        events,
        recorded: recorded.ever,
        overwritten: recorded.ever - kept,
        complete_since_ns,
        capacity_bytes: 0,
    }
}

/// A span behind all others: clocks of processors may be apart by some ticks when a worker moves to
/// another thread.
fn span(kind: FlightEventKind, at_ns: u64, end_ns: u64, free_from: &mut u64) -> FlightEvent {
    let at_ns = at_ns.max(*free_from);
    let end_ns = end_ns.max(at_ns);
    *free_from = end_ns;
    FlightEvent {
        at_ns,
        duration_ns: end_ns - at_ns,
        kind,
    }
}

/// Whether what seemed to be under way is among the events as ended: a worker shows a task for a
/// moment longer than it polls it.
fn has_ended(under_way: UnderWay, events: &[Event]) -> bool {
    let (UnderWay::Poll(_, since) | UnderWay::Park(since)) = under_way;
    let last = events.iter().rev().find(|event| event.is_span());
    last.is_some_and(|last| since < last.stamp.saturating_add(last.value()))
}

fn kind_under_way(under_way: UnderWay) -> (FlightEventKind, u64) {
    match under_way {
        UnderWay::Poll(task, since) => (
            FlightEventKind::Poll {
                task,
                polls: 1,
                from_outside: false,
                end: PollEnd::UnderWay,
            },
            since,
        ),
        UnderWay::Park(since) => (
            FlightEventKind::Park {
                io_events: 0,
                timers: 0,
                under_way: true,
            },
            since,
        ),
    }
}

/// For each event who was at work when it happened. A poll is recorded when it has ended, behind
/// what happened in it and before all that came after it.
fn sources(events: &[Event], under_way: Option<UnderWay>) -> Vec<WakeSource> {
    // Since when, and who.
    let mut at_work = match under_way {
        Some(UnderWay::Poll(task, since)) => (since, WakeSource::Task(task)),
        _ => (u64::MAX, WakeSource::Other),
    };
    let backwards = events.iter().rev().map(|event| {
        match event.kind() {
            Some(Kind::Poll | Kind::PollFromOutside | Kind::PollHandedOver) => {
                at_work = (event.stamp, WakeSource::Task(event.id));
            }
            Some(Kind::Park | Kind::Driver) => at_work = (u64::MAX, WakeSource::Other),
            _ => {}
        }
        let (since, source) = at_work;
        if event.stamp >= since {
            source
        } else {
            WakeSource::Other
        }
    });
    let mut sources: Vec<WakeSource> = backwards.collect();
    sources.reverse();
    sources
}

fn decode(event: &Event, source: WakeSource) -> Option<FlightEventKind> {
    let task = event.id;
    let poll = |end, from_outside| FlightEventKind::Poll {
        task,
        polls: event.polls(),
        from_outside,
        end,
    };
    let (io_events, timers) = event.turn();
    Some(match event.kind()? {
        Kind::Poll => poll(PollEnd::Ended, false),
        Kind::PollFromOutside => poll(PollEnd::Ended, true),
        Kind::PollHandedOver => poll(PollEnd::HandedOver, false),
        Kind::Wake => FlightEventKind::Wake { task, by: source },
        Kind::WakeByDriver => FlightEventKind::Wake {
            task,
            by: WakeSource::Driver,
        },
        Kind::Spawn => FlightEventKind::Spawn { task, by: source },
        Kind::Complete => FlightEventKind::Complete {
            task,
            outcome: match event.outcome() {
                Outcome::Completed => TaskOutcome::Completed,
                Outcome::Panicked => TaskOutcome::Panicked,
                Outcome::Cancelled => TaskOutcome::Cancelled,
            },
        },
        Kind::Steal => FlightEventKind::Steal {
            victim: event.value() as u16,
            tasks: event.id,
        },
        Kind::Park => FlightEventKind::Park {
            io_events,
            timers,
            under_way: false,
        },
        Kind::Driver => FlightEventKind::Driver { io_events, timers },
    })
}

/// The tasks that occur: what the events tell of them, and what the records of the live ones do.
fn tasks(shared: &Shared, lanes: &[FlightLane], places: &Places) -> Vec<FlightTask> {
    let mut tasks = BTreeMap::new();
    for event in lanes.iter().flat_map(|lane| &lane.events) {
        let by = match event.kind {
            FlightEventKind::Wake { by, .. } | FlightEventKind::Spawn { by, .. } => Some(by),
            _ => None,
        };
        let by = by.and_then(|by| match by {
            WakeSource::Task(task) => Some(task),
            _ => None,
        });
        for id in event.kind.task().into_iter().chain(by) {
            tasks.entry(id).or_insert_with(|| FlightTask {
                id,
                name: None,
                kind: None,
                location: places.get(&id).copied(),
            });
        }
    }
    let records = shared.records();
    for slot in records.slots() {
        if !tasks.contains_key(&records.get(slot).id.get()) {
            continue;
        }
        let Some(pin) = records.pin_live(slot) else {
            continue;
        };
        let record = pin.record();
        if let Some(task) = tasks.get_mut(&record.id.get()) {
            task.name = pin.name();
            task.kind = Some(record.kind());
            task.location = Some(record.location());
        }
    }
    tasks.into_values().collect()
}

#[cfg(all(test, not(zokio_loom)))]
mod tests;

//! Telling of one task: what its record, its cell and its wait notes say of one moment.

use std::collections::{HashMap, HashSet};
use std::panic::Location;
use std::sync::atomic::{Ordering, fence};
use std::thread;
use std::time::Duration;

use super::super::clock;
use super::super::holders::{self, CellView, HeldBy, Known, KnownReader, Taken};
use super::super::origin::Origin;
use super::super::record_table::Pin;
use super::super::snapshot::*;
use super::super::task_record::{Counts, TaskRecord};
use super::super::waits::{NoteIndex, NotePlace, NoteView};
use super::{counts, future_bytes_of};
use crate::scheduler::Shared;
use crate::task::header::NO_WORKER;
use crate::task::state::View;

/// What changes about a task.
struct Seen {
    state: TaskState,
    since: u64,
    counts: Counts,
    /// Wakes that no finished poll has answered.
    pending_wakes: u64,
    /// Clones and drops.
    wakers: (u64, u64),
    /// Stamp of the latest wake that scheduled it.
    woken_at: u64,
}

/// What is needed to tell a task's state and waits.
pub(crate) struct TaskContext<'a> {
    /// One moment for all tasks, so that the eldest has the largest total.
    now: u64,
    /// The polls that were under way right after: task and stamp of the beginning.
    running: Vec<(u64, u64)>,
    shared: &'a Shared,
    notes: &'a Notes,
}

/// What tasks wait for, as far as it was asked for.
#[derive(Default)]
pub(crate) struct Notes {
    index: NoteIndex,
    /// Where it is told who holds or took what is waited for, by resource. It is read with the wait.
    holders: HashMap<u64, Known>,
    /// Who has what is waited for as a reader, by resource.
    readers: HashMap<u64, Vec<KnownReader>>,
}

impl Notes {
    /// Of the tasks that `is_wanted` lets through.
    pub(crate) fn of(is_wanted: impl FnMut(u64) -> bool) -> Notes {
        Notes::in_index(NoteIndex::of(is_wanted))
    }

    /// Of those in an index.
    pub(crate) fn in_index(index: NoteIndex) -> Notes {
        let mut resources: HashSet<u64> = index.views().map(|note| note.resource).collect();
        resources.remove(&0);
        let mut holders = HashMap::new();
        if !resources.is_empty() {
            let known = holders::all().filter(|known| resources.contains(&known.resource));
            holders.extend(known.map(|known| (known.resource, known)));
        }
        let mut readers: HashMap<u64, Vec<KnownReader>> = HashMap::new();
        if index.views().any(|note| note.point.kind() == "rwlock") {
            let known = holders::readers().filter(|known| resources.contains(&known.resource));
            known.for_each(|known| readers.entry(known.resource).or_default().push(known));
        }
        Notes {
            index,
            holders,
            readers,
        }
    }

    /// Those who have a lock for reading now.
    fn readers_of(&self, resource: u64) -> impl Iterator<Item = Taken> {
        let known = self.readers.get(&resource).into_iter().flatten();
        known.filter_map(KnownReader::read)
    }

    /// Who took permits of what the tasks wait for, and who has it for reading.
    pub(crate) fn permits(&self) -> Vec<PermitsSnapshot> {
        let reading = self.readers.keys().filter_map(|&resource| {
            let readers = self.readers_of(resource).take(READERS);
            let acquired_by: Vec<Acquirer> = readers.map(|taken| acquirer(&taken)).collect();
            (!acquired_by.is_empty()).then_some(PermitsSnapshot {
                resource,
                total: None,
                acquired_by,
                latest_holds: false,
            })
        });
        let permits = |(resource, view): (u64, CellView)| PermitsSnapshot {
            resource,
            total: view.total,
            acquired_by: view.takers.iter().map(acquirer).collect(),
            latest_holds: !view.given_back && !view.many && view.total.is_some(),
        };
        let views = self.holders.values();
        views
            .filter_map(|known| Some((known.resource, known.read()?)))
            .filter(|(_, view)| !view.takers.is_empty() || view.total.is_some())
            .map(permits)
            .chain(reading)
            .collect()
    }
}

/// Readers of a lock that are told.
const READERS: usize = 4;

/// Looks at a task that does not hold still. After the first few, others are let run in between. Of one
/// that is stopped between two states, where its numbers do not fit together, the last looks are apart:
/// on a machine with a processor to spare the others are through in no time, while whoever moves the
/// task waits for one.
const MAX_LOOKS: usize = 128;
const EAGER_LOOKS: usize = 8;
const CLOSE_LOOKS: usize = 64;
const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

impl<'a> TaskContext<'a> {
    /// All as of now.
    pub(crate) fn new(shared: &'a Shared, notes: &'a Notes) -> TaskContext<'a> {
        TaskContext::as_of(clock::raw(), shared, notes)
    }

    /// As of a moment that has passed, but for the polls that are under way.
    pub(crate) fn as_of(now: u64, shared: &'a Shared, notes: &'a Notes) -> TaskContext<'a> {
        let workers = shared.remotes.iter();
        TaskContext {
            now,
            running: workers.filter_map(|w| w.counters.current()).collect(),
            shared,
            notes,
        }
    }

    /// The moment, in ticks.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    pub(crate) fn shared(&self) -> &'a Shared {
        self.shared
    }

    /// Since when a worker polls the task, if one did when this was made.
    pub(crate) fn running_since(&self, id: u64) -> Option<u64> {
        let poll = self.running.iter().find(|(task, _)| *task == id);
        poll.map(|(_, since)| *since)
    }

    /// `None`: it has completed since it was pinned.
    pub(crate) fn task(&self, pin: &Pin<'_>) -> Option<TaskSnapshot> {
        let record = pin.record();
        let id = record.id.get();
        let created = record.created.get();
        let seen = self.see(pin);
        if pin.is_retired() {
            return None;
        }
        let (state, since, counts) = (seen.state, seen.since, seen.counts);
        let now = self.now.max(since);
        let current = now.saturating_sub(since);
        let (mut busy, mut scheduled) = (counts.busy, counts.scheduled);
        match state {
            TaskState::Busy => {
                busy += current;
                scheduled += match record.kind() {
                    TaskKind::BlockOn => 0,
                    TaskKind::Blocking => since.saturating_sub(created),
                    _ => since.saturating_sub(seen.woken_at),
                };
            }
            TaskState::Scheduled => scheduled += current,
            TaskState::Idle | TaskState::Done => {}
        }
        let idle = now.saturating_sub(created).saturating_sub(busy + scheduled);
        // Those of its own are counted first: if it is stopped in between for longer than we look, they
        // are told with the others, the next time.
        let wakes = counts.wakes + seen.pending_wakes;
        let header = pin.header();
        let worker = header.map_or(NO_WORKER, |header| header.worker.get());
        // That of a task that was never woken is the stamp of its spawn.
        let woken = header.is_some() && seen.woken_at != created && counts.polls > 0;
        let woken_on = header.map(|header| header.woken_on.get());
        let last_waker = Origin::view(
            record.last_waker(),
            woken_on.filter(|worker| *worker != NO_WORKER),
        );
        Some(TaskSnapshot {
            id,
            name: pin.name(),
            kind: record.kind(),
            state,
            location: record.location(),
            parent: Some(record.parent.get()).filter(|parent| *parent != 0),
            future_bytes: future_bytes_of(pin),
            worker: Some(worker).filter(|worker| *worker != NO_WORKER),
            created_at_ns: clock::stamp_to_ns(created),
            state_since_ns: clock::stamp_to_ns(since),
            polls: counts.polls,
            busy_ns: clock::ticks_to_ns(busy),
            scheduled_ns: clock::ticks_to_ns(scheduled),
            idle_ns: clock::ticks_to_ns(idle),
            longest_poll_ns: clock::ticks_to_ns(counts.longest_poll),
            wakes,
            self_wakes: counts.self_wakes.min(wakes),
            waker_clones: seen.wakers.0,
            waker_drops: seen.wakers.1,
            longest_poll_at_ns: (counts.longest_poll > 0).then(|| record.longest_poll_at_ns()),
            last_wake_ns: woken.then(|| clock::stamp_to_ns(seen.woken_at)),
            last_waker,
            waits: self.waits(id, state, counts.polls as u32),
        })
    }

    /// State, counts and wakers of one moment: put together from two, a task that was woken in
    /// between would seem to wait for ever, idle and without a waker, and one whose poll ended in
    /// between to have spent the time of that poll twice. The last look counts, should the task never
    /// hold still.
    fn see(&self, pin: &Pin<'_>) -> Seen {
        let record = pin.record();
        for looks in 1.. {
            let marks = || {
                let word = pin.header().map(|header| header.state.view_acquire());
                let woken_at = pin.header().map_or(0, |h| h.scheduled_at.get());
                (word, woken_at, record.is_running(), record.stamp())
            };
            let before = marks();
            // Ordering: pairs with the Release fence in `TaskRecord::end_counting`.
            fence(Ordering::Acquire);
            let (word, woken_at, is_running, stamp) = before;
            let polled_since = self.polled_since(pin, word, woken_at, stamp);
            let counts = counts(pin);
            // Ordering: keeps the loads above before those below, as in a sequence lock; pairs with
            // the Release fence in `TaskRecord::begin_to_count`.
            fence(Ordering::Acquire);
            // Between the end of a poll and the task's rest, and between a wake and its stamp, the
            // stamp is later than that of the last wake.
            let is_answered = is_running || polled_since.is_some() || woken_at >= stamp;
            let by_worker = word.is_some() && record.kind() != TaskKind::Blocking;
            let is_moving = by_worker
                && word.is_some_and(|w| w.is_scheduled() && !w.is_cancelled())
                && !is_answered;
            let is_between = stamp == 0 || is_moving;
            let is_stable = !is_between && before == marks();
            let patience = if is_between { MAX_LOOKS } else { CLOSE_LOOKS };
            if !is_stable && looks < patience && !pin.is_retired() {
                if looks > CLOSE_LOOKS {
                    thread::sleep(BETWEEN_LOOKS);
                } else if looks > EAGER_LOOKS {
                    thread::yield_now();
                }
                continue;
            }
            let stamp = if stamp == 0 { self.now } else { stamp };
            let is_scheduled = word.is_some_and(|word| word.is_scheduled());
            // What began since all tasks were looked at is not yet shown, or there would seem to be
            // more polls at a time than workers.
            let id = record.id.get();
            let shown = polled_since.filter(|since| self.running.contains(&(id, *since)));
            let (state, since) = match (is_running, shown) {
                (true, _) => (TaskState::Busy, stamp),
                (false, Some(since)) => (TaskState::Busy, since),
                (false, None) if !by_worker => match record.kind() {
                    TaskKind::Blocking => (TaskState::Scheduled, stamp),
                    _ => (TaskState::Idle, stamp),
                },
                (false, None) if !is_scheduled => (TaskState::Idle, stamp),
                (false, None) if is_answered => (TaskState::Scheduled, woken_at),
                // The wakes in the word may have been counted.
                (false, None) => (TaskState::Scheduled, self.now.max(stamp)),
            };
            let pending = word.filter(|_| is_answered).map_or(0, |word| word.wakes());
            let is_polled = is_running || polled_since.is_some();
            return Seen {
                state,
                since,
                pending_wakes: pending.saturating_sub(spawn_wake(record, &counts, is_polled)),
                wakers: word.map_or((0, 0), |word| wakers(word, &counts)),
                counts,
                woken_at,
            };
        }
        unreachable!("the loop ends by itself")
    }

    /// Since when a worker polls the task, if one does. A worker shows a task for a moment longer
    /// than it polls it: not after the stamp of the poll's end.
    fn polled_since(
        &self,
        pin: &Pin<'_>,
        word: Option<View>,
        woken_at: u64,
        stamp: u64,
    ) -> Option<u64> {
        let header = pin
            .header()
            .filter(|_| word.is_some_and(View::is_scheduled))?;
        let worker = self.shared.remotes.get(usize::from(header.worker.get()))?;
        let (task, since) = worker.counters.current()?;
        (task == header.id && woken_at <= since && stamp <= since).then_some(since)
    }

    fn waits(&self, id: u64, state: TaskState, poll: u32) -> Vec<Wait> {
        if matches!(state, TaskState::Busy | TaskState::Done) {
            return Vec::new();
        }
        let wait = |place: NotePlace| {
            let note = &place.read()?;
            let known = self.notes.holders.get(&note.resource);
            let known = known.and_then(Known::read);
            // Only a writer waits for each reader: one that waits to read is behind a writer, or waits for
            // any of as many readers as there may be.
            let writes = (note.point.kind(), note.point.operation()) == ("rwlock", "write");
            let mut readers = self.notes.readers_of(note.resource);
            let reader = writes.then(|| readers.next()).flatten();
            // Who holds a lock may be the task itself, which has waited for it until now. Its note is
            // cleared before its name is there to be read.
            let still = place.read()?;
            if (still.resource, still.since) != (note.resource, note.since) {
                return None;
            }
            let holder = holder(note, known.as_ref()).or(reader.map(HeldBy::from));
            let is_free = known.is_some_and(|known| !known.is_held);
            Some(Wait {
                kind: note.point.kind(),
                operation: note.point.operation(),
                resource: note.resource,
                count: note.count,
                location: users_place(note.location),
                since_ns: clock::stamp_to_ns(note.since),
                current: note.poll == poll,
                holder: holder.map(|holder| holder.task),
                holder_is_exact: holder.is_some_and(|holder| holder.exact),
                own_waker: note.own_waker,
                held_at: holder.and_then(|holder| users_place(holder.place)),
                created_at: users_place(note.origin),
                capacity: capacity(note),
                used: used(note),
                unclaimed: note.point.kind() == "mutex" && is_free,
            })
        };
        let mut waits: Vec<Wait> = self.notes.index.of_task(id).filter_map(wait).collect();
        let newest = |wait: &Wait| (!wait.current, std::cmp::Reverse(wait.since_ns));
        let order = |wait: &Wait| (newest(wait), rank(wait), wait.kind, wait.resource);
        waits.sort_by_key(order);
        waits
    }
}

/// Of waits that began in one poll, such as those of a `select!`, first those that are more likely to be
/// what the task is there for: somebody's lock or end, then what comes from outside. A timer is there
/// in case that nothing comes.
fn rank(wait: &Wait) -> u8 {
    match wait.kind {
        _ if wait.holder.is_some() => 0,
        "tcp" | "udp" | "unix" | "pipe" | "fd" | "process" | "signal" | "fs" => 1,
        "child stdin" | "child stdout" | "child stderr" => 1,
        "sleep" | "interval" | "timeout" => 3,
        _ => 2,
    }
}

/// The task that can end a wait: who has the lock, or the joined task, whose id is the resource.
fn holder(note: &NoteView, known: Option<&CellView>) -> Option<HeldBy> {
    if note.point.kind() == "join" {
        return Some(HeldBy {
            task: note.resource,
            // Half of the id is lost where addresses have 32 bits.
            exact: usize::BITS == 64,
            place: None,
        });
    }
    let of_lock = matches!(note.point.kind(), "mutex" | "rwlock");
    let of_channel = (note.point.kind(), note.point.operation()) == ("mpsc", "send");
    known?.holder.filter(|_| of_lock || of_channel)
}

fn acquirer(taken: &Taken) -> Acquirer {
    Acquirer {
        task: taken.task,
        location: users_place(taken.place),
        owned: taken.may_move,
    }
}

/// What the resource has room for. A semaphore may have no permits at all, and still it has a bound.
fn capacity(note: &NoteView) -> Option<u64> {
    let bounded = note.capacity != 0 || note.point.kind() == "semaphore";
    bounded.then_some(u64::from(note.capacity))
}

/// How much of its room is taken, as its waiter proves it: see [`Wait::used`].
fn used(note: &NoteView) -> Option<u64> {
    let capacity = capacity(note)?;
    match (note.point.kind(), note.point.operation()) {
        ("mpsc", "send") | ("semaphore", _) | ("duplex", "write") => Some(capacity),
        ("mpsc" | "broadcast", "recv") | ("duplex", "read") => Some(0),
        _ => None,
    }
}

fn users_place(place: Option<&'static Location<'static>>) -> Option<&'static Location<'static>> {
    place.filter(|place| !is_library(place))
}

/// Whether a place is in the standard library (a future polled through `&mut`) or in this crate (a
/// future polled through `dyn Future`): it does not say where the user waits.
fn is_library(place: &Location<'_>) -> bool {
    let this_crate = file!().trim_end_matches("telemetry/capture/context.rs");
    place.file().starts_with("/rustc/") || place.file().starts_with(this_crate)
}

/// Of the wakes in the word: the spawn counts as one until the first poll has ended.
fn spawn_wake(record: &TaskRecord, counts: &Counts, is_polled: bool) -> u64 {
    let unpolled = counts.polls == 0 || record.stamp() == record.created.get();
    let in_first = counts.polls == 1 && is_polled;
    u64::from(unpolled || in_first)
}

/// Waker clones and drops so far.
fn wakers(word: View, counts: &Counts) -> (u64, u64) {
    let clones = counts.waker_clones + word.clones();
    (clones, clones.saturating_sub(word.wakers()))
}

//! Taking a snapshot: from counters, records and notes to plain values.
//!
//! Order matters for the books to close. Finished tasks' totals are read before the live tasks'
//! records: a task that completes in between is missing from this snapshot's sums, never counted
//! twice. On a runtime at rest the sums are exact.

use std::collections::{HashMap, HashSet};
use std::panic::Location;
use std::sync::atomic::{Ordering, fence};
use std::thread;
use std::time::Duration;

use super::holders::{self, CellView, HeldBy, Taken};
use super::origin::Origin;
use super::record_table::Pin;
use super::sites::SiteTimesTotal;
use super::snapshot::*;
use super::task_record::{Counts, TaskRecord};
use super::waits::{self, NoteView};
use super::{SharedSites, SiteTotals, backlog, calibrate, clock};
use crate::runtime::Handle;
use crate::scheduler::Shared;
use crate::task::header::{Header, NO_WORKER};
use crate::task::state::View;

/// Totals of tasks.
pub(crate) struct TaskCounts {
    pub(crate) spawned: u64,
    /// Of the spawned and of the finished: what was never in a worker's queue.
    unqueued: u64,
    unqueued_finished: u64,
    pub(crate) finished: u64,
    pub(crate) panicked: u64,
    pub(crate) cancelled: u64,
}

impl TaskCounts {
    pub(crate) fn alive(&self) -> u64 {
        self.spawned.saturating_sub(self.finished)
    }

    /// Tasks ever spawned that workers run: without blocking work.
    pub(crate) fn workers_spawned(&self) -> u64 {
        self.spawned.saturating_sub(self.unqueued)
    }

    /// Of those, the ones that are alive.
    pub(crate) fn workers_alive(&self) -> u64 {
        let finished = self.finished.saturating_sub(self.unqueued_finished);
        self.workers_spawned().saturating_sub(finished)
    }
}

impl Snapshot {
    /// The runtime at this moment. Stops nobody; costs time in proportion to the live tasks.
    pub fn capture(handle: &Handle) -> Snapshot {
        Snapshot::capture_with(handle, CaptureOptions::new())
    }

    /// As [`capture`](Snapshot::capture), with options.
    pub fn capture_with(handle: &Handle, options: CaptureOptions) -> Snapshot {
        let shared = &**handle.shared();
        // Finished before live, see above.
        let finished = options.spawn_sites.then(|| finished_by_site(shared));
        let counts = Snapshot::task_counts(handle);
        let workers = worker_snapshots(shared);
        let longest_polls = longest_polls(shared);
        let (spawn_sites, tasks, permits) = live_tasks(shared, finished, options.tasks);
        let (driver, timers) = handle.driver().snapshot();
        Snapshot {
            runtime_id: shared.id.as_u64(),
            name: shared.name.clone(),
            flavor: shared.flavor,
            ended: shared.has_ended(),
            taken_at_ns: clock::now_ns(),
            started_at_ns: clock::stamp_to_ns(shared.started),
            workers,
            polls_elsewhere: shared.elsewhere.polls.get(),
            spawn_sites,
            tasks,
            longest_polls,
            permits,
            backlogs: backlog::all(),
            injector_depth: shared.injector_depth() as u64,
            alive_tasks: counts.alive(),
            spawned_tasks: counts.spawned,
            completed_tasks: counts.finished,
            panicked_tasks: counts.panicked,
            cancelled_tasks: counts.cancelled,
            blocking: shared.blocking.snapshot(),
            driver,
            timers,
            overhead: overhead(shared),
        }
    }

    /// How many tasks there are and were.
    pub(crate) fn task_counts(handle: &Handle) -> TaskCounts {
        let shared = &**handle.shared();
        let elsewhere = &shared.elsewhere.finished;
        // Finished before spawned: a task is never finished without having been spawned.
        let mut counts = TaskCounts {
            spawned: 0,
            unqueued: 0,
            unqueued_finished: 0,
            finished: elsewhere.all.get(),
            panicked: elsewhere.panicked.get(),
            cancelled: elsewhere.cancelled.get(),
        };
        for remote in &shared.remotes {
            counts.finished += remote.finished.all.get();
            counts.panicked += remote.finished.panicked.get();
            counts.cancelled += remote.finished.cancelled.get();
        }
        counts.unqueued_finished = shared.elsewhere.unqueued_finished.get();
        counts.unqueued = shared.elsewhere.unqueued.get();
        counts.spawned = counts.unqueued + shared.elsewhere.spawned.get();
        counts.spawned += shared
            .remotes
            .iter()
            .map(|r| r.counters.local_spawns.get())
            .sum::<u64>();
        counts
    }
}

/// One live task of a runtime, with its own histograms of poll times and of waits for its turn from
/// the first call on.
pub fn task_detail(handle: &Handle, id: u64) -> Option<TaskDetail> {
    let shared = &**handle.shared();
    let pin = pin_task(shared, id)?;
    let (poll_time, wake_to_poll) = pin
        .watch()
        .map(|watched| (watched.poll_time, watched.wake_to_poll))
        .unzip();
    let context = TaskContext::new(shared, true);
    let task = context.task(&pin)?;
    // One record at a time is pinned.
    drop(pin);
    let waker = task.last_waker.and_then(|waker| waker.task);
    let (children, children_count) = children(shared, &context, id);
    Some(TaskDetail {
        task,
        poll_time,
        wake_to_poll,
        children,
        children_count,
        last_waker_name: waker.and_then(|id| pin_task(shared, id)?.name()),
    })
}

/// The eldest live tasks that a task has spawned, and how many there are in all.
fn children(shared: &Shared, context: &TaskContext, id: u64) -> (Vec<TaskSnapshot>, u64) {
    const MOST: usize = 32;
    let records = shared.records();
    let of_task = |slot: &u32| records.get(*slot).parent.get() == id && records.is_live(*slot);
    let mut children: Vec<_> = records
        .slots()
        .filter(of_task)
        .map(|slot| (records.get(slot).id.get(), slot))
        .collect();
    let count = children.len() as u64;
    children.sort_unstable();
    let child = |(child, slot): (u64, u32)| {
        let pin = records.pin_live(slot)?;
        context.task(&pin).filter(|task| task.id == child)
    };
    let eldest = children.into_iter().filter_map(child).take(MOST);
    (eldest.collect(), count)
}

/// One live task of a runtime.
pub fn task_snapshot(handle: &Handle, id: u64) -> Option<TaskSnapshot> {
    let shared = &**handle.shared();
    let pin = pin_task(shared, id)?;
    TaskContext::new(shared, true).task(&pin)
}

pub(super) fn pin_task(shared: &Shared, id: u64) -> Option<Pin<'_>> {
    let records = shared.records();
    let slot = records
        .slots()
        .find(|slot| records.get(*slot).id.get() == id)?;
    records
        .pin_live(slot)
        .filter(|pin| pin.record().id.get() == id)
}

/// The spawn sites, with the finished tasks' totals as they were before, the live tasks, and who took
/// permits that these wait for, as far as they are wanted.
fn live_tasks(
    shared: &Shared,
    finished: Option<SharedSites>,
    with_tasks: bool,
) -> (
    Vec<SpawnSiteSnapshot>,
    Vec<TaskSnapshot>,
    Vec<PermitsSnapshot>,
) {
    let with_sites = finished.is_some();
    let mut sites = finished.unwrap_or_default();
    let mut alive_by_site: HashMap<_, u64> = HashMap::new();
    let mut tasks = Vec::new();
    if !with_sites && !with_tasks {
        return (Vec::new(), tasks, Vec::new());
    }
    let context = TaskContext::new(shared, with_tasks);
    for slot in shared.records().slots() {
        let Some(pin) = shared.records().pin_live(slot) else {
            continue;
        };
        let record = pin.record();
        if with_sites && record.kind() != TaskKind::BlockOn {
            *alive_by_site.entry(record.location()).or_default() += 1;
            sites
                .entry(record.location())
                .or_default()
                .add(&live_totals(&pin));
        }
        if with_tasks {
            tasks.extend(context.task(&pin));
        }
    }
    let spawn_sites = match with_sites {
        true => told_of_sites(shared, sites, &alive_by_site),
        false => Vec::new(),
    };
    (spawn_sites, tasks, context.permits())
}

/// What is told of the sites: never less than before. What has just been read lacks the tasks that
/// completed between the two reads, so what was told before may be nearer to the truth.
fn told_of_sites(
    shared: &Shared,
    read: SharedSites,
    alive_by_site: &HashMap<&'static Location<'static>, u64>,
) -> Vec<SpawnSiteSnapshot> {
    let alive = |location: &_| alive_by_site.get(location).copied().unwrap_or(0);
    let mut told = shared.elsewhere.told_of_sites.lock();
    for (location, mut totals) in read {
        totals.finished += alive(location);
        told.entry(location).or_default().raise_to(&totals);
    }
    let mut times: HashMap<_, SiteTimesTotal> = HashMap::new();
    for remote in &shared.remotes {
        remote.sites.collect_times(&mut times);
    }
    let site = |(location, totals): (&&'static Location<'static>, &SiteTotals)| {
        let times = times.remove(location).unwrap_or_default();
        SpawnSiteSnapshot {
            location,
            spawned: totals.finished,
            alive: alive(location),
            polls: totals.polls,
            busy_ns: clock::ticks_to_ns(totals.busy),
            scheduled_ns: clock::ticks_to_ns(totals.scheduled),
            panicked: totals.panicked,
            cancelled: totals.cancelled,
            poll_time: times.poll_time,
            wake_to_poll: times.wake_to_poll,
            longest_poll_ns: clock::ticks_to_ns(totals.longest_poll).max(times.longest.0),
            longest_poll_end: Some(times.longest)
                .filter(|(ns, ..)| *ns > 0)
                .map(|(_, ended_at, task)| (clock::stamp_to_ns(ended_at), task)),
            long_polls: times.long_polls,
            slow_polls: times.slow_polls,
            delayed_others_ns: times.delayed_ns,
            future_bytes: totals.future_bytes,
        }
    };
    let mut spawn_sites: Vec<SpawnSiteSnapshot> = told.iter().map(site).collect();
    drop(told);
    spawn_sites.sort_by_key(|site| site.location);
    spawn_sites
}

fn finished_by_site(shared: &Shared) -> SharedSites {
    let mut sites = shared.elsewhere.sites.lock().clone();
    shared
        .remotes
        .iter()
        .for_each(|remote| remote.sites.collect(&mut sites));
    sites
}

/// What has been counted of a task; one that is in its first poll has been polled once.
fn counts(pin: &Pin<'_>) -> Counts {
    let mut counts = pin.record().counts();
    let polled = |header: &Header| header.worker.get() != NO_WORKER;
    if counts.polls == 0 && pin.header().is_some_and(polled) {
        counts.polls = 1;
    }
    counts
}

fn live_totals(pin: &Pin<'_>) -> SiteTotals {
    let counts = counts(pin);
    SiteTotals {
        polls: counts.polls,
        busy: counts.busy,
        scheduled: counts.scheduled,
        longest_poll: counts.longest_poll,
        future_bytes: future_bytes(pin).unwrap_or(0),
        ..SiteTotals::default()
    }
}

fn future_bytes(pin: &Pin<'_>) -> Option<u64> {
    pin.header()
        .map(|header| header.vtable.future_bytes() as u64)
}

/// The longest polls of all workers, the longest first.
fn longest_polls(shared: &Shared) -> Vec<LongestPoll> {
    let of_worker =
        |(remote, index): (&crate::scheduler::Remote, u16)| remote.counters.longest_polls(index);
    let mut polls: Vec<_> = shared.remotes.iter().zip(0..).flat_map(of_worker).collect();
    polls.sort_by_key(|poll| std::cmp::Reverse(poll.duration_ns));
    polls
}

fn worker_snapshots(shared: &Shared) -> Vec<WorkerSnapshot> {
    let remotes = &shared.remotes;
    let snapshot = |(index, remote): (usize, &crate::scheduler::Remote)| {
        let mut worker = remote.counters.snapshot(index as u16);
        worker.queue_depth = remote.queue_depth();
        worker.remote_wakes = remotes
            .iter()
            .map(|other| other.counters.remote_wakes_of[index].get())
            .sum();
        worker
    };
    remotes.iter().enumerate().map(snapshot).collect()
}

fn overhead(shared: &Shared) -> OverheadSnapshot {
    let costs = calibrate();
    OverheadSnapshot {
        enabled: true,
        poll_overhead_ns: costs.poll_overhead_ns,
        clock_read_ns: costs.clock_read_ns,
        record_bytes: shared.records().bytes(),
        unattributed_events: super::unattributed(),
    }
}

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
struct TaskContext<'a> {
    /// One moment for all tasks, so that the eldest has the largest total.
    now: u64,
    /// The polls that were under way right after: task and stamp of the beginning.
    running: Vec<(u64, u64)>,
    shared: &'a Shared,
    notes: HashMap<u64, Vec<NoteView>>,
    /// Who holds or took what is waited for, by resource.
    holders: HashMap<u64, CellView>,
}

/// Looks at a task that does not hold still. After the first few, others are let run in between. Of one
/// that is stopped between two states, where its numbers do not fit together, the last looks are apart:
/// on a machine with a processor to spare the others are through in no time, while whoever moves the
/// task waits for one.
const MAX_LOOKS: usize = 128;
const EAGER_LOOKS: usize = 8;
const CLOSE_LOOKS: usize = 64;
const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

impl<'a> TaskContext<'a> {
    fn new(shared: &'a Shared, with_notes: bool) -> TaskContext<'a> {
        let mut notes: HashMap<u64, Vec<NoteView>> = HashMap::new();
        let mut held_by = HashMap::new();
        if with_notes {
            waits::for_each(|note| notes.entry(note.task).or_default().push(note));
            holders::for_each(|resource, view| {
                held_by.insert(resource, view);
            });
        }
        let now = clock::raw();
        let workers = shared.remotes.iter();
        TaskContext {
            now,
            running: workers.filter_map(|w| w.counters.current()).collect(),
            shared,
            notes,
            holders: held_by,
        }
    }

    /// `None`: it has completed since it was pinned.
    fn task(&self, pin: &Pin<'_>) -> Option<TaskSnapshot> {
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
            future_bytes: future_bytes(pin),
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
        let Some(notes) = self.notes.get(&id) else {
            return Vec::new();
        };
        let wait = |note: &NoteView| {
            let holder = self.holder(note);
            Wait {
                kind: note.point.kind(),
                operation: note.point.operation(),
                resource: note.resource,
                count: note.count,
                location: users_place(note.location),
                since_ns: clock::stamp_to_ns(note.since),
                current: note.poll == poll,
                holder: holder.map(|holder| holder.task),
                holder_is_exact: holder.is_some_and(|holder| holder.exact),
                held_at: holder.and_then(|holder| users_place(holder.place)),
                created_at: users_place(note.origin),
                capacity: capacity(note),
                used: used(note),
            }
        };
        let mut waits: Vec<Wait> = notes.iter().map(wait).collect();
        waits.sort_by_key(|wait| (!wait.current, std::cmp::Reverse(wait.since_ns)));
        waits
    }

    /// The task that can end a wait: who has the lock, or the joined task, whose id is the resource.
    fn holder(&self, note: &NoteView) -> Option<HeldBy> {
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
        let view = self.holders.get(&note.resource)?;
        view.holder.filter(|_| of_lock || of_channel)
    }

    /// Who took permits of what the tasks seen wait for.
    fn permits(&self) -> Vec<PermitsSnapshot> {
        let waited_for: HashSet<u64> = self
            .notes
            .values()
            .flatten()
            .map(|note| note.resource)
            .collect();
        let permits = |(resource, view): (&u64, &CellView)| PermitsSnapshot {
            resource: *resource,
            total: view.total,
            acquired_by: view.takers.iter().map(acquirer).collect(),
            latest_holds: !view.given_back && !view.many && view.total.is_some(),
        };
        self.holders
            .iter()
            .filter(|(resource, view)| {
                let tells = !view.takers.is_empty() || view.total.is_some();
                tells && waited_for.contains(resource)
            })
            .map(permits)
            .collect()
    }
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
    let this_crate = file!().trim_end_matches("telemetry/capture.rs");
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

//! Taking a snapshot: from counters, records and notes to plain values.
//!
//! Order matters for the books to close. Finished tasks' totals are read before the live tasks'
//! records: a task that completes in between is missing from this snapshot's sums, never counted
//! twice. On a runtime at rest the sums are exact.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::{Ordering, fence};

use super::holders::{self, HeldBy};
use super::record_table::Pin;
use super::snapshot::*;
use super::task_record::Counts;
use super::waits::{self, NoteView};
use super::{SharedSites, SiteTotals, calibrate, clock};
use crate::runtime::Handle;
use crate::scheduler::Shared;
use crate::task::header::{Header, NO_WORKER};

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
        let (spawn_sites, tasks) = live_tasks(shared, finished, options.tasks);
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
    Some(TaskDetail {
        task: TaskContext::new(shared, true).task(&pin),
        poll_time,
        wake_to_poll,
    })
}

/// One live task of a runtime.
pub fn task_snapshot(handle: &Handle, id: u64) -> Option<TaskSnapshot> {
    let shared = &**handle.shared();
    let pin = pin_task(shared, id)?;
    Some(TaskContext::new(shared, true).task(&pin))
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

/// The spawn sites, with the finished tasks' totals as they were before, and the live tasks, as far as
/// they are wanted.
fn live_tasks(
    shared: &Shared,
    finished: Option<SharedSites>,
    with_tasks: bool,
) -> (Vec<SpawnSiteSnapshot>, Vec<TaskSnapshot>) {
    let with_sites = finished.is_some();
    let mut sites = finished.unwrap_or_default();
    let mut alive_by_site: HashMap<_, u64> = HashMap::new();
    let mut tasks = Vec::new();
    if !with_sites && !with_tasks {
        return (Vec::new(), tasks);
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
            tasks.push(context.task(&pin));
        }
    }
    let site = |(location, totals): (_, SiteTotals)| {
        let alive = alive_by_site.get(location).copied().unwrap_or(0);
        SpawnSiteSnapshot {
            location,
            spawned: totals.finished + alive,
            alive,
            polls: totals.polls,
            busy_ns: clock::ticks_to_ns(totals.busy),
            scheduled_ns: clock::ticks_to_ns(totals.scheduled),
            panicked: totals.panicked,
            cancelled: totals.cancelled,
        }
    };
    let mut spawn_sites: Vec<SpawnSiteSnapshot> = sites.into_iter().map(site).collect();
    spawn_sites.sort_by_key(|site| site.location);
    (spawn_sites, tasks)
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
        ..SiteTotals::default()
    }
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
    /// Clones, drops, and wakes that no finished poll has answered.
    wakers: (u64, u64, u64),
}

/// What is needed to tell a task's state and waits.
struct TaskContext {
    /// One moment for all tasks, so that the eldest has the largest total.
    now: u64,
    /// Tasks being polled, with the stamp of their poll's beginning.
    running: HashMap<u64, u64>,
    notes: HashMap<u64, Vec<NoteView>>,
    /// Who holds the locks that are waited for, by resource.
    holders: HashMap<u64, HeldBy>,
}

impl TaskContext {
    fn new(shared: &Shared, with_notes: bool) -> TaskContext {
        let mut notes: HashMap<u64, Vec<NoteView>> = HashMap::new();
        let mut held_by = HashMap::new();
        if with_notes {
            waits::for_each(|note| notes.entry(note.task).or_default().push(note));
            holders::for_each(|resource, holder| {
                held_by.insert(resource, holder);
            });
        }
        let running = shared
            .remotes
            .iter()
            .filter_map(|r| r.counters.current())
            .collect();
        TaskContext {
            now: clock::raw(),
            running,
            notes,
            holders: held_by,
        }
    }

    fn task(&self, pin: &Pin<'_>) -> TaskSnapshot {
        let record = pin.record();
        let id = record.id.get();
        let created = record.created.get();
        let Seen {
            state,
            since,
            counts,
            wakers: (waker_clones, waker_drops, pending_wakes),
        } = self.see(pin, id);
        let now = self.now.max(since);
        let current = now.saturating_sub(since);
        let (mut busy, mut scheduled) = (counts.busy, counts.scheduled);
        match state {
            TaskState::Busy => {
                busy += current;
                if record.counts().polls == 0 {
                    // In its first poll; before it, it was scheduled.
                    scheduled = since.saturating_sub(created);
                }
            }
            TaskState::Scheduled => scheduled += current,
            TaskState::Idle | TaskState::Done => {}
        }
        let idle = now.saturating_sub(created).saturating_sub(busy + scheduled);
        let header = pin.header();
        let worker = header.map_or(NO_WORKER, |header| header.worker.get());
        // That of a task that was never woken is the stamp of its spawn.
        let last_wake = header.map(|header| header.scheduled_at.get());
        let last_wake = last_wake.filter(|at| *at != created && counts.polls > 0);
        TaskSnapshot {
            id,
            name: pin.name(),
            kind: record.kind(),
            state,
            location: record.location(),
            parent: Some(record.parent.get()).filter(|parent| *parent != 0),
            future_bytes: header.map(|header| header.vtable.future_bytes() as u64),
            worker: Some(worker).filter(|worker| *worker != NO_WORKER),
            created_at_ns: clock::stamp_to_ns(created),
            state_since_ns: clock::stamp_to_ns(since),
            polls: counts.polls,
            busy_ns: clock::ticks_to_ns(busy),
            scheduled_ns: clock::ticks_to_ns(scheduled),
            idle_ns: clock::ticks_to_ns(idle),
            longest_poll_ns: clock::ticks_to_ns(counts.longest_poll),
            wakes: counts.wakes + pending_wakes,
            self_wakes: counts.self_wakes,
            waker_clones,
            waker_drops,
            last_wake_ns: last_wake.map(clock::stamp_to_ns),
            waits: self.waits(id, state, counts.polls as u32),
        }
    }

    /// State and wakers of one moment: put together from two, a task that was woken in between
    /// would seem to wait for ever, idle and without a waker. After some tries with a task that
    /// does not hold still, of two.
    fn see(&self, pin: &Pin<'_>, id: u64) -> Seen {
        let word = || pin.header().map(|header| header.state.view_acquire());
        let mut tries = 0..8;
        loop {
            let before = word();
            let (state, since) = self.state(pin, id);
            let counts = counts(pin);
            let wakers = wakers(pin, state, &counts);
            // Ordering: keeps the loads above before the one below, as in a sequence lock.
            fence(Ordering::Acquire);
            if before == word() || tries.next().is_none() {
                return Seen {
                    state,
                    since,
                    counts,
                    wakers,
                };
            }
        }
    }

    /// A task's state and the stamp of its beginning.
    fn state(&self, pin: &Pin<'_>, id: u64) -> (TaskState, u64) {
        let record = pin.record();
        let by_worker = matches!(record.kind(), TaskKind::Task | TaskKind::Local);
        let Some(cell) = pin.header().filter(|_| by_worker) else {
            let state = match (record.is_running(), record.kind()) {
                (true, _) => TaskState::Busy,
                (false, TaskKind::Blocking) => TaskState::Scheduled,
                (false, _) => TaskState::Idle,
            };
            return (state, record.counts().since);
        };
        if record.is_running() {
            return (TaskState::Busy, record.counts().since);
        }
        let view = cell.state.view_acquire();
        if !view.is_scheduled() {
            return (TaskState::Idle, record.counts().since);
        }
        let at = cell.scheduled_at.get();
        // A worker shows a task for a moment longer than it polls it.
        match self.running.get(&id).filter(|since| at <= **since) {
            Some(since) => (TaskState::Busy, *since),
            // The stamp follows the wake: it is not older than the end of the last poll.
            None => (TaskState::Scheduled, at.max(record.counts().since)),
        }
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
                location: note.location.filter(|place| !is_library(place)),
                since_ns: clock::stamp_to_ns(note.since),
                current: note.poll == poll,
                holder: holder.map(|holder| holder.task),
                holder_is_exact: holder.is_some_and(|holder| holder.exact),
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
            });
        }
        self.holders.get(&note.resource).copied()
    }
}

/// Whether a place is in the standard library (a future polled through `&mut`) or in this crate (a
/// future polled through `dyn Future`): it does not say where the user waits.
fn is_library(place: &Location<'_>) -> bool {
    let this_crate = file!().trim_end_matches("telemetry/capture.rs");
    place.file().starts_with("/rustc/") || place.file().starts_with(this_crate)
}

/// Waker clones and drops so far, and wakes that no finished poll has answered yet.
fn wakers(pin: &Pin<'_>, state: TaskState, counts: &Counts) -> (u64, u64, u64) {
    let Some(cell) = pin.header() else {
        return (0, 0, 0);
    };
    let view = cell.state.view();
    let clones = counts.waker_clones + view.clones();
    let drops = clones.saturating_sub(view.wakers());
    // The spawn counts as a wake in the word until the first poll has ended.
    let first = counts.polls == 1 && state == TaskState::Busy;
    let spawn = u64::from(counts.polls == 0 || first);
    (clones, drops, view.wakes().saturating_sub(spawn))
}
